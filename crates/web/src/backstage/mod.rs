//! Routes of this door.

pub mod error;

use crate::state::WebState;
use axum::Router;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
}
