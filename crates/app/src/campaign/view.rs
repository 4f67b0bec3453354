//! Campaigns as people and programs see them: how far each is, who is where, and what is mine to do.

use super::lines::{CampaignLine, CampaignView, HaltView, ItemRow, Mine, WaveView};
use super::plan::{What, todo};
use super::scope::{Member, Scope};
use super::target::Targets;
use super::{Found, all, items};
use crate::App;
use crate::access::caller::Caller;
use crate::access::visibility::is_told;
use crate::checks::running_version;
use crate::error::{Error, Result};
use crate::record::visible;
use loggia_graph::Graph;
use loggia_model::campaign::{CampaignState, Counts, Halt, Item, ItemState, Point, forecast};
use loggia_model::{Micros, Record, Ref, Uid};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many rows a view gives at most; the rest is counted.
const ROWS: usize = 500;

/// The items of a campaign at one of its revisions.
pub(crate) type Kept = (i64, Arc<BTreeMap<Uid, Item>>);

impl App {
    /// Every campaign that the caller may see: what is under way first, what is over last.
    pub fn campaigns(&self, caller: &Caller) -> Vec<CampaignLine> {
        let graph = self.graph();
        let mut lines: Vec<CampaignLine> =
            all(&graph, &caller.audience).iter().map(|found| line(found, self.now())).collect();
        let rank = |line: &CampaignLine| match line.state {
            CampaignState::Halted => 0,
            CampaignState::Running | CampaignState::Paused => 1,
            CampaignState::Scheduled => 2,
            CampaignState::Draft => 3,
            CampaignState::Ended => 4,
        };
        lines.sort_by(|a, b| (rank(a), a.deadline, &a.campaign).cmp(&(rank(b), b.deadline, &b.campaign)));
        lines
    }

    /// How far a campaign is, day by day, and when it will be over: worked out from its status alone.
    ///
    /// # Errors
    /// [`Error::NotFound`], the same whether it does not exist or may not be seen.
    pub fn burn_down(&self, caller: &Caller, name: &Ref) -> Result<(CampaignLine, Vec<Point>)> {
        let found = self.found(caller, name)?;
        Ok((line(&found, self.now()), found.status.days))
    }

