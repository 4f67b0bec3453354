//! The namespace of what a team has, and the names in it.

use crate::App;
use crate::error::{Error, Result};
use loggia_graph::{Audience, Graph, Predicate, Query};
use loggia_model::kinds::instance::{InstanceSpec, metadata_name};
use loggia_model::{Document, Record, Ref, naming};
use serde_json::json;

impl App {
    /// The team whose namespace that is, among those that are there.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub fn team_of_namespace(&self, namespace: &str) -> Result<Ref> {
        let its = |team: &Ref| naming::namespace(team) == namespace || naming::earlier_namespace(team) == namespace;
        let graph = self.graph();
        let mut teams = graph.of_kind(&Audience::All, "group").map(|record| record.reference.clone());
        teams.find(its).ok_or_else(|| Error::NotFound(format!("There is no team of the namespace {namespace}.")))
    }
}

/// The name of what a team has in an environment: what it had under an earlier rule keeps it.
pub(crate) fn reference_of(graph: &Graph, team: &Ref, name: &str, environment: &str) -> Ref {
    let of = |namespace: String| Ref::new("instance", &namespace, &metadata_name(name, environment));
    let earlier = of(naming::earlier_namespace(team));
    // Another team's namespace of now may be what this one's was.
    let its = |record: &Record| record.spec::<InstanceSpec>().is_ok_and(|spec| spec.team_ref().as_ref() == Some(team));
    let there = graph.get(&earlier).is_some_and(|record| its(record));
    if there { earlier } else { of(naming::namespace(team)) }
}

/// The namespace of a team, refused when something of another team stands there: repositories and instances are found
/// by it, so it is one team's only.
pub(crate) fn namespace_of(graph: &Graph, team: &Ref) -> Result<String> {
    let namespace = naming::namespace(team);
    let there = Query {
        predicate: Predicate::equals("kind", "instance").and(Predicate::equals("metadata.namespace", &*namespace)),
        ..Query::default()
    };
    let other = graph
        .query(&Audience::All, &there)
        .records
        .iter()
        .any(|record| record.spec::<InstanceSpec>().is_ok_and(|spec| spec.team_ref().as_ref() != Some(team)));
    match other {
        false => Ok(namespace),
        true => Err(Error::invalid(
            "order.team",
            "team",
            format!("The names of {} are another team's already", team.name()),
            "Rename the group.",
        )),
    }
}

/// The document of an instance (decision 4).
pub(crate) fn document(team: &str, name: &str, environment: &str, spec: &InstanceSpec) -> Result<Document> {
    Ok(Document(json!({
        "apiVersion": "loggia.dev/v1",
        "kind": "Instance",
        "metadata": {"name": metadata_name(name, environment), "namespace": team},
        "spec": serde_json::to_value(spec)?,
    })))
}
