//! The versions of one offering beside each other: which one comes before another, and whether numbers tell the truth.

use crate::record::prepare::Prepared;
use crate::release::offering::{publication, releases};
use crate::release::publication::Publishing;
use loggia_graph::{Audience, Graph};
use loggia_model::contract::{idle_migration, lie};
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::version::{Version, Versioning};
use loggia_model::{Document, Problem, Publication, Record, Ref};
use std::collections::HashMap;
use std::sync::Arc;

/// The versions of an offering that are out, or come out in the same command.
pub(crate) struct OfferingVersions<'a> {
    /// With their numbers, lowest first.
    places: Vec<(Version, Place<'a>)>,
}

/// One version: as it is known, as it is written now, or both.
#[derive(Default)]
struct Place<'a> {
    known: Option<Arc<Record>>,
    written: Option<&'a Prepared>,
}

impl Place<'_> {
    /// Whether people may have it.
    fn is_out(&self) -> bool {
        match self.known.as_deref().map(publication) {
            Some(Publication::Published) => true,
            Some(Publication::Yanked) => false,
            _ => self.written.is_some_and(|text| Publication::wanted(&text.document()) == Publication::Published),
        }
    }

    fn spec(&self) -> Option<ReleaseSpec> {
        match (&self.known, self.written) {
            (Some(record), _) if publication(record).is_settled() => record.spec().ok(),
            (_, Some(text)) => spec(&text.document()),
            (known, None) => known.as_ref()?.spec().ok(),
        }
    }
}

fn spec(document: &Document) -> Option<ReleaseSpec> {
    serde_json::from_value(document.spec()?.clone()).ok()
}

impl<'a> OfferingVersions<'a> {
    /// What stands beside a release that is to be published.
    pub(crate) fn of(publishing: &Publishing<'a>, release: &Document) -> OfferingVersions<'a> {
        let known = releases(publishing.graph, &Audience::All, release.spec_text("offering"));
        OfferingVersions::new(known, publishing.beside, (release.spec_text("offering"), Some(&release.reference())))
    }

    /// What somebody sees of an offering.
    pub(crate) fn seen(graph: &Graph, audience: &Audience, offering: &str) -> OfferingVersions<'static> {
        OfferingVersions::new(releases(graph, audience, offering), &[], (offering, None))
    }

    /// What stands beside a release in files.
    pub(crate) fn of_files(files: &'a [Prepared], release: &Document) -> OfferingVersions<'a> {
        OfferingVersions::new(Vec::new(), files, (release.spec_text("offering"), Some(&release.reference())))
    }

    /// Texts are not read here: a release is named by offering and version.
    fn new(
        known: Vec<Arc<Record>>,
        files: &'a [Prepared],
        (offering, own): (&str, Option<&Ref>),
    ) -> OfferingVersions<'a> {
        let prefix = format!("{offering}-");
        let mut places: HashMap<String, Place<'a>> = HashMap::new();
        for record in known.into_iter().filter(|record| Some(&record.reference) != own) {
            let version = record.reference.name().strip_prefix(&prefix).map(str::to_owned);
            if let Some(version) = version {
                places.entry(version).or_default().known = Some(record);
            }
        }
        for text in files.iter().filter(|text| text.kind == "Release" && Some(&text.reference) != own) {
            if let Some(version) = text.reference.name().strip_prefix(&prefix) {
                places.entry(version.to_owned()).or_default().written = Some(text);
            }
        }
        let numbered = |(text, place): (String, Place<'a>)| Version::parse(&text).map(|version| (version, place));
        let mut places: Vec<_> = places.into_iter().filter_map(numbered).collect();
        places.sort_by(|(one, _), (other, _)| one.cmp(other));
        OfferingVersions { places }
    }

    /// The version that another one follows: the highest plain one below it that is out. Nobody relies on a
    /// pre-release, nor on what was withdrawn.
    pub(crate) fn before(&self, version: &Version) -> Option<ReleaseSpec> {
        let below = self.places.iter().rev().filter(|(one, _)| one < version && !one.is_pre_release());
        below.map(|(_, place)| place).find(|place| place.is_out()).and_then(Place::spec)
    }

    /// What is out above a version, up to another one with it: lowest first.
    pub(crate) fn between(&self, above: &Version, upto: Option<&Version>) -> Vec<(&Version, ReleaseSpec)> {
        let inside = self.places.iter().filter(|(one, _)| one > above && upto.is_none_or(|upto| one <= upto));
        let out = inside.filter(|(_, place)| place.is_out());
        out.filter_map(|(version, place)| Some((version, place.spec()?))).collect()
    }

    /// Everything that is out, lowest first.
    pub(crate) fn out(&self) -> Vec<ReleaseSpec> {
        self.places.iter().filter(|(_, place)| place.is_out()).filter_map(|(_, place)| place.spec()).collect()
    }

    /// The version that already followed it when it came: its number has to stay true too.
    fn after(&self, version: &Version) -> Option<ReleaseSpec> {
        let above = self.places.iter().filter(|(one, _)| one > version && !one.is_pre_release());
        let known = above.map(|(_, place)| place).filter(|place| place.known.is_some());
        known.into_iter().find(|place| place.is_out()).and_then(Place::spec)
    }

    /// The problem of a version whose number hides what it changes; none when the number is true.
    pub(crate) fn lie(&self, versioning: Versioning, release: &Document) -> Option<Problem> {
        let own = spec(release)?;
        let version = Version::parse(&own.version)?;
        let wrong = |before: ReleaseSpec| lie(versioning, &before, &own).or_else(|| idle_migration(&before, &own));
        if let Some(problem) = self.before(&version).and_then(wrong) {
            return Some(problem);
        }
        if version.is_pre_release() {
            return None;
        }
        let after = self.after(&version)?;
        let problem = lie(versioning, &own, &after)?;
        let message = format!("{} is out already and would follow it, but {}", after.version, problem.message);
        Some(Problem::new(
            "release.number",
            "spec.version",
            message,
            "Give it another number, or take the change back.",
        ))
    }
}
