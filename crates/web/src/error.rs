//! Errors as answers: one place for each form that a door speaks.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use loggia_app::{Door, Error};
use serde_json::{Value, json};

/// The type of the problem that something is off on trial before it goes away: no fault, and no limit of how often.
pub const BROWNOUT: &str = "urn:loggia:problem:brownout";
/// The type of the problem that something went away for good.
pub const GONE: &str = "urn:loggia:problem:gone";

/// An error on its way out.
#[derive(Debug)]
pub struct Reply(pub Error);

impl From<Error> for Reply {
    fn from(error: Error) -> Reply {
        Reply(error)
    }
}

/// The door that a path belongs to.
pub fn door_of(path: &str) -> Door {
    if path.starts_with("/api/catalog") {
        Door::Backstage
    } else if path.starts_with("/api/") {
        Door::Api
    } else if path.starts_with("/git/") {
        Door::Git
    } else {
        Door::Page
    }
}

/// The status of an error.
pub fn status(error: &Error) -> StatusCode {
    match error {
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Conflict(_) => StatusCode::CONFLICT,
        Error::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Invalid(_) => StatusCode::BAD_REQUEST,
        Error::Gone(_) => StatusCode::GONE,
        Error::Paused(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What people may read of an error: a fault of this program is in the log, not in the answer.
pub fn public_text(error: &Error) -> String {
    match error {
        Error::Internal(text) => {
            tracing::error!(%text, "internal error");
            "Something went wrong on our side. It was noted; the request id finds it.".to_owned()
        }
        other => other.to_string(),
    }
}

/// A problem document (RFC 9457).
pub fn problem(error: &Error) -> Value {
    let status = status(error);
    let mut body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": public_text(error),
    });
    match error {
        Error::Invalid(problems) => body["problems"] = json!(problems),
        Error::Refused(refusal) => body["refusal"] = json!(refusal),
        Error::Gone(ended) | Error::Paused(ended) => {
            let gone = matches!(error, Error::Gone(_));
            body["type"] = json!(if gone { GONE } else { BROWNOUT });
            body["title"] = json!(if gone { "Gone for good" } else { "Off on trial" });
            body["refusal"] = json!(ended.refusal);
            body["successor"] = json!(ended.successor);
        }
        _ => {}
    }
    body
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = (status(&self.0), Json(problem(&self.0))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(self.0, Error::Unauthenticated(_)) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(self.0, Error::Unavailable(_)) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Error::Paused(ended) = &self.0 {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(ended.wait));
        }
        if let Error::Gone(ended) | Error::Paused(ended) = &self.0 {
            crate::ending::tell_successor(headers, ended.successor.as_ref());
        }
        response
    }
}

impl Reply {
    /// The answer in the form that the door speaks.
    pub fn into_response_for(self, door: Door, request: &Request) -> Response {
        match door {
            Door::Backstage => crate::backstage::error::answer(&self.0, request.method(), request.uri()),
            Door::Page => crate::pages::error::answer(&self.0, request.uri()),
            _ => self.into_response(),
        }
    }
}
