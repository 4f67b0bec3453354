//! Secrets of the platform: written, never read.

use super::call::{Call, json, outcome};
use super::route::Handled;
use axum::http::StatusCode;
use loggia_app::driver::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A secret.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretInput {
    /// The secret itself.
    #[schemars(length(min = 1, max = 100_000))]
    pub value: String,
}

/// Names of secrets.
#[derive(Serialize, JsonSchema)]
pub struct SecretNames {
    /// In order.
    pub items: Vec<String>,
}

/// The name of a secret that was set.
#[derive(Serialize, JsonSchema)]
pub struct SecretName {
    /// What `secretRef` names.
    pub name: String,
}

/// Sets a secret.
pub async fn put(call: Call) -> Handled {
    let input: SecretInput = call.json()?;
    let done = call.app().set_platform_secret(&call.caller, call.segment("name"), Secret::new(input.value)).await?;
    let body = done.answer.clone();
    Ok(outcome(StatusCode::OK, &done, body))
}

/// The names of all.
pub async fn list(call: Call) -> Handled {
    json(&SecretNames { items: call.app().platform_secrets(&call.caller).await? })
}
