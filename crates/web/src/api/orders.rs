//! Ordering.

use super::call::{Call, outcome};
use super::fault::Fault;
use super::route::Handled;
use crate::ending::Subject;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use loggia_app::Outcome;
use loggia_app::instance::order::OrderInput;
use loggia_model::{Ref, Uid, naming};
use schemars::JsonSchema;
use serde::Serialize;

/// What was ordered.
#[derive(Serialize, JsonSchema)]
pub struct Ordered {
    /// The instance.
    pub instance: Ref,
    /// Its identity for life.
    pub uid: Uid,
    /// The operation that makes it.
    pub operation: Uid,
    /// What it waits for, when somebody has to agree first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// Name of the release, for an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
}

/// What an order would get.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WouldGet {
    /// The instance.
    pub instance: Ref,
    /// The release.
    pub release: String,
    /// The plan, as it would be kept.
    pub plan: Option<loggia_model::kinds::instance::FrozenPlan>,
    /// All inputs, with the usual values filled in.
    pub inputs: serde_json::Map<String, serde_json::Value>,
    /// The driver.
    pub driver: String,
    /// Always true.
    pub dry_run: bool,
    /// Who has to agree first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// The parts that would be made or used, each with the reasons.
    #[serde(default)]
    pub parts: Vec<loggia_model::composition::Choice>,
    /// What it costs with all that is made for it.
    #[serde(default)]
    pub prices: Vec<loggia_model::kinds::offering::Price>,
    /// Why it could not be made there now; empty when it could.
    pub why_not: String,
    /// What differs there from what the version promises; empty when nothing does.
    pub note: String,
    /// The program that really serves there; null where there is none, or it was not asked yet.
    pub program: Option<loggia_app::instance::program::Program>,
}

/// Orders an instance.
pub async fn order(call: Call) -> Handled {
    let input: OrderInput = call.json()?;
    let dry_run = input.dry_run;
    let offering = Subject(Ref::new("offering", "default", naming::shared("offering", &input.offering)));
    let mut response = match call.app().order(&call.caller, input).await {
        Ok(done) => ordered(dry_run, &done),
        Err(error) => Fault::from(error).into_response(),
    };
    response.extensions_mut().insert(offering);
    Ok(response)
}

fn ordered(dry_run: bool, done: &Outcome) -> Response {
    let status = if dry_run { StatusCode::OK } else { StatusCode::ACCEPTED };
    let operation = done.answer.get("operation").and_then(|id| id.as_str()).map(str::to_owned);
    let body = done.answer.clone();
    let mut response = outcome(status, done, body);
    let location = operation.and_then(|id| HeaderValue::from_str(&format!("/api/v1/operations/{id}")).ok());
    if let Some(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
