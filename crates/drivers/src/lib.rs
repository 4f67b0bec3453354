//! The outside: what makes instances real, and what looks at them.

pub mod adopt;
pub mod ask;
pub mod catalog;
pub mod command;
pub mod contract;
pub mod exchange;
mod fetch;
mod gates;
pub mod git;
pub mod gitops;
pub mod http;
pub mod kubernetes;
pub mod own;
mod pattern;
pub mod postgres;
mod process;
mod protocol;
pub mod reader;
pub mod recipes;
mod redact;
pub mod registry;
pub mod replay;
mod sandbox;
pub mod service;
pub mod terraform;
pub mod workload;

use loggia_model::Micros;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time of now.
fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// The digest of some bytes, in hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    loggia_model::canonical::hex(&Sha256::digest(bytes))
}
