//! Endings: what goes away, who is concerned, what is refused meanwhile, and whether it is really gone.
//!
//! Where an ending stands is worked out at each reading from its dates, from what was decided and from the time
//! ([`loggia_model::ending`]); a sweep tells the history about it, announces what is due, and looks for what is left.

mod decide;
pub mod effects;
mod evidence;
pub mod feed;
mod proposal;
mod running;
mod sweep;
mod text;
mod view;
mod words;

pub use decide::{Decide, Verb};
pub use evidence::{Left, LeftUse};
pub use proposal::{Offer, ProposalWish};
pub(crate) use sweep::{KEY, KIND, needs, next, sweep};
pub(crate) use text::{begin, change, holds};
pub use view::{Concerned, EndingLine, EndingView};
pub use words::{instead, subject_words, title_of};

use crate::error::{Error, Result};
use loggia_graph::{Audience, Graph};
use loggia_model::ending::Standing;
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::offering::{OfferingSpec, Stage};
use loggia_model::kinds::{EndingSpec, ProductSpec};
use loggia_model::{EndingRule, EndingState, EndingStatus, Micros, Record, Ref, RelationType};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An ending as it is kept.
#[derive(Clone, Debug)]
pub struct Found {
    /// The record.
    pub record: Arc<Record>,
    /// Its plan.
    pub spec: EndingSpec,
    /// What was decided about it.
    pub status: EndingStatus,
}

impl Found {
    /// Reads one; none for a text that does not fit the type.
    pub fn read(record: &Arc<Record>) -> Option<Found> {
        let spec = record.spec().ok()?;
        let status = record.typed_status().ok()?;
        Some(Found { record: Arc::clone(record), spec, status })
    }

    /// Where it stands at a time.
    pub fn state(&self, now: Micros) -> EndingState {
        self.status.state(&self.spec.dates, now)
    }

    /// What people see at a time.
    pub fn standing(&self, now: Micros) -> Standing {
        self.status.standing(&self.spec.dates, now)
    }

    /// Whether it is about an instance: its offering, the release that it runs, its plan, or an input that it uses.
    pub fn concerns(&self, spec: &InstanceSpec, status: &InstanceStatus) -> bool {
        let Some(subject) = self.spec.subject_ref() else { return false };
        match subject.kind() {
            "offering" if self.spec.feature.is_some() => {
                let feature = self.spec.feature.as_deref().unwrap_or_default();
                let set =
                    spec.inputs.get(feature).is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)));
                subject.name().eq_ignore_ascii_case(&spec.offering) && set
            }
            "offering" => {
                let plan = spec.plan.as_ref().map(|plan| plan.name.as_str());
                subject.name().eq_ignore_ascii_case(&spec.offering)
                    && (self.spec.plan.is_none() || self.spec.plan.as_deref() == plan)
            }
            "release" => running::runs(&subject, spec, status) == Some(true),
            _ => false,
        }
    }
}

/// Every ending that an audience may see, in order of names.
pub fn all(graph: &Graph, audience: &Audience) -> Vec<Found> {
    graph.of_kind(audience, "ending").filter_map(|record| Found::read(&record)).collect()
}

/// Whether anything goes away at all: what is cheap to ask before looking for what does.
pub fn any(graph: &Graph) -> bool {
    graph.has_relation(RelationType::ENDS)
}

/// The endings that people were told of, of exactly this subject, the first to be off first.
pub fn of_subject(graph: &Graph, subject: &Ref, now: Micros) -> Vec<Found> {
    let mut found: Vec<Found> = match graph.get(subject) {
        Some(_) => {
            graph.related(&Audience::All, subject, RelationType::ENDED_BY).iter().filter_map(Found::read).collect()
        }
        // What is gone from here too is related to nothing; its ending still names it.
        None => {
            let mut all = all(graph, &Audience::All);
            all.retain(|one| one.spec.subject_ref().as_ref() == Some(subject));
            all
        }
    };
    found.retain(|one| one.state(now).is_told());
    found.sort_by_key(|one| one.spec.dates.off);
    found
}

/// The endings that people were told of and that concern an instance, the first to be off first.
pub fn of_instance(graph: &Graph, spec: &InstanceSpec, status: &InstanceStatus, now: Micros) -> Vec<Found> {
    if !any(graph) {
        return Vec::new();
    }
    let mut found = of_subject(graph, &Ref::new("offering", "default", &spec.offering), now);
    if status.applied.is_empty() {
        // Which release it is may follow from its version alone.
        let releases = all(graph, &Audience::All).into_iter();
        let told = |one: &Found| {
            one.spec.subject_ref().is_some_and(|subject| subject.kind() == "release") && one.state(now).is_told()
        };
        found.extend(releases.filter(told));
    } else {
        found.extend(of_subject(graph, &Ref::new("release", "default", &status.applied), now));
    }
    found.retain(|one| one.concerns(spec, status));
    found.sort_by_key(|one| one.spec.dates.off);
    found
}

/// How settled an offering is, or that of a release.
pub(crate) fn stage(graph: &Graph, subject: &Ref) -> Option<Stage> {
    let name = loggia_model::kinds::ending::offering_of(subject)?;
    let record = graph.get(&Ref::new("offering", "default", &name))?;
    Some(record.spec::<OfferingSpec>().ok()?.stage)
}

/// The rule that an ending follows.
///
/// # Errors
/// A problem at `preset` that names what there is.
pub(crate) fn rule(graph: &Graph, spec: &EndingSpec) -> Result<EndingRule> {
    rule_named(graph, spec.offering(), &spec.preset, "spec.preset")
}

/// A rule of the product of an offering, or one that comes with the program.
fn rule_named(graph: &Graph, offering: Option<String>, preset: &str, field: &str) -> Result<EndingRule> {
    let own = own_rules(graph, offering);
    EndingRule::named(&own, preset).ok_or_else(|| {
        let known = own.keys().map(String::as_str).chain(loggia_model::ending::rule::PRESETS);
        let mend = format!("Choose one of: {}.", known.collect::<Vec<_>>().join(", "));
        Error::invalid("ending.preset", field, format!("There is no rule {preset:?}"), mend)
    })
}

/// The rules of the product of an offering, or of the only product.
fn own_rules(graph: &Graph, offering: Option<String>) -> BTreeMap<String, EndingRule> {
    let offering = offering.map(|name| Ref::new("offering", "default", &name));
    let offering = offering.and_then(|name| graph.get(&name)?.spec::<OfferingSpec>().ok());
    let named = offering.and_then(|spec| graph.get(&Ref::new("product", "default", &spec.product)).cloned());
    let product = named.or_else(|| graph.of_kind(&Audience::All, "product").next());
    product.and_then(|record| record.spec::<ProductSpec>().ok()).map(|spec| spec.ending_rules).unwrap_or_default()
}
