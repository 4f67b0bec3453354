//! What the end of an operation means for an upgrade: the instance is what it was meant to be, or stays what it was.

use crate::change_request;
use crate::changes::{Changes, Draft};
use crate::command::Ctx;
use crate::error::Result;
use crate::operation::{Ending, driver_of};
use crate::order::start;
use loggia_graph::Graph;
use loggia_model::instance::{Condition, InstanceStatus, Phase, Verdict};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::operation::{Operation, Verb};
use loggia_model::version::{Range, Version};
use loggia_model::{Record, version};

/// The statement that the last upgrade failed.
pub(crate) const FAILED: &str = "UpgradeFailed";

/// The event, where an upgrade ended with the operation.
pub(crate) fn concluded(
    changes: &mut Changes,
    graph: &Graph,
    (ending, before, status, draft): (&Ending, &InstanceStatus, &mut InstanceStatus, &mut Draft),
    about: (&Record, &Operation, &Ctx<'_>),
) -> Result<Option<&'static str>> {
    if about.1.verb == Verb::Propose {
        return offered(ending, status, draft, about);
    }
    match ending {
        Ending::Ready(seen) => Ok(arrived(before, status, about.0, &seen.version)),
        Ending::Failed => fell_back(changes, graph, draft, status, about),
        _ => Ok(None),
    }
}

/// The event of an operation that made a change to merge, or could not.
fn offered(
    ending: &Ending,
    status: &mut InstanceStatus,
    draft: &mut Draft,
    (record, operation, _): (&Record, &Operation, &Ctx<'_>),
) -> Result<Option<&'static str>> {
    let Ending::Seen(seen) = ending else { return Ok(Some(change_request::failed(status, operation))) };
    let event = change_request::proposed(status);
    // Where nothing differs it is the new version already.
    Ok(Some(match change_request::settle(record, status, seen)? {
        Some((settled, event)) => {
            *draft = settled;
            event
        }
        None => event,
    }))
}

/// Whether a range of versions takes a version.
pub(crate) fn accepts(range: &str, version: &str) -> bool {
    Range::parse(range).ok().zip(Version::parse(version)).is_some_and(|(range, version)| range.contains(&version))
}

/// The event of an operation that made another version of something that already had one.
fn arrived(before: &InstanceStatus, status: &mut InstanceStatus, record: &Record, seen: &str) -> Option<&'static str> {
    status.conditions.retain(|condition| condition.kind != FAILED);
    if before.applied.is_empty() || before.applied == status.applied {
        return None;
    }
    if !status.driver.is_empty() && !seen.is_empty() {
        // What another driver carries keeps the version that was reported, until that driver brings it to another.
        seen.clone_into(&mut status.version);
    }
    let prefix = format!("{}-", record.parse().spec_text("offering"));
    let number = |name: &str| name.strip_prefix(&prefix).unwrap_or(name).to_owned();
    match version::is_below(&number(&status.applied), &number(&before.applied)) {
        Some(true) => {
            // There is no way back from the way back.
            status.earlier = None;
            Some("instance.rolled-back")
        }
        _ => Some("instance.upgraded"),
    }
}

/// The event of an upgrade that failed: the instance keeps the version that it had. Where the driver had begun to change
/// it, nobody knows whether that one still serves: it is looked at.
fn fell_back(
    changes: &mut Changes,
    graph: &Graph,
    draft: &mut Draft,
    status: &mut InstanceStatus,
    (record, operation, ctx): (&Record, &Operation, &Ctx<'_>),
) -> Result<Option<&'static str>> {
    let mut spec: InstanceSpec = record.spec()?;
    let wanted = spec.target.clone().unwrap_or_default();
    let earlier = status.earlier.take().filter(|earlier| earlier.release == status.applied && wanted != status.applied);
    let Some(earlier) = earlier.filter(|_| operation.verb == Verb::Apply) else { return Ok(None) };
    let touched = operation.steps.iter().any(|step| step.name == "apply");
    spec.target = Some(earlier.release.clone());
    spec.inputs = earlier.inputs;
    status.conditions.retain(|condition| condition.kind != "Failed" && condition.kind != FAILED);
    let message = format!(
        "Going to {wanted} failed: {} It keeps {}. {}",
        sentence(&operation.message),
        earlier.release,
        operation.mend
    );
    let message = message.trim().to_owned();
    status.conditions.push(Condition {
        kind: FAILED.to_owned(),
        status: Verdict::True,
        reason: if touched { "ApplyFailed" } else { "NotBegun" }.to_owned(),
        message,
    });
    if status.operation == Some(operation.id) {
        status.phase = if touched { Phase::Unknown } else { Phase::Ready };
    }
    if touched {
        let driver = driver_of(graph, &spec, status)?;
        let (look, work) = start(ctx.uid(), record.uid, &record.reference, Verb::Observe, &driver, ctx);
        changes.operations.push(look);
        changes.work.push(work);
    }
    let mut text = record.parse();
    text.0["spec"] = serde_json::to_value(&spec)?;
    *draft = Draft::new(record.uid, &text, record.source.clone());
    Ok(Some("instance.fell-back"))
}

fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}
