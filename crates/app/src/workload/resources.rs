//! What a workload asks for, as wishes to the resolver: which offering provides each type.

use crate::composition::resolve::Wish;
use crate::error::{Error, Result};
use crate::release::offering::{offerings, release_for};
use loggia_graph::{Audience, Graph};
use loggia_model::kinds::Provides;
use loggia_model::kinds::environment::EnvironmentSpec;
use loggia_model::kinds::offering::OfferingSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::score::{DEFAULT_CLASS, Resource, Score};
use loggia_model::template::{self, Place};
use loggia_model::{Problem, Ref};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The type that what runs workloads provides.
pub(crate) const WORKLOAD: &str = "workload";
/// The annotation of a resource that names the plan.
const PLAN: &str = "loggia.dev/plan";
/// The annotation of a resource that names a version or a range.
const VERSION: &str = "loggia.dev/version";

/// An offering that provides a type.
pub(crate) struct Provider {
    pub(crate) name: String,
    provides: Provides,
    /// How many others provide it too.
    others: Vec<String>,
}

/// What is offered to workloads in an environment.
pub(crate) struct Offered<'a> {
    graph: &'a Graph,
    audience: &'a Audience,
    all: Vec<(String, Provides)>,
}

impl<'a> Offered<'a> {
    /// What somebody may get for workloads in an environment.
    pub(crate) fn of(graph: &'a Graph, audience: &'a Audience, environment: &EnvironmentSpec) -> Offered<'a> {
        let mut all = Vec::new();
        for record in offerings(graph, audience) {
            let Ok(spec) = record.spec::<OfferingSpec>() else { continue };
            let name = record.reference.name().to_owned();
            if environment.allows(&name) {
                all.extend(spec.provides.into_iter().map(|provides| (name.clone(), provides)));
            }
        }
        all.sort_by(|one, other| one.0.cmp(&other.0));
        Offered { graph, audience, all }
    }

    /// The offering for a type and a class: the first by name.
    pub(crate) fn provider(&self, kind: &str, class: &str) -> Option<Provider> {
        let fits =
            |provides: &Provides| provides.kind == kind && provides.class.as_deref().unwrap_or(DEFAULT_CLASS) == class;
        let mut found = self.all.iter().filter(|(_, provides)| fits(provides));
        let (name, provides) = found.next()?.clone();
        Some(Provider { name, provides, others: found.map(|(name, _)| name.clone()).collect() })
    }

    /// All types, as people read them.
    pub(crate) fn words(&self) -> String {
        let one = |(_, provides): &(String, Provides)| match provides.class.as_deref() {
            None | Some(DEFAULT_CLASS) => provides.kind.clone(),
            Some(class) => format!("{} of class {class}", provides.kind),
        };
        let all: BTreeSet<String> = self.all.iter().filter(|(_, one)| one.kind != WORKLOAD).map(one).collect();
        if all.is_empty() { "none".to_owned() } else { all.into_iter().collect::<Vec<_>>().join(", ") }
    }

    /// The newest release of an offering, or the one that is pinned.
    pub(crate) fn release(&self, offering: &str, version: Option<&str>) -> Result<ReleaseSpec> {
        Ok(release_for(self.graph, self.audience, offering, version)?.spec()?)
    }
}

/// A workload with the providers of its resources.
pub(crate) struct Resolved<'a> {
    pub(crate) score: &'a Score,
    pub(crate) providers: BTreeMap<&'a str, Provider>,
    /// The versions that the releases of resources are to have.
    pub(crate) pins: &'a BTreeMap<String, String>,
}

impl<'a> Resolved<'a> {
    /// Finds an offering for each resource.
    ///
    /// # Errors
    /// A problem for each type that nobody provides here, with what there is.
    pub(crate) fn of(score: &'a Score, offered: &Offered<'_>, pins: &'a BTreeMap<String, String>) -> Result<Self> {
        let (mut providers, mut problems) = (BTreeMap::new(), Vec::new());
        for (name, resource) in &score.resources {
            match offered.provider(&resource.kind, resource.class()) {
                Some(provider) => drop(providers.insert(name.as_str(), provider)),
                None => {
                    let class = resource.class.as_ref().map(|class| format!(" of class {class}")).unwrap_or_default();
                    let message = format!("nothing here provides {}{class}", resource.kind);
                    let mend = format!("There is: {}.", offered.words());
                    problems.push(Problem::new("score.type", format!("resources.{name}.type"), message, mend));
                }
            }
        }
        let resolved = Resolved { score, providers, pins };
        if problems.is_empty() {
            resolved.check_outputs(offered, &mut problems);
        }
        if problems.is_empty() { Ok(resolved) } else { Err(Error::Invalid(problems)) }
    }

