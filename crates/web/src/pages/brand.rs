//! Logo and colour of the product. Everybody may see them: the page on which one signs in shows them too.

use super::visit::{Visit, product};
use crate::brand::sheet;
use crate::state::WebState;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use loggia_model::kinds::product::ProductSpec;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/brand/accent.css", get(accent)).route("/brand/logo", get(logo)).route("/theme", post(theme))
}

const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The style sheet of the brand's colour.
async fn accent(State(state): State<WebState>) -> Response {
    let product = product(&state.app.graph());
    let spec = product.and_then(|record| record.spec::<ProductSpec>().ok());
    let accent = spec.and_then(|spec| spec.brand).and_then(|brand| brand.accent);
    match accent.as_deref().and_then(|accent| sheet(accent).ok()) {
        Some(css) => {
            let kind = HeaderValue::from_static("text/css; charset=utf-8");
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, KEEP)], css).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The logo of the product.
async fn logo(State(state): State<WebState>) -> Response {
    let graph = state.app.graph();
    let Some(product) = product(&graph) else { return StatusCode::NOT_FOUND.into_response() };
    let path = product.spec::<ProductSpec>().ok().and_then(|spec| spec.brand?.logo).unwrap_or_default();
    match state.app.file_of(&product, path.trim_start_matches("./")).await {
        Ok((_, blob)) => super::files::send(blob, true),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Keeps light or dark in a cookie, and goes back.
async fn theme(visit: Visit, body: axum::body::Bytes) -> Response {
    let form = super::form::Form::read(&body);
    let theme = crate::shell::Theme::parse(form.one("theme")).value();
    let secure = if visit.app().settings.public_url.starts_with("https:") { "; Secure" } else { "" };
    let cookie = format!("theme={theme}; Path=/; Max-Age=31536000; SameSite=Lax{secure}");
    let mut response = Redirect::to(&super::form::local(form.one("back"))).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
