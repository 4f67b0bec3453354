//! Another plan, or other inputs, for what runs: the same version, brought to what is wanted now by its driver.

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::Action;
use crate::access::writing::subject_of;
use crate::command::changes::{Changes, Draft};
use crate::command::diff::Difference;
use crate::command::writer::Outcome;
use crate::command::{Command, Ctx, Facts, Need};
use crate::ending::effects;
use crate::error::{Error, Result};
pub(crate) use crate::instance::change_target::{Altered, needs};
use crate::instance::operation::{driver_of, is_free};
use crate::instance::order::start;
use crate::instance::secret_input;
use crate::instance::take_over::Wish;
use crate::record::visible;
use crate::release::dry_run::release_spec;
use crate::release::upgrade_strategy::Move;
use crate::rules::approval;
use crate::rules::{self, Needed, Rules};
use loggia_graph::{Audience, Graph};
use loggia_model::instance::{Alteration, Approval, Earlier, InstanceStatus, Phase};
use loggia_model::kinds::instance::{FrozenPlan, InstanceSpec};
use loggia_model::kinds::release::{ReleaseSpec, Strategy};
use loggia_model::operation::Verb;
use loggia_model::rule::Act;
use loggia_model::{Micros, Record, Ref, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What is to become of something that runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeInput {
    /// Name of the plan, with limits and price as they are offered now; it keeps the one that it has when absent.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub plan: Option<String>,
    /// Inputs that become another, as the contract of its version wants them. What is left out stays; null takes one
    /// away, or back to its usual value.
    #[serde(default)]
    pub inputs: Map<String, Value>,
    /// Decide only: tell what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a change would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangePreview {
    /// The instance.
    pub instance: Ref,
    /// The inputs that become another.
    pub inputs: Vec<Difference>,
    /// Names of the secret inputs that get another value.
    pub secrets: Vec<String>,
    /// The plan that it has, with its price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<FrozenPlan>,
    /// The plan that it would have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<FrozenPlan>,
    /// Who has to agree first, by which rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// Why it cannot be done now; absent when it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
}

/// Gives what runs another plan or other inputs. It holds the inputs as they were given, until the contract says which
/// are secret.
pub(crate) struct Change {
    pub(crate) instance: Ref,
    pub(crate) input: ChangeInput,
    /// Whether its team changes what was made, so that inputs say nothing any more.
    pub(crate) merges: bool,
}

impl Command for Change {
    fn name(&self) -> &'static str {
        "instance.change"
    }

    fn needs(&self, graph: &Graph, _: &Caller) -> Vec<Need> {
        graph.get(&self.instance).map(|record| needs(graph, record)).unwrap_or_default()
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let audience = &ctx.caller.audience;
        let record = visible(graph, audience, &self.instance)?;
        ctx.require(Action::Operate, &subject_of(&record.parse()))?;
        let altered = Altered::of((graph, facts), &record, &self.input, Vec::new(), (audience, ctx))?;
        let may = self.may(graph, audience, &altered, ctx.now);
        if self.input.dry_run {
            return Ok(Changes::answer(serde_json::to_value(preview(&record, &altered, may))?));
        }
        match may? {
            Some(needed) => self.ask_first(graph, &record, altered, &needed, ctx),
            None => begin(graph, &record, altered, ctx.uid(), ctx),
        }
    }
}

fn preview(record: &Record, altered: &Altered, may: Result<Option<Needed>>) -> ChangePreview {
    let (approval, blocked) = match may {
        Ok(needed) => (needed.as_ref().map(Needed::words), None),
        Err(error) => (None, Some(error.to_string())),
    };
    ChangePreview {
        instance: record.reference.clone(),
        inputs: altered.differences(),
        secrets: altered.secret_names(),
        before: altered.before.plan.clone(),
        after: altered.after.plan.clone(),
        approval,
        blocked,
    }
}

