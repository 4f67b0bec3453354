//! What is left of something that went away.

use super::{Found, subject_words};
use crate::command::{Facts, Need};
use loggia_graph::{Audience, Graph};
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::offering::OfferingSpec;
use loggia_model::usage::Use;
use loggia_model::{Micros, Ref, RelationType, time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is left of something that went away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Left {
    /// What still runs.
    pub instances: Vec<Ref>,
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
        let used = used.map(|one| format!("{} used it on {}.", one.who, loggia_model::Day::of(one.last)));
        let text = self.texts.first().map(|name| format!("{name} is still described."));
        let unknown = Some(self.unknown.clone()).filter(|text| !text.is_empty());
        runs.or(used).or(text).or(unknown)
    }
}

/// The use that has to be looked up to tell what is left.
pub(super) fn need(graph: &Graph, found: &Found) -> Option<Need> {
    let offering = found.spec.offering()?;
    let quiet = super::rule(graph, &found.spec).map_or(7, |rule| rule.quiet);
    let from = found.status.removed.as_ref().map_or(found.spec.dates.off.0 - i64::from(quiet), |deed| deed.at.day());
    Some(Need::Uses { offering, from_day: from })
}

/// What still runs of it.
pub(super) fn instances(graph: &Graph, found: &Found) -> Vec<(Ref, InstanceSpec)> {
    let Some(offering) = found.spec.offering() else { return Vec::new() };
    let all = graph.related(&Audience::All, &Ref::new("offering", "default", &offering), RelationType::HAS_INSTANCE);
    let one = |record: &std::sync::Arc<loggia_model::Record>| {
        let spec: InstanceSpec = record.spec().ok()?;
        let status: InstanceStatus = record.typed_status().ok()?;
        found.concerns(&spec, &status.applied).then(|| (record.reference.clone(), spec))
    };
    all.iter().filter_map(one).collect()
}

/// The use of it in some rows, after a time.
fn callers(found: &Found, uses: &[Use], since: Micros) -> Vec<LeftUse> {
    let subject = found.spec.subject_ref();
    let release = subject.as_ref().filter(|name| name.kind() == "release").map(Ref::name);
    // Which plan or feature somebody used is not told by a reading.
    let told = found.spec.plan.is_none() && found.spec.feature.is_none();
    let about = |row: &&Use| told && row.last_seen > since && release.is_none_or(|name| row.release == name);
    let one = |row: &Use| LeftUse {
        who: if row.team.is_empty() { row.principal.clone() } else { row.team.clone() },
        instance: row.instance.clone(),
        last: row.last_seen,
        worked: row.total().saturating_sub(row.errors),
        refused: row.errors,
    };
    uses.iter().filter(about).map(one).collect()
}

/// What is left of it.
pub(super) fn left(graph: &Graph, uses: &[Use], found: &Found) -> Left {
    let since = found.status.removed.as_ref().map_or(found.spec.dates.off.start(), |deed| deed.at);
    Left {
        instances: instances(graph, found).into_iter().map(|(name, _)| name).collect(),
        callers: callers(found, uses, since),
        texts: texts(graph, found),
        unknown: match (&found.spec.feature, &found.spec.rule) {
            (None, None) => String::new(),
            _ => format!("Nobody can see here whether {} is gone.", subject_words(&found.spec)),
        },
    }
}

/// The texts that still describe it.
fn texts(graph: &Graph, found: &Found) -> Vec<Ref> {
    let Some(subject) = found.spec.subject_ref() else { return Vec::new() };
    let described = graph.get(&subject).map(|record| record.reference.clone());
    match &found.spec.plan {
        Some(plan) => {
            let spec = graph.get(&subject).and_then(|record| record.spec::<OfferingSpec>().ok());
            let offered = spec.is_some_and(|spec| spec.plans.iter().any(|one| one.name == *plan));
            described.filter(|_| offered).into_iter().collect()
        }
        None => {
            let releases = graph.related(&Audience::All, &subject, RelationType::HAS_RELEASE);
            described.into_iter().chain(releases.iter().map(|record| record.reference.clone())).collect()
        }
    }
}

/// Who still uses it and may not, by name: what runs and is not exempt, and readings since a time.
pub(super) fn in_use(graph: &Graph, facts: &Facts, found: &Found, since: Micros, now: Micros) -> Vec<String> {
    let runs = instances(graph, found).into_iter().filter(|(name, spec)| {
        let team = spec.team_ref().map_or_else(|| spec.team.clone(), |team| team.to_string());
        !found.status.exempts(&team, Some(name.as_str()), now)
    });
    let mut all: Vec<String> = runs.map(|(name, _)| name.to_string()).collect();
    let rows = found.spec.offering().and_then(|offering| facts.uses.get(&offering));
    let used = callers(found, rows.map_or(&[], Vec::as_slice), since).into_iter();
    let used = used.filter(|one| one.worked > 0 && !found.status.exempts(&one.who, Some(&one.instance), now));
    all.extend(used.map(|one| one.who));
    all.sort_unstable();
    all.dedup();
    all
}

/// The use that was written down of something since a day, as a fact of a command.
pub(super) fn uses<'a>(facts: &'a Facts, found: &Found) -> &'a [Use] {
    found.spec.offering().and_then(|offering| facts.uses.get(&offering)).map_or(&[], Vec::as_slice)
}

/// Days in which a reading may still arrive late: a proof waits for them.
pub(super) const LATE: i64 = time::DAY;
