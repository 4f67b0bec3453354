//! Ordering: one command behind the form, the API and the command line.

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts};
use crate::composition::fill::without;
use crate::composition::{self, advance};
use crate::ending::effects::{self, Wanted};
use crate::error::{Error, Result};
pub(crate) use crate::instance::order_namespace::{document, namespace_of, reference_of};
pub(crate) use crate::instance::order_parts::Belongs;
use crate::instance::order_parts::{prices, waits_for, wired};
use crate::instance::order_place::{check_name, check_once, check_together, environment};
use crate::instance::secret_input::{self, Named};
use crate::record::schema;
use crate::record::{suggestion, visible};
use crate::release::from_template;
use crate::release::offering;
use crate::rules::approval;
use crate::rules::{self, Needed, Rules};
use loggia_graph::{Audience, Graph};
use loggia_model::composition::{Choice, Composition, MadeOf, Wiring};
use loggia_model::instance::{InstanceStatus, Phase, Step};
use loggia_model::kinds::instance::{FrozenPlan, InstanceSpec};
use loggia_model::kinds::offering::OfferingSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::naming;
use loggia_model::operation::{Operation, State, Verb};
use loggia_model::rule::Act;
use loggia_model::usage::UsageReading;
use loggia_model::version::Range;
use loggia_model::{Document, Micros, Record, Ref, Source, Uid};
use loggia_store::{NewWork, WorkClass};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What is ordered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderInput {
    /// Name of the offering.
    pub offering: String,
    /// Name of the plan; the default plan when absent.
    #[serde(default)]
    pub plan: Option<String>,
    /// Version of the release, or a range; the newest published one when absent.
    #[serde(default)]
    pub release: Option<String>,
    /// Name of the environment.
    pub environment: String,
    /// The team, as `booking` or `group:default/booking`.
    pub team: String,
    /// Name within team and environment: lower-case letters, digits and hyphens, at most 40.
    #[schemars(regex(pattern = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"))]
    pub name: String,
    /// Inputs, as the contract of the release wants them.
    #[serde(default)]
    pub inputs: Map<String, Value>,
    /// Decide only: tell what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

/// What is known of something that ran before this server looked after it.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The driver that carries it from now on, in place of that of the release.
    pub driver: String,
    /// Version of what really runs.
    pub version: String,
    /// Since when it runs.
    pub since: Micros,
    /// What else is known of it.
    pub attributes: Map<String, Value>,
}

/// Orders an instance. It holds the inputs as they were given, until the release that it finds says which are secret.
pub struct Order {
    pub(super) input: OrderInput,
    pub(super) past: Option<Past>,
    pub(super) belongs: Belongs,
}

/// What an order rests on, found and checked.
pub(super) struct Found {
    offering: std::sync::Arc<Record>,
    release: std::sync::Arc<Record>,
    contract: Value,
    pub(super) environment: String,
    pub(super) team: Ref,
    driver: String,
    plan: Option<FrozenPlan>,
    mandated: bool,
    /// Who has to agree first.
    pub(super) needed: Option<Needed>,
    /// The parts that are made with it.
    pub(super) composition: Option<Composition>,
}

impl OrderInput {
    /// The same with offering, release and environment by their plain names, however they are named in full.
    fn plain(self) -> OrderInput {
        OrderInput {
            offering: naming::shared("offering", &self.offering).to_ascii_lowercase(),
            release: self.release.as_deref().map(|wish| naming::shared("release", wish).to_owned()),
            environment: naming::shared("environment", &self.environment).to_owned(),
            ..self
        }
    }
}

impl App {
    /// Orders an instance: decides, writes, and leaves the work to the workers.
    ///
    /// # Errors
    /// As the command decides: unknown names, wrong inputs, no right, no backend.
    pub async fn order(&self, caller: &Caller, input: OrderInput) -> Result<crate::Outcome> {
        let input = input.plain();
        let would = input.dry_run.then(|| input.environment.clone());
        let mut outcome = self.run(caller, Order { input, past: None, belongs: Belongs::default() }).await?;
        if let Some(environment) = would {
            self.tell_place(&environment, &mut outcome.answer);
        }
        Ok(outcome)
    }

