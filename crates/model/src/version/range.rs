//! Ranges of versions: `2`, `1.x`, `~1.4`, `^1.2`, `>=14 <16`, `14 || 15`.

use super::Version;

/// Which versions are meant.
///
/// Alternatives are separated by `||`, conditions that must all hold by blanks or commas. A bare version means
/// everything that begins with it, so `15` contains 15.2; with `=` it means exactly that one. `~1.4` and `^1.2` mean
/// what they mean to npm. `<=15` contains 15.2, and `>15` does not.
#[derive(Clone, Debug)]
pub struct Range(Vec<Vec<Condition>>);

/// Why a text is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a range of versions")]
pub struct RangeError(pub String);

/// One condition.
#[derive(Clone, Debug)]
enum Condition {
    /// The first so many numbers are those of the version.
    Begins(Version, usize),
    /// Any.
    Any,
    /// The same version.
    Same(Version),
    /// Below it.
    Below(Version),
    /// Not below it.
    AtLeast(Version),
    /// Above it, and does not begin with it.
    Above(Version),
    /// Below it, or begins with it.
    AtMost(Version),
}

impl Range {
    /// Reads a range.
    ///
    /// # Errors
    /// [`RangeError`] with the text.
    pub fn parse(text: &str) -> Result<Range, RangeError> {
        let error = || RangeError(text.to_owned());
        let alternatives = text.split("||").map(|part| conditions(part).ok_or_else(error));
        alternatives.collect::<Result<Vec<_>, _>>().map(Range)
    }

    /// Whether a version is in the range.
    pub fn contains(&self, version: &Version) -> bool {
        self.speaks_of(version) && self.0.iter().any(|all| all.iter().all(|condition| condition.holds(version)))
    }

    /// Whether it can tell of a version at all: one of days and months cannot of numbers, nor the other way round.
    pub fn speaks_of(&self, version: &Version) -> bool {
        self.0.iter().flatten().all(|condition| condition.limit().is_none_or(|limit| limit.compares_with(version)))
    }
}

impl Condition {
    /// The version against which it holds others.
    fn limit(&self) -> Option<&Version> {
        match self {
            Condition::Begins(limit, _)
            | Condition::Same(limit)
            | Condition::Below(limit)
            | Condition::AtLeast(limit)
            | Condition::Above(limit)
            | Condition::AtMost(limit) => Some(limit),
            Condition::Any => None,
        }
    }

    /// Whether a version fulfils it.
    fn holds(&self, version: &Version) -> bool {
        match self {
            Condition::Begins(limit, count) => version.begins_with(&limit.numbers[..*count]),
            Condition::Any => true,
            Condition::Same(same) => version == same,
            Condition::Below(limit) => version < limit,
            Condition::AtLeast(limit) => version >= limit,
            Condition::Above(limit) => version > limit && !version.begins_with(&limit.numbers),
            Condition::AtMost(limit) => {
                version <= limit || (!limit.is_pre_release() && version.begins_with(&limit.numbers))
            }
        }
    }
}

/// The conditions of one alternative.
fn conditions(text: &str) -> Option<Vec<Condition>> {
    // A blank between an operator and its version does not separate.
    let mut joined = String::with_capacity(text.len());
    for word in text.split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
        if !joined.is_empty() && !joined.ends_with(['<', '>', '=', '~', '^']) {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    let all: Option<Vec<Vec<Condition>>> = joined.split(' ').filter(|word| !word.is_empty()).map(condition).collect();
    let all = all?;
    // An empty text is a mistake, not "everything"; that is written `*`.
    (!all.is_empty()).then(|| all.into_iter().flatten().collect())
}

/// One word of a range.
fn condition(word: &str) -> Option<Vec<Condition>> {
    let version = |rest: &str| Version::parse(rest);
    if let Some(rest) = word.strip_prefix(">=") {
        return Some(vec![Condition::AtLeast(version(rest)?)]);
    }
    if let Some(rest) = word.strip_prefix("<=") {
        return Some(vec![Condition::AtMost(version(rest)?)]);
    }
    if let Some(rest) = word.strip_prefix('>') {
        return Some(vec![Condition::Above(version(rest)?)]);
    }
    if let Some(rest) = word.strip_prefix('<') {
        return Some(vec![Condition::Below(version(rest)?)]);
    }
    if let Some(rest) = word.strip_prefix('=') {
        return Some(vec![Condition::Same(version(rest)?)]);
    }
    if let Some(rest) = word.strip_prefix('~') {
        let from = version(rest)?;
        let kept = from.numbers.len().min(2);
        return Some(vec![Condition::AtLeast(from.clone()), Condition::Begins(from, kept)]);
    }
    if let Some(rest) = word.strip_prefix('^') {
        let from = version(rest)?;
        let first = from.numbers.iter().position(|number| *number > 0).unwrap_or(from.numbers.len().saturating_sub(1));
        let kept = from.numbers.len().min(first + 1);
        return Some(vec![Condition::AtLeast(from.clone()), Condition::Begins(from, kept)]);
    }
    bare(word)
}

/// A version without an operator, perhaps with `x` or `*` for "any".
fn bare(word: &str) -> Option<Vec<Condition>> {
    let plain = word.strip_prefix(['v', 'V']).unwrap_or(word);
    let wild = |part: &str| matches!(part, "x" | "X" | "*");
    if wild(plain) {
        return Some(vec![Condition::Any]);
    }
    let parts: Vec<&str> = plain.split('.').collect();
    let named = parts.iter().position(|part| wild(part)).unwrap_or(parts.len());
    if parts[named..].iter().any(|part| !wild(part)) {
        return None;
    }
    let version = Version::parse(&parts[..named].join("."))?;
    let count = version.numbers.len();
    Some(vec![if version.is_pre_release() { Condition::Same(version) } else { Condition::Begins(version, count) }])
}
