//! Whose a found thing is, where it runs, and what it is called: from what it says itself, else from the names around it.

use super::{AdoptInput, Found};
use loggia_graph::{Audience, Graph};
use loggia_model::{Record, Ref};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Words for the same environment, the usual one first.
const ALIKE: [&[&str]; 6] = [
    &["production", "prod", "prd"],
    &["staging", "stage", "stg", "preprod", "pre-production"],
    &["development", "dev"],
    &["test", "testing", "tst"],
    &["acceptance", "acc", "uat"],
    &["qa"],
];

/// Names of folders and workspaces that say nothing.
const EMPTY: [&str; 17] = [
    "terraform",
    "tofu",
    "opentofu",
    "infra",
    "infrastructure",
    "live",
    "state",
    "states",
    "tfstate",
    "terraform.tfstate",
    "terraform.tfstate.d",
    "env:",
    "envs",
    "environments",
    "teams",
    "default",
    "main",
];

/// Groups that are made of teams: what stands in a folder of their name is not theirs by that.
const NO_TEAMS: [&str; 6] = ["organization", "organisation", "company", "department", "division", "business-unit"];

/// Longest name within team and environment.
const LONGEST: usize = 40;

/// The teams and environments that are known here.
pub(super) struct Known {
    teams: BTreeMap<String, Ref>,
    environments: BTreeSet<String>,
}

/// Where a thing belongs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) team: String,
    pub(super) environment: String,
    pub(super) name: String,
}

impl Known {
    pub(super) fn of(graph: &Graph, audience: &Audience) -> Known {
        let own = |record: &Arc<Record>| !NO_TEAMS.contains(&record.parse().spec_text("type"));
        let teams = graph.of_kind(audience, "group").filter(own);
        let teams = teams.map(|record| (record.reference.name().to_ascii_lowercase(), record.reference.clone()));
        let environments = graph.of_kind(audience, "environment").map(|record| record.reference.name().to_owned());
        Known { teams: teams.collect(), environments: environments.collect() }
    }

    fn team(&self, word: &str) -> Option<String> {
        let team = self.teams.get(&word.to_ascii_lowercase())?;
        Some(short_team(team))
    }

    /// The environment that a word means. Where none is known here, the usual words mean themselves.
    fn environment(&self, word: &str) -> Option<String> {
        let word = word.to_ascii_lowercase();
        if self.environments.contains(&word) {
            return Some(word);
        }
        let alike = ALIKE.iter().find(|alike| alike.contains(&word.as_str()))?;
        match alike.iter().find(|other| self.environments.contains(**other)) {
            Some(known) => Some((*known).to_owned()),
            None if self.environments.is_empty() => Some(word),
            None => None,
        }
    }

    /// Where a thing belongs.
    ///
    /// # Errors
    /// What is missing, and what to do.
    pub(super) fn spot(&self, found: &Found, input: &AdoptInput) -> Result<Spot, String> {
        let mut around: Vec<String> = found.places.iter().filter(|place| !place.is_empty()).cloned().collect();
        let mut beyond = folders(&found.source);
        let environment = match said(&found.environments, |word| self.environment(word)) {
            Some(said) => {
                take(&mut around, |word| (self.environment(word).as_ref() == Some(&said)).then_some(()));
                Some(said)
            }
            None => take(&mut around, |word| self.environment(word))
                .or_else(|| take(&mut beyond, |word| self.environment(word))),
        };
        let team = match said(&found.teams, |word| self.team(word)) {
            Some(said) => {
                take(&mut around, |word| word.eq_ignore_ascii_case(&said).then_some(()));
                Some(said)
            }
            None => take(&mut around, |word| self.team(word)).or_else(|| take(&mut beyond, |word| self.team(word))),
        };
        let environment = environment.or_else(|| input.environment.clone()).filter(|name| fits(name, 20));
        let team =
            team.or_else(|| input.team.clone()).and_then(|team| Ref::parse(&team, Some("group"), "default").ok());
        let team = team.map(|team| short_team(&team));
        match (team, environment) {
            (Some(team), Some(environment)) => Ok(Spot { team, environment, name: name(&around, &found.name) }),
            (None, Some(_)) => {
                Err("Nothing says whose it is: a tag or label team, a folder or namespace with the name \
                                    of a team, or --team."
                    .to_owned())
            }
            (Some(_), None) => {
                Err("Nothing says where it runs: a tag or label environment, a folder or namespace with \
                                    the name of an environment, or --environment."
                    .to_owned())
            }
            (None, None) => Err("Nothing says whose it is and where it runs: tags or labels team and environment, \
                                 folders or namespaces with such names, or --team and --environment."
                .to_owned()),
        }
    }
}

