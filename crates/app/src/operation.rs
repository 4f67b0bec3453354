//! Commands about operations: ending them, asking for them again, destroying.

use crate::App;
use crate::caller::Caller;
use crate::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts, Need};
use crate::driver::{Observation, Presence, Secret};
use crate::error::{Error, Result};
use crate::instance_place;
use crate::observation;
use crate::offering;
use crate::order::start;
use crate::policy::Action;
use crate::record::visible;
use crate::secret::SecretBox;
use crate::take_over::Taken;
use crate::upgrade_end;
use crate::writer::Outcome;
use crate::writing::subject_of;
use loggia_graph::Graph;
use loggia_model::instance::{Condition, InstanceStatus, Phase, Step, Verdict};
use loggia_model::kinds::environment::EnvironmentSpec;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::{Contract, ReleaseSpec};
use loggia_model::operation::{Operation, State, Verb};
use loggia_model::{Record, Ref, Uid};
pub use loggia_store::LogLine;
use serde_json::json;

/// How an operation ended, as a worker found it.
pub(crate) enum Ending {
    /// The resource is as wanted.
    Ready(Box<Observation>),
    /// It was looked at; nothing was changed.
    Seen(Box<Observation>),
    /// It was there already, and nothing would change: a driver holds it from now on.
    Taken(Box<Taken>),
    /// Its absence was observed after destroying it.
    Gone,
    /// It failed, and trying again does not help.
    Failed,
    /// It failed before anything outside was touched: the instance is what it was.
    Kept(Phase),
}

impl Ending {
    /// Whether the operation did not do what it was asked for.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Ending::Failed | Ending::Kept(_))
    }

    /// What was seen at last.
    fn seen(&self) -> Option<&Observation> {
        match self {
            Ending::Ready(seen) | Ending::Seen(seen) => Some(seen),
            Ending::Taken(taken) => Some(&taken.seen),
            Ending::Gone | Ending::Failed | Ending::Kept(_) => None,
        }
    }
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
        operation.state = if self.ending.is_failure() { State::Failed } else { State::Succeeded };
        changes.finished.push((operation.id, self.fence));
        // The instance may be forgotten meanwhile; the operation ends all the same.
        if let Some(record) = graph.by_uid(operation.instance) {
            self.instance(graph, &mut changes, record, &operation, ctx)?;
        }
        changes.operations.push(operation);
        Ok(changes)
    }
}

impl Finish {
    /// What the release that was applied promises.
    fn contract(&self, graph: &Graph) -> Contract {
        let release = graph.get(&Ref::new("release", "default", &self.release));
        release.and_then(|release| release.spec::<ReleaseSpec>().ok()).map(|spec| spec.contract).unwrap_or_default()
    }

    fn instance(
        &self,
        graph: &Graph,
        changes: &mut Changes,
        record: &Record,
        operation: &Operation,
        ctx: &Ctx<'_>,
    ) -> Result<()> {
        let data = json!({"operation": operation.id, "message": operation.message});
        if let Ending::Gone = self.ending {
            instance_place::leave(changes, graph, &record.typed_status::<InstanceStatus>()?.outputs);
            changes.forgotten.push(record.uid);
            changes.remove("instance.gone", record.uid, data);
            return Ok(());
        }
        let mut status: InstanceStatus = record.typed_status()?;
        let before = status.clone();
        let event = self.end(&mut status, operation);
        let mut draft = Draft::of(record);
        let ended = (&self.ending, &before, &mut status, &mut draft);
        let event = upgrade_end::concluded(changes, graph, ended, (record, operation, ctx))?.unwrap_or(event);
        self.seal(changes, record.uid, &mut status, ctx)?;
        // What another driver carries was made before this server looked after it: nothing of it is given out.
        let taken = match &self.ending {
            Ending::Taken(taken) => taken.draft(record, &mut status)?,
            _ => None,
        };
        if (taken.is_some() || matches!(self.ending, Ending::Ready(_))) && status.driver.is_empty() {
            observation::compare(&mut status, &self.contract(graph));
            instance_place::follow(changes, graph, &status.outputs, ctx)?;
        }
        if let Some(seen) = self.ending.seen() {
            if seen.presence == Presence::Present {
                changes.saw(record.uid, ctx.now, "driver");
            }
            changes.usage.extend(crate::usage::measured(&seen.readings));
        }
        if status != before {
            if status.version != before.version || status.since.is_none() {
                status.since = Some(ctx.now);
            }
            let draft = taken.unwrap_or(draft);
            changes.put(event, draft.with_status(&serde_json::to_value(&status)?), data);
        }
        Ok(())
    }

