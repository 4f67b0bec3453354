//! States of Terraform and OpenTofu, as they are kept (version 4) and as `show -json` writes them, also of a plan.

use super::calls::{self, Call, Calls};
use super::{File, problem};
use loggia_app::estate::adopt::{Estate, Found, Sort};
use loggia_model::Problem;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Attributes that say the version of what a resource is.
const VERSIONS: [&str; 6] =
    ["engine_version", "kubernetes_version", "postgres_version", "database_version", "version", "runtime"];
/// Attributes that hold tags or labels.
const TAGS: [&str; 4] = ["tags", "tags_all", "labels", "effective_labels"];
/// Providers whose resources are no thing of their own.
const HELPERS: [&str; 7] = ["random_", "null_", "time_", "tls_", "local_", "template_", "external_"];

/// A state as it is kept.
#[derive(Deserialize)]
struct Kept {
    version: u64,
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

/// One managed resource: what is taken from it, and nothing else.
struct Resource {
    /// The outermost module that it is in, with its key; empty outside of modules.
    module: String,
    /// Its address.
    address: String,
    kind: String,
    version: String,
    team: Option<String>,
    environment: Option<String>,
}

/// One state.
struct State {
    path: String,
    serial: u64,
    lineage: String,
    resources: Vec<Resource>,
    calls: Calls,
}

/// Everything that files describe. Of two copies of the same state the newer one counts.
pub(super) fn estate(files: &[File], named: bool) -> Estate {
    let folders = calls::by_folder(files);
    let mut estate = Estate::default();
    let mut states: Vec<State> = Vec::new();
    for file in files.iter().filter(|file| !is_configuration(&file.path)) {
        match state(file, named) {
            Ok(Some(state)) => states.push(state),
            Ok(None) => {}
            Err(problem) => estate.problems.push(*problem),
        }
    }
    let mut newest: HashMap<String, (u64, String)> = HashMap::new();
    for state in states.iter().filter(|state| !state.lineage.is_empty()) {
        let this = (state.serial, state.path.clone());
        let known = newest.entry(state.lineage.clone()).or_default();
        *known = this.max(known.clone());
    }
    states.retain(|state| state.lineage.is_empty() || newest[&state.lineage].1 == state.path);
    for mut state in states {
        if state.calls.is_empty() {
            state.calls = calls::nearest(&folders, &state.path).cloned().unwrap_or_default();
        }
        estate.things.extend(things(&state));
    }
    estate
}

fn is_configuration(path: &str) -> bool {
    let other = [".tf", ".tofu", ".yaml", ".yml"].iter().any(|end| path.ends_with(end));
    other || path.contains(".terraform/")
}

/// Reads a file; none when it is something else.
fn state(file: &File, named: bool) -> Result<Option<State>, Box<Problem>> {
    let wrong = |message: String, mend: &str| Box::new(problem("adopt.state", &file.path, message, mend));
    let expected = named || file.path.ends_with(".tfstate");
    let value: Value = match serde_json::from_slice(&file.bytes) {
        Ok(value) => value,
        Err(error) if expected && !file.bytes.is_empty() => {
            return Err(wrong(format!("it is no JSON: {error}"), "Give a state, or what show -json writes."));
        }
        Err(_) => return Ok(None),
    };
    if value.get("encrypted_data").is_some() {
        return Err(wrong("it is encrypted".to_owned(), "Pipe in what tofu show -json writes."));
    }
    if value.get("format_version").is_some() {
        return Ok(shown(&file.path, &value));
    }
    match value.get("version").and_then(Value::as_u64) {
        Some(4) if value.get("terraform_version").is_some() => {
            let kept = Kept::deserialize(value)
                .map_err(|error| wrong(format!("it is no state: {error}"), "Read it again."))?;
            Ok(Some(of_kept(&file.path, kept)))
        }
        Some(old) if value.get("terraform_version").is_some() => Err(wrong(
            format!("it is a state of version {old}; only version 4 is read"),
            "Write it anew with a Terraform of this decade: terraform apply -refresh-only.",
        )),
        _ if expected => Err(wrong("it is no state".to_owned(), "Give a state, or what show -json writes.")),
        _ => Ok(None),
    }
}

fn of_kept(path: &str, kept: Kept) -> State {
    debug_assert_eq!(kept.version, 4);
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
    State { path: path.to_owned(), serial: kept.serial, lineage: kept.lineage, resources, calls: Calls::new() }
}

/// The outermost attributes that are sensitive, as a state lists them.
fn sensitive(paths: &Value) -> BTreeSet<String> {
    let first = |path: &Value| path.get(0)?.get("value")?.as_str().map(str::to_owned);
    paths.as_array().into_iter().flatten().filter_map(first).collect()
}

fn shown(path: &str, value: &Value) -> Option<State> {
    // Of a plan, what is there now counts, not what would be.
    let root = value.pointer("/values/root_module").or_else(|| value.pointer("/prior_state/values/root_module"));
    let calls = value.get("configuration").map(calls::of_configuration).unwrap_or_default();
    let empty = value.get("values").is_some()
        || value.get("planned_values").is_some()
        || value.get("terraform_version").is_some();
    if root.is_none() && !empty {
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
    Some(State { path: path.to_owned(), serial: 0, lineage: String::new(), resources, calls })
}

/// Takes from a resource what may be known. Everything else stays where it is.
fn taken(
    module: &str,
    address: String,
    kind: &str,
    values: &Map<String, Value>,
    hidden: &BTreeSet<String>,
) -> Resource {
    let open = |name: &str| values.get(name).filter(|_| !hidden.contains(name));
    let version = VERSIONS.iter().filter_map(|name| open(name)?.as_str()).find(|text| is_version(text));
    let tag = |names: &[&str]| {
        let all = TAGS.iter().filter_map(|tags| open(tags)?.as_object()).flatten();
        let mut fitting = all.filter(|(name, _)| names.iter().any(|known| name.eq_ignore_ascii_case(known)));
        fitting.find_map(|(_, value)| value.as_str()).filter(|text| super::objects::is_word(text)).map(str::to_owned)
    };
    Resource {
        module: outermost(module).to_owned(),
        address,
        kind: kind.to_owned(),
        version: version.unwrap_or_default().to_owned(),
        team: tag(&super::objects::TEAM),
        environment: tag(&super::objects::ENVIRONMENT),
    }
}

/// Whether a text can only be a version: it begins like one, is short, and is nothing that somebody made up to be secret.
pub(super) fn is_version(text: &str) -> bool {
    let rest = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let calm = rest.chars().all(|c| c.is_ascii_alphanumeric() || ".-+_".contains(c));
    let number = rest.split(['-', '+', '_']).next().unwrap_or_default();
    let numbers = !number.is_empty() && number.split('.').all(|part| (1..=6).contains(&part.len()));
    text.len() <= 40 && calm && numbers && number.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// The outermost module of an address, with its key: `module.a["x.y"]` of `module.a["x.y"].module.b`.
fn outermost(address: &str) -> &str {
    let (mut quoted, mut escaped, mut dots) = (false, false, 0);
    for (at, c) in address.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '.' if !quoted => dots += 1,
            _ => {}
        }
        if dots == 2 {
            return &address[..at];
        }
    }
    address
}

fn things(state: &State) -> Vec<Found> {
    let mut modules: BTreeMap<&str, Vec<&Resource>> = BTreeMap::new();
    let mut found = Vec::new();
    for resource in &state.resources {
        match resource.module.as_str() {
            "" => found.push(single(state, resource)),
            module => modules.entry(module).or_default().push(resource),
        }
    }
    found.extend(modules.into_iter().map(|(module, resources)| called(state, module, &resources)));
    found
}

fn single(state: &State, resource: &Resource) -> Found {
    let name = resource.address.split_once('.').map_or("", |(_, name)| name);
    let attributes = [("resource", resource.address.as_str()), ("type", &resource.kind), ("state", &state.path)];
    Found {
        address: address(state, &resource.address),
        sort: Sort::Resource,
        what: resource.kind.clone(),
        version: resource.version.clone(),
        name: name.to_owned(),
        places: places(&state.path),
        team: resource.team.clone(),
        environment: resource.environment.clone(),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    }
}

fn called(state: &State, module: &str, resources: &[&Resource]) -> Found {
    let own = module.strip_prefix("module.").unwrap_or(module);
    let call = own.split('[').next().unwrap_or(own);
    let helper = |kind: &&str| HELPERS.iter().any(|helper| kind.starts_with(helper));
    let all: BTreeSet<&str> = resources.iter().map(|resource| resource.kind.as_str()).collect();
    let telling: Vec<&str> = all.iter().copied().filter(|kind| !helper(kind)).collect();
    let types = if telling.is_empty() { all.into_iter().collect() } else { telling };
    let joined = types.join("+");
    let Call { source, version } = state.calls.get(call).cloned().unwrap_or_default();
    let what = if source.is_empty() { format!("types:{joined}") } else { source.clone() };
    // Without a version of the module, that of what it makes tells most: of the type that the offering is named after.
    let main = types.iter().min_by_key(|kind| (kind.len(), **kind)).copied().unwrap_or_default();
    let seen = || most(resources.iter().filter(|one| one.kind == main).map(|one| one.version.as_str()));
    let mut attributes: BTreeMap<String, String> = [("module", module), ("types", &joined), ("state", &state.path)]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    if !source.is_empty() {
        attributes.insert("source".to_owned(), source);
    }
    Found {
        address: address(state, module),
        sort: Sort::Module,
        what: what.chars().take(200).collect(),
        version: if version.is_empty() { seen().unwrap_or_default() } else { version },
        name: own.to_owned(),
        places: places(&state.path),
        team: most(resources.iter().filter_map(|one| one.team.as_deref())),
        environment: most(resources.iter().filter_map(|one| one.environment.as_deref())),
        attributes,
    }
}

/// What is there most often; of several the first in order.
fn most<'a>(texts: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for text in texts.filter(|text| !text.is_empty()) {
        *counts.entry(text).or_default() += 1;
    }
    let greatest = counts.values().copied().max()?;
    counts.into_iter().find(|(_, count)| *count == greatest).map(|(text, _)| text.to_owned())
}

