//! The resolver: which instance serves each part, made now or there already, and why.

use super::change::{Change, How};
use super::read;
use crate::command::changes::Changes;
use crate::command::{Command, Ctx, Facts};
use crate::error::{Error, Result};
use crate::instance::order::{Belongs, Order, OrderInput, reference_of};
use loggia_graph::{Audience, Graph, Predicate, Query};
use loggia_model::composition::{Choice, DEEPEST, Wiring, order};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::offering::Price;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::template;
use loggia_model::version::{Range, Version};
use loggia_model::{Record, Ref, naming};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A part that is wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    /// Name of the offering.
    pub(crate) offering: String,
    /// Version or range.
    pub(crate) version: Option<String>,
    pub(crate) plan: Option<String>,
    /// Inputs that are known.
    pub(crate) inputs: Map<String, Value>,
    /// Inputs that are taken from other parts: places begin with the name of a part, or of something outside.
    pub(crate) takes: Map<String, Value>,
    /// Names of inputs that have to be secrets.
    pub(crate) secret: BTreeSet<String>,
    /// Sharing: as what, and how the instance is called then.
    pub(crate) shared: Option<(String, String)>,
    /// Why it is that offering.
    pub(crate) because: Vec<String>,
    /// Whether the version says what it has elsewhere: what is there keeps its own.
    pub(crate) pinned: bool,
    /// The secret input of the whole that it takes, and that cannot be read any more.
    pub(crate) sealed: Option<String>,
}

/// The whole that parts are for.
pub(crate) struct Whole<'a> {
    pub(crate) reference: &'a Ref,
    pub(crate) team: &'a Ref,
    pub(crate) environment: &'a str,
    /// Its name without the environment.
    pub(crate) name: &'a str,
    /// How deep it is itself a part.
    pub(crate) depth: usize,
    /// Whether its parts wait too, because somebody has to agree first.
    pub(crate) waits: bool,
    /// As part of what parts change that are there.
    pub(crate) how: How,
    /// What places may name beside the parts.
    pub(crate) outside: BTreeMap<String, String>,
    /// The parts that it had so far.
    pub(crate) before: BTreeMap<String, Ref>,
}

/// What the resolver found and made.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) changes: Changes,
    pub(crate) choices: Vec<Choice>,
    /// What the new ones cost.
    pub(crate) prices: Vec<Price>,
    /// The instances by the names of their parts.
    pub(crate) instances: BTreeMap<String, Ref>,
}

/// Finds or makes an instance for each wish, each after those that it needs.
///
/// # Errors
/// As an order of each part, with the name of the part before the field.
pub(crate) fn resolve(
    graph: &Graph,
    whole: &Whole<'_>,
    wishes: &BTreeMap<String, Wish>,
    ctx: &Ctx<'_>,
) -> Result<Made> {
    if whole.depth >= DEEPEST {
        let message = format!("{} has parts in parts, more than {DEEPEST} deep.", whole.name);
        return Err(Error::refused("composition.deep", message, "Ask the owner of the offering to flatten it."));
    }
    let needs: BTreeMap<&str, BTreeSet<String>> =
        wishes.iter().map(|(name, wish)| (name.as_str(), names(&wish.takes))).collect();
    let sorted = order(&needs).map_err(|circle| {
        let message = format!("Parts need each other in a circle: {}.", circle.join(", "));
        Error::refused("composition.circle", message, "Take one of them out of it.")
    })?;
    let mut made = Made::default();
    let mut working = graph.clone();
    for name in sorted {
        let wish = &wishes[name];
        let from = sources(&wish.takes, &made.instances, &whole.outside)?;
        let one = One { graph: &working, whole, name, wish, wiring: wiring(from, wish.takes.clone()) };
        let (choice, instance, changes) = one.find_or_make(ctx).map_err(|error| at(error, name))?;
        let fresh: Vec<_> = changes.entries.iter().filter_map(|entry| entry.as_graph_change(ctx.now)).collect();
        working.apply(&fresh);
        made.prices.extend(prices_of(&changes.answer));
        made.changes.absorb(changes);
        made.instances.insert(name.to_owned(), instance);
        made.choices.push(choice);
    }
    made.choices.sort_by(|one, other| one.part.cmp(&other.part));
    Ok(made)
}

/// The names that the places of templates begin with.
pub(crate) fn names(takes: &Map<String, Value>) -> BTreeSet<String> {
    let places = takes.values().filter_map(|value| template::places(value).ok()).flatten();
    places.filter_map(|steps| steps.into_iter().next()).collect()
}

