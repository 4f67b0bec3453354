//! What a followed catalog serves and this server does not take over, with why.

use crate::record::misspelt::GROUPS;
use crate::record::warnings::Warning;
use loggia_model::{Kind, Problem, Ref, Severity};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LeftOut {
    /// What another platform offers and runs, of this kind: it is looked after there.
    Own(String),
    /// A kind that its makers added, and nobody knows here; with its version.
    Foreign(String, String),
}

impl LeftOut {
    /// What an entity is; none when it is of the catalog.
    pub(super) fn of(entity: &Value) -> Option<LeftOut> {
        let text = |name: &str| entity.get(name).and_then(Value::as_str).unwrap_or_default();
        let (kind, version) = (text("kind"), text("apiVersion"));
        let group = version.split('/').next().unwrap_or_default();
        if group == "loggia.dev" {
            return Some(LeftOut::Own(kind.to_owned()));
        }
        // Without a version it is wrong, and not foreign.
        let known = version.is_empty() || GROUPS.contains(&group);
        let foreign = !known || Kind::find(kind).is_none();
        foreign.then(|| LeftOut::Foreign(kind.to_owned(), version.to_owned()))
    }

    fn warning(&self, count: usize) -> Warning {
        let are = if count == 1 { "is" } else { "are" };
        let (message, mend) = match self {
            LeftOut::Own(kind) => (
                format!(
                    "{count} of the kind {kind} {are} not taken over: what another platform offers and runs is looked \
                     after there"
                ),
                "Look at them there. To have them here, describe them in a repository of this platform.",
            ),
            LeftOut::Foreign(kind, version) => (
                format!("{count} of the kind {kind} ({version}) {are} not taken over: nobody knows that kind here"),
                "Look at them there; nothing needs to be done.",
            ),
        };
        warning(message, mend)
    }
}

fn warning(message: String, mend: &str) -> Warning {
    let problem = Problem::new("catalog.left-out", "", message, mend);
    Warning { problem: Problem { severity: Severity::Warning, ..problem }, target: None }
}

/// What is left out, with how many of each; and how many could not be read at all.
pub(super) fn told(left: &BTreeMap<Ref, LeftOut>, nameless: usize) -> Vec<Warning> {
    let mut counts: BTreeMap<&LeftOut, usize> = BTreeMap::new();
    for one in left.values() {
        *counts.entry(one).or_default() += 1;
    }
    let nameless = (nameless > 0).then(|| {
        let message = format!("{nameless} without a kind or a name cannot be taken over");
        warning(message, "Correct them there.")
    });
    counts.into_iter().map(|(one, count)| one.warning(count)).chain(nameless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use loggia_model::kinds;
    use serde_json::json;

    #[test]
    fn what_the_catalog_has_is_taken_and_the_rest_is_told() {
        for kind in kinds::ALL {
            for version in kind.api_versions {
                let entity = json!({"apiVersion": version, "kind": kind.name});
                let own = version.starts_with("loggia.dev/").then(|| LeftOut::Own(kind.name.to_owned()));
                assert_eq!(LeftOut::of(&entity), own, "{version} {}", kind.name);
            }
        }
        for (version, kind) in
            [("grafana.acme.com/v1", "Dashboard"), ("backstage.io/v1alpha1", "Team"), ("acme.com/v1", "Component")]
        {
            let entity = json!({"apiVersion": version, "kind": kind});
            assert_eq!(LeftOut::of(&entity), Some(LeftOut::Foreign(kind.into(), version.into())));
        }
        assert_eq!(LeftOut::of(&json!({"kind": "Component"})), None, "what is wrong with it is told");
    }
}
