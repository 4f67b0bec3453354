//! Health, readiness and figures: for whoever operates the server; and what every answer carries.

pub mod gate;
mod layers;
mod metrics;

use crate::state::WebState;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use std::sync::atomic::Ordering;

pub use metrics::{Figure, Metrics};

/// The routes that everybody may ask, without a caller and without the database.
pub fn routes() -> Router<WebState> {
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready))
}

/// The routes that need a caller.
pub fn closed_routes() -> Router<WebState> {
    Router::new().route("/metrics", get(metrics::show))
}

/// 200 when the graph is loaded, every repository was read once, ever, and changes can be written.
async fn ready(State(state): State<WebState>) -> (StatusCode, &'static str) {
    if !state.app.is_writing() {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: nothing can be written any more; restart the server")
    } else if state.ready.load(Ordering::Acquire) {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: repositories are being read for the first time")
    }
}
