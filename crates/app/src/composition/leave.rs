//! Taking things away: what is needed stays, the whole goes first, and its parts follow in reverse.

use super::advance::written;
use super::{deadline, dependents, parts_of, read};
use crate::access::caller::Caller;
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts};
use crate::error::{Error, Result};
use crate::instance::instance_place;
use crate::instance::operation::{Operate, not_begun};
use crate::instance::order::start;
use loggia_graph::{Audience, Graph};
use loggia_model::composition::{Emptying, MadeOf};
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::operation::{Operation, State, Verb};
use loggia_model::time::SECOND;
use loggia_model::{Micros, Record, Ref};
use serde_json::json;
use std::sync::Arc;

/// When parts that go are looked at again, whatever happens, in microseconds.
const AGAIN: i64 = 30 * SECOND;

/// Passes when nothing needs an instance but what goes with it.
///
/// # Errors
/// [`Error::Refused`] with the names of what needs it, as far as the caller sees them.
pub(crate) fn may_go(graph: &Graph, audience: &Audience, record: &Record) -> Result<()> {
    let mut going = vec![record.reference.clone()];
    let mut at = 0;
    while at < going.len() {
        going.extend(parts_of(graph, &going[at]).into_iter().map(|part| part.reference.clone()));
        at += 1;
    }
    let stays = |other: &Record| !going.contains(&other.reference);
    let needing: Vec<_> = going.iter().flat_map(|one| needing(graph, one)).filter(|other| stays(other)).collect();
    if needing.is_empty() {
        return Ok(());
    }
    let mut names: Vec<&str> =
        needing.iter().filter(|other| graph.visible(audience, other)).map(|other| other.reference.name()).collect();
    names.sort_unstable();
    names.dedup();
    let who = if names.is_empty() { "something else".to_owned() } else { names.join(", ") };
    let mend = match needing.iter().find(|other| graph.visible(audience, other)) {
        Some(other) => format!("Destroy that first: {}.", delete(&other.reference)),
        None => "Ask an administrator.".to_owned(),
    };
    Err(Error::refused("instance.needed", format!("{} is needed by {who}.", record.reference.name()), mend))
}

/// What still needs an instance: a whole that is gone itself needs its parts no more.
fn needing(graph: &Graph, instance: &Ref) -> Vec<Arc<Record>> {
    let mut all = dependents(graph, instance);
    all.retain(|other| {
        let status = other.typed_status::<InstanceStatus>().unwrap_or_default();
        status.made_of.is_none_or(|made| made.emptying.is_none())
    });
    all
}

fn delete(instance: &Ref) -> String {
    format!("loggia delete instance/{}/{}", instance.namespace(), instance.name())
}

/// Whether something is left to be taken away after the whole is gone itself; begins with it then.
pub(crate) fn empty(
    changes: &mut Changes,
    graph: &Graph,
    record: &Record,
    operation: &mut Operation,
    confirmed: bool,
    now: Micros,
) -> Result<bool> {
    let parts = parts_of(graph, &record.reference);
    if parts.is_empty() {
        return Ok(false);
    }
    let mut status: InstanceStatus = record.typed_status()?;
    instance_place::leave(changes, graph, &status.outputs);
    let (by, since) = (operation.requested_by.clone(), operation.created_at);
    let emptying = Emptying { operation: operation.id, by, since, confirmed, begun: [].into() };
    let made = MadeOf { emptying: Some(emptying), ..status.made_of.take().unwrap_or_default() };
    status.made_of = Some(made);
    status.phase = Phase::Deleting;
    operation.state = State::Waiting;
    operation.ended_at = None;
    operation.message = format!("It is gone itself; {} of its parts are left.", parts.len());
    operation.mend = "They go by themselves.".to_owned();
    let draft = Draft::of(record).with_status(&serde_json::to_value(&status)?);
    changes.put("instance.emptying", draft, json!({"operation": operation.id, "parts": parts.len()}));
    changes.due.push(deadline(record.uid, now));
    Ok(true)
}

