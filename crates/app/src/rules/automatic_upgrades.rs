//! Upgrades that come by themselves, because a rule says so: one hop at a time, in the hours that are open for it, and once
//! its team has had the time that the rule gives it. What failed once is left to people.

use crate::command::changes::Changes;
use crate::command::{Ctx, Facts};
use crate::error::Result;
use crate::release::offering::published_at;
use crate::release::upgrade::Upgrade;
use crate::release::upgrade_end::FAILED;
use crate::release::upgrade_wait::is_put_off;
use crate::rules::{Rules, Wanted};
use loggia_graph::{Audience, Graph};
use loggia_model::contract::{Weight, compare, weight};
use loggia_model::instance::{InstanceStatus, Phase, Step};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::{ReleaseSpec, Strategy};
use loggia_model::rule::{Automatic, Which};
use loggia_model::time::{DAY, SECOND};
use loggia_model::{Micros, Record, Ref};
use loggia_store::Due;
use serde_json::Value;
use std::collections::BTreeMap;

/// The kind, and the key, of the deadline at which it is looked what comes by itself.
pub(crate) const KIND: &str = "upgrades";
/// How often, in microseconds.
const EVERY: i64 = 300 * SECOND;
/// How many are begun at once, so that people come before them.
const AT_ONCE: usize = 20;

/// The next look.
pub(crate) fn next(now: Micros) -> Due {
    let (key, kind) = (KIND.to_owned(), KIND.to_owned());
    Due { key, time: Micros(now.0 + EVERY), kind, subject: None, payload: Value::Null }
}

/// Begins what comes by itself now, and comes again.
pub(crate) fn sweep(_: &Due, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
    let mut changes = Changes { due: vec![next(ctx.now)], ..Changes::default() };
    let rules = with_automatic(graph);
    if rules.is_empty() {
        return Ok(changes);
    }
    let mut begun = 0;
    for record in graph.of_kind(&Audience::All, "instance") {
        if begun == AT_ONCE {
            break;
        }
        let Some(upgrade) = due(graph, &rules, &record, ctx) else { continue };
        // Whatever stands in its way now may be gone at the next look.
        if let Ok(more) = upgrade.by_itself(graph, &record, ctx) {
            changes.absorb(more);
            begun += 1;
        }
    }
    Ok(changes)
}

/// The rules of the environments in which something comes by itself.
fn with_automatic(graph: &Graph) -> BTreeMap<String, Rules> {
    let all = graph.of_kind(&Audience::All, "environment");
    let named = all.map(|record| record.reference.name().to_owned()).map(|name| (Rules::of(graph, &name), name));
    named.filter(|(rules, _)| rules.has_automatic()).map(|(rules, name)| (name, rules)).collect()
}

/// The upgrade of one instance that is due now.
fn due(graph: &Graph, rules: &BTreeMap<String, Rules>, record: &Record, ctx: &Ctx<'_>) -> Option<Upgrade> {
    let spec: InstanceSpec = record.spec().ok()?;
    let rules = rules.get(&spec.environment)?;
    let status: InstanceStatus = record.typed_status().ok()?;
    if spec.step != Step::Managed || status.phase != Phase::Ready {
        return None;
    }
    let wanted = Wanted::of(graph, &spec)?;
    let (automatic, _) = rules.automatic(&wanted)?;
    // Where somebody has to agree, somebody has to ask.
    if rules.may_upgrade(&wanted, ctx.now).ok()?.is_some() {
        return None;
    }
    // What people do themselves, or what loses data, does not come by itself.
    let comes = |how: Strategy| !matches!(how, Strategy::ByHand | Strategy::Rebuild);
    let upgrade = Upgrade { instance: record.reference.clone(), to: None, back: false, confirmed: false };
    let (from, to) = upgrade.hop(graph, record)?;
    if !comes(to.upgrade.clone().unwrap_or_default().strategy) {
        return None;
    }
    let when = when(graph, &automatic, &from, &to)?;
    let tried = |name: &str| {
        let failed = status.conditions.iter().find(|condition| condition.kind == FAILED);
        failed.is_some_and(|condition| condition.message.contains(name))
    };
    let wanted = !tried(&format!("{}-{}", to.offering, to.version)) && !is_put_off(&status, &to.version, ctx.now);
    (when <= ctx.now && wanted && status.queued.is_none()).then_some(upgrade)
}

/// From when a hop comes by itself; never for one that a rule leaves to people.
pub(crate) fn when(graph: &Graph, automatic: &Automatic, from: &ReleaseSpec, to: &ReleaseSpec) -> Option<Micros> {
    let breaks = weight(&compare(&from.contract, &to.contract)) == Weight::Breaking;
    let fits = match automatic.upgrades {
        Which::None => false,
        Which::Compatible => !breaks,
        Which::All => true,
    };
    let release = graph.get(&Ref::new("release", "default", &format!("{}-{}", to.offering, to.version)))?;
    fits.then(|| Micros(published_at(release).0 + i64::from(automatic.after_days) * DAY))
}
