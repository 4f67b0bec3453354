//! Commands about operations: ending them, asking for them again, destroying.

use crate::App;
use crate::caller::Caller;
use crate::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts, Need};
use crate::driver::{Observation, Presence, Secret};
use crate::error::{Error, Result};
use crate::order::start;
use crate::policy::Action;
use crate::record::visible;
use crate::secret::SecretBox;
use crate::writing::subject_of;
use loggia_graph::Graph;
use loggia_model::instance::{Condition, InstanceStatus, Phase, Step, Verdict};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::operation::{Operation, State, Verb};
use loggia_model::{Record, Ref, Uid};
pub use loggia_store::LogLine;
use serde_json::{Value, json};

/// How an operation ended, as a worker found it.
pub(crate) enum Ending {
    /// The resource is as wanted.
    Ready(Box<Observation>),
    /// It was looked at; nothing was changed.
    Seen(Box<Observation>),
    /// Its absence was observed after destroying it.
    Gone,
    /// It failed, and trying again does not help.
    Failed,
}

/// Writes the end of an operation. Only the worker that holds the fence may.
pub(crate) struct Finish {
    pub(crate) operation: Operation,
    pub(crate) fence: i64,
    pub(crate) ending: Ending,
    pub(crate) release: String,
    pub(crate) secrets: Vec<(String, Secret)>,
    pub(crate) sealer: SecretBox,
}

impl Command for Finish {
    fn name(&self) -> &'static str {
        "operation.finish"
    }

    fn needs(&self, _: &Graph, _: &Caller) -> Vec<Need> {
        vec![Need::Held { work: self.operation.id, subject: self.operation.instance, fence: self.fence }]
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        if facts.held.is_empty() {
            return Err(Error::Conflict("Another worker has taken this operation over.".into()));
        }
        let mut changes = Changes::default();
        let mut operation = self.operation.clone();
        operation.ended_at = Some(ctx.now);
        operation.state = if matches!(self.ending, Ending::Failed) { State::Failed } else { State::Succeeded };
        changes.finished.push((operation.id, self.fence));
        // The instance may be forgotten meanwhile; the operation ends all the same.
        if let Some(record) = graph.by_uid(operation.instance) {
            self.instance(&mut changes, record, &operation, ctx)?;
        }
        changes.operations.push(operation);
        Ok(changes)
    }
}

impl Finish {
    fn instance(&self, changes: &mut Changes, record: &Record, operation: &Operation, ctx: &Ctx<'_>) -> Result<()> {
        let uid = record.uid;
        let mut status: InstanceStatus = record.typed_status()?;
        let before = status.clone();
        let data = json!({"operation": operation.id, "message": operation.message});
        let event = match &self.ending {
            Ending::Gone => {
                changes.forgotten.push(uid);
                changes.remove("instance.gone", uid, data);
                return Ok(());
            }
            Ending::Failed => {
                if operation.verb != Verb::Observe {
                    status.phase = Phase::Failed;
                }
                set_condition(&mut status.conditions, failed(operation));
                "instance.failed"
            }
            Ending::Ready(seen) => {
                status.applied.clone_from(&self.release);
                status.phase = Phase::Ready;
                take(&mut status, seen);
                "instance.ready"
            }
            Ending::Seen(seen) => {
                status.phase = phase_seen(before.phase, seen.presence);
                take(&mut status, seen);
                "instance.observed"
            }
        };
        for (name, secret) in &self.secrets {
            changes.secrets.push(self.sealer.seal(ctx.now, uid, &format!("output.{name}"), secret)?);
            if !status.secret_outputs.contains(name) {
                status.secret_outputs.push(name.clone());
            }
        }
        if let Ending::Ready(seen) | Ending::Seen(seen) = &self.ending {
            if seen.presence == Presence::Present {
                changes.saw(uid, ctx.now, "driver");
            }
            changes.usage.extend(seen.readings.iter().cloned());
        }
        if status != before {
            if status.version != before.version || status.since.is_none() {
                status.since = Some(ctx.now);
            }
            changes.put(event, Draft::of(record).with_status(&serde_json::to_value(&status)?), data);
        }
        Ok(())
    }
}

