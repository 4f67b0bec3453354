//! What follows from decisions, the clock and ended operations: work, deadlines, secrets.

use crate::command::changes::Changes;
use crate::command::{Ctx, Facts};
use crate::error::Result;
use crate::instance::driver::Secret;
use crate::instance::instance_access::{draft, words};
use crate::instance::operation::driver_of;
use crate::instance::order::start;
use loggia_graph::Graph;
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::instance_access::{self as access, Access, Act, Credential};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::operation::{Operation, Verb};
use loggia_model::{Record, Uid};
use loggia_store::Due;
use serde_json::{Map, Value, json};

/// The kind of the deadline at which the clock looks at the accesses of an instance.
pub(crate) const KIND: &str = "access";
/// The name of a secret of a credential, in front of its own.
pub(super) const FIELD: &str = "access.";

/// How an operation about a credential ended.
pub(crate) enum AccessEnd {
    /// It was made and seen.
    Made(Map<String, Value>),
    /// It could not be made; whether the driver had begun.
    NotMade(bool),
    /// Its absence was seen.
    Taken,
    /// It could not be taken away.
    NotTaken,
    /// Nobody wanted it any more when its turn came, or it went with the instance.
    Idle,
}

/// The event of a change.
pub(crate) struct Told {
    pub(crate) event: &'static str,
    pub(crate) data: Value,
}

fn key(uid: Uid) -> String {
    format!("{KIND}:{uid}")
}

/// Writes the accesses of an instance, with what is to be done and when to look again; gives the first operation.
pub(crate) fn write(
    changes: &mut Changes,
    graph: &Graph,
    (record, status): (&Record, InstanceStatus),
    acts: &[Act],
    told: Told,
    ctx: &Ctx<'_>,
) -> Result<Option<Uid>> {
    let first = begin(changes, graph, (record, &status), acts, ctx)?;
    changes.put(told.event, draft(record, &status)?, told.data);
    Ok(first)
}

/// What is to be done, as operations, and when to look again; gives the first operation.
pub(crate) fn begin(
    changes: &mut Changes,
    graph: &Graph,
    (record, status): (&Record, &InstanceStatus),
    acts: &[Act],
    ctx: &Ctx<'_>,
) -> Result<Option<Uid>> {
    let spec: InstanceSpec = record.spec()?;
    let mut first = None;
    for act in acts {
        let (verb, credential) = match act {
            Act::Make(id) => (Verb::Grant, id),
            Act::Take(id) => (Verb::Revoke, id),
        };
        let (id, driver) = (ctx.uid(), driver_of(graph, &spec, status)?);
        let (operation, mut work) = start(id, record.uid, &record.reference, verb, (&spec.environment, &driver), ctx);
        work.payload = json!({"credential": credential, "before": status.phase});
        changes.operations.push(operation);
        changes.work.push(work);
        first = first.or(Some(id));
    }
    match access::next(&status.access) {
        Some(time) => {
            let (key, kind) = (key(record.uid), KIND.to_owned());
            changes.due.push(Due { key, time, kind, subject: Some(record.uid), payload: Value::Null });
        }
        None => changes.past.push(key(record.uid)),
    }
    Ok(first)
}

/// The clock looks: what is over is taken away.
pub(crate) fn due(due: &Due, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
    let mut changes = Changes::default();
    let Some(record) = due.subject.and_then(|uid| graph.by_uid(uid)) else { return Ok(changes) };
    let mut status: InstanceStatus = record.typed_status()?;
    if status.phase == Phase::Deleting {
        // It goes with the instance, and if that does not go, it is looked at again.
        changes.due.push(Due { time: ctx.now.plus_seconds(600), ..due.clone() });
        return Ok(changes);
    }
    let before = status.clone();
    let acts = access::due(&mut status.access, ctx.now);
    if status == before {
        begin(&mut changes, graph, (record, &status), &acts, ctx)?;
        return Ok(changes);
    }
    let over: Vec<String> = status.access.iter().filter(|access| !access.lives()).map(words).collect();
    let event = if over.is_empty() { "access.overlap-over" } else { "access.expired" };
    let told = Told { event, data: json!({"message": over.join(", ")}) };
    write(&mut changes, graph, (record, status), &acts, told, ctx)?;
    Ok(changes)
}

