//! To which release an instance goes in a campaign, and by which way: worked out once for each release that runs.

use super::scope::{Member, Scope};
use crate::error::Error;
use crate::release::dry_run::{release_of, release_spec};
use crate::release::input_migration::InputMigration;
use crate::release::offering_versions::OfferingVersions;
use crate::release::upgrade_path::{Hop, hops, way};
use loggia_graph::Audience;
use loggia_model::contract::{Weight, compare, weight};
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::version::{Range, Version};
use std::collections::HashMap;

/// Where everything at one release goes.
#[derive(Clone)]
pub(crate) struct Way {
    /// The release that runs.
    pub(crate) from: ReleaseSpec,
    /// The releases on the way, the goal last.
    pub(crate) stops: Vec<ReleaseSpec>,
    /// The same, with what each hop means.
    pub(crate) hops: Vec<Hop>,
    /// How much the contract changes from here to the goal.
    pub(crate) weight: Weight,
}

/// The ways of a campaign.
pub(crate) struct Targets {
    shelf: OfferingVersions<'static>,
    ways: HashMap<String, Result<Way, String>>,
}

impl Targets {
    /// Of a campaign, for these of its instances.
    pub(crate) fn of(scope: &Scope<'_>, members: &[&Member]) -> Targets {
        let shelf = OfferingVersions::seen(scope.graph, &Audience::All, &scope.spec.offering);
        let mut ways = HashMap::new();
        for member in members {
            let way = |name: &String| find(scope, &shelf, name);
            ways.entry(name_of(member)).or_insert_with_key(way);
        }
        Targets { shelf, ways }
    }

    /// The way of one of them; why there is none.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn way(&self, member: &Member) -> Result<&Way, &str> {
        let way = self.ways.get(&name_of(member));
        way.map_or(Err(""), |way| way.as_ref().map_err(String::as_str))
    }

    /// What inputs become at each goal, by its version.
    pub(crate) fn conversions(&self) -> HashMap<&str, InputMigration<'_>> {
        let goals = self.ways.values().filter_map(|way| way.as_ref().ok()?.stops.last());
        goals.filter_map(|goal| Some((goal.version.as_str(), InputMigration::new(&self.shelf, goal).ok()?))).collect()
    }
}

fn name_of(member: &Member) -> String {
    release_of(&member.spec, &member.status).unwrap_or_default()
}

fn find(scope: &Scope<'_>, shelf: &OfferingVersions<'_>, name: &str) -> Result<Way, String> {
    let none = || format!("Nobody knows which release it has; {} is wanted.", scope.spec.to);
    let from = release_spec(scope.graph, name).ok_or_else(none)?;
    let version = Version::parse(&from.version).ok_or_else(none)?;
    let mut why = None;
    for (_, goal) in shelf
        .between(&version, None)
        .into_iter()
        .rev()
        .filter(|(number, goal)| !number.is_pre_release() && reaches(&scope.range, goal))
    {
        match way(shelf, &from, &goal) {
            Ok(stops) => {
                let weight = weight(&compare(&from.contract, &goal.contract));
                return Ok(Way { hops: hops(&from, &stops), from, stops, weight });
            }
            Err(Error::Refused(refusal)) => why = why.or(Some(refusal.message)),
            Err(error) => why = why.or(Some(error.to_string())),
        }
    }
    Err(why.unwrap_or_else(|| format!("No version above {} that is out gives {}.", from.version, scope.spec.to)))
}

/// Whether what a release makes is what the campaign wants: the version of what really runs, where the release says it.
fn reaches(range: &Range, release: &ReleaseSpec) -> bool {
    let version = release.upstream.as_ref().map_or(release.version.as_str(), |upstream| upstream.version.as_str());
    Version::parse(version).is_some_and(|version| range.contains(&version))
}
