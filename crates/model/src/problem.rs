//! What is wrong, where, and how to mend it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

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
        f.write_str(&sentences(&self.message, &self.mend))
    }
}

/// What is wrong and what to do in one line: as sentences, each with its full stop.
pub fn sentences(message: &str, mend: &str) -> String {
    let sentence = |text: &str| match text.trim().chars().last() {
        None => String::new(),
        Some('.' | '!' | '?' | ':' | '…') => text.trim().to_owned(),
        // A full stop would become a part of what people copy.
        Some(_) if mend_is_command(text) => text.trim().to_owned(),
        Some(_) => format!("{}.", text.trim()),
    };
    format!("{} {}", sentence(message), capital(&sentence(mend))).trim().to_owned()
}

/// Whether a text ends with a command to be copied: `… it: loggia secret allow pg --environment dev`.
fn mend_is_command(text: &str) -> bool {
    text.rsplit_once(": ").is_some_and(|(_, end)| end.starts_with("loggia "))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    // A command is written as it is typed.
    match chars.next().filter(|_| !text.starts_with("loggia ")) {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_and_what_to_do_are_sentences() {
        for (message, mend, told) in [
            ("it is full", "ask the operator", "it is full. Ask the operator."),
            ("It is full.", "Ask the operator.", "It is full. Ask the operator."),
            ("It is full", "", "It is full."),
            ("", "Wait.", "Wait."),
            ("It may not", "Allow it: loggia secret allow pg", "It may not. Allow it: loggia secret allow pg"),
            ("It is off", "loggia doctor says more", "It is off. loggia doctor says more."),
        ] {
            assert_eq!(sentences(message, mend), told);
            assert_eq!(Refusal::new("r", message, mend).to_string(), told);
        }
    }
}
