//! Whose a found thing is, where it runs, and what it is called: from what it says itself, else from the names around it.

use super::{AdoptInput, Found};
use loggia_graph::{Audience, Graph};
use loggia_model::reference::DEFAULT_NAMESPACE;
use loggia_model::{Record, Ref, naming};
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

/// Longest name that is made up here, where the environment leaves as much.
const LONGEST: usize = 40;

/// The teams and environments that are known here.
pub(super) struct Known {
    /// By plain name: that of the organisation itself, else all of that name.
    teams: BTreeMap<String, Vec<Ref>>,
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
        let mut named: BTreeMap<String, Vec<Ref>> = BTreeMap::new();
        for record in teams {
            named.entry(record.reference.name().to_owned()).or_default().push(record.reference.clone());
        }
        for same in named.values_mut() {
            if let Some(own) = same.iter().find(|team| team.namespace() == DEFAULT_NAMESPACE).cloned() {
                *same = vec![own];
            }
        }
        let environments = graph.of_kind(audience, "environment").map(|record| record.reference.name().to_owned());
        Known { teams: named, environments: environments.collect() }
    }

    /// The team that a word means; which it could be, where it could be several.
    fn team(&self, word: &str) -> Option<Result<String, String>> {
        let same = self.teams.get(&word.to_ascii_lowercase())?;
        Some(match same.as_slice() {
            [team] => Ok(team.short("group")),
            many => {
                let many: Vec<String> = many.iter().map(|team| team.short("group")).collect();
                Err(format!(
                    "{word} is ambiguous, for there are {}: say which by a tag or label team, or --team.",
                    many.join(" and ")
                ))
            }
        })
    }

    /// The team that a tag, a label or somebody names.
    fn said(&self, word: &str) -> Option<Result<String, String>> {
        let read = || naming::team(word).ok().map(|team| Ok(team.short("group")));
        self.team(word).or_else(read)
    }

    /// The team that tags or labels name, with the word: the first that is known here, else the first that can be one.
    fn said_of<'w>(&self, words: &'w [String]) -> Option<(&'w str, Result<String, String>)> {
        let known = words.iter().find_map(|word| Some((word.as_str(), self.team(word)?)));
        known.or_else(|| words.iter().find_map(|word| Some((word.as_str(), self.said(word)?))))
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
        let team = match self.said_of(&found.teams) {
            Some((own, said)) => {
                take(&mut around, |word| word.eq_ignore_ascii_case(own).then_some(()));
                Some(said)
            }
            None => take(&mut around, |word| self.team(word)).or_else(|| take(&mut beyond, |word| self.team(word))),
        };
        let environment = environment.or_else(|| input.environment.as_deref().and_then(plain));
        let given = input.team.as_deref().and_then(|word| self.said(word));
        // What is given beside settles which of several a word around means.
        let team = match team {
            Some(Err(why)) => Some(given.filter(Result::is_ok).unwrap_or(Err(why))),
            team => team.or(given),
        };
        let team = team.transpose()?;
        match (team, environment) {
            (Some(team), Some(environment)) => {
                Ok(Spot { team, name: name(&around, &found.name, &environment), environment })
            }
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

/// The environment that tags name: the first that is known here, else the first that can be a name.
fn said(words: &[String], known: impl Fn(&str) -> Option<String>) -> Option<String> {
    words.iter().find_map(|word| known(word)).or_else(|| words.iter().find_map(|word| plain(word)))
}

/// The folders of a file and its own name, without what its end says of its form.
fn folders(source: &str) -> Vec<String> {
    let ends = [".tfstate", ".json", ".yaml", ".yml"];
    let stem = |part: &str| ends.iter().find_map(|end| part.strip_suffix(end)).unwrap_or(part).to_owned();
    source.split('/').map(stem).filter(|part| !part.is_empty() && part != "." && part != "..").collect()
}

/// A word that can be the name of an environment as it is, and leaves room for names there.
fn plain(word: &str) -> Option<String> {
    naming::environment(word).ok().filter(|name| naming::name("x", name).is_ok())
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
fn name(around: &[String], own: &str, environment: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for part in around.iter().map(String::as_str).filter(|part| !EMPTY.contains(part)).chain([own]) {
        let word = clean(part);
        if !word.is_empty() && words.last() != Some(&word) {
            words.push(word);
        }
    }
    let whole = words.join("-");
    match whole.len() {
        0 => with_digest("x", own, environment),
        length if length <= room(environment) => whole,
        _ => with_digest(&whole, &whole, environment),
    }
}

/// How long a name may be in an environment.
fn room(environment: &str) -> usize {
    naming::TOGETHER.saturating_sub(environment.len()).clamp(1, LONGEST)
}

/// A name that differs from others like it, by a digest of where it was found.
pub(super) fn with_digest(name: &str, of: &str, environment: &str) -> String {
    let (digest, room) = (short(of), room(environment));
    let front: String = name.chars().take(room.saturating_sub(digest.len() + 1)).collect();
    let whole = format!("{}-{digest}", front.trim_end_matches(SEPARATORS));
    whole.trim_start_matches('-').chars().take(room).collect()
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
