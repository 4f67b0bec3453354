//! What every request passes and every answer carries: figures, a line in the log, headers that keep browsers strict.

use super::Figure;
use crate::api::MatchedRoute;
use crate::caller::{REQUEST_ID, RequestId};
use crate::state::WebState;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use loggia_app::TRACES;
use opentelemetry::propagation::Extractor;
use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// One of so many requests that went well has a line in the log.
const SAMPLE: u64 = 100;
/// Requests that take longer always have one.
const SLOW: Duration = Duration::from_secs(1);

/// What pages may load: what this server gives, and nothing inline.
const PAGES: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; \
form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);
/// What everything else may load, should a browser take it for a page.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

static SEEN: AtomicU64 = AtomicU64::new(0);

/// A request that is under way: what its end says of it.
pub struct Told {
    began: Instant,
    method: &'static str,
    path: Option<MatchedPath>,
    /// What it is counted as without a route.
    name: &'static str,
    /// What finds its lines in the log.
    pub id: RequestId,
    /// The part of a trace that the request is.
    pub span: Span,
}

impl Told {
    /// Gives a request its id and its span.
    pub fn of(state: &WebState, request: &Request, name: &'static str) -> Told {
        let began = Instant::now();
        let path = request.extensions().get::<MatchedPath>().cloned();
        let id = RequestId::of(&state.app, request.headers());
        let span = span(request, path.as_ref().map_or(name, MatchedPath::as_str), &id);
        Told { began, method: word(request.method()), path, name, id, span }
    }

    /// Counts the request, notes it, and tells its id. `usual` holds the figure of reads that go well without a route.
    pub fn end(self, state: &WebState, usual: &OnceLock<Figure>, response: &mut Response) {
        let took = self.began.elapsed();
        let matched = response.extensions().get::<MatchedRoute>().map(|route| Cow::Borrowed(route.0));
        let matched = matched.or_else(|| Some(Cow::Owned(self.path.as_ref()?.as_str().to_owned())));
        let is_usual = matched.is_none() && self.method == "GET" && response.status() == StatusCode::OK;
        let route = matched.unwrap_or(Cow::Borrowed(self.name));
        describe(&self.span, &route, response.status());
        note(self.method, &route, response.status(), &self.id.0, took);
        let status = response.status().as_u16();
        match is_usual {
            true => usual.get_or_init(|| state.metrics.figure(route, self.method, status)).count(took),
            false => state.metrics.count(route, self.method, status, took),
        }
        if let Ok(value) = HeaderValue::from_str(&self.id.0) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
    }
}

/// The span of a request: a part of the trace that the caller brought along, when traces are sent.
fn span(request: &Request, path: &str, id: &RequestId) -> Span {
    let method = word(request.method());
    let span = tracing::info_span!(
        target: TRACES, "request", otel.kind = "server", otel.name = format!("{method} {path}"),
        otel.status_code = Empty, http.request.method = method, http.route = Empty,
        http.response.status_code = Empty, request_id = &*id.0,
    );
    if !span.is_disabled() {
        let given = Given(request.headers());
        let caller = opentelemetry::global::get_text_map_propagator(|propagator| propagator.extract(&given));
        // Without a place for traces there is nothing to be a part of.
        let _ = span.set_parent(caller);
    }
    span
}

/// What is known of a request when it is answered. The route has the names of its parts, never what people sent.
fn describe(span: &Span, route: &str, status: StatusCode) {
    span.record("http.route", route);
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// The headers of a request, as propagators read them.
struct Given<'a>(&'a HeaderMap);

impl Extractor for Given<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
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

fn note(method: &'static str, route: &str, status: StatusCode, request_id: &str, took: Duration) {
    let sampled = SEEN.fetch_add(1, Ordering::Relaxed).is_multiple_of(SAMPLE);
    let (status_code, micros) = (status.as_u16(), u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    if status.is_server_error() || took > SLOW {
        tracing::warn!(method, route, status = status_code, micros, request_id, "request");
    } else if sampled {
        tracing::info!(method, route, status = status_code, micros, request_id, sample = SAMPLE, "request");
    } else {
        tracing::debug!(method, route, status = status_code, micros, request_id, "request");
    }
}

/// Adds the headers that keep browsers strict, where a handler has not set its own. What is plainly no page needs few of
/// them.
pub fn secure(state: &WebState, headers: &mut HeaderMap) {
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    if headers.get(header::CONTENT_TYPE).is_some_and(|media| media.as_bytes().starts_with(b"application/json")) {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NOTHING);
    } else {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(PAGES);
        headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
        headers.entry(header::X_FRAME_OPTIONS).or_insert(HeaderValue::from_static("DENY"));
        let opener = HeaderName::from_static("cross-origin-opener-policy");
        headers.entry(opener).or_insert(HeaderValue::from_static("same-origin"));
    }
    if state.app.settings.public_url.starts_with("https://") {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(year);
    }
}
