//! What is done to releases: publishing, proposing and withdrawing them.

use super::call::{Call, outcome};
use super::route::{Access, Handled, Handler, Route};
use axum::http::{Method, StatusCode};
use loggia_app::policy::Action;
use loggia_app::publication::Publish;
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
            .does("Publishes a release, or one again that was withdrawn. It never changes from then on."),
    ]
}

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

/// Everybody can get it from now on, and it never changes.
async fn publish(call: Call) -> Handled {
    step(&call, Publication::Published, String::new()).await
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
    let release = Ref::new("release", call.segment("namespace"), call.segment("name"));
    let done = call.app().run(&call.caller, Publish { release, to, reason }).await?;
    let body = done.answer.clone();
    Ok(outcome(StatusCode::OK, &done, body))
}
