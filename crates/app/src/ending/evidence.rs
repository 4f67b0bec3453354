//! What is left of something that went away.

use super::Found;
use crate::command::{Facts, Need};
use crate::release::offering::{publication, releases};
use loggia_graph::{Audience, Graph};
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::ProductSpec;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::offering::OfferingSpec;
use loggia_model::usage::Use;
use loggia_model::version::Version;
use loggia_model::{Micros, Publication, Record, Ref, RelationType, time};
use loggia_store::FeatureUse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is left of something that went away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Left {
    /// What still runs.
    pub instances: Vec<Ref>,
    /// What runs and may be it: nobody knows its version, or no release has it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub untold: Vec<Ref>,
    /// Who used it since it was taken away, or tried to.
    pub callers: Vec<LeftUse>,
    /// Texts by which it could still be made, and with them their documentation.
    pub texts: Vec<Ref>,
    /// What cannot be told here; empty when everything can.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub unknown: String,
}

/// Somebody who used it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeftUse {
    /// The team, or the program where no team is known.
    pub who: String,
    /// The instance; empty when not known.
    pub instance: String,
    /// When last.
    pub last: Micros,
    /// How often it worked.
    pub worked: i64,
    /// How often it was refused.
    pub refused: i64,
}

impl Left {
    /// The first thing that is left, in words; none when nothing is.
    pub fn first(&self) -> Option<String> {
        let runs = self.instances.first().map(|name| format!("{name} still runs."));
        let used = self.callers.iter().find(|one| one.worked > 0);
        let used = used.map(|one| format!("{} used it on {}.", one.who, loggia_model::Day::of(one.last).words()));
        let text = self.texts.first().map(|name| format!("{name} is still described."));
        let unknown = Some(self.unknown.clone()).filter(|text| !text.is_empty());
        let untold = self
            .untold
            .first()
            .map(|name| format!("Nobody can tell whether {name} runs it, by the version that it has."));
        runs.or(used).or(text).or(untold).or(unknown)
    }
}

/// What was written down of use, as far as it tells what is left.
#[derive(Clone, Copy, Default)]
pub(super) struct Readings<'a> {
    /// Of the offering.
    pub(super) all: &'a [Use],
    /// Of features of the offering.
    pub(super) features: &'a [FeatureUse],
}

impl<'a> Readings<'a> {
    /// From the facts of a command.
    pub(super) fn of(facts: &'a Facts, found: &Found) -> Readings<'a> {
        let Some(offering) = found.spec.offering() else { return Readings::default() };
        let all = facts.uses.get(&offering).map_or(&[][..], Vec::as_slice);
        Readings { all, features: facts.features.get(&offering).map_or(&[], Vec::as_slice) }
    }

    /// The rows that are about what an ending is about. Which plan somebody used is not told by a reading.
    fn about(self, found: &Found) -> Vec<&'a Use> {
        let subject = found.spec.subject_ref();
        let release = subject.as_ref().filter(|name| name.kind() == "release").map(|name| name.name().to_owned());
        match (&found.spec.plan, &found.spec.feature) {
            (Some(_), _) => Vec::new(),
            (None, Some(feature)) => {
                self.features.iter().filter(|row| row.feature == *feature).map(|row| &row.one).collect()
            }
            (None, None) => {
                self.all.iter().filter(|row| release.as_ref().is_none_or(|name| row.release == *name)).collect()
            }
        }
    }
}

/// The use that has to be looked up to tell what is left.
pub(super) fn need(graph: &Graph, found: &Found) -> Option<Need> {
    let offering = found.spec.offering()?;
    let quiet = super::rule(graph, &found.spec).map_or(7, |rule| rule.quiet);
    let off = found.spec.dates.off.0 - i64::from(quiet);
    if found.spec.feature.is_some() {
        // Whether features are told at all is seen in the time before, too.
        return Some(Need::Features { offering, from_day: off });
    }
    let from_day = found.status.removed.as_ref().map_or(off, |deed| deed.at.day());
    Some(Need::Uses { offering, from_day })
}

/// What still runs of it.
pub(super) fn instances(graph: &Graph, found: &Found) -> Vec<(Ref, InstanceSpec)> {
    let concerned = all(graph, found).into_iter().filter(|(_, spec, status)| found.concerns(spec, status));
    concerned.map(|(name, spec, _)| (name, spec)).collect()
}

/// What runs of the offering that it is about, or to whose versions it belongs.
fn all(graph: &Graph, found: &Found) -> Vec<(Ref, InstanceSpec, InstanceStatus)> {
    let Some(offering) = found.spec.offering() else { return Vec::new() };
    let all = graph.related(&Audience::All, &Ref::new("offering", "default", &offering), RelationType::HAS_INSTANCE);
    let one = |record: &Arc<Record>| Some((record.reference.clone(), record.spec().ok()?, record.typed_status().ok()?));
    all.iter().filter_map(one).collect()
}

/// What runs and may be the release that it is about: what is known of it does not tell.
fn untold(graph: &Graph, found: &Found) -> Vec<Ref> {
    let Some(release) = found.spec.subject_ref().filter(|subject| subject.kind() == "release") else {
        return Vec::new();
    };
    let others = super::running::others(graph, &release);
    let other = |status: &InstanceStatus| Version::parse(&status.version).is_some_and(|seen| others.contains(&seen));
    let maybe = all(graph, found)
        .into_iter()
        .filter(|(_, spec, status)| super::running::runs(&release, spec, status).is_none() && !other(status));
    maybe.map(|(name, ..)| name).collect()
}

