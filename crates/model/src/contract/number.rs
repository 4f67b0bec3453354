//! Which number a change needs, by the rule of versions of the offering.

use super::{Change, Weight, compare, weight};
use crate::Problem;
use crate::kinds::release::ReleaseSpec;
use crate::version::{Versioning, check};

/// A number that promises more than its version keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lie {
    /// What to write instead, in one sentence.
    pub mend: String,
}

/// Whether a number says how much changed since an earlier one.
///
/// Semantic versions: what breaks needs a new first number (the second one while the first is 0), what is added needs
/// a new second one. Calendar versions: what breaks needs another month. Days: each day is a version of its own, so it
/// may break. Numbers that are not of the form are not judged here.
///
/// # Errors
/// [`Lie`] with a number that would be true.
pub fn judge(versioning: Versioning, before: &str, after: &str, weight: Weight) -> Result<(), Lie> {
    match versioning {
        Versioning::Semver => semantic(before, after, weight),
        Versioning::Calver => month(before, after, weight),
        Versioning::Dated => Ok(()),
    }
}

fn semantic(before: &str, after: &str, weight: Weight) -> Result<(), Lie> {
    let (Ok(one), Ok(other)) = (semver::Version::parse(before), semver::Version::parse(after)) else { return Ok(()) };
    let early = one.major == 0;
    let (first, second) = (other.major > one.major, other.major > one.major || other.minor > one.minor);
    let (good, number) = match weight {
        Weight::None => (true, String::new()),
        Weight::Addition => (second || early, format!("{}.{}.0", one.major, one.minor + 1)),
        Weight::Breaking if early => (second, format!("0.{}.0", one.minor + 1)),
        Weight::Breaking => (first, format!("{}.0.0", one.major + 1)),
    };
    if good { Ok(()) } else { Err(Lie { mend: format!("Call it {number}, or take the change back.") }) }
}

fn month(before: &str, after: &str, weight: Weight) -> Result<(), Lie> {
    let month = |text: &str| {
        let numbers: Vec<&str> = text.split(['.', '-']).take(2).collect();
        numbers.iter().filter_map(|number| number.parse::<u32>().ok()).collect::<Vec<_>>()
    };
    if weight < Weight::Breaking || month(before) != month(after) {
        return Ok(());
    }
    Err(Lie { mend: "Give it the number of another month, or take the change back.".to_owned() })
}

/// The problem of a version whose number lies about what changed since an earlier one; none when it is true.
pub fn lie(versioning: Versioning, before: &ReleaseSpec, after: &ReleaseSpec) -> Option<Problem> {
    let written = |spec: &ReleaseSpec| check(versioning, &spec.version).is_ok();
    if !written(before) || !written(after) {
        return None;
    }
    let changes = compare(&before.contract, &after.contract);
    let weight = weight(&changes);
    let Lie { mend } = judge(versioning, &before.version, &after.version, weight).err()?;
    let what = if weight == Weight::Breaking { "a breaking change" } else { "an addition" };
    let texts: Vec<&str> = heaviest(&changes, weight).collect();
    let message = format!("the number {} hides {what} since {}: {}", after.version, before.version, texts.join("; "));
    Some(Problem::new("release.number", "spec.version", message, mend))
}

/// The problem of a version that migrates inputs although it breaks nothing; none for others. What fits as it is stays as
/// it is: a team's inputs are not rewritten without need.
pub fn idle_migration(before: &ReleaseSpec, after: &ReleaseSpec) -> Option<Problem> {
    after.migration.as_ref()?;
    if weight(&compare(&before.contract, &after.contract)) == Weight::Breaking {
        return None;
    }
    let message =
        format!("{} breaks nothing since {}, so no inputs have to be migrated", after.version, before.version);
    let mend = "Take `spec.migration` out; inputs go over as they are.";
    Some(Problem::new("release.migration", "spec.migration", message, mend))
}

/// The texts of the heaviest changes.
fn heaviest(changes: &[Change], weight: Weight) -> impl Iterator<Item = &str> {
    changes.iter().filter(move |change| change.weight == weight).map(|change| change.text.as_str())
}