impl Change {
    /// Passes when it may and can begin now; gives who has to agree first.
    fn may(&self, graph: &Graph, audience: &Audience, altered: &Altered, now: Micros) -> Result<Option<Needed>> {
        let Altered { before, after, status, .. } = altered;
        is_free(before, status, "change")?;
        if altered.is_nothing() {
            let mend = "Give another plan, or another value of an input.";
            return Err(Error::refused("change.nothing", "It has all of this already.", mend));
        }
        if self.merges && altered.has_inputs() {
            return Err(Error::refused(
                "change.repository",
                "What was filled in made its repository once, which is its team's own since.",
                "Change the files in the repository.",
            ));
        }
        let Some(team) = before.team_ref() else { return Ok(None) };
        let plan = after.plan.as_ref().filter(|_| after.plan != before.plan).map(|plan| plan.name.as_str());
        let wanted =
            effects::Wanted { audience, team: &team, offering: &before.offering, release: &status.applied, plan };
        effects::may_change(graph, &wanted, now)?;
        let Some(wanted) = rules::Wanted::of(graph, after) else { return Ok(None) };
        let change = rules::Changed { instance: &self.instance, wanted: &wanted, before: before.plan.as_ref() };
        Rules::of(graph, &wanted.environment).may_change(graph, &change, now)
    }

    /// Waits until somebody agrees.
    fn ask_first(
        &self,
        graph: &Graph,
        record: &Record,
        altered: Altered,
        needed: &Needed,
        ctx: &Ctx<'_>,
    ) -> Result<Changes> {
        let id = ctx.uid();
        let asked = approval::asked(Act::Change, needed, id, ctx);
        let asked = Approval { change: Some(altered.asked(&self.input)), ..asked };
        let Altered { before, mut status, secrets, .. } = altered;
        let driver = driver_of(graph, &before, &status)?;
        let place = (&*before.environment, &*driver);
        let (operation, _) = start(id, record.uid, &record.reference, Verb::Apply, place, ctx);
        let waits = approval::waits(&asked);
        let answer = json!({"instance": record.reference, "uid": record.uid, "operation": id, "waits": waits});
        let mut changes = Changes::answer(answer);
        status.approval = Some(asked.clone());
        let draft = Draft::of(record).with_status(&serde_json::to_value(&status)?);
        let message = asked.change.as_ref().map(words);
        changes.put("instance.approval-asked", draft, json!({"operation": id, "rule": asked.rule, "message": message}));
        secret_input::seal_next(&mut changes, record.uid, id, &secrets, ctx)?;
        approval::hold(&mut changes, &asked, record.uid, operation);
        Ok(changes)
    }

    /// What somebody agreed to, under the operation that waited for it. All the rest is asked again: times have changed.
    pub(crate) fn approved(
        (graph, facts): (&Graph, &Facts),
        record: &Record,
        status: InstanceStatus,
        approval: &Approval,
        ctx: &Ctx<'_>,
    ) -> Result<Changes> {
        let Alteration { plan, inputs, secrets } = approval.change.clone().unwrap_or_default();
        let secrets = secret_input::next(facts, record.uid, approval.operation, &secrets, ctx)?;
        let input = ChangeInput { plan, inputs, dry_run: false };
        let altered = Altered::of((graph, facts), record, &input, secrets, (&Audience::All, ctx))?;
        let altered = Altered { status, ..altered };
        let change = Change { instance: record.reference.clone(), input, merges: false };
        change.may(graph, &Audience::All, &altered, ctx.now)?;
        begin(graph, record, altered, approval.operation, ctx)
    }
}

/// Writes what is wanted, with the operation that brings it and what it was before. Secrets stay what they are until it
/// has ended well.
fn begin(graph: &Graph, record: &Record, altered: Altered, id: Uid, ctx: &Ctx<'_>) -> Result<Changes> {
    let (message, names) = (altered.told(), altered.secret_names());
    let Altered { before, after, mut status, secrets, .. } = altered;
    let driver = driver_of(graph, &after, &status)?;
    let place = (&*after.environment, &*driver);
    let (operation, mut work) = start(id, record.uid, &record.reference, Verb::Apply, place, ctx);
    let earlier = Wish { release: status.applied.clone(), plan: before.plan, inputs: before.inputs };
    let generation = status.generation;
    let moving = Move { generation, secrets: names, ..Move::of(Strategy::InPlace, earlier) };
    work.payload = json!({"before": status.phase, "move": moving});
    status.operation = Some(id);
    status.phase = Phase::Progressing;
    let mut text = record.parse();
    text.0["spec"] = serde_json::to_value(&after)?;
    let draft = Draft::new(record.uid, &text, record.source.clone()).with_status(&serde_json::to_value(&status)?);
    let mut changes = Changes::answer(json!({"instance": record.reference, "uid": record.uid, "operation": id}));
    changes.put("instance.changing", draft, json!({"operation": id, "message": message}));
    secret_input::seal_next(&mut changes, record.uid, id, &secrets, ctx)?;
    changes.operations.push(operation);
    changes.work.push(work);
    Ok(changes)
}

