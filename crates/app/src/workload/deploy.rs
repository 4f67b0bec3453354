//! Deploying a workload: the same command the first time, again, to the next environment, and back.

use super::resources::{Offered, Resolved, WORKLOAD, environment};
use super::runtime::{Told, told};
use crate::access::policy::{Action, Subject};
use crate::command::changes::Changes;
use crate::command::{Command, Ctx, Facts};
use crate::composition::change::{Change, How, kept_reasons};
use crate::composition::resolve::{Made, Whole, prices_of, resolve, sources};
use crate::composition::{by_name, parts_of, read};
use crate::error::{Error, Result};
use crate::instance::order::{Belongs, Order, OrderInput, reference_of};
use crate::release::offering::frozen_plan;
use crate::rules::{self, Rules};
use loggia_graph::{Audience, Graph};
use loggia_model::composition::{MadeOf, Wiring};
use loggia_model::kinds::environment::Purpose;
use loggia_model::kinds::instance::Deployed;
use loggia_model::score::{DEFAULT_CLASS, Score};
use loggia_model::{Record, Ref, RelationType, price};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The annotation of a workload that names its team.
const TEAM: &str = "loggia.dev/team";

/// Brings a workload to an environment.
#[derive(Clone, Debug)]
pub struct Deploy {
    /// What it asks for.
    pub score: Score,
    /// The same, as it was written.
    pub text: Value,
    /// Name of the environment.
    pub environment: String,
    /// The team; the one that the file names, else the only one of who asks.
    pub team: Option<String>,
    /// The image, in place of what the file says.
    pub image: Option<String>,
    /// Takes away what the file names no more.
    pub prune: bool,
    /// Tells what would happen.
    pub dry_run: bool,
    /// Where it comes from: another environment, or an earlier deployment.
    pub from: Option<String>,
    /// Whether it leads back to an earlier deployment.
    pub back: bool,
    /// Versions of the releases, by resource; of what runs it by an empty name.
    pub pins: BTreeMap<String, String>,
}

/// What a deployment rests on.
struct Found<'a> {
    team: Ref,
    reference: Ref,
    before: Option<std::sync::Arc<Record>>,
    resolved: Resolved<'a>,
    runtime: String,
    told: Told,
    /// Whether somebody has to agree to it first.
    waits: bool,
}

impl Command for Deploy {
    fn name(&self) -> &'static str {
        "workload.deploy"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let found = self.find(graph, ctx)?;
        let whole = Whole {
            reference: &found.reference,
            team: &found.team,
            environment: &self.environment,
            name: self.score.name(),
            depth: 0,
            waits: found.waits,
            how: self.how(&found)?,
            outside: BTreeMap::new(),
            before: by_name(graph, &found.reference, &self.environment),
        };
        let mut made = resolve(graph, &whole, &found.resolved.wishes()?, ctx)?;
        let mut working = graph.clone();
        let fresh: Vec<_> = made.changes.entries.iter().filter_map(|entry| entry.as_graph_change(ctx.now)).collect();
        working.apply(&fresh);
        let left = left(graph, &found.reference, &made);
        let root = self.root(&working, &found, &made, &left, ctx)?;
        let unchanged = root.entries.is_empty() && made.changes.is_empty();
        let mut answer = self.answer(&found, &made, &left, &root.answer);
        answer["unchanged"] = json!(unchanged);
        answer["number"] = json!(self.deployed(&found)?.number);
        if self.dry_run {
            return Ok(Changes::answer(answer));
        }
        let mut changes = std::mem::take(&mut made.changes);
        let given = root.answer.clone();
        changes.absorb(root);
        if !unchanged {
            // What is told of a record comes after it is there.
            self.tell(&found, &made, &given, &mut changes)?;
        }
        changes.due.sort_by(|one, other| one.key.cmp(&other.key));
        changes.due.dedup_by(|one, other| one.key == other.key);
        changes.answer = answer;
        Ok(changes)
    }
}

