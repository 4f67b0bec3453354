//! Letting go what has all that it needs, and ending what never will.

use super::{deadline, fall_back, fill, is_whole, leave, parts_of, read, touched, whole_of};
use crate::command::changes::{Changes, Draft};
use crate::command::{Ctx, Facts, Need};
use crate::error::{Error, Result};
use crate::instance::operation::driver_of;
use crate::instance::order::start;
use loggia_graph::Graph;
use loggia_model::composition::Held;
use loggia_model::instance::{Condition, InstanceStatus, Phase, Verdict};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::operation::{Operation, State, Verb};
use loggia_model::time::{DAY, SECOND};
use loggia_model::{Micros, Record, Ref, Uid};
use loggia_store::{Due, NewWork};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// When a whole that still waits is looked at again, whatever happens, in microseconds.
const AGAIN: i64 = 30 * SECOND;

/// An operation that waits for what its instance needs.
pub(crate) fn hold(status: &mut InstanceStatus, operation: &mut Operation, waits_for: &str, ctx: &Ctx<'_>) {
    status.held = Some(Held { by: operation.requested_by.clone(), since: ctx.now, work: Value::Null });
    operation.state = State::Waiting;
    operation.message = format!("It waits for {waits_for}.");
    operation.mend = "It begins by itself.".to_owned();
}

/// What an instance waits for, in words.
pub(crate) fn needed_words(spec: &InstanceSpec) -> String {
    let names: Vec<String> = match &spec.wiring {
        Some(wiring) => wiring.sources().iter().map(|source| source.name().to_owned()).collect(),
        None => Vec::new(),
    };
    if names.is_empty() { "the whole that it is a part of".to_owned() } else { names.join(", ") }
}

/// How long something waits for what it needs at most, in microseconds.
const LONGEST: i64 = DAY;

/// The secrets that letting go needs.
pub(crate) fn needs(graph: &Graph, subject: Uid) -> Vec<Need> {
    let Some(whole) = graph.by_uid(subject) else { return Vec::new() };
    let held = |record: &Arc<Record>| record.status.as_deref().is_some_and(|text| text.contains("\"held\""));
    let all = parts_of(graph, &whole.reference).into_iter().chain([Arc::clone(whole)]).filter(held);
    all.filter_map(|record| record.spec::<InstanceSpec>().ok()?.wiring)
        .flat_map(|wiring| fill::needs(graph, &wiring))
        .collect()
}

/// Looks at a whole: begins what can begin, ends what cannot, takes away what is to go.
pub(crate) fn look(due: &Due, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
    let Some(whole) = due.subject.and_then(|uid| graph.by_uid(uid)) else { return Ok(Changes::default()) };
    let (_, status) = read(whole)?;
    let emptying = status.made_of.as_ref().and_then(|made| made.emptying.clone());
    if let Some(emptying) = emptying.filter(|_| status.phase == Phase::Deleting) {
        return leave::look(graph, whole, status, emptying, ctx);
    }
    let mut changes = Changes::default();
    let (mut waiting, mut failed) = (false, Vec::new());
    let parts = parts_of(graph, &whole.reference);
    for record in parts.iter().chain([whole]) {
        match one(graph, facts, record, &mut changes, ctx)? {
            Turn::Waits => waiting = true,
            Turn::Failed => failed.push(record),
            Turn::Nothing => {}
        }
    }
    waiting |= leave::former(graph, whole, &status, &mut changes, ctx)?;
    if waiting && failed.is_empty() {
        changes.due.push(deadline(whole.uid, Micros(ctx.now.0 + AGAIN)));
    }
    // What needs what failed is told next.
    let nested = parts.iter().filter(|part| part.status.as_deref().is_some_and(|text| text.contains("\"held\"")));
    changes.due.extend(nested.filter(|part| is_whole(part)).map(|part| deadline(part.uid, ctx.now)));
    for record in failed {
        touched(&mut changes, graph, record, ctx.now);
    }
    changes.due.sort_by(|one, other| one.key.cmp(&other.key));
    changes.due.dedup_by(|one, other| one.key == other.key);
    Ok(changes)
}

/// What came of looking at one.
enum Turn {
    Nothing,
    Waits,
    Failed,
}

/// What becomes of one that is held.
enum Fate {
    Begins,
    Waits,
    Fails(String),
}

/// Begins or ends one instance that is held; whether it still waits.
fn one(graph: &Graph, facts: &Facts, record: &Record, changes: &mut Changes, ctx: &Ctx<'_>) -> Result<Turn> {
    let (mut spec, mut status) = read(record)?;
    let Some(held) = status.held.clone() else { return Ok(Turn::Nothing) };
    match fate(graph, record, (&spec, &status, &held), ctx.now)? {
        Fate::Waits => Ok(Turn::Waits),
        Fate::Fails(why) => fail(graph, record, (spec, status, &held), &why, changes, ctx),
        Fate::Begins => match fill::fill(graph, facts, record, (&mut spec, &mut status), ctx) {
            Ok(filled) => {
                changes.absorb(filled);
                begin(graph, record, &spec, status, &held, changes, ctx)?;
                Ok(Turn::Nothing)
            }
            Err(Error::Refused(refusal)) => {
                let why = format!("{} {}", refusal.message, refusal.mend);
                fail(graph, record, (spec, status, &held), &why, changes, ctx)
            }
            Err(error) => Err(error),
        },
    }
}

