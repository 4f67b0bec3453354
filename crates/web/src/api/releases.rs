//! What is done to releases: trying them out, publishing, proposing and withdrawing them.

use super::call::{Call, json, outcome};
use super::route::{Access, Handled, Handler, Route};
use axum::http::{Method, StatusCode};
use loggia_app::access::policy::Action;
use loggia_app::release::dry_run::DryRun;
use loggia_app::release::publication::Publish;
use loggia_model::{Publication, Ref};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The routes.
pub fn routes() -> Vec<Route> {
    let step = |path, id, handler: Handler| {
        let route = Route::new(Method::POST, path, id, Access::May(Action::Apply), handler);
        route.gives::<Published>(200, "How far it is now.").fails([422])
    };
    vec![
        step("/api/v1/releases/{namespace}/{name}:candidate", "proposeRelease", |call| Box::pin(propose(call)))
            .does("Makes a draft a candidate: meant to be published as it is."),
        step("/api/v1/releases/{namespace}/{name}:yank", "yankRelease", |call| Box::pin(withdraw(call)))
            .does("Withdraws a release: nobody gets it any more, and where it runs it stays.")
            .body::<YankInput>(),
        step("/api/v1/releases/{namespace}/{name}:publish", "publishRelease", |call| Box::pin(publish(call)))
            .does("Publishes a release, or one again that was withdrawn. It never changes from then on.")
            .body::<PublishInput>()
            .optional_body(),
        Route::new(Method::GET, DRY_RUN, "dryRunRelease", Access::May(Action::Apply), |call| Box::pin(try_out(call)))
            .does("What a release changes, and which running things its inputs would not fit. Changes nothing.")
            .gives::<DryRun>(200, "What would happen."),
    ]
}

const DRY_RUN: &str = "/api/v1/releases/{namespace}/{name}/dry-run";

/// How far a release is now.
#[derive(Serialize, JsonSchema)]
pub struct Published {
    /// The release.
    pub release: Ref,
    /// How far it is.
    pub publication: Publication,
}

/// Why a release is withdrawn.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct YankInput {
    /// One sentence; whoever runs it reads it.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

/// How a release is published.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct PublishInput {
    /// Publish it although something that runs would not fit it.
    accept_failing: bool,
    /// Why, in one sentence; needed to accept that.
    #[schemars(length(max = 500))]
    reason: String,
}

/// Everybody can get it from now on, and it never changes.
async fn publish(call: Call) -> Handled {
    let input: PublishInput = call.json()?;
    let release = named(&call);
    let (to, reason, accept_failing) = (Publication::Published, input.reason, input.accept_failing);
    run(&call, Publish { release, to, reason, accept_failing }).await
}

/// What would happen.
async fn try_out(call: Call) -> Handled {
    json(&call.app().dry_run(&call.caller, &named(&call))?)
}

fn named(call: &Call) -> Ref {
    Ref::new("release", call.segment("namespace"), call.segment("name"))
}

/// It is meant to be published as it is.
async fn propose(call: Call) -> Handled {
    step(&call, Publication::Candidate, String::new()).await
}

/// Nobody gets it any more.
async fn withdraw(call: Call) -> Handled {
    let input: YankInput = call.json()?;
    step(&call, Publication::Yanked, input.reason).await
}

async fn step(call: &Call, to: Publication, reason: String) -> Handled {
    run(call, Publish { release: named(call), to, reason, accept_failing: false }).await
}

async fn run(call: &Call, command: Publish) -> Handled {
    let done = call.app().run(&call.caller, command).await?;
    let body = done.answer.clone();
    Ok(outcome(StatusCode::OK, &done, body))
}
