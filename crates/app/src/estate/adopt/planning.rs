//! Plans what adopting means: a pure function of what was found, of the rules, and of what is known here.

use super::held::{Held, IDENTITY};
use super::place::{Known, Spot, with_digest};
use super::proposal;
use super::{AdoptInput, Adoption, Found, Matched, NotMatched, Proposed, Sort};
use crate::estate::Observed;
use crate::estate::matching::{self, Match, Rules, Unmatched, match_offering};
use loggia_graph::{Audience, Graph};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How often something must be there to be proposed.
const AT_LEAST: usize = 2;

/// What adopting means, with the reports that do it.
pub struct Plan {
    /// What it means.
    pub adoption: Adoption,
    /// The reports, in order of addresses.
    pub(crate) reports: Vec<Observed>,
}

/// One thing, with what is known of it.
struct Thing<'a> {
    found: &'a Found,
    spot: Result<Spot, String>,
    is: Result<Match, Unmatched>,
}

/// Plans. The order of what was found does not matter, and what was found twice counts once.
pub fn plan(graph: &Graph, audience: &Audience, input: &AdoptInput) -> Plan {
    let rules = matching::rules(graph, audience);
    let things = things(graph, audience, &rules, input);
    let mut adoption = Adoption::default();
    let mut reports = Vec::new();
    let mut groups: BTreeMap<(Sort, &str), Vec<&Thing<'_>>> = BTreeMap::new();
    for thing in &things {
        let Found { source, time, .. } = thing.found;
        if let Some(time) = time {
            adoption.sources.entry(source.clone()).and_modify(|known| *known = (*known).min(*time)).or_insert(*time);
        }
        *adoption.found.entry(thing.found.sort.words().1.to_owned()).or_default() += 1;
        let recognised = thing.is.is_ok() || thing.found.sort.is_offered();
        if let (Ok(spot), true) = (&thing.spot, recognised) {
            reports.push(report(thing.found, spot));
        }
        match &thing.is {
            Ok(found) => recognise(thing, found, &mut adoption),
            Err(_) if !recognised => *adoption.aside.entry(thing.found.what.clone()).or_default() += 1,
            Err(Unmatched::NoRule(_)) => groups.entry((thing.found.sort, &thing.found.what)).or_default().push(thing),
            Err(why) => adoption.unmatched.push(left(thing, why.to_string())),
        }
    }
    let least = input.at_least.unwrap_or(AT_LEAST);
    let mut taken: BTreeSet<String> = rules.into_iter().map(|(name, _)| name).collect();
    for ((sort, what), group) in groups {
        if group.len() >= least {
            adoption.proposed.push(propose(sort, what, &group, &mut taken));
        } else {
            adoption.unmatched.extend(group.iter().map(|thing| left(thing, rare(thing, group.len(), least))));
        }
    }
    adoption.proposed.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    adoption.unmatched.sort_by(|a, b| a.address.cmp(&b.address));
    Plan { adoption, reports }
}

fn things<'a>(graph: &Graph, audience: &Audience, rules: &Rules, input: &'a AdoptInput) -> Vec<Thing<'a>> {
    let (known, held) = (Known::of(graph, audience), Held::of(graph, audience));
    // Of two descriptions of the same thing the greater counts, whatever the order in which they came.
    let once: BTreeMap<&str, &Found> = input.things.iter().fold(BTreeMap::new(), |mut once, found| {
        once.entry(found.identity()).and_modify(|before| *before = found.max(before)).or_insert(found);
        once
    });
    let mut things: Vec<Thing<'_>> = Vec::with_capacity(once.len());
    for found in once.into_values() {
        let spot = known.spot(found, input);
        let nowhere = Spot { team: String::new(), environment: String::new(), name: String::new() };
        let seen = report(found, spot.as_ref().unwrap_or(&nowhere));
        things.push(Thing { found, spot, is: match_offering(rules, graph, audience, &seen) });
    }
    leave_parts(&mut things);
    name(&mut things, &held);
    things.sort_by(|a, b| a.found.address.cmp(&b.found.address));
    things
}

/// Leaves out what is a part of something else, unless it is something else by a rule.
fn leave_parts(things: &mut Vec<Thing<'_>>) {
    let offering = |thing: &Thing<'_>| thing.is.as_ref().ok().map(|is| is.offering.clone());
    let parts: BTreeSet<&str> = things.iter().filter_map(|thing| thing.found.within.as_deref()).collect();
    let wholes = things.iter().filter(|thing| parts.contains(thing.found.address.as_str()));
    let wholes: BTreeMap<String, Option<String>> =
        wholes.map(|thing| (thing.found.address.clone(), offering(thing))).collect();
    things.retain(|thing| match &thing.found.within {
        None => true,
        Some(whole) => thing.is.is_ok() && wholes.get(whole).is_none_or(|known| *known != offering(thing)),
    });
}

