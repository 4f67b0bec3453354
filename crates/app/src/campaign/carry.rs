//! Carrying out what a campaign asks for: as commands of the campaign, written with the step that asked.

use super::scope::{Member, Scope};
use super::target::Targets;
use super::{Found, parted, standard};
use crate::access::caller::{Caller, Door};
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts};
use crate::error::{Error, Result};
use crate::release::upgrade::Upgrade;
use crate::rules::Opening;
use loggia_graph::{Audience, Graph};
use loggia_model::Uid;
use loggia_model::campaign::steps::{Act, Campaign, Note};
use loggia_model::campaign::{CampaignState, EndedAs, Item};
use loggia_store::{Item as Row, WorkClass};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Rules by which an upgrade is nothing that Loggia could do later either: its owners have to.
const FOR_GOOD: [&str; 7] = [
    "upgrade.strategy",
    "upgrade.hop-missing",
    "upgrade.driver",
    "upgrade.no-version",
    "upgrade.newest",
    "upgrade.not-above",
    "instance.not-managed",
];

/// Does what a step asks for. What cannot be done is told to the campaign.
pub(super) fn carry_out(
    campaign: &mut Campaign,
    scope: &Scope<'_>,
    found: &Found,
    ctx: &Ctx<'_>,
    changes: &mut Changes,
) {
    let acts = std::mem::take(&mut campaign.acts);
    let meant = |act: &Act| if let Act::Upgrade(uid) | Act::Back(uid) = act { Some(*uid) } else { None };
    let members: BTreeMap<Uid, Member> =
        acts.iter().filter_map(meant).filter_map(|uid| Some((uid, Member::of(scope.graph, uid)?))).collect();
    let targets = Targets::of(scope, &members.values().collect::<Vec<_>>());
    let campaign_itself = Caller::system("campaign", Door::Worker);
    let ctx = &ctx.by(&campaign_itself);
    for act in acts {
        match act {
            Act::Tell(team, _) => tell(scope.graph, found, &team, changes),
            Act::Upgrade(uid) | Act::Back(uid) => {
                let back = matches!(act, Act::Back(_));
                let Some(member) = members.get(&uid) else { continue };
                match upgrade(scope, &targets, member, back, ctx) {
                    Ok((operation, done)) => {
                        campaign.began(uid, operation, ctx.now);
                        changes.absorb(done);
                    }
                    Err(NotBegun::Waits(opening)) => campaign.postponed(uid, &opening.words(), opening.at, ctx.now),
                    Err(NotBegun::Refused(why, for_good)) => campaign.refused(uid, &why, for_good, ctx.now),
                }
            }
        }
    }
}

/// Why an upgrade was not begun.
enum NotBegun {
    /// It is not one of the hours for it: the campaign waits for them itself, and begins no more at once then than it may.
    Waits(Opening),
    /// Why it cannot be, and whether that stays so.
    Refused(String, bool),
}

/// One upgrade, on its first hop: its operation and what is to be written; why not.
fn upgrade(
    scope: &Scope<'_>,
    targets: &Targets,
    member: &Member,
    back: bool,
    ctx: &Ctx<'_>,
) -> Result<(Uid, Changes), NotBegun> {
    let to = match back {
        true => None,
        false => {
            let way = targets.way(member).map_err(|why| NotBegun::Refused(why.to_owned(), true))?;
            way.stops.first().map(|stop| stop.version.clone())
        }
    };
    let instance = member.record.reference.clone();
    let command = Upgrade { instance, to, back, confirmed: back };
    let going = command.going(scope.graph, &Audience::All, &member.record);
    if let Some(opening) = going.ok().and_then(|going| command.opening(scope.graph, &going, ctx.now)) {
        return Err(NotBegun::Waits(opening));
    }
    let decided = command.decide(scope.graph, &Facts::default(), ctx);
    let mut changes = decided.map_err(|error| NotBegun::Refused(words(&error), is_for_good(&error)))?;
    for work in &mut changes.work {
        // People come before campaigns.
        work.class = WorkClass::Campaign;
    }
    let operation = changes.answer.get("operation").and_then(|id| serde_json::from_value(id.clone()).ok());
    operation.map(|id| (id, changes)).ok_or_else(|| NotBegun::Refused("It could not be begun.".to_owned(), false))
}

fn words(error: &Error) -> String {
    match error {
        Error::Refused(refusal) => format!("{} {}", refusal.message, refusal.mend),
        other => other.to_string(),
    }
}

fn is_for_good(error: &Error) -> bool {
    match error {
        Error::Refused(refusal) => FOR_GOOD.contains(&refusal.rule.as_str()),
        Error::Invalid(_) | Error::NotFound(_) => true,
        _ => false,
    }
}

/// Tells a team, in its own history: of how many of its instances is told where they are shown, to who may see them.
fn tell(graph: &Graph, found: &Found, team: &str, changes: &mut Changes) {
    let data = json!({"campaign": found.record.reference, "deadline": found.spec.deadline});
    if let Some(group) = graph.get_text(team) {
        changes.note("campaign.told", Some((group.uid, group.reference.clone())), data);
    }
}

/// Writes what a step made of a campaign: its status, the items that changed, and the history.
pub(super) fn keep(
    graph: &Graph,
    (found, before): (&Found, &BTreeMap<Uid, Item>),
    after: &Campaign,
    event: Option<(&str, Value)>,
    ctx: &Ctx<'_>,
    changes: &mut Changes,
) -> Result<()> {
    for (about, item) in after.changed(before) {
        let data = serde_json::to_value(item)?;
        changes.items.push(Row { record: found.record.uid, about: *about, time: ctx.now, data });
    }
    let subject = || Some((found.record.uid, found.record.reference.clone()));
    for note in &after.notes {
        let (kind, data) = told(note, after);
        changes.note(kind, subject(), data);
    }
    // Its items are read once for each revision of it, so it gets one with them.
    if after.status != found.status || !changes.items.is_empty() {
        let (status, data) = parted(&after.status)?;
        changes.items.push(Row { record: found.record.uid, about: found.record.uid, time: ctx.now, data });
        let draft = Draft::of(&found.record).with_status(&status);
        let (kind, data) = event.unwrap_or(("campaign.moved", Value::Null));
        changes.put(kind, draft, data);
    }
    let ended = after.status.state == CampaignState::Ended && found.status.state != CampaignState::Ended;
    if ended && after.spec.ends_as_standard && after.status.ended_as != Some(EndedAs::Cancelled) {
        standard::leave(graph, found, after, ctx, changes)?;
    }
    Ok(())
}

/// What happened by itself, as the history tells it: without counts, because not everybody sees all that is counted.
fn told(note: &Note, after: &Campaign) -> (&'static str, Value) {
    match note {
        Note::Began => ("campaign.began", Value::Null),
        Note::Wave(wave) => ("campaign.wave-opened", json!({"wave": after.spec.wave_name(*wave)})),
        Note::Halted => ("campaign.halted", json!({"halt": after.status.halt})),
        Note::Ended => ("campaign.completed", Value::Null),
        Note::Scope => ("campaign.scope-changed", Value::Null),
        Note::Regressed(_) => ("campaign.regressed", Value::Null),
    }
}
