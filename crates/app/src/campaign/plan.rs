//! A campaign before it starts: who is hit, in which wave, what each must do, what breaks, and what it costs. Nothing
//! happens by it.

use super::scope::{Member, Readings, Scope};
use super::target::{Targets, Way};
use crate::App;
use crate::access::caller::Caller;
use crate::access::visibility::is_told;
use crate::error::{Error, Result};
use crate::estate::observation::is_away;
use crate::record::suggestion;
use crate::record::visible;
use crate::release::input_migration::InputMigration;
use crate::release::offering::offerings;
use loggia_graph::{Audience, Graph};
use loggia_model::check::Outcome;
use loggia_model::contract::Weight;
use loggia_model::instance::Step;
use loggia_model::kinds::CampaignSpec;
use loggia_model::kinds::release::{Rollback, Strategy};
use loggia_model::version::Range;
use loggia_model::{Micros, Problem, Ref};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a plan is asked for: a campaign that is kept, or one that is only thought of.
#[derive(Clone, Debug)]
pub enum PlanWish {
    /// A campaign that is kept.
    Kept(Ref),
    /// One that is thought of.
    Thought(Box<CampaignSpec>),
}

/// What has to happen to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Loggia upgrades it.
    Upgrade,
    /// Its team gets a change to merge.
    ChangeRequest,
    /// Its owners are told what to do; the check alone says when it is done.
    Owners,
    /// Nobody can tell what it has: its version is not known or cannot be compared, or it is not there.
    Unknown,
    /// It has it already.
    Nothing,
}

/// What a campaign would do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CampaignPlan {
    /// Why.
    pub purpose: String,
    /// The offering.
    pub offering: String,
    /// The versions that are wanted.
    pub to: String,
    /// How many it means in all, as far as the caller may see them.
    pub meant: usize,
    /// How many have it already.
    pub there: usize,
    /// How many would move.
    pub hit: usize,
    /// How many of those are the platform's to upgrade, by a driver.
    pub managed: usize,
    /// How many teams are concerned.
    pub teams: usize,
    /// How many would not fit with what was filled in, or have no way.
    pub stuck: usize,
    /// Of how many nobody can tell what they have.
    pub unknown: usize,
    /// Wave by wave, who is hit.
    pub waves: Vec<WavePlan>,
    /// The waves of its text in which nothing is: they hold nothing up.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub empty: Vec<String>,
    /// What the plans of those that move cost today, and go on to cost.
    pub price: Vec<Sum>,
    /// What is paid twice while a new one stands beside the old one.
    pub beside: Vec<Sum>,
}

/// A sum of prices.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Sum {
    /// A decimal number as a text.
    pub amount: String,
    /// The currency.
    pub currency: String,
    /// For what: month, hour or unit.
    pub per: String,
}

/// One wave of a plan.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WavePlan {
    /// Its name.
    pub name: String,
    /// Who is hit, by team and name.
    pub rows: Vec<PlanRow>,
}

/// One instance of a plan.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanRow {
    /// The instance.
    pub instance: Ref,
    /// Its team.
    pub team: Ref,
    /// Where.
    pub environment: String,
    /// The version that it has; empty when nobody knows.
    pub version: String,
    /// How firmly it is held.
    pub step: Step,
    /// What has to happen.
    pub what: What,
    /// The same in words.
    pub todo: String,
    /// The versions on the way.
    pub way: Vec<String>,
    /// How much its contract changes.
    pub weight: Weight,
    /// Whether there is a way back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rollback: Option<Rollback>,
    /// What would not fit of what was filled in.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub breaks: Vec<Problem>,
    /// Why there is no way; empty when there is one.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub stuck: String,
}

impl App {
    /// What a campaign would do, or does from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what the caller does not see; as [`plan`].
    pub async fn campaign_plan(&self, caller: &Caller, wish: PlanWish) -> Result<CampaignPlan> {
        let graph = self.graph();
        let spec: CampaignSpec = match wish {
            PlanWish::Kept(name) => visible(&graph, &caller.audience, &name)?.spec()?,
            PlanWish::Thought(spec) => *spec,
        };
        let offering = Ref::new("offering", "default", &spec.offering);
        if visible(&graph, &caller.audience, &offering).is_err() {
            let known = offerings(&graph, &caller.audience);
            let hint =
                suggestion::hint(&spec.offering, known.iter().map(|one| one.reference.name().to_owned()).collect());
            return Err(Error::NotFound(format!("There is no offering {:?}. {hint}", spec.offering)));
        }
        let readings = self.readings_for(&graph, &spec).await?;
        plan(&graph, &caller.audience, &spec, self.now(), &readings)
    }

