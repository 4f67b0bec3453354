//! Whether the parts of a release fit, as far as the contracts of their releases tell.

use crate::record::schema;
use loggia_model::composition::{Composition, Part};
use loggia_model::kinds::release::{Contract, ReleaseSpec};
use loggia_model::{Problem, template};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of offerings and their releases: files, or a graph.
pub(crate) trait Known {
    /// Whether there is an offering of that name.
    fn offering(&self, name: &str) -> bool;
    /// The newest release in a range that may be ordered, or is going to be.
    fn release(&self, offering: &str, range: Option<&str>) -> Option<ReleaseSpec>;
}

/// What is wrong with the parts of a release.
pub(crate) fn problems(release: &ReleaseSpec, known: &dyn Known) -> Vec<Problem> {
    let Some(composition) = &release.composition else { return Vec::new() };
    let mut check = Check { known, composition, own: &release.contract, parts: BTreeMap::new(), out: Vec::new() };
    check.find_parts();
    check.inputs();
    check.own_values();
    let mut out = check.out;
    let mut way = vec![release.offering.clone()];
    if let Some(way) = circle(composition, known, &mut way) {
        let message = format!("what it is made of leads back to itself: {}", way.join(", "));
        out.push(Problem::new("composition.circle", "spec.composition.parts", message, "Take one of them out of it."));
    }
    out
}

/// Offerings that are made of each other in a circle.
fn circle(composition: &Composition, known: &dyn Known, way: &mut Vec<String>) -> Option<Vec<String>> {
    for part in composition.parts.values() {
        if way.contains(&part.offering) {
            way.push(part.offering.clone());
            return Some(way.clone());
        }
        let Some(inner) = known.release(&part.offering, part.version.as_deref()).and_then(|one| one.composition) else {
            continue;
        };
        way.push(part.offering.clone());
        if let Some(found) = circle(&inner, known, way) {
            return Some(found);
        }
        way.pop();
    }
    None
}

struct Check<'a> {
    known: &'a dyn Known,
    composition: &'a Composition,
    own: &'a Contract,
    /// The contracts of the parts.
    parts: BTreeMap<&'a str, Contract>,
    out: Vec<Problem>,
}

impl<'a> Check<'a> {
    fn tell(&mut self, rule: &str, path: &str, message: String, mend: String) {
        self.out.push(Problem::new(rule, format!("spec.composition.{path}"), message, mend));
    }

    fn find_parts(&mut self) {
        for (name, part) in &self.composition.parts {
            let at = format!("parts.{name}");
            if !self.known.offering(&part.offering) {
                let message = format!("there is no offering {:?}", part.offering);
                self.tell("composition.offering", &format!("{at}.offering"), message, "Correct the name.".to_owned());
                continue;
            }
            match self.known.release(&part.offering, part.version.as_deref()) {
                Some(release) => drop(self.parts.insert(name, release.contract)),
                None => {
                    let range = part.version.as_deref().unwrap_or("any version");
                    let message = format!("{} has no release in {range}", part.offering);
                    let mend = "Publish one, or name another range.".to_owned();
                    self.tell("composition.version", &format!("{at}.version"), message, mend);
                }
            }
        }
    }

    fn inputs(&mut self) {
        let composition = self.composition;
        for (name, part) in &composition.parts {
            let Some(contract) = self.parts.get(name.as_str()).cloned() else { continue };
            let at = format!("parts.{name}.inputs");
            self.given(&part.inputs, &contract.inputs, &at);
            self.left_open(part, &contract.inputs, &at);
            if let Some(when) = part.when.as_ref().filter(|when| property(&self.own.inputs, &when.input).is_none()) {
                let message = format!("there is no input {:?}", when.input);
                let mend = "Name an input of this release.".to_owned();
                self.tell("composition.condition", &format!("parts.{name}.when.input"), message, mend);
            }
        }
    }

