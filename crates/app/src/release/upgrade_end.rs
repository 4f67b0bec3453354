//! What the end of an operation means for an upgrade: the instance is what it was meant to be, or stays what it was.

use crate::command::Ctx;
use crate::command::changes::{Changes, Draft};
use crate::composition::change::put_back;
use crate::error::Result;
use crate::instance::driver::Observation;
use crate::instance::instance_access::settle;
use crate::instance::operation::driver_of;
use crate::instance::operation_end::Ending;
use crate::instance::order::start;
use crate::instance::take_over::Wish;
use crate::instance::{change, change_request};
use crate::release::dry_run::release_spec;
use crate::release::upgrade_strategy::{self, Move};
use loggia_graph::Graph;
use loggia_model::instance::{Condition, Earlier, InstanceStatus, Phase, Verdict};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::Strategy;
use loggia_model::operation::{Operation, Verb};
use loggia_model::version::{Range, Version};
use loggia_model::{Record, version};

/// The statement that the last upgrade failed.
pub(crate) const FAILED: &str = "UpgradeFailed";
/// The statement that the last change of plan or inputs failed.
const CHANGE_FAILED: &str = "ChangeFailed";

/// The event, where an upgrade ended with the operation.
pub(crate) fn concluded(
    changes: &mut Changes,
    graph: &Graph,
    (ending, before, status, draft): (&Ending, &InstanceStatus, &mut InstanceStatus, &mut Draft),
    about: (&Record, &Operation, &Ctx<'_>),
    moving: Option<&Move>,
) -> Result<Option<&'static str>> {
    let (record, operation, ctx) = about;
    match (operation.verb, ending) {
        (Verb::Propose, _) => offered(ending, status, draft, about),
        (Verb::Retire, _) => {
            let gone = matches!(ending, Ending::Retired);
            upgrade_strategy::retired(changes, record, status, gone, &sentence(&operation.message));
            Ok(None)
        }
        (Verb::Observe, Ending::Seen(seen)) => seen_done(record, status, draft, seen),
        (_, Ending::Ready(seen)) => {
            if before.applied != status.applied {
                // What was said of the earlier version, and is not said of this one, does not hold any more.
                status.conditions.retain(|known| seen.conditions.iter().any(|said| said.kind == known.kind));
            }
            if let Some(moving) = moving {
                consumers_follow(changes, graph, (record, status), moving, ctx)?;
            }
            if moving.is_some() {
                status.conditions.retain(|known| known.kind != CHANGE_FAILED);
            }
            match moving.filter(|moving| moving.earlier.release == status.applied) {
                Some(moving) => change::done(graph, record, status, &moving.earlier).map(Some),
                None => Ok(arrived(before, status, record, &seen.version)),
            }
        }
        (_, Ending::Failed) => fell_back(changes, graph, draft, status, about, moving),
        _ => Ok(None),
    }
}

/// What was made beside or anew has no credentials yet: each consumer gets one.
fn consumers_follow(
    changes: &mut Changes,
    graph: &Graph,
    (record, status): (&Record, &mut InstanceStatus),
    moving: &Move,
    ctx: &Ctx<'_>,
) -> Result<()> {
    let kept = moving.is_beside().then(|| i64::from(moving.keep_days) * 86_400);
    if moving.is_beside() {
        upgrade_strategy::switched(changes, record, status, moving, ctx.now);
    }
    match kept.is_some() || moving.strategy == Strategy::Rebuild {
        true => settle::moved(changes, graph, (record, status), kept, ctx),
        false => Ok(()),
    }
}

/// A look that sees what people brought by hand.
fn seen_done(
    record: &Record,
    status: &mut InstanceStatus,
    draft: &mut Draft,
    seen: &Observation,
) -> Result<Option<&'static str>> {
    Ok(change_request::settle(record, status, seen)?.map(|(settled, event)| {
        *draft = settled;
        event
    }))
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
    if before.applied.is_empty() || before.applied == status.applied {
        return None;
    }
    status.conditions.retain(|condition| condition.kind != FAILED);
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