    /// What probes answered for the checks of a campaign.
    pub(crate) async fn readings_for(&self, graph: &Graph, spec: &CampaignSpec) -> Result<Readings> {
        let mut all = Readings::new();
        for name in [&spec.check, &spec.gate].into_iter().flatten() {
            if let Some(record) = graph.get(&Ref::new("check", "default", name)) {
                all.insert(record.uid, self.readings_of(record).await?);
            }
        }
        Ok(all)
    }
}

/// What a campaign would do, as far as an audience may see it.
///
/// # Errors
/// [`Error::Invalid`] for a range that is none, [`Error::Refused`] for a check that is not there.
pub fn plan(
    graph: &Graph,
    audience: &Audience,
    spec: &CampaignSpec,
    now: Micros,
    readings: &Readings,
) -> Result<CampaignPlan> {
    let scope = Scope::read(graph, now, spec, readings)?;
    let all = scope.members(audience);
    let told = |member: &&Member| member.spec.team_ref().is_some_and(|team| is_told(graph, audience, &team));
    let all: Vec<&Member> = all.iter().filter(told).collect();
    let moving: Vec<&Member> = all.iter().copied().filter(|member| scope.outcome(member) != Outcome::Passes).collect();
    let targets = Targets::of(&scope, &moving);
    let conversions = targets.conversions();
    let mut waves: BTreeMap<usize, Vec<PlanRow>> = BTreeMap::new();
    let (mut price, mut beside) = (Prices::default(), Prices::default());
    for member in &moving {
        let way = targets.way(member);
        let row = row(member, way, &conversions, &spec.to);
        price.add(member);
        if way.is_ok_and(goes_beside) {
            beside.add(member);
        }
        waves.entry(scope.wave(member)).or_default().push(row);
    }
    let rows = || waves.values().flatten();
    Ok(CampaignPlan {
        purpose: spec.purpose.clone(),
        offering: spec.offering.clone(),
        to: spec.to.clone(),
        meant: all.len(),
        there: all.len() - moving.len(),
        hit: moving.len(),
        managed: rows().filter(|row| row.step == Step::Managed).count(),
        teams: rows().map(|row| &row.team).collect::<BTreeSet<_>>().len(),
        stuck: rows().filter(|row| !(row.stuck.is_empty() && row.breaks.is_empty())).count(),
        unknown: rows().filter(|row| row.what == What::Unknown).count(),
        empty: empty(spec, &waves),
        price: price.sums(),
        beside: beside.sums(),
        waves: waves.into_iter().map(|(wave, rows)| named(spec, wave, rows)).collect(),
    })
}

/// The waves that a text names and in which nothing is.
fn empty(spec: &CampaignSpec, waves: &BTreeMap<usize, Vec<PlanRow>>) -> Vec<String> {
    let named = spec.waves.iter().enumerate().filter(|(at, _)| !waves.is_empty() && !waves.contains_key(at));
    named.map(|(_, wave)| wave.name.clone()).collect()
}

fn named(spec: &CampaignSpec, wave: usize, mut rows: Vec<PlanRow>) -> WavePlan {
    rows.sort_by(|a, b| (&a.team, &a.instance).cmp(&(&b.team, &b.instance)));
    WavePlan { name: spec.wave_name(wave), rows }
}

fn goes_beside(way: &Way) -> bool {
    way.hops.iter().any(|hop| hop.strategy == Strategy::SideBySide)
}

fn row(member: &Member, way: Result<&Way, &str>, conversions: &HashMap<&str, InputMigration<'_>>, to: &str) -> PlanRow {
    let managed = member.spec.step == Step::Managed;
    let found = way.as_ref().ok().filter(|_| managed);
    let goal = found.and_then(|way| Some((way, way.stops.last()?)));
    let breaks = goal
        .and_then(|(way, goal)| conversions.get(goal.version.as_str())?.convert(&way.from, &member.spec.inputs).err());
    let (what, todo) = todo(Some(member), way.as_ref().ok().copied(), to);
    PlanRow {
        instance: member.record.reference.clone(),
        team: member.spec.team_ref().unwrap_or_else(|| Ref::new("group", "default", &member.spec.team)),
        environment: member.spec.environment.clone(),
        version: member.version().to_owned(),
        step: member.spec.step,
        what,
        todo,
        way: found.map(|way| way.stops.iter().map(|stop| stop.version.clone()).collect()).unwrap_or_default(),
        weight: way.as_ref().map(|way| way.weight).unwrap_or_default(),
        rollback: found.and_then(|way| way.hops.last()).map(|hop| hop.rollback),
        breaks: breaks.unwrap_or_default(),
        stuck: way.err().filter(|_| managed).unwrap_or_default().to_owned(),
    }
}

