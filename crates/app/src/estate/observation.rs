//! What a look, or the end of an operation, means for the status of an instance.
//!
//! Two things can be wrong with what a driver holds: an operation failed (condition `Failed`), or it was looked for and
//! was not there (condition `Present`). A look settles the second, never the first: what was half made and can be seen
//! is still half made.

use crate::instance::driver::{Observation, Presence};
use loggia_model::instance::{Condition, InstanceStatus, Phase, Verdict};
use loggia_model::kinds::release::Contract;
use serde_json::Value;

const FAILED: &str = "Failed";
const PRESENT: &str = "Present";
const CONTRACT: &str = "ContractKept";
const DRIFTED: &str = "Drifted";
const READY: &str = "Ready";
/// The reason of what follows from absence.
const ABSENT: &str = "Absent";
/// What is told of absence: what, whose problem it is, what to do.
const AWAY: &str = "It was looked for and is not there: it was taken away outside of this platform. Ask whoever runs \
    the environment whether it comes back; if not, \"Try again\" makes it anew, and empty.";
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

/// Takes over what a look saw, and gives the name of what happened. Absence makes a ready instance failed, never gone: nobody asked for it to go. What is
/// there again is ready again.
pub(crate) fn looked(status: &mut InstanceStatus, seen: &Observation) -> &'static str {
    let was_away = is_away(status);
    status.conditions.retain(|condition| condition.reason != LOOK_FAILED);
    let broken = status.conditions.iter().any(|condition| condition.kind == FAILED);
    status.phase = match (seen.presence, status.phase) {
        (Presence::Present, Phase::Unknown) => Phase::Ready,
        (Presence::Present, Phase::Failed) if !broken => Phase::Ready,
        (Presence::Absent, Phase::Ready | Phase::Unknown) => Phase::Failed,
        (_, before) => before,
    };
    take(status, seen);
    match (was_away, is_away(status)) {
        (false, true) => "instance.missing",
        (true, false) => "instance.found",
        _ => "instance.observed",
    }
}

/// Whether it was looked for and was not there.
pub(crate) fn is_away(status: &InstanceStatus) -> bool {
    status.conditions.iter().any(|condition| condition.kind == PRESENT && condition.status == Verdict::False)
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
    if let Some(ready) = status.conditions.iter_mut().find(|known| known.kind == READY) {
        let text = "It could not be looked at, so nobody knows.".to_owned();
        *ready = Condition { status: Verdict::Unknown, reason: LOOK_FAILED.to_owned(), message: text, ..ready.clone() };
    }
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
        status.conditions.retain(|condition| condition.kind != PRESENT && condition.reason != ABSENT);
    }
    for condition in &seen.conditions {
        set(&mut status.conditions, condition.clone());
    }
    if seen.presence == Presence::Absent {
        let away = |kind: &str, message: &str| {
            let (kind, reason, message) = (kind.to_owned(), ABSENT.to_owned(), message.to_owned());
            Condition { kind, status: Verdict::False, reason, message }
        };
        set(&mut status.conditions, away(READY, "Nobody can use it: it is not there."));
        set(&mut status.conditions, away(PRESENT, AWAY));
    }
    status.known_by = "driver".to_owned();
}

fn set(list: &mut Vec<Condition>, condition: Condition) {
    match list.iter_mut().find(|known| known.kind == condition.kind) {
        Some(known) => *known = condition,
        None => list.push(condition),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    fn seen(presence: Presence) -> Observation {
        let conditions = match presence {
            Presence::Present => vec![ready()],
            _ => Vec::new(),
        };
        let (version, outputs, secret_outputs, readings) = (String::new(), Map::new(), Vec::new(), Vec::new());
        Observation { presence, version, conditions, outputs, secret_outputs, readings }
    }

    fn ready() -> Condition {
        let (kind, reason, message) = (READY.to_owned(), "Present".to_owned(), String::new());
        Condition { kind, status: Verdict::True, reason, message }
    }

    /// Every phase, and every pair of looks: never ready and away together, and the event says which way it went.
    #[test]
    fn nothing_is_ready_and_away_at_once() {
        let all = [Presence::Present, Presence::Absent, Presence::Unknown];
        for phase in [Phase::Ready, Phase::Failed, Phase::Unknown] {
            for (first, second) in all.iter().flat_map(|&first| all.map(|second| (first, second))) {
                let mut status = InstanceStatus { phase, conditions: vec![ready()], ..InstanceStatus::default() };
                let mut away = false;
                for look in [first, second] {
                    let event = looked(&mut status, &seen(look));
                    let now = match look {
                        Presence::Present => false,
                        Presence::Absent => true,
                        Presence::Unknown => away,
                    };
                    let wanted = match (away, now) {
                        (false, true) => "instance.missing",
                        (true, false) => "instance.found",
                        _ => "instance.observed",
                    };
                    assert_eq!(event, wanted, "{phase:?} {first:?} {second:?}");
                    away = now;
                    let is = |kind: &str, verdict| {
                        status.conditions.iter().any(|one| one.kind == kind && one.status == verdict)
                    };
                    assert_eq!(is(READY, Verdict::True), !away, "{phase:?} {first:?} {second:?}");
                    assert_eq!(is(PRESENT, Verdict::False), away);
                    assert!(!away || status.phase != Phase::Ready);
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_looked_at_is_not_called_ready() {
        let mut status = InstanceStatus { phase: Phase::Ready, conditions: vec![ready()], ..InstanceStatus::default() };
        unseen(&mut status, "The secret is missing.".to_owned());
        assert!(status.conditions.iter().any(|one| one.kind == READY && one.status == Verdict::Unknown));
        looked(&mut status, &seen(Presence::Present));
        assert_eq!(status.conditions, [ready()]);
    }
}
