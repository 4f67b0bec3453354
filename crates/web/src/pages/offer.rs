//! What an offering says, gathered once for the shop, the page of the offering and the form.

use super::visit::Visit;
use super::{files, words};
use crate::design::{Fact, OfferingCard};
use loggia_app::instance::availability::Availability;
use loggia_app::release::from_template;
use loggia_app::release::offered::{self, teams};
use loggia_app::release::offering::release_for;
use loggia_model::kinds::offering::{OfferingSpec, Plan};
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::{Record, Ref, Scope, yaml};
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
            teams: inside.then(|| teams(&visit.graph, visit.audience(), name)),
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
            note: self.note(),
            ..OfferingCard::default()
        }
    }

    /// What differs, where it can be got, from what the version promises: each difference with the places that have it.
    pub fn note(&self) -> String {
        let mut places: Vec<(&str, Vec<&str>)> = Vec::new();
        for place in self.places.iter().filter(|place| place.why_not.is_empty() && !place.note.is_empty()) {
            match places.iter_mut().find(|(note, _)| *note == place.note) {
                Some((_, titles)) => titles.push(&place.title),
                None => places.push((&place.note, vec![&place.title])),
            }
        }
        let all = self.places.iter().filter(|place| place.why_not.is_empty()).count();
        let one = |(note, titles): &(&str, Vec<&str>)| match titles.len() == all {
            true => (*note).to_owned(),
            false => format!("{}: {note}", titles.join(", ")),
        };
        places.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    /// As a search shows it: with who runs it, its plans, and the way to get it.
    pub fn whole_card(&self, visit: &Visit) -> OfferingCard {
        let mut card = self.card();
        if let Some((_, release)) = &self.release {
            card.facts.push(Fact::new("Newest version", &release.version));
        }
        card.facts.extend(self.owner(visit).map(|(_, title)| Fact::new("Run by", title)));
        let plan = |plan: &Plan| {
            let title = plan.title.clone().unwrap_or_else(|| words::capital(&plan.name));
            Fact::new(title, [words::limits(&plan.limits), words::price(plan.price.as_ref())].join(" · "))
        };
        card.plans = self.spec.plans.iter().map(plan).collect();
        if self.can_be_got() {
            card.get_href = format!("{}/new", self.href());
        }
        card
    }

    /// Who answers for it: the group and its title.
    pub fn owner(&self, visit: &Visit) -> Option<(Ref, String)> {
        let owner = offered::owner(&visit.graph, visit.audience(), &self.spec.owner)?;
        Some((owner.reference, owner.title))
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

/// The file that offers a template, and its text; nothing for what is no template, or offered already.
pub fn of_template(visit: &Visit, record: &Record) -> (String, String) {
    let template = record.reference.kind() == "template";
    let found = template.then(|| from_template::documents(&visit.graph, visit.audience(), record)).flatten();
    let (at, documents) = found.unwrap_or_default();
    (at, documents.iter().map(yaml::write).collect::<Vec<_>>().join("---\n"))
}
