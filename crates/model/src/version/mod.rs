//! Versions as people and programs write them: `2.1.0`, `15`, `v2`, `2026.04`, `2026-04-30`, `3.12rc1`.

mod range;

pub use range::{Range, RangeError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// How an offering writes its versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Versioning {
    /// Three numbers, `2.1.0` (semver.org).
    #[default]
    Semver,
    /// Year and month, `2026.04` or `26.4.1` (calver.org).
    Calver,
    /// A day, `2026-04-30`.
    Dated,
}

/// A version that can be compared.
///
/// Numbers compare as numbers and missing ones count as 0, so `15`, `15.0` and `v15` are equal and all below `15.2`.
/// What follows is a pre-release, which comes before the plain version in the order of semver, when it begins with a
/// word for one (`1.0-rc1`, `15beta2`, `2.0-M1`) or is nothing but numbers behind a hyphen (`1.0.0-2`). Anything else is
/// a variant of the same version, such as `15-alpine` or `15.0-R1`, and does not count; neither does what follows a `+`
/// or a blank.
#[derive(Clone, Debug)]
pub struct Version {
    /// As it was written.
    text: String,
    /// The numbers, as many as were written.
    numbers: Vec<u64>,
    /// The parts of the pre-release; empty for a plain version.
    pre: Vec<Part>,
    /// Whether it is a day or a month and no number.
    dated: bool,
}

/// Words with which a pre-release begins.
const BEFORE: [&str; 11] =
    ["alpha", "beta", "rc", "pre", "prerelease", "preview", "dev", "snapshot", "milestone", "nightly", "canary"];
/// The same in one letter, with a number right behind it.
const BEFORE_LETTERS: [&str; 3] = ["a", "b", "m"];

/// One part of a pre-release. Numbers come before words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// A number.
    Number(u64),
    /// A word.
    Word(String),
}

impl Version {
    /// Reads a version; `None` when the text does not begin with a number.
    pub fn parse(text: &str) -> Option<Version> {
        let text = text.trim();
        let core = text.split([' ', '\t', '+']).next().unwrap_or_default();
        let core = core.strip_prefix(['v', 'V', '=']).unwrap_or(core);
        if let Some(numbers) = date(core).or_else(|| month(core)) {
            return Some(Version { text: text.into(), numbers, pre: Vec::new(), dated: true });
        }
        let end = core.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(core.len());
        let (plain, rest) = core.split_at(end);
        let plain = plain.trim_end_matches(['.', '_']);
        let numbers: Option<Vec<u64>> = plain.split(['.', '_']).map(|number| number.parse().ok()).collect();
        Some(Version { text: text.into(), numbers: numbers?, pre: pre_release(rest), dated: false })
    }

