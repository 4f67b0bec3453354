//! Whose a reported thing is: as the report says; else of the team to which the reporter is bound, else of the owner of the
//! component of that name.

use super::{Observed, observed};
use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::command::Ctx;
use crate::error::Result;
use loggia_graph::{Graph, Predicate, Query};
use loggia_model::{Record, Ref};

/// What is said of a report that nothing gives a team.
pub(super) const NOBODYS: &str = "It does not say whose it is, and no component of this name says it either: give \
                                  customData.team, a subject like team/service, or describe the component.";

/// The team of a report, checked: only who may speak for a team may say what it runs. None when nobody knows it.
///
/// # Errors
/// [`crate::Error::Invalid`] for what is no name of a team, [`crate::Error::Forbidden`] for a team that is not theirs.
pub(super) fn team(graph: &Graph, seen: &Observed, ctx: &Ctx<'_>) -> Result<Option<Ref>> {
    let team = match seen.team.is_empty() {
        true => unsaid(graph, ctx.caller, seen),
        false => Some(observed::team(seen)?),
    };
    ctx.require(Action::Observe, &Subject { team: team.clone(), owner: None })?;
    Ok(team)
}

/// The same for what is only looked up.
pub(super) fn known(graph: &Graph, caller: &Caller, seen: &Observed) -> Option<Ref> {
    if seen.team.is_empty() { unsaid(graph, caller, seen) } else { observed::team(seen).ok() }
}

fn unsaid(graph: &Graph, caller: &Caller, seen: &Observed) -> Option<Ref> {
    if let Some(team) = caller.bound() {
        return Some(team.clone());
    }
    let name = seen.name.as_ref().unwrap_or(&seen.offering).to_lowercase();
    let own = graph.get(&Ref::new("component", "default", &name)).filter(|one| graph.visible(&caller.audience, one));
    if let Some(component) = own {
        return owner(component);
    }
    let predicate = Predicate::equals("kind", "component").and(Predicate::equals("metadata.name", &*name));
    match graph.query(&caller.audience, &Query { predicate, ..Query::default() }).records.as_slice() {
        [only] => owner(only),
        _ => None,
    }
}

/// The group that owns a component; a person is no team.
fn owner(component: &Record) -> Option<Ref> {
    let text = component.parse();
    let owner = Ref::parse(text.spec_text("owner"), Some("group"), text.namespace()).ok()?;
    (owner.kind() == "group").then_some(owner)
}