    /// Every output that is taken is promised.
    fn check_outputs(&self, offered: &Offered<'_>, problems: &mut Vec<Problem>) {
        for (path, value) in loggia_model::score::templates(self.score) {
            for steps in template::places(value).unwrap_or_default() {
                let [root, name, output, ..] = steps.as_slice() else { continue };
                let Some(provider) = self.providers.get(name.as_str()).filter(|_| root == "resources") else {
                    continue;
                };
                let Ok(release) = offered.release(&provider.name, self.pins.get(name).map(String::as_str)) else {
                    continue;
                };
                let promised = release.contract.outputs.as_ref().and_then(|all| all.get("properties")?.as_object());
                let own = provider.provides.outputs.get(output).unwrap_or(output);
                let Some(promised) = promised.filter(|promised| !promised.contains_key(own)) else { continue };
                let aliases = provider.provides.outputs.keys();
                let all: BTreeSet<&str> = promised.keys().chain(aliases).map(String::as_str).collect();
                let message = format!("{} gives no {output}", provider.name);
                let mend = format!("It gives: {}.", all.into_iter().collect::<Vec<_>>().join(", "));
                problems.push(Problem::new("score.output", &*path, message, mend));
            }
        }
    }

    /// The resources as wishes.
    ///
    /// # Errors
    /// When something cannot be read, which was checked before.
    pub(crate) fn wishes(&self) -> Result<BTreeMap<String, Wish>> {
        let one = |(name, resource): (&String, &Resource)| Ok((name.clone(), self.wish(name, resource)?));
        self.score.resources.iter().map(one).collect()
    }

    fn wish(&self, name: &str, resource: &Resource) -> Result<Wish> {
        let Some(provider) = self.providers.get(name) else {
            return Err(Error::Internal(format!("the resource {name} has no provider")));
        };
        let (inputs, takes) = self.filled(&resource.params)?;
        let said =
            |annotation: &str| resource.metadata.get("annotations")?.get(annotation)?.as_str().map(str::to_owned);
        let uid = resource.uid(self.score.name(), name);
        let mut because = vec![format!("{} provides {} of class {}.", provider.name, resource.kind, resource.class())];
        if !provider.others.is_empty() {
            because.push(format!("{} provide it too, and come after it by name.", provider.others.join(", ")));
        }
        let pin = self.pins.get(name).cloned();
        because.extend(pin.iter().map(|pin| format!("The version {pin} comes with the promotion.")));
        Ok(Wish {
            offering: provider.name.clone(),
            pinned: pin.is_some(),
            version: pin.or_else(|| said(VERSION)),
            plan: said(PLAN),
            inputs,
            takes,
            shared: resource.id.as_ref().map(|id| (uid, plain_name(&resource.kind, id))),
            because,
            ..Wish::default()
        })
    }

    /// Values that are known, and templates that take something from resources.
    pub(crate) fn filled(&self, values: &Map<String, Value>) -> Result<(Map<String, Value>, Map<String, Value>)> {
        let (mut known, mut takes) = (Map::new(), Map::new());
        for (name, value) in values {
            let rewritten = self.rewrite(value)?;
            match template::value_of(&rewritten) {
                Some(value) => known.insert(name.clone(), value),
                None => takes.insert(name.clone(), rewritten),
            };
        }
        Ok((known, takes))
    }

    fn rewrite(&self, value: &Value) -> Result<Value> {
        let mut become_ = |steps: &[String]| match steps {
            [root, rest @ ..] if root == "metadata" => {
                self.score.said(rest).map(Place::Known).ok_or_else(|| unreadable(&steps.join(".")))
            }
            [root, name] if root == "resources" => {
                let resource = self.score.resources.get(name).ok_or_else(|| unreadable(name))?;
                Ok(Place::Known(Value::String(resource.uid(self.score.name(), name))))
            }
            [root, name, output, rest @ ..] if root == "resources" => {
                let provides = self.providers.get(name.as_str()).map(|provider| &provider.provides.outputs);
                let own = provides.and_then(|outputs| outputs.get(output)).unwrap_or(output);
                Ok(Place::At([name, own].into_iter().chain(rest).cloned().collect()))
            }
            other => Err(unreadable(&other.join("."))),
        };
        template::rewrite(value, &mut become_, &|error| unreadable(&error.to_string()))
    }
}

fn unreadable(what: &str) -> Error {
    Error::invalid("score.place", "", format!("{what} leads nowhere"), "Begin with `metadata.` or `resources.`.")
}

/// The name of a shared instance: the id, when it is a name, else with the type before it.
fn plain_name(kind: &str, id: &str) -> String {
    let plain = |text: &str| -> String {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        text.chars().map(letter).collect::<String>().trim_matches('-').to_owned()
    };
    let name = plain(id);
    let whole =
        if name.starts_with(|c: char| c.is_ascii_lowercase()) { name } else { format!("{}-{name}", plain(kind)) };
    whole.chars().take(40).collect::<String>().trim_end_matches('-').to_owned()
}

/// The environment that something is deployed to.
pub(crate) fn environment(graph: &Graph, audience: &Audience, name: &str) -> Result<EnvironmentSpec> {
    let record = crate::record::visible(graph, audience, &Ref::new("environment", "default", name));
    let missing = |_| {
        let message = format!("There is no environment {name:?}");
        Error::invalid("order.environment", "environment", message, "See them: loggia get environments.")
    };
    Ok(record.map_err(missing)?.spec()?)
}
