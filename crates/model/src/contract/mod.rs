//! What changed between the contracts of two versions, and whether the number of the newer one says so.
//!
//! Inputs: all that was accepted before has to be accepted after. Outputs: all that may come after has to be what could
//! come before. Both are one question, "is everything that fits the one schema taken by the other?", asked in both
//! directions. It is answered from the schemas alone, so it errs to one side only: what cannot be compared counts as
//! breaking, and says so. A contract promises nothing about fields that it does not name.

mod access;
mod contained;
mod number;
mod objects;
mod schema;
mod values;

pub use number::{Lie, idle_migration, judge, lie};

use crate::kinds::release::Contract;
use contained::{Finding, What, contained};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// Which side of a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// What its users fill in.
    Input,
    /// What its users get.
    Output,
}

/// How much a change weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Nobody notices it.
    #[default]
    None,
    /// There is more than before; what worked goes on working.
    Addition,
    /// Something that worked may stop working.
    Breaking,
}

/// One change of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Where.
    pub side: Side,
    /// The field, dotted; `*` stands for each element, and it is empty for the whole.
    pub path: String,
    /// One word for machines, such as `removed`, `required`, `type`, `default`.
    pub what: String,
    /// How much it weighs.
    pub weight: Weight,
    /// One sentence for people, without a stop.
    pub text: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What changed from one contract to the next, the heaviest changes first.
pub fn compare(before: &Contract, after: &Contract) -> Vec<Change> {
    let empty = Map::new();
    let sides = [
        (Side::Input, &before.inputs, &after.inputs),
        (Side::Output, before.outputs.as_ref().unwrap_or(&empty), after.outputs.as_ref().unwrap_or(&empty)),
    ];
    let mut changes: Vec<Change> = Vec::new();
    for (side, before, after) in sides.into_iter().filter(|(_, before, after)| before != after) {
        let (before, after) = (object(before), object(after));
        let narrower = contained(&before, &after, side).into_iter().map(|found| lost(side, &found));
        // The default of before is not of interest any more.
        let wider = contained(&after, &before, side).into_iter().filter(|found| found.what != What::Unfit);
        let wider = wider.map(|found| gained(side, &found));
        let mut found: Vec<Change> = narrower.chain(wider).collect();
        found.sort_by_key(|change| std::cmp::Reverse(change.weight));
        for change in found {
            let told = |other: &Change| other.side == side && other.path == change.path && other.weight > change.weight;
            if !changes.contains(&change) && !changes.iter().any(told) {
                changes.push(change);
            }
        }
    }
    changes.extend(access::changes(before.access.as_ref(), after.access.as_ref()));
    changes.sort_by(|a, b| (b.weight, a.side, &a.path).cmp(&(a.weight, b.side, &b.path)));
    changes
}

/// The schema of a side: an object, whether it says so or not.
fn object(schema: &Map<String, Value>) -> Value {
    let mut schema = schema.clone();
    schema.entry("type").or_insert_with(|| "object".into());
    Value::Object(schema)
}

/// How much the heaviest of some changes weighs.
pub fn weight(changes: &[Change]) -> Weight {
    changes.iter().map(|change| change.weight).max().unwrap_or_default()
}

/// Something that fits the contract of before and is not taken by that of after.
fn lost(side: Side, found: &Finding) -> Change {
    let weight = match (side, &found.what) {
        (_, What::Default) => Weight::Addition,
        // For outputs it is the other direction that breaks.
        (Side::Output, What::Missing | What::Secret) | (Side::Input, _) => Weight::Breaking,
        (Side::Output, _) => Weight::Addition,
    };
    change(side, weight, found, true)
}

/// Something that fits the contract of after and is not taken by that of before.
fn gained(side: Side, found: &Finding) -> Change {
    let weight = match (side, &found.what) {
        (Side::Output, What::Missing | What::Default) | (Side::Input, _) => Weight::Addition,
        (Side::Output, _) => Weight::Breaking,
    };
    change(side, weight, found, false)
}

/// A finding in words. `lost` when it is something of before that after does not take.
fn change(side: Side, weight: Weight, found: &Finding, lost: bool) -> Change {
    let (before, after) = if lost { (&found.inner, &found.outer) } else { (&found.outer, &found.inner) };
    let noun = if side == Side::Input { "input" } else { "output" };
    let subject = match found.path.as_str() {
        "" => format!("the {noun}s"),
        path => format!("{noun} {path}"),
    };
    let (given, taken) = if side == Side::Input { ("must be given", "takes") } else { ("is always given", "may be") };
    let text = match (&found.what, lost) {
        (What::Missing, true) => "is not there any more".to_owned(),
        (What::Missing, false) => "is new".to_owned(),
        (What::Required, true) => format!("{given} now, and could be left out before"),
        (What::Required, false) => "can be left out now".to_owned(),
        (What::Default, _) => format!("has {after} as its default now (before: {before})"),
        (What::Secret, _) => "is a secret on one side of the change only".to_owned(),
        (What::Unfit, _) => "has a default that does not fit".to_owned(),
        (What::Closed, true) => "must not have names that the contract does not know".to_owned(),
        (What::Closed, false) => "may have names that the contract does not know".to_owned(),
        (What::Values(list), true) if side == Side::Input => format!("no longer takes {list}"),
        (What::Values(list), true) => format!("is never {list} any more"),
        (What::Values(list), false) => format!("{taken} {list} too"),
        (What::Opaque(keyword), _) => format!("is described by `{keyword}` in another way, which cannot be compared"),
        (What::Limit(_), _) => format!("{taken} {after} now (before: {before})"),
    };
    Change { side, path: found.path.clone(), what: found.what.word(), weight, text: format!("{subject} {text}") }
}
