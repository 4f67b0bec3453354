//! Changes on pages that the repository does not show yet.

use crate::error::{Error, Result};
use crate::source::{Edit, Sources, Tree};
use loggia_model::Ref;
use std::sync::PoisonError;

impl Sources {
    /// Commits an edit of a record that comes from a repository, in the caller's name.
    ///
    /// # Errors
    /// [`Error::Refused`] when the repository takes no edits; the refusal says what to do instead.
    pub async fn edit(&self, location: &str, edit: &Edit) -> Result<String> {
        let commit = self.reader.commit(location, edit).await;
        let commit = commit.map_err(|failure| Error::refused("source.edit", failure.message, failure.mend))?;
        self.refresh();
        Ok(commit)
    }

    /// The commit that a record waits for, after it was changed on a page.
    pub fn waiting(&self, reference: &Ref) -> Option<String> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.get(reference).map(|(_, commit)| commit.clone())
    }

    pub(crate) fn wait_for(&self, reference: &Ref, location: &str, commit: &str) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(reference.clone(), (location.to_owned(), commit.to_owned()));
    }

    /// The newest files of a source; `None` for one that is not of this server.
    pub(crate) async fn tree(&self, location: &str) -> Result<Option<Tree>> {
        if !self.locations.iter().any(|known| known == location) {
            return Ok(None);
        }
        let tree = self.reader.read(location, None).await;
        tree.map_err(|failure| Error::Unavailable(format!("{} {}", failure.message, failure.mend)))
    }
}
