//! Another wish for something that is there: its inputs, what it takes, and what it is made of.

use super::advance::{hold, needed_words, written};
use super::fill::without;
use super::parts::{self, Given};
use super::resolve::{Made, Whole, release_of};
use super::{by_name, deadline, depth, read, whole_of};
use crate::access::policy::Action;
use crate::access::writing::subject_of;
use crate::command::Ctx;
use crate::command::changes::Changes;
use crate::error::{Error, Result};
use crate::instance::driver::Secret;
use crate::instance::operation::driver_of;
use crate::instance::order::start;
use crate::instance::request::base_name;
use crate::instance::secret_input;
use crate::record::schema;
use crate::rules::{self, Rules};
use loggia_graph::Graph;
use loggia_model::composition::{Choice, Composition, MadeOf, Wiring};
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::kinds::instance::{Deployed, InstanceSpec};
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::operation::Verb;
use loggia_model::rule::Act;
use loggia_model::{Record, Ref};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// As part of what something changes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct How {
    /// It leads back, which is never held up.
    pub(crate) back: bool,
    /// The text that asks for it is the same as before, and so are its secrets.
    pub(crate) same: bool,
}

/// Another wish for an instance that is there.
pub(crate) struct Change<'a> {
    pub(crate) record: &'a Record,
    /// The release that it is to have; the one that it has when absent.
    pub(crate) to: Option<ReleaseSpec>,
    /// The plan that is asked for. It stays what it was when it was ordered.
    pub(crate) plan: Option<&'a str>,
    /// Inputs that are known.
    pub(crate) inputs: Map<String, Value>,
    /// What is taken from others that are no parts of it.
    pub(crate) wiring: Option<Wiring>,
    /// What it is made of now, when that is not said by its release.
    pub(crate) made_of: Option<MadeOf>,
    /// As part of what.
    pub(crate) how: How,
    /// What is deployed, when it is.
    pub(crate) deployed: Option<Deployed>,
}

/// What a change comes to.
pub(crate) struct Wished {
    /// The text; which release it has is left to whoever asked.
    pub(crate) spec: InstanceSpec,
    /// Secret inputs that were given.
    pub(crate) secrets: Vec<(String, Secret)>,
    pub(crate) made_of: Option<MadeOf>,
    /// What becomes of its parts.
    pub(crate) parts: Changes,
}

impl Change<'_> {
    /// Decides; nothing is written where nothing changes.
    ///
    /// # Errors
    /// When it is not its time, or the inputs do not fit.
    pub(crate) fn decide(self, graph: &Graph, ctx: &Ctx<'_>) -> Result<(Changes, InstanceSpec)> {
        let (before, status) = read(self.record)?;
        ctx.require(Action::Operate, &subject_of(&self.record.parse()))?;
        self.same_plan(&before)?;
        let (record, how) = (self.record, self.how);
        let wished = self.wish(graph, (&before, &status), ctx)?;
        let own = wished.spec != before || (!wished.secrets.is_empty() && !how.same);
        if !own && wished.made_of == status.made_of && wished.parts.is_empty() && status.phase == Phase::Ready {
            return Ok((Changes::default(), wished.spec));
        }
        if status.held.is_some() || matches!(status.phase, Phase::Pending | Phase::Progressing | Phase::Deleting) {
            let message = format!("Something is being done to {} now.", record.reference.name());
            return Err(Error::refused("instance.busy", message, "Wait until that has ended, then try again."));
        }
        if let Some(wanted) = rules::Wanted::of(graph, &wished.spec).filter(|_| !how.back) {
            Rules::of(graph, &wanted.environment).not_frozen(&wanted, Act::Upgrade, ctx.now)?;
        }
        begin(graph, record, wished, status, ctx)
    }

    /// What it is to be: its text, and what becomes of its parts. Nothing is asked about the time.
    ///
    /// # Errors
    /// When the inputs do not fit.
    pub(crate) fn wish(
        mut self,
        graph: &Graph,
        (before, status): (&InstanceSpec, &InstanceStatus),
        ctx: &Ctx<'_>,
    ) -> Result<Wished> {
        let release = self.to.take().map_or_else(|| release_of(graph, before), Ok)?;
        let contract = Value::Object(release.contract.inputs.clone());
        let mut inputs = std::mem::take(&mut self.inputs);
        let secrets = secret_input::take(&contract, &mut inputs);
        schema::fill_defaults(&contract, &mut inputs);
        // A secret that it has already stays what it is, whatever the default says.
        drop(secret_input::take(&contract, &mut inputs));
        let outer = self.wiring.take().unwrap_or_default();
        let (mut wiring, mut made_of, mut parts) = (outer.clone(), self.made_of.take(), Changes::default());
        if let Some(composition) = &release.composition {
            let sealed = schema::secret_names(&contract);
            let given = Given { inputs: &inputs, wiring: &outer, secrets: &secrets, sealed: &sealed };
            let (made, taken) = self.parts(graph, before, composition, &given, ctx)?;
            wiring = parts::joined(&outer, taken)?;
            made_of = Some(self.made_of(graph, made.choices, status));
            parts = made.changes;
        } else if made_of.is_none() && before.deployed.is_none() && status.made_of.is_some() {
            made_of = Some(self.made_of(graph, Vec::new(), status));
        }
        let mut open: Vec<String> = wiring.inputs.keys().cloned().collect();
        open.extend(schema::secret_names(&contract));
        let problems = schema::check(&without(&contract, &open), &Value::Object(inputs.clone()), "inputs");
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        let mut spec = before.clone();
        // What is taken from others is filled in anew when its turn comes.
        spec.inputs.retain(|name, _| wiring.inputs.contains_key(name));
        spec.inputs.extend(inputs);
        spec.needs = wiring.sources().iter().map(ToString::to_string).collect();
        spec.wiring = (!wiring.from.is_empty()).then_some(wiring);
        spec.deployed = self.deployed.take().or(spec.deployed);
        let made_of = made_of.or_else(|| status.made_of.clone());
        Ok(Wished { spec, secrets, made_of, parts })
    }

    /// The parts that a release names: those that are there are kept, and the rest is made.
    fn parts(
        &self,
        graph: &Graph,
        before: &InstanceSpec,
        composition: &Composition,
        given: &Given<'_>,
        ctx: &Ctx<'_>,
    ) -> Result<(Made, Wiring)> {
        let reference = &self.record.reference;
        let name = base_name(reference, &before.environment);
        let no_team = || Error::Internal(format!("{reference} has no team"));
        let team = before.team_ref().ok_or_else(no_team)?;
        let mut whole = Whole {
            reference,
            team: &team,
            environment: &before.environment,
            name: &name,
            depth: depth(graph, self.record),
            waits: false,
            how: self.how,
            outside: BTreeMap::new(),
            before: by_name(graph, reference, &before.environment),
        };
        parts::make(graph, &mut whole, composition, given, ctx)
    }

    /// What it is made of then: what is there and is no part any more leaves.
    fn made_of(&self, graph: &Graph, choices: Vec<Choice>, status: &InstanceStatus) -> MadeOf {
        let choices = kept_reasons(choices, status.made_of.as_ref());
        let stays = |name: &Ref| choices.iter().any(|choice| choice.instance.as_deref() == Some(name.as_str()));
        let all = super::parts_of(graph, &self.record.reference);
        let leaving = all.iter().map(|part| &part.reference).filter(|name| !stays(name)).map(ToString::to_string);
        MadeOf { leaving: leaving.collect(), choices, emptying: None }
    }

    fn same_plan(&self, before: &InstanceSpec) -> Result<()> {
        let has = before.plan.as_ref().map(|plan| plan.name.as_str());
        match self.plan {
            Some(plan) if has != Some(plan) => {
                let name = self.record.reference.name();
                let message = format!("{name} has the plan {}, and {plan} is asked for.", has.unwrap_or("none"));
                Err(Error::refused("instance.plan", message, "Make a new one beside it with that plan, and move over."))
            }
            _ => Ok(()),
        }
    }
}

