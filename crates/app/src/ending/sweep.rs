//! The sweep over all endings: a deadline that comes again and again. It announces what is due, tells the history where
//! each stands, and looks for what is left of what was taken away.

use super::decide::draft;
use super::text::plan;
use super::{Found, evidence};
use crate::command::changes::Changes;
use crate::command::due::Due;
use crate::command::{Ctx, Facts, Need};
use crate::error::Result;
use loggia_graph::{Audience, Graph};
use loggia_model::ending::steps::{By, Ending};
use loggia_model::time::SECOND;
use loggia_model::{Day, EndingState, Micros};
use serde_json::{Value, json};

/// The kind of the deadline.
pub(crate) const KIND: &str = "endings";
/// Its key.
pub(crate) const KEY: &str = "endings";
/// How long after the last sweep the next one comes at the latest, in microseconds.
const ROUND: i64 = 300 * SECOND;

/// The next sweep: at a time, or a round later when that is sooner.
pub(crate) fn next(time: Micros, now: Micros) -> Due {
    let time = Micros(time.0.min(now.0 + ROUND));
    Due { key: KEY.to_owned(), time, kind: KIND.to_owned(), subject: None, payload: Value::Null }
}

/// The facts that a sweep needs: who used what was taken away.
pub(crate) fn needs(graph: &Graph) -> Vec<Need> {
    let gone = super::all(graph, &Audience::All).into_iter().filter(|found| found.status.removed.is_some());
    gone.filter_map(|found| evidence::need(graph, &found)).collect()
}

/// Goes through all endings.
///
/// # Errors
/// When one cannot be written.
pub(crate) fn sweep(_: &Due, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
    let mut changes = Changes::default();
    let mut soonest = Micros(i64::MAX);
    for found in super::all(graph, &Audience::All) {
        let turns = found.spec.dates.turns();
        soonest = turns.into_iter().find(|turn| *turn > ctx.now).map_or(soonest, |turn| turn.min(soonest));
        let Ok(before) = plan(graph, &found) else { continue };
        let (after, event, data) = one(graph, facts, &found, before.clone(), ctx.now);
        if after != before {
            changes.put(event, draft(&found, &after)?, data);
        }
    }
    changes.due.push(next(soonest, ctx.now));
    Ok(changes)
}

/// What a sweep does to one ending: the ending, the event, and its details.
fn one(graph: &Graph, facts: &Facts, found: &Found, ending: Ending, now: Micros) -> (Ending, &'static str, Value) {
    let settled = ending.clone().settled();
    if settled != ending {
        return (settled, "ending.followed", Value::Null);
    }
    let planned = ending.dates.announced.is_some_and(|day| day <= Day::of(now));
    if ending.state(now) == EndingState::Draft && planned && ending.status.pending.is_none() {
        let by = By { who: "system:clock", at: now };
        // What is too short to be announced stays a draft; its page says why.
        return match ending.clone().announce(by, None) {
            Ok(told) => (told, "ending.announced", Value::Null),
            Err(_) => (ending, "", Value::Null),
        };
    }
    if ending.status.removed.is_some() {
        let left = evidence::left(graph, evidence::Readings::of(facts, found), found).first();
        let late = ending.status.removed.as_ref().is_some_and(|deed| now.0 - deed.at.0 < evidence::LATE);
        let waits = late && ending.status.proved.is_none();
        let data = left.as_ref().map_or(Value::Null, |found| json!({"found": found}));
        let event = if left.is_some() { "ending.reopened" } else { "ending.proved" };
        return if waits { (ending, "", Value::Null) } else { (ending.found(left.as_deref(), now), event, data) };
    }
    let state = ending.state(now);
    if !state.is_told() || state == ending.status.told {
        return (ending, "", Value::Null);
    }
    let mut told = ending;
    told.status.told = state;
    (told, "ending.reached", json!({"state": state}))
}
