//! What is done to releases: publishing, proposing and withdrawing them.

use super::call::{Call, outcome};
use super::route::Handled;
use axum::http::StatusCode;
use loggia_app::publication::Publish;
use loggia_model::{Publication, Ref};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
pub async fn publish(call: Call) -> Handled {
    step(&call, Publication::Published, String::new()).await
}

/// It is meant to be published as it is.
pub async fn propose(call: Call) -> Handled {
    step(&call, Publication::Candidate, String::new()).await
}

/// Nobody gets it any more.
pub async fn withdraw(call: Call) -> Handled {
    let input: YankInput = call.json()?;
    step(&call, Publication::Yanked, input.reason).await
}

async fn step(call: &Call, to: Publication, reason: String) -> Handled {
    let release = Ref::new("release", call.segment("namespace"), call.segment("name"));
    let done = call.app().run(&call.caller, Publish { release, to, reason }).await?;
    let body = done.answer.clone();
    Ok(outcome(StatusCode::OK, &done, body))
}
