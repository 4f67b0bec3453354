//! Commands about operations: asking for them again, destroying.

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::Action;
use crate::access::visibility::told_access;
use crate::access::writing::subject_of;
use crate::command::changes::{Changes, Draft};
use crate::command::writer::Outcome;
use crate::command::{Command, Ctx, Facts};
use crate::composition::leave::may_go;
use crate::composition::{self, advance, parts_of, whole_of};
use crate::error::{Error, Result};
use crate::instance::change_request::none_waits;
use crate::instance::order::start;
use crate::record::visible;
use crate::release::{offering, upgrade_wait};
use crate::rules::approval;
use loggia_graph::Graph;
use loggia_model::instance::{InstanceStatus, Phase, Step};
use loggia_model::instance_access;
use loggia_model::kinds::environment::EnvironmentSpec;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::operation::{Operation, State, Verb};
use loggia_model::{Record, Ref, Uid};
pub use loggia_store::LogLine;
use serde_json::json;

/// Destroys an instance, looks at it, or does again what failed.
pub(crate) struct Operate {
    instance: Ref,
    verb: Verb,
    /// The customer knows that data is lost (destroy only).
    confirmed: bool,
    /// What its driver says: destroying loses data for good.
    loses_data: bool,
}

impl Operate {
    /// Takes something away, by somebody who has asked about everything already.
    pub(crate) fn destroying(instance: Ref, confirmed: bool) -> Operate {
        Operate { instance, verb: Verb::Destroy, confirmed, loses_data: false }
    }

    /// Does again what failed of a whole: it waits for its parts, and those that failed are begun again.
    fn hold(
        &self,
        graph: &Graph,
        (record, spec, status): (&Record, &InstanceSpec, &mut InstanceStatus),
        operation: &mut Operation,
        changes: &mut Changes,
        ctx: &Ctx<'_>,
    ) -> Result<()> {
        advance::hold(status, operation, &advance::needed_words(spec), ctx);
        for part in parts_of(graph, &record.reference) {
            let again = Operate { instance: part.reference.clone(), ..Operate::again() };
            if part.typed_status::<InstanceStatus>()?.phase == Phase::Failed {
                changes.absorb(again.decide(graph, &Facts::default(), ctx)?);
            }
        }
        let whole = whole_of(graph, record).map_or(record.uid, |whole| whole.uid);
        changes.due.retain(|due| due.subject != Some(whole));
        changes.due.push(composition::deadline(whole, ctx.now));
        Ok(())
    }

    /// Passes when it may be done now.
    fn may(
        &self,
        graph: &Graph,
        (record, spec, status): (&Record, &InstanceSpec, &InstanceStatus),
        ctx: &Ctx<'_>,
    ) -> Result<()> {
        let name = self.instance.name();
        if spec.step != Step::Managed {
            let message = format!("{name} is {:?}: no driver of this platform made it.", spec.step).to_lowercase();
            let mend = "Change it where it was made; what runs is reported by your pipeline.";
            return Err(Error::refused("instance.not-managed", message, mend));
        }
        if self.verb != Verb::Destroy {
            let deleting = "It is being destroyed.";
            return match status.phase {
                Phase::Deleting => Err(Error::refused("instance.deleting", deleting, "Wait until it is gone.")),
                _ => Ok(()),
            };
        }
        if self.loses_data && !self.confirmed {
            let message = format!("Destroying {name} loses its data for good: there is no backup.");
            let mend = "Confirm that the data may be lost, and send it again (in the API: \"confirmed\": true).";
            return Err(Error::refused("instance.unconfirmed", message, mend));
        }
        may_go(graph, &ctx.caller.audience, record)
    }

    fn again() -> Operate {
        let instance = Ref::new("instance", "", "");
        Operate { instance, verb: Verb::Apply, confirmed: false, loses_data: false }
    }
}

impl Command for Operate {
    fn name(&self) -> &'static str {
        match self.verb {
            Verb::Apply => "instance.retry",
            Verb::Observe => "instance.look",
            Verb::Destroy => "instance.destroy",
            Verb::Import => "instance.import",
            Verb::Propose => "instance.propose",
            Verb::Retire => "instance.retire",
            Verb::Grant => "access.grant",
            Verb::Revoke => "access.revoke",
        }
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.instance)?;
        ctx.require(Action::Operate, &subject_of(&record.parse()))?;
        let spec: InstanceSpec = record.spec()?;
        let mut status: InstanceStatus = record.typed_status()?;
        self.may(graph, (&record, &spec, &status), ctx)?;
        self.needed_by_nobody(graph, &record, &status, ctx)?;
        let destroying = status.phase == Phase::Deleting && self.verb == Verb::Destroy;
        let making = matches!(status.phase, Phase::Pending | Phase::Progressing) && self.verb == Verb::Apply;
        if let Some(running) = status.operation.filter(|_| destroying || making) {
            // Asked for already: one operation is enough, and its end is the answer to both.
            return Ok(Changes::answer(json!({"instance": self.instance, "uid": record.uid, "operation": running})));
        }
        let id = ctx.uid();
        let driver = driver_of(graph, &spec, &status)?;
        let (mut operation, mut work) =
            start(id, record.uid, &self.instance, self.verb, (&spec.environment, &driver), ctx);
        work.payload = json!({"confirmed": self.confirmed, "before": status.phase});
        let mut changes = Changes::answer(json!({"instance": self.instance, "uid": record.uid, "operation": id}));
        if self.verb == Verb::Observe {
            changes.operations.push(operation);
            changes.work.push(work);
            return Ok(changes);
        }
        if self.verb == Verb::Destroy {
            upgrade_wait::let_go(&mut changes, &record, &mut status, ctx);
        }
        let begun = not_begun(&record, &mut status, ctx);
        // What waited for its parts and for people has one operation.
        changes.operations.extend(begun.filter(|held| changes.operations.iter().all(|other| other.id != held.id)));
        if self.verb == Verb::Apply && spec.wiring.is_some() {
            self.hold(graph, (&record, &spec, &mut status), &mut operation, &mut changes, ctx)?;
        } else {
            changes.work.push(work);
        }
        changes.operations.push(operation);
        status.operation = Some(id);
        status.phase = if self.verb == Verb::Destroy { Phase::Deleting } else { Phase::Progressing };
        let event = if self.verb == Verb::Destroy { "instance.destroying" } else { "instance.retried" };
        let draft = Draft::of(&record).with_status(&serde_json::to_value(&status)?);
        changes.put(event, draft, json!({"operation": id, "confirmed": self.confirmed}));
        Ok(changes)
    }
}

