//! Another wish for something that is there: its inputs, what it takes, and what it is made of.

use super::advance::{hold, needed_words, written};
use super::fill::without;
use super::resolve::release_of;
use super::{deadline, read, whole_of};
use crate::access::policy::Action;
use crate::access::writing::subject_of;
use crate::command::Ctx;
use crate::command::changes::Changes;
use crate::error::{Error, Result};
use crate::instance::driver::Secret;
use crate::instance::operation::driver_of;
use crate::instance::order::start;
use crate::instance::secret_input::{self, Named};
use crate::record::schema;
use crate::rules::{self, Rules};
use loggia_graph::Graph;
use loggia_model::Record;
use loggia_model::composition::{MadeOf, Wiring};
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::kinds::instance::{Deployed, InstanceSpec};
use loggia_model::operation::Verb;
use loggia_model::rule::Act;
use serde_json::{Map, Value, json};

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
    /// The plan that is asked for. It stays what it was when it was ordered.
    pub(crate) plan: Option<&'a str>,
    /// Inputs that are known.
    pub(crate) inputs: Map<String, Value>,
    /// What is taken from others.
    pub(crate) wiring: Option<Wiring>,
    /// Outputs that are taken from others.
    pub(crate) outputs: Map<String, Value>,
    /// What it is made of now, when it is made of something.
    pub(crate) made_of: Option<MadeOf>,
    /// As part of what.
    pub(crate) how: How,
    /// What is deployed, when it is.
    pub(crate) deployed: Option<Deployed>,
}

impl Change<'_> {
    /// Decides; nothing is written where nothing changes.
    ///
    /// # Errors
    /// When it is not its time, or the inputs do not fit.
    pub(crate) fn decide(mut self, graph: &Graph, ctx: &Ctx<'_>) -> Result<(Changes, InstanceSpec)> {
        let (before, status) = read(self.record)?;
        ctx.require(Action::Operate, &subject_of(&self.record.parse()))?;
        self.same_plan(&before)?;
        let (spec, secrets) = self.wish(graph, &before)?;
        let made_of = self.made_of.take().or_else(|| status.made_of.clone());
        let same = spec == before && (secrets.is_empty() || self.how.same) && made_of == status.made_of;
        if same && status.phase == Phase::Ready {
            return Ok((Changes::default(), spec));
        }
        if status.held.is_some() || matches!(status.phase, Phase::Pending | Phase::Progressing | Phase::Deleting) {
            let message = format!("Something is being done to {} now.", self.record.reference.name());
            return Err(Error::refused("instance.busy", message, "Wait until that has ended, then try again."));
        }
        if let Some(wanted) = rules::Wanted::of(graph, &spec).filter(|_| !self.how.back) {
            Rules::of(graph, &wanted.environment).not_frozen(&wanted, Act::Upgrade, ctx.now)?;
        }
        let changes = self.begin(graph, (&spec, InstanceStatus { made_of, ..status }), &secrets, ctx)?;
        Ok((changes, spec))
    }

    /// What it is to be, and its secret inputs.
    fn wish(&mut self, graph: &Graph, before: &InstanceSpec) -> Result<(InstanceSpec, Vec<(String, Secret)>)> {
        let contract = Value::Object(release_of(graph, before)?.contract.inputs);
        let mut inputs = std::mem::take(&mut self.inputs);
        schema::fill_defaults(&contract, &mut inputs);
        let secrets = secret_input::take(&contract, &mut inputs);
        let mut wiring = self.wiring.take();
        if let Some(wiring) = &mut wiring {
            wiring.outputs = std::mem::take(&mut self.outputs);
        }
        let mut open: Vec<String> = wiring.iter().flat_map(|wiring| wiring.inputs.keys().cloned()).collect();
        open.extend(schema::secret_names(&contract));
        let problems = schema::check(&without(&contract, &open), &Value::Object(inputs.clone()), "inputs");
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        let mut spec = before.clone();
        // What is taken from others is filled in anew when its turn comes.
        spec.inputs.retain(|name, _| wiring.as_ref().is_some_and(|wiring| wiring.inputs.contains_key(name)));
        spec.inputs.extend(inputs);
        spec.needs = wiring.iter().flat_map(Wiring::sources).map(|source| source.to_string()).collect();
        spec.wiring = wiring;
        spec.deployed = self.deployed.take().or(spec.deployed);
        Ok((spec, secrets))
    }

    fn begin(
        &self,
        graph: &Graph,
        (spec, mut status): (&InstanceSpec, InstanceStatus),
        secrets: &Named,
        ctx: &Ctx<'_>,
    ) -> Result<Changes> {
        let id = ctx.uid();
        let driver = driver_of(graph, spec, &status)?;
        let place = (&*spec.environment, &*driver);
        let (mut operation, work) = start(id, self.record.uid, &self.record.reference, Verb::Apply, place, ctx);
        let mut changes = Changes::answer(json!({"operation": id}));
        secret_input::seal(&mut changes, self.record.uid, secrets, ctx)?;
        status.operation = Some(id);
        status.phase = Phase::Progressing;
        if spec.wiring.is_some() {
            hold(&mut status, &mut operation, &needed_words(spec), ctx);
            let whole = whole_of(graph, self.record).map_or(self.record.uid, |whole| whole.uid);
            changes.due.push(deadline(whole, ctx.now));
        } else {
            changes.work.push(work);
        }
        changes.operations.push(operation);
        changes.put("instance.changed", written(self.record, spec, &status)?, json!({"operation": id}));
        Ok(changes)
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
