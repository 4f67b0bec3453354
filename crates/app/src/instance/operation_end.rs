//! The end of an operation, as a worker found it, written in one command.

use crate::access::caller::Caller;
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts, Need};
use crate::composition::{self, leave};
use crate::error::{Error, Result};
use crate::estate::observation;
use crate::instance::driver::{Observation, Presence, Secret};
use crate::instance::instance_access::settle::{self, AccessEnd};
use crate::instance::take_over::Taken;
use crate::instance::{instance_place, secret_input};
use crate::release::upgrade_end;
use crate::release::upgrade_strategy::Move;
use loggia_graph::Graph;
use loggia_model::instance::{Condition, InstanceStatus, Phase, Verdict};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::{Contract, ReleaseSpec};
use loggia_model::operation::{Operation, State, Verb};
use loggia_model::{Record, Ref, Uid};
use serde_json::{Map, Value, json};

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
    /// The absence of what was kept of an earlier version was observed.
    Retired,
    /// It failed, and trying again does not help.
    Failed,
    /// It failed before anything outside was touched: the instance is what it was.
    Kept(Phase),
    /// It was about the credential of a consumer, and nothing else.
    Access(AccessEnd),
}

impl Ending {
    /// Whether the operation did not do what it was asked for.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Ending::Failed | Ending::Kept(_) | Ending::Access(AccessEnd::NotMade(_) | AccessEnd::NotTaken))
    }

    /// What was seen at last.
    fn seen(&self) -> Option<&Observation> {
        match self {
            Ending::Ready(seen) | Ending::Seen(seen) => Some(seen),
            Ending::Taken(taken) => Some(&taken.seen),
            Ending::Gone | Ending::Retired | Ending::Failed | Ending::Kept(_) | Ending::Access(_) => None,
        }
    }
}

/// Writes the end of an operation. Only the worker that holds the fence may.
pub(crate) struct Finish {
    pub(crate) operation: Operation,
    pub(crate) fence: i64,
    pub(crate) ending: Ending,
    pub(crate) applied: Applied,
    pub(crate) secrets: Vec<(String, Secret)>,
    /// How it was moved to another version.
    pub(crate) moving: Option<Move>,
    /// The credential that it was about.
    pub(crate) credential: Option<Uid>,
    /// Whether it is known that data is lost.
    pub(crate) confirmed: bool,
}

/// What the driver was told to make.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Applied {
    /// The name of the release.
    pub(crate) release: String,
    /// The inputs, without the secret ones.
    pub(crate) inputs: Map<String, Value>,
}

impl Applied {
    /// Whether that is what an instance is to be.
    fn is(&self, spec: &InstanceSpec) -> bool {
        spec.target.as_deref() == Some(&*self.release) && spec.inputs == self.inputs
    }
}

impl Command for Finish {
    fn name(&self) -> &'static str {
        "operation.finish"
    }

    fn needs(&self, _: &Graph, _: &Caller) -> Vec<Need> {
        let (id, subject) = (self.operation.id, self.operation.instance);
        let secrets = self.moving.as_ref().map(|moving| secret_input::needs_next(subject, id, &moving.secrets));
        let held = Need::Held { work: id, subject, fence: self.fence };
        std::iter::once(held).chain(secrets.into_iter().flatten()).collect()
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
            let left = matches!(self.ending, Ending::Gone)
                && leave::empty(&mut changes, graph, record, &mut operation, self.confirmed, ctx.now)?;
            if !left {
                self.instance(graph, &mut changes, record, &operation, ctx)?;
            }
            self.secrets_brought(facts, &mut changes, ctx)?;
            composition::touched(&mut changes, graph, record, ctx.now);
        }
        changes.operations.push(operation);
        Ok(changes)
    }
}

impl Finish {
    /// The secret inputs that it brought are those of now, when it went well, and are kept no longer beside them.
    fn secrets_brought(&self, facts: &Facts, changes: &mut Changes, ctx: &Ctx<'_>) -> Result<()> {
        let Some(moving) = &self.moving else { return Ok(()) };
        let (uid, id) = (self.operation.instance, self.operation.id);
        if matches!(self.ending, Ending::Ready(_)) {
            let brought = secret_input::next(facts, uid, id, &moving.secrets, ctx)?;
            secret_input::seal(changes, uid, &brought, ctx)?;
        }
        secret_input::drop_next(changes, uid, id, &moving.secrets);
        Ok(())
    }

