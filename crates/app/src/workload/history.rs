//! Workloads over time and over environments: what was deployed, on to the next environment, and back.

use super::deploy::{Deploy, promotes_to};
use crate::App;
use crate::access::caller::Caller;
use crate::composition::read;
use crate::error::{Error, Result};
use crate::instance::order::reference_of;
use crate::record::visible;
use loggia_graph::{Graph, Predicate, Query};
use loggia_model::composition::Choice;
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::kinds::environment::EnvironmentSpec;
use loggia_model::kinds::instance::{Deployed, InstanceSpec};
use loggia_model::{Event, Micros, Record, Ref, score};
use loggia_store::EventFilter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The type of the events of deployments.
const DEPLOYED: &str = "dev.loggia.instance.deployed.v1";
/// How many deployments are looked through at most.
const MOST: i64 = 200;

/// One deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Its number, from 1.
    pub number: u64,
    /// When.
    pub time: Micros,
    /// Who.
    pub by: String,
    /// What runs since then: an image, or a commit.
    pub artifact: String,
    /// Where it came from: another environment, or an earlier deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The releases of its resources.
    pub releases: BTreeMap<String, String>,
    /// The file.
    pub score: Value,
}

/// A workload in one environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Name of the environment.
    pub environment: String,
    /// The instance; none where it was not deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Ref>,
    /// Where it is in its life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// What runs.
    pub artifact: String,
    /// The number of the deployment.
    pub number: u64,
    /// Where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The release of what runs it.
    pub release: String,
    /// Its resources, with their releases.
    pub resources: BTreeMap<String, String>,
    /// Where it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The environment that comes after this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotes_to: Option<String>,
}

/// Where from and where to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PromoteInput {
    /// The environment that it comes from.
    pub from: String,
    /// The environment that it goes to; the next one when absent.
    #[serde(default)]
    pub to: Option<String>,
    /// Takes away what it does not need any more there.
    #[serde(default)]
    pub prune: bool,
    /// Tells what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

/// Back to what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RollbackInput {
    /// The environment.
    pub environment: String,
    /// The number of a deployment; the one before this when absent.
    #[serde(default)]
    pub to: Option<u64>,
    /// Tells what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

impl App {
    /// The instance of a workload in an environment, with what was deployed.
    fn deployed(&self, caller: &Caller, team: &Ref, name: &str, environment: &str) -> Result<(Arc<Record>, Deployed)> {
        let graph = self.graph();
        let reference = reference_of(&graph, team, name, environment);
        let missing = || Error::NotFound(format!("{name} was not deployed to {environment}, or you may not see it."));
        let record = visible(&graph, &caller.audience, &reference).map_err(|_| missing())?;
        let deployed = record.spec::<InstanceSpec>()?.deployed.ok_or_else(missing)?;
        Ok((record, deployed))
    }

    /// What would bring the same to the next environment: the same artifact, and the same versions.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what was not deployed, [`Error::Refused`] for what does not run.
    pub fn promotion(&self, caller: &Caller, team: &Ref, name: &str, input: &PromoteInput) -> Result<Deploy> {
        let (record, deployed) = self.deployed(caller, team, name, &input.from)?;
        let (spec, status) = read(&record)?;
        if status.phase != Phase::Ready || status.held.is_some() {
            let message = format!("{name} is not ready in {}.", input.from);
            return Err(Error::refused("promote.not-ready", message, "Wait until it is, or mend it there first."));
        }
        let graph = self.graph();
        let no_next = || {
            let message = format!("No environment comes after {}.", input.from);
            Error::refused("promote.nowhere", message, "Say which one: --to NAME (in the API: \"to\").")
        };
        let to = input.to.clone().or_else(|| promotes_to(&graph, &caller.audience, &input.from)).ok_or_else(no_next)?;
        if to == input.from {
            return Err(Error::refused("promote.same", "It is there already.", "Name another environment."));
        }
        let choices = status.made_of.clone().unwrap_or_default().choices;
        let number = |name: &str| -> Option<String> {
            let release = graph.get(&Ref::new("release", "default", name))?.parse();
            Some(release.spec_text("version").to_owned())
        };
        let release_of = |instance: &str| -> Option<String> {
            let spec: InstanceSpec = graph.get_text(instance)?.spec().ok()?;
            number(spec.target.as_deref()?)
        };
        let parts = choices.iter().filter_map(|choice| Some((choice.part.clone(), choice.instance.as_deref()?)));
        let mut pins: BTreeMap<String, String> =
            parts.filter_map(|(part, instance)| Some((part, release_of(instance)?))).collect();
        pins.extend(spec.target.as_deref().and_then(number).map(|number| (String::new(), number)));
        let image = exact(&deployed.artifact, &status);
        let mut deploy = self.again(deployed, team, &to, input.from.clone())?;
        (deploy.pins, deploy.image, deploy.prune, deploy.dry_run) = (pins, image, input.prune, input.dry_run);
        Ok(deploy)
    }

    /// What would bring an earlier deployment back.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what was not deployed, [`Error::Refused`] when there is none before.
    pub async fn way_back(&self, caller: &Caller, team: &Ref, name: &str, input: &RollbackInput) -> Result<Deploy> {
        let (record, now) = self.deployed(caller, team, name, &input.environment)?;
        let all = self.deployments(caller, &record.reference).await?;
        let wanted = |one: &&Deployment| match input.to {
            Some(number) => one.number == number,
            None => one.number < now.number && (&one.artifact, &one.score) != (&now.artifact, &now.score),
        };
        let none = || {
            let message = match input.to {
                Some(number) => format!("{name} has no deployment {number} in {}.", input.environment),
                None => format!("There is no earlier deployment of {name} in {}.", input.environment),
            };
            Error::refused(
                "rollback.none",
                message,
                format!("See them: loggia workload {name} --history {}.", input.environment),
            )
        };
        let back = all.iter().find(wanted).ok_or_else(none)?.clone();
        let deployed = Deployed { number: back.number, score: back.score, artifact: back.artifact, from: None };
        let image = Some(deployed.artifact.clone()).filter(|artifact| !artifact.contains(", "));
        let from = format!("deployment {}", back.number);
        let mut deploy = self.again(deployed, team, &input.environment, from)?;
        (deploy.image, deploy.dry_run, deploy.back) = (image, input.dry_run, true);
        Ok(deploy)
    }

