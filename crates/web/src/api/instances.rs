//! What is done to instances: enrolling and withdrawing, destroying, doing again, looking, and seeing secrets.

use super::call::{Call, json, outcome};
use super::orders::Ordered;
use super::route::{Access, Handled, Handler, Route};
use axum::http::{Method, StatusCode};
use loggia_app::Error;
use loggia_app::access::policy::Action;
use loggia_app::estate::enrol::Enrol;
use loggia_app::instance::take_over::{Orphan, TakeOverInput};
use loggia_model::Ref;
use loggia_model::instance::Step;
use loggia_model::operation::{Operation, Verb};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// On which step an instance stands now.
#[derive(Serialize, JsonSchema)]
pub struct Stepped {
    /// The instance.
    pub instance: Ref,
    /// The step.
    pub step: Step,
}

/// What is said when something is destroyed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DestroyInput {
    /// You know that data is lost.
    #[serde(default)]
    pub confirmed: bool,
}

/// What is said when a secret is asked for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevealInput {
    /// Why; an administrator who is not of the team has to say it, and the team reads it.
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub reason: String,
}

/// A secret, for whoever asked for it.
#[derive(Serialize, JsonSchema)]
pub struct Revealed {
    /// Name of the output.
    pub name: String,
    /// The secret itself.
    pub value: String,
}

/// Operations of an instance.
#[derive(Serialize, JsonSchema)]
pub struct Operations {
    /// Newest first.
    pub items: Vec<Operation>,
}

/// The routes of taking over, letting go and secrets.
pub fn routes() -> Vec<Route> {
    let post = |path, id, handler: Handler| {
        Route::new(Method::POST, path, id, Access::May(Action::Operate), handler).fails([422])
    };
    vec![
        post("/api/v1/instances/{namespace}/{name}:take-over", "takeOverInstance", |call| Box::pin(take_over(call)))
            .does("Has it managed, when that changes nothing; the operation tells what would change.")
            .body::<TakeOverInput>()
            .optional_body()
            .gives::<Ordered>(202, "Follow the operation."),
        post("/api/v1/instances/{namespace}/{name}:orphan", "orphanInstance", |call| Box::pin(orphan(call)))
            .does("Lets go of it without destroying it: it is enrolled again, and runs on.")
            .gives::<Stepped>(200, "The step on which it stands now."),
        Route::new(
            Method::POST,
            "/api/v1/instances/{namespace}/{name}/outputs/{output}:reveal",
            "revealOutput",
            Access::May(Action::Reveal),
            |call| Box::pin(reveal(call)),
        )
        .does("Shows a secret of an instance to its team, or to an administrator who says why; each look is noted.")
        .body::<RevealInput>()
        .optional_body()
        .gives::<Revealed>(200, "The secret.")
        .fails([422])
        .secret(),
    ]
}

/// Its owner confirms it.
pub async fn enrol(call: Call) -> Handled {
    step(&call, false).await
}

/// Back to observed.
pub async fn withdraw(call: Call) -> Handled {
    step(&call, true).await
}

async fn step(call: &Call, withdraw: bool) -> Handled {
    let done = call.app().run(&call.caller, Enrol { instance: call.reference()?, withdraw }).await?;
    let body = done.answer.clone();
    Ok(outcome(StatusCode::OK, &done, body))
}

/// Its driver is asked to take it over.
async fn take_over(call: Call) -> Handled {
    let input: TakeOverInput = call.json()?;
    let done = call.app().take_over(&call.caller, call.reference()?, input).await?;
    let body = done.answer.clone();
    Ok(outcome(StatusCode::ACCEPTED, &done, body))
}

/// It runs on, and no driver holds it.
async fn orphan(call: Call) -> Handled {
    let done = call.app().run(&call.caller, Orphan { instance: call.reference()? }).await?;
    let body = done.answer.clone();
    Ok(outcome(StatusCode::OK, &done, body))
}

/// Destroys it.
pub async fn destroy(call: Call) -> Handled {
    let input: DestroyInput = call.json()?;
    operate(&call, Verb::Destroy, input.confirmed).await
}

/// Does again what failed.
pub async fn retry(call: Call) -> Handled {
    operate(&call, Verb::Apply, false).await
}

/// Looks at it now.
pub async fn look(call: Call) -> Handled {
    operate(&call, Verb::Observe, false).await
}

async fn operate(call: &Call, verb: Verb, confirmed: bool) -> Handled {
    let done = call.app().operate(&call.caller, call.reference()?, verb, confirmed).await?;
    let body = done.answer.clone();
    Ok(outcome(StatusCode::ACCEPTED, &done, body))
}

/// Its operations.
pub async fn operations(call: Call) -> Handled {
    let record = call.app().record(&call.caller, &call.reference()?)?;
    let items = call.app().operations_of(record.uid, call.given.number("limit").unwrap_or(20)).await?;
    json(&Operations { items })
}

/// Shows a secret to its team, and to an administrator who says why; each look is noted.
async fn reveal(call: Call) -> Handled {
    let name = call.segment("output").to_owned();
    if name.chars().any(char::is_control) {
        return Err(Error::NotFound("There is no such secret.".into()).into());
    }
    let input: RevealInput = call.json()?;
    let secret = call.app().reveal(&call.caller, &call.reference()?, &name, &input.reason).await?;
    // Showing it is what this address is for.
    json(&Revealed { name, value: secret.reveal().to_owned() })
}