/// What it needs: all ready, one that never will be, or neither.
fn fate(
    graph: &Graph,
    record: &Record,
    (spec, status, held): (&InstanceSpec, &InstanceStatus, &Held),
    now: Micros,
) -> Result<Fate> {
    if asks(graph, record, status)? {
        return Ok(Fate::Waits);
    }
    let (mut waits, mut fails) = (false, None);
    for source in needed(spec) {
        let Some(source) = graph.get(&source) else {
            fails = Some(format!("{}, which it needs, was not made.", source.name()));
            continue;
        };
        let other: InstanceStatus = source.typed_status()?;
        match other.phase {
            Phase::Ready if other.held.is_none() => {}
            Phase::Failed | Phase::Deleting | Phase::Gone => {
                fails = Some(format!("{}, which it needs, failed.", source.reference.name()));
            }
            _ if now.0 - held.since.0 > LONGEST => {
                let name = source.reference.name();
                fails = Some(format!("{name}, which it needs, was not ready within a day."));
            }
            _ => waits = true,
        }
    }
    // On the way to another version all come to an end first, so that all can go back.
    let ends = !waits || fall_back::moving(held).is_none();
    Ok(match fails.filter(|_| ends) {
        Some(why) => Fate::Fails(why),
        None if waits => Fate::Waits,
        None => Fate::Begins,
    })
}

fn needed(spec: &InstanceSpec) -> BTreeSet<Ref> {
    spec.wiring.as_ref().map(loggia_model::composition::Wiring::sources).unwrap_or_default()
}

/// Whether somebody has to agree first: to this, or to something that it is a part of.
fn asks(graph: &Graph, record: &Record, status: &InstanceStatus) -> Result<bool> {
    if status.approval.is_some() {
        return Ok(true);
    }
    match whole_of(graph, record) {
        Some(whole) => asks(graph, &whole, &whole.typed_status()?),
        None => Ok(false),
    }
}

/// The operation of one that is held, as it was asked for.
fn operation_of(
    record: &Record,
    spec: &InstanceSpec,
    id: Uid,
    driver: &str,
    held: &Held,
    ctx: &Ctx<'_>,
) -> (Operation, NewWork) {
    let (mut operation, work) = start(id, record.uid, &record.reference, Verb::Apply, (&spec.environment, driver), ctx);
    operation.requested_by.clone_from(&held.by);
    operation.created_at = held.since;
    (operation, work)
}

fn begin(
    graph: &Graph,
    record: &Record,
    spec: &InstanceSpec,
    mut status: InstanceStatus,
    held: &Held,
    changes: &mut Changes,
    ctx: &Ctx<'_>,
) -> Result<()> {
    let Some(id) = status.operation else { return Ok(()) };
    let driver = driver_of(graph, spec, &status)?;
    let (operation, mut work) = operation_of(record, spec, id, &driver, held, ctx);
    work.payload.clone_from(&held.work);
    status.held = None;
    let needs: Vec<&String> = spec.needs.iter().collect();
    let data = json!({"operation": id, "needs": needs});
    changes.put("instance.begun", written(record, spec, &status)?, data);
    changes.operations.push(operation);
    changes.work.push(work);
    Ok(())
}

/// Ends what cannot begin; on the way to another version it keeps the one that it has.
fn fail(
    graph: &Graph,
    record: &Record,
    (spec, mut status, held): (InstanceSpec, InstanceStatus, &Held),
    why: &str,
    changes: &mut Changes,
    ctx: &Ctx<'_>,
) -> Result<Turn> {
    let Some(id) = status.operation else { return Ok(Turn::Failed) };
    let (mut operation, _) = operation_of(record, &spec, id, "", held, ctx);
    operation.state = State::Failed;
    operation.ended_at = Some(ctx.now);
    operation.message = why.to_owned();
    operation.mend = "Mend that, then try this again.".to_owned();
    status.held = None;
    let data = json!({"operation": id, "message": why});
    if let Some(moving) = fall_back::moving(held) {
        let kept = fall_back::keep(graph, record, (spec.clone(), status.clone()), (&moving, &operation), ctx);
        if let Ok((draft, parts)) = kept {
            changes.put("instance.fell-back", draft, data);
            changes.absorb(parts);
            changes.operations.push(operation);
            return Ok(Turn::Nothing);
        }
    }
    status.phase = Phase::Failed;
    status.conditions.retain(|condition| condition.kind != "Failed");
    let message = format!("{} {}", operation.message, operation.mend);
    let (kind, reason) = ("Failed".to_owned(), "NeedFailed".to_owned());
    status.conditions.push(Condition { kind, status: Verdict::True, reason, message });
    changes.put("instance.failed", written(record, &spec, &status)?, data);
    changes.operations.push(operation);
    Ok(Turn::Failed)
}

/// An instance with another text and status.
pub(crate) fn written(record: &Record, spec: &InstanceSpec, status: &InstanceStatus) -> Result<Draft> {
    let mut text = record.parse();
    text.0["spec"] = serde_json::to_value(spec)?;
    Ok(Draft::new(record.uid, &text, record.source.clone()).with_status(&serde_json::to_value(status)?))
}
