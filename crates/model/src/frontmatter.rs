//! Markdown with a head in YAML.

use crate::{Problem, yaml};
use serde_json::Value;

/// A Markdown text, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Markdown<'a> {
    /// The head, as JSON.
    pub head: Value,
    /// What comes after it.
    pub body: &'a str,
    /// The line on which the body begins, from 1.
    pub body_line: u32,
}

/// Takes a Markdown text apart; `None` when it has no head.
///
/// The head stands between a first line `---` and the next line `---` or `...`.
///
/// # Errors
/// A problem with line and column when the head is not YAML, is not an object, or has no end.
pub fn parse(text: &str) -> Result<Option<Markdown<'_>>, Box<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some((_, rest)) = text.split_once('\n').filter(|(first, _)| first.trim_end() == "---") else {
        return Ok(None);
    };
    let mut lines = 1;
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        lines += 1;
        if matches!(line.trim_end(), "---" | "...") {
            let head = head(&rest[..at])?;
            return Ok(Some(Markdown { head, body: &rest[at + line.len()..], body_line: lines + 1 }));
        }
        at += line.len();
    }
    let mut problem =
        Problem::new("markdown.head", "", "the head of the file has no end", "Close it with a line `---`.");
    (problem.line, problem.column) = (Some(1), Some(1));
    Err(problem.into())
}

/// Reads the head; its first line is line 2 of the file.
fn head(text: &str) -> Result<Value, Box<Problem>> {
    let parsed = yaml::parse_chunk(&yaml::Chunk { index: 0, line: 2, text }, &yaml::Limits::default());
    let head = match parsed {
        Some(parsed) => parsed.document?,
        None => Value::Null,
    };
    if head.is_object() {
        return Ok(head);
    }
    let mend = "Write fields such as `title: …`, or take the lines `---` away.";
    let mut problem = Problem::new("markdown.head", "", "the head of the file has no fields", mend);
    (problem.line, problem.column) = (Some(2), Some(1));
    Err(problem.into())
}
