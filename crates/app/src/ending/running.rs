//! Whether what runs is a release that goes away: by name where it is known which release it is, else by its version, however
//! that is written.

use crate::release::offering::releases;
use loggia_graph::{Audience, Graph};
use loggia_model::Ref;
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::ending::offering_of;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::version::Version;

/// Whether something runs a release; none when what is known of it does not tell.
pub(super) fn runs(release: &Ref, spec: &InstanceSpec, status: &InstanceStatus) -> Option<bool> {
    let offering = offering_of(release).unwrap_or_default();
    if !offering.is_empty() && !offering.eq_ignore_ascii_case(&spec.offering) {
        return Some(false);
    }
    if !status.applied.is_empty() {
        return Some(release.name().eq_ignore_ascii_case(&status.applied));
    }
    if status.version.is_empty() {
        return spec.target.as_ref().map(|target| release.name().eq_ignore_ascii_case(target));
    }
    let own = release.name().get(offering.len() + 1..).and_then(Version::parse);
    let same = own.zip(Version::parse(&status.version)).is_some_and(|(own, seen)| own == seen);
    same.then_some(true)
}

/// The versions of an offering that are surely not those of one of its releases: their own, and those of what they run.
pub(super) fn others(graph: &Graph, release: &Ref) -> Vec<Version> {
    let Some(offering) = offering_of(release) else { return Vec::new() };
    let all = releases(graph, &Audience::All, &offering);
    let others = all.iter().filter(|one| one.reference != *release);
    let texts = others.filter_map(|one| one.spec::<ReleaseSpec>().ok());
    let texts: Vec<String> =
        texts.flat_map(|spec| [Some(spec.version), spec.upstream.map(|one| one.version)]).flatten().collect();
    let upstream = graph.get(release).and_then(|one| one.spec::<ReleaseSpec>().ok()?.upstream);
    let upstream = upstream.and_then(|one| Version::parse(&one.version));
    // Two releases may run the same: then the version does not tell which one it is.
    texts.iter().filter_map(|text| Version::parse(text)).filter(|one| upstream.as_ref() != Some(one)).collect()
}
