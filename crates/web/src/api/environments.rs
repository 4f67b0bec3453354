//! What holds in environments, why, and agreeing to what a rule lets happen only then.

use super::call::{Call, json, outcome};
use super::parameter::{Form, Param};
use super::route::{Access, Handled, Route};
use axum::http::{Method, StatusCode};
use loggia_app::Error;
use loggia_app::access::policy::Action;
use loggia_app::rules::approval::{Approve, WaitingApproval};
use loggia_app::rules::{Answer, Question};
use loggia_model::{Ref, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const WHY: &str = "/api/v1/environments/{namespace}/{name}/why";
const APPROVE: &str = "/api/v1/instances/{namespace}/{name}:approve";

const fn text(name: &'static str, about: &'static str) -> Param {
    Param::query(name, Form::Text(200, None), about)
}

/// The routes.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, WHY, "whyRules", Access::May(Action::Read), |call| Box::pin(why(call)))
            .does(
                "Tells what holds in an environment for a team and an offering, which rule says so, and why that one.",
            )
            .takes([
                text("team", "For which team; for any when absent."),
                text("offering", "For which offering; for any when absent."),
                text("plan", "For which plan; the default plan when absent."),
            ])
            .gives::<Why>(200, "One answer for each thing that a rule can state."),
        Route::new(Method::GET, "/api/v1/approvals", "listApprovals", Access::May(Action::Read), |call| {
            Box::pin(approvals(call))
        })
        .does("Lists what waits until somebody agrees.")
        .gives::<Approvals>(200, "The oldest first."),
        Route::new(Method::POST, APPROVE, "approveInstance", Access::May(Action::Approve), |call| {
            Box::pin(approve(call))
        })
        .does("Agrees to what was asked for, or says no; somebody else than who asked.")
        .body::<Approval>()
        .gives::<Approved>(200, "What was decided.")
        .fails([422]),
    ]
}

/// What holds.
#[derive(Serialize, JsonSchema)]
pub struct Why {
    /// One answer for each thing.
    pub items: Vec<Answer>,
}

/// What waits until somebody agrees.
#[derive(Serialize, JsonSchema)]
pub struct Approvals {
    /// The oldest first.
    pub items: Vec<WaitingApproval>,
}

/// Yes or no.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Whether you agree.
    agree: bool,
    /// Why, in one sentence; needed for a no.
    #[serde(default)]
    #[schemars(length(max = 500))]
    reason: String,
}

/// What was decided.
#[derive(Serialize, JsonSchema)]
pub struct Approved {
    /// The instance.
    pub instance: Ref,
    /// Whether it goes on.
    pub agreed: bool,
    /// The operation that waited.
    pub operation: Uid,
}

async fn why(call: Call) -> Handled {
    let given = |name: &str| call.given.text(name).map(str::to_owned);
    let team = given("team").map(|text| {
        Ref::parse(&text, Some("group"), "default")
            .map_err(|_| Error::invalid("order.team", "team", "This is not the name of a team", "Give ?team=booking."))
    });
    let question = Question {
        environment: call.segment("name").to_owned(),
        team: team.transpose()?,
        offering: given("offering"),
        plan: given("plan"),
    };
    json(&Why { items: call.app().why(&call.caller, &question)? })
}

async fn approvals(call: Call) -> Handled {
    json(&Approvals { items: call.app().approvals(&call.caller) })
}

async fn approve(call: Call) -> Handled {
    let Approval { agree, reason } = call.json()?;
    let done = call.app().run(&call.caller, Approve { instance: call.reference()?, agree, reason }).await?;
    let body = done.answer.clone();
    Ok(outcome(StatusCode::OK, &done, body))
}
