//! Campaigns as people and programs see them: how far each is, who is where, and what is mine to do. All of it, counts and
//! curve too, is about what the caller may see.

use super::kept::{Kept, Rows, Seen};
use super::lines::{CampaignLine, CampaignView, HaltView, ItemRow, Mine, WaveView};
use super::plan::{What, todo};
use super::scope::{Member, Scope};
use super::target::Targets;
use super::{Found, all};
use crate::App;
use crate::access::caller::Caller;
use crate::access::visibility::told_exemptions;
use crate::error::{Error, Result};
use crate::record::visible;
use loggia_graph::Graph;
use loggia_model::campaign::{CampaignState, Halt, Item, ItemState, Point, Tally, forecast};
use loggia_model::{Micros, Record, Ref, Uid};
use std::sync::Arc;

/// How many rows a view gives at most; the rest is counted.
const ROWS: usize = 500;

impl App {
    /// Every campaign that the caller may see: what is under way first, what is over last.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn campaigns(&self, caller: &Caller) -> Result<Vec<CampaignLine>> {
        let graph = self.graph();
        let mut lines = Vec::new();
        for found in all(&graph, &caller.audience) {
            let seen = self.campaign_items(&graph, caller, &found.record).await?;
            lines.push(line(&found, &seen.tally(), self.now()));
        }
        let rank = |line: &CampaignLine| match line.state {
            CampaignState::Halted => 0,
            CampaignState::Running | CampaignState::Paused => 1,
            CampaignState::Scheduled => 2,
            CampaignState::Draft => 3,
            CampaignState::Ended => 4,
        };
        lines.sort_by(|a, b| (rank(a), a.deadline, &a.campaign).cmp(&(rank(b), b.deadline, &b.campaign)));
        Ok(lines)
    }

    /// How far a campaign is, day by day, and when it will be over.
    ///
    /// # Errors
    /// [`Error::NotFound`], the same whether it does not exist or may not be seen; [`Error::Unavailable`] when the
    /// database does not answer.
    pub async fn burn_down(&self, caller: &Caller, name: &Ref) -> Result<(CampaignLine, Vec<Point>)> {
        let graph = self.graph();
        let found = found(&graph, caller, name)?;
        let seen = self.campaign_items(&graph, caller, &found.record).await?;
        let tally = seen.tally();
        Ok((line(&found, &tally, self.now()), tally.points(as_of(&found, self.now()))))
    }

    /// One campaign with all that is known of it.
    ///
    /// # Errors
    /// As [`App::burn_down`].
    pub async fn campaign(&self, caller: &Caller, name: &Ref) -> Result<CampaignView> {
        let graph = self.graph();
        let found = found(&graph, caller, name)?;
        let seen = self.campaign_items(&graph, caller, &found.record).await?;
        let rows = self.rows(&graph, &found, seen.items(None));
        let more = seen.count().saturating_sub(rows.len());
        let halt = match found.status.halt.clone() {
            Some(halt) => Some(self.halted(&seen, halt).await?),
            None => None,
        };
        let tally = seen.tally();
        Ok(CampaignView {
            waves: waves(&found, &seen),
            items: rows,
            more,
            frozen: tally.frozen,
            scope: tally.scope(),
            days: tally.points(as_of(&found, self.now())),
            halt,
            waits: found.status.waits.clone(),
            started: found.status.started.clone(),
            decided: found.status.decided.clone(),
            exemptions: told_exemptions(&graph, &caller.audience, seen.status(&found).exemptions),
            line: line(&found, &tally, self.now()),
        })
    }

    /// What campaigns that are under way want of some teams.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn campaigns_of(&self, caller: &Caller, teams: &[Ref]) -> Result<Vec<Mine>> {
        let graph = self.graph();
        let mut mine = Vec::new();
        for found in all(&graph, &caller.audience).into_iter().filter(|found| found.status.state.is_live()) {
            let seen = self.campaign_items(&graph, caller, &found.record).await?;
            let theirs = seen.items(Some(teams)).filter(|(_, item)| item.state != ItemState::NotApplicable);
            let rows = self.rows(&graph, &found, theirs);
            let total = rows.len();
            let open: Vec<ItemRow> =
                rows.into_iter().filter(|row| !matches!(row.state, ItemState::Done | ItemState::Exempt)).collect();
            if total > 0 {
                mine.push(Mine { line: line(&found, &seen.tally(), self.now()), open, total });
            }
        }
        Ok(mine)
    }

    /// What the caller sees of the items of a campaign. They change only with its record, so a revision is read once.
    async fn campaign_items(&self, graph: &Graph, caller: &Caller, record: &Record) -> Result<Seen> {
        let seen = |kept: Arc<Kept>| Ok(Seen::of(graph, &caller.audience, kept));
        let known = self.campaign_items.load().get(&record.uid).cloned();
        let rows = match &known {
            Some(kept) if kept.at(record.revision).is_some() && kept.holds(graph) => return seen(Arc::clone(kept)),
            Some(kept) => kept.at(record.revision).cloned(),
            None => None,
        };
        let rows = match rows {
            Some(rows) => rows,
            None => Arc::new(Rows::read(record.uid, &self.store.items_of(record.uid).await?)),
        };
        let kept = Arc::new(Kept::new(graph, record.revision, rows));
        self.campaign_items.rcu(|old| old.update(record.uid, Arc::clone(&kept)));
        seen(kept)
    }

    /// Why it stopped, with the last lines of the run that was one too many, as far as the caller may see it.
    async fn halted(&self, seen: &Seen, halt: Halt) -> Result<HaltView> {
        let Some(item) = seen.item(halt.item) else {
            let message = "Something failed that you may not see.".to_owned();
            let (at, wave) = (halt.at, halt.wave);
            return Ok(HaltView { at, wave, instance: None, message, operation: None, lines: Vec::new() });
        };
        let mut lines = Vec::new();
        if let Some(operation) = halt.operation {
            let all = self.log_lines(operation, 0).await?;
            lines = all.iter().rev().take(3).map(|line| (line.seq, line.text.clone())).collect();
            lines.reverse();
        }
        let (instance, message) = (item.instance.parse().ok(), item.message.clone());
        Ok(HaltView { at: halt.at, wave: halt.wave, instance, message, operation: halt.operation, lines })
    }

    /// Items as rows.
    fn rows<'a>(&self, graph: &Graph, found: &Found, items: impl Iterator<Item = (Uid, &'a Item)>) -> Vec<ItemRow> {
        let readings = super::scope::Readings::new();
        let scope = Scope::read(graph, self.now(), &found.spec, &readings).ok();
        let shown: Vec<(&Item, Option<Member>)> =
            items.take(ROWS).map(|(uid, item)| (item, Member::of(graph, uid))).collect();
        let members: Vec<&Member> = shown.iter().filter_map(|(_, member)| member.as_ref()).collect();
        let targets = scope.as_ref().map(|scope| Targets::of(scope, &members));
        shown.iter().filter_map(|(item, member)| row(graph, found, item, member.as_ref(), targets.as_ref())).collect()
    }
}