/// The end of an operation about a credential: nothing else of the instance is touched.
pub(crate) fn ended(
    changes: &mut Changes,
    graph: &Graph,
    (record, operation, credential): (&Record, &Operation, Uid),
    (end, secrets): (&AccessEnd, &[(String, Secret)]),
    ctx: &Ctx<'_>,
) -> Result<()> {
    let mut status: InstanceStatus = record.typed_status()?;
    let before = status.clone();
    let message = access::of(&status.access, credential).map(|(access, _)| words(access)).unwrap_or_default();
    let about = (operation, credential);
    let Some((acts, event)) = concluded(changes, &mut status.access, about, (end, secrets), ctx)? else {
        return Ok(());
    };
    if status == before {
        return Ok(());
    }
    let told = Told { event, data: json!({"operation": operation.id, "message": message}) };
    write(changes, graph, (record, status), &acts, told, ctx).map(drop)
}

/// What an end means for the accesses: what is to be done now, and the event; none where it means nothing.
fn concluded(
    changes: &mut Changes,
    list: &mut Vec<Access>,
    (operation, credential): (&Operation, Uid),
    (end, secrets): (&AccessEnd, &[(String, Secret)]),
    ctx: &Ctx<'_>,
) -> Result<Option<(Vec<Act>, &'static str)>> {
    Ok(Some(match end {
        AccessEnd::Idle => return Ok(None),
        AccessEnd::Made(outputs) => {
            let names = secrets.iter().map(|(name, _)| name.clone()).collect();
            let (wanted, acts) = access::made(list, credential, (outputs.clone(), names), ctx.now);
            for (name, secret) in secrets.iter().filter(|_| wanted) {
                changes.secrets.push(ctx.seal(credential, &format!("{FIELD}{name}"), secret)?);
            }
            (acts, "access.made")
        }
        AccessEnd::NotMade(touched) => (access::not_made(list, credential, *touched, ctx.now), "access.failed"),
        AccessEnd::Taken => {
            access::taken(list, credential);
            changes.forgotten.push(credential);
            (Vec::new(), "access.gone")
        }
        AccessEnd::NotTaken => {
            let why = loggia_model::problem::sentences(&operation.message, &operation.mend);
            access::not_taken(list, credential, &why, ctx.now);
            (Vec::new(), "access.stuck")
        }
    }))
}

/// The instance was made beside what there was, or anew: each consumer gets a credential there.
pub(crate) fn moved(
    changes: &mut Changes,
    graph: &Graph,
    (record, status): (&Record, &mut InstanceStatus),
    kept_seconds: Option<i64>,
    ctx: &Ctx<'_>,
) -> Result<()> {
    if status.access.is_empty() {
        return Ok(());
    }
    let (generation, now) = (status.generation, ctx.now);
    let mut fresh = || Credential::new(ctx.uid(), generation, kept_seconds.unwrap_or(0), now);
    let (acts, gone) = access::moved(&mut status.access, &mut fresh, kept_seconds.is_some(), now);
    changes.forgotten.extend(gone);
    begin(changes, graph, (record, status), &acts, ctx).map(drop)
}

/// Nothing is left of what was kept of an earlier version, nor of the credentials for it.
pub(crate) fn retired(changes: &mut Changes, status: &mut InstanceStatus, generation: u32) {
    changes.forgotten.extend(access::gone(&mut status.access, generation));
}

/// The instance is gone, and all credentials with it.
pub(crate) fn gone(changes: &mut Changes, uid: Uid, status: &InstanceStatus) {
    changes.forgotten.extend(status.access.iter().flat_map(|access| &access.credentials).map(|known| known.id));
    if !status.access.is_empty() {
        changes.past.push(key(uid));
    }
}
