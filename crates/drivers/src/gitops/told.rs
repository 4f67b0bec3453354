//! What whoever makes it so tells of an instance: one JSON file in the repository.

use loggia_model::instance::{Condition, Verdict};
use serde::Deserialize;
use serde_json::{Map, Value};

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Progressing,
    Ready,
    Failed,
    Gone,
}

/// What was told.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Told {
    /// The newest commit that was taken in.
    pub commit: String,
    pub state: State,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub version: String,
    #[serde(default)]
    pub outputs: Map<String, Value>,
}

impl Told {
    /// A file that is cut off or is something else tells nothing.
    pub(super) fn read(bytes: &[u8]) -> Option<Told> {
        serde_json::from_slice(bytes).ok()
    }

    /// The statement about it; `current` says that it is about what is wanted now.
    pub(super) fn ready(told: Option<&Told>, current: bool) -> Condition {
        let (status, reason, message) = match told {
            None => (Verdict::Unknown, "NotTold", "Nobody has told of it yet".to_owned()),
            Some(told) if !current => (Verdict::Unknown, "Older", format!("Told of an older commit: {}", told.message)),
            Some(told) => match told.state {
                State::Ready => (Verdict::True, "Told", told.message.clone()),
                State::Progressing => (Verdict::False, "Progressing", told.message.clone()),
                State::Failed => (Verdict::False, "Failed", told.message.clone()),
                State::Gone => (Verdict::False, "Gone", told.message.clone()),
            },
        };
        Condition { kind: "Ready".to_owned(), status, reason: reason.to_owned(), message }
    }
}
