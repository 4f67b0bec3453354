//! Why something is as it is: the choices that made it, and what needs it.

use super::{dependents, parts_of, read, whole_of};
use crate::App;
use crate::access::caller::Caller;
use crate::error::Result;
use crate::record::visible;
use loggia_graph::Graph;
use loggia_model::composition::{Choice, Wiring};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::offering::Price;
use loggia_model::{Record, Ref, price};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One thing that an instance takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Takes {
    /// The instance that it comes from.
    pub from: Ref,
    /// Its outputs.
    pub outputs: Vec<String>,
}

/// Why an instance is as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The instance.
    pub instance: Ref,
    /// What it is made of, each with the reasons.
    pub made_of: Vec<Choice>,
    /// What it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_of: Option<Ref>,
    /// Why it is there: the choices of others that named it.
    pub chosen_by: Vec<ChosenBy>,
    /// What it takes from others.
    pub takes: Vec<Takes>,
    /// What needs it.
    pub needed_by: Vec<Ref>,
    /// What it costs with all of its parts, as far as they are seen.
    pub prices: Vec<Price>,
}

/// A choice of another instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChosenBy {
    /// That instance.
    pub whole: Ref,
    /// The choice.
    #[serde(flatten)]
    pub choice: Choice,
}

impl Explanation {
    /// Whether it is by itself: made of nothing, and part of nothing.
    pub fn is_plain(&self) -> bool {
        self.made_of.is_empty() && self.part_of.is_none() && self.takes.is_empty() && self.needed_by.is_empty()
    }
}

/// The choices of others that named an instance.
fn chosen_by<'a>(choosing: impl Iterator<Item = &'a Record>, instance: &Ref) -> Result<Vec<ChosenBy>> {
    let mut all: Vec<ChosenBy> = Vec::new();
    for other in choosing {
        let choices = read(other)?.1.made_of.unwrap_or_default().choices.into_iter();
        let own = choices.filter(|choice| named(choice).as_ref() == Some(instance));
        all.extend(own.map(|choice| ChosenBy { whole: other.reference.clone(), choice }));
    }
    all.sort_by(|one, other| one.whole.cmp(&other.whole));
    all.dedup();
    Ok(all)
}

/// What is taken from each of those that are seen.
fn takes(wiring: &Wiring, seen: impl Fn(&Ref) -> bool) -> Vec<Takes> {
    let one = |from: Ref| {
        let is_it = |name: &String| wiring.source(name).as_ref() == Some(&from);
        let outputs = wiring.taken().into_iter().filter(|(name, _)| is_it(name)).map(|(_, output)| output);
        let outputs: BTreeSet<String> = outputs.collect();
        Takes { outputs: outputs.into_iter().collect(), from }
    };
    wiring.sources().into_iter().filter(|from| seen(from)).map(one).collect()
}

/// The instance of a choice.
fn named(choice: &Choice) -> Option<Ref> {
    choice.instance.as_deref()?.parse().ok()
}

/// What something and its parts cost, each by itself.
fn costs(graph: &Graph, caller: &Caller, record: &Record, out: &mut Vec<Price>) -> Result<()> {
    if graph.visible(&caller.audience, record) {
        out.extend(read(record)?.0.plan.and_then(|plan| plan.price));
    }
    parts_of(graph, &record.reference).iter().try_for_each(|part| costs(graph, caller, part, out))
}

impl App {
    /// Why an instance is as it is, as far as the caller sees it.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] for what they do not see.
    pub fn explanation(&self, caller: &Caller, instance: &Ref) -> Result<Explanation> {
        let graph = self.graph();
        let record = visible(&graph, &caller.audience, instance)?;
        let (spec, status) = read(&record)?;
        let seen = |name: &Ref| graph.get(name).is_some_and(|other| graph.visible(&caller.audience, other));
        let made_of = status.made_of.unwrap_or_default().choices;
        let made_of = made_of.into_iter().filter(|choice| named(choice).is_none_or(|name| seen(&name)));
        // Since it was chosen it may have been brought to another version.
        let now = |choice: Choice| {
            let spec = named(&choice).and_then(|name| graph.get(&name)?.spec::<InstanceSpec>().ok());
            let release = spec.and_then(|spec| spec.target);
            Choice { release: release.unwrap_or(choice.release), ..choice }
        };
        let made_of = made_of.map(now).collect();
        let whole = whole_of(&graph, &record).filter(|whole| graph.visible(&caller.audience, whole));
        let needing = dependents(&graph, instance);
        let choosing = needing.iter().chain(&whole).filter(|other| graph.visible(&caller.audience, other));
        let chosen_by = chosen_by(choosing.map(|other| &**other), instance)?;
        let mut prices = Vec::new();
        costs(&graph, caller, &record, &mut prices)?;
        let needed_by = needing.iter().map(|other| other.reference.clone()).filter(seen).collect();
        Ok(Explanation {
            instance: instance.clone(),
            made_of,
            part_of: whole.map(|whole| whole.reference.clone()),
            chosen_by,
            takes: takes(&spec.wiring.unwrap_or_default(), seen),
            needed_by,
            prices: price::sum(&prices),
        })
    }

    /// What is part of an instance, as far as the caller sees it, in order of names.
    pub fn parts(&self, caller: &Caller, instance: &Ref) -> Vec<std::sync::Arc<Record>> {
        let graph = self.graph();
        let mut all = parts_of(&graph, instance);
        all.retain(|part| graph.visible(&caller.audience, part));
        all
    }
}