impl Deploy {
    fn find<'a>(&'a self, graph: &'a Graph, ctx: &'a Ctx<'_>) -> Result<Found<'a>> {
        let audience = &ctx.caller.audience;
        let team = self.team(graph, ctx)?;
        // Before anything is said about what is there.
        ctx.require(Action::Order, &Subject { team: Some(team.clone()), owner: None })?;
        let place = environment(graph, audience, &self.environment)?;
        let offered = Offered::of(graph, audience, &place);
        let resolved = Resolved::of(&self.score, &offered, &self.pins)?;
        let Some(runtime) = offered.provider(WORKLOAD, DEFAULT_CLASS) else {
            let message = format!("Nothing that is offered in {} runs workloads.", self.environment);
            return Err(Error::refused("score.runtime", message, "Choose another environment, or ask its owner."));
        };
        let reference = reference_of(graph, &team, self.score.name(), &self.environment);
        let before = graph.get(&reference).cloned();
        let release = match &before {
            Some(record) => {
                let (spec, _) = read(record)?;
                if !graph.visible(audience, record) || spec.deployed.is_none() {
                    let message = format!("The name {} is taken by something that was not deployed", self.score.name());
                    let mend = "Give the workload another name.";
                    return Err(Error::invalid("name.taken", "metadata.name", message, mend));
                }
                crate::composition::resolve::release_of(graph, &spec)?
            }
            None => offered.release(&runtime.name, self.pins.get("").map(String::as_str))?,
        };
        if release.composition.is_some() {
            let message = format!("{} is made of parts itself, and cannot run a workload.", runtime.name);
            return Err(Error::refused("score.runtime", message, "Ask its owner for one that runs it itself."));
        }
        let told = told(&self.score, &release, self.image.as_deref())?;
        let waits = before.is_none() && self.waits(graph, &team, &runtime.name, place.purpose, ctx)?;
        Ok(Found { team, reference, before, resolved, runtime: runtime.name, told, waits })
    }

    /// Whether somebody has to agree before what runs it may be got.
    fn waits(&self, graph: &Graph, team: &Ref, offering: &str, purpose: Purpose, ctx: &Ctx<'_>) -> Result<bool> {
        let record = graph.get(&Ref::new("offering", "default", offering));
        let plan = match record {
            Some(record) => frozen_plan(&record.spec()?, None)?,
            None => None,
        };
        let (team, offering, environment) = (team.clone(), offering.to_owned(), self.environment.clone());
        let wanted = rules::Wanted { team, offering, plan, environment, purpose };
        Ok(Rules::of(graph, &self.environment).may_get(graph, &wanted, ctx.now)?.is_some())
    }

    fn team(&self, graph: &Graph, ctx: &Ctx<'_>) -> Result<Ref> {
        let said = self.score.metadata.get("annotations").and_then(|all| all.get(TEAM)).and_then(Value::as_str);
        let wrong = |message: String| Error::invalid("order.team", "team", message, "Name your team: --team NAME.");
        if let Some(name) = self.team.as_deref().or(said) {
            let team = Ref::parse(name, Some("group"), "default");
            let team = team.ok().filter(|team| graph.get(team).is_some());
            return team.ok_or_else(|| wrong(format!("There is no team {name}")));
        }
        match ctx.caller.teams.iter().collect::<Vec<_>>().as_slice() {
            [only] => Ok((*only).clone()),
            [] => Err(wrong("You are in no team".to_owned())),
            _ => Err(wrong("You are in several teams".to_owned())),
        }
    }

    /// The workload itself.
    fn root(&self, graph: &Graph, found: &Found<'_>, made: &Made, left: &[Ref], ctx: &Ctx<'_>) -> Result<Changes> {
        let (inputs, takes) = found.resolved.filled(&found.told.inputs)?;
        let mut from = sources(&takes, &made.instances, &BTreeMap::new())?;
        from.extend(made.instances.iter().map(|(name, instance)| (name.clone(), instance.to_string())));
        let wiring = (!from.is_empty()).then(|| Wiring { from, inputs: takes, outputs: Map::new() });
        let deployed = self.deployed(found)?;
        let Some(record) = &found.before else {
            let input = OrderInput {
                offering: found.runtime.clone(),
                release: self.pins.get("").cloned(),
                environment: self.environment.clone(),
                team: found.team.to_string(),
                name: self.score.name().to_owned(),
                inputs,
                ..OrderInput::default()
            };
            let belongs = Belongs {
                wiring: wiring.unwrap_or_default(),
                made: Some(made.choices.clone()),
                deployed: Some(deployed),
                ..Belongs::default()
            };
            return Order::part(input, belongs).decide(graph, &Facts::default(), ctx);
        };
        let leaving = if self.prune { left.iter().map(ToString::to_string).collect() } else { Vec::new() };
        let (_, status) = read(record)?;
        let choices = kept_reasons(made.choices.clone(), status.made_of.as_ref());
        let made_of = MadeOf { choices, leaving, emptying: None };
        let change = Change {
            record,
            to: None,
            plan: None,
            inputs,
            wiring,
            made_of: Some(made_of),
            how: self.how(found)?,
            deployed: Some(deployed),
        };
        change.decide(graph, ctx).map(|(changes, _)| changes)
    }

