//! Who may write which record: by its kind, by what it is now and by what it is to become.
//!
//! What gives rights or reaches a backend is not written by those whom it would give them to: people, groups, products
//! and environments are the administrator's, and come from the operator's repositories otherwise. What is offered is
//! the product team's and its owner's. What runs is ordered, observed or enrolled, never just written.
//!
//! And only who sees a whole namespace creates in it (decision 3): otherwise a refused name would tell them what they may
//! not see.

use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::error::{Error, Result};
use loggia_graph::{Audience, Graph};
use loggia_model::naming;
use loggia_model::reference::DEFAULT_NAMESPACE;
use loggia_model::{Document, Kind, Ref, Scope};

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
        // A campaign moves what others run, and a check may speak of everything: both are the product's.
        "check" => (action, Subject::default()),
        "campaign" => {
            let offering = graph.get(&Ref::new("offering", "default", document.spec_text("offering")));
            (action, offering.map(|record| subject_of(&record.parse())).unwrap_or_default())
        }
        // What goes away is planned by those who offer it.
        "ending" => {
            let subject = Ref::parse(document.spec_text("subject"), None, DEFAULT_NAMESPACE).ok();
            let offering = subject.and_then(|subject| loggia_model::kinds::ending::offering_of(&subject));
            let record = offering.and_then(|name| graph.get(&Ref::new("offering", "default", &name)));
            (action, record.map(|record| subject_of(&record.parse())).unwrap_or_default())
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

/// Passes when a caller may create something with this text where it is to be: they see all that can be there, and it
/// can be seen by all who see what is there. It looks at nothing that is there, so the answer tells nothing of it.
///
/// # Errors
/// [`Error::Forbidden`] for a namespace that is not theirs, [`Error::Refused`] for what the company may not see in the
/// namespace that it shares.
pub fn may_create(caller: &Caller, document: &Document) -> Result<()> {
    let Audience::Scopes(seen) = &caller.audience else { return Ok(()) };
    let namespace = document.namespace().to_lowercase();
    let shared = namespace == DEFAULT_NAMESPACE;
    let whole = match shared {
        true => seen.contains(&Scope::Company),
        false => {
            let own = caller.teams.iter().any(|team| naming::namespace(team) == namespace);
            own || seen.contains(&Scope::Partner(namespace.as_str().into()))
        }
    };
    if !whole {
        return Err(Error::Forbidden(format!(
            "Only who sees everything in the namespace {namespace} creates in it. {}",
            instead(caller)
        )));
    }
    if shared && is_narrow(document) {
        return Err(Error::refused(
            "namespace.shared",
            format!("Everybody of the company sees the namespace {namespace}, but not everybody may see this."),
            "Put it into the namespace of your team, or let the company see it.",
        ));
    }
    Ok(())
}

/// Where a caller may create instead.
fn instead(caller: &Caller) -> String {
    let mut own: Vec<String> = caller.teams.iter().map(naming::namespace).collect();
    match &*caller.organisation {
        DEFAULT_NAMESPACE => own.insert(0, DEFAULT_NAMESPACE.to_owned()),
        partner => own.insert(0, partner.to_owned()),
    }
    format!("Use {}, or ask an administrator.", own.join(" or "))
}

/// Whether a record is kept from a part of the company. What is offered begins as a draft of the product team, which
/// alone gives such names.
pub(crate) fn is_narrow(document: &Document) -> bool {
    let kind = document.reference();
    let drafted = matches!(kind.kind(), "offering" | "release" | "ending");
    let scopes = Kind::find(document.kind()).map(|kind| (kind.scopes)(document)).unwrap_or_default();
    !drafted && !scopes.contains(&Scope::Company)
}
