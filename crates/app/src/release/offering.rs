//! What is offered: finding releases and backends.

use crate::error::{Error, Result};
use crate::record::suggestion;
use loggia_graph::{Audience, Graph, Predicate, Query};
use loggia_model::kinds::environment::{Backend, EnvironmentSpec};
use loggia_model::kinds::instance::{FrozenPlan, InstanceSpec};
use loggia_model::kinds::offering::{Drift, OfferingSpec};
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::version::{Range, Version};
use loggia_model::{Micros, Problem, Publication, Record, Ref, RelationType, ReleaseStatus};
use std::sync::Arc;

/// The releases of an offering that the audience may see, newest first.
pub fn releases(graph: &Graph, audience: &Audience, offering: &str) -> Vec<Arc<Record>> {
    let Some(has_release) = RelationType::find("hasRelease") else { return Vec::new() };
    let mut found = graph.related(audience, &Ref::new("offering", "default", offering), has_release);
    found.sort_by_cached_key(|record| std::cmp::Reverse(version_of(record)));
    found
}

/// The version of a release; none for a text that is no version.
pub fn version_of(release: &Record) -> Option<Version> {
    Version::parse(release.parse().spec_text("version"))
}

/// How far a release is in its publication.
pub fn publication(release: &Record) -> Publication {
    release_status(release).publication
}

/// What was decided about a release.
pub fn release_status(release: &Record) -> ReleaseStatus {
    release.typed_status().unwrap_or_default()
}

/// When a release was published; what was written before that was kept counts from its first day here.
pub(crate) fn published_at(release: &Record) -> Micros {
    release_status(release).since.unwrap_or(release.created_at)
}

/// Why a release was withdrawn; none for one that was not.
pub fn withdrawn(release: &Record) -> Option<String> {
    // Read for each running thing: most are told by a look at the text.
    release.status.as_deref().filter(|text| text.contains("\"yanked\""))?;
    Some(release_status(release)).filter(|status| status.publication == Publication::Yanked).map(|s| s.reason)
}

/// The release for an order: the newest published one in a range, or the very version that is named.
///
/// # Errors
/// A problem at `release` that names what there is.
pub fn release_for(graph: &Graph, audience: &Audience, offering: &str, wish: Option<&str>) -> Result<Arc<Record>> {
    let all = releases(graph, audience, offering);
    let channel = wish.and_then(|wish| channel(graph, offering, wish));
    let previews = channel.as_ref().is_some_and(|(_, followed)| *followed);
    let wish = channel.as_ref().map(|(range, _)| range.as_str()).or(wish);
    // A candidate is seen by those who follow the channel, and who sees it may have it.
    let out = |release: &&Arc<Record>| match publication(release) {
        Publication::Published => true,
        Publication::Candidate => previews,
        Publication::Draft | Publication::Yanked => false,
    };
    let published = || all.iter().filter(|release| publication(release) == Publication::Published);
    let found = match wish {
        None => published().next(),
        Some(text) => {
            let named = all.iter().find(|r| r.parse().spec_text("version") == text || r.reference.name() == text);
            let range = Range::parse(text).ok();
            let fits = |release: &&Arc<Record>| {
                range.as_ref().zip(version_of(release)).is_some_and(|(range, version)| range.contains(&version))
            };
            if let Some((release, reason)) = named.and_then(|release| Some((release, withdrawn(release)?))) {
                return Err(gone(release, &reason, published().next()));
            }
            named.or_else(|| all.iter().filter(out).find(fits))
        }
    };
    found.cloned().ok_or_else(|| {
        let versions: Vec<String> = published().map(|r| r.parse().spec_text("version").to_owned()).collect();
        let mend = match versions.is_empty() {
            true => format!("{offering} has no published release yet. Ask its owner."),
            false => format!("Choose one of: {}.", versions.join(", ")),
        };
        let message = format!("There is no release {} of {offering}", wish.unwrap_or("to order"));
        Error::invalid("order.release", "release", message, mend)
    })
}

/// The versions that a channel of an offering stands for, and whether somebody follows it.
fn channel(graph: &Graph, offering: &str, name: &str) -> Option<(String, bool)> {
    let spec: OfferingSpec = graph.get(&Ref::new("offering", "default", offering))?.spec().ok()?;
    Some((spec.channels.get(name)?.clone(), spec.followers.contains_key(name)))
}

/// The channel of an offering that a team follows.
pub(crate) fn followed(graph: &Graph, offering: &str, team: &Ref) -> Option<String> {
    let spec: OfferingSpec = graph.get(&Ref::new("offering", "default", offering))?.spec().ok()?;
    spec.followed_by(team).map(str::to_owned)
}

/// The version that the channel means that the team of something follows; none for who follows none.
pub(crate) fn preview(graph: &Graph, audience: &Audience, instance: &InstanceSpec) -> Option<ReleaseSpec> {
    let channel = followed(graph, &instance.offering, &instance.team_ref()?)?;
    release_for(graph, audience, &instance.offering, Some(&channel)).ok()?.spec().ok()
}

/// Nobody gets what was withdrawn.
fn gone(release: &Record, reason: &str, newest: Option<&Arc<Record>>) -> Error {
    let message = format!("{} was withdrawn: {}", release.reference.name(), reason.trim_end_matches('.'));
    let mend = match newest {
        Some(newest) => format!("Take {} instead.", newest.parse().spec_text("version")),
        None => "There is no other version yet. Ask its owner.".to_owned(),
    };
    Error::invalid("order.release", "release", message, mend)
}

/// The backend of an environment for a driver: the one of that name, else the only one with that driver.
pub fn backend<'a>(environment: &'a EnvironmentSpec, driver: &str) -> Option<(&'a str, &'a Backend)> {
    environment.backend(driver)
}

/// What happens when something that runs of an offering is no longer as it was made.
pub fn drift(graph: &Graph, offering: &str) -> Drift {
    let offering = graph.get(&Ref::new("offering", "default", offering));
    offering.and_then(|offering| offering.spec::<OfferingSpec>().ok()?.drift).unwrap_or_default()
}

/// Everything that is offered, in order of names.
pub fn offerings(graph: &Graph, audience: &Audience) -> Vec<Arc<Record>> {
    let query = Query { predicate: Predicate::equals("kind", "offering"), ..Query::default() };
    graph.query(audience, &query).records
}

/// The plan as it is today, frozen for the life of the instance.
///
/// # Errors
/// A problem at `plan` that names what there is.
pub(crate) fn frozen_plan(spec: &OfferingSpec, wish: Option<&str>) -> Result<Option<FrozenPlan>> {
    let chosen = match wish {
        Some(name) => spec.plans.iter().find(|plan| plan.name == name),
        None => spec.plans.iter().find(|plan| plan.default).or_else(|| spec.plans.first()),
    };
    match (chosen, wish) {
        (Some(plan), _) => {
            Ok(Some(FrozenPlan { name: plan.name.clone(), limits: plan.limits.clone(), price: plan.price.clone() }))
        }
        (None, None) => Ok(None),
        (None, Some(name)) => {
            let mend = suggestion::hint(name, spec.plans.iter().map(|plan| plan.name.clone()).collect());
            Err(Error::Invalid(vec![Problem::new("order.plan", "plan", format!("There is no plan {name:?}"), mend)]))
        }
    }
}