fn address(state: &State, within: &str) -> String {
    format!("{} {within}", state.path).trim_start().to_owned()
}

/// The folders of a state, and its own name where that says something.
fn places(path: &str) -> Vec<String> {
    let stem = |part: &str| {
        let part = part.strip_suffix(".tfstate").or_else(|| part.strip_suffix(".json")).unwrap_or(part);
        part.to_owned()
    };
    path.split('/').map(stem).filter(|part| !part.is_empty() && part != "." && part != "..").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_version_is_one() {
        for version in ["1", "15.4", "v2.1.0", "1.2.3-rc.1", "8.0.mysql_aurora.3.04.0"] {
            assert_eq!(is_version(version), !version.contains("mysql"), "{version}");
        }
        for other in ["", "latest", "hunter2", "12345678901234567890", "s3cret-1", "1 2"] {
            assert!(!is_version(other), "{other}");
        }
    }

    #[test]
    fn the_outermost_module_of_an_address() {
        assert_eq!(outermost("module.a.module.b"), "module.a");
        assert_eq!(outermost("module.a[\"x.y\"].module.b[0]"), "module.a[\"x.y\"]");
        assert_eq!(outermost("module.a[\"x\\\".y\"]"), "module.a[\"x\\\".y\"]");
        assert_eq!(outermost(""), "");
    }
}
