//! Audit: the revisions of one thing with what each changed, and the events of everything.

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::access::visibility::{is_event_told, told_status};
use crate::command::diff::{Difference, differences};
use crate::error::{Error, Result};
use crate::record::visible;
use loggia_graph::Audience;
use loggia_model::{Actor, Event, Micros, Ref, Uid};
pub use loggia_store::EventFilter;
use loggia_store::RevisionRow;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;

/// One revision, with who made it and what it changed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Number, from 1.
    pub revision: i64,
    /// Place in the history of everything.
    pub position: i64,
    /// When.
    pub time: Micros,
    /// The name at this time.
    #[serde(rename = "ref")]
    pub reference: Ref,
    /// Type of the event that wrote it.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who did it.
    pub principal: String,
    /// For whom, when somebody acted for another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// Who wrote it in the repository that it was read from: a person here by their name, else as the commit says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The commit that it was read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The way in.
    pub door: String,
    /// Why, in the words of the actor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it was taken away by this revision.
    pub removed: bool,
    /// What differs from the revision before, in the text and below `status`.
    pub changes: Vec<Difference>,
}

/// Which events are asked for.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// About this.
    pub subject: Option<Ref>,
    /// What else must hold; its subject is the one above.
    pub filter: EventFilter,
}

/// A page of events.
#[derive(Clone, Debug, Default)]
pub struct AuditPage {
    /// The events that the caller may see.
    pub events: Vec<Event>,
    /// Position of the last one that was looked at, when there may be more.
    pub next: Option<i64>,
}