    fn again(&self, deployed: Deployed, team: &Ref, environment: &str, from: String) -> Result<Deploy> {
        Ok(Deploy {
            score: score::from_value(&deployed.score).map_err(Error::Invalid)?,
            text: deployed.score,
            environment: environment.to_owned(),
            team: Some(team.to_string()),
            image: None,
            prune: false,
            dry_run: false,
            from: Some(from),
            back: false,
            pins: BTreeMap::new(),
        })
    }

    /// The deployments of a workload in an environment, the newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what the caller does not see.
    pub async fn deployments(&self, caller: &Caller, instance: &Ref) -> Result<Vec<Deployment>> {
        let record = visible(&self.graph(), &caller.audience, instance)?;
        let types = vec![DEPLOYED.to_owned()];
        let filter = EventFilter { subject: Some(record.uid), types, limit: MOST, ..EventFilter::default() };
        let mut all: Vec<Deployment> = self.store.events(&filter).await?.iter().filter_map(deployment).collect();
        all.sort_by_key(|deployment| std::cmp::Reverse(deployment.number));
        Ok(all)
    }

    /// A workload in each environment that there is for it, in the order of environments.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it was deployed nowhere that the caller sees.
    pub fn workload(&self, caller: &Caller, team: &Ref, name: &str) -> Result<Vec<Place>> {
        let graph = self.graph();
        let query = Query { predicate: Predicate::equals("kind", "environment"), ..Query::default() };
        let mut found: Vec<(i64, Place)> = Vec::new();
        for record in graph.query(&caller.audience, &query).records {
            let place: EnvironmentSpec = record.spec()?;
            let environment = record.reference.name().to_owned();
            let there = self.deployed(caller, team, name, &environment).ok();
            let next = place.promotes_to.clone();
            found.push((place.order.unwrap_or(i64::MAX), place_of(&graph, environment, there, next)?));
        }
        if found.iter().all(|(_, place)| place.instance.is_none()) {
            return Err(Error::NotFound(format!("{name} was deployed nowhere, or you may not see it.")));
        }
        found.sort_by(|one, other| (one.0, &one.1.environment).cmp(&(other.0, &other.1.environment)));
        Ok(found.into_iter().map(|(_, place)| place).collect())
    }

    /// The workloads of a team, or all that the caller sees, by team and name.
    pub fn workloads(&self, caller: &Caller) -> Vec<(Ref, String)> {
        let graph = self.graph();
        let one = |record: Arc<Record>| {
            Some(()).filter(|()| record.document.contains("\"deployed\""))?;
            let spec: InstanceSpec = record.spec().ok()?;
            spec.deployed.as_ref()?;
            Some((spec.team_ref()?, crate::instance::request::base_name(&record.reference, &spec.environment)))
        };
        let mut all: Vec<(Ref, String)> = graph.of_kind(&caller.audience, "instance").filter_map(one).collect();
        all.sort();
        all.dedup();
        all
    }
}

/// A workload in an environment; none of it where it was not deployed.
fn place_of(
    graph: &Graph,
    environment: String,
    there: Option<(Arc<Record>, Deployed)>,
    next: Option<String>,
) -> Result<Place> {
    let empty = Place { environment, promotes_to: next, ..Place::default() };
    let Some((record, deployed)) = there else { return Ok(empty) };
    let (spec, status) = read(&record)?;
    let url = status.outputs.get("url").or_else(|| status.outputs.get("address"));
    let url = url.and_then(Value::as_str).map(str::to_owned);
    let choices = status.made_of.unwrap_or_default().choices;
    // Since it was chosen it may have been brought to another version.
    let release = |choice: &Choice| {
        let record = graph.get_text(choice.instance.as_deref()?)?;
        record.spec::<InstanceSpec>().ok()?.target
    };
    let resource = |choice: Choice| {
        let release = release(&choice).unwrap_or(choice.release);
        (choice.part, release)
    };
    Ok(Place {
        instance: Some(record.reference.clone()),
        phase: Some(status.phase),
        artifact: deployed.artifact,
        number: deployed.number,
        from: deployed.from,
        release: spec.target.unwrap_or_default(),
        resources: choices.into_iter().map(resource).collect(),
        url,
        ..empty
    })
}

/// The very thing that runs, where what runs it says so: a commit in place of the head of a branch.
fn exact(artifact: &str, status: &InstanceStatus) -> Option<String> {
    if artifact.contains(", ") {
        return None;
    }
    match status.outputs.get("commit").and_then(Value::as_str) {
        Some(commit) if !artifact.contains('@') => Some(format!("{artifact}@{commit}")),
        _ => Some(artifact.to_owned()),
    }
}

fn deployment(event: &Event) -> Option<Deployment> {
    let text = |name: &str| event.data.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Deployment {
        number: event.data.get("number")?.as_u64()?,
        time: event.time,
        by: event.actor.principal.clone(),
        artifact: text("artifact").unwrap_or_default(),
        from: text("from"),
        releases: event.data.get("releases").and_then(|all| BTreeMap::deserialize(all).ok()).unwrap_or_default(),
        score: event.data.get("score").cloned().unwrap_or_default(),
    })
}
