//! How an instance is moved to another version: in place, beside what there is, or anew; and what is kept of the one
//! before.

use crate::access::policy::Action;
use crate::access::writing::subject_of;
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts};
use crate::error::{Error, Result};
use crate::instance::instance_access::settle;
use crate::instance::operation::driver_of;
use crate::instance::order::start;
use crate::instance::take_over::Wish;
use crate::record::visible;
use loggia_graph::Graph;
use loggia_model::instance::{Condition, InstanceStatus, Kept, Phase, Verdict};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::Strategy;
use loggia_model::operation::Verb;
use loggia_model::time::{DAY, SECOND};
use loggia_model::{Micros, Record, Ref, Uid};
use loggia_store::Due;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The kind of the deadline at which what was kept is taken away.
pub(crate) const KIND: &str = "kept";
/// The statement that it could not be taken away.
const LEFT: &str = "EarlierLeft";
/// When that is tried again, in microseconds.
const AGAIN: i64 = 3_600 * SECOND;

/// How an instance is moved, as it waits with the work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Move {
    pub(crate) strategy: Strategy,
    /// Which of the things made for the instance this is about.
    pub(crate) generation: u32,
    /// What it was before.
    pub(crate) earlier: Wish,
    /// How many days that is kept.
    pub(crate) keep_days: u32,
    /// Whether it leads back to the version before.
    #[serde(default)]
    pub(crate) back: bool,
    /// Names of the secret inputs that get another value with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) secrets: Vec<String>,
}

impl Move {
    /// From what it was before.
    pub(crate) fn of(strategy: Strategy, earlier: Wish) -> Move {
        Move { strategy, generation: 0, earlier, keep_days: 0, back: false, secrets: Vec::new() }
    }

    /// Whether it leaves what there was as it is.
    pub(crate) fn is_beside(&self) -> bool {
        self.strategy == Strategy::SideBySide
    }
}

fn key(uid: Uid) -> String {
    format!("{KIND}:{uid}")
}

fn deadline(uid: Uid, time: Micros) -> Due {
    Due { key: key(uid), time, kind: KIND.to_owned(), subject: Some(uid), payload: Value::Null }
}

/// What there was is kept from now on, and the new one is in use.
pub(crate) fn switched(
    changes: &mut Changes,
    record: &Record,
    status: &mut InstanceStatus,
    moving: &Move,
    now: Micros,
) {
    let until = Micros(now.0 + i64::from(moving.keep_days) * DAY);
    let Wish { release, inputs, .. } = moving.earlier.clone();
    status.kept = Some(Kept { generation: status.generation, release, inputs, until });
    status.generation = moving.generation;
    changes.due.push(deadline(record.uid, until));
}

/// What was half made beside the one in use is taken away again.
pub(crate) fn given_up(
    changes: &mut Changes,
    graph: &Graph,
    record: &Record,
    status: &mut InstanceStatus,
    (moving, wanted, spec): (&Move, String, &InstanceSpec),
    ctx: &Ctx<'_>,
) -> Result<()> {
    // On the way back the other one is that which was kept: it stays until its time.
    if status.kept.is_some() {
        return Ok(());
    }
    let kept = Kept { generation: moving.generation, release: wanted, inputs: spec.inputs.clone(), until: ctx.now };
    status.kept = Some(kept);
    retire(changes, graph, record, status, ctx).map(drop)
}

/// Starts taking away what is kept.
fn retire(
    changes: &mut Changes,
    graph: &Graph,
    record: &Record,
    status: &InstanceStatus,
    ctx: &Ctx<'_>,
) -> Result<Option<Uid>> {
    let Some(kept) = &status.kept else { return Ok(None) };
    let spec: InstanceSpec = record.spec()?;
    let driver = driver_of(graph, &spec, status)?;
    let id = ctx.uid();
    let (operation, mut work) =
        start(id, record.uid, &record.reference, Verb::Retire, (&spec.environment, &driver), ctx);
    let wish = Wish { release: kept.release.clone(), plan: spec.plan, inputs: kept.inputs.clone() };
    let strategy = Strategy::SideBySide;
    let moving = Move { generation: kept.generation, ..Move::of(strategy, wish.clone()) };
    work.payload = json!({"before": status.phase, "confirmed": true, "wish": wish, "move": moving});
    changes.operations.push(operation);
    changes.work.push(work);
    // Should nothing come of it, it is begun again.
    changes.due.push(deadline(record.uid, Micros(ctx.now.0 + AGAIN)));
    Ok(Some(id))
}

/// What the end of taking it away means.
pub(crate) fn retired(changes: &mut Changes, record: &Record, status: &mut InstanceStatus, gone: bool, why: &str) {
    status.conditions.retain(|condition| condition.kind != LEFT);
    if gone {
        let kept = status.kept.take();
        if let Some(kept) = &kept {
            settle::retired(changes, status, kept.generation);
        }
        // With it goes the way back.
        status.earlier =
            status.earlier.take().filter(|earlier| kept.is_none_or(|kept| kept.release != earlier.release));
        changes.past.push(key(record.uid));
        return;
    }
    let message = format!("What was kept of the earlier version could not be taken away: {why} It is tried again.");
    let (kind, reason) = (LEFT.to_owned(), "RetireFailed".to_owned());
    status.conditions.push(Condition { kind, status: Verdict::True, reason, message });
}

/// Takes away what was kept, when its time is over; later while something else is being done.
pub(crate) fn over(due: &Due, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
    let mut changes = Changes::default();
    let Some(record) = due.subject.and_then(|uid| graph.by_uid(uid)) else { return Ok(changes) };
    let status: InstanceStatus = record.typed_status()?;
    let Some(kept) = &status.kept else { return Ok(changes) };
    if kept.until > ctx.now {
        changes.due.push(deadline(record.uid, kept.until));
        return Ok(changes);
    }
    if matches!(status.phase, Phase::Pending | Phase::Progressing | Phase::Deleting) {
        changes.due.push(deadline(record.uid, Micros(ctx.now.0 + AGAIN / 12)));
        return Ok(changes);
    }
    retire(&mut changes, graph, record, &status, ctx)?;
    changes.note("instance.kept-over", Some((record.uid, record.reference.clone())), json!({"release": kept.release}));
    Ok(changes)
}

/// Takes away what is kept before its time: there is no way back then.
pub struct LetGo {
    /// The instance.
    pub instance: Ref,
}

impl Command for LetGo {
    fn name(&self) -> &'static str {
        "instance.let-go"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.instance)?;
        ctx.require(Action::Operate, &subject_of(&record.parse()))?;
        let mut status: InstanceStatus = record.typed_status()?;
        if matches!(status.phase, Phase::Pending | Phase::Progressing | Phase::Deleting) {
            let message = "Something is being done to it.";
            return Err(Error::refused("instance.busy", message, "Wait until that has ended, then try again."));
        }
        let mut changes = Changes::default();
        let id = retire(&mut changes, graph, &record, &status, ctx)?;
        let none =
            || Error::refused("upgrade.none-kept", "Nothing is kept of an earlier version.", "There is nothing to do.");
        let id = id.ok_or_else(none)?;
        if let Some(kept) = &mut status.kept {
            kept.until = ctx.now;
        }
        let draft = Draft::of(&record).with_status(&serde_json::to_value(&status)?);
        changes.put("instance.let-go", draft, json!({"operation": id}));
        changes.answer = json!({"instance": self.instance, "uid": record.uid, "operation": id});
        Ok(changes)
    }
}
