//! Teams: the groups that run things, and not the departments above them.

use crate::access::caller::Caller;
use crate::record::suggestion;
use loggia_graph::{Audience, Graph};
use loggia_model::{Record, Ref, RelationType};
use std::sync::Arc;

/// Whether a group is a team, for an audience: it sees no groups below it.
pub fn is_team(graph: &Graph, audience: &Audience, group: &Ref) -> bool {
    graph.related(audience, group, RelationType::PARENT_OF).is_empty()
}

/// The teams that a caller belongs to, in order of names; their groups when none of these is a team.
pub fn own(graph: &Graph, caller: &Caller) -> Vec<Arc<Record>> {
    let visible = |team: &Ref| graph.get(team).filter(|record| graph.visible(&caller.audience, record)).cloned();
    let mut teams: Vec<Arc<Record>> = caller.teams.iter().filter_map(visible).collect();
    let is_one = |team: &Arc<Record>| is_team(graph, &caller.audience, &team.reference);
    if teams.iter().any(is_one) {
        teams.retain(is_one);
    }
    teams.sort_by(|a, b| a.reference.cmp(&b.reference));
    teams
}

/// That there is no team of a name, and which may have been meant.
pub(crate) fn no_team(graph: &Graph, audience: &Audience, wanted: &str) -> String {
    format!("There is no team {wanted:?}. {}", suggestion::of_kind(graph, audience, "group", wanted))
}
