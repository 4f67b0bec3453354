//! The upper end of the ladder: a driver takes over what was confirmed, when taking it over changes nothing; and lets go
//! of it again without destroying it.

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::Action;
use crate::access::writing::subject_of;
use crate::command::changes::{Changes, Draft};
use crate::command::writer::Outcome;
use crate::command::{Command, Ctx, Facts};
use crate::error::{Error, Result};
use crate::estate::observation;
use crate::instance::driver::Observation;
use crate::instance::order::start;
use crate::instance::secret_input;
use crate::record::schema;
use crate::record::visible;
use crate::release::offering;
use loggia_graph::{Audience, Graph};
use loggia_model::instance::{HeldBackend, InstanceStatus, Phase, Step};
use loggia_model::kinds::environment::EnvironmentSpec;
use loggia_model::kinds::instance::{FrozenPlan, InstanceSpec};
use loggia_model::kinds::offering::OfferingSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::operation::Verb;
use loggia_model::{Record, Ref};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// As what something is taken over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TakeOverInput {
    /// Version of the release, or a range; the one that it was recognised as when absent.
    #[serde(default)]
    pub release: Option<String>,
    /// Name of the plan; the default plan when absent.
    #[serde(default)]
    pub plan: Option<String>,
    /// Inputs, as the contract of the release wants them.
    #[serde(default)]
    pub inputs: Map<String, Value>,
}

/// As what an instance is to be taken over, checked. It waits with the work, because nothing is changed before the
/// driver has said that nothing would change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wish {
    pub(crate) release: String,
    pub(crate) plan: Option<FrozenPlan>,
    pub(crate) inputs: Map<String, Value>,
}

impl Wish {
    /// The instance as it would be.
    pub(crate) fn apply(self, spec: &mut InstanceSpec) {
        spec.target = Some(self.release);
        spec.plan = self.plan;
        spec.inputs = self.inputs;
    }
}

/// What a driver found when it was asked to take something over, and nothing would change.
pub(crate) struct Taken {
    pub(crate) seen: Observation,
    pub(crate) backend: Option<HeldBackend>,
    pub(crate) wish: Wish,
}

impl Taken {
    /// The instance as a managed one; none when it was not the team's own any more meanwhile.
    pub(crate) fn draft(&self, record: &Record, status: &mut InstanceStatus) -> Result<Option<Draft>> {
        let mut spec: InstanceSpec = record.spec()?;
        if spec.step != Step::Enrolled {
            return Ok(None);
        }
        spec.step = Step::Managed;
        status.applied.clone_from(&self.wish.release);
        status.backend.clone_from(&self.backend);
        observation::made(status, &self.seen);
        self.wish.clone().apply(&mut spec);
        let mut text = record.parse();
        text.0["spec"] = serde_json::to_value(&spec)?;
        Ok(Some(Draft::new(record.uid, &text, record.source.clone())))
    }
}

/// Asks the driver to take over what its team has confirmed.
struct TakeOver {
    instance: Ref,
    input: TakeOverInput,
}

impl Command for TakeOver {
    fn name(&self) -> &'static str {
        "instance.take-over"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.instance)?;
        ctx.require(Action::Operate, &subject_of(&record.parse()))?;
        let spec: InstanceSpec = record.spec()?;
        climbs(&spec, &record.reference)?;
        let release = self.release(graph, &ctx.caller.audience, &spec)?;
        let recipe: ReleaseSpec = release.spec()?;
        let wish = self.wish(graph, &ctx.caller.audience, &spec, &release, &recipe)?;
        has_backend(graph, &ctx.caller.audience, &spec, &recipe.recipe.driver)?;
        let (id, uid) = (ctx.uid(), record.uid);
        let (operation, mut work) =
            start(id, uid, &record.reference, Verb::Import, (&spec.environment, &recipe.recipe.driver), ctx);
        let status: InstanceStatus = record.typed_status()?;
        work.payload = json!({"before": status.phase, "wish": wish});
        let mut changes = Changes::answer(json!({"instance": record.reference, "uid": uid, "operation": id}));
        changes.operations.push(operation);
        changes.work.push(work);
        let data = json!({"operation": id, "release": wish.release});
        changes.note("instance.take-over-asked", Some((uid, record.reference.clone())), data);
        Ok(changes)
    }
}

/// Only the step above is taken.
fn climbs(spec: &InstanceSpec, instance: &Ref) -> Result<()> {
    let (message, mend) = match spec.step {
        Step::Enrolled => return Ok(()),
        Step::Managed => {
            ("A driver of this platform holds it already.".to_owned(), "There is nothing to do.".to_owned())
        }
        Step::Observed => (
            "Its team has not confirmed it yet.".to_owned(),
            format!("Confirm it first: loggia enrol {}/{}", instance.namespace(), instance.name()),
        ),
    };
    Err(Error::refused("instance.step", message, mend))
}

