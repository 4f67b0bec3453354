//! Everything that happened.

use super::call::{Call, json};
use super::route::Handled;
use loggia_app::Error;
use loggia_app::access::audit::{AuditQuery, EventFilter};
use loggia_model::{Event, Micros, Ref, Uid};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A page of events.
#[derive(Serialize, JsonSchema)]
pub struct Events {
    /// Newest first; oldest first when `after` is given.
    pub items: Vec<EventView>,
    /// Send it as `before`, or as `after` when that was given; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

/// One event.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    /// Place in the history, from 1, without gaps.
    pub position: i64,
    /// Identity.
    pub id: Uid,
    /// When.
    pub time: Micros,
    /// `dev.loggia.<noun>.<past-verb>.v1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about.
    pub subject: Option<Uid>,
    /// The name of that at this time.
    #[serde(rename = "subjectRef")]
    pub reference: Option<String>,
    /// Who did it.
    pub principal: String,
    /// For whom, when somebody acted for another.
    pub on_behalf_of: Option<String>,
    /// Namespace of the organisation.
    pub organisation: String,
    /// The way in.
    pub door: String,
    /// Finds what the server wrote about the request.
    pub request_id: String,
    /// Why, in the words of who did it.
    pub reason: Option<String>,
    /// Revision of the subject that it wrote.
    pub revision: Option<i64>,
    /// Details, by type.
    pub data: Value,
    /// Hash of the event before.
    pub previous: String,
    /// Hash of this one.
    pub hash: String,
}

impl From<Event> for EventView {
    fn from(event: Event) -> EventView {
        EventView {
            position: event.position,
            id: event.id,
            time: event.time,
            kind: event.kind,
            subject: event.subject,
            reference: event.subject_ref,
            principal: event.actor.principal,
            on_behalf_of: event.actor.on_behalf_of,
            organisation: event.actor.organisation,
            door: event.actor.door,
            request_id: event.actor.request_id,
            reason: event.reason,
            revision: event.revision,
            data: event.data,
            previous: event.previous,
            hash: event.hash,
        }
    }
}

/// A page of events.
pub async fn list(call: Call) -> Handled {
    let given = &call.given;
    let missing = || Error::NotFound("There is no such subject, or you may not see it.".into());
    let subject = match given.text("subject") {
        Some(text) => Some(text.parse::<Ref>().map_err(|_| missing())?),
        None => None,
    };
    let filter = EventFilter {
        subject: None,
        types: given.all("type").map(str::to_owned).collect(),
        principal: given.owned("principal"),
        after: given.number("after"),
        before: given.number("before"),
        since: given.time("since"),
        until: given.time("until"),
        limit: given.number("limit").unwrap_or(100),
    };
    let page = call.app().events(&call.caller, AuditQuery { subject, filter }).await?;
    json(&Events { items: page.events.into_iter().map(EventView::from).collect(), next: page.next })
}