/// What has to happen, and the same in words.
pub(crate) fn todo(member: Option<&Member>, way: Option<&Way>, to: &str) -> (What, String) {
    if let Some(why) = member.and_then(|member| untold(member, to)) {
        return (What::Unknown, why);
    }
    let step = member.map(|member| member.spec.step).unwrap_or_default();
    let known_by = member.map_or("", |member| member.status.known_by.as_str());
    let Some(way) = way.filter(|_| step == Step::Managed) else {
        let place = match known_by {
            "" | "driver" => "where it was made".to_owned(),
            other => format!("where {other} made it"),
        };
        let place = if step == Step::Managed { "with the help of its offering's owner".to_owned() } else { place };
        return (What::Owners, format!("Bring it to {to} {place}. It is done when it is seen there."));
    };
    let goal = way.stops.last().map_or("", |stop| stop.version.as_str());
    let hops = if way.stops.len() > 1 { format!(" in {} steps", way.stops.len()) } else { String::new() };
    match way.hops.first().map(|hop| hop.strategy).unwrap_or_default() {
        Strategy::InPlace => (What::Upgrade, format!("Loggia brings it to {goal}{hops}, where it is.")),
        Strategy::SideBySide => (
            What::Owners,
            format!("Get {goal} beside it, move over, and destroy this one. It is done when it is gone."),
        ),
        Strategy::Rebuild => (What::Owners, format!("Destroy it and get {goal}; what is in it goes.")),
        Strategy::ChangeRequest => (What::ChangeRequest, format!("Merge the change to {goal} in your repository.")),
        Strategy::ByHand => (What::Owners, format!("Bring it to {goal} by hand; the notes of the version say how.")),
    }
}

/// Why nobody can tell what something has; none when that can be told.
fn untold(member: &Member, to: &str) -> Option<String> {
    if is_away(&member.status) {
        return Some("It was looked for and is not there. Bring it back, or destroy it.".to_owned());
    }
    let Some(number) = member.number() else {
        let said = Some(member.version()).filter(|version| !version.is_empty());
        let said = said.map(|version| format!(" It says {version}, which is none.")).unwrap_or_default();
        return Some(format!("Nobody knows its version.{said} Report it; it is done when {to} is seen."));
    };
    let comparable = Range::parse(to).is_ok_and(|range| range.speaks_of(&number));
    (!comparable).then(|| format!("It has {number}, which cannot be compared with {to}. Report a version that can."))
}

/// Sums of decimal numbers, exact to six places, by currency and unit.
#[derive(Default)]
struct Prices(BTreeMap<(String, String), i128>);

impl Prices {
    fn add(&mut self, member: &Member) {
        let Some(price) = member.spec.plan.as_ref().and_then(|plan| plan.price.as_ref()) else { return };
        let per = serde_json::to_value(price.per).ok().and_then(|per| Some(per.as_str()?.to_owned()));
        let key = (price.currency.clone(), per.unwrap_or_default());
        *self.0.entry(key).or_default() += millionths(&price.amount);
    }

    fn sums(self) -> Vec<Sum> {
        let sum = |((currency, per), value): ((String, String), i128)| {
            let (whole, rest) = (value / 1_000_000, value % 1_000_000);
            let rest = format!("{rest:06}");
            let rest = rest.trim_end_matches('0');
            Sum { amount: format!("{whole}.{rest:0<2}"), currency, per }
        };
        self.0.into_iter().map(sum).collect()
    }
}

fn millionths(amount: &str) -> i128 {
    let (whole, rest) = amount.split_once('.').unwrap_or((amount, ""));
    let rest: String = rest.chars().chain(std::iter::repeat('0')).take(6).collect();
    whole.parse::<i128>().unwrap_or_default() * 1_000_000 + rest.parse::<i128>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Prices, millionths};

    #[test]
    fn prices_add_up_exactly() {
        assert_eq!((millionths("0.1"), millionths("12"), millionths("1.234567")), (100_000, 12_000_000, 1_234_567));
        let mut prices = Prices::default();
        for amount in ["0.10", "0.20", "58"] {
            *prices.0.entry(("EUR".into(), "month".into())).or_default() += millionths(amount);
        }
        assert_eq!(prices.sums()[0].amount, "58.30");
    }
}