/// The event of a change that went well. What there is a way back to follows, where both versions have the same input.
pub(crate) fn done(graph: &Graph, record: &Record, status: &mut InstanceStatus, before: &Wish) -> Result<&'static str> {
    if let Some(earlier) = &mut status.earlier {
        let spec: InstanceSpec = record.spec()?;
        follow(graph, earlier, (before, &spec.inputs));
    }
    Ok("instance.changed")
}

fn follow(graph: &Graph, earlier: &mut Earlier, (before, now): (&Wish, &Map<String, Value>)) {
    let (Some(then), Some(has)) = (release_spec(graph, &earlier.release), release_spec(graph, &before.release)) else {
        return;
    };
    let property = |release: &ReleaseSpec, name: &str| release.contract.inputs.get("properties")?.get(name).cloned();
    let names: Vec<&String> = before.inputs.keys().chain(now.keys()).collect();
    for name in names {
        let same = earlier.inputs.get(name) == before.inputs.get(name);
        let known = property(&then, name).is_some_and(|of| Some(of) == property(&has, name));
        match now.get(name).filter(|_| same && known) {
            Some(value) => drop(earlier.inputs.insert(name.clone(), value.clone())),
            None if same && known => drop(earlier.inputs.remove(name)),
            None => {}
        }
    }
}

/// The facts that it takes to agree to a change that waits.
pub(crate) fn needs_asked(graph: &Graph, record: &Record, approval: &Approval) -> Vec<Need> {
    let Some(asked) = &approval.change else { return Vec::new() };
    let next = secret_input::needs_next(record.uid, approval.operation, &asked.secrets);
    next.into_iter().chain(needs(graph, record)).collect()
}

/// Nobody will agree to a change any more: the secrets that it would have brought are kept no longer.
pub(crate) fn forget_asked(changes: &mut Changes, uid: Uid, approval: &Approval) {
    let secrets = approval.change.as_ref().map(|asked| asked.secrets.as_slice()).unwrap_or_default();
    secret_input::drop_next(changes, uid, approval.operation, secrets);
}

/// A value as people read it.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) if all.is_empty() => "none".to_owned(),
        Value::Array(all) => all.iter().map(plain).collect::<Vec<_>>().join(" and "),
        other => other.to_string(),
    }
}

/// What a change is about, after "agree to".
pub fn words(change: &Alteration) -> String {
    let plan = change.plan.iter().map(|plan| format!("the plan {plan}"));
    let input = |(name, value): (&String, &Value)| match value {
        Value::Null => format!("no {name}"),
        value => format!("{name} {}", plain(value)),
    };
    let inputs = change.inputs.iter().map(input);
    let secrets = change.secrets.iter().map(|name| format!("another {name}"));
    format!("giving it {}", plan.chain(inputs).chain(secrets).collect::<Vec<_>>().join(", "))
}

impl App {
    /// Gives what runs another plan or other inputs; or tells what that would do.
    ///
    /// # Errors
    /// [`Error::Invalid`] at the field, [`Error::Refused`] when it may not or cannot begin now.
    pub async fn change(&self, caller: &Caller, instance: Ref, input: ChangeInput) -> Result<Outcome> {
        let merges = self.is_of_its_team(&instance);
        self.run(caller, Change { instance, input, merges }).await
    }

    /// Whether its driver made what its team changes itself from then on.
    pub(crate) fn is_of_its_team(&self, instance: &Ref) -> bool {
        let graph = self.graph();
        let found = || {
            let record = graph.get(instance)?;
            let name = driver_of(&graph, &record.spec().ok()?, &record.typed_status().ok()?).ok()?;
            Some(self.drivers.get()?.get(&name)?.merges().is_some())
        };
        found().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_in_a_sentence() {
        let inputs = json!({"extensions": ["citext", "hstore"], "note": null, "tags": [], "days": 3});
        let change = Alteration {
            plan: Some("large".to_owned()),
            inputs: inputs.as_object().cloned().unwrap_or_default(),
            secrets: vec!["seed".to_owned()],
        };
        let wanted = "giving it the plan large, days 3, extensions citext and hstore, no note, tags none, another seed";
        assert_eq!(words(&change), wanted);
    }
}
