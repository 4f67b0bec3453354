//! Who may write which record: by its kind, by what it is now and by what it is to become.
//!
//! What gives rights or reaches a backend is not written by those whom it would give them to: people, groups, products
//! and environments are the administrator's, and come from the operator's repositories otherwise. What is offered is
//! the product team's and its owner's. What runs is ordered, observed or enrolled, never just written.

use crate::error::Result;
use crate::policy::{Action, Subject};
use loggia_graph::Graph;
use loggia_model::{Document, Ref};

/// The group that may write a record of the catalog: its owner, or the team whose thing it is.
pub fn subject_of(document: &Document) -> Subject {
    let group = |text: &str| Ref::parse(text, Some("group"), document.namespace()).ok();
    let team = match document.kind().to_ascii_lowercase().as_str() {
        "instance" => group(document.spec_text("team")),
        "group" => Some(document.reference()),
        _ => None,
    };
    let owner = match document.spec_text("owner") {
        "" => group(document.spec_text("team")),
        owner => group(owner),
    };
    Subject { team, owner }
}

/// What it takes to write or remove one document. `action` is [`Action::Apply`] or [`Action::Delete`].
fn needed(graph: &Graph, action: Action, document: &Document) -> (Action, Subject) {
    match document.reference().kind() {
        "user" | "group" | "product" | "environment" | "instance" => (Action::Administer, Subject::default()),
        // A release is its offering's; what its own text says of an owner counts for nothing.
        "release" => {
            let offering = graph.get(&Ref::new("offering", "default", document.spec_text("offering")));
            (action, offering.map(|record| subject_of(&record.parse())).unwrap_or_default())
        }
        _ => (action, subject_of(document)),
    }
}

/// Passes when a caller may make of one text another; no text before means that it is new, none after that it goes.
/// It must have been theirs before, and what they give away must be theirs to give.
///
/// # Errors
/// What `require` says, who may.
pub fn may_write(
    graph: &Graph,
    before: Option<&Document>,
    after: Option<&Document>,
    require: impl Fn(Action, &Subject) -> Result<()>,
) -> Result<()> {
    let action = if after.is_some() { Action::Apply } else { Action::Delete };
    for document in [before, after].into_iter().flatten() {
        let (action, mut subject) = needed(graph, action, document);
        if before.is_none() && document.reference().kind() == "offering" {
            // Anybody may own a component; what the platform offers is decided by the product team.
            subject = Subject::default();
        }
        require(action, &subject)?;
    }
    Ok(())
}
