//! The items of a campaign as they are kept, and in groups of which somebody sees all or nothing: so that everybody is told
//! the counts of what they see, however many there are.

use super::{Found, whole};
use crate::access::visibility::is_told;
use loggia_graph::{Audience, Graph};
use loggia_model::campaign::{CampaignStatus, Item, ItemState, Tally};
use loggia_model::{Ref, Scope, Uid};
use loggia_store::Item as Row;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;
use std::sync::Arc;

/// The rows of a campaign.
pub(crate) struct Rows {
    /// Its items.
    pub(crate) items: BTreeMap<Uid, Item>,
    /// What of its status is kept beside the record.
    apart: Value,
}

impl Rows {
    /// Reads them.
    pub(crate) fn read<'a>(campaign: Uid, rows: impl IntoIterator<Item = &'a Row>) -> Rows {
        let mut apart = Value::Null;
        let mut items = BTreeMap::new();
        for row in rows {
            if row.about == campaign {
                apart.clone_from(&row.data);
            } else if let Ok(item) = serde_json::from_value(row.data.clone()) {
                items.insert(row.about, item);
            }
        }
        Rows { items, apart }
    }

    /// The whole status of a campaign.
    pub(crate) fn status(&self, found: &Found) -> CampaignStatus {
        whole(&found.status, &self.apart).unwrap_or_else(|_| found.status.clone())
    }
}

/// The items of a campaign at one of its revisions.
pub(crate) struct Kept {
    /// The revision of the campaign.
    revision: i64,
    /// Up to which change of who sees what the groups hold.
    sight: u64,
    pub(crate) rows: Arc<Rows>,
    /// The items by how much they need somebody, each with its group.
    order: Vec<(Uid, usize)>,
    groups: Vec<Group>,
}

/// Items that the same people see, of one team and one wave.
struct Group {
    team: Option<Ref>,
    /// Who sees the instances; none for those that are no more.
    scopes: Option<Arc<[Scope]>>,
    wave: usize,
    tally: Tally,
}

/// What somebody sees of the items of a campaign.
pub(crate) struct Seen {
    kept: Arc<Kept>,
    /// For each group, whether it is seen.
    groups: Vec<bool>,
}

impl Kept {
    /// Puts items into groups, as the graph says who sees them.
    pub(crate) fn new(graph: &Graph, revision: i64, rows: Arc<Rows>) -> Kept {
        let mut chosen: Vec<(&Uid, &Item)> = rows.items.iter().collect();
        chosen.sort_by_key(|(_, item)| (rank(item.state), item.wave, &item.team, &item.instance));
        let mut numbers: HashMap<(&str, Option<&[Scope]>, usize), usize> = HashMap::new();
        let mut groups: Vec<Group> = Vec::new();
        let mut order = Vec::with_capacity(chosen.len());
        for (uid, item) in chosen {
            let scopes = graph.scopes_of(*uid);
            let key = (item.team.as_str(), scopes.map(|scopes| &**scopes), item.wave);
            let number = *numbers.entry(key).or_insert_with(|| {
                let (team, tally) = (item.team.parse().ok(), Tally::default());
                groups.push(Group { team, scopes: scopes.cloned(), wave: item.wave, tally });
                groups.len() - 1
            });
            groups[number].tally.add(item);
            order.push((*uid, number));
        }
        drop(numbers);
        Kept { revision, sight: graph.sight_changes(), rows, order, groups }
    }

    /// Its items, if they are those of a revision of the campaign.
    pub(crate) fn at(&self, revision: i64) -> Option<&Arc<Rows>> {
        Some(&self.rows).filter(|_| self.revision == revision)
    }

    /// Whether the groups are those of a snapshot.
    pub(crate) fn holds(&self, graph: &Graph) -> bool {
        self.sight == graph.sight_changes()
    }
}

impl Seen {
    /// What an audience sees.
    pub(crate) fn of(graph: &Graph, audience: &Audience, kept: Arc<Kept>) -> Seen {
        let groups = kept.groups.iter().map(|group| group.is_seen(graph, audience)).collect();
        Seen { kept, groups }
    }

    /// What they add up to.
    pub(crate) fn tally(&self) -> Tally {
        self.sum(|_| true)
    }

    /// What those of a wave add up to.
    pub(crate) fn wave(&self, wave: usize) -> Tally {
        self.sum(|group| group.wave == wave)
    }

    fn sum(&self, wanted: impl Fn(&Group) -> bool) -> Tally {
        let mut sum = Tally::default();
        let groups = self.kept.groups.iter().zip(&self.groups).filter(|(group, seen)| **seen && wanted(group));
        groups.for_each(|(group, _)| sum.add_assign(&group.tally));
        sum
    }

    /// The last wave in which there is something.
    pub(crate) fn last_wave(&self) -> usize {
        let groups = self.kept.groups.iter().zip(&self.groups).filter(|(_, seen)| **seen);
        groups.map(|(group, _)| group.wave).max().unwrap_or_default()
    }

    /// The items, what needs somebody first; of some teams only, where they are given.
    pub(crate) fn items<'a>(&'a self, teams: Option<&[Ref]>) -> impl Iterator<Item = (Uid, &'a Item)> {
        let theirs = |group: &Group| teams.is_none_or(|teams| group.team.as_ref().is_some_and(|t| teams.contains(t)));
        let groups = self.kept.groups.iter().zip(&self.groups);
        let wanted: Vec<bool> = groups.map(|(group, seen)| *seen && theirs(group)).collect();
        let order = self.kept.order.iter().filter(move |(_, group)| wanted[*group]);
        order.filter_map(|(uid, _)| Some((*uid, self.kept.rows.items.get(uid)?)))
    }

    /// How many of the items are seen.
    pub(crate) fn count(&self) -> usize {
        self.kept.order.iter().filter(|(_, group)| self.groups[*group]).count()
    }

    /// One item.
    pub(crate) fn item(&self, uid: Uid) -> Option<&Item> {
        let (uid, _) = self.kept.order.iter().find(|(one, group)| *one == uid && self.groups[*group])?;
        self.kept.rows.items.get(uid)
    }

    /// The whole status of the campaign. Only what says nothing of single instances may be told of it.
    pub(crate) fn status(&self, found: &Found) -> CampaignStatus {
        self.kept.rows.status(found)
    }
}

impl Group {
    fn is_seen(&self, graph: &Graph, audience: &Audience) -> bool {
        if *audience == Audience::All {
            return true;
        }
        let Some(team) = &self.team else { return false };
        // What is no more is told to its team, and to the product team.
        let gone = || [Scope::Product, Scope::Team(team.as_str().into())];
        let admits = match &self.scopes {
            Some(scopes) => audience.admits(scopes),
            None => audience.admits(&gone()),
        };
        admits && is_told(graph, audience, team)
    }
}

fn rank(state: ItemState) -> usize {
    match state {
        ItemState::Failed => 0,
        ItemState::Regressed => 1,
        ItemState::Changing => 2,
        ItemState::Notified => 3,
        ItemState::Pending => 4,
        ItemState::Exempt => 5,
        ItemState::Done => 6,
        ItemState::NotApplicable => 7,
    }
}
