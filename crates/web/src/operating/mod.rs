//! Health, readiness and metrics: for whoever operates the server.

use crate::state::WebState;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use std::sync::atomic::Ordering;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready))
}

/// 200 when the graph is loaded and every repository was read once, ever.
async fn ready(State(state): State<WebState>) -> (StatusCode, &'static str) {
    if state.ready.load(Ordering::Acquire) {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: repositories are being read for the first time")
    }
}
