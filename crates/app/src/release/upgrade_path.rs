//! Ways from one version to another, hop by hop.

use crate::error::{Error, Result};
use crate::release::dry_run::leads;
use crate::release::offering_versions::OfferingVersions;
use loggia_model::Ref;
use loggia_model::contract::{Weight, compare, weight};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::{ReleaseSpec, Rollback, Strategy};
use loggia_model::version::{Range, Version};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One hop of a way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hop {
    /// The version that it leads to.
    pub version: String,
    /// How much its contract changes on this hop.
    pub weight: Weight,
    /// How it is done.
    pub strategy: Strategy,
    /// Whether there is a way back.
    pub rollback: Rollback,
}

/// The hops of a way, with what each of them changes.
pub(crate) fn hops(from: &ReleaseSpec, way: &[ReleaseSpec]) -> Vec<Hop> {
    let before = std::iter::once(from).chain(way);
    let hop = |(before, after): (&ReleaseSpec, &ReleaseSpec)| {
        let upgrade = after.upgrade.clone().unwrap_or_default();
        Hop {
            version: after.version.clone(),
            weight: weight(&compare(&before.contract, &after.contract)),
            strategy: upgrade.strategy,
            rollback: upgrade.rollback,
        }
    };
    before.zip(way).map(hop).collect()
}

/// The way with the fewest hops; of two that are as short, that over higher versions.
///
/// # Errors
/// [`Error::Refused`] that names the hop that is missing.
pub(crate) fn way(versions: &OfferingVersions<'_>, from: &ReleaseSpec, goal: &ReleaseSpec) -> Result<Vec<ReleaseSpec>> {
    let (Some(start), Some(end)) = (Version::parse(&from.version), Version::parse(&goal.version)) else {
        return Err(missing(from, goal));
    };
    let mut places = vec![from.clone()];
    let inside = versions.between(&start, Some(&end)).into_iter().map(|(_, spec)| spec);
    // A pre-release is a stop only for who goes there.
    places.extend(inside.filter(|spec| spec.version != goal.version && !is_pre_release(spec)));
    places.push(goal.clone());
    Ways::new(places).begin(0)
}

/// The ways from each of some versions to the last of them.
pub(crate) struct Ways {
    places: Vec<ReleaseSpec>,
    /// How many hops it is from each place to the goal, and which comes next.
    next: Vec<Option<(usize, usize)>>,
}

impl Ways {
    /// To the newest version that is out and no pre-release.
    pub(crate) fn to_newest(versions: &OfferingVersions<'_>) -> Ways {
        let all = versions.out().into_iter().filter(|spec| !is_pre_release(spec));
        Ways::new(all.collect())
    }

    /// Of versions in their order.
    fn new(places: Vec<ReleaseSpec>) -> Ways {
        let mut next: Vec<Option<(usize, usize)>> = vec![None; places.len()];
        let Some(last) = places.len().checked_sub(1) else { return Ways { places, next } };
        next[last] = Some((0, last));
        for at in (0..last).rev() {
            let onward = (at + 1..=last).rev().filter(|to| leads(&places[at], &places[*to]));
            next[at] = onward.filter_map(|to| next[to].map(|(hops, _)| (hops + 1, to))).min_by_key(|(hops, _)| *hops);
        }
        Ways { places, next }
    }

    /// The way from a version; none for one that is not among them.
    pub(crate) fn from(&self, version: &str) -> Option<Result<Vec<ReleaseSpec>>> {
        let at = self.places.iter().position(|place| place.version == version)?;
        Some(self.begin(at))
    }

    fn begin(&self, mut at: usize) -> Result<Vec<ReleaseSpec>> {
        if self.next[at].is_none() {
            return Err(gap(&self.places[at..], &self.next[at..]));
        }
        let mut found = Vec::new();
        while let Some((_, to)) = self.next[at].filter(|(hops, _)| *hops > 0) {
            found.push(self.places[to].clone());
            at = to;
        }
        Ok(found)
    }
}

fn is_pre_release(spec: &ReleaseSpec) -> bool {
    Version::parse(&spec.version).is_some_and(|version| version.is_pre_release())
}

