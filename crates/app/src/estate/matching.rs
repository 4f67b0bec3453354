//! Rules that say which offering an observed thing is.

use crate::estate::Observed;
use crate::instance::order::reference_of;
use crate::release::offering;
use loggia_graph::{Audience, Graph};
use loggia_model::kinds::offering::{MatchRule, OfferingSpec};
use loggia_model::version::Version;
use loggia_model::{Record, Ref};
use std::fmt;
use std::sync::Arc;

/// What an observed thing was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Name of the offering.
    pub offering: String,
    /// Name of the release, when the version tells.
    pub release: Option<String>,
    /// The version, where a rule says which attribute tells it.
    pub version: Option<String>,
}

/// Why an observed thing matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// No rule names it.
    NoRule(String),
    /// Rules name it, but ask for other attributes or versions.
    OtherAttributes(String, Vec<String>),
    /// Several offerings claim it.
    Ambiguous(Vec<String>),
}

impl fmt::Display for Unmatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unmatched::NoRule(name) => write!(f, "No offering has a match rule for {name:?}."),
            Unmatched::OtherAttributes(name, offerings) => {
                write!(f, "{} has a rule for {name:?}, but its attributes or version do not fit.", offerings.join(", "))
            }
            Unmatched::Ambiguous(offerings) => write!(f, "Several offerings claim it: {}.", offerings.join(", ")),
        }
    }
}

/// The rules of every offering, by its name.
pub type Rules = Vec<(String, Vec<MatchRule>)>;

/// Collects the rules of everything that is offered, as far as the audience may see it: a report must not tell its sender
/// what is hidden from them.
pub fn rules(graph: &Graph, audience: &Audience) -> Rules {
    let offerings = graph.of_kind(audience, "offering");
    let rules = offerings.filter_map(|record| {
        let spec: OfferingSpec = record.spec().ok()?;
        Some((record.reference.name().to_owned(), spec.matches))
    });
    rules.collect()
}

/// The name that an observed thing has as an instance.
pub(crate) fn address(graph: &Graph, seen: &Observed, found: &Match, team: &Ref) -> Ref {
    reference_of(graph, team, seen.name.as_ref().unwrap_or(&found.offering), &seen.environment)
}

/// Finds what a report is about. Where nobody says what it is, what has its name already stays what it is, whatever rules
/// say of the name.
///
/// # Errors
/// Why nothing fits.
pub(crate) fn recognise(
    rules: &Rules,
    graph: &Graph,
    audience: &Audience,
    seen: &Observed,
    team: &Ref,
) -> Result<Match, Unmatched> {
    known(graph, audience, seen, team).map_or_else(|| match_offering(rules, graph, audience, seen), Ok)
}

/// What has the name of a report already, where the report does not say what it is.
fn known(graph: &Graph, audience: &Audience, seen: &Observed, team: &Ref) -> Option<Match> {
    let name = seen.name.as_ref().filter(|_| seen.assumed)?;
    let record = graph.get(&reference_of(graph, team, name, &seen.environment))?;
    let offering = graph.visible(audience, record).then(|| record.parse().spec_text("offering").to_owned())?;
    let release = release(graph, audience, &offering, &seen.version);
    Some(Match { offering, release, version: None })
}

/// Finds the offering, and the release when the version tells. A rule wins over the plain name, and the first name that
/// is known over the others.
///
/// # Errors
/// Why nothing fits.
pub fn match_offering(rules: &Rules, graph: &Graph, audience: &Audience, seen: &Observed) -> Result<Match, Unmatched> {
    let first = by_name(rules, graph, audience, seen);
    if !matches!(first, Err(Unmatched::NoRule(_))) {
        return first;
    }
    let under = |name: &String| Observed { offering: name.clone(), ..seen.clone() };
    let others = seen.also.iter().map(|name| by_name(rules, graph, audience, &under(name)));
    others.into_iter().find(|found| !matches!(found, Err(Unmatched::NoRule(_)))).unwrap_or(first)
}

/// Finds the offering by the name that a report gives.
fn by_name(rules: &Rules, graph: &Graph, audience: &Audience, seen: &Observed) -> Result<Match, Unmatched> {
    let release = |offering: &str, version: &str| release(graph, audience, offering, version);
    let mut near = Vec::new();
    let mut hits: Vec<(&String, &MatchRule)> = Vec::new();
    for (offering, rules) in rules {
        let named: Vec<&MatchRule> = rules.iter().filter(|rule| names(rule, seen)).collect();
        match named.iter().find(|rule| fits(rule, seen)) {
            Some(rule) => hits.push((offering, rule)),
            None if !named.is_empty() => near.push(offering.clone()),
            None => {}
        }
    }
    match hits.as_slice() {
        [] => {
            let plain = Ref::parse(&seen.offering, Some("offering"), "default").ok();
            let plain = plain.filter(|name| name.kind() == "offering").and_then(|name| graph.get(&name));
            let plain = plain.filter(|record| graph.visible(audience, record));
            match plain {
                Some(record) => {
                    let name = record.reference.name();
                    let release = release(name, &seen.version);
                    Ok(Match { offering: name.to_owned(), release, version: None })
                }
                None if near.is_empty() => Err(Unmatched::NoRule(seen.offering.clone())),
                None => Err(Unmatched::OtherAttributes(seen.offering.clone(), near)),
            }
        }
        [(offering, rule)] => {
            let version = rule.version_from.as_ref().map(|_| rule.version_of(&seen.version, &seen.attributes));
            let told = rule.release.as_deref().unwrap_or(version.as_deref().unwrap_or(&seen.version));
            let release = release(offering, told);
            Ok(Match { offering: (*offering).clone(), release, version })
        }
        many => Err(Unmatched::Ambiguous(many.iter().map(|(offering, _)| (*offering).clone()).collect())),
    }
}

/// Whether a rule is about what the reporter calls it, whatever the rest says.
fn names(rule: &MatchRule, seen: &Observed) -> bool {
    let only_name = MatchRule { offering: rule.offering.clone(), ..MatchRule::default() };
    match rule.offering {
        Some(_) => only_name.fits(&seen.offering, &seen.version, &seen.attributes),
        None => rule.attributes.keys().all(|key| seen.attributes.contains_key(key)),
    }
}

fn fits(rule: &MatchRule, seen: &Observed) -> bool {
    rule.fits(&seen.offering, &seen.version, &seen.attributes)
}

/// The release of an offering with a version: of the same text, else of the same number, as `1.0` is 1.0.0 and so is
/// `1.0.0-alpine`.
fn release(graph: &Graph, audience: &Audience, offering: &str, version: &str) -> Option<String> {
    if version.is_empty() {
        return None;
    }
    let all = offering::releases(graph, audience, offering);
    let same = |release: &&Arc<Record>| release.parse().spec_text("version") == version;
    let own = all.iter().find(same).or_else(|| {
        let seen = Version::parse(version)?;
        all.iter().find(|release| offering::version_of(release).is_some_and(|own| own == seen))
    });
    own.map(|release| release.reference.name().to_owned())
}