/// What tags name: the first that is known here, else the first that can be a name.
fn said(words: &[String], known: impl Fn(&str) -> Option<String>) -> Option<String> {
    words.iter().find_map(|word| known(word)).or_else(|| words.iter().find_map(|word| plain(word)))
}

/// The folders of a file and its own name, without what its end says of its form.
fn folders(source: &str) -> Vec<String> {
    let ends = [".tfstate", ".json", ".yaml", ".yml"];
    let stem = |part: &str| ends.iter().find_map(|end| part.strip_suffix(end)).unwrap_or(part).to_owned();
    source.split('/').map(stem).filter(|part| !part.is_empty() && part != "." && part != "..").collect()
}

/// A team as it is written in reports.
pub(super) fn short_team(team: &Ref) -> String {
    if team.namespace() == "default" { team.name().to_owned() } else { team.to_string() }
}

/// A word that can be a name as it is.
fn plain(word: &str) -> Option<String> {
    fits(word, 63).then(|| word.to_ascii_lowercase())
}

fn fits(name: &str, most: usize) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    bytes.len() <= most
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
}

/// Takes the longest word with a meaning out of the names around: a whole name, or its beginning or end up to a
/// separator.
fn take<T>(around: &mut Vec<String>, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    let mut best: Option<(usize, usize, bool, T)> = None;
    for (at, segment) in around.iter().enumerate() {
        for (length, front) in parts(segment) {
            let word = if front { &segment[..length] } else { &segment[segment.len() - length..] };
            let longer = best.as_ref().is_none_or(|(_, before, _, _)| length > *before);
            if let Some(meaning) = read(word).filter(|_| longer) {
                best = Some((at, length, front, meaning));
            }
        }
    }
    let (at, length, front, meaning) = best?;
    let segment = around.remove(at);
    let rest = if front { &segment[length..] } else { &segment[..segment.len() - length] };
    let rest = rest.trim_matches(SEPARATORS);
    if !rest.is_empty() {
        around.insert(at, rest.to_owned());
    }
    Some(meaning)
}

const SEPARATORS: [char; 3] = ['-', '_', '.'];

/// Lengths of the beginnings (true) and ends of a name that stop at a separator, and of the whole.
fn parts(segment: &str) -> Vec<(usize, bool)> {
    let mut parts = vec![(segment.len(), true)];
    for (at, separator) in segment.char_indices().filter(|(_, c)| SEPARATORS.contains(c)) {
        parts.push((at, true));
        parts.push((segment.len() - at - separator.len_utf8(), false));
    }
    parts
}

/// A name within team and environment, from what is left around it and its own.
fn name(around: &[String], own: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for part in around.iter().map(String::as_str).filter(|part| !EMPTY.contains(part)).chain([own]) {
        let word = clean(part);
        if !word.is_empty() && words.last() != Some(&word) {
            words.push(word);
        }
    }
    let whole = words.join("-");
    match whole.len() {
        0 => format!("x-{}", short(own)),
        1..=LONGEST => whole,
        _ => with_digest(&whole, &whole),
    }
}

/// A name that differs from others like it, by a digest of where it was found.
pub(super) fn with_digest(name: &str, of: &str) -> String {
    let front: String = name.chars().take(LONGEST - 7).collect();
    format!("{}-{}", front.trim_end_matches(SEPARATORS), short(of))
}

fn short(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(3).map(|byte| format!("{byte:02x}")).collect()
}

/// Lower-case letters, digits, and single hyphens between them.
pub(super) fn clean(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = text.chars().map(plain).collect();
    text.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}