/// The phase after a look: absence makes a ready instance failed, never gone; nobody asked for it to go.
pub(crate) fn phase_seen(before: Phase, presence: Presence) -> Phase {
    match (presence, before) {
        (Presence::Present, Phase::Unknown) => Phase::Ready,
        (Presence::Absent, Phase::Ready | Phase::Unknown) => Phase::Failed,
        (_, before) => before,
    }
}

/// Takes over what was seen.
pub(crate) fn take(status: &mut InstanceStatus, seen: &Observation) {
    // What another driver carries keeps the version that was reported: nothing real was looked at.
    if !seen.version.is_empty() && status.driver.is_empty() {
        status.version.clone_from(&seen.version);
    }
    if !seen.outputs.is_empty() {
        status.outputs.clone_from(&seen.outputs);
    }
    status.conditions.retain(|condition| condition.kind != "Failed");
    for condition in &seen.conditions {
        set_condition(&mut status.conditions, condition.clone());
    }
    if seen.presence == Presence::Absent {
        let message = "It was looked for and is not there.".to_owned();
        let kind = "Present".to_owned();
        set_condition(
            &mut status.conditions,
            Condition { kind, status: Verdict::False, reason: "Absent".into(), message },
        );
    }
    status.known_by = "driver".to_owned();
}

fn failed(operation: &Operation) -> Condition {
    let message = format!("{} {}", operation.message, operation.mend).trim().to_owned();
    Condition {
        kind: "Failed".into(),
        status: Verdict::True,
        reason: format!("{}Failed", capital(operation.verb)),
        message,
    }
}

fn capital(verb: Verb) -> &'static str {
    match verb {
        Verb::Apply => "Apply",
        Verb::Observe => "Observe",
        Verb::Destroy => "Destroy",
    }
}

fn set_condition(list: &mut Vec<Condition>, condition: Condition) {
    match list.iter_mut().find(|known| known.kind == condition.kind) {
        Some(known) => *known = condition,
        None => list.push(condition),
    }
}

/// Destroys an instance, or does again what failed.
pub struct Operate {
    /// The instance.
    pub instance: Ref,
    /// What to do.
    pub verb: Verb,
    /// The customer knows that data is lost (destroy only).
    pub confirmed: bool,
}

impl Command for Operate {
    fn name(&self) -> &'static str {
        match self.verb {
            Verb::Apply => "instance.retry",
            Verb::Observe => "instance.look",
            Verb::Destroy => "instance.destroy",
        }
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.instance)?;
        ctx.require(Action::Operate, &subject_of(&record.parse()))?;
        let spec: InstanceSpec = record.spec()?;
        if spec.step != Step::Managed {
            return Err(Error::refused(
                "instance.not-managed",
                format!("{} is {:?}: no driver of this platform made it.", self.instance.name(), spec.step)
                    .to_lowercase(),
                "Change it where it was made; what runs is reported by your pipeline.",
            ));
        }
        let mut status: InstanceStatus = record.typed_status()?;
        if status.phase == Phase::Deleting && self.verb != Verb::Destroy {
            return Err(Error::refused("instance.deleting", "It is being destroyed.", "Wait until it is gone."));
        }
        let destroying = status.phase == Phase::Deleting && self.verb == Verb::Destroy;
        let making = matches!(status.phase, Phase::Pending | Phase::Progressing) && self.verb == Verb::Apply;
        if let Some(running) = status.operation.filter(|_| destroying || making) {
            // Asked for already: one operation is enough, and its end is the answer to both.
            return Ok(Changes::answer(json!({"instance": self.instance, "uid": record.uid, "operation": running})));
        }
        let id = ctx.uid();
        let driver = driver_of(graph, &spec, &status)?;
        let (operation, mut work) = start(id, record.uid, &self.instance, self.verb, &driver, ctx);
        work.payload = json!({"confirmed": self.confirmed});
        let mut changes = Changes::answer(json!({"instance": self.instance, "uid": record.uid, "operation": id}));
        changes.operations.push(operation);
        changes.work.push(work);
        if self.verb == Verb::Observe {
            return Ok(changes);
        }
        status.operation = Some(id);
        status.phase = if self.verb == Verb::Destroy { Phase::Deleting } else { Phase::Progressing };
        let event = if self.verb == Verb::Destroy { "instance.destroying" } else { "instance.retried" };
        let draft = Draft::of(&record).with_status(&serde_json::to_value(&status)?);
        changes.put(event, draft, json!({"operation": id, "confirmed": self.confirmed}));
        Ok(changes)
    }
}

