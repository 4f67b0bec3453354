//! What other programs read: offerings in the shape of endoflife.date, and calendars (iCalendar).

mod calendar;
mod eol;

use crate::state::WebState;
use axum::Router;
use axum::routing::get;

/// The routes. Calendars are behind addresses that nobody can guess.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/api/eol/{file}", get(eol::v0))
        .route("/api/eol/v1/products/{name}", get(eol::v1))
        .route("/calendar/{kind}/{namespace}/{name}/{file}", get(calendar::show))
}

pub use calendar::href as calendar_href;
