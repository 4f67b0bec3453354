//! Filling in what an instance takes from those that it needs.

use super::resolve::release_of;
use crate::command::changes::Changes;
use crate::command::{Ctx, Facts, Need};
use crate::error::{Error, Result};
use crate::instance::driver::Secret;
use crate::instance::secret_input;
use crate::record::schema;
use loggia_graph::Graph;
use loggia_model::composition::Wiring;
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::{Record, template};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// What stands in an address for the password, which is a secret of its own.
const PLACE: &str = "PASSWORD";
/// The secret that goes there.
const PASSWORD: &str = "password";

/// The secrets that filling in needs.
pub(crate) fn needs(graph: &Graph, wiring: &Wiring) -> Vec<Need> {
    let mut all: Vec<Need> = Vec::new();
    for (name, output) in wiring.taken() {
        let Some(source) = wiring.source(&name).and_then(|source| graph.get(&source).cloned()) else { continue };
        let Ok(status) = source.typed_status::<InstanceStatus>() else { continue };
        let secret = status.secret_outputs.iter();
        // Whoever takes everything takes the secrets too.
        let wanted = secret.filter(|secret| output.is_empty() || **secret == output || *secret == PASSWORD);
        all.extend(wanted.map(|name| Need::Secret { uid: source.uid, field: format!("output.{name}") }));
    }
    let mut seen = HashSet::new();
    all.retain(|need| seen.insert(need.clone()));
    all
}

/// Values that were taken, and which of them are secret.
#[derive(Default)]
struct Filled {
    plain: Map<String, Value>,
    secret: Vec<(String, Secret)>,
}

/// Fills in inputs and outputs of an instance; gives what is to be written of it.
///
/// # Errors
/// When something that is taken is not there, or does not fit.
pub(crate) fn fill(
    graph: &Graph,
    facts: &Facts,
    record: &Record,
    (spec, status): (&mut InstanceSpec, &mut InstanceStatus),
    ctx: &Ctx<'_>,
) -> Result<Changes> {
    let mut changes = Changes::default();
    let Some(wiring) = spec.wiring.clone() else { return Ok(changes) };
    let taking = Taking { graph, facts, wiring: &wiring, ctx };
    let release = release_of(graph, spec)?;
    let contract = Value::Object(release.contract.inputs);
    let secret_names: BTreeSet<String> = schema::secret_names(&contract).into_iter().collect();
    let inputs = taking.all(&wiring.inputs, |name| secret_names.contains(name))?;
    spec.inputs.extend(inputs.plain);
    check(&contract, &spec.inputs, &wiring)?;
    secret_input::none_in_clear(&contract, &spec.inputs)?;
    secret_input::seal(&mut changes, record.uid, &inputs.secret, ctx)?;
    let promised = Value::Object(release.contract.outputs.unwrap_or_default());
    let secret_names: BTreeSet<String> = schema::secret_names(&promised).into_iter().collect();
    let outputs = taking.all(&wiring.outputs, |name| secret_names.contains(name))?;
    status.outputs.extend(outputs.plain);
    for (name, secret) in &outputs.secret {
        changes.secrets.push(ctx.seal(record.uid, &format!("output.{name}"), secret)?);
        if !status.secret_outputs.contains(name) {
            status.secret_outputs.push(name.clone());
        }
    }
    Ok(changes)
}

/// Passes when all inputs fit; secret ones are elsewhere by now, and were checked where they came from.
fn check(contract: &Value, inputs: &Map<String, Value>, wiring: &Wiring) -> Result<()> {
    let open = without(contract, &schema::secret_names(contract));
    let problems = schema::check(&open, &Value::Object(inputs.clone()), "inputs");
    match problems.into_iter().find(|problem| !problem.message.is_empty()) {
        None => Ok(()),
        Some(problem) => {
            let from: Vec<&str> = wiring.from.keys().map(String::as_str).collect();
            let message = format!("What it takes from {} does not fit: {}.", from.join(", "), problem.message);
            Err(Error::refused("composition.unfit", message, "Ask the owner of the offering to correct it."))
        }
    }
}

/// A contract that does not demand some of its fields.
pub(crate) fn without(contract: &Value, names: &[String]) -> Value {
    let mut contract = contract.clone();
    if let Some(required) = contract.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !names.iter().any(|other| name == other));
    }
    contract
}

struct Taking<'a> {
    graph: &'a Graph,
    facts: &'a Facts,
    wiring: &'a Wiring,
    ctx: &'a Ctx<'a>,
}

impl Taking<'_> {
    fn all(&self, templates: &Map<String, Value>, is_secret: impl Fn(&str) -> bool) -> Result<Filled> {
        let mut filled = Filled::default();
        for (name, template) in templates {
            let mut hidden = false;
            let mut look_up = |steps: &[String]| {
                let (value, secret) = self.take(steps)?;
                hidden |= secret;
                Ok(value)
            };
            let unreadable = |error: template::TemplateError| Error::Internal(format!("{name}: {error}"));
            let value = template::fill(template, &mut look_up, &unreadable)?;
            match (hidden, is_secret(name)) {
                (_, true) => filled.secret.push((name.clone(), Secret::new(template::text_of(&value)))),
                (false, false) => drop(filled.plain.insert(name.clone(), value)),
                (true, false) => {
                    let message = format!("{name} would hold a secret in the clear.");
                    let mend = "Ask the owner of the offering to make it `writeOnly`.";
                    return Err(Error::refused("composition.secret", message, mend));
                }
            }
        }
        Ok(filled)
    }

    fn source(&self, name: &str) -> Result<Arc<Record>> {
        let found = self.wiring.source(name).and_then(|source| self.graph.get(&source).cloned());
        found.ok_or_else(|| {
            let message = format!("{name}, from which it takes something, is gone.");
            Error::refused("composition.gone", message, "Order it again as a whole.")
        })
    }

    /// The value at a place, and whether it is a secret.
    fn take(&self, steps: &[String]) -> Result<(Value, bool)> {
        let [name, output, rest @ ..] = steps else {
            return Err(Error::Internal(format!("a place without an output: {}", steps.join("."))));
        };
        let source = self.source(name)?;
        let status: InstanceStatus = source.typed_status()?;
        let plain = status.outputs.get(output);
        if let Some(text) = plain.and_then(Value::as_str).filter(|text| text.contains(PLACE)) {
            // An address with the password in it, put together as when somebody asks for it.
            if let Some(secret) = self.open(&source, PASSWORD)? {
                let secret: String = url::form_urlencoded::byte_serialize(secret.reveal().as_bytes()).collect();
                return Ok((Value::String(text.replacen(PLACE, &secret.replace('+', "%20"), 1)), true));
            }
        }
        if status.secret_outputs.contains(output)
            && let Some(secret) = self.open(&source, output)?
        {
            // Sealed again where it goes.
            return Ok((Value::String(secret.reveal().to_owned()), true));
        }
        let found = rest.iter().try_fold(plain, |value, step| Some(value?.get(step)));
        match found.flatten() {
            Some(value) => Ok((value.clone(), false)),
            None => {
                let message = format!("{name} gave no {}.", steps[1..].join("."));
                Err(Error::refused("composition.output", message, "Ask the owner of the offering of that part."))
            }
        }
    }

    fn open(&self, source: &Record, output: &str) -> Result<Option<Secret>> {
        let row = self.facts.secrets.get(&(source.uid, format!("output.{output}")));
        row.map(|row| self.ctx.open(row)).transpose()
    }
}
