//! An order as a part of something, and the parts of what is ordered.

use crate::command::Ctx;
use crate::composition::change::How;
use crate::composition::parts::{self, Given};
use crate::composition::resolve::{Made, Whole};
use crate::error::{Error, Result};
use crate::instance::order::{Found, Order, OrderInput};
use crate::instance::secret_input::Named;
use loggia_graph::Graph;
use loggia_model::composition::{Choice, Wiring};
use loggia_model::kinds::instance::{Deployed, FrozenPlan};
use loggia_model::kinds::offering::Price;
use loggia_model::{Document, Ref, price};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How an order belongs to others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Belongs {
    /// The instance that it is a part of.
    pub(crate) part_of: Option<Ref>,
    /// What it takes from others.
    pub(crate) wiring: Wiring,
    /// As what it is shared.
    pub(crate) shared: Option<String>,
    /// How deep it is a part of parts.
    pub(crate) depth: usize,
    /// Whether it waits, because somebody has to agree to the whole first.
    pub(crate) waits: bool,
    /// Names of inputs that have to be secrets.
    pub(crate) secret: BTreeSet<String>,
    /// The parts that were made for it already.
    pub(crate) made: Option<Vec<Choice>>,
    /// What is deployed.
    pub(crate) deployed: Option<Deployed>,
}

impl Order {
    /// A part of something.
    pub(crate) fn part(input: OrderInput, belongs: Belongs) -> Order {
        Order { input, past: None, belongs }
    }

    /// Passes when what comes as a secret is one here too.
    pub(super) fn check_secret(&self, secrets: &Named) -> Result<()> {
        let open = self.belongs.secret.iter().find(|name| !secrets.iter().any(|(secret, _)| secret == *name));
        let Some(name) = open else { return Ok(()) };
        let message = format!("{name} of {} would hold a secret in the clear.", self.input.offering);
        Err(Error::refused("composition.secret", message, "Ask the owner of the offering to make it `writeOnly`."))
    }

    /// The parts that the release names, and what is taken from them and from outside.
    pub(super) fn parts(
        &self,
        graph: &Graph,
        found: &Found,
        (reference, inputs, secrets): (&Ref, &Map<String, Value>, &Named),
        ctx: &Ctx<'_>,
    ) -> Result<(Made, Option<Wiring>)> {
        let mut wiring = self.belongs.wiring.clone();
        let mut made = Made { choices: self.belongs.made.clone().unwrap_or_default(), ..Made::default() };
        if let Some(composition) = found.composition.as_ref().filter(|_| self.past.is_none()) {
            let mut whole = Whole {
                reference,
                team: &found.team,
                environment: &found.environment,
                name: &self.input.name,
                depth: self.belongs.depth,
                waits: self.belongs.waits || found.needed.is_some(),
                how: How::default(),
                outside: BTreeMap::new(),
                before: BTreeMap::new(),
            };
            let given = Given { inputs, wiring: &self.belongs.wiring, secrets, sealed: &[] };
            let (own, taken) = parts::make(graph, &mut whole, composition, &given, ctx)?;
            (made.changes, made.prices) = (own.changes, own.prices);
            made.choices.extend(own.choices);
            wiring = parts::joined(&wiring, taken)?;
        }
        Ok((made, (!wiring.from.is_empty()).then_some(wiring)))
    }
}

/// What an order costs, with all of its parts.
pub(super) fn prices(plan: Option<&FrozenPlan>, parts: &Made) -> Vec<Price> {
    price::sum(plan.and_then(|plan| plan.price.as_ref()).into_iter().chain(&parts.prices))
}

/// A document with what its instance needs.
pub(super) fn wired(document: &Document, wiring: Option<&Wiring>) -> Result<Document> {
    let mut document = document.clone();
    if let Some(wiring) = wiring {
        let needs: Vec<String> = wiring.sources().iter().map(ToString::to_string).collect();
        document.0["spec"]["needs"] = json!(needs);
        document.0["spec"]["wiring"] = serde_json::to_value(wiring)?;
    }
    Ok(document)
}

pub(super) fn waits_for(wiring: Option<&Wiring>) -> String {
    let names: Vec<String> =
        wiring.iter().flat_map(|wiring| wiring.sources()).map(|source| source.name().to_owned()).collect();
    if names.is_empty() { "somebody to agree to the whole".to_owned() } else { names.join(", ") }
}