    /// Takes over something that was ordered in the past, before this server knew of it: the same command, carried by
    /// the driver that the past names.
    ///
    /// # Errors
    /// As [`App::order`].
    pub async fn order_past(&self, caller: &Caller, input: OrderInput, past: Past) -> Result<crate::Outcome> {
        self.run(caller, Order { input: input.plain(), past: Some(past), belongs: Belongs::default() }).await
    }
}

impl Command for Order {
    fn name(&self) -> &'static str {
        "instance.order"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let input = &self.input;
        let found = self.find(graph, ctx)?;
        let mut inputs = input.inputs.clone();
        schema::fill_defaults(&found.contract, &mut inputs);
        // By the release that is written below and no other: which one it is may change until the moment of deciding.
        let secrets = secret_input::take(&found.contract, &mut inputs);
        self.check_secret(&secrets)?;
        let taken: Vec<String> = self.belongs.wiring.inputs.keys().cloned().collect();
        check_inputs(&without(&found.contract, &taken), &inputs, &secrets)?;
        secret_input::none_in_clear(&found.contract, &inputs)?;
        let spec = self.spec(&found, inputs, ctx);
        let namespace = namespace_of(graph, &found.team)?;
        let document = document(&namespace, &input.name, &found.environment, &spec)?;
        let reference = document.reference();
        let there = reference_of(graph, &found.team, &input.name, &found.environment);
        self.is_free(graph, &found, &there, ctx)?;
        let (parts, wiring) = self.parts(graph, &found, (&reference, &spec.inputs, &secrets), ctx)?;
        let document = wired(&document, wiring.as_ref())?;
        let prices = prices(spec.plan.as_ref(), &parts);
        if input.dry_run {
            let waits = found.needed.as_ref().map(Needed::words);
            return Ok(Changes::answer(json!({"instance": reference, "release": found.release.reference.name(),
                "plan": spec.plan, "inputs": spec.inputs, "driver": found.driver, "dryRun": true, "waits": waits,
                "parts": parts.choices, "prices": prices})));
        }
        let mut changes = self.changes(&document, &found, (&secrets, wiring.as_ref(), parts.choices), ctx)?;
        let mut all = parts.changes;
        all.answer = std::mem::take(&mut changes.answer);
        all.answer["prices"] = json!(prices);
        all.absorb(changes);
        Ok(all)
    }
}

/// What is said to whoever asks for an offering that is not there.
fn unknown(graph: &Graph, audience: &Audience, name: &str) -> Error {
    let (message, mend) = from_template::instead(graph, audience, name).unwrap_or_else(|| {
        let near = suggestion::of_kind(graph, audience, "offering", name);
        (format!("There is no offering {name:?}"), near)
    });
    Error::invalid("order.offering", "offering", message, mend)
}

impl Order {
    /// What is written of it.
    fn spec(&self, found: &Found, inputs: Map<String, Value>, ctx: &Ctx<'_>) -> InstanceSpec {
        InstanceSpec {
            offering: found.offering.reference.name().to_owned(),
            step: Step::Managed,
            team: found.team.to_string(),
            environment: found.environment.clone(),
            // A release may be named too; what its team accepts later is then not limited.
            constraint: self.input.release.clone().filter(|wish| Range::parse(wish).is_ok()),
            target: Some(found.release.reference.name().to_owned()),
            plan: found.plan.clone(),
            inputs,
            contact: ctx.caller.user().map(ToString::to_string),
            component: self.past.as_ref().and_then(|past| component(&past.attributes)),
            part_of: self.belongs.part_of.as_ref().map(ToString::to_string),
            shared: self.belongs.shared.clone(),
            deployed: self.belongs.deployed.clone(),
            ..InstanceSpec::default()
        }
    }

