//! The parts of the house on one page.

use super::visit::{Answer, Visit};
use crate::specimen::DesignPage;
use crate::state::WebState;
use axum::Router;
use axum::routing::get;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/design", get(design))
}

async fn design(visit: Visit) -> Answer {
    visit.signed_in()?;
    visit.page(&DesignPage::new(visit.shell(None)))
}
