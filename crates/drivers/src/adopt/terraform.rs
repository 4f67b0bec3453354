//! States of Terraform and OpenTofu: which of them count, and what things they describe.

use super::File;
use super::calls::{self, Call};
use super::resource::Resource;
use super::state::{self, State};
use loggia_app::estate::adopt::{Estate, Found, Sort};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Providers whose resources are no thing of their own.
const HELPERS: [&str; 7] = ["random_", "null_", "time_", "tls_", "local_", "template_", "external_"];

/// Everything that files describe. Of two copies of the same state the newer one counts, and of a state and what
/// `show -json` wrote of it, the state.
pub(super) fn estate(files: &[File], named: bool) -> Estate {
    let folders = calls::by_folder(files);
    let mut estate = Estate::default();
    let mut states: Vec<State> = Vec::new();
    for file in files.iter().filter(|file| !is_configuration(&file.path)) {
        let (mut read, mut problems) = state::read(file, named);
        states.append(&mut read);
        estate.problems.append(&mut problems);
    }
    let mut newest: HashMap<String, (u64, String)> = HashMap::new();
    for state in states.iter().filter(|state| !state.lineage.is_empty()) {
        let this = (state.serial, state.path.clone());
        let known = newest.entry(state.lineage.clone()).or_default();
        *known = this.max(known.clone());
    }
    states.retain(|state| state.lineage.is_empty() || newest[&state.lineage].1 == state.path);
    for mut state in once(states, &mut estate.notes) {
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

/// Leaves out what describes the same as another file of its folder; of two the state counts, else the first that was
/// written last.
fn once(mut states: Vec<State>, notes: &mut Vec<String>) -> Vec<State> {
    states.sort_by_key(|state| (state.lineage.is_empty(), std::cmp::Reverse(state.time)));
    let mut kept: Vec<State> = Vec::with_capacity(states.len());
    let mut folders: HashMap<String, Vec<usize>> = HashMap::new();
    for state in states {
        let others = folders.entry(calls::folder_of(&state.path).to_owned()).or_default();
        match others.iter().filter_map(|at| kept.get(*at)).find(|other| is_same(other, &state)) {
            Some(other) => notes.push(format!("{} describes the same as {}, which counts.", state.path, other.path)),
            None => {
                others.push(kept.len());
                kept.push(state);
            }
        }
    }
    kept
}

/// Whether what `show -json` wrote is of the same state: it has resources that are the same there. Where none says what its
/// provider calls it, all must have the same addresses, and one of the two must be a state.
fn is_same(known: &State, shown: &State) -> bool {
    if !shown.lineage.is_empty() || shown.resources.is_empty() {
        return false;
    }
    let ids = |state: &State| -> BTreeSet<(String, String)> {
        let told = state.resources.iter().filter(|one| !one.id.is_empty());
        told.map(|one| (one.address.clone(), one.id.clone())).collect()
    };
    let (here, there) = (ids(known), ids(shown));
    if !here.is_empty() && !there.is_empty() {
        return !here.is_disjoint(&there);
    }
    let addresses =
        |state: &State| -> BTreeSet<String> { state.resources.iter().map(|one| one.address.clone()).collect() };
    !known.lineage.is_empty() && addresses(known) == addresses(shown)
}

/// The modules around a resource, outermost first, each with its key: `module.a["x.y"]` and
/// `module.a["x.y"].module.b` of the latter.
fn modules(address: &str) -> Vec<&str> {
    let (mut quoted, mut escaped, mut dots, mut found) = (false, false, 0, Vec::new());
    for (at, c) in address.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '.' if !quoted => {
                dots += 1;
                if dots % 2 == 0 {
                    found.push(&address[..at]);
                }
            }
            _ => {}
        }
    }
    if !address.is_empty() {
        found.push(address);
    }
    found
}

/// The names of the calls that lead to a module, without keys: `a.b`.
fn path_of(module: &str) -> String {
    let names = modules(module).into_iter().scan(0, |from, upto| {
        let own = upto.get(*from..).unwrap_or_default().trim_start_matches('.');
        *from = upto.len();
        Some(own.strip_prefix("module.").unwrap_or(own).split('[').next().unwrap_or_default().to_owned())
    });
    names.collect::<Vec<_>>().join(".")
}

fn things(state: &State) -> Vec<Found> {
    let mut called_in: BTreeMap<&str, Vec<&Resource>> = BTreeMap::new();
    let mut found = Vec::new();
    for resource in &state.resources {
        let around = modules(&resource.module);
        if around.is_empty() {
            found.push(single(state, resource));
        }
        for module in around {
            called_in.entry(module).or_default().push(resource);
        }
    }
    for (module, resources) in called_in {
        let around = modules(module);
        let call = state.calls.get(&path_of(module)).cloned().unwrap_or_default();
        match around.as_slice() {
            // A call within a call is part of it, unless a rule knows it: which takes a source to know it by.
            [outermost, _, ..] if !call.source.is_empty() => {
                let within = Some(address(state, outermost));
                found.push(Found { within, ..called(state, module, &resources, call) });
            }
            [_] => found.push(called(state, module, &resources, call)),
            _ => {}
        }
    }
    found
}

