//! What the operator may open to everybody (decision 25).

use clap::ValueEnum;
use serde::Deserialize;

/// Something that may be public (all of it is closed unless it is named).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Public {
    /// The versions of what is offered and their ends, in the shape of endoflife.date.
    EndOfLife,
}
