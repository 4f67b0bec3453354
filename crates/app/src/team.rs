//! Teams: the groups that run things, and not the departments above them.

use crate::caller::Caller;
use loggia_graph::{Audience, Graph};
use loggia_model::{Record, Ref, RelationType};
use std::sync::Arc;

/// Whether a group is a team: there are no groups below it.
pub fn is_team(graph: &Graph, group: &Ref) -> bool {
    graph.related(&Audience::All, group, RelationType::PARENT_OF).is_empty()
}

/// The teams that a caller belongs to, in order of names; their groups when none of these is a team.
pub fn own(graph: &Graph, caller: &Caller) -> Vec<Arc<Record>> {
    let visible = |team: &Ref| graph.get(team).filter(|record| graph.visible(&caller.audience, record)).cloned();
    let mut teams: Vec<Arc<Record>> = caller.teams.iter().filter_map(visible).collect();
    if teams.iter().any(|team| is_team(graph, &team.reference)) {
        teams.retain(|team| is_team(graph, &team.reference));
    }
    teams.sort_by(|a, b| a.reference.cmp(&b.reference));
    teams
}
