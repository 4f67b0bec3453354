//! Names that things have here already: what was taken in keeps its name, whatever comes beside it.

use super::Found;
use super::place::Spot;
use crate::estate::matching::Match;
use crate::instance::order::reference_of;
use loggia_graph::{Audience, Graph};
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::{Record, Ref};
use std::collections::HashMap;

/// The attribute by which a thing is known again.
pub(crate) const IDENTITY: &str = "identity";

/// One thing that has a name already.
struct Known {
    spot: Spot,
    offering: String,
}

/// What has names already.
pub(super) struct Held<'a> {
    graph: &'a Graph,
    audience: &'a Audience,
    by_identity: HashMap<String, Vec<Known>>,
}

impl<'a> Held<'a> {
    pub(super) fn of(graph: &'a Graph, audience: &'a Audience) -> Held<'a> {
        let mut by_identity: HashMap<String, Vec<Known>> = HashMap::new();
        for record in graph.of_kind(audience, "instance") {
            if let (Some(identity), Some(known)) = (identity_of(&record), known(&record)) {
                by_identity.entry(identity).or_default().push(known);
            }
        }
        Held { graph, audience, by_identity }
    }

    /// Where a thing is known already: where it says that it belongs, or where it is while it says nothing.
    pub(super) fn spot(&self, found: &Found, spot: &Result<Spot, String>, is: Option<&Match>) -> Option<Spot> {
        let all = self.by_identity.get(found.identity())?;
        let mut fitting = all.iter().filter(|known| is.is_none_or(|is| is.offering == known.offering));
        let here = |known: &&Known, spot: &Spot| {
            (&known.spot.team, &known.spot.environment) == (&spot.team, &spot.environment)
        };
        let known = match spot {
            Ok(spot) => fitting.find(|known| here(known, spot)),
            Err(_) => fitting.next().filter(|_| all.len() == 1),
        };
        known.map(|known| known.spot.clone())
    }

    /// Whether something else has a name.
    pub(super) fn is_taken(&self, found: &Found, spot: &Spot, is: Option<&Match>) -> bool {
        let Ok(team) = Ref::parse(&spot.team, Some("group"), "default") else { return false };
        let there = self.graph.get(&reference_of(self.graph, &team, &spot.name, &spot.environment));
        let Some(there) = there.filter(|record| self.graph.visible(self.audience, record)) else { return false };
        let other = identity_of(there).is_some_and(|identity| identity != found.identity());
        other || is.is_some_and(|is| there.parse().spec_text("offering") != is.offering)
    }
}

fn identity_of(record: &Record) -> Option<String> {
    let status: InstanceStatus = record.typed_status().ok()?;
    Some(status.attributes.get(IDENTITY)?.as_str()?.to_owned())
}

fn known(record: &Record) -> Option<Known> {
    let spec: InstanceSpec = record.spec().ok()?;
    let team = Ref::parse(&spec.team, Some("group"), "default").ok()?.short("group");
    let name = record.reference.name().strip_suffix(&spec.environment)?.strip_suffix('.')?.to_owned();
    Some(Known { spot: Spot { team, environment: spec.environment, name }, offering: spec.offering })
}