impl TakeOver {
    fn release(&self, graph: &Graph, audience: &Audience, spec: &InstanceSpec) -> Result<Arc<Record>> {
        match self.input.release.as_deref().or(spec.target.as_deref()) {
            Some(wish) => offering::release_for(graph, audience, &spec.offering, Some(wish)),
            None => {
                let message = "Nobody knows which release it is";
                Err(Error::invalid("take-over.release", "release", message, "Say the version of the release."))
            }
        }
    }

    fn wish(
        &self,
        graph: &Graph,
        audience: &Audience,
        spec: &InstanceSpec,
        release: &Record,
        recipe: &ReleaseSpec,
    ) -> Result<Wish> {
        let offered = visible(graph, audience, &Ref::new("offering", "default", &spec.offering))?;
        let offered: OfferingSpec = offered.spec()?;
        let contract = Value::Object(recipe.contract.inputs.clone());
        let mut inputs = self.input.inputs.clone();
        if let Some(name) = schema::secret_names(&contract).into_iter().find(|name| inputs.contains_key(name)) {
            let message = "A secret cannot be given here: what runs keeps the one that it has";
            return Err(Error::invalid("take-over.secret", format!("inputs.{name}"), message, "Leave it out."));
        }
        schema::fill_defaults(&contract, &mut inputs);
        // A default would stand in for the secret that it really has.
        drop(secret_input::take(&contract, &mut inputs));
        secret_input::none_in_clear(&contract, &inputs)?;
        let problems = schema::check(&contract, &Value::Object(inputs.clone()), "inputs");
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        let plan = offering::frozen_plan(&offered, self.input.plan.as_deref())?;
        Ok(Wish { release: release.reference.name().to_owned(), plan, inputs })
    }
}

fn has_backend(graph: &Graph, audience: &Audience, spec: &InstanceSpec, driver: &str) -> Result<()> {
    let name = &spec.environment;
    let environment = visible(graph, audience, &Ref::new("environment", "default", name));
    let environment = environment.ok().and_then(|record| record.spec::<EnvironmentSpec>().ok());
    if environment.is_some_and(|environment| offering::backend(&environment, driver).is_some()) {
        return Ok(());
    }
    Err(Error::refused(
        "environment.backend-missing",
        format!("{name} has no backend for {driver}."),
        "Ask the owner of the environment to add one.",
    ))
}

/// Lets go of an instance without destroying it: it runs on, and its team looks after it.
pub struct Orphan {
    /// The instance.
    pub instance: Ref,
}

impl Command for Orphan {
    fn name(&self) -> &'static str {
        "instance.orphan"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.instance)?;
        ctx.require(Action::Operate, &subject_of(&record.parse()))?;
        let mut spec: InstanceSpec = record.spec()?;
        let answer = json!({"instance": record.reference, "step": Step::Enrolled});
        match spec.step {
            Step::Enrolled => return Ok(Changes::answer(answer)),
            Step::Observed => {
                let message = "It is only observed: no driver of this platform holds it.";
                return Err(Error::refused("instance.step", message, "There is nothing to do."));
            }
            Step::Managed => {}
        }
        let mut status: InstanceStatus = record.typed_status()?;
        if matches!(status.phase, Phase::Pending | Phase::Progressing | Phase::Deleting) {
            let message = "Something is being done to it.";
            return Err(Error::refused("instance.busy", message, "Wait until that has ended, then try again."));
        }
        if !status.access.is_empty() {
            let message = "Consumers have credentials that nobody could take away then.";
            return Err(Error::refused("instance.in-use", message, "Revoke their access first: loggia access list."));
        }
        spec.step = Step::Enrolled;
        status.backend = None;
        status.driver.clear();
        let mut text = record.parse();
        text.0["spec"] = serde_json::to_value(&spec)?;
        let draft = Draft::new(record.uid, &text, record.source.clone()).with_status(&serde_json::to_value(&status)?);
        let mut changes = Changes::answer(answer);
        changes.put("instance.orphaned", draft, Value::Null);
        Ok(changes)
    }
}

impl App {
    /// Asks the driver of a release to take over what runs. It does when nothing would change; the operation tells.
    ///
    /// # Errors
    /// [`Error::Refused`] for what is not enrolled, or where there is no backend; [`Error::Invalid`] for wrong inputs.
    pub async fn take_over(&self, caller: &Caller, instance: Ref, input: TakeOverInput) -> Result<Outcome> {
        self.run(caller, TakeOver { instance, input }).await
    }
}