    /// Passes when nothing has that name.
    fn is_free(&self, graph: &Graph, found: &Found, reference: &Ref, ctx: &Ctx<'_>) -> Result<()> {
        let Some(taken) = graph.get(reference) else { return Ok(()) };
        let name = &self.input.name;
        let message = match graph.visible(&ctx.caller.audience, taken) {
            true => format!("{} already has {name} in {}", found.team.name(), found.environment),
            false => format!("The name {name} cannot be used"),
        };
        Err(Error::invalid("name.taken", "name", message, "Choose another name."))
    }

    fn find(&self, graph: &Graph, ctx: &Ctx<'_>) -> Result<Found> {
        let input = &self.input;
        let audience = &ctx.caller.audience;
        let team = naming::team(&input.team)
            .map_err(|unfit| Error::invalid("order.team", "team", unfit.message, unfit.mend))?;
        ctx.require(Action::Order, &Subject { team: Some(team.clone()), owner: None })?;
        if graph.get(&team).is_none() {
            let message = format!("There is no team {:?}", input.team);
            let mend = suggestion::of_kind(graph, audience, "group", &input.team);
            return Err(Error::invalid("order.team", "team", message, mend));
        }
        check_name(&input.name)?;
        let offering = visible(graph, audience, &Ref::new("offering", "default", &input.offering))
            .map_err(|_| unknown(graph, audience, &input.offering))?;
        let followed = offering::followed(graph, &input.offering, &team);
        let wish = input.release.as_deref().or(followed.as_deref());
        let release = offering::release_for(graph, audience, &input.offering, wish)?;
        let release = effects::open_release(graph, audience, release, wish, ctx.now);
        let spec: ReleaseSpec = release.spec()?;
        let driver = self.past.as_ref().map_or(&spec.recipe.driver, |past| &past.driver).clone();
        let (environment, purpose) = environment(graph, audience, input, &driver)?;
        check_together(&input.name, &environment)?;
        check_once(graph, &team, (&input.name, &environment), &driver)?;
        let offered: OfferingSpec = offering.spec()?;
        let plan = offering::frozen_plan(&offered, input.plan.as_deref())?;
        let mut needed = None;
        if self.past.is_none() {
            let (name, release) = (offering.reference.name(), release.reference.name());
            let size = plan.as_ref().map(|plan| plan.name.as_str());
            effects::may_get(graph, &Wanted { audience, team: &team, offering: name, release, plan: size }, ctx.now)?;
            let (offering, plan) = (name.to_owned(), plan.clone());
            let environment = environment.clone();
            let wanted = rules::Wanted { team: team.clone(), offering, plan, environment, purpose };
            needed = Rules::of(graph, &wanted.environment).may_get(graph, &wanted, ctx.now)?;
        }
        Ok(Found {
            needed,
            team,
            release,
            environment,
            plan,
            driver,
            composition: spec.composition,
            contract: Value::Object(spec.contract.inputs),
            mandated: offered.mandatory.is_some(),
            offering,
        })
    }

    fn changes(
        &self,
        document: &Document,
        found: &Found,
        (secrets, wiring, choices): (&Named, Option<&Wiring>, Vec<Choice>),
        ctx: &Ctx<'_>,
    ) -> Result<Changes> {
        let (uid, id) = (ctx.uid(), ctx.uid());
        let reference = document.reference();
        let approval = found.needed.as_ref().map(|needed| approval::asked(Act::Order, needed, id, ctx));
        let waits = approval.as_ref().map(approval::waits);
        let made_of = (!choices.is_empty()).then(|| MadeOf { choices, ..MadeOf::default() });
        let mut status = InstanceStatus {
            phase: Phase::Pending,
            operation: Some(id),
            approval: approval.clone(),
            made_of,
            ..self.known()
        };
        let (mut operation, work) = start(id, uid, &reference, Verb::Apply, (&found.environment, &found.driver), ctx);
        let held = wiring.is_some() || self.belongs.waits;
        if held {
            advance::hold(&mut status, &mut operation, &waits_for(wiring), ctx);
        }
        let mut changes = Changes::answer(json!({"instance": reference, "uid": uid, "operation": id, "waits": waits,
            "release": found.release.reference.name()}));
        secret_input::seal(&mut changes, uid, secrets, ctx)?;
        let draft = Draft::new(uid, document, Source::server()).with_status(&serde_json::to_value(&status)?);
        let data = json!({"offering": self.input.offering, "release": found.release.reference.name(), "operation": id});
        changes.put("instance.ordered", draft, data);
        match &approval {
            Some(approval) => approval::hold(&mut changes, approval, uid, operation),
            None => {
                changes.operations.push(operation);
                changes.work.extend((!held).then_some(work));
            }
        }
        if wiring.is_some() && self.belongs.part_of.is_none() {
            changes.due.push(composition::deadline(uid, ctx.now));
        }
        changes.usage.push(self.reading(found, &reference, id, ctx));
        if let Some(past) = &self.past {
            changes.saw(uid, past.since.min(ctx.now), &past.driver);
        }
        Ok(changes)
    }

