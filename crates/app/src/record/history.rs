//! What happened to a record: who changed it, when and why, and what it was like before.

use crate::App;
use crate::access::caller::Caller;
use crate::access::visibility::is_event_told;
use crate::error::{Error, Result};
use loggia_graph::Audience;
use loggia_model::{Event, Record, Ref, Uid};
use loggia_store::{EventFilter, RevisionRow};

/// The past of one record.
#[derive(Clone, Debug)]
pub struct Past {
    /// The record as it was last: as it is now, or before it was removed.
    pub record: Record,
    /// Whether it is there no more.
    pub removed: bool,
    /// What happened, the newest first.
    pub events: Vec<Event>,
}

impl App {
    /// What happened to a record, also to one that is there no more; seen with the rights of today.
    ///
    /// # Errors
    /// [`Error::NotFound`], the same whether there never was one or the caller may not see it.
    pub async fn past(&self, caller: &Caller, reference: &Ref, limit: i64) -> Result<Past> {
        let missing = || Error::NotFound(format!("There is no {reference}, or you may not see it."));
        let graph = self.graph();
        let now = graph.get(reference).cloned();
        let (record, removed) = match now {
            Some(record) => (record.as_ref().clone(), false),
            None => (self.last_of(reference).await?.ok_or_else(missing)?, true),
        };
        if !graph.visible(&caller.audience, &record) {
            return Err(missing());
        }
        let filter = EventFilter { subject: Some(record.uid), limit, ..EventFilter::default() };
        let mut events = self.store.events(&filter).await?;
        events.retain(|event| is_event_told(&graph, &caller.audience, event));
        Ok(Past { events, record, removed })
    }

    /// Whether somebody may see a record, by its last text when it is no more; `None` when there never was one.
    pub(crate) async fn may_see_ever(&self, audience: &Audience, uid: Uid) -> Result<Option<bool>> {
        let graph = self.graph();
        if let Some(record) = graph.by_uid(uid) {
            return Ok(Some(graph.visible(audience, record)));
        }
        let last = self.store.history(uid, None, 2).await?.into_iter().find_map(RevisionRow::record);
        Ok(last.map(|record| graph.visible(audience, &record)))
    }

    /// The last text of a record that is there no more.
    pub(crate) async fn last_of(&self, reference: &Ref) -> Result<Option<Record>> {
        let Some(uid) = self.store.last_uid_of_ref(reference).await? else { return Ok(None) };
        let rows = self.store.history(uid, None, 2).await?;
        Ok(rows.into_iter().find_map(RevisionRow::record))
    }

    /// One revision of a record that the caller may see now.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, or the caller may not see it.
    pub async fn revision(&self, caller: &Caller, uid: Uid, number: i64) -> Result<Record> {
        let missing = || Error::NotFound("There is no such revision, or you may not see it.".into());
        let record = self.store.revision(uid, number).await?.and_then(RevisionRow::record).ok_or_else(missing)?;
        if self.graph().visible(&caller.audience, &record) { Ok(record) } else { Err(missing()) }
    }
}
