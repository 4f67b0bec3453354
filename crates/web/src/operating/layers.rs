//! What every request passes and every answer carries: figures, a line in the log, headers that keep browsers strict.

use crate::api::MatchedRoute;
use crate::caller::REQUEST_ID;
use crate::state::WebState;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One of so many requests that went well has a line in the log.
const SAMPLE: u64 = 100;
/// Requests that take longer always have one.
const SLOW: Duration = Duration::from_secs(1);

/// What pages may load: what this server gives, and nothing inline.
const PAGES: &str = "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; \
connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

static SEEN: AtomicU64 = AtomicU64::new(0);

/// Counts and notes each request.
pub async fn observe(State(state): State<WebState>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let took = began.elapsed();
    let matched = response.extensions().get::<MatchedRoute>().map(|route| route.0);
    let route = matched.or_else(|| path.as_ref().map(MatchedPath::as_str)).unwrap_or("none");
    state.metrics.count(route, word(&method), response.status().as_u16(), took);
    note(&method, route, &response, took);
    response
}

/// The method as a word of few: what clients invent must not become a figure of its own.
fn word(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

fn note(method: &Method, route: &str, response: &Response, took: Duration) {
    let status = response.status();
    let sampled = SEEN.fetch_add(1, Ordering::Relaxed).is_multiple_of(SAMPLE);
    let id = response.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (status_code, micros) = (status.as_u16(), took.as_micros());
    if status.is_server_error() || took > SLOW {
        tracing::warn!(%method, route, status = status_code, micros, request_id = id, "request");
    } else if sampled {
        tracing::info!(%method, route, status = status_code, micros, request_id = id, sample = SAMPLE, "request");
    } else {
        tracing::debug!(%method, route, status = status_code, micros, request_id = id, "request");
    }
}

/// Adds the headers that keep browsers strict, where a handler has not set its own.
pub async fn secure(State(state): State<WebState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let all = [
        (header::CONTENT_SECURITY_POLICY, PAGES),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in all {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if state.app.settings.public_url.starts_with("https://") {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(year);
    }
    response
}
