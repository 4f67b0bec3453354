//! The look at each campaign that is under way: a deadline that comes again and again.

use super::kept::Rows;
use super::scope::{Readings, Scope};
use super::{Found, carry};
use crate::checks::readings;
use crate::command::changes::Changes;
use crate::command::due::Due;
use crate::command::{Ctx, Facts, Need};
use crate::error::Result;
use loggia_graph::Graph;
use loggia_model::campaign::CampaignState;
use loggia_model::campaign::steps::{Campaign, Gate};
use loggia_model::time::SECOND;
use loggia_model::{Micros, Ref, Uid};
use serde_json::Value;
use std::collections::BTreeMap;

/// The kind of the deadline.
pub(crate) const KIND: &str = "campaign";
/// How long it is until the next look while something is being changed, and otherwise, in seconds.
const ROUNDS: (i64, i64) = (3, 20);
/// How many items make a look one second rarer: it reads all of them.
const ITEMS: usize = 400;

/// The next look at a campaign, so many seconds from a time.
pub(crate) fn next(campaign: Uid, now: Micros, seconds: i64) -> Due {
    let time = Micros(now.0 + seconds * SECOND);
    Due {
        key: format!("campaign-{campaign}"),
        time,
        kind: KIND.to_owned(),
        subject: Some(campaign),
        payload: Value::Null,
    }
}

/// The facts that a decision about a campaign needs: its items, and what probes of its checks answered.
pub(crate) fn needs(graph: &Graph, campaign: Uid) -> Vec<Need> {
    let found = graph.by_uid(campaign).and_then(Found::read);
    let checks = found.into_iter().flat_map(|found| [found.spec.check, found.spec.gate]).flatten();
    let checks = checks.filter_map(|name| Some(graph.get(&Ref::new("check", "default", &name))?.uid));
    std::iter::once(campaign).chain(checks).map(Need::Items).collect()
}

/// What probes answered, as facts of a decision.
pub(super) fn answered(facts: &Facts) -> Readings {
    facts.items.iter().map(|(record, items)| (*record, readings(items.values()))).collect()
}

/// A campaign as a decision finds it.
pub(super) fn as_found(found: &Found, facts: &Facts) -> Campaign {
    let rows = facts.items.get(&found.record.uid).into_iter().flat_map(BTreeMap::values);
    let rows = Rows::read(found.record.uid, rows);
    Campaign::new(found.spec.clone(), rows.status(found), rows.items)
}

/// Looks at one campaign.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn sweep(due: &Due, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
    let mut changes = Changes::default();
    let record = due.subject.and_then(|uid| graph.by_uid(uid));
    let Some(found) = record.and_then(Found::read) else { return Ok(changes) };
    if matches!(found.status.state, CampaignState::Draft | CampaignState::Ended) {
        return Ok(changes);
    }
    let before = as_found(&found, facts);
    let found = Found { status: before.status.clone(), ..found };
    let answers = answered(facts);
    let Ok(scope) = Scope::read(graph, ctx.now, &found.spec, &answers) else {
        // A check that is not there any more: nothing is done until it is.
        changes.due.push(next(found.record.uid, ctx.now, ROUNDS.1));
        return Ok(changes);
    };
    let looks = scope.looks();
    let running = before.status.state == CampaignState::Running;
    let gate = if running { scope.gate(&before.items, before.status.wave) } else { Gate::Open };
    let items = before.items.clone();
    let mut after = before.tick(&looks, &gate, ctx.now);
    carry::carry_out(&mut after, &scope, &found, ctx, &mut changes);
    carry::keep(graph, (&found, &items), &after, None, ctx, &mut changes)?;
    if after.status.state != CampaignState::Ended {
        // What moved may have opened the way for more.
        let moves = after.status.counts.changing > 0 || after.status != found.status;
        let round = if moves { ROUNDS.0 } else { ROUNDS.1 };
        let round = round.max(i64::try_from(after.items.len() / ITEMS).unwrap_or_default());
        changes.due.push(next(found.record.uid, ctx.now, round));
    }
    Ok(changes)
}
