//! Routes of this door.

use crate::state::WebState;
use axum::Router;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
}