/// The instances behind the names in templates.
pub(crate) fn sources(
    takes: &Map<String, Value>,
    instances: &BTreeMap<String, Ref>,
    outside: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    let one = |name: String| {
        let found = instances.get(&name).map(ToString::to_string).or_else(|| outside.get(&name).cloned());
        let missing = || {
            let message = format!("{name}, from which something is taken, is not there.");
            Error::refused("composition.part", message, "Ask the owner of the offering to correct it.")
        };
        let found = found.ok_or_else(missing)?;
        Ok((name, found))
    };
    names(takes).into_iter().map(one).collect()
}

/// What is taken from whom; none where nothing is.
pub(crate) fn wiring(from: BTreeMap<String, String>, inputs: Map<String, Value>) -> Option<Wiring> {
    (!from.is_empty()).then(|| Wiring { from, inputs, outputs: Map::new() })
}

/// Says at which part a problem is.
fn at(error: Error, name: &str) -> Error {
    match error {
        Error::Invalid(mut problems) => {
            for problem in &mut problems {
                problem.path = format!("parts.{name}.{}", problem.path);
            }
            Error::Invalid(problems)
        }
        Error::Refused(mut refusal) => {
            refusal.message = format!("The part {name}: {}", refusal.message);
            Error::Refused(refusal)
        }
        other => other,
    }
}

/// One wish in its place.
struct One<'a> {
    graph: &'a Graph,
    whole: &'a Whole<'a>,
    name: &'a str,
    wish: &'a Wish,
    wiring: Option<Wiring>,
}

impl One<'_> {
    fn find_or_make(self, ctx: &Ctx<'_>) -> Result<(Choice, Ref, Changes)> {
        if let Some((uid, _)) = &self.wish.shared
            && let Some(there) = shared(self.graph, self.whole, &self.wish.offering, uid)
        {
            return self.share(&there, uid).map(|choice| (choice, there.reference.clone(), Changes::default()));
        }
        let before = self.whole.before.get(self.name).and_then(|before| self.graph.get(before)).cloned();
        let Some(record) = before else { return self.make(ctx) };
        let offering = record.parse().spec_text("offering").to_owned();
        if offering == self.wish.offering && self.wish.shared.is_none() {
            return self.keep(&record, ctx);
        }
        if self.wish.shared.is_some() {
            return self.make(ctx);
        }
        let (name, wanted) = (record.reference.name(), &self.wish.offering);
        let message = format!("{name} is {offering}, and {wanted} is asked for under the same name.");
        let mend = format!("Choose another name for the new one; the old one can go then. It is {}.", record.reference);
        Err(Error::refused("composition.other", message, mend))
    }

    /// Uses what is there already.
    fn share(&self, there: &Record, uid: &str) -> Result<Choice> {
        let (spec, _) = read(there)?;
        let (name, number, release) = (there.reference.name(), number(&spec), spec.target.clone().unwrap_or_default());
        if let Some(range) = &self.wish.version
            && !in_range(range, &number)
        {
            let message = format!("{name} is shared as {uid} and has {number}, and {range} is asked for.");
            let mend = "Bring it to such a version, or share under another name.";
            return Err(Error::refused("composition.shared", message, mend));
        }
        let mut because = self.wish.because.clone();
        because.push(format!("It is shared as {uid}, and was there already."));
        Ok(self.choice(there.reference.to_string(), release, because))
    }

    /// Keeps the part of before, with what is wanted of it now.
    fn keep(&self, record: &Record, ctx: &Ctx<'_>) -> Result<(Choice, Ref, Changes)> {
        let mut because = self.wish.because.clone();
        because.push(self.kept(record)?);
        let change = Change {
            record,
            to: None,
            plan: self.wish.plan.as_deref(),
            inputs: self.wish.inputs.clone(),
            wiring: self.wiring.clone(),
            made_of: None,
            how: self.whole.how,
            deployed: None,
        };
        let (changes, spec) = change.decide(self.graph, ctx)?;
        Ok((
            self.choice(record.reference.to_string(), spec.target.unwrap_or_default(), because),
            record.reference.clone(),
            changes,
        ))
    }

    /// Why the part of before keeps its version.
    fn kept(&self, record: &Record) -> Result<String> {
        let has = number(&read(record)?.0);
        let (name, wanted) = (record.reference.name(), self.wish.version.as_deref());
        match wanted.filter(|range| !in_range(range, &has)) {
            None => Ok(format!("It was a part before, and keeps its version {has}.")),
            Some(range) if self.wish.pinned => {
                Ok(format!("It is there with {has}, and keeps that instead of {range}."))
            }
            Some(range) => {
                let message = format!("{name} has {has}, and {range} is asked for.");
                let (namespace, name) = (record.reference.namespace(), record.reference.name());
                let mend = format!("Bring it to such a version first: loggia upgrade instance/{namespace}/{name}.");
                Err(Error::refused("composition.range", message, mend))
            }
        }
    }

    /// Orders a new one.
    fn make(&self, ctx: &Ctx<'_>) -> Result<(Choice, Ref, Changes)> {
        let (whole, wish) = (self.whole, self.wish);
        if let Some(secret) = &wish.sealed {
            let message = format!("It takes the secret {secret}, which is sealed and cannot be read any more.");
            let mend = "Make a new one beside it, move over, and destroy this one.";
            return Err(Error::refused("composition.sealed", message, mend));
        }
        let name = match &wish.shared {
            Some((_, name)) => name.clone(),
            None => format!("{}-{}", whole.name, self.name),
        };
        let input = OrderInput {
            offering: wish.offering.clone(),
            plan: wish.plan.clone(),
            release: wish.version.clone(),
            environment: whole.environment.to_owned(),
            team: whole.team.to_string(),
            name: name.clone(),
            inputs: wish.inputs.clone(),
            dry_run: false,
        };
        let shared = wish.shared.as_ref().map(|(uid, _)| uid.clone());
        let belongs = Belongs {
            part_of: wish.shared.is_none().then(|| whole.reference.clone()),
            wiring: self.wiring.clone().unwrap_or_default(),
            shared,
            depth: whole.depth + 1,
            // What is shared is there for others too, whatever becomes of this whole.
            waits: whole.waits && wish.shared.is_none(),
            secret: wish.secret.clone(),
            ..Belongs::default()
        };
        let changes = Order::part(input, belongs).decide(self.graph, &Facts::default(), ctx)?;
        let release = text(&changes.answer, "release");
        let instance = reference_of(self.graph, whole.team, &name, whole.environment);
        let because = self.newly(&release);
        Ok((self.choice(instance.to_string(), release, because), instance, changes))
    }

    /// Why a new one is as it is.
    fn newly(&self, release: &str) -> Vec<String> {
        let mut because = self.wish.because.clone();
        because.push(match &self.wish.version {
            Some(range) => format!("{release} is the newest that may be ordered in {range}."),
            None => format!("{release} is the newest that may be ordered."),
        });
        let shared = self.wish.shared.as_ref();
        let shared = shared.map(|(uid, _)| format!("It is shared as {uid}, and was made now, because there was none."));
        because.extend(shared);
        because.extend(self.wish.plan.as_ref().map(|plan| format!("The plan {plan} is asked for.")));
        because
    }

    fn choice(&self, instance: String, release: String, because: Vec<String>) -> Choice {
        Choice {
            part: self.name.to_owned(),
            instance: Some(instance),
            offering: self.wish.offering.clone(),
            release,
            shared: self.wish.shared.is_some(),
            because,
        }
    }
}