/// Takes away the parts that nothing needs any more; ends the operation of the whole when none is left.
pub(super) fn look(
    graph: &Graph,
    whole: &Record,
    mut status: InstanceStatus,
    mut emptying: Emptying,
    ctx: &Ctx<'_>,
) -> Result<Changes> {
    let mut changes = Changes::default();
    let parts = parts_of(graph, &whole.reference);
    if parts.is_empty() {
        changes.operations.push(ended(whole, &emptying, Ok(()), ctx));
        changes.forgotten.push(whole.uid);
        changes.remove("instance.gone", whole.uid, json!({"operation": emptying.operation}));
        return Ok(changes);
    }
    let as_system = Caller::system("composition", crate::Door::Worker);
    for part in &parts {
        let (_, part_status) = read(part)?;
        if part_status.phase == Phase::Deleting {
            continue;
        }
        if emptying.begun.contains(&part.uid) {
            return given_up(whole, status, &emptying, (part, ""), ctx);
        }
        if !needing(graph, &part.reference).is_empty() {
            continue;
        }
        let operate = Operate::destroying(part.reference.clone(), emptying.confirmed);
        let mut begun = match operate.decide(graph, &Facts::default(), &ctx.by(&as_system)) {
            Err(Error::Refused(refusal)) => {
                return given_up(whole, status, &emptying, (part, &refusal.message), ctx);
            }
            decided => decided?,
        };
        for operation in begun.operations.iter_mut().filter(|operation| operation.state == State::Queued) {
            operation.requested_by.clone_from(&emptying.by);
        }
        changes.absorb(begun);
        emptying.begun.insert(part.uid);
    }
    let made = status.made_of.take().unwrap_or_default();
    if made.emptying.as_ref() != Some(&emptying) {
        status.made_of = Some(MadeOf { emptying: Some(emptying), ..made });
        let draft = Draft::of(whole).with_status(&serde_json::to_value(&status)?);
        changes.put("instance.emptying", draft, json!({"parts": parts.len()}));
    }
    changes.due.push(deadline(whole.uid, Micros(ctx.now.0 + AGAIN)));
    Ok(changes)
}

/// A part could not be taken away: so the whole is not gone either.
fn given_up(
    whole: &Record,
    mut status: InstanceStatus,
    emptying: &Emptying,
    (part, why): (&Record, &str),
    ctx: &Ctx<'_>,
) -> Result<Changes> {
    let mut changes = Changes::default();
    let why = format!("Its part {} could not be taken away. {why}", part.reference.name()).trim_end().to_owned();
    changes.operations.push(ended(whole, emptying, Err(&why), ctx));
    status.phase = Phase::Failed;
    if let Some(made) = &mut status.made_of {
        made.emptying = None;
    }
    let draft = Draft::of(whole).with_status(&serde_json::to_value(&status)?);
    changes.put("instance.failed", draft, json!({"operation": emptying.operation, "message": why}));
    Ok(changes)
}

/// Forgets the parts of a whole that was declined: they waited for it, and nothing was made.
pub(crate) fn forget(changes: &mut Changes, graph: &Graph, whole: &Ref, why: &str, ctx: &Ctx<'_>) -> Result<()> {
    for part in parts_of(graph, whole) {
        let (_, mut status) = read(&part)?;
        if status.phase != Phase::Pending || status.held.is_none() {
            continue;
        }
        forget(changes, graph, &part.reference, why, ctx)?;
        changes.operations.extend(not_begun(&part, &mut status, ctx));
        changes.forgotten.push(part.uid);
        changes.remove("instance.declined", part.uid, json!({"message": why}));
    }
    Ok(())
}

fn ended(whole: &Record, emptying: &Emptying, how: Result<(), &str>, ctx: &Ctx<'_>) -> Operation {
    let (mut operation, _) = start(emptying.operation, whole.uid, &whole.reference, Verb::Destroy, ("", "parts"), ctx);
    operation.requested_by.clone_from(&emptying.by);
    operation.created_at = emptying.since;
    operation.ended_at = Some(ctx.now);
    operation.state = State::Succeeded;
    if let Err(why) = how {
        operation.state = State::Failed;
        operation.message = why.to_owned();
        operation.mend = format!("Look at that part, then: {}.", delete(&whole.reference));
    }
    operation
}

/// Takes away what was a part before and is none any more, once the whole runs without it; whether some still waits.
pub(super) fn former(
    graph: &Graph,
    whole: &Record,
    status: &InstanceStatus,
    changes: &mut Changes,
    ctx: &Ctx<'_>,
) -> Result<bool> {
    let Some(made) = status.made_of.as_ref().filter(|made| !made.leaving.is_empty()) else { return Ok(false) };
    if status.phase == Phase::Failed {
        return Ok(false);
    }
    if status.phase != Phase::Ready || status.held.is_some() {
        return Ok(true);
    }
    let as_system = Caller::system("composition", crate::Door::Worker);
    let mut stays = Vec::new();
    for name in &made.leaving {
        let Some(part) = graph.get_text(name) else { continue };
        let (_, part_status) = read(part)?;
        if part_status.phase == Phase::Deleting || !needing(graph, &part.reference).is_empty() {
            stays.push(name.clone());
            continue;
        }
        let operate = Operate::destroying(part.reference.clone(), true);
        changes.absorb(operate.decide(graph, &Facts::default(), &ctx.by(&as_system))?);
    }
    if stays != made.leaving {
        let (spec, mut status) = read(whole)?;
        status.made_of = Some(MadeOf { leaving: stays.clone(), ..made.clone() });
        changes.put("instance.parts-left", written(whole, &spec, &status)?, json!({"left": made.leaving}));
    }
    Ok(false)
}
