//! What is due.

use super::call::{Call, json};
use super::parameter::{Form, Param};
use super::route::{Access, Handled, Route};
use axum::http::Method;
use loggia_app::Error;
use loggia_app::access::policy::Action;
use loggia_app::estate::agenda::DueLine;
use loggia_model::Ref;
use schemars::JsonSchema;
use serde::Serialize;

/// The routes.
pub fn routes() -> Vec<Route> {
    let team = Param::query("team", Form::Text(200, None), "Of this team; of all of yours when absent.");
    vec![
        Route::new(Method::GET, "/api/v1/due", "listDue", Access::May(Action::Read), |call| Box::pin(due(call)))
            .does("Lists what is due: what somebody asks of you, what waits for your team, and what that waits for.")
            .takes([team])
            .gives::<Agenda>(200, "What is over first stands first."),
    ]
}

/// What is due.
#[derive(Serialize, JsonSchema)]
pub struct Agenda {
    /// What is over first stands first.
    pub items: Vec<DueLine>,
}

async fn due(call: Call) -> Handled {
    let teams = match call.given.text("team") {
        Some(team) => {
            let mend = "Give ?team=booking.";
            let named = Ref::parse(team, Some("group"), "default");
            let named =
                named.map_err(|_| Error::invalid("due.team", "team", "This is not the name of a team", mend))?;
            call.app().record(&call.caller, &named)?;
            vec![named]
        }
        None => call.caller.teams.clone(),
    };
    json(&Agenda { items: call.app().due(&call.caller, &teams).await? })
}