/// The driver of an instance: the one that holds it, else that of the release that it is to run.
pub(crate) fn driver_of(graph: &Graph, spec: &InstanceSpec, status: &InstanceStatus) -> Result<String> {
    if !status.driver.is_empty() {
        return Ok(status.driver.clone());
    }
    let name = spec.target.as_deref().unwrap_or_default();
    let release = graph.get(&Ref::new("release", "default", name));
    let release = release.ok_or_else(|| Error::NotFound(format!("The release {name} is not there any more.")))?;
    Ok(release.spec::<ReleaseSpec>()?.recipe.driver)
}

impl App {
    /// An operation that the caller may see: that of an instance that they may see.
    ///
    /// # Errors
    /// [`Error::NotFound`], the same whether it does not exist or may not be seen.
    pub async fn operation(&self, caller: &Caller, id: Uid) -> Result<Operation> {
        let missing = || Error::NotFound("There is no such operation, or you may not see it.".into());
        let operation = self.store.operation(id).await?.ok_or_else(missing)?;
        let graph = self.graph();
        let may = match graph.by_uid(operation.instance) {
            Some(record) => graph.visible(&caller.audience, record),
            None => caller.administrator || caller.product_team || operation.requested_by == caller.name(),
        };
        if may { Ok(operation) } else { Err(missing()) }
    }

    /// The operations of an instance, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn operations_of(&self, instance: Uid, limit: i64) -> Result<Vec<Operation>> {
        Ok(self.store.operations_of(instance, limit).await?)
    }

    /// The lines of an operation's run after a number, each with its number.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn log_lines(&self, operation: Uid, after: i64) -> Result<Vec<LogLine>> {
        Ok(self.store.log_lines(operation, after, 10_000).await?)
    }

    /// Tells which operations have moved, as they move.
    pub fn progress(&self) -> tokio::sync::broadcast::Receiver<Uid> {
        self.progress.subscribe()
    }

    /// Opens a secret output of an instance for its team. Each reading is an event.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, [`Error::Forbidden`] for others than the team.
    pub async fn reveal(&self, caller: &Caller, instance: &Ref, name: &str) -> Result<Secret> {
        let record = self.record(caller, instance)?;
        self.require(caller, Action::Reveal, &subject_of(&record.parse()))?;
        let field = format!("output.{name}");
        let row = self.store.secret(record.uid, &field).await?;
        let row = row.ok_or_else(|| Error::NotFound(format!("{} has no secret {name}.", instance.name())))?;
        self.run(caller, Revealed { uid: record.uid, reference: instance.clone(), field }).await?;
        self.secrets.open(&row)
    }
}

/// Notes that a secret was read.
struct Revealed {
    uid: Uid,
    reference: Ref,
    field: String,
}

impl Command for Revealed {
    fn name(&self) -> &'static str {
        "secret.reveal"
    }

    fn decide(&self, _: &Graph, _: &Facts, _: &Ctx<'_>) -> Result<Changes> {
        let mut changes = Changes::answer(Value::Null);
        changes.note("secret.revealed", Some((self.uid, self.reference.clone())), json!({"field": self.field}));
        Ok(changes)
    }
}