fn found(graph: &Graph, caller: &Caller, name: &Ref) -> Result<Found> {
    let record = visible(graph, &caller.audience, name)?;
    Found::read(&record).ok_or_else(|| Error::Internal(format!("{name} does not fit its type")))
}

/// Until when the curve of a campaign is drawn: to the day on which it was over.
fn as_of(found: &Found, now: Micros) -> Micros {
    let over = found.status.decided.as_ref().filter(|_| found.status.state == CampaignState::Ended);
    over.map_or(now, |deed| deed.at)
}

fn row(
    graph: &Graph,
    found: &Found,
    item: &Item,
    member: Option<&Member>,
    targets: Option<&Targets>,
) -> Option<ItemRow> {
    let team: Ref = item.team.parse().ok()?;
    let over = matches!(item.state, ItemState::Done | ItemState::Exempt | ItemState::NotApplicable);
    let step = member.map(|member| member.spec.step).unwrap_or_default();
    let way = member.zip(targets).and_then(|(member, targets)| targets.way(member).ok());
    let (what, words) = todo(member, way, &found.spec.to);
    Some(ItemRow {
        instance: item.instance.parse().ok()?,
        team_title: graph.get(&team).map_or_else(|| team.name().to_owned(), |group| group.parse().title().to_owned()),
        team,
        environment: member.map(|member| member.spec.environment.clone()).unwrap_or_default(),
        step,
        wave: found.spec.wave_name(item.wave),
        before: item.before.clone(),
        version: member.map(|member| member.version().to_owned()).unwrap_or_default(),
        state: item.state,
        since: item.since,
        delta: item.delta,
        what: if over { What::Nothing } else { what },
        todo: if over { String::new() } else { words },
        message: item.message.clone(),
        operation: item.operation,
        snooze: item.snooze.clone(),
    })
}

fn waves(found: &Found, seen: &Seen) -> Vec<WaveView> {
    let count = found.spec.waves().len().max(seen.last_wave() + 1);
    let live = found.status.state != CampaignState::Draft && found.status.state != CampaignState::Scheduled;
    let one = |wave: usize| WaveView {
        name: found.spec.wave_name(wave),
        open: live && wave <= found.status.wave,
        counts: seen.wave(wave).counts,
    };
    (0..count).map(one).collect()
}

fn line(found: &Found, tally: &Tally, now: Micros) -> CampaignLine {
    let (spec, status) = (&found.spec, &found.status);
    let days = tally.points(as_of(found, now));
    CampaignLine {
        campaign: found.record.reference.clone(),
        title: found.record.parse().title().to_owned(),
        purpose: spec.purpose.clone(),
        offering: spec.offering.clone(),
        to: spec.to.clone(),
        state: status.state,
        ended_as: status.ended_as,
        overdue: status.is_overdue(spec, now),
        deadline: spec.deadline,
        wave: if status.state.is_live() { spec.wave_name(status.wave) } else { String::new() },
        counts: tally.counts,
        forecast: forecast(&days).filter(|_| status.state.is_live()),
    }
}
