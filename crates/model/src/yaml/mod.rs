//! YAML in files of many documents, read into JSON.
//!
//! Scalars mean what they mean to the reader of Backstage: the core schema of YAML 1.2, so that `yes`, `no` and dates are
//! texts, and `<<` with an alias or a map merges it. A file is cut at its `---` lines first. So a broken document costs
//! itself only, and documents can be read in parallel. Places are worked out by reading again, when a problem needs one.

mod build;
mod locate;
mod scalar;
mod split;
mod write;

pub use locate::{locate, place};
pub use split::{Chunk, split};
pub use write::write;

use crate::Problem;
use serde_json::Value;

/// What a text may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the whole text.
    pub bytes: usize,
    /// Lists and maps within each other.
    pub depth: usize,
    /// Aliases in one document.
    pub aliases: usize,
    /// Bytes of JSON, about, that the aliases of one document expand to.
    pub expanded: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { bytes: 20_000_000, depth: 64, aliases: 1_000, expanded: 10_000_000 }
    }
}

/// One document of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// Its number in the text, from 0. Empty documents are not counted.
    pub index: usize,
    /// The line on which it begins, from 1.
    pub line: u32,
    /// The document, or why it cannot be read, with line and column.
    pub document: Result<Value, Problem>,
}

/// Reads every document of a text. Empty documents are left out.
pub fn parse(text: &str) -> Vec<Parsed> {
    parse_within(text, &Limits::default())
}

/// Reads every document of a text within limits. A text of too many bytes gives one document, a problem.
pub fn parse_within(text: &str, limits: &Limits) -> Vec<Parsed> {
    if text.len() > limits.bytes {
        return vec![Parsed { index: 0, line: 1, document: Err(too_large(text.len(), limits)) }];
    }
    split(text).iter().filter_map(|chunk| parse_chunk(chunk, limits)).collect()
}

/// Reads one chunk; `None` when it holds nothing, or `null`. The size of the whole text is the business of the caller.
pub fn parse_chunk(chunk: &Chunk<'_>, limits: &Limits) -> Option<Parsed> {
    match build::build(chunk, limits) {
        Ok(None | Some(Value::Null)) => None,
        Ok(Some(document)) => Some(Parsed { index: chunk.index, line: chunk.line, document: Ok(document) }),
        Err(problem) => Some(Parsed { index: chunk.index, line: chunk.line, document: Err(*problem) }),
    }
}

/// The problem of a text that is too large.
pub fn too_large(bytes: usize, limits: &Limits) -> Problem {
    let message = format!("the file has {bytes} bytes, and at most {} are read", limits.bytes);
    let mut problem = Problem::new("yaml.too-large", "", message, "Split the file, or move large texts out of it.");
    (problem.line, problem.column) = (Some(1), Some(1));
    problem
}
