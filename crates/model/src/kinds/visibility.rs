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

/// The group that a record belongs to: `spec.team`, else `spec.owner`.
fn team(document: &Document) -> Option<Ref> {
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