    /// One campaign with all that is known of it.
    ///
    /// # Errors
    /// As [`App::burn_down`]; [`Error::Unavailable`] when the database does not answer.
    pub async fn campaign(&self, caller: &Caller, name: &Ref) -> Result<CampaignView> {
        let found = self.found(caller, name)?;
        let kept = self.campaign_items(&found.record).await?;
        let graph = self.graph();
        let rows = self.rows(&graph, caller, &found, &kept, |_| true);
        let more = kept.len().saturating_sub(rows.len());
        let halt = match found.status.halt.clone() {
            Some(halt) => Some(self.halted(&graph, caller, &kept, halt).await?),
            None => None,
        };
        Ok(CampaignView {
            waves: waves(&found, &kept),
            items: rows,
            more,
            frozen: found.status.frozen,
            scope: found.status.scope.clone(),
            days: found.status.days.clone(),
            halt,
            waits: found.status.waits.clone(),
            started: found.status.started.clone(),
            decided: found.status.decided.clone(),
            exemptions: found.status.exemptions.clone(),
            line: line(&found, self.now()),
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
            let kept = self.campaign_items(&found.record).await?;
            let theirs = |item: &Item| {
                item.state != ItemState::NotApplicable && teams.iter().any(|team| team.as_str() == item.team)
            };
            let rows = self.rows(&graph, caller, &found, &kept, theirs);
            let total = rows.len();
            let open: Vec<ItemRow> =
                rows.into_iter().filter(|row| !matches!(row.state, ItemState::Done | ItemState::Exempt)).collect();
            if total > 0 {
                mine.push(Mine { line: line(&found, self.now()), open, total });
            }
        }
        Ok(mine)
    }

    fn found(&self, caller: &Caller, name: &Ref) -> Result<Found> {
        let record = visible(&self.graph(), &caller.audience, name)?;
        Found::read(&record).ok_or_else(|| Error::Internal(format!("{name} does not fit its type")))
    }

    /// The items of a campaign. They change only with its record, so a revision is read once.
    async fn campaign_items(&self, record: &Record) -> Result<Arc<BTreeMap<Uid, Item>>> {
        let known = self.campaign_items.load().get(&record.uid).cloned();
        if let Some((_, kept)) = known.filter(|(revision, _)| *revision == record.revision) {
            return Ok(kept);
        }
        let kept = Arc::new(items(&self.store.items_of(record.uid).await?));
        self.campaign_items.rcu(|old| old.update(record.uid, (record.revision, Arc::clone(&kept))));
        Ok(kept)
    }

    /// Why it stopped, with the last lines of the run that was one too many, as far as the caller may see it.
    async fn halted(&self, graph: &Graph, caller: &Caller, kept: &BTreeMap<Uid, Item>, halt: Halt) -> Result<HaltView> {
        let item = kept.get(&halt.item).filter(|item| self.shown(graph, caller, halt.item, item).is_some());
        let Some(item) = item else {
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

    /// Items as rows: what needs somebody first. What the caller may not see is left out.
    fn rows(
        &self,
        graph: &Graph,
        caller: &Caller,
        found: &Found,
        kept: &BTreeMap<Uid, Item>,
        wanted: impl Fn(&Item) -> bool,
    ) -> Vec<ItemRow> {
        let rank = |item: &Item| match item.state {
            ItemState::Failed => 0,
            ItemState::Regressed => 1,
            ItemState::Changing => 2,
            ItemState::Notified => 3,
            ItemState::Pending => 4,
            ItemState::Exempt => 5,
            ItemState::Done => 6,
            ItemState::NotApplicable => 7,
        };
        let mut chosen: Vec<(&Uid, &Item)> = kept.iter().filter(|(_, item)| wanted(item)).collect();
        chosen.sort_by_key(|(_, item)| (rank(item), item.wave, &item.team, &item.instance));
        let readings = super::scope::Readings::new();
        let scope = Scope::read(graph, self.now(), &found.spec, &readings).ok();
        let shown: Vec<(&Item, Option<Member>)> = chosen
            .into_iter()
            .filter_map(|(uid, item)| Some((item, self.shown(graph, caller, *uid, item)?)))
            .take(ROWS)
            .collect();
        let members: Vec<&Member> = shown.iter().filter_map(|(_, member)| member.as_ref()).collect();
        let targets = scope.as_ref().map(|scope| Targets::of(scope, &members));
        shown.iter().filter_map(|(item, member)| row(graph, found, item, member.as_ref(), targets.as_ref())).collect()
    }

    /// The instance of an item as the caller may see it; none inside when it is gone, none at all when they may not.
    fn shown(&self, graph: &Graph, caller: &Caller, uid: Uid, item: &Item) -> Option<Option<Member>> {
        let team: Ref = item.team.parse().ok()?;
        if !is_told(graph, &caller.audience, &team) {
            return None;
        }
        let Some(record) = graph.by_uid(uid) else { return Some(None) };
        graph.visible(&caller.audience, record).then_some(())?;
        Some(Some(Member { record: record.clone(), spec: record.spec().ok()?, status: record.typed_status().ok()? }))
    }
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
    let known_by = member.map_or("", |member| member.status.known_by.as_str());
    let (what, words) = todo(step, way, &found.spec.to, known_by);
    Some(ItemRow {
        instance: item.instance.parse().ok()?,
        team_title: graph.get(&team).map_or_else(|| team.name().to_owned(), |group| group.parse().title().to_owned()),
        team,
        environment: member.map(|member| member.spec.environment.clone()).unwrap_or_default(),
        step,
        wave: found.spec.wave_name(item.wave),
        before: item.before.clone(),
        version: member.and_then(|member| running_version(&member.record)).unwrap_or_default(),
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

fn waves(found: &Found, kept: &BTreeMap<Uid, Item>) -> Vec<WaveView> {
    let last = kept.values().map(|item| item.wave).max().unwrap_or_default();
    let count = found.spec.waves().len().max(last + 1);
    let live = found.status.state != CampaignState::Draft && found.status.state != CampaignState::Scheduled;
    let one = |wave: usize| WaveView {
        name: found.spec.wave_name(wave),
        open: live && wave <= found.status.wave,
        counts: Counts::of(kept.values().filter(|item| item.wave == wave)),
    };
    (0..count).map(one).collect()
}

fn line(found: &Found, now: Micros) -> CampaignLine {
    let (spec, status) = (&found.spec, &found.status);
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
        counts: status.counts,
        forecast: forecast(&status.days).filter(|_| status.state.is_live()),
    }
}
