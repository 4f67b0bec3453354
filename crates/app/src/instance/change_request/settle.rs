//! What becomes of a change that waits: worked out from what a look saw.

use super::{CLOSED, WAITS};
use crate::command::changes::Draft;
use crate::error::Result;
use crate::instance::driver::{Observation, Presence};
use crate::release::upgrade_end::{FAILED, accepts};
use loggia_model::instance::{ChangeRequest, Condition, Earlier, InstanceStatus, Verdict};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::operation::Operation;
use loggia_model::{Record, Source};

/// Takes in what a look says about the change that waits. Gives the record as it is then, and the event, when that
/// changed what it is.
pub(crate) fn settle(
    record: &Record,
    status: &mut InstanceStatus,
    seen: &Observation,
) -> Result<Option<(Draft, &'static str)>> {
    if status.change.is_none() {
        status.conditions.retain(|condition| condition.kind != WAITS);
    }
    let Some(change) = status.change.clone().filter(|change| change.made) else { return Ok(None) };
    if seen.presence != Presence::Present {
        return Ok(None);
    }
    if change.is_done_at(&seen.version) {
        return merged(record, status, change).map(Some);
    }
    let closed = |condition: &Condition| condition.kind == WAITS && condition.reason == CLOSED;
    if seen.conditions.iter().any(closed) {
        status.change = None;
        status.conditions.retain(|condition| condition.kind != WAITS);
        return Ok(Some((Draft::of(record), "instance.change-closed")));
    }
    Ok(None)
}

fn merged(record: &Record, status: &mut InstanceStatus, change: ChangeRequest) -> Result<(Draft, &'static str)> {
    let mut spec: InstanceSpec = record.spec()?;
    spec.constraint = spec.constraint.filter(|range| accepts(range, &change.version));
    spec.target = Some(change.release.clone());
    let inputs = std::mem::replace(&mut spec.inputs, change.inputs);
    let earlier = Earlier { release: std::mem::replace(&mut status.applied, change.release), inputs };
    // There is no way back from the way back.
    status.earlier = (!change.back).then_some(earlier);
    status.change = None;
    status.conditions.retain(|condition| condition.kind != WAITS && condition.kind != FAILED);
    let mut text = record.parse();
    text.0["spec"] = serde_json::to_value(&spec)?;
    let source: Source = record.source.clone();
    let event = if change.back { "instance.rolled-back" } else { "instance.upgraded" };
    Ok((Draft::new(record.uid, &text, source), event))
}

/// Notes that the driver has made the change.
pub(crate) fn proposed(status: &mut InstanceStatus) -> &'static str {
    status.conditions.retain(|condition| condition.kind != FAILED);
    if let Some(change) = &mut status.change {
        change.made = true;
    }
    "instance.change-proposed"
}

/// Notes that a change could not be made: nothing was touched.
pub(crate) fn failed(status: &mut InstanceStatus, operation: &Operation) -> &'static str {
    status.conditions.retain(|condition| condition.kind != FAILED);
    if let Some(change) = status.change.take() {
        let why = operation.message.trim_end_matches('.');
        let message = format!(
            "The change to {} could not be made: {why}. Nothing was touched. {}",
            change.version, operation.mend
        );
        let message = message.trim().to_owned();
        let (kind, reason) = (FAILED.to_owned(), "ProposeFailed".to_owned());
        status.conditions.push(Condition { kind, status: Verdict::True, reason, message });
    }
    "instance.fell-back"
}
