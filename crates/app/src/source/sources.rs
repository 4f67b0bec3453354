//! Looking at sources, and saying yes to what they hold back.

use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::error::{Error, Result};
use crate::record::removal::DropSource;
use crate::source::sync::SyncReport;
use crate::source::{Confirmation, SourceState, Sources, state_of};
use loggia_model::Micros;
use loggia_store::SourceRow;

/// One source, for people.
#[derive(Clone, Debug)]
pub struct SourceView {
    /// How far it was read.
    pub row: SourceRow,
    /// When it was looked at last and could be read; what was found is as old as its last change.
    pub looked: Option<Micros>,
    /// What was found.
    pub state: SourceState,
    /// Whether this server still reads it. What came from one that it does not read any more stays until somebody
    /// drops it.
    pub followed: bool,
}

impl Sources {
    /// The sources with what was found in them. Partners see none; what was found names things that not everybody may
    /// see, so only who may synchronise sees it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<SourceView>> {
        self.app.require(caller, Action::Read, &Subject::default())?;
        if &*caller.organisation != "default" {
            return Ok(Vec::new());
        }
        let all = self.app.require(caller, Action::Sync, &Subject::default()).is_ok();
        let graph = self.app.graph();
        let view = |row: SourceRow| {
            let mut state = state_of(Some(&row));
            // What a name leads to may have come since, from elsewhere.
            state.report.warnings.retain(|one| one.target.as_ref().is_none_or(|target| graph.get(target).is_none()));
            let state = if all { state } else { outline(state) };
            let looked = self.app.looked.of(&row.id).max(row.last_ok);
            SourceView { state, looked, followed: self.follows(&row.location), row }
        };
        let mut views: Vec<SourceView> = self.app.store.sources().await?.into_iter().map(view).collect();
        views.extend(self.app.registered_places(&caller.audience, all));
        Ok(views)
    }

    fn follows(&self, location: &str) -> bool {
        let catalog = self.catalogs.as_ref().is_some_and(|catalogs| catalogs.follows(location));
        let estate = self.adoptions.as_ref().is_some_and(|adoptions| adoptions.follows(location));
        catalog || estate || self.locations.iter().any(|known| known == location)
    }

    /// Confirms the removals that a source held back at a commit. They are written in the caller's name.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless the caller is of the product team; [`Error::NotFound`] for an unknown source;
    /// [`Error::Conflict`] when it is at another commit by now.
    pub async fn confirm(&self, caller: &Caller, location: &str, commit: &str) -> Result<SyncReport> {
        self.app.require(caller, Action::Sync, &Subject::default())?;
        self.app.writable(caller)?;
        let yes = Confirmation { caller, commit };
        match self.catalogs.as_ref().filter(|catalogs| catalogs.follows(location)) {
            Some(catalogs) => catalogs.confirm(location, yes).await,
            None => self.sync(location, Some(yes)).await,
        }
    }

    /// Drops a source that this server does not read any more, with everything that came from it and that nothing
    /// runs on.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless the caller is of the product team; [`Error::NotFound`] for an unknown source;
    /// [`Error::Refused`] for one that is still read.
    pub async fn drop_source(&self, caller: &Caller, location: &str) -> Result<SyncReport> {
        self.app.require(caller, Action::Sync, &Subject::default())?;
        self.app.writable(caller)?;
        let rows = self.app.store.sources().await?;
        let missing = || Error::NotFound(format!("{location} is not among the sources of this server."));
        let row = rows.into_iter().find(|row| row.location == location).ok_or_else(missing)?;
        if self.follows(location) {
            return Err(Error::Conflict(format!("{location} is still read. Start the server without it first.")));
        }
        let outcome = self.app.run(caller, DropSource { origin: row.id.as_str().into() }).await?;
        let report: SyncReport = serde_json::from_value(outcome.answer)?;
        if report.kept.is_empty() {
            self.app.store.delete_source(&row.id).await?;
        } else {
            let documents = report.kept.len();
            let state = SourceState { report: report.clone(), documents, ..SourceState::default() };
            self.app.store.put_source(&SourceRow { state: serde_json::to_value(&state)?, ..row }).await?;
        }
        Ok(report)
    }
}

/// What everybody may know of a source: how much there is, and whether it can be read.
pub(super) fn outline(mut state: SourceState) -> SourceState {
    state.report.kept.clear();
    state.report.held.clear();
    state.report.problems.clear();
    state.report.warnings.clear();
    if !state.failure.is_empty() {
        "It cannot be read now.".clone_into(&mut state.failure);
    }
    state
}