/// Between the highest version that can be reached and the lowest one above it from which the goal can.
fn gap(places: &[ReleaseSpec], next: &[Option<(usize, usize)>]) -> Error {
    let mut reached = vec![false; places.len()];
    reached[0] = true;
    for at in 0..places.len() {
        for to in at + 1..places.len() {
            reached[to] = reached[to] || (reached[at] && leads(&places[at], &places[to]));
        }
    }
    let near = reached.iter().rposition(|there| *there).unwrap_or(0);
    let far = (near + 1..places.len()).find(|at| next[*at].is_some()).unwrap_or(places.len() - 1);
    missing(&places[near], &places[far])
}

fn missing(near: &ReleaseSpec, far: &ReleaseSpec) -> Error {
    let from = far.upgrade.as_ref().and_then(|upgrade| upgrade.from.as_deref()).unwrap_or("nowhere");
    Error::refused(
        "upgrade.hop-missing",
        format!("There is no way from {} to {}, which is reached from {from} only.", near.version, far.version),
        "Ask its owner for a version in between, or make a new one beside it.",
    )
}

/// Passes when one version is above another.
///
/// # Errors
/// [`Error::Refused`] when it is not.
pub(crate) fn is_above(from: &ReleaseSpec, to: &ReleaseSpec) -> Result<()> {
    if Version::parse(&from.version).zip(Version::parse(&to.version)).is_some_and(|(one, other)| one < other) {
        return Ok(());
    }
    let message = format!("It has {}, and {} is not above it.", from.version, to.version);
    Err(Error::refused("upgrade.not-above", message, "Choose a newer version, or go back: loggia upgrade --back."))
}

/// What is said when there is nowhere to go.
pub(crate) fn up_to_date(from: &ReleaseSpec) -> Error {
    let message = format!("It has {}, and there is no newer version that its team accepts.", from.version);
    Error::refused("upgrade.newest", message, "Nothing needs to be done.")
}

/// The way to the newest version that its team accepts and to which there is one.
///
/// # Errors
/// [`Error::Refused`] when there is none: with the version that its team would have to ask for, where it accepts no newer one.
pub(crate) fn newest(
    versions: &OfferingVersions<'_>,
    instance: &Ref,
    spec: &InstanceSpec,
    from: &ReleaseSpec,
) -> Result<Vec<ReleaseSpec>> {
    let Some(version) = Version::parse(&from.version) else { return Err(up_to_date(from)) };
    let range = spec.constraint.as_deref().and_then(|text| Some((text, Range::parse(text).ok()?)));
    let (mut why, mut beyond) = (None, Vec::new());
    for (number, release) in versions.between(&version, None).into_iter().rev() {
        if number.is_pre_release() {
            continue;
        }
        if range.as_ref().is_some_and(|(_, range)| !range.contains(number)) {
            beyond.push(release);
            continue;
        }
        match way(versions, from, &release) {
            Ok(found) => return Ok(found),
            Err(error) => why = why.or(Some(error)),
        }
    }
    let kept = |(text, _): (&str, Range)| kept(versions, (instance, text), from, &beyond);
    Err(why.or_else(|| range.and_then(kept)).unwrap_or_else(|| up_to_date(from)))
}

/// What is said where its team accepts no newer version, and there are some.
fn kept(
    versions: &OfferingVersions<'_>,
    (instance, range): (&Ref, &str),
    from: &ReleaseSpec,
    beyond: &[ReleaseSpec],
) -> Option<Error> {
    let newest = beyond.first()?;
    let has = match range.trim_start_matches('=') == from.version {
        true => format!("Its team keeps {}", from.version),
        false => format!("It has {}, and its team accepts {range} only", from.version),
    };
    let message = format!("{has}; {} is the newest version.", newest.version);
    let take = |to: &str| format!("loggia upgrade {}/{} --to {to}", instance.namespace(), instance.name());
    let mend = match way(versions, from, newest).as_deref() {
        Ok([only]) => format!("Take it when you want it: {}.", take(&only.version)),
        Ok([first, ..]) => format!("The way there begins with {}: {}.", first.version, take(&first.version)),
        Ok([]) => return None,
        Err(error) => error.to_string(),
    };
    Some(Error::refused("upgrade.kept-version", message, mend))
}
