//! Many files in one commit, sent to the branch that is read.

use super::{EditError, Entry, Source, SourceError};
use crate::git::cli::Call;
use crate::git::import::{self, NewCommit, NewFile, Signature};

impl Source {
    /// Commits files on top of a state that [`Source::fetch`] gave, and sends it. Never by force: when somebody was
    /// faster it is refused, and the caller fetches and looks again.
    ///
    /// # Errors
    /// [`EditError::PushRejected`] when the branch has moved or is protected; others when it cannot be reached.
    pub async fn commit_files(
        &self,
        head: &str,
        author: &Signature,
        message: &str,
        files: &[NewFile],
    ) -> Result<String, EditError> {
        let Some(git) = &self.git else { return Err(EditError::NotARepository) };
        // A name of its own for each: two at the same time do not meet.
        let target = format!("refs/loggia/edits/{:032x}", rand::random::<u128>());
        let commit = NewCommit { target: &target, parent: Some(head), author, message, files };
        import::write(git, &self.options.cache, &commit).await?;
        let commit = git.text(Call::new(&self.options.cache, ["rev-parse", "--verify", &target])).await?;
        let sent = self.send_commit(git, &target, &commit).await;
        git.bytes(Call::new(&self.options.cache, ["update-ref", "-d", &target])).await?;
        sent.map(|()| commit)
    }

    /// The entries at or below a folder at a commit.
    ///
    /// # Errors
    /// When the commit is not known.
    pub async fn below(&self, commit: &str, folder: &str) -> Result<Vec<Entry>, SourceError> {
        let front = format!("{folder}/");
        Ok(self.tree(commit).await?.into_iter().filter(|entry| entry.path.starts_with(&front)).collect())
    }

    /// The newest commit up to `head` that changed something below a folder; none when nothing ever did.
    ///
    /// # Errors
    /// When git cannot be run.
    pub async fn last_change(&self, head: &str, folder: &str) -> Result<Option<String>, SourceError> {
        let Some(git) = &self.git else { return Ok(None) };
        let args = ["rev-list", "-1", head, "--", folder];
        let found = git.text(Call::new(&self.options.cache, args)).await?;
        Ok(Some(found).filter(|commit| !commit.is_empty()))
    }

    /// Whether a commit has another one in its past, or is it. One that is not known has nothing in it.
    pub async fn has_in_it(&self, commit: &str, other: &str) -> bool {
        let Some(git) = &self.git else { return false };
        let plain = |text: &str| (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        let args = ["merge-base", "--is-ancestor", other, commit];
        plain(commit) && plain(other) && git.bytes(Call::new(&self.options.cache, args)).await.is_ok()
    }
}
