//! What is wrong, where, and how to mend it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How bad something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is refused.
    #[default]
    Error,
    /// It is taken, and may be a mistake.
    Warning,
}

impl Severity {
    /// Whether it is refused.
    pub fn is_error(&self) -> bool {
        *self == Severity::Error
    }
}

/// One thing that is wrong with an input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The offending field as a dotted path, such as `spec.plans.0.price`; empty for the whole input.
    pub path: String,
    /// The file, relative to its repository, where the input came from a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line in the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column in the line, from 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The name of the rule that is broken, such as `metadata.name`; stable, for machines.
    pub rule: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do, in one sentence.
    pub mend: String,
    /// How bad it is; an error when absent.
    #[serde(default, skip_serializing_if = "Severity::is_error")]
    pub severity: Severity,
}

impl Problem {
    /// A problem at a field, without a file.
    pub fn new(rule: &str, path: impl Into<String>, message: impl Into<String>, mend: impl Into<String>) -> Problem {
        Problem {
            path: path.into(),
            rule: rule.into(),
            message: message.into(),
            mend: mend.into(),
            ..Problem::default()
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:{}:{}: ", self.line.unwrap_or(1), self.column.unwrap_or(1))?;
        }
        if !self.severity.is_error() {
            f.write_str("warning: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{} ({}).", self.message.trim_end_matches('.'), self.rule)?;
        if !self.mend.is_empty() {
            write!(f, " {}", self.mend)?;
        }
        Ok(())
    }
}

/// Why a command was not done, and what would make it pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// The name of the rule, such as `environment.backend-missing`; stable, for machines.
    pub rule: String,
    /// Why, in one sentence.
    pub message: String,
    /// The next step that would pass, in one sentence.
    pub mend: String,
}

impl Refusal {
    /// A refusal by a rule.
    pub fn new(rule: &str, message: impl Into<String>, mend: impl Into<String>) -> Refusal {
        Refusal { rule: rule.into(), message: message.into(), mend: mend.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.message, self.mend)
    }
}
