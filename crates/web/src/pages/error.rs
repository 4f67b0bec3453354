//! Errors as pages.

use axum::response::{Html, IntoResponse, Redirect, Response};
use loggia_app::Error;

/// A page that says what happened and what to do; whoever is not signed in is led to signing in.
pub fn answer(error: &Error) -> Response {
    if matches!(error, Error::Unauthenticated(_)) {
        return Redirect::to("/login").into_response();
    }
    (crate::error::status(error), Html(crate::error::public_text(error))).into_response()
}