    /// What is known before a driver has looked.
    fn known(&self) -> InstanceStatus {
        let Some(past) = self.past.clone() else { return InstanceStatus::default() };
        InstanceStatus {
            driver: past.driver,
            version: past.version,
            since: Some(past.since),
            attributes: past.attributes,
            ..InstanceStatus::default()
        }
    }

    fn reading(&self, found: &Found, instance: &Ref, id: Uid, ctx: &Ctx<'_>) -> UsageReading {
        UsageReading {
            source: "loggia".into(),
            id: format!("order-{id}"),
            time: self.past.as_ref().map_or(ctx.now, |past| past.since.min(ctx.now)),
            team: Some(found.team.to_string()),
            principal: Some(ctx.caller.name()),
            offering: self.input.offering.clone(),
            release: Some(found.release.reference.name().to_owned()),
            feature: None,
            instance: Some(instance.to_string()),
            channel: "order".into(),
            count: 1,
            outcome: "ok".into(),
            mandated: found.mandated,
        }
    }
}

/// Passes when inputs fit the contract, those that are secret included.
pub(crate) fn check_inputs(contract: &Value, inputs: &Map<String, Value>, secrets: &Named) -> Result<()> {
    let mut all = inputs.clone();
    for (name, secret) in secrets {
        // The contract may limit the length or form of a secret: checked here, kept nowhere.
        all.insert(name.clone(), Value::String(secret.reveal().to_owned()));
    }
    let hidden: Vec<String> = secrets.iter().map(|(name, _)| format!("inputs.{name}")).collect();
    let mut problems = schema::check(contract, &Value::Object(all), "inputs");
    for problem in problems.iter_mut().filter(|p| hidden.contains(&p.path)) {
        // The message of the validator would repeat the value.
        problem.message = "The value does not fit the contract".to_owned();
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}

/// The component that uses something, when the reporter named it.
pub(crate) fn component(attributes: &Map<String, Value>) -> Option<String> {
    attributes.get("component").and_then(Value::as_str).filter(|name| !name.is_empty()).map(str::to_owned)
}

/// A new operation with its work.
pub(crate) fn start(
    id: Uid,
    instance: Uid,
    reference: &Ref,
    verb: Verb,
    (environment, driver): (&str, &str),
    ctx: &Ctx<'_>,
) -> (Operation, NewWork) {
    let operation = Operation {
        id,
        instance,
        instance_ref: reference.to_string(),
        verb,
        driver: driver.to_owned(),
        state: State::Queued,
        steps: Vec::new(),
        attempt: 0,
        requested_by: ctx.caller.name(),
        created_at: ctx.now,
        ended_at: None,
        message: String::new(),
        mend: String::new(),
        next_at: None,
        last_failure: String::new(),
    };
    let class = if verb == Verb::Observe { WorkClass::Drift } else { WorkClass::People };
    let (key, place) = (id.to_string(), format!("{environment}/{driver}"));
    let work = NewWork { id, class, subject: instance, key, place, not_before: ctx.now, payload: Value::Null };
    (operation, work)
}
