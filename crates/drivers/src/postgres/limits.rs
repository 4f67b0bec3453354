//! What a plan allows.

use super::size;
use loggia_app::instance::driver::{Failure, Request};
use serde_json::Value;

/// The limits of a plan, as the server takes them.
pub(super) struct Limits {
    pub(super) connections: i32,
    pub(super) statement_timeout: Option<String>,
    pub(super) size: Option<i64>,
}

impl Limits {
    pub(super) fn of(request: &Request) -> Result<Limits, Failure> {
        let wrong = |name: &str, value: &Value| {
            Failure::ours(
                format!("the limit `{name}` of the plan cannot be used: {value}"),
                "correct the plan of the offering",
            )
        };
        let limit = |name: &str| request.limits.get(name).filter(|value| !value.is_null());
        let connections = match limit("connections") {
            None => -1,
            Some(value) => {
                let number = value.as_i64().and_then(|number| i32::try_from(number).ok()).filter(|number| *number > 0);
                number.ok_or_else(|| wrong("connections", value))?
            }
        };
        let statement_timeout = match limit("statement_timeout") {
            None => None,
            Some(Value::Number(seconds)) => Some(format!("{seconds}s")),
            Some(Value::String(text)) => Some(text.clone()),
            Some(value) => return Err(wrong("statement_timeout", value)),
        };
        let size = match limit("size") {
            None => None,
            Some(value) => Some(size::bytes(value).ok_or_else(|| wrong("size", value))?),
        };
        Ok(Limits { connections, statement_timeout, size })
    }
}