/// The use of it in some rows, after a time.
fn callers(found: &Found, readings: Readings<'_>, since: Micros) -> Vec<LeftUse> {
    let one = |row: &Use| LeftUse {
        who: if row.team.is_empty() { row.principal.clone() } else { row.team.clone() },
        instance: row.instance.clone(),
        last: row.last_seen,
        worked: row.total().saturating_sub(row.errors),
        refused: row.errors,
    };
    readings.about(found).into_iter().filter(|row| row.last_seen > since).map(one).collect()
}

/// What is left of it.
pub(super) fn left(graph: &Graph, readings: Readings<'_>, found: &Found) -> Left {
    let since = found.status.removed.as_ref().map_or(found.spec.dates.off.start(), |deed| deed.at);
    Left {
        instances: instances(graph, found).into_iter().map(|(name, _)| name).collect(),
        untold: untold(graph, found),
        callers: callers(found, readings, since),
        texts: texts(graph, found),
        unknown: unknown(graph, readings, found),
    }
}

/// Why nobody can tell whether it is gone; empty when that can be told.
fn unknown(graph: &Graph, readings: Readings<'_>, found: &Found) -> String {
    let Some(feature) = &found.spec.feature else { return String::new() };
    let offering = found.spec.offering().unwrap_or_default();
    let known = releases(graph, &Audience::All, &offering).iter().any(|release| takes(release, feature));
    if known || !readings.features.is_empty() {
        return String::new();
    }
    format!(
        "No version of {offering} has an input {feature}, and nobody reports the use of its features, so nobody can tell."
    )
}

/// Whether a version has an input of a name.
fn takes(release: &Record, input: &str) -> bool {
    release.parse().0.pointer("/spec/contract/inputs/properties").is_some_and(|inputs| inputs.get(input).is_some())
}

/// The texts that still describe it.
fn texts(graph: &Graph, found: &Found) -> Vec<Ref> {
    let Some(subject) = found.spec.subject_ref() else { return Vec::new() };
    let described = graph.get(&subject).map(|record| record.reference.clone());
    if let Some(plan) = &found.spec.plan {
        let spec = graph.get(&subject).and_then(|record| record.spec::<OfferingSpec>().ok());
        let offered = spec.is_some_and(|spec| spec.plans.iter().any(|one| one.name == *plan));
        return described.filter(|_| offered).into_iter().collect();
    }
    if let Some(feature) = &found.spec.feature {
        let all = releases(graph, &Audience::All, subject.name());
        let out = all.iter().filter(|one| publication(one) != Publication::Yanked && takes(one, feature));
        return out.map(|record| record.reference.clone()).collect();
    }
    if let Some(rule) = &found.spec.rule {
        return following(graph, &subject, rule);
    }
    let releases = graph.related(&Audience::All, &subject, RelationType::HAS_RELEASE);
    described.into_iter().chain(releases.iter().map(|record| record.reference.clone())).collect()
}

/// What still says or follows a rule of a product: the product itself, offerings that are mandatory by it, and endings by
/// its notice that are not over.
fn following(graph: &Graph, product: &Ref, rule: &str) -> Vec<Ref> {
    let says = graph
        .get(product)
        .filter(|record| record.spec::<ProductSpec>().is_ok_and(|spec| spec.ending_rules.contains_key(rule)));
    let offerings = graph.of_kind(&Audience::All, "offering").filter(|record| {
        let spec: Option<OfferingSpec> = record.spec().ok();
        spec.is_some_and(|spec| {
            spec.product == product.name() && spec.mandatory.is_some_and(|duty| duty.rule.trim() == rule)
        })
    });
    let open = |found: &Found| found.status.proved.is_none() && found.status.cancelled.is_none();
    let endings = super::all(graph, &Audience::All).into_iter().filter(|one| one.spec.preset == rule && open(one));
    let mut all: Vec<Ref> = says.map(|record| record.reference.clone()).into_iter().collect();
    all.extend(offerings.map(|record| record.reference.clone()));
    all.extend(endings.map(|one| one.record.reference.clone()));
    all
}

/// Who still uses it and may not, by name: what runs and is not exempt, and readings since a time.
pub(super) fn in_use(graph: &Graph, facts: &Facts, found: &Found, since: Micros, now: Micros) -> Vec<String> {
    let runs = instances(graph, found).into_iter().filter(|(name, spec)| {
        let team = spec.team_ref().map_or_else(|| spec.team.clone(), |team| team.to_string());
        !found.status.exempts(&team, Some(name.as_str()), now)
    });
    let mut all: Vec<String> = runs.map(|(name, _)| name.to_string()).collect();
    let used = callers(found, Readings::of(facts, found), since).into_iter();
    let used = used.filter(|one| one.worked > 0 && !found.status.exempts(&one.who, Some(&one.instance), now));
    all.extend(used.map(|one| one.who));
    all.sort_unstable();
    all.dedup();
    all
}

/// Days in which a reading may still arrive late: a proof waits for them.
pub(super) const LATE: i64 = time::DAY;
