//! Errors in the shape of Backstage.

use super::reply;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use loggia_app::Error;
use serde::Serialize;
use serde_json::{Value, json};

/// Path below which the catalog API lies.
pub const MOUNT: &str = "/api/catalog";

/// An error as the catalog API tells it: a status, the name of its class and a sentence (contract 3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The status of the answer.
    pub status: StatusCode,
    /// The class, such as `InputError`.
    pub name: &'static str,
    /// What is wrong.
    pub message: String,
}

impl Fault {
    /// The request is wrong.
    pub fn input(message: impl Into<String>) -> Fault {
        Fault { status: StatusCode::BAD_REQUEST, name: "InputError", message: message.into() }
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Fault {
        Fault { status: StatusCode::NOT_FOUND, name: "NotFoundError", message: message.into() }
    }

    /// The caller may not.
    pub fn not_allowed(message: impl Into<String>) -> Fault {
        Fault { status: StatusCode::FORBIDDEN, name: "NotAllowedError", message: message.into() }
    }

    /// It clashes with what is there.
    pub fn conflict(message: impl Into<String>) -> Fault {
        Fault { status: StatusCode::CONFLICT, name: "ConflictError", message: message.into() }
    }

    /// A token is not valid.
    pub fn unauthenticated(message: impl Into<String>) -> Fault {
        Fault { status: StatusCode::UNAUTHORIZED, name: "AuthenticationError", message: message.into() }
    }

    /// The answer to a request.
    pub fn answer(&self, method: &Method, uri: &Uri) -> Response {
        reply::tagged(self.status, self.body(method, uri).to_string(), None)
    }

    /// What is told of it.
    pub fn body(&self, method: &Method, uri: &Uri) -> Value {
        let path = uri.path_and_query().map_or("", |path| path.as_str());
        let below = path.strip_prefix(MOUNT).unwrap_or(path);
        json!({
            "error": {"name": self.name, "message": self.message},
            "request": {"method": method.as_str(), "url": below},
            "response": {"statusCode": self.status.as_u16()},
        })
    }
}

/// One thing that is wrong with a value, as the validator of the peer lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// What sort of wrong.
    pub code: &'static str,
    /// The type that was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<&'static str>,
    /// The type that was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<&'static str>,
    /// The keys that are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<String>>,
    /// Where.
    pub path: Vec<&'static str>,
    /// In words.
    pub message: String,
}

impl Issue {
    /// The list of this issue alone, as text.
    pub fn told(&self) -> String {
        serde_json::to_string_pretty(&[self]).unwrap_or_default()
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        let name = match error {
            Error::NotFound(_) => "NotFoundError",
            Error::Conflict(_) => "ConflictError",
            Error::Refused(_) | Error::Forbidden(_) => "NotAllowedError",
            Error::Gone(_) => "GoneError",
            Error::Paused(_) => "ServiceUnavailableError",
            Error::Invalid(_) => "InputError",
            Error::Unauthenticated(_) => "AuthenticationError",
            Error::Unavailable(_) => "ServiceUnavailableError",
            Error::Internal(_) => "Error",
        };
        let status = match error {
            // This API knows no 422.
            Error::Refused(_) => StatusCode::FORBIDDEN,
            _ => crate::error::status(&error),
        };
        Fault { status, name, message: crate::error::public_text(&error) }
    }
}

/// The body that the catalog client expects of every answer that is not a success (contract 3.5).
pub fn answer(error: &Error, method: &Method, uri: &Uri) -> Response {
    Fault::from(error.clone()).answer(method, uri)
}
