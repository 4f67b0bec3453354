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
    /// Take away what was kept of an earlier version.
    Retire,
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
    /// When it is given up at the latest, if it does not end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Micros>,
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
    /// When it is tried again, while it waits for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Micros>,
    /// Why the try before did not work, with what to do; empty while the first one goes on.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_failure: String,
}

impl Operation {
    /// Notes that it is tried again at a time, and why the try before did not work.
    pub fn waits(&mut self, until: Micros) {
        self.state = State::Waiting;
        self.next_at = Some(until);
        self.last_failure = format!("{} {}", self.message, self.mend).trim().to_owned();
    }

    /// Which try it is, when the next one comes, and why the one before did not work, in one sentence; empty while the
    /// first one goes on, and when it went well. `when` says a time as people read it.
    pub fn tries(&self, when: impl Fn(Micros) -> String) -> String {
        let (number, why) = (self.attempt, self.last_failure.trim_end_matches('.'));
        match (self.state, self.next_at) {
            (State::Waiting, Some(next)) => {
                format!("Try {number} did not work; the next one begins {}: {why}.", when(next))
            }
            (State::Running, _) if number > 1 && why.is_empty() => {
                format!("This is try {number}; the one before was cut off.")
            }
            (State::Running, _) if number > 1 => format!("This is try {number}; the one before did not work: {why}."),
            (State::Failed, _) if number > 1 => format!("It was tried {number} times, and is not tried again."),
            _ => String::new(),
        }
    }
}

impl Operation {
    /// The step that is being tried now, and the time at which it is given up at the latest.
    pub fn trying(&self) -> Option<&OperationStep> {
        let last = self.steps.last().filter(|step| step.state == State::Running);
        last.filter(|_| self.state == State::Running)
    }
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
    Verb::Import => "import", Verb::Propose => "propose", Verb::Retire => "retire" });
words!(State {
    State::Queued => "queued",
    State::Running => "running",
    State::Waiting => "waiting",
    State::Succeeded => "succeeded",
    State::Failed => "failed",
    State::Cancelled => "cancelled",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_told_in_one_sentence() {
        let id = Uid(uuid::Uuid::nil());
        let told = |state, attempt, next_at, last: &str| {
            let operation = Operation {
                id,
                instance: id,
                instance_ref: String::new(),
                verb: Verb::Apply,
                driver: String::new(),
                state,
                steps: Vec::new(),
                attempt,
                requested_by: String::new(),
                created_at: Micros(0),
                ended_at: None,
                message: String::new(),
                mend: String::new(),
                next_at,
                last_failure: last.to_owned(),
            };
            operation.tries(|_| "in 4 s".to_owned())
        };
        let next = Some(Micros(1));
        assert_eq!(
            told(State::Waiting, 2, next, "It is away."),
            "Try 2 did not work; the next one begins in 4 s: It is away."
        );
        assert_eq!(
            told(State::Running, 3, None, "It is away."),
            "This is try 3; the one before did not work: It is away."
        );
        assert_eq!(told(State::Running, 2, None, ""), "This is try 2; the one before was cut off.");
        assert_eq!(told(State::Failed, 12, None, "It is away."), "It was tried 12 times, and is not tried again.");
        for (state, attempt) in [(State::Queued, 0), (State::Running, 1), (State::Succeeded, 3), (State::Failed, 1)] {
            assert_eq!(told(state, attempt, None, ""), "");
        }
    }
}
