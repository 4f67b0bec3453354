//! Errors in the shape of Backstage.

use axum::Json;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use loggia_app::Error;
use serde_json::json;

/// The body that the catalog client expects of every answer that is not a success (contract 3.5).
pub fn answer(error: &Error, method: &Method, uri: &Uri) -> Response {
    let status = crate::error::status(error);
    let name = match error {
        Error::NotFound(_) => "NotFoundError",
        Error::Conflict(_) => "ConflictError",
        Error::Refused(_) | Error::Forbidden(_) => "NotAllowedError",
        Error::Invalid(_) => "InputError",
        Error::Unauthenticated(_) => "AuthenticationError",
        Error::Unavailable(_) => "ServiceUnavailableError",
        Error::Internal(_) => "Error",
    };
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let below = path.strip_prefix("/api/catalog").unwrap_or(path);
    let body = json!({
        "error": {"name": name, "message": crate::error::public_text(error)},
        "request": {"method": method.as_str(), "url": below},
        "response": {"statusCode": status.as_u16()},
    });
    (status, Json(body)).into_response()
}
