//! The parts that a release names, as wishes to the resolver.

use super::resolve::{Made, Whole, Wish, resolve, sources};
use crate::command::Ctx;
use crate::error::{Error, Result};
use crate::instance::secret_input::Named;
use loggia_graph::Graph;
use loggia_model::composition::{Choice, Composition, Part, Wiring};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::template::{self, Place};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What is before the names of what the whole itself takes from outside.
const OUTSIDE: &str = "outside/";

/// What the inputs of a whole are, as far as they are known.
pub(crate) struct Given<'a> {
    /// Known ones.
    pub(crate) inputs: &'a Map<String, Value>,
    /// Those that it takes from others.
    pub(crate) wiring: &'a Wiring,
    /// Secret ones.
    pub(crate) secrets: &'a Named,
    /// Names of all that are secret, also of those that were given before and are sealed by now.
    pub(crate) sealed: &'a [String],
}

/// What a whole takes from outside and from its parts, in one.
pub(crate) fn joined(outer: &Wiring, mut own: Wiring) -> Result<Wiring> {
    own.from.extend(outer.from.iter().map(|(name, of)| (format!("{OUTSIDE}{name}"), of.clone())));
    for (name, template) in &outer.inputs {
        if !own.inputs.contains_key(name) {
            own.inputs.insert(name.clone(), rename(template)?);
        }
    }
    Ok(own)
}

/// What something takes from outside, of all that it takes; `composition` is that of its release.
pub(crate) fn outer(spec: &InstanceSpec, composition: Option<&Composition>) -> Result<Wiring> {
    let all = spec.wiring.clone().unwrap_or_default();
    let Some(composition) = composition else { return Ok(all) };
    let name = |name: &str| name.strip_prefix(OUTSIDE).map(str::to_owned);
    let from = all.from.iter().filter_map(|(known, of)| Some((name(known)?, of.clone()))).collect();
    let mut outer = Wiring { from, ..Wiring::default() };
    let mut become_ = |steps: &[String]| {
        let first = steps.first().and_then(|first| name(first)).ok_or_else(|| nowhere(&steps.join(".")))?;
        Ok(Place::At([first].into_iter().chain(steps[1..].iter().cloned()).collect()))
    };
    for (input, template) in all.inputs.iter().filter(|(input, _)| !composition.inputs.contains_key(*input)) {
        let template = template::rewrite(template, &mut become_, &|error| nowhere(&error.to_string()))?;
        outer.inputs.insert(input.clone(), template);
    }
    Ok(outer)
}

/// Makes the parts of a release. Gives what was made, and what the whole takes from its parts.
///
/// # Errors
/// As [`resolve`].
pub(crate) fn make(
    graph: &Graph,
    whole: &mut Whole<'_>,
    composition: &Composition,
    given: &Given<'_>,
    ctx: &Ctx<'_>,
) -> Result<(Made, Wiring)> {
    whole.outside = given.wiring.from.iter().map(|(name, of)| (format!("{OUTSIDE}{name}"), of.clone())).collect();
    let (mut wishes, mut left) = (BTreeMap::new(), Vec::new());
    for (name, part) in &composition.parts {
        match &part.when {
            Some(when) if !when.holds(given.inputs) => left.push(left_out(name, part)),
            _ => drop(wishes.insert(name.clone(), wish(part, given)?)),
        }
    }
    let mut made = resolve(graph, whole, &wishes, ctx)?;
    made.choices.extend(left);
    made.choices.sort_by(|one, other| one.part.cmp(&other.part));
    let rewritten = |all: &Map<String, Value>| -> Result<Map<String, Value>> {
        all.iter().map(|(name, value)| Ok((name.clone(), given.rewrite(value)?))).collect()
    };
    let (inputs, outputs) = (rewritten(&composition.inputs)?, rewritten(&composition.outputs)?);
    let mut from = sources(&inputs, &made.instances, &whole.outside)?;
    from.extend(sources(&outputs, &made.instances, &whole.outside)?);
    // It is there when all of its parts are, whether it takes something from them or not.
    from.extend(made.instances.iter().map(|(name, instance)| (name.clone(), instance.to_string())));
    Ok((made, Wiring { from, inputs, outputs }))
}

