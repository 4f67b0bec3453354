//! `Idempotency-Key`: the same request under the same key is done once and answered alike, for a day.

use super::call::Call;
use super::fault::Fault;
use super::parameter::Param;
use super::route::Handled;
use crate::state::WebState;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use loggia_app::idempotency::{Earlier, request_digest};
use std::sync::PoisonError;

/// The header of the key.
pub const KEY: Param = Param::header("Idempotency-Key", "The same request under the same key is done once, for a day.");
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Runs a call, or gives the answer that it got before.
pub async fn run(call: Call, target: &str) -> Handled {
    let key = call.headers.get(KEY.name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Some(key) = key.filter(|_| call.route.takes_key()) else { return (call.route.handler)(call).await };
    let digest = request_digest(call.route.method.as_str(), target, &call.body);
    let (state, caller) = (call.state.clone(), call.caller.clone());
    let _turn = Turn::take(&state, format!("{} {key}", caller.name()))?;
    if let Some(earlier) = state.app.earlier_answer(&caller, &key, &digest).await? {
        return Ok(replay(earlier));
    }
    let response = (call.route.handler)(call).await.unwrap_or_else(IntoResponse::into_response);
    if response.status().is_server_error() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes =
        body.collect().await.map_err(|_| Fault::http(StatusCode::INTERNAL_SERVER_ERROR, "No answer."))?.to_bytes();
    let answer = Earlier { status: parts.status.as_u16(), body: String::from_utf8_lossy(&bytes).into_owned() };
    state.app.keep_answer(&caller, &key, &digest, answer).await?;
    Ok(Response::from_parts(parts, bytes.into()))
}

fn replay(earlier: Earlier) -> Response {
    let status = StatusCode::from_u16(earlier.status).unwrap_or(StatusCode::OK);
    let media = if status.is_success() { "application/json" } else { super::fault::MEDIA };
    let mut response = (status, earlier.body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// A key that is at work now; given back when dropped.
struct Turn<'a> {
    state: &'a WebState,
    key: String,
}

impl<'a> Turn<'a> {
    fn take(state: &'a WebState, key: String) -> Result<Turn<'a>, Fault> {
        let new = state.keys.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        if !new {
            return Err(Fault::http(
                StatusCode::CONFLICT,
                "The same request is being answered now. Try again shortly.",
            ));
        }
        Ok(Turn { state, key })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.state.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