impl Operate {
    /// What consumers use is destroyed only by who knows that.
    fn needed_by_nobody(&self, graph: &Graph, record: &Record, status: &InstanceStatus, ctx: &Ctx<'_>) -> Result<()> {
        if self.verb != Verb::Destroy || self.confirmed || status.access.iter().all(|access| !access.lives()) {
            return Ok(());
        }
        let told = told_access(graph, &ctx.caller.audience, record, status.access.clone());
        let names = instance_access::consumers(&told).join(", ");
        let names = if names.is_empty() { "Others" } else { &names };
        Err(Error::refused(
            "instance.in-use",
            format!("These use {} and would be refused from then on: {names}.", self.instance.name()),
            "Tell them and revoke their access first, or confirm it (in the API: \"confirmed\": true).",
        ))
    }
}

/// The end of an operation that was held and is not to begin any more.
pub(crate) fn not_begun(record: &Record, status: &mut InstanceStatus, ctx: &Ctx<'_>) -> Option<Operation> {
    let (held, id) = (status.held.take()?, status.operation?);
    let (mut operation, _) = start(id, record.uid, &record.reference, Verb::Apply, ("", ""), ctx);
    operation.requested_by = held.by;
    operation.created_at = held.since;
    operation.state = State::Cancelled;
    operation.ended_at = Some(ctx.now);
    operation.message = "Something else was asked for before it began.".to_owned();
    Some(operation)
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

/// Passes when a driver of this platform holds an instance, it is ready, and nothing waits for it.
///
/// # Errors
/// [`Error::Refused`] with what it waits for; `act` is the word for what is asked, such as `upgrade`.
pub(crate) fn is_free(spec: &InstanceSpec, status: &InstanceStatus, act: &str) -> Result<()> {
    if spec.step != Step::Managed {
        let (first, rest) = act.split_at(1);
        return Err(Error::refused(
            "instance.not-managed",
            "No driver of this platform made it.",
            format!("{}{rest} it where it was made; what runs is reported by your pipeline.", first.to_uppercase()),
        ));
    }
    if !matches!(status.phase, Phase::Ready | Phase::Unknown) {
        let mend = "Wait until it is ready; what failed is tried again first.";
        return Err(Error::refused(&format!("{act}.busy"), "It is not ready now.", mend));
    }
    none_waits(status)?;
    let waits = format!("{act}.waits");
    if let Some(approval) = &status.approval {
        return Err(Error::refused(&waits, approval::waits(approval), "Wait until that is decided."));
    }
    if let Some(queued) = &status.queued {
        let mend = match act {
            "upgrade" => "It begins by itself then; for another version give it up first.",
            _ => "Wait until it was upgraded, or give that up first.",
        };
        return Err(Error::refused(&waits, upgrade_wait::waits(queued), mend));
    }
    Ok(())
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
        found().unwrap_or(false) || parts_of(&graph, instance).iter().any(|part| self.loses_data(&part.reference))
    }

    /// An operation that the caller may see: that of an instance that they may see, or could before it was gone.
    ///
    /// # Errors
    /// [`Error::NotFound`], the same whether it does not exist or may not be seen.
    pub async fn operation(&self, caller: &Caller, id: Uid) -> Result<Operation> {
        let missing = || Error::NotFound("There is no such operation, or you may not see it.".into());
        let operation = self.store.operation(id).await?.ok_or_else(missing)?;
        let seen = self.may_see_ever(&caller.audience, operation.instance).await?.unwrap_or(false);
        if seen || self.asked_for(caller, &operation) { Ok(operation) } else { Err(missing()) }
    }

    /// Whether the caller asked for an operation: somebody who got the name later did not.
    fn asked_for(&self, caller: &Caller, operation: &Operation) -> bool {
        let graph = self.graph();
        let person = caller.user().and_then(|user| graph.get(user));
        person.is_some_and(|person| {
            operation.requested_by == person.reference.as_str() && person.created_at <= operation.created_at
        })
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
