//! Changes on pages that the repository does not show yet. They are kept with the source, so that a page says so after a
//! restart and on every server.

use crate::error::{Error, Result};
use crate::source::sync::SyncReport;
use crate::source::{Delivery, Edit, Landed, SourceState, Sources, Tree, Waiting, state_of};
use loggia_model::{Record, Ref};
use loggia_store::SourceRow;
use std::collections::BTreeMap;

impl Sources {
    /// How edits on pages reach the source of a record.
    pub async fn delivery(&self, record: &Record) -> Delivery {
        self.reader.delivery(crate::source::location_of(record)).await
    }

    /// Commits an edit of a record that comes from a repository, in the caller's name.
    ///
    /// # Errors
    /// [`Error::Refused`] when the repository takes no edits; the refusal says what to do instead.
    pub(crate) async fn edit(&self, location: &str, edit: &Edit) -> Result<Landed> {
        if self.reader.delivery(location).await == Delivery::Patch {
            return Err(Error::refused(
                "source.patch",
                "This repository takes no commits from here.",
                "Download the change as a patch, and bring it in yourself.",
            ));
        }
        let landed = self.reader.commit(location, edit).await;
        let landed = landed.map_err(|failure| Error::refused("source.edit", failure.message, failure.mend))?;
        self.refresh();
        Ok(landed)
    }

    /// What a record waits for, after it was changed on a page.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn waiting(&self, record: &Record) -> Result<Option<Waiting>> {
        if !record.source.origin.starts_with("repository:") {
            return Ok(None);
        }
        let mut state = state_of(self.app.store.source(&record.source.origin).await?.as_ref());
        Ok(state.waiting.remove(&record.reference).filter(|waiting| *waiting.etag == *record.etag))
    }

    /// Notes what a record waits for. The turn of its source must be held.
    pub(crate) async fn wait_for(&self, record: &Record, landed: &Landed) -> Result<()> {
        let Some(row) = self.app.store.source(&record.source.origin).await? else { return Ok(()) };
        let mut state = state_of(Some(&row));
        let waiting = Waiting {
            commit: landed.commit.clone(),
            branch: landed.branch.clone(),
            link: landed.link.clone(),
            etag: record.etag.to_string(),
        };
        state.waiting.insert(record.reference.clone(), waiting);
        Ok(self.app.store.put_source(&SourceRow { state: serde_json::to_value(&state)?, ..row }).await?)
    }

    /// What is not taken in yet, once the source was read: only what stands on a branch of its own, as long as that is
    /// there.
    pub(crate) async fn still_waiting(&self, location: &str, state: &SourceState) -> BTreeMap<Ref, Waiting> {
        let mut open = BTreeMap::new();
        for (name, waiting) in &state.waiting {
            let same = self.app.graph().get(name).is_some_and(|record| *record.etag == *waiting.etag);
            // A source that does not answer says nothing about its branches.
            if same
                && !waiting.branch.is_empty()
                && self.reader.is_open(location, &waiting.branch).await.unwrap_or(true)
            {
                open.insert(name.clone(), waiting.clone());
            }
        }
        open
    }

    /// Nothing moved in a source: another server may have read what a page here waits for.
    pub(crate) async fn settled(&self, row: Option<SourceRow>, state: SourceState) -> Result<SyncReport> {
        let location = row.as_ref().map(|row| row.location.clone()).unwrap_or_default();
        let waiting = self.still_waiting(&location, &state).await;
        if let Some(row) = row.filter(|_| waiting != state.waiting) {
            let state = SourceState { waiting, ..state.clone() };
            self.app.store.put_source(&SourceRow { state: serde_json::to_value(&state)?, ..row }).await?;
        }
        Ok(state.report)
    }

    /// The newest files of a source; `None` for one that is not of this server.
    pub(crate) async fn tree(&self, location: &str) -> Result<Option<Tree>> {
        if !self.locations.iter().any(|known| known == location) {
            return Ok(None);
        }
        self.reader.read(location, None).await.map_err(|failure| {
            // What is wrong with it stands on the page of the sources, for who can mend it.
            tracing::warn!(%location, why = %failure.message, "a repository could not be read for a change");
            Error::Unavailable("The repository cannot be read now. Try again in a moment.".into())
        })
    }
}