    /// Inputs that a part demands and nobody gives.
    fn left_open(&mut self, part: &Part, contract: &Map<String, Value>, at: &str) {
        let required = contract.get("required").and_then(Value::as_array).into_iter().flatten();
        let open = |name: &&str| {
            let default = property(contract, name).is_some_and(|property| property.get("default").is_some());
            !part.inputs.contains_key(*name) && !default
        };
        for name in required.filter_map(Value::as_str).filter(open) {
            let (message, mend) = (format!("{} demands {name}", part.offering), format!("Add `{name}`."));
            self.tell("composition.required", &format!("{at}.{name}"), message, mend);
        }
    }

    fn own_values(&mut self) {
        let composition = self.composition;
        let own = self.own;
        self.given(&composition.inputs, &own.inputs, "inputs");
        let empty = Map::new();
        self.given(&composition.outputs, own.outputs.as_ref().unwrap_or(&empty), "outputs");
    }

    /// Values for the fields of a contract: known, of the right type, and secret where they come from a secret.
    fn given(&mut self, values: &Map<String, Value>, contract: &Map<String, Value>, at: &str) {
        for (name, value) in values {
            let path = format!("{at}.{name}");
            let target = property(contract, name);
            let closed = contract.get("additionalProperties") == Some(&Value::Bool(false)) || at == "outputs";
            if target.is_none() && closed {
                let message = format!("there is no {name} in the contract");
                self.tell("composition.field", &path, message, "Correct the name, or take it out.".to_owned());
                continue;
            }
            let Ok(places) = template::places(value) else { continue };
            let mut secret = false;
            for steps in &places {
                match self.source(steps) {
                    Some(source) => secret |= is_secret(&source),
                    None => {
                        let message = format!("there is no {}", steps.join("."));
                        let mend = "Name an input of this release, or an output of the part.".to_owned();
                        self.tell("composition.field", &path, message, mend);
                    }
                }
            }
            let Some(target) = target else { continue };
            if secret && !is_secret(&target) {
                let message = format!("{name} would hold a secret in the clear");
                self.tell("composition.secret", &path, message, "Make it `writeOnly` in its contract.".to_owned());
            }
            self.fits(value, &places, &target, &path);
        }
    }

    fn fits(&mut self, value: &Value, places: &[Vec<String>], target: &Value, path: &str) {
        let alone = value.as_str().and_then(template::only_place);
        let given = match (&alone, places.is_empty()) {
            (Some(steps), _) => self.source(steps).map(|source| types(&source)),
            (None, true) => {
                let value = template::value_of(value).unwrap_or_else(|| value.clone());
                let found = schema::check(target, &value, path);
                for problem in found {
                    self.tell("composition.value", path, problem.message, problem.mend);
                }
                None
            }
            (None, false) => value.is_string().then(|| BTreeSet::from(["string".to_owned()])),
        };
        let wanted = types(target);
        if let Some(given) = given.filter(|given| !overlap(given, &wanted)) {
            let words = |all: &BTreeSet<String>| all.iter().cloned().collect::<Vec<_>>().join(" or ");
            let message = format!("it gives {}, and {} is taken", words(&given), words(&wanted));
            self.tell("composition.type", path, message, "Take another one, or write it within a text.".to_owned());
        }
    }

    /// What the contract says of a place.
    fn source(&self, steps: &[String]) -> Option<Value> {
        match steps {
            [root, name] if root == "inputs" => property(&self.own.inputs, name),
            [root, part, output, ..] if root == "parts" => match self.parts.get(part.as_str()) {
                Some(contract) => property(contract.outputs.as_ref()?, output),
                // That it is not known is told elsewhere.
                None => Some(Value::Bool(true)),
            },
            _ => Some(Value::Bool(true)),
        }
    }
}

fn property(contract: &Map<String, Value>, name: &str) -> Option<Value> {
    contract.get("properties")?.get(name).cloned()
}

fn is_secret(schema: &Value) -> bool {
    schema.get("writeOnly") == Some(&Value::Bool(true))
}

/// The types that a schema names; none for any.
fn types(schema: &Value) -> BTreeSet<String> {
    let named = match schema.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    named.into_iter().collect()
}

/// Whether something that is given may be taken.
fn overlap(given: &BTreeSet<String>, wanted: &BTreeSet<String>) -> bool {
    let whole = given.contains("integer") && wanted.contains("number");
    given.is_empty() || wanted.is_empty() || whole || given.intersection(wanted).next().is_some()
}