    /// What the release that was applied promises.
    fn contract(&self, graph: &Graph) -> Contract {
        let release = graph.get(&Ref::new("release", "default", &self.applied.release));
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
        if let (Ending::Access(end), Some(id)) = (&self.ending, self.credential) {
            return settle::ended(changes, graph, (record, operation, id), (end, &self.secrets), ctx);
        }
        let data = json!({"operation": operation.id, "message": operation.message});
        if let Ending::Gone = self.ending {
            gone(changes, graph, record, data)?;
            return Ok(());
        }
        let mut status: InstanceStatus = record.typed_status()?;
        self.made_what_was_asked_for(record, &status)?;
        let before = status.clone();
        let event = self.end(&mut status, operation);
        let mut draft = Draft::of(record);
        let ended = (&self.ending, &before, &mut status, &mut draft);
        let moving = self.moving.as_ref();
        let event = upgrade_end::concluded(changes, graph, ended, (record, operation, ctx), moving)?.unwrap_or(event);
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
            changes.usage.extend(seen.readings.iter().cloned());
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

    /// Passes when the driver made what the instance is to be. What was made of an older text is not called ready.
    fn made_what_was_asked_for(&self, record: &Record, status: &InstanceStatus) -> Result<()> {
        let ours = status.operation == Some(self.operation.id);
        if !ours || !matches!(self.ending, Ending::Ready(_)) {
            return Ok(());
        }
        let spec: InstanceSpec = record.spec()?;
        if self.applied.is(&spec) {
            return Ok(());
        }
        let wanted = spec.target.unwrap_or_default();
        let message = format!("{} was made, and by now it is to be {wanted} with other inputs.", self.applied.release);
        Err(Error::Conflict(message))
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
                status.applied.clone_from(&self.applied.release);
                observation::made(status, seen);
                "instance.ready"
            }
            Ending::Seen(seen) => observation::looked(status, seen),
            // What becomes of it is worked out from its text, too.
            Ending::Taken(_) => "instance.taken-over",
            Ending::Gone => "instance.gone",
            Ending::Retired => "instance.kept-gone",
            // What became of it was written before.
            Ending::Access(_) => "access.made",
        }
    }

    /// Seals the secrets that were given.
    fn seal(&self, changes: &mut Changes, uid: Uid, status: &mut InstanceStatus, ctx: &Ctx<'_>) -> Result<()> {
        for (name, secret) in &self.secrets {
            changes.secrets.push(ctx.seal(uid, &format!("output.{name}"), secret)?);
            if !status.secret_outputs.contains(name) {
                status.secret_outputs.push(name.clone());
            }
        }
        Ok(())
    }
}

/// Writes that an instance is gone, with all that was kept of it.
fn gone(changes: &mut Changes, graph: &Graph, record: &Record, data: Value) -> Result<()> {
    let status: InstanceStatus = record.typed_status()?;
    instance_place::leave(changes, graph, &status.outputs);
    settle::gone(changes, record.uid, &status);
    changes.forgotten.push(record.uid);
    changes.remove("instance.gone", record.uid, data);
    Ok(())
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
        Verb::Retire => "Retire",
        Verb::Grant => "Grant",
        Verb::Revoke => "Revoke",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanting(release: &str, inputs: &Map<String, Value>) -> InstanceSpec {
        let spec = json!({"offering": "db", "team": "t", "environment": "e", "target": release, "inputs": inputs});
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn only_the_release_and_inputs_that_are_wanted_are_what_was_asked_for() {
        let inputs = |size: &str| json!({"size": size}).as_object().cloned().unwrap_or_default();
        let all = ["db-1.0.0", "db-2.0.0"].into_iter().flat_map(|release| ["s", "m"].map(|size| (release, size)));
        for (wanted, applied) in all.clone().flat_map(|one| all.clone().map(move |other| (one, other))) {
            let spec = wanting(wanted.0, &inputs(wanted.1));
            let made = Applied { release: applied.0.into(), inputs: inputs(applied.1) };
            assert_eq!(made.is(&spec), wanted == applied, "{wanted:?} {applied:?}");
        }
        assert!(!Applied::default().is(&wanting("db-1.0.0", &Map::new())), "nothing was made");
    }
}
