//! Who may see a record, where its text alone does not tell.

use crate::access::provider::claimed;
use crate::release::offering::publication;
use loggia_graph::{Audience, Facts, Graph, Within, describe};
use loggia_model::ending::{Exemption, Reopened};
use loggia_model::{
    Document, Event, Publication, Record, Ref, Relation, RelationType, Scope, reference::DEFAULT_NAMESPACE,
};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;

/// What the graph holds of a record: as its kind says, but a release that is not published is seen by the product team
/// and the owners of its offering only, a candidate by those too who follow a channel of it; somebody belongs to the
/// teams that the sign-in provider names too; and what runs is seen where all that it names is.
pub fn facts(record: &Record, document: &Document) -> Facts {
    let mut facts = describe(record, document);
    let drafts = |offering: &str| Scope::Drafts(offering.to_lowercase().into());
    facts.apart = apart(record.reference.kind());
    match record.reference.kind() {
        "release" if !publication(record).is_settled() => {
            let offering: Arc<str> = document.spec_text("offering").to_lowercase().into();
            facts.scopes = vec![Scope::Product, Scope::Drafts(Arc::clone(&offering))];
            if publication(record) == Publication::Candidate {
                facts.scopes.push(Scope::Previews(offering));
            }
        }
        // Until people are told, it is for those who plan it.
        "ending" if !crate::ending::holds(record) => {
            let subject = Ref::parse(document.spec_text("subject"), None, DEFAULT_NAMESPACE).ok();
            let offering = subject.and_then(|subject| loggia_model::kinds::ending::offering_of(&subject));
            facts.scopes = std::iter::once(Scope::Product).chain(offering.map(|name| drafts(&name))).collect();
        }
        "user" => facts.relations.extend(claimed(record).iter().filter_map(|team| {
            let group = Ref::parse(team, Some("group"), DEFAULT_NAMESPACE).ok()?;
            Some(Relation { relation: RelationType::MEMBER_OF, target: group })
        })),
        "instance" => facts.within = runs_within(record, document),
        _ => {}
    }
    facts
}

/// What runs tells of its team, its offering, where it runs and in which version: who sees it sees all of them. Its team
/// sees it in any case.
fn runs_within(record: &Record, document: &Document) -> Within {
    let named =
        |kind: &str, text: &str| Ref::parse(text, Some(kind), DEFAULT_NAMESPACE).ok().filter(|_| !text.is_empty());
    let team = named("group", document.spec_text("team"));
    let status = record.parse_status();
    let said = |pointer: &str| status.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let releases = [document.spec_text("target"), said("/applied"), said("/earlier/release")];
    let others = [("offering", document.spec_text("offering")), ("environment", document.spec_text("environment"))];
    let others = others.into_iter().chain(releases.map(|name| ("release", name)));
    let mut names: Vec<Ref> =
        team.clone().into_iter().chain(others.filter_map(|(kind, name)| named(kind, name))).collect();
    names.sort_unstable();
    names.dedup();
    Within { names, or: team.map(|team| Scope::Team(team.as_str().into())).into_iter().collect() }
}

/// Whether a name may be told that stands outside of any record, such as in a reading: what it names may be seen, or
/// nobody here has that name. A team is told what it did itself.
pub(crate) fn is_told(graph: &Graph, audience: &Audience, name: &Ref) -> bool {
    let own = || name.kind() == "group" && audience.admits(&[Scope::Team(name.as_str().into())]);
    graph.get(name).is_none_or(|record| graph.visible(audience, record)) || own()
}

/// Parts of a status that name teams and what they run, which not everybody sees who sees the record.
fn apart(kind: &str) -> &'static [&'static str] {
    match kind {
        "check" | "ending" => &["exemptions", "reopened"],
        _ => &[],
    }
}

/// A status as an audience is told it: without what names something that it may not see.
pub fn told_status(graph: &Graph, audience: &Audience, kind: &str, mut status: Value) -> Value {
    for part in apart(kind).iter().filter(|_| *audience != Audience::All) {
        if let Some(list) = status.get_mut(part).and_then(Value::as_array_mut) {
            list.retain(|one| all_told(graph, audience, one));
        }
    }
    status
}

/// The same for a status as it is kept; read only where there is something to leave out.
pub fn told_status_text<'a>(graph: &Graph, audience: &Audience, kind: &str, text: &'a str) -> Cow<'a, str> {
    let names = *audience != Audience::All && apart(kind).iter().any(|part| text.contains(part));
    let read = names.then(|| serde_json::from_str(text).ok()).flatten();
    read.map_or(Cow::Borrowed(text), |status| told_status(graph, audience, kind, status).to_string().into())
}

/// Of exemptions those that name nothing that an audience may not see.
pub(crate) fn told_exemptions(graph: &Graph, audience: &Audience, mut all: Vec<Exemption>) -> Vec<Exemption> {
    let sees = |name: &str| name.parse::<Ref>().is_ok_and(|name| is_told(graph, audience, &name));
    all.retain(|one| sees(&one.team) && one.instance.as_deref().is_none_or(sees));
    all
}

/// Of the times at which a proof fell those that name nothing that an audience may not see.
pub(crate) fn told_reopened(graph: &Graph, audience: &Audience, all: &[Reopened]) -> Vec<Reopened> {
    let told = |one: &&Reopened| *audience == Audience::All || is_said(graph, audience, &one.found);
    all.iter().filter(told).cloned().collect()
}

/// Whether a sentence names only what may be told.
fn is_said(graph: &Graph, audience: &Audience, text: &str) -> bool {
    text.split_whitespace().all(|word| {
        let bare = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        let name = bare.contains(':').then(|| bare.parse::<Ref>().ok()).flatten();
        name.is_none_or(|name| is_told(graph, audience, &name))
    })
}

/// Whether every text in a value names only what may be told.
fn all_told(graph: &Graph, audience: &Audience, value: &Value) -> bool {
    match value {
        Value::String(text) => is_said(graph, audience, text),
        Value::Array(list) => list.iter().all(|one| all_told(graph, audience, one)),
        Value::Object(map) => map.values().all(|one| all_told(graph, audience, one)),
        _ => true,
    }
}

/// Whether the details of what happened to something that is seen may be told: they name versions that it had then, and
/// teams and instances about which something was decided.
pub(crate) fn is_event_told(graph: &Graph, audience: &Audience, event: &Event) -> bool {
    let about = event.subject.and_then(|uid| graph.by_uid(uid));
    let team = about
        .filter(|record| record.reference.kind() == "instance")
        .and_then(|record| Ref::parse(record.parse().spec_text("team"), Some("group"), DEFAULT_NAMESPACE).ok());
    let own = team.is_some_and(|team| audience.admits(&[Scope::Team(team.as_str().into())]));
    let decided = || !apart_events(&event.kind) || all_told(graph, audience, &event.data);
    *audience == Audience::All || own || (names_told(graph, audience, &event.data) && decided())
}

/// Whether an event is about something that not everybody sees who sees its subject.
fn apart_events(kind: &str) -> bool {
    let kind = kind.strip_prefix("dev.loggia.").unwrap_or(kind);
    ["campaign.", "check.", "ending."].iter().any(|start| kind.starts_with(start))
}

fn names_told(graph: &Graph, audience: &Audience, value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let named = Ref::parse(text, Some("release"), DEFAULT_NAMESPACE).ok();
            named.is_none_or(|name| name.kind() != "release" || is_told(graph, audience, &name))
        }
        Value::Array(list) => list.iter().all(|one| names_told(graph, audience, one)),
        Value::Object(map) => map.values().all(|one| names_told(graph, audience, one)),
        _ => true,
    }
}