    fn how(&self, found: &Found<'_>) -> Result<How> {
        let before = found.before.as_ref().map(|record| read(record)).transpose()?;
        let before = before.and_then(|(spec, _)| spec.deployed);
        Ok(How { back: self.back, same: before.is_some() && before == Some(self.deployed(found)?) })
    }

    /// Which deployment this is: the same one, where nothing of it is another.
    fn deployed(&self, found: &Found<'_>) -> Result<Deployed> {
        let before = found.before.as_ref().map(|record| read(record)).transpose()?;
        let before = before.and_then(|(spec, _)| spec.deployed);
        let (score, artifact) = (self.text.clone(), found.told.artifact.clone());
        if let Some(before) = before.as_ref().filter(|before| before.score == score && before.artifact == artifact) {
            return Ok(before.clone());
        }
        let number = before.map_or(1, |before| before.number + 1);
        Ok(Deployed { number, score, artifact, from: self.from.clone() })
    }

    /// What the history keeps: enough to do it again.
    fn tell(&self, found: &Found<'_>, made: &Made, root: &Value, changes: &mut Changes) -> Result<()> {
        let new = root.get("uid").and_then(|uid| serde_json::from_value(uid.clone()).ok());
        let Some(uid) = found.before.as_ref().map(|record| record.uid).or(new) else { return Ok(()) };
        let releases: BTreeMap<&str, &str> =
            made.choices.iter().map(|choice| (choice.part.as_str(), choice.release.as_str())).collect();
        let data = json!({"number": self.deployed(found)?.number, "artifact": found.told.artifact, "from": self.from,
            "score": self.text, "environment": self.environment, "releases": releases,
            "operation": root.get("operation")});
        changes.note("instance.deployed", Some((uid, found.reference.clone())), data);
        Ok(())
    }

    fn answer(&self, found: &Found<'_>, made: &Made, left: &[Ref], root: &Value) -> Value {
        let given = |field: &str| root.get(field).cloned().unwrap_or(Value::Null);
        json!({
            "instance": found.reference,
            "uid": found.before.as_ref().map_or_else(|| given("uid"), |record| json!(record.uid)),
            "operation": given("operation"),
            "waits": given("waits"),
            "artifact": found.told.artifact,
            "environment": self.environment,
            "parts": made.choices,
            "prices": price::sum(made.prices.iter().chain(&prices_of(root))),
            "left": left,
            "ignored": found.told.ignored,
            "dryRun": self.dry_run,
        })
    }
}

/// The parts that are none any more.
fn left(graph: &Graph, whole: &Ref, made: &Made) -> Vec<Ref> {
    let now = |name: &Ref| made.instances.values().any(|instance| instance == name);
    parts_of(graph, whole).iter().map(|part| part.reference.clone()).filter(|name| !now(name)).collect()
}

/// What somebody sends.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeployInput {
    /// The Score file, as it is.
    pub score: String,
    /// Name of the environment.
    pub environment: String,
    /// The team; the one that the file names, else your only one.
    #[serde(default)]
    pub team: Option<String>,
    /// The image, in place of what the file says.
    #[serde(default)]
    pub image: Option<String>,
    /// Takes away what the file names no more.
    #[serde(default)]
    pub prune: bool,
    /// Decide only: tell what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

impl DeployInput {
    /// The command that is asked for.
    ///
    /// # Errors
    /// Every problem of the file, with its line.
    pub fn command(self) -> Result<Deploy> {
        let score = loggia_model::score::read(&self.score).map_err(Error::Invalid)?;
        let parsed = loggia_model::yaml::parse(&self.score).pop().and_then(|parsed| parsed.document.ok());
        Ok(Deploy {
            score,
            text: parsed.unwrap_or_default(),
            environment: self.environment,
            team: self.team,
            image: self.image,
            prune: self.prune,
            dry_run: self.dry_run,
            from: None,
            back: false,
            pins: BTreeMap::new(),
        })
    }
}

/// Whether something promotes to something: for pages and the order of environments.
pub(crate) fn promotes_to(graph: &Graph, audience: &Audience, from: &str) -> Option<String> {
    let place = Ref::new("environment", "default", from);
    let next = graph.related(audience, &place, RelationType::PROMOTES_TO);
    next.first().map(|record| record.reference.name().to_owned())
}
