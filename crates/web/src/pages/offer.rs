//! What an offering says, gathered once for the shop, the page of the offering and the form.

use super::visit::Visit;
use super::{files, words};
use crate::design::{Fact, OfferingCard};
use loggia_app::instance::availability::Availability;
use loggia_app::release::from_template;
use loggia_app::release::offering::release_for;
use loggia_graph::Predicate;
use loggia_model::kinds::offering::OfferingSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::{Record, Scope, yaml};
use std::sync::Arc;

/// An offering with what is known about it now.
pub struct Offer {
    /// Its record.
    pub record: Arc<Record>,
    /// What it promises.
    pub spec: OfferingSpec,
    /// Its title.
    pub title: String,
    /// The release that one gets; none when it cannot be got.
    pub release: Option<(Arc<Record>, ReleaseSpec)>,
    /// Where it can be got, or why not.
    pub places: Vec<Availability>,
    /// How many teams run it; none for who is not of the company, and does not see what runs.
    pub teams: Option<usize>,
    /// Whether where it can be got is nothing that the caller may see.
    pub elsewhere: bool,
}

impl Offer {
    /// Reads an offering; none for a text that does not fit the type.
    pub fn read(visit: &Visit, record: &Arc<Record>) -> Option<Offer> {
        let spec: OfferingSpec = record.spec().ok()?;
        let name = record.reference.name();
        let release = release_for(&visit.graph, visit.audience(), name, None).ok();
        let places = visit.app().availability(&visit.caller, name).unwrap_or_default();
        let inside = visit.audience().admits(&[Scope::Company]);
        Some(Offer {
            title: record.parse().title().to_owned(),
            release: release.and_then(|record| Some((record.clone(), record.spec().ok()?))),
            elsewhere: places.is_empty() && !inside,
            places,
            teams: inside.then(|| teams(visit, name)),
            record: record.clone(),
            spec,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.record.reference.name()
    }

    /// Its page.
    pub fn href(&self) -> String {
        href(self.name())
    }

    /// Whether it is offered nowhere any more.
    pub fn is_past(&self) -> bool {
        self.places.is_empty() && !self.elsewhere
    }

    /// The version that one gets; empty when there is none.
    pub fn version(&self) -> &str {
        self.release.as_ref().map_or("", |(_, spec)| spec.version.as_str())
    }

    /// Whether it can be got somewhere now.
    pub fn can_be_got(&self) -> bool {
        self.release.is_some() && self.places.iter().any(|place| place.why_not.is_empty())
    }

    /// Why it cannot be got; empty when it can.
    pub fn why_not(&self) -> String {
        if self.can_be_got() {
            return String::new();
        }
        if self.elsewhere {
            return "You cannot get it yourself with your account. Ask whoever invited you.".to_owned();
        }
        match (&self.release, self.places.first()) {
            (None, _) => "It has no version to get now.".to_owned(),
            (_, None) => "It is not offered in any environment any more.".to_owned(),
            (_, Some(place)) => format!("Not here and now: {}", place.why_not),
        }
    }

    /// The shape of its badge, and its words.
    pub fn badge(&self) -> (&'static str, &'static str) {
        if self.release.is_some() && self.is_past() {
            return ("off", "no longer offered");
        }
        if self.release.is_none() {
            return ("off", "no version to get");
        }
        words::stage(self.spec.stage)
    }

    /// As the shop shows it.
    pub fn card(&self) -> OfferingCard {
        let (state, stability) = self.badge();
        let support = self.spec.support.as_deref().map(words::spaced).unwrap_or_default();
        let mut facts = vec![Fact::new("Price", words::price_from(&self.spec))];
        if !support.is_empty() {
            facts.push(Fact::new("Support", support));
        }
        facts.extend(self.teams.map(|teams| Fact::new("Used by", words::count(teams, "team"))));
        OfferingCard {
            href: self.href(),
            title: self.title.clone(),
            logo: files::logo(&self.record),
            category: words::spaced(&self.spec.category),
            version: self.version().to_owned(),
            promise: self.spec.promise.clone(),
            state,
            stability: stability.to_owned(),
            facts,
            unavailable: self.why_not(),
        }
    }
}

/// The page of an offering.
pub fn href(name: &str) -> String {
    format!("/get/{name}")
}

/// Everything that is offered, in order of titles.
pub fn all(visit: &Visit) -> Vec<Offer> {
    let records = loggia_app::release::offering::offerings(&visit.graph, visit.audience());
    let mut offers: Vec<Offer> = records.iter().filter_map(|record| Offer::read(visit, record)).collect();
    offers.sort_by_cached_key(|offer| offer.title.to_lowercase());
    offers
}

/// How many teams run an offering: counted from what runs. A name that is only reported is no team.
fn teams(visit: &Visit, offering: &str) -> usize {
    let runs = Predicate::equals("kind", "instance").and(Predicate::equals("spec.offering", offering));
    visit
        .graph
        .facets(visit.audience(), &runs, &["spec.team".to_owned()])
        .first()
        .map_or(0, |teams| teams.iter().filter(|(team, _)| visit.graph.get_text(team).is_some()).count())
}

/// The file that offers a template, and its text; nothing for what is no template, or offered already.
pub fn of_template(visit: &Visit, record: &Record) -> (String, String) {
    let template = record.reference.kind() == "template";
    let found = template.then(|| from_template::documents(&visit.graph, visit.audience(), record)).flatten();
    let (at, documents) = found.unwrap_or_default();
    (at, documents.iter().map(yaml::write).collect::<Vec<_>>().join("---\n"))
}