/// Gives each thing the name that it has here already. What is new has one of its own: where several want the same, or
/// another thing has it, with a digest of what it is known by.
fn name(things: &mut [Thing<'_>], held: &Held<'_>) {
    let mut wanted: BTreeMap<Spot, usize> = BTreeMap::new();
    let mut kept: Vec<Option<Spot>> = Vec::with_capacity(things.len());
    for thing in things.iter() {
        if let Ok(spot) = &thing.spot {
            *wanted.entry(spot.clone()).or_default() += 1;
        }
        kept.push(held.spot(thing.found, &thing.spot, thing.is.as_ref().ok()));
    }
    let mut taken: BTreeSet<Spot> = kept.iter().flatten().cloned().collect();
    for (thing, kept) in things.iter_mut().zip(kept) {
        if let Some(kept) = kept {
            thing.spot = Ok(kept);
            continue;
        }
        let (found, is) = (thing.found, thing.is.as_ref().ok());
        let Ok(spot) = &mut thing.spot else { continue };
        let plain = spot.name.clone();
        if wanted.get(spot).is_some_and(|times| *times > 1) || taken.contains(spot) || held.is_taken(found, spot, is) {
            spot.name = with_digest(&plain, found.identity(), &spot.environment);
        }
        if taken.contains(spot) || held.is_taken(found, spot, is) {
            spot.name = with_digest(&plain, &format!("{} {}", found.identity(), found.what), &spot.environment);
        }
        taken.insert(spot.clone());
    }
}

/// The report of a thing, as a pipeline would send it: seen when its description was written.
fn report(found: &Found, spot: &Spot) -> Observed {
    let mut attributes: serde_json::Map<String, Value> =
        found.attributes.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect();
    attributes.insert("address".to_owned(), found.address.clone().into());
    attributes.insert(IDENTITY.to_owned(), found.identity().into());
    Observed {
        offering: found.what.clone(),
        version: found.version.clone(),
        environment: spot.environment.clone(),
        team: spot.team.clone(),
        name: Some(spot.name.clone()),
        attributes,
        how: Some(found.sort.how().to_owned()),
        time: found.time,
        ..Observed::default()
    }
}

fn recognise(thing: &Thing<'_>, is: &Match, adoption: &mut Adoption) {
    let found = thing.found;
    match &thing.spot {
        Ok(spot) => adoption.matched.push(Matched {
            address: found.address.clone(),
            version: is.version.clone().unwrap_or_else(|| found.version.clone()),
            offering: is.offering.clone(),
            release: is.release.clone(),
            team: spot.team.clone(),
            environment: spot.environment.clone(),
            name: spot.name.clone(),
        }),
        Err(why) => adoption.unmatched.push(left(thing, format!("It is {}. {why}", is.offering))),
    }
}

fn left(thing: &Thing<'_>, why: String) -> NotMatched {
    let Found { address, what, version, .. } = thing.found.clone();
    NotMatched { address, what, version, why, unplaced: thing.spot.is_err() }
}

fn rare(thing: &Thing<'_>, count: usize, least: usize) -> String {
    let times = match count {
        1 => "there is only one".to_owned(),
        many => format!("there are only {many}"),
    };
    format!(
        "No offering has a match rule for {:?}, and {times}, so none is proposed (that takes {least}).",
        thing.found.what
    )
}

fn propose(sort: Sort, what: &str, group: &[&Thing<'_>], taken: &mut BTreeSet<String>) -> Proposed {
    let mut versions = BTreeMap::new();
    let (mut teams, mut environments) = (BTreeSet::new(), BTreeSet::new());
    for thing in group {
        *versions.entry(thing.found.version.clone()).or_default() += 1;
        if let Ok(spot) = &thing.spot {
            teams.insert(spot.team.clone());
            environments.insert(spot.environment.clone());
        }
    }
    let unplaced = group.iter().filter(|thing| thing.spot.is_err()).count();
    let name = proposal::name(sort, what, taken);
    taken.insert(name.clone());
    Proposed { name, sort, what: what.to_owned(), count: group.len(), versions, teams, environments, unplaced }
}
