//! Checks: what each says of each thing, and who may differ.

use super::call::{Call, json, outcome};
use super::parameter::{Form, Param};
use super::route::{Access, Handled, Handler, Route};
use axum::http::{Method, StatusCode};
use loggia_app::Error;
use loggia_app::access::differ::Differ;
use loggia_app::access::policy::Action;
use loggia_app::checks::{CheckLine, CheckView, Exempt, LaunchList};
use loggia_model::{Day, Ref};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The routes.
pub fn routes() -> Vec<Route> {
    let get = |path, id, handler: Handler| Route::new(Method::GET, path, id, Access::May(Action::Read), handler);
    let team = || Param::query("team", Form::Text(200, None), "Only the things of this team.");
    vec![
        get("/api/v1/checks:overview", "listChecks", |call| Box::pin(overview(call)))
            .does("Lists checks with how many things pass, fail, have time left, may differ, or are unknown.")
            .takes([team(), Param::query("all", Form::Flag, "Also those that are no standards.")])
            .gives::<Checks>(200, "Standards, by title."),
        get("/api/v1/checks/{namespace}/{name}/state", "getCheck", |call| Box::pin(state(call)))
            .does("Tells what a check says of each thing and of each team, and what to do.")
            .takes([team()])
            .gives::<CheckView>(200, "What fails stands first."),
        get("/api/v1/products/{namespace}/{name}/launch", "getLaunchLists", |call| Box::pin(launch(call)))
            .does("Tells what holds up releases of the offerings of a product: each check of their launch lists, and what to do.")
            .gives::<LaunchLists>(200, "By offering."),
        Route::new(
            Method::POST,
            "/api/v1/checks/{namespace}/{name}:exempt",
            "exemptFromCheck",
            Access::May(Action::Apply),
            |call| Box::pin(exempt(call)),
        )
        .does("Lets a team differ until a day, with one of its things or all of them.")
        .body::<ExemptThing>()
        .gives::<Exempted>(200, "Who may differ now.")
        .fails([422]),
    ]
}

/// Checks.
#[derive(Serialize, JsonSchema)]
pub struct Checks {
    /// Standards, by title.
    pub items: Vec<CheckLine>,
}

/// Launch lists.
#[derive(Serialize, JsonSchema)]
pub struct LaunchLists {
    /// By offering; those without one are left out.
    pub items: Vec<LaunchList>,
}

/// Who may differ.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExemptThing {
    /// The team, as `booking` or `group:default/booking`.
    #[schemars(length(min = 1, max = 200))]
    team: String,
    /// One of its things only, such as `instance:booking/orders.dev`.
    #[schemars(length(min = 1, max = 200))]
    thing: Option<String>,
    /// The day on which it ends.
    until: Day,
    /// Why, in one sentence.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

/// Who may differ now.
#[derive(Serialize, JsonSchema)]
pub struct Exempted {
    /// The check.
    pub check: Ref,
    /// The team.
    pub team: Ref,
    /// The day on which it ends.
    pub until: Day,
}

/// A name that a request gives.
///
/// # Errors
/// [`Error::Invalid`] for what is no name.
pub fn name_in(text: &str, kind: &str, field: &str) -> Result<Ref, Error> {
    let mend = "Write it as `booking`, or with its kind before it.";
    Ref::parse(text, Some(kind), "default").map_err(|_| Error::invalid("reference", field, "This is no name", mend))
}

fn team_of(call: &Call) -> Result<Option<Ref>, Error> {
    let Some(team) = call.given.text("team") else { return Ok(None) };
    let team = name_in(team, "group", "team")?;
    call.app().record(&call.caller, &team)?;
    Ok(Some(team))
}

async fn launch(call: Call) -> Handled {
    let product = Ref::new("product", call.segment("namespace"), call.segment("name"));
    json(&LaunchLists { items: call.app().launch_lists(&call.caller, &product).await? })
}

async fn overview(call: Call) -> Handled {
    let team = team_of(&call)?;
    json(&Checks { items: call.app().checks(&call.caller, team.as_ref(), call.given.flag("all")).await? })
}

async fn state(call: Call) -> Handled {
    let team = team_of(&call)?;
    let view = call.app().check_view(&call.caller, &named(&call), team.as_ref()).await?;
    json(&view)
}

async fn exempt(call: Call) -> Handled {
    let input: ExemptThing = call.json()?;
    let thing = input.thing.as_deref().map(|text| name_in(text, "instance", "thing")).transpose()?;
    let team = name_in(&input.team, "group", "team")?;
    let differ = Differ { team, thing, until: input.until, reason: input.reason };
    let command = Exempt { check: named(&call), differ };
    let done = call.app().run(&call.caller, command).await?;
    let body = done.answer.clone();
    Ok(outcome(StatusCode::OK, &done, body))
}

fn named(call: &Call) -> Ref {
    Ref::new("check", call.segment("namespace"), call.segment("name"))
}
