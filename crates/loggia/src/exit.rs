//! How commands end: 0 when all is well, 1 when a problem was found or something was refused, 2 for wrong use, 3 when
//! the server or the database does not answer.

use std::fmt;
use std::process::ExitCode;

/// A problem was found, or something was refused.
pub const PROBLEM: u8 = 1;
/// The command was given in a wrong way.
pub const USAGE: u8 = 2;
/// The server or the database does not answer.
pub const UNAVAILABLE: u8 = 3;

/// Why a command did not do what it was asked, with its exit code. An empty text was told already.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    text: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

/// An error with an exit code.
pub fn failure(code: u8, text: impl Into<String>) -> anyhow::Error {
    Failure { code, text: text.into() }.into()
}

/// The exit code of an error that has one.
pub fn code_of(error: &anyhow::Error) -> Option<u8> {
    error.downcast_ref::<Failure>().map(|failure| failure.code)
}

/// Ends with a problem that was told already.
pub fn told() -> anyhow::Error {
    failure(PROBLEM, "")
}

/// Tells an error to a person, and gives its exit code.
pub fn tell(error: &anyhow::Error) -> ExitCode {
    let text = format!("{error:#}");
    if !text.is_empty() {
        eprintln!("loggia: {text}");
    }
    ExitCode::from(code_of(error).unwrap_or(PROBLEM))
}
