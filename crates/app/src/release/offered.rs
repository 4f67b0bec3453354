//! What people want to know of an offering before they get it, put together from all that is known: the same on the shop's
//! cards, in what a search finds, and in the API.

use crate::App;
use crate::access::caller::Caller;
use crate::error::{Error, Result};
use crate::instance::availability::Availability;
use crate::record::visible;
use crate::release::offering::{offerings, release_for};
use loggia_graph::{Audience, Graph, Predicate};
use loggia_model::kinds::offering::{OfferingSpec, Plan, Stage};
use loggia_model::kinds::release::{ReleaseSpec, Upstream};
use loggia_model::{Record, Ref, Scope};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// An offering as people look at it before they get it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Offered {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What its users can rely on.
    pub promise: String,
    /// The shelf.
    pub category: String,
    /// How settled it is.
    pub stage: Stage,
    /// Who answers for it.
    pub owner: Option<Owner>,
    /// The support tier, in the words of the product.
    pub support: Option<String>,
    /// Sizes and prices to choose from.
    pub plans: Vec<Plan>,
    /// The newest version that one gets; none when there is none.
    pub version: Option<String>,
    /// What the newest version brings, as endoflife.date has it.
    pub upstream: Option<Upstream>,
    /// How many teams run it (measured); none for who does not see what runs.
    pub teams: Option<usize>,
    /// Where it can be got, or why not.
    pub places: Vec<Availability>,
    /// Whether it can be got somewhere now.
    pub can_be_got: bool,
}

/// Who answers for an offering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Owner {
    /// The group.
    #[serde(rename = "ref")]
    pub reference: Ref,
    /// Its title.
    pub title: String,
}

impl App {
    /// Everything that is offered, in order of titles.
    pub fn offers(&self, caller: &Caller) -> Vec<Offered> {
        let graph = self.graph();
        let all = offerings(&graph, &caller.audience);
        let mut all: Vec<Offered> = all.iter().filter_map(|record| self.offered(&graph, caller, record)).collect();
        all.sort_by_cached_key(|offered| offered.title.to_lowercase());
        all
    }

    /// One offering by its name.
    ///
    /// # Errors
    /// [`Error::NotFound`] for one that is not there or may not be seen.
    pub fn offer(&self, caller: &Caller, name: &str) -> Result<Offered> {
        let graph = self.graph();
        let missing = || Error::NotFound(format!("There is no offering {name:?}."));
        let record =
            visible(&graph, &caller.audience, &Ref::new("offering", "default", name)).map_err(|_| missing())?;
        self.offered(&graph, caller, &record).ok_or_else(missing)
    }

    /// An offering with what is known of it now; none for anything else, or a text that does not fit.
    pub fn offered(&self, graph: &Graph, caller: &Caller, record: &Arc<Record>) -> Option<Offered> {
        let audience = &caller.audience;
        let spec: OfferingSpec = Some(record).filter(|record| record.reference.kind() == "offering")?.spec().ok()?;
        let name = record.reference.name();
        let release = release_for(graph, audience, name, None).ok().and_then(|r| r.spec::<ReleaseSpec>().ok());
        let places = self.availability(caller, name).unwrap_or_default();
        Some(Offered {
            name: name.to_owned(),
            title: record.parse().title().to_owned(),
            promise: spec.promise,
            category: spec.category,
            stage: spec.stage,
            owner: owner(graph, audience, &spec.owner),
            support: spec.support,
            plans: spec.plans,
            can_be_got: release.is_some() && places.iter().any(|place| place.why_not.is_empty()),
            upstream: release.as_ref().and_then(|release| release.upstream.clone()),
            version: release.map(|release| release.version),
            teams: audience.admits(&[Scope::Company]).then(|| teams(graph, audience, name)),
            places,
        })
    }
}

/// Who sees the offering reads its owner's name in its text, and no more of that group than it may see.
pub fn owner(graph: &Graph, audience: &Audience, text: &str) -> Option<Owner> {
    let reference = Ref::parse(text, Some("group"), "default").ok()?;
    let record = visible(graph, audience, &reference).ok();
    let title = record.map_or_else(|| reference.name().to_owned(), |record| record.parse().title().to_owned());
    Some(Owner { reference, title })
}

/// How many teams run an offering: counted from what runs. A name that is only reported is no team.
pub fn teams(graph: &Graph, audience: &Audience, offering: &str) -> usize {
    let runs = Predicate::equals("kind", "instance").and(Predicate::equals("spec.offering", offering));
    let found = graph.facets(audience, &runs, &["spec.team".to_owned()]);
    found.first().map_or(0, |teams| teams.iter().filter(|(team, _)| graph.get_text(team).is_some()).count())
}
