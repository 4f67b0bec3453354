//! What a look, or the end of an operation, means for the status of an instance.
//!
//! Two things can be wrong with what a driver holds: an operation failed (condition `Failed`), or it was looked for and
//! was not there (condition `Present`). A look settles the second, never the first: what was half made and can be seen
//! is still half made.

use crate::driver::{Observation, Presence};
use loggia_model::instance::{Condition, InstanceStatus, Phase, Verdict};
use loggia_model::kinds::release::Contract;
use serde_json::Value;

const FAILED: &str = "Failed";
const PRESENT: &str = "Present";
const CONTRACT: &str = "ContractKept";
const DRIFTED: &str = "Drifted";
/// The reason of a look that failed; it says nothing about the thing itself.
pub(crate) const LOOK_FAILED: &str = "ObserveFailed";

/// Takes over what was seen at the end of an operation that made it.
pub(crate) fn made(status: &mut InstanceStatus, seen: &Observation) {
    status.phase = Phase::Ready;
    status.conditions.retain(|condition| condition.kind != FAILED);
    take(status, seen);
}

/// Notes which outputs of the contract the driver did not give.
pub(crate) fn compare(status: &mut InstanceStatus, contract: &Contract) {
    status.conditions.retain(|condition| condition.kind != CONTRACT);
    let missing: Vec<String> = promised(contract)
        .into_iter()
        .filter(|name| !status.outputs.contains_key(name) && !status.secret_outputs.contains(name))
        .collect();
    if !missing.is_empty() {
        let message = format!("The release promises {}, and its driver did not give it.", missing.join(", "));
        let (kind, reason) = (CONTRACT.to_owned(), "OutputsMissing".to_owned());
        status.conditions.push(Condition { kind, status: Verdict::False, reason, message });
    }
}

/// The outputs that a contract promises: those that it requires, else all that it names.
fn promised(contract: &Contract) -> Vec<String> {
    let Some(outputs) = &contract.outputs else { return Vec::new() };
    let required = outputs.get("required").and_then(Value::as_array);
    match required {
        Some(names) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        None => outputs
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(|all| all.keys().cloned())
            .collect(),
    }
}

/// Takes over what a look saw. Absence makes a ready instance failed, never gone: nobody asked for it to go. What is
/// there again is ready again.
pub(crate) fn looked(status: &mut InstanceStatus, seen: &Observation) {
    status.conditions.retain(|condition| condition.reason != LOOK_FAILED);
    let broken = status.conditions.iter().any(|condition| condition.kind == FAILED);
    status.phase = match (seen.presence, status.phase) {
        (Presence::Present, Phase::Unknown) => Phase::Ready,
        (Presence::Present, Phase::Failed) if !broken => Phase::Ready,
        (Presence::Absent, Phase::Ready | Phase::Unknown) => Phase::Failed,
        (_, before) => before,
    };
    take(status, seen);
}

/// Whether what runs is not as it was made, as its driver says.
pub fn has_drifted(status: &InstanceStatus) -> bool {
    status.conditions.iter().any(|condition| condition.kind == DRIFTED && condition.status == Verdict::True)
}

/// Notes that nobody could look: what it is now is unknown, whatever it was.
pub(crate) fn unanswered(status: &mut InstanceStatus, message: String) {
    if status.phase == Phase::Ready {
        status.phase = Phase::Unknown;
    }
    let (kind, reason) = ("Seen".to_owned(), LOOK_FAILED.to_owned());
    set(&mut status.conditions, Condition { kind, status: Verdict::Unknown, reason, message });
}

/// Notes why it cannot be looked at.
pub(crate) fn unseen(status: &mut InstanceStatus, message: String) {
    let (kind, reason) = (FAILED.to_owned(), LOOK_FAILED.to_owned());
    failed(status, Condition { kind, status: Verdict::True, reason, message });
}

/// Notes that an operation failed. That a look failed does not hide that making it did.
pub(crate) fn failed(status: &mut InstanceStatus, condition: Condition) {
    let broken = status.conditions.iter().any(|known| known.kind == FAILED && known.reason != LOOK_FAILED);
    if !(broken && condition.reason == LOOK_FAILED) {
        set(&mut status.conditions, condition);
    }
}

fn take(status: &mut InstanceStatus, seen: &Observation) {
    // What another driver carries keeps the version that was reported: nothing real was looked at.
    if !seen.version.is_empty() && status.driver.is_empty() {
        status.version.clone_from(&seen.version);
    }
    if !seen.outputs.is_empty() {
        status.outputs.clone_from(&seen.outputs);
    }
    if seen.presence != Presence::Unknown {
        status.conditions.retain(|condition| condition.kind != PRESENT);
    }
    for condition in &seen.conditions {
        set(&mut status.conditions, condition.clone());
    }
    if seen.presence == Presence::Absent {
        let message = "It was looked for and is not there.".to_owned();
        let (kind, reason) = (PRESENT.to_owned(), "Absent".to_owned());
        set(&mut status.conditions, Condition { kind, status: Verdict::False, reason, message });
    }
    status.known_by = "driver".to_owned();
}

fn set(list: &mut Vec<Condition>, condition: Condition) {
    match list.iter_mut().find(|known| known.kind == condition.kind) {
        Some(known) => *known = condition,
        None => list.push(condition),
    }
}
