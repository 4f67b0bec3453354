//! The program that serves at a backend.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A program that serves at a backend, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Program {
    /// Its name, such as PostgreSQL.
    pub name: String,
    /// Its version, such as 15.18.
    pub version: String,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}
