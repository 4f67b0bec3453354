//! Secrets of the platform: written, never read.

use super::call::{Call, json, outcome};
use super::route::{Access, Handled, Route};
use axum::http::{Method, StatusCode};
use loggia_app::access::platform_secret::Grant;
use loggia_app::access::policy::Action;
use loggia_app::access::secret_use::SecretUse;
use loggia_app::instance::driver::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The routes.
pub fn routes() -> Vec<Route> {
    let may = Access::May(Action::Administer);
    vec![
        Route::new(Method::GET, "/api/v1/secrets", "listSecrets", may, |call| Box::pin(list(call)))
            .does("Lists the names of the platform's secrets, and where each may be used.")
            .gives::<Secrets>(200, "The secrets, without what they are."),
        Route::new(Method::PUT, "/api/v1/secrets/{name}", "setSecret", may, |call| Box::pin(put(call)))
            .does("Sets a secret that environments name by secretRef, or where it may be used.")
            .body::<SecretInput>()
            .gives::<SecretView>(200, "It is set."),
    ]
}

/// A secret, or where it may be used, or both. What is left out stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretInput {
    /// The secret itself.
    #[schemars(length(min = 1, max = 100_000))]
    pub value: Option<String>,
    /// Where it may be used, in place of what was allowed before. A new secret may be used nowhere.
    pub allowed: Option<SecretUse>,
    /// Where it may be used beside that.
    pub allow: Option<SecretUse>,
}

/// The secrets that there are.
#[derive(Serialize, JsonSchema)]
pub struct Secrets {
    /// In order of names.
    pub items: Vec<SecretView>,
}

/// What is told of a secret.
#[derive(Serialize, JsonSchema)]
pub struct SecretView {
    /// What `secretRef` names.
    pub name: String,
    /// Where it may be used.
    pub allowed: SecretUse,
}

/// Sets a secret, or where it may be used.
pub async fn put(call: Call) -> Handled {
    let input: SecretInput = call.json()?;
    let (name, value) = (call.segment("name"), input.value.map(Secret::new));
    let grant = Grant { only: input.allowed, more: input.allow };
    let done = call.app().set_platform_secret(&call.caller, name, value, grant).await?;
    let body = done.answer.clone();
    Ok(outcome(StatusCode::OK, &done, body))
}

/// All of them, without what they are.
pub async fn list(call: Call) -> Handled {
    let all = call.app().platform_secrets(&call.caller).await?;
    json(&Secrets { items: all.into_iter().map(|one| SecretView { name: one.name, allowed: one.allowed }).collect() })
}