impl App {
    /// The revisions of something that the caller may see, newest first; also of what has gone, by its last name.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], the same whether it never existed or may not be seen.
    pub async fn revisions(
        &self,
        caller: &Caller,
        reference: &Ref,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Revision>> {
        let uid = match visible(&self.graph(), &caller.audience, reference) {
            Ok(record) => record.uid,
            Err(missing) => {
                let last = self.last_of(reference).await?.filter(|last| self.graph().visible(&caller.audience, last));
                last.ok_or(missing)?.uid
            }
        };
        self.revisions_of_seen(caller, uid, before, limit).await
    }

    /// The revisions of what has an identity, there or gone, newest first.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], the same whether it never existed or may not be seen.
    pub async fn revisions_of(
        &self,
        caller: &Caller,
        uid: Uid,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Revision>> {
        match self.may_see_ever(&caller.audience, uid).await? {
            Some(true) => self.revisions_of_seen(caller, uid, before, limit).await,
            _ => Err(Error::NotFound(format!("There is nothing with the identity {uid}, or you may not see it."))),
        }
    }

    async fn revisions_of_seen(
        &self,
        caller: &Caller,
        uid: Uid,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Revision>> {
        let graph = self.graph();
        // One more than asked for: the oldest is only there to compare with.
        let rows = self.store.history(uid, before, limit + 1).await?;
        let actors = self.actors(uid, &rows).await?;
        let wanted = usize::try_from(limit).unwrap_or(0);
        // What it was within at that time may be hidden from those who see it now.
        let told = |row: &&RevisionRow| match (*row).clone().record() {
            Some(record) => graph.visible(&caller.audience, &record),
            None => true,
        };
        let shown = rows.iter().take(wanted).enumerate().filter(|(_, row)| told(row));
        let before = |at: usize| rows.get(at + 1).filter(told);
        let whole = |row: &RevisionRow| {
            let (text, status) = whole(row);
            with_status(text, told_status(&graph, &caller.audience, row.reference.kind(), status))
        };
        let changes = |at: usize, row| before(at).map(|before| differences(&whole(before), &whole(row)));
        let one = |(at, row)| revision(row, changes(at, row).unwrap_or_default(), actors.get(&row.position));
        Ok(shown.map(one).collect())
    }

    async fn actors(&self, uid: Uid, rows: &[RevisionRow]) -> Result<HashMap<i64, Event>> {
        let (Some(newest), Some(oldest)) = (rows.first(), rows.last()) else { return Ok(HashMap::new()) };
        let filter = EventFilter {
            subject: Some(uid),
            after: Some(oldest.position - 1),
            before: Some(newest.position + 1),
            limit: 10_000,
            ..EventFilter::default()
        };
        let events = self.store.events(&filter).await?;
        Ok(events.into_iter().map(|event| (event.position, event)).collect())
    }

    /// The events of everything: newest first, or oldest first after a position.
    ///
    /// # Errors
    /// [`crate::Error::Forbidden`] unless the caller is of the product team.
    pub async fn events(&self, caller: &Caller, query: AuditQuery) -> Result<AuditPage> {
        self.require(caller, Action::Audit, &Subject::default())?;
        let graph = self.graph();
        let subject = match &query.subject {
            Some(reference) => Some(visible(&graph, &caller.audience, reference)?.uid),
            None => None,
        };
        let mut filter = EventFilter { subject, ..query.filter };
        let wanted = usize::try_from(filter.limit).unwrap_or(0);
        let mut page = AuditPage::default();
        // What is hidden takes no place from what is shown, so it is read on until there is enough.
        loop {
            let found = self.store.events(&filter).await?;
            let full = found.len() >= wanted;
            let last = found.last().map(|event| event.position).filter(|_| full);
            for event in found {
                if page.events.len() < wanted && self.may_see(&caller.audience, &event).await? {
                    page.events.push(event);
                }
            }
            if page.events.len() >= wanted {
                page.next = page.events.last().map(|event| event.position);
                return Ok(page);
            }
            let Some(last) = last else { return Ok(page) };
            match filter.after {
                Some(_) => filter.after = Some(last),
                None => filter.before = Some(last),
            }
        }
    }

    /// Whether an event is about something that the audience may see. What is no more is judged by its last text.
    async fn may_see(&self, audience: &Audience, event: &Event) -> Result<bool> {
        let (false, Some(uid)) = (*audience == Audience::All, event.subject) else { return Ok(true) };
        let told = is_event_told(&self.graph(), audience, event);
        Ok(told && self.may_see_ever(audience, uid).await?.unwrap_or(false))
    }
}

fn revision(row: &RevisionRow, changes: Vec<Difference>, event: Option<&Event>) -> Revision {
    let nobody = Actor {
        principal: String::new(),
        on_behalf_of: None,
        organisation: String::new(),
        door: String::new(),
        request_id: String::new(),
    };
    let actor = event.map_or(nobody, |event| event.actor.clone());
    Revision {
        revision: row.revision,
        position: row.position,
        time: row.time,
        reference: row.reference.clone(),
        kind: event.map(|event| event.kind.clone()).unwrap_or_default(),
        principal: actor.principal,
        on_behalf_of: actor.on_behalf_of,
        author: said(event, "by").or_else(|| said(event, "author")),
        commit: said(event, "commit"),
        door: actor.door,
        reason: event.and_then(|event| event.reason.clone()),
        removed: row.document.is_none(),
        changes,
    }
}

/// What an event says beside.
fn said(event: Option<&Event>, field: &str) -> Option<String> {
    event?.data.get(field)?.as_str().map(str::to_owned)
}

/// The text and the status of a revision.
fn whole(row: &RevisionRow) -> (Value, Value) {
    let read = |text: &Option<std::sync::Arc<str>>| text.as_deref().and_then(|t| serde_json::from_str(t).ok());
    (read(&row.document).unwrap_or(Value::Null), read(&row.status).unwrap_or(Value::Null))
}

/// Both in one value.
fn with_status(mut text: Value, status: Value) -> Value {
    if let Some(map) = text.as_object_mut().filter(|_| !status.is_null()) {
        map.insert("status".to_owned(), status);
    }
    text
}