    /// What the end means for the status; gives the name of the event.
    fn end(&self, status: &mut InstanceStatus, operation: &Operation) -> &'static str {
        let before = status.phase;
        let event = self.outcome(status, operation);
        let older = status.operation.is_some_and(|id| id != operation.id);
        if older && !matches!(self.ending, Ending::Seen(_)) {
            // Another operation was asked for meanwhile: the phase is that of the newer one.
            status.phase = before;
        }
        event
    }

    fn outcome(&self, status: &mut InstanceStatus, operation: &Operation) -> &'static str {
        match &self.ending {
            Ending::Failed => {
                if operation.verb != Verb::Observe {
                    status.phase = Phase::Failed;
                }
                observation::failed(status, failed(operation));
                "instance.failed"
            }
            Ending::Kept(phase) => {
                status.phase = *phase;
                "instance.kept"
            }
            Ending::Ready(seen) => {
                status.applied.clone_from(&self.release);
                observation::made(status, seen);
                "instance.ready"
            }
            Ending::Seen(seen) => observation::looked(status, seen),
            // What becomes of it is worked out from its text, too.
            Ending::Taken(_) => "instance.taken-over",
            Ending::Gone => "instance.gone",
        }
    }

    /// Seals the secrets that were given.
    fn seal(&self, changes: &mut Changes, uid: Uid, status: &mut InstanceStatus, ctx: &Ctx<'_>) -> Result<()> {
        for (name, secret) in &self.secrets {
            changes.secrets.push(self.sealer.seal(ctx.now, uid, &format!("output.{name}"), secret)?);
            if !status.secret_outputs.contains(name) {
                status.secret_outputs.push(name.clone());
            }
        }
        Ok(())
    }
}

fn failed(operation: &Operation) -> Condition {
    let message = loggia_model::problem::sentences(&operation.message, &operation.mend);
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
        Verb::Import => "Import",
        Verb::Propose => "Propose",
    }
}

/// Destroys an instance, looks at it, or does again what failed.
struct Operate {
    instance: Ref,
    verb: Verb,
    /// The customer knows that data is lost (destroy only).
    confirmed: bool,
    /// What its driver says: destroying loses data for good.
    loses_data: bool,
}

impl Command for Operate {
    fn name(&self) -> &'static str {
        match self.verb {
            Verb::Apply => "instance.retry",
            Verb::Observe => "instance.look",
            Verb::Destroy => "instance.destroy",
            Verb::Import => "instance.import",
            Verb::Propose => "instance.propose",
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
        if self.verb == Verb::Destroy && self.loses_data && !self.confirmed {
            return Err(Error::refused(
                "instance.unconfirmed",
                format!("Destroying {} loses its data for good: there is no backup.", self.instance.name()),
                "Confirm that the data may be lost, and send it again (in the API: \"confirmed\": true).",
            ));
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
        work.payload = json!({"confirmed": self.confirmed, "before": status.phase});
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
    /// Destroys an instance, looks at it, or does again what failed.
    ///
    /// # Errors
    /// As the command decides; [`Error::Refused`] when data would be lost and nobody confirmed it.
    pub async fn operate(&self, caller: &Caller, instance: Ref, verb: Verb, confirmed: bool) -> Result<Outcome> {
        let loses_data = self.loses_data(&instance);
        self.run(caller, Operate { instance, verb, confirmed, loses_data }).await
    }

    /// What the driver of an instance says about destroying it; false where there is nothing to ask about.
    fn loses_data(&self, instance: &Ref) -> bool {
        let graph = self.graph();
        let found = || {
            let record = graph.get(instance)?;
            let spec: InstanceSpec = record.spec().ok()?;
            let name = driver_of(&graph, &spec, &record.typed_status().ok()?).ok()?;
            let driver = self.drivers.get()?.get(&name)?;
            let release = graph.get(&Ref::new("release", "default", spec.target.as_deref()?))?;
            let recipe = release.spec::<ReleaseSpec>().ok()?.recipe.settings;
            let environment = graph.get(&Ref::new("environment", "default", &spec.environment))?;
            let environment: EnvironmentSpec = environment.spec().ok()?;
            let config = offering::backend(&environment, &name).map(|(_, backend)| backend.config.clone());
            Some(driver.loses_data(&recipe, &config.unwrap_or_default()))
        };
        found().unwrap_or(false)
    }

    /// An operation that the caller may see: that of an instance that they may see, or could before it was gone.
    ///
    /// # Errors
    /// [`Error::NotFound`], the same whether it does not exist or may not be seen.
    pub async fn operation(&self, caller: &Caller, id: Uid) -> Result<Operation> {
        let missing = || Error::NotFound("There is no such operation, or you may not see it.".into());
        let operation = self.store.operation(id).await?.ok_or_else(missing)?;
        let seen = self.may_see_ever(&caller.audience, operation.instance).await?.unwrap_or(false);
        let may = seen || operation.requested_by == caller.name();
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
}
