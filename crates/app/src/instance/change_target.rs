//! What a change of plan and inputs leads to: worked out, and held against the contract of the version that runs.

use crate::command::diff::Difference;
use crate::command::{Ctx, Facts, Need};
use crate::error::{Error, Result};
use crate::instance::change::{ChangeInput, plain};
use crate::instance::driver::Secret;
use crate::instance::operation::is_free;
use crate::instance::order::check_inputs;
use crate::instance::secret_input;
use crate::record::schema::secret_names;
use crate::record::visible;
use crate::release::dry_run::release_spec;
use crate::release::offering::frozen_plan;
use loggia_graph::{Audience, Graph};
use loggia_model::instance::{Alteration, InstanceStatus, Step};
use loggia_model::kinds::instance::{FrozenPlan, InstanceSpec};
use loggia_model::kinds::offering::OfferingSpec;
use loggia_model::kinds::release::{Contract, ReleaseSpec};
use loggia_model::{Problem, Record, Ref};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What runs, as it is and as it would be.
pub(crate) struct Altered {
    pub(crate) before: InstanceSpec,
    pub(crate) after: InstanceSpec,
    pub(crate) status: InstanceStatus,
    /// The secret inputs that get another value.
    pub(crate) secrets: Vec<(String, Secret)>,
}

/// The facts with the secret inputs that it has: together with what is in the clear they have to fit the contract.
pub(crate) fn needs(graph: &Graph, record: &Record) -> Vec<Need> {
    let names = || {
        let (spec, status): (InstanceSpec, InstanceStatus) = (record.spec().ok()?, record.typed_status().ok()?);
        let release = release_spec(graph, &status.applied)?;
        let properties = release.contract.inputs.get("properties")?.as_object()?;
        Some(properties.keys().filter(|name| !spec.inputs.contains_key(*name)).cloned().collect::<Vec<_>>())
    };
    let need = |name: String| Need::Secret { uid: record.uid, field: secret_input::field(&name) };
    names().unwrap_or_default().into_iter().map(need).collect()
}

impl Altered {
    /// Works it out. `known` are secrets that were sealed when somebody asked for it.
    ///
    /// # Errors
    /// [`Error::Invalid`] at the field; [`Error::Refused`] for what no driver of this platform made.
    pub(crate) fn of(
        (graph, facts): (&Graph, &Facts),
        record: &Record,
        input: &ChangeInput,
        known: Vec<(String, Secret)>,
        (audience, ctx): (&Audience, &Ctx<'_>),
    ) -> Result<Altered> {
        let (before, status): (InstanceSpec, InstanceStatus) = (record.spec()?, record.typed_status()?);
        let release = release_of(graph, &before, &status)?;
        let contract = Value::Object(release.contract.inputs.clone());
        let mut given = input.inputs.clone();
        let secrets = secrets_given(&contract, &mut given)?.into_iter().chain(known).collect::<Vec<_>>();
        let inputs = merged(&contract, &before.inputs, &given)?;
        stays(&release.contract, (&before.inputs, &inputs), &secrets)?;
        let mut kept = Vec::new();
        for row in facts.secrets.values().filter(|row| row.uid == record.uid) {
            let Some(name) = row.field.strip_prefix("input.") else { continue };
            if secrets.iter().all(|(given, _)| given != name) {
                kept.push((name.to_owned(), ctx.open(row)?));
            }
        }
        // As a driver would get all of it.
        let mut all = inputs.clone();
        secret_input::sort(&contract, &mut all, &mut kept);
        kept.extend(secrets.iter().cloned());
        check_inputs(&contract, &all, &kept)?;
        secret_input::none_in_clear(&contract, &inputs)?;
        let plan = plan(graph, audience, &before, input.plan.as_deref())?;
        let after = InstanceSpec { inputs, plan, ..before.clone() };
        Ok(Altered { before, after, status, secrets })
    }

    /// Names of the secret inputs that get another value.
    pub(crate) fn secret_names(&self) -> Vec<String> {
        self.secrets.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The inputs that become another.
    pub(crate) fn differences(&self) -> Vec<Difference> {
        let (before, after) = (&self.before.inputs, &self.after.inputs);
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let differs = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
        let one = |name: &String| Difference {
            path: name.clone(),
            before: before.get(name).cloned(),
            after: after.get(name).cloned(),
        };
        differs.map(one).collect()
    }

    /// Whether an input becomes another.
    pub(crate) fn has_inputs(&self) -> bool {
        !self.secrets.is_empty() || self.before.inputs != self.after.inputs
    }

    /// Whether all stays as it is.
    pub(crate) fn is_nothing(&self) -> bool {
        !self.has_inputs() && self.before.plan == self.after.plan
    }

    /// As it waits until somebody agrees.
    pub(crate) fn asked(&self, input: &ChangeInput) -> Alteration {
        let differences = self.differences().into_iter();
        let inputs = differences.map(|one| (one.path, one.after.unwrap_or(Value::Null))).collect();
        Alteration { plan: input.plan.clone(), inputs, secrets: self.secret_names() }
    }

    /// What becomes another, in a line.
    pub(crate) fn told(&self) -> String {
        let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), plain);
        let named =
            |plan: &Option<FrozenPlan>| plan.as_ref().map_or_else(|| "none".to_owned(), |plan| plan.name.clone());
        let (before, after) = (named(&self.before.plan), named(&self.after.plan));
        let plan = match (self.before.plan == self.after.plan, before == after) {
            (true, _) => None,
            (_, true) => Some(format!("plan {after} as it is offered now")),
            _ => Some(format!("plan {before} → {after}")),
        };
        let one = |d: Difference| format!("{} {} → {}", d.path, text(d.before.as_ref()), text(d.after.as_ref()));
        let inputs = self.differences().into_iter().map(one);
        let secrets = self.secret_names().into_iter().map(|name| format!("another {name}"));
        plan.into_iter().chain(inputs).chain(secrets).collect::<Vec<_>>().join("; ")
    }
}