/// What all things of a state have in common.
fn blank(state: &State, within: &str) -> Found {
    let own = match (state.lineage.as_str(), state.source.as_str()) {
        ("", "") => String::new(),
        ("", source) => format!("{source} {within}"),
        // A digest: whoever wrote the state may have put anything there.
        (lineage, _) => format!("lineage:{} {within}", digest(lineage)),
    };
    let (key, source) = (own, state.path.clone());
    Found {
        address: address(state, within),
        key,
        source,
        time: state.time,
        places: places(&state.path),
        ..Found::default()
    }
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn single(state: &State, resource: &Resource) -> Found {
    let name = resource.address.split_once('.').map_or("", |(_, name)| name);
    let mut attributes =
        of_attributes(&[("resource", resource.address.as_str()), ("type", &resource.kind), ("state", &state.path)]);
    attributes.extend(of_attributes(&[("engineVersion", resource.version.as_str())]));
    Found {
        sort: Sort::Resource,
        what: resource.kind.clone(),
        version: resource.version.clone(),
        name: name.to_owned(),
        teams: resource.teams.clone(),
        environments: resource.environments.clone(),
        attributes,
        ..blank(state, &resource.address)
    }
}

fn of_attributes(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    let told = all.iter().filter(|(_, value)| !value.is_empty());
    told.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn called(state: &State, module: &str, resources: &[&Resource], call: Call) -> Found {
    let helper = |kind: &&str| HELPERS.iter().any(|helper| kind.starts_with(helper));
    let all: BTreeSet<&str> = resources.iter().map(|resource| resource.kind.as_str()).collect();
    let telling: Vec<&str> = all.iter().copied().filter(|kind| !helper(kind)).collect();
    let types = if telling.is_empty() { all.into_iter().collect() } else { telling };
    let joined = types.join("+");
    let Call { source, version, local } = call;
    let what = if source.is_empty() { format!("types:{joined}") } else { source.clone() };
    // What it makes says its version by the type that the offering is named after.
    let main = types.iter().min_by_key(|kind| (kind.len(), **kind)).copied().unwrap_or_default();
    let made = most(resources.iter().filter(|one| one.kind == main).map(|one| one.version.as_str()));
    let engine = made.unwrap_or_default();
    let names = [("module", module), ("types", &joined), ("state", &state.path), ("source", &source)];
    let mut attributes = of_attributes(&names);
    attributes.extend(of_attributes(&[("moduleVersion", version.as_str()), ("engineVersion", &engine)]));
    // One scale for what has the same name: a module from elsewhere has versions of its own, a local one has none.
    let own = source.is_empty() || local;
    Found {
        sort: Sort::Module,
        what: what.chars().take(200).collect(),
        version: if own { engine } else { version },
        name: path_name(module),
        teams: ranked(resources.iter().map(|one| one.teams.as_slice())),
        environments: ranked(resources.iter().map(|one| one.environments.as_slice())),
        attributes,
        ..blank(state, module)
    }
}

/// The names of the calls that lead to a module, with their keys.
fn path_name(module: &str) -> String {
    module.strip_prefix("module.").unwrap_or(module).replace(".module.", ".")
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

/// What several lists name: the first of each before the second ones, and of those what is there most often.
fn ranked<'a>(lists: impl Iterator<Item = &'a [String]>) -> Vec<String> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for list in lists {
        for (rank, word) in list.iter().enumerate() {
            let (best, count) = counts.entry(word).or_insert((rank, 0));
            (*best, *count) = ((*best).min(rank), *count + 1);
        }
    }
    let mut words: Vec<(&str, (usize, usize))> = counts.into_iter().collect();
    words.sort_by_key(|(_, (rank, count))| (*rank, std::cmp::Reverse(*count)));
    words.into_iter().map(|(word, _)| word.to_owned()).collect()
}

fn address(state: &State, within: &str) -> String {
    format!("{} {within}", state.path).trim_start().to_owned()
}

/// The folders of a state, and its own name where that says something.
pub(super) fn places(path: &str) -> Vec<String> {
    let stem = |part: &str| {
        let known = [".tfstate", ".json", ".yaml", ".yml"];
        known.iter().find_map(|end| part.strip_suffix(end)).unwrap_or(part).to_owned()
    };
    path.split('/').map(stem).filter(|part| !part.is_empty() && part != "." && part != "..").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modules_of_an_address() {
        assert_eq!(modules("module.a.module.b"), ["module.a", "module.a.module.b"]);
        let keyed = "module.a[\"x.y\"].module.b[0]";
        assert_eq!(modules(keyed), ["module.a[\"x.y\"]", keyed]);
        assert_eq!(path_of(keyed), "a.b");
        let quoted = "module.a[\"x\\\".y\"]";
        assert_eq!((modules(quoted), path_of(quoted)), (vec![quoted], "a".to_owned()));
        assert_eq!(modules(""), [""; 0]);
    }
}
