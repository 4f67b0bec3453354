//! Operations: durable runs of a driver.

use crate::{Micros, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Make it, or bring it to the wanted state.
    Apply,
    /// Look at it.
    Observe,
    /// Take it away.
    Destroy,
    /// Take over what is there already, when nothing would change.
    Import,
    /// Bring its team a change to merge.
    Propose,
}

/// Where an operation is. `Succeeded`, `Failed` and `Cancelled` are the ends; each operation reaches one of them once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits for a worker.
    Queued,
    /// A worker holds its lease.
    Running,
    /// Failed for now; it is tried again at `not_before`.
    Waiting,
    /// Ended well.
    Succeeded,
    /// Ended with an error that trying again does not mend.
    Failed,
    /// Ended because somebody asked for it.
    Cancelled,
}

impl State {
    /// Whether the operation has ended.
    pub fn is_end(self) -> bool {
        matches!(self, State::Succeeded | State::Failed | State::Cancelled)
    }
}

/// One step of an operation, in order: probe, plan, apply, observe (or probe, destroy, observe).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationStep {
    /// Name of the step.
    pub name: String,
    /// Where it is.
    pub state: State,
    /// One sentence: what happened, or what it waits for.
    #[serde(default)]
    pub message: String,
    /// When it began.
    pub started_at: Option<Micros>,
    /// When it ended.
    pub ended_at: Option<Micros>,
}

/// One durable run of a driver for one instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// Identity.
    pub id: Uid,
    /// The instance that it is about.
    pub instance: Uid,
    /// The name of that instance.
    pub instance_ref: String,
    /// What it is for.
    pub verb: Verb,
    /// Name of the driver.
    pub driver: String,
    /// Where it is.
    pub state: State,
    /// Its steps so far.
    pub steps: Vec<OperationStep>,
    /// How often a worker took it up.
    pub attempt: i64,
    /// Who asked for it.
    pub requested_by: String,
    /// When it was asked for.
    pub created_at: Micros,
    /// When it ended.
    pub ended_at: Option<Micros>,
    /// Why it failed, or what it waits for, in one sentence; empty when all is well.
    #[serde(default)]
    pub message: String,
    /// What to do now, when it failed.
    #[serde(default)]
    pub mend: String,
}

macro_rules! words {
    ($type:ty { $($variant:path => $word:literal),+ $(,)? }) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($variant => $word),+ })
            }
        }
        impl FromStr for $type {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text { $($word => Ok($variant),)+ other => Err(format!("unknown word {other:?}")) }
            }
        }
    };
}

words!(Verb { Verb::Apply => "apply", Verb::Observe => "observe", Verb::Destroy => "destroy",
    Verb::Import => "import", Verb::Propose => "propose" });
words!(State {
    State::Queued => "queued",
    State::Running => "running",
    State::Waiting => "waiting",
    State::Succeeded => "succeeded",
    State::Failed => "failed",
    State::Cancelled => "cancelled",
});
