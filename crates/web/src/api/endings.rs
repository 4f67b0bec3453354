//! Endings: where each stands, whom it concerns, what is left, and what is decided about it.

use super::call::{Call, json, outcome};
use super::differ::{self, DifferInput};
use super::route::{Access, Handled, Handler, Route};
use axum::http::{Method, StatusCode};
use loggia_app::access::policy::Action;
use loggia_app::ending::{Decide, EndingLine, EndingView, ProposalWish, Verb};
use loggia_model::ending::{Dates, Proposal};
use loggia_model::{EndingState, Ref};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The routes.
pub fn routes() -> Vec<Route> {
    let get = |path, id, handler: Handler| Route::new(Method::GET, path, id, Access::May(Action::Read), handler);
    let step = |path, id, handler: Handler| {
        let route = Route::new(Method::POST, path, id, Access::May(Action::Apply), handler);
        route.gives::<Decided>(200, "Where it stands now.").fails([422])
    };
    vec![
        get("/api/v1/endings:overview", "listEndings", |call| Box::pin(overview(call)))
            .does("Lists what goes away: where each stands, when what happens, how many running things it concerns.")
            .gives::<Endings>(200, "What comes next stands first."),
        get("/api/v1/endings/{namespace}/{name}/state", "getEnding", |call| Box::pin(state(call)))
            .does("Tells where an ending stands, whom it concerns, who may differ, and what is left.")
            .gives::<EndingView>(200, "The ending."),
        Route::new(Method::POST, "/api/v1/endings:propose", "proposeEnding", Access::May(Action::Read), |call| {
            Box::pin(propose(call))
        })
        .does("Proposes the earliest days that the rule of an ending allows; days that are given stay. Nothing is planned.")
        .body::<ProposalWish>()
        .gives::<Proposal>(200, "The days, and which part of the rule gave which."),
        step("/api/v1/endings/{namespace}/{name}:announce", "announceEnding", |call| Box::pin(announce(call)))
            .does("Tells people. With too little notice it takes a reason and a second person.")
            .body::<Urgent>()
            .optional_body(),
        step("/api/v1/endings/{namespace}/{name}:approve", "approveEnding", |call| Box::pin(approve(call)))
            .does("Agrees, as the second person, to what is an emergency."),
        step("/api/v1/endings/{namespace}/{name}:move", "moveEnding", |call| Box::pin(shift(call)))
            .does("Gives it other dates: later ones, or in an emergency earlier ones that a second person agrees to.")
            .body::<Shift>(),
        step("/api/v1/endings/{namespace}/{name}:cancel", "cancelEnding", |call| Box::pin(cancel(call)))
            .does("Gives it up, while it has not taken effect.")
            .body::<Reason>(),
        step("/api/v1/endings/{namespace}/{name}:exempt", "exemptFromEnding", |call| Box::pin(exempt(call)))
            .does("Lets a team differ until a day.")
            .body::<DifferInput>(),
        step("/api/v1/endings/{namespace}/{name}:remove", "removeEnding", |call| Box::pin(remove(call)))
            .does("Says that it was taken away, once nobody uses it who may not. Proving it goes by itself."),
    ]
}

/// What goes away.
#[derive(Serialize, JsonSchema)]
pub struct Endings {
    /// What comes next stands first, what is over last.
    pub items: Vec<EndingLine>,
}

/// Where it stands after a decision.
#[derive(Serialize, JsonSchema)]
pub struct Decided {
    /// The ending.
    pub ending: Ref,
    /// Where it stands.
    pub state: EndingState,
    /// Whether it waits for a second person.
    pub waits: bool,
    /// What somebody has to do next; empty when nothing.
    pub next: String,
}

/// Why something is an emergency.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Urgent {
    /// Why, in one sentence; only when the notice is too short.
    #[schemars(length(min = 1, max = 500))]
    emergency: Option<String>,
}

/// Other dates.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// All of its dates.
    dates: Dates,
    /// Why it is an emergency, for earlier ones.
    #[schemars(length(min = 1, max = 500))]
    emergency: Option<String>,
}

/// Why.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// One sentence; whoever was told reads it.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

async fn overview(call: Call) -> Handled {
    json(&Endings { items: call.app().endings(&call.caller) })
}

async fn propose(call: Call) -> Handled {
    let input: ProposalWish = call.json()?;
    json(&call.app().propose_ending(&call.caller, &input)?)
}

async fn state(call: Call) -> Handled {
    let view = call.app().ending(&call.caller, &named(&call)).await?;
    json(&view)
}

async fn announce(call: Call) -> Handled {
    let input: Urgent = call.json()?;
    step(&call, Verb::Announce { emergency: input.emergency }).await
}

async fn approve(call: Call) -> Handled {
    step(&call, Verb::Approve).await
}

async fn shift(call: Call) -> Handled {
    let input: Shift = call.json()?;
    step(&call, Verb::Move { dates: Box::new(input.dates), emergency: input.emergency }).await
}

async fn cancel(call: Call) -> Handled {
    let input: Reason = call.json()?;
    step(&call, Verb::Cancel { reason: input.reason }).await
}

async fn exempt(call: Call) -> Handled {
    let differ = differ::read(&call)?;
    step(&call, Verb::Exempt(differ)).await
}

async fn remove(call: Call) -> Handled {
    step(&call, Verb::Remove).await
}

fn named(call: &Call) -> Ref {
    Ref::new("ending", call.segment("namespace"), call.segment("name"))
}

async fn step(call: &Call, verb: Verb) -> Handled {
    let done = call.app().run(&call.caller, Decide { ending: named(call), verb }).await?;
    let body = done.answer.clone();
    Ok(outcome(StatusCode::OK, &done, body))
}