fn left_out(name: &str, part: &Part) -> Choice {
    let when = part.when.as_ref().map(|when| format!("{} is not {}", when.input, template::text_of(&when.is)));
    Choice {
        part: name.to_owned(),
        offering: part.offering.clone(),
        because: vec![format!("It was left out: {}.", when.unwrap_or_default())],
        ..Choice::default()
    }
}

/// A part as a wish.
fn wish(part: &Part, given: &Given<'_>) -> Result<Wish> {
    let (mut inputs, mut takes, mut secret) = (Map::new(), Map::new(), BTreeSet::new());
    let mut sealed = None;
    for (name, value) in &part.inputs {
        if let Some(own) = given.is_sealed(value) {
            // What is there has it already; what is made now cannot get it any more.
            sealed = Some(own);
            continue;
        }
        if let Some(own) = given.secret(value) {
            // It goes on as a secret: the part is refused where its input is none.
            secret.insert(name.clone());
            inputs.insert(name.clone(), own);
            continue;
        }
        let rewritten = given.rewrite(value)?;
        match template::value_of(&rewritten) {
            // An input that was left open stays open.
            Some(Value::Null) => {}
            Some(known) => drop(inputs.insert(name.clone(), known)),
            None => drop(takes.insert(name.clone(), rewritten)),
        }
    }
    Ok(Wish {
        offering: part.offering.clone(),
        version: part.version.clone(),
        plan: part.plan.clone(),
        inputs,
        takes,
        secret,
        shared: part.shared.as_ref().map(|name| (format!("{}.default#{name}", part.offering), name.clone())),
        because: vec![format!("The release names {} as this part.", part.offering)],
        sealed,
        ..Wish::default()
    })
}

impl Given<'_> {
    /// The name of a secret input that a template takes and that nobody can read any more.
    fn is_sealed(&self, value: &Value) -> Option<String> {
        let given = |name: &String| self.secrets.iter().any(|(own, _)| own == name);
        let places = template::places(value).unwrap_or_default().into_iter();
        let mut names = places.filter(|steps| steps[0] == "inputs").filter_map(|steps| steps.get(1).cloned());
        names.find(|name| self.sealed.contains(name) && !given(name) && !self.wiring.inputs.contains_key(name))
    }

    /// The value of a template that is a secret input of the whole and nothing else.
    fn secret(&self, value: &Value) -> Option<Value> {
        let steps = template::only_place(value.as_str()?)?;
        let [root, name] = steps.as_slice() else { return None };
        let (_, secret) = self.secrets.iter().find(|(own, _)| root == "inputs" && own == name)?;
        // Handed on to be sealed with the part.
        Some(Value::String(secret.reveal().to_owned()))
    }

    /// A template of a release with the inputs of the whole filled in.
    fn rewrite(&self, value: &Value) -> Result<Value> {
        let mut become_ = |steps: &[String]| match steps {
            [root, name] if root == "inputs" && self.secrets.iter().any(|(own, _)| own == name) => {
                Err(nowhere(&format!("{name} is a secret, and stands within a text")))
            }
            [root, name] if root == "inputs" => match self.wiring.inputs.get(name) {
                Some(taken) => rename(taken).map(Place::Template),
                None => Ok(Place::Known(self.inputs.get(name).cloned().unwrap_or(Value::Null))),
            },
            [root, rest @ ..] if root == "parts" && !rest.is_empty() => Ok(Place::At(rest.to_vec())),
            other => Err(nowhere(&other.join("."))),
        };
        template::rewrite(value, &mut become_, &|error| nowhere(&error.to_string()))
    }
}

/// A template from outside, with names that no part has.
fn rename(template: &Value) -> Result<Value> {
    let mut become_ = |steps: &[String]| {
        let (first, rest) = steps.split_first().ok_or_else(|| nowhere(""))?;
        Ok(Place::At([format!("{OUTSIDE}{first}")].into_iter().chain(rest.iter().cloned()).collect()))
    };
    template::rewrite(template, &mut become_, &|error| nowhere(&error.to_string()))
}

fn nowhere(what: &str) -> Error {
    let message = format!("A part of this release takes its input from nowhere: {what}.");
    Error::refused("composition.place", message, "Ask the owner of the offering to correct it.")
}
