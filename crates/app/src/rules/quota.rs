//! How much a team has of what a rule counts.

use super::{Changed, Placed, Wanted, says_no};
use crate::error::Result;
use loggia_graph::{Audience, Graph, Predicate, Query};
use loggia_model::Ref;
use loggia_model::kinds::environment::EnvironmentSpec;
use loggia_model::kinds::instance::{FrozenPlan, InstanceSpec};
use loggia_model::kinds::offering::{Per, Price};
use loggia_model::rule::{Amount, Asked, micros};

/// Hours that a month has when prices by the hour are taken together.
const HOURS: i128 = 730;

/// What a team has of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// How many.
    pub count: u32,
    /// For how much a month, in millionths of the currency of the rule.
    pub monthly: i128,
}

/// What the team has of what a rule is for. Every running thing counts, also those that only wait to be made; prices per
/// unit are not known before it is used, and count nothing.
pub fn held(graph: &Graph, wanted: &Wanted, placed: &Placed) -> Held {
    held_beside(graph, wanted, placed, None)
}

/// The same without one thing.
fn held_beside(graph: &Graph, wanted: &Wanted, placed: &Placed, but: Option<&Ref>) -> Held {
    let predicate = Predicate::equals("kind", "instance").and(Predicate::equals("spec.team", wanted.team.as_str()));
    let found = graph.query(&Audience::All, &Query { predicate, ..Query::default() }).records;
    let currency = currency(placed);
    let mut held = Held::default();
    let others = found.iter().filter(|record| Some(&record.reference) != but);
    for spec in others.filter_map(|record| record.spec::<InstanceSpec>().ok()) {
        if counts(graph, wanted, placed, &spec) {
            held.count += 1;
            held.monthly += spec.plan.as_ref().map_or(0, |plan| month(plan, currency));
        }
    }
    held
}

/// Whether what runs is of what a rule counts.
fn counts(graph: &Graph, wanted: &Wanted, placed: &Placed, spec: &InstanceSpec) -> bool {
    let environment =
        || graph.get(&Ref::new("environment", "default", &spec.environment))?.spec::<EnvironmentSpec>().ok();
    // A rule of an environment counts what is there.
    if placed.place.kind() == "environment" && placed.place.name() != spec.environment {
        return false;
    }
    let purpose = match spec.environment == wanted.environment {
        true => Some(wanted.purpose),
        false => environment().map(|environment| environment.purpose),
    };
    let Some(purpose) = purpose else { return false };
    placed.rule.whom.fits(&Asked {
        team: wanted.team.as_str(),
        offering: &spec.offering,
        plan: spec.plan.as_ref().map(|plan| plan.name.as_str()),
        environment: &spec.environment,
        purpose,
    })
}

fn currency(placed: &Placed) -> &str {
    let monthly = placed.rule.quota.as_ref().and_then(|quota| quota.monthly.as_ref());
    monthly.map_or("", |amount| amount.currency.as_str())
}

/// What a plan costs in a month, in a currency.
fn month(plan: &FrozenPlan, currency: &str) -> i128 {
    let Some(Price { amount, currency: of, per, .. }) = &plan.price else { return 0 };
    let amount = micros(amount).filter(|_| of == currency).unwrap_or_default();
    match per {
        Per::Month => amount,
        Per::Hour => amount * HOURS,
        Per::Unit => 0,
    }
}

/// Passes when one more fits into what a rule lets a team have.
pub(super) fn passes(graph: &Graph, wanted: &Wanted, placed: &Placed) -> Result<()> {
    let Some(quota) = &placed.rule.quota else { return Ok(()) };
    let held = held(graph, wanted, placed);
    let whom = wanted.team.name();
    if let Some(count) = quota.count.filter(|count| held.count >= *count) {
        let message = format!("{whom} has {} of {count} that it may have here.", held.count);
        return Err(says_no("rule.quota", &message, placed, "Destroy one that is not needed, or ask for more."));
    }
    let Some(monthly) = &quota.monthly else { return Ok(()) };
    let more = wanted.plan.as_ref().map_or(0, |plan| month(plan, &monthly.currency));
    affords(wanted, placed, monthly, (held.monthly, more))
}

/// Passes when what a team has already may become what it would be. What was counted is counted no second time, and
/// what costs no more than before is never too dear.
pub(super) fn fits(graph: &Graph, change: &Changed<'_>, placed: &Placed) -> Result<()> {
    let Some(quota) = &placed.rule.quota else { return Ok(()) };
    let wanted = change.wanted;
    let held = held_beside(graph, wanted, placed, Some(change.instance));
    let asked = Asked { plan: change.before.map(|plan| plan.name.as_str()), ..wanted.asked() };
    let counted = placed.rule.whom.fits(&asked);
    if let Some(count) = quota.count.filter(|count| !counted && held.count >= *count) {
        let message =
            format!("{} has {} of {count} that it may have of this plan here.", wanted.team.name(), held.count);
        return Err(says_no("rule.quota", &message, placed, "Choose another plan, or ask for more."));
    }
    let Some(monthly) = &quota.monthly else { return Ok(()) };
    let costs = |plan: Option<&FrozenPlan>| plan.map_or(0, |plan| month(plan, &monthly.currency));
    let (before, after) = (if counted { costs(change.before) } else { 0 }, costs(wanted.plan.as_ref()));
    if after <= before {
        return Ok(());
    }
    affords(wanted, placed, monthly, (held.monthly + before, after - before))
}

/// Passes when a team may pay so much more.
fn affords(wanted: &Wanted, placed: &Placed, monthly: &Amount, (pays, more): (i128, i128)) -> Result<()> {
    if pays + more <= monthly.micros().unwrap_or_default() {
        return Ok(());
    }
    let message = format!(
        "{} pays {} a month of {} {} that it may, and this is {} more.",
        wanted.team.name(),
        money(pays),
        monthly.amount,
        monthly.currency,
        money(more)
    );
    Err(says_no("rule.quota", &message, placed, "Choose a smaller plan, destroy what is not needed, or ask for more."))
}

/// An amount with two digits behind the point.
pub(super) fn money(micros: i128) -> String {
    format!("{}.{:02}", micros / 1_000_000, (micros % 1_000_000) / 10_000)
}
