//! Operations: where they are, and what their drivers wrote.

use super::call::{Call, json};
use super::route::Handled;
use loggia_model::Micros;
use schemars::JsonSchema;
use serde::Serialize;

/// One line that a driver wrote.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Line {
    /// Its number, from 1.
    pub seq: i64,
    /// When.
    pub time: Micros,
    /// The line; secrets are blanked.
    pub text: String,
}

/// Lines of an operation.
#[derive(Serialize, JsonSchema)]
pub struct Lines {
    /// In order.
    pub items: Vec<Line>,
}

impl From<loggia_app::instance::operation::LogLine> for Line {
    fn from(line: loggia_app::instance::operation::LogLine) -> Line {
        Line { seq: line.seq, time: line.time, text: line.text }
    }
}

/// One operation.
pub async fn get(call: Call) -> Handled {
    json(&call.app().operation(&call.caller, call.uid("id")?).await?)
}

/// What its driver wrote.
pub async fn log(call: Call) -> Handled {
    let operation = call.app().operation(&call.caller, call.uid("id")?).await?;
    let lines = call.app().log_lines(operation.id, call.given.number("after").unwrap_or(0)).await?;
    json(&Lines { items: lines.into_iter().map(Line::from).collect() })
}