/// Begins with what was decided, after what it needs.
fn begin(
    graph: &Graph,
    record: &Record,
    wished: Wished,
    status: InstanceStatus,
    ctx: &Ctx<'_>,
) -> Result<(Changes, InstanceSpec)> {
    let Wished { spec, secrets, made_of, parts } = wished;
    let mut status = InstanceStatus { made_of, ..status };
    let id = ctx.uid();
    let driver = driver_of(graph, &spec, &status)?;
    let place = (&*spec.environment, &*driver);
    let (mut operation, work) = start(id, record.uid, &record.reference, Verb::Apply, place, ctx);
    let mut changes = parts;
    changes.answer = json!({"operation": id});
    secret_input::seal(&mut changes, record.uid, &secrets, ctx)?;
    status.operation = Some(id);
    status.phase = Phase::Progressing;
    if spec.wiring.is_some() {
        hold(&mut status, &mut operation, &needed_words(&spec), ctx);
        let whole = whole_of(graph, record).map_or(record.uid, |whole| whole.uid);
        changes.due.extend([whole, record.uid].map(|uid| deadline(uid, ctx.now)));
    } else {
        changes.work.push(work);
    }
    changes.operations.push(operation);
    changes.put("instance.reshaped", written(record, &spec, &status)?, json!({"operation": id}));
    changes.due.sort_by(|one, other| one.key.cmp(&other.key));
    changes.due.dedup_by(|one, other| one.key == other.key);
    Ok((changes, spec))
}

/// Puts the parts of something back to what an earlier release names, whose name its text has again.
///
/// # Errors
/// When a part cannot be changed now.
pub(crate) fn put_back(
    graph: &Graph,
    record: &Record,
    (spec, status): (&mut InstanceSpec, &mut InstanceStatus),
    (given_up, inputs): (&ReleaseSpec, &Map<String, Value>),
    ctx: &Ctx<'_>,
) -> Result<Changes> {
    let outer = parts::outer(spec, given_up.composition.as_ref())?;
    let change = Change {
        record,
        to: Some(release_of(graph, spec)?),
        plan: None,
        inputs: inputs.clone(),
        wiring: Some(outer),
        made_of: None,
        how: How { back: true, same: true },
        deployed: None,
    };
    let wished = change.wish(graph, (spec, status), ctx)?;
    spec.needs = wished.spec.needs;
    spec.wiring = wished.spec.wiring;
    status.made_of = wished.made_of;
    let mut changes = wished.parts;
    changes.due.retain(|due| due.subject != Some(record.uid));
    changes.due.push(deadline(record.uid, ctx.now));
    Ok(changes)
}

/// Choices that are as before keep the reasons that they were made for.
pub(crate) fn kept_reasons(choices: Vec<Choice>, before: Option<&MadeOf>) -> Vec<Choice> {
    let known = |choice: &Choice| {
        let mut all = before.into_iter().flat_map(|made| &made.choices);
        all.find(|old| old.part == choice.part && old.instance == choice.instance).cloned()
    };
    choices.into_iter().map(|choice| known(&choice).unwrap_or(choice)).collect()
}