    /// Whether it can be held against another one: a day or a month says nothing against a number that is no year.
    pub fn compares_with(&self, other: &Version) -> bool {
        let is_year = |version: &Version| version.dated || (1_000..10_000).contains(&version.number(0));
        !(self.dated || other.dated) || (is_year(self) && is_year(other))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is a pre-release.
    pub fn is_pre_release(&self) -> bool {
        !self.pre.is_empty()
    }

    /// A number by its place; 0 where none was written.
    fn number(&self, at: usize) -> u64 {
        self.numbers.get(at).copied().unwrap_or_default()
    }

    /// Whether the first numbers are those given.
    fn begins_with(&self, numbers: &[u64]) -> bool {
        numbers.iter().enumerate().all(|(at, number)| self.number(at) == *number)
    }
}

/// The numbers of a day `YYYY-MM-DD`.
fn date(text: &str) -> Option<Vec<u64>> {
    let parts: Vec<&str> = text.split('-').collect();
    let shape = parts.len() == 3 && parts[0].len() == 4 && parts[1].len() == 2 && parts[2].len() == 2;
    let digits = parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    (shape && digits).then(|| parts.iter().filter_map(|part| part.parse().ok()).collect())
}

/// The numbers of a month `YYYY-MM`.
fn month(text: &str) -> Option<Vec<u64>> {
    let (year, month) = text.split_once('-').filter(|(year, month)| (year.len(), month.len()) == (4, 2))?;
    let (year, month): (u64, u64) = (year.parse().ok()?, month.parse().ok()?);
    (1..=12).contains(&month).then(|| vec![year, month])
}

/// The parts of the pre-release in what stands behind the numbers of a version: the pieces between hyphens that are one.
fn pre_release(rest: &str) -> Vec<Part> {
    let attached = !rest.is_empty() && !rest.starts_with(['-', '.', '_']);
    let (mut found, mut varies) = (Vec::new(), false);
    for (at, piece) in rest.trim_start_matches('-').split('-').enumerate() {
        let all = piece.split(['.', '_']).filter(|part| !part.is_empty());
        let parts: Vec<Part> = all.flat_map(split_part).collect();
        let letter = |word: &str| BEFORE_LETTERS.contains(&word) && (word == "m" || (attached && at == 0));
        let fits = match parts.as_slice() {
            [Part::Word(word), Part::Number(_), ..] if letter(word) => true,
            [Part::Word(word), ..] => BEFORE.contains(&word.as_str()),
            // Numbers behind the name of a variant are its own.
            all => !varies && all.iter().all(|part| matches!(part, Part::Number(_))),
        };
        varies |= !fits;
        found.extend(parts.into_iter().filter(|_| fits));
    }
    found
}

/// Splits `rc10` into a word and a number, so that it comes after `rc9`.
fn split_part(part: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = part;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        // A number of more than 19 digits compares as a word.
        parts.push(piece.parse().map_or_else(|_| Part::Word(piece.to_lowercase()), Part::Number));
        rest = after;
    }
    parts
}

impl PartialEq for Version {
    fn eq(&self, other: &Version) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Version) -> Ordering {
        let length = self.numbers.len().max(other.numbers.len());
        let numbers = (0..length).map(|at| self.number(at).cmp(&other.number(at))).find(|order| order.is_ne());
        numbers.unwrap_or_else(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.pre.cmp(&other.pre),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Compares two texts as versions; texts that are none come first, in order of code points.
pub fn compare(a: &str, b: &str) -> Ordering {
    match (Version::parse(a), Version::parse(b)) {
        (Some(one), Some(other)) => one.cmp(&other),
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (None, None) => a.cmp(b),
    }
}

/// Whether one version is below another; `None` when one of them is no version, or one is a day and the other a number, so
/// that nobody takes it for a no.
pub fn is_below(version: &str, limit: &str) -> Option<bool> {
    let (version, limit) = (Version::parse(version)?, Version::parse(limit)?);
    version.compares_with(&limit).then(|| version < limit)
}

/// Whether a text is written as an offering writes its versions.
///
/// # Errors
/// What to write instead, in one sentence.
pub fn check(versioning: Versioning, text: &str) -> Result<(), String> {
    let (good, example) = match versioning {
        Versioning::Semver => (semver::Version::parse(text).is_ok(), "three numbers such as 2.1.0"),
        Versioning::Calver => (is_calver(text), "year and month such as 2026.04"),
        Versioning::Dated => {
            (date(text).is_some() && text.parse::<chrono::NaiveDate>().is_ok(), "a day such as 2026-04-30")
        }
    };
    if good { Ok(()) } else { Err(format!("Write {example}, not {text:?}.")) }
}

/// Year of two or four digits, month, and perhaps more numbers and a pre-release.
fn is_calver(text: &str) -> bool {
    let (plain, pre) = text.split_once('-').unwrap_or((text, "a"));
    let numbers: Vec<&str> = plain.split('.').collect();
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let month = numbers.get(1).filter(|month| month.len() <= 2).and_then(|month| month.parse::<u8>().ok());
    numbers.iter().all(digits)
        && matches!(numbers[0].len(), 2 | 4)
        && month.is_some_and(|month| (1..=12).contains(&month))
        && !pre.is_empty()
        && pre.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
}