/// The event of an upgrade or a change that failed: the instance keeps what it had. Where the driver had begun to change
/// it, nobody knows whether that still serves: it is looked at.
fn fell_back(
    changes: &mut Changes,
    graph: &Graph,
    draft: &mut Draft,
    status: &mut InstanceStatus,
    (record, operation, ctx): (&Record, &Operation, &Ctx<'_>),
    moving: Option<&Move>,
) -> Result<Option<&'static str>> {
    let mut spec: InstanceSpec = record.spec()?;
    let wanted = spec.target.clone().unwrap_or_default();
    let Some(earlier) = before_it(status, operation, &spec, moving) else { return Ok(None) };
    let did = |name: &str| operation.steps.iter().any(|step| step.name == name);
    let beside = moving.is_some_and(Move::is_beside);
    let (touched, anew) = (did("apply") && !beside, did("destroy"));
    if let Some(moving) = moving.filter(|_| beside && did("apply")) {
        upgrade_strategy::given_up(changes, graph, record, status, (moving, wanted.clone(), &spec), ctx)?;
    }
    let reason = if touched { "ApplyFailed" } else { "NotBegun" };
    let kept = earlier.release.clone();
    told(status, operation, (&wanted, &kept), reason);
    let is_change = kept == wanted;
    let inputs = earlier.inputs.clone();
    earlier.apply(&mut spec);
    if status.operation == Some(operation.id) {
        status.phase = if touched { Phase::Unknown } else { Phase::Ready };
    }
    if touched || anew {
        // What was taken away is made again; what was touched is looked at.
        let verb = if anew { Verb::Apply } else { Verb::Observe };
        let (id, driver) = (ctx.uid(), driver_of(graph, &spec, status)?);
        let (next, work) = start(id, record.uid, &record.reference, verb, (&spec.environment, &driver), ctx);
        changes.operations.push(next);
        changes.work.push(work);
        if anew {
            status.operation = Some(id);
            status.phase = Phase::Progressing;
            settle::moved(changes, graph, (record, status), None, ctx)?;
        }
    }
    if let Some(given_up) = release_spec(graph, &wanted).filter(|_| status.made_of.is_some() && spec.deployed.is_none())
    {
        changes.absorb(put_back(graph, record, (&mut spec, status), (&given_up, &inputs), ctx)?);
    }
    let mut text = record.parse();
    text.0["spec"] = serde_json::to_value(&spec)?;
    *draft = Draft::new(record.uid, &text, record.source.clone());
    Ok(Some(if is_change { "instance.change-failed" } else { "instance.fell-back" }))
}

/// What it was before the upgrade or the change that an operation was for; none where it was for none.
fn before_it(
    status: &mut InstanceStatus,
    operation: &Operation,
    spec: &InstanceSpec,
    moving: Option<&Move>,
) -> Option<Wish> {
    let another_version = spec.target.as_deref() != Some(&*status.applied);
    let by_version = || {
        let Earlier { release, inputs } = status.earlier.clone()?;
        another_version.then(|| Wish { release, plan: spec.plan.clone(), inputs })
    };
    let earlier = moving.map(|moving| moving.earlier.clone()).or_else(by_version);
    let is_move = |earlier: &Wish| earlier.release == status.applied;
    let earlier = earlier.filter(|earlier| operation.verb == Verb::Apply && is_move(earlier))?;
    // What there is a way back to stays so when going back failed, and when the version was to stay.
    if another_version && !moving.is_some_and(|moving| moving.back) {
        status.earlier = None;
    }
    Some(earlier)
}

/// Says that an upgrade or a change failed, and what to do.
pub(crate) fn told(status: &mut InstanceStatus, operation: &Operation, (wanted, keeps): (&str, &str), reason: &str) {
    let why = sentence(&operation.message);
    let (kind, message) = if wanted == keeps {
        (CHANGE_FAILED, format!("The change failed: {why} It keeps what it had. {}", operation.mend))
    } else {
        (FAILED, format!("Upgrade to {wanted} failed: {why} It keeps {keeps}. {}", operation.mend))
    };
    status.conditions.retain(|condition| condition.kind != "Failed" && condition.kind != kind);
    let (kind, reason, message) = (kind.to_owned(), reason.to_owned(), message.trim().to_owned());
    status.conditions.push(Condition { kind, status: Verdict::True, reason, message });
}

fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}
