//! The one error of commands and queries. Each door has one `match` over it.

use loggia_model::{Problem, Ref, Refusal};
use loggia_store::StoreError;

/// Why a command or a query has no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing, or the caller may not know that there is.
    #[error("{0}")]
    NotFound(String),
    /// It was changed by somebody else meanwhile; the text says what differs.
    #[error("{0}")]
    Conflict(String),
    /// A rule says no.
    #[error("{0}")]
    Refused(Refusal),
    /// The input is wrong in these places.
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
    /// Nobody is signed in, or the token is not valid.
    #[error("{0}")]
    Unauthenticated(String),
    /// It went away for good.
    #[error("{}", .0.refusal)]
    Gone(Box<Ended>),
    /// It is off on trial before it goes away; the same call may pass later.
    #[error("{}", .0.refusal)]
    Paused(Box<Ended>),
    /// Signed in, but not allowed.
    #[error("{0}")]
    Forbidden(String),
    /// The database or a backend does not answer now; the same call may pass later.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of this program. The text is for the log, not for people.
    #[error("{0}")]
    Internal(String),
}

/// Why something that goes away is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The rule, and what to do.
    pub refusal: Refusal,
    /// What to take instead.
    pub successor: Option<Ref>,
    /// In how many seconds it is there again; 0 when it does not come back.
    pub wait: i64,
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

impl Error {
    /// The sort of error in one word, for traces.
    pub fn word(&self) -> &'static str {
        match self {
            Error::NotFound(_) => "not-found",
            Error::Conflict(_) => "conflict",
            Error::Refused(_) => "refused",
            Error::Gone(_) => "gone",
            Error::Paused(_) => "paused",
            Error::Invalid(_) => "invalid",
            Error::Unauthenticated(_) => "unauthenticated",
            Error::Forbidden(_) => "forbidden",
            Error::Unavailable(_) => "unavailable",
            Error::Internal(_) => "internal",
        }
    }

    /// A refusal by a rule.
    pub fn refused(rule: &str, message: impl Into<String>, mend: impl Into<String>) -> Error {
        Error::Refused(Refusal::new(rule, message, mend))
    }

    /// One problem at a field.
    pub fn invalid(rule: &str, path: impl Into<String>, message: impl Into<String>, mend: impl Into<String>) -> Error {
        Error::Invalid(vec![Problem::new(rule, path, message, mend)])
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        match error {
            StoreError::Unavailable(text) => Error::Unavailable(text),
            StoreError::Conflict => Error::Conflict("Somebody else changed it at the same moment. Try again.".into()),
            other => Error::Internal(other.to_string()),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Error {
        Error::Internal(format!("a stored document does not fit its type: {error}"))
    }
}

/// Result of commands and queries.
pub type Result<T, E = Error> = std::result::Result<T, E>;
