//! Reads states of Terraform and OpenTofu, as they are kept (version 4) and as `show -json` writes them, also of a plan.

use super::calls::{self, Calls};
use super::resource::{Resource, taken};
use super::{File, problem, text};
use loggia_model::{Micros, Problem};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// A state as it is kept.
#[derive(Deserialize)]
struct Kept {
    #[serde(default)]
    serial: u64,
    #[serde(default)]
    lineage: String,
    #[serde(default)]
    resources: Vec<KeptResource>,
}

#[derive(Deserialize)]
struct KeptResource {
    #[serde(default)]
    module: String,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    instances: Vec<KeptInstance>,
}

#[derive(Deserialize)]
struct KeptInstance {
    #[serde(default)]
    index_key: Option<Value>,
    #[serde(default)]
    attributes: Option<Map<String, Value>>,
    #[serde(default)]
    sensitive_attributes: Value,
    #[serde(default)]
    deposed: Option<String>,
}

/// A module as `show -json` writes it.
#[derive(Default, Deserialize)]
struct Shown {
    #[serde(default)]
    address: String,
    #[serde(default)]
    resources: Vec<ShownResource>,
    #[serde(default)]
    child_modules: Vec<Shown>,
}

#[derive(Deserialize)]
struct ShownResource {
    address: String,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    values: Option<Map<String, Value>>,
    #[serde(default)]
    sensitive_values: Value,
    #[serde(default)]
    deposed_key: Option<String>,
}

/// One state.
#[derive(Default)]
pub(super) struct State {
    pub(super) path: String,
    /// What tells it from others of the same path; empty when nobody said.
    pub(super) source: String,
    /// When it was written, as far as that is known.
    pub(super) time: Option<Micros>,
    pub(super) serial: u64,
    /// What Terraform calls it; empty in what `show -json` writes.
    pub(super) lineage: String,
    pub(super) resources: Vec<Resource>,
    pub(super) calls: Calls,
}

/// Reads a file: its states, none when it is something else, and what is wrong with it. `named` says that somebody named
/// it, so that it is worth a word when it is nothing that can be read.
pub(super) fn read(file: &File, named: bool) -> (Vec<State>, Vec<Problem>) {
    let wrong = |message: String, mend: &str| problem("adopt.state", &file.path, message, mend);
    let expected = (named || file.path.ends_with(".tfstate")) && !file.bytes.is_empty();
    let content = match text::decode(&file.bytes) {
        Ok(content) => content,
        Err(why) if expected => return (Vec::new(), vec![wrong(why, "Give a state, or what show -json writes.")]),
        Err(_) => return (Vec::new(), Vec::new()),
    };
    let (mut documents, broken) = text::json(&content);
    documents.dedup();
    let like_one = ["\"terraform_version\"", "\"format_version\""].iter().any(|word| content.contains(word));
    let (mut states, mut problems) = (Vec::new(), Vec::new());
    if let Some(why) = broken.filter(|_| expected || like_one) {
        problems.push(wrong(why, "Write it again: what is cut off is missing."));
    }
    for (at, document) in documents.into_iter().enumerate() {
        match state(file, document, expected) {
            Ok(Some(state)) => states.push(numbered(state, at)),
            Ok(None) => {}
            Err((message, mend)) => problems.push(wrong(message, mend)),
        }
    }
    (states, problems)
}

/// Of several states in one file, each after the first has its number.
fn numbered(state: State, at: usize) -> State {
    if at == 0 {
        return state;
    }
    let number = |text: &str| if text.is_empty() { String::new() } else { format!("{text}#{}", at + 1) };
    State { path: number(&state.path), source: number(&state.source), ..state }
}

/// What is wrong, and what to do.
type Wrong = (String, &'static str);

/// Reads a document; none when it is something else.
fn state(file: &File, value: Value, expected: bool) -> Result<Option<State>, Wrong> {
    let (path, source) = (file.path.clone(), file.source.clone());
    let blank = State { path, source, time: file.time, ..State::default() };
    if value.get("encrypted_data").is_some() {
        return Err(("it is encrypted".to_owned(), "Pipe in what tofu show -json writes."));
    }
    if value.get("format_version").is_some() {
        return Ok(shown(blank, &value));
    }
    let version = value.get("version").and_then(Value::as_u64).filter(|_| value.get("terraform_version").is_some());
    match version {
        Some(4) => {
            let kept = Kept::deserialize(value);
            let kept = kept.map_err(|error| (format!("it is no state: {error}"), "Read it again."))?;
            Ok(Some(of_kept(blank, kept)))
        }
        Some(old) => Err((
            format!("it is a state of version {old}; only version 4 is read"),
            "Write it anew with a Terraform of this decade: terraform apply -refresh-only.",
        )),
        _ if expected => Err(("it is no state".to_owned(), "Give a state, or what show -json writes.")),
        _ => Ok(None),
    }
}

fn of_kept(blank: State, kept: Kept) -> State {
    let mut resources = Vec::new();
    for resource in kept.resources.into_iter().filter(|resource| resource.mode == "managed") {
        for instance in resource.instances.into_iter().filter(|instance| instance.deposed.is_none()) {
            let key = match &instance.index_key {
                Some(Value::String(key)) => format!("[{key:?}]"),
                Some(Value::Number(key)) => format!("[{key}]"),
                _ => String::new(),
            };
            let front = if resource.module.is_empty() { String::new() } else { format!("{}.", resource.module) };
            let address = format!("{front}{}.{}{key}", resource.kind, resource.name);
            let hidden = sensitive(&instance.sensitive_attributes);
            let values = instance.attributes.unwrap_or_default();
            resources.push(taken(&resource.module, address, &resource.kind, &values, &hidden));
        }
    }
    State { serial: kept.serial, lineage: kept.lineage, resources, ..blank }
}

/// The outermost attributes that are sensitive, as a state lists them.
fn sensitive(paths: &Value) -> BTreeSet<String> {
    let first = |path: &Value| path.get(0)?.get("value")?.as_str().map(str::to_owned);
    paths.as_array().into_iter().flatten().filter_map(first).collect()
}

fn shown(blank: State, value: &Value) -> Option<State> {
    // Of a plan, what is there now counts, not what would be.
    let root = value.pointer("/values/root_module").or_else(|| value.pointer("/prior_state/values/root_module"));
    let calls = value.get("configuration").map(calls::of_configuration).unwrap_or_default();
    let known = ["values", "planned_values", "terraform_version"];
    if root.is_none() && known.iter().all(|field| value.get(*field).is_none()) {
        return None;
    }
    let mut resources = Vec::new();
    let mut modules = vec![root.and_then(|root| Shown::deserialize(root).ok()).unwrap_or_default()];
    while let Some(module) = modules.pop() {
        let managed = module.resources.iter().filter(|one| one.mode == "managed" && one.deposed_key.is_none());
        resources.extend(managed.map(|one| {
            let hidden = one.sensitive_values.as_object().into_iter().flatten();
            let hidden = hidden.filter(|(_, what)| **what == Value::Bool(true)).map(|(name, _)| name.clone()).collect();
            let values = one.values.clone().unwrap_or_default();
            taken(&module.address, one.address.clone(), &one.kind, &values, &hidden)
        }));
        modules.extend(module.child_modules);
    }
    Some(State { resources, calls, ..blank })
}