/// The version that it has, and keeps.
pub(crate) fn release_of(graph: &Graph, spec: &InstanceSpec, status: &InstanceStatus) -> Result<ReleaseSpec> {
    if spec.step != Step::Managed {
        is_free(spec, status, "change")?;
    }
    release_spec(graph, &status.applied).ok_or_else(|| {
        let mend = "Wait until it is ready; what failed is tried again first.";
        Error::refused("change.no-version", "It has no version of this platform yet.", mend)
    })
}

/// Takes the secrets out of what was given.
fn secrets_given(contract: &Value, given: &mut Map<String, Value>) -> Result<Vec<(String, Secret)>> {
    let none = |name: &String| given.get(name) == Some(&Value::Null);
    if let Some(name) = secret_names(contract).into_iter().find(none) {
        let mend = "Leave it out to keep it, or give another one.";
        return Err(Error::invalid("change.secret", format!("inputs.{name}"), "A secret cannot be taken away", mend));
    }
    Ok(secret_input::take(contract, given))
}

/// The inputs with what was given in their places.
fn merged(contract: &Value, before: &Map<String, Value>, given: &Map<String, Value>) -> Result<Map<String, Value>> {
    let mut inputs = before.clone();
    for (name, value) in given {
        let property = contract.get("properties").and_then(|all| all.get(name));
        match (value, property.and_then(|property| property.get("default"))) {
            (Value::Null, Some(usual)) => drop(inputs.insert(name.clone(), usual.clone())),
            (Value::Null, None) if property.is_some() || before.contains_key(name) => drop(inputs.remove(name)),
            (Value::Null, None) => {
                let message = format!("There is no input {name:?}");
                return Err(Error::invalid("change.input", format!("inputs.{name}"), message, "Leave it out."));
            }
            (value, _) => drop(inputs.insert(name.clone(), value.clone())),
        }
    }
    Ok(inputs)
}

/// Passes when all that stays as it was ordered does.
fn stays(
    contract: &Contract,
    (before, after): (&Map<String, Value>, &Map<String, Value>),
    secrets: &[(String, Secret)],
) -> Result<()> {
    let changes =
        |name: &&str| before.get(*name) != after.get(*name) || secrets.iter().any(|(secret, _)| secret == name);
    let problem = |name: &str| {
        let title = contract.inputs.get("properties").and_then(|all| all.get(name)?.get("title")?.as_str());
        let message = format!("{} stays as it was ordered", title.unwrap_or(name));
        let mend = "Leave it as it is; for another one get a new one beside it, and move over.";
        Problem::new("change.immutable", format!("inputs.{name}"), message, mend)
    };
    let problems: Vec<Problem> = contract.immutable().into_iter().filter(changes).map(problem).collect();
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}

/// The plan: what it has, or another one as it is offered now.
fn plan(graph: &Graph, audience: &Audience, before: &InstanceSpec, wish: Option<&str>) -> Result<Option<FrozenPlan>> {
    let Some(wish) = wish else { return Ok(before.plan.clone()) };
    let offering = visible(graph, audience, &Ref::new("offering", "default", &before.offering))?;
    frozen_plan(&offering.spec::<OfferingSpec>()?, Some(wish))
}
