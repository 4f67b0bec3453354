//! Style sheets, the script and the icon.

use crate::assets;
use crate::state::WebState;
use axum::Router;
use axum::extract::{Path, Query};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::collections::HashMap;

/// The routes. They need no caller: a page for nobody is styled too.
pub fn routes() -> Router<WebState> {
    Router::new().route("/assets/{name}", get(asset))
}

/// One file; kept for ever by the browser when the address carries the version.
async fn asset(Path(name): Path<String>, Query(query): Query<HashMap<String, String>>) -> Response {
    let Some(asset) = assets::find(&name) else { return StatusCode::NOT_FOUND.into_response() };
    let versioned = query.get("v").is_some_and(|v| v == assets::version());
    let cache = if versioned { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
    ];
    (headers, asset.body).into_response()
}
