//! `Idempotency-Key`: the same request under the same key is done once and answered alike, for a day.

use super::call::Call;
use super::fault::Fault;
use super::parameter::Param;
use super::route::Handled;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use loggia_app::Error;
use loggia_app::command::idempotency::{Earlier, HeldKey, Keyed, request_digest};
use std::sync::Arc;
use tracing::Instrument;

/// The header of the key.
pub const KEY: Param = Param::header("Idempotency-Key", "The same request under the same key is done once, for a day.");
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Runs a call, or gives the answer that it got before.
pub async fn run(mut call: Call, target: &str) -> Handled {
    let key = call.headers.get(KEY.name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Some(key) = key.filter(|_| call.route.takes_key()) else { return (call.route.handler)(call).await };
    let (app, caller) = (Arc::clone(&call.state.app), call.caller.clone());
    if app.writable(&caller).is_err() {
        // It is refused for now, which is no answer to keep.
        return (call.route.handler)(call).await;
    }
    let digest = request_digest(call.route.method.as_str(), target, &call.body);
    let held = match app.take_key(&caller, &key, &digest, call.route.usual_status()).await? {
        Keyed::Answered(earlier) => return Ok(replay(earlier)),
        Keyed::New(held) => Arc::new(held),
    };
    call.caller.key = Some(Arc::clone(&held));
    let (mine, holder) = (Arc::clone(&held), Arc::clone(&app));
    // In a task of its own: who hangs up in between finds the answer when asking again.
    let answering = async move {
        tokio::select! {
            answer = answered(call, &mine) => answer,
            () = holder.hold_key(&mine) => Err(Error::Internal("a key was let go".into()).into()),
        }
    };
    match tokio::spawn(answering.in_current_span()).await {
        Ok(response) => response,
        Err(error) => {
            app.give_key_back(&held).await?;
            Err(Error::Internal(format!("a request under a key was cut off: {error}")).into())
        }
    }
}

/// The answer to a call, kept under its key.
async fn answered(call: Call, held: &HeldKey) -> Handled {
    let app = Arc::clone(&call.state.app);
    let response = (call.route.handler)(call).await.unwrap_or_else(IntoResponse::into_response);
    if !is_final(response.status()) {
        app.give_key_back(held).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes =
        body.collect().await.map_err(|_| Fault::http(StatusCode::INTERNAL_SERVER_ERROR, "No answer."))?.to_bytes();
    let answer = Earlier { status: parts.status.as_u16(), body: String::from_utf8_lossy(&bytes).into_owned() };
    app.keep_answer(held, answer).await?;
    Ok(Response::from_parts(parts, bytes.into()))
}

/// Whether asking again cannot have another answer: nothing is kept that says "not now".
fn is_final(status: StatusCode) -> bool {
    use StatusCode as Is;
    let later = [Is::REQUEST_TIMEOUT, Is::CONFLICT, Is::LOCKED, Is::TOO_EARLY, Is::TOO_MANY_REQUESTS];
    !status.is_server_error() && !later.contains(&status)
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
