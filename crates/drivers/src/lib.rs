//! The outside: what makes instances real, and what looks at them.

pub mod adopt;
pub mod catalog;
pub mod command;
pub mod contract;
pub mod exchange;
mod fetch;
mod gates;
pub mod git;
pub mod http;
pub mod own;
mod pattern;
pub mod postgres;
mod process;
pub mod reader;
pub mod recipes;
mod redact;
pub mod registry;
pub mod replay;

use loggia_model::Micros;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time of now.
fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
