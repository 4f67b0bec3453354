//! Who may see a record, from its annotations.

use crate::{Document, Problem, Ref, Scope, reference::DEFAULT_NAMESPACE};

/// The annotation that says who may see a record: `company` (as without it), `team` or `product`.
pub const VISIBILITY: &str = "loggia.dev/visibility";
/// The annotation that shows a record to a partner organisation as well: the name of its namespace.
pub const PARTNER: &str = "loggia.dev/partner";

/// The scopes of a record. An unknown visibility, or `team` without a team, is seen by the product team only.
pub fn scopes(document: &Document) -> Vec<Scope> {
    let mut scopes = vec![match document.annotation(VISIBILITY) {
        "" | "company" => Scope::Company,
        "team" => team(document).map_or(Scope::Product, |team| Scope::Team(team.as_str().into())),
        _ => Scope::Product,
    }];
    let partner = document.annotation(PARTNER);
    if !partner.is_empty() {
        scopes.push(Scope::Partner(partner.to_lowercase().into()));
    }
    scopes
}

/// The group that a record belongs to: `spec.team`, else `spec.owner`. A group belongs to itself.
fn team(document: &Document) -> Option<Ref> {
    let own = document.reference();
    if own.kind() == "group" {
        return Some(own);
    }
    let text = match document.spec_text("team") {
        "" => document.spec_text("owner"),
        team => team,
    };
    let owner = Ref::parse(text, Some("Group"), DEFAULT_NAMESPACE).ok()?;
    (owner.kind() == "group").then_some(owner)
}

/// A problem when the annotation has an unknown value.
pub fn check(document: &Document, out: &mut Vec<Problem>) {
    let value = document.annotation(VISIBILITY);
    if !["", "company", "team", "product"].contains(&value) {
        out.push(Problem::new(
            "visibility",
            format!("metadata.annotations.{VISIBILITY}"),
            format!("Nobody knows the visibility {value:?}"),
            "Write `company`, `team` or `product`.",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::scopes;
    use crate::{Document, Scope};
    use serde_json::json;

    #[test]
    fn a_team_is_whoever_a_thing_belongs_to_and_a_group_belongs_to_itself() {
        for (kind, spec, team) in [
            ("Group", json!({"type": "team"}), Some("group:data/lake")),
            ("Group", json!({"type": "team", "parent": "all", "owner": "other"}), Some("group:data/lake")),
            ("Component", json!({"owner": "gate"}), Some("group:default/gate")),
            ("Instance", json!({"team": "gate", "owner": "other"}), Some("group:default/gate")),
            ("Component", json!({"owner": "user:default/ann"}), None),
            ("User", json!({"memberOf": ["gate"]}), None),
        ] {
            let metadata =
                json!({"name": "lake", "namespace": "data", "annotations": {"loggia.dev/visibility": "team"}});
            let document = Document(json!({"kind": kind, "metadata": metadata, "spec": spec}));
            let wanted = team.map_or(Scope::Product, |team| Scope::Team(team.into()));
            assert_eq!(scopes(&document), [wanted], "{kind} {spec}");
        }
    }
}