/// What an order costs, as its answer says.
pub(crate) fn prices_of(answer: &Value) -> Vec<Price> {
    answer.get("prices").and_then(|prices| Deserialize::deserialize(prices).ok()).unwrap_or_default()
}

/// The number of the release that an instance is to have.
pub(crate) fn number(spec: &InstanceSpec) -> String {
    let release = spec.target.clone().unwrap_or_default();
    release.strip_prefix(&format!("{}-", spec.offering)).unwrap_or(&release).to_owned()
}

fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

pub(crate) fn in_range(range: &str, number: &str) -> bool {
    let fits = Range::parse(range).ok().zip(Version::parse(number));
    range == number || fits.is_some_and(|(range, version)| range.contains(&version))
}

/// What a team shares under a name in an environment.
fn shared(graph: &Graph, whole: &Whole<'_>, offering: &str, uid: &str) -> Option<Arc<Record>> {
    let namespaces = vec![naming::namespace(whole.team), naming::earlier_namespace(whole.team)];
    let predicate = Predicate::equals("kind", "instance")
        .and(Predicate::In("metadata.namespace".to_owned(), namespaces))
        .and(Predicate::equals("spec.shared", uid))
        .and(Predicate::equals("spec.environment", whole.environment))
        .and(Predicate::equals("spec.offering", offering));
    graph.query(&Audience::All, &Query { predicate, ..Query::default() }).records.into_iter().next()
}

/// The release that an instance is to have.
pub(crate) fn release_of(graph: &Graph, spec: &InstanceSpec) -> Result<ReleaseSpec> {
    let name = spec.target.as_deref().unwrap_or_default();
    let record = graph.get(&Ref::new("release", "default", name));
    let record = record.ok_or_else(|| Error::NotFound(format!("The release {name} is not there any more.")))?;
    Ok(record.spec()?)
}
