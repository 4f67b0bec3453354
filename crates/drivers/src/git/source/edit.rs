//! An edit made on a page, as a commit in the name of its author.

use super::{Source, SourceError, objects};
use crate::git::cli::{Call, Git, GitError};
use crate::git::import::{self, NewCommit, NewFile, Signature, path_is_safe};

/// One edit of one file.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Who edits; becomes the author of the commit.
    pub author: Signature,
    /// The message of the commit.
    pub message: String,
    /// The file.
    pub path: String,
    /// Its new content; `None` takes the file away.
    pub bytes: Option<Vec<u8>>,
    /// The content that the author saw; when the file has changed since, nothing is written. `None` for a new file.
    pub seen: Option<Vec<u8>>,
}

/// Why an edit was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The source is a plain folder.
    #[error("this source is a plain folder and takes no commits")]
    NotARepository,
    /// The path is not one within a repository.
    #[error("{0} is not a path within a repository")]
    Path(String),
    /// Somebody else changed the file.
    #[error("{0} was changed by somebody else in the meantime")]
    Changed(String),
    /// The repository did not take the commit: it may be protected, or was faster.
    #[error("the repository did not take the commit: {0}")]
    PushRejected(String),
    /// It could not be read before.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl From<GitError> for EditError {
    fn from(error: GitError) -> EditError {
        EditError::Source(error.into())
    }
}

impl Source {
    /// Commits one edit on top of the newest state and, with `push`, sends it. Never by force.
    ///
    /// # Errors
    /// When the file was changed by somebody else, or the repository does not take the commit; nothing is changed then.
    pub async fn commit_edit(&self, edit: &Edit, push: bool) -> Result<String, EditError> {
        let Some(git) = &self.git else { return Err(EditError::NotARepository) };
        if !path_is_safe(&edit.path) {
            return Err(EditError::Path(edit.path.clone()));
        }
        let head = self.fetch().await?;
        if objects::file(git, &self.options.cache, &head, &edit.path).await? != edit.seen {
            return Err(EditError::Changed(edit.path.clone()));
        }
        // A name of its own for each edit: two at the same time do not meet.
        let target = format!("refs/loggia/edits/{:032x}", rand::random::<u128>());
        let commit = self.write(git, edit, &head, &target).await?;
        let pushed = if push { self.push(git, &target).await } else { Ok(()) };
        git.bytes(Call::new(&self.options.cache, ["update-ref", "-d", &target])).await?;
        pushed.map(|()| commit)
    }

    async fn write(&self, git: &Git, edit: &Edit, head: &str, target: &str) -> Result<String, EditError> {
        let old = self.tree(head).await?;
        let executable = old.iter().any(|e| e.path == edit.path && e.kind == super::EntryKind::Program);
        let file = NewFile { path: edit.path.clone(), bytes: edit.bytes.clone(), executable };
        let message = format!("{}\n", edit.message.trim_end());
        let (author, files) = (&edit.author, std::slice::from_ref(&file));
        let commit = NewCommit { target, parent: Some(head), author, message: &message, files };
        import::write(git, &self.options.cache, &commit).await?;
        Ok(git.text(Call::new(&self.options.cache, ["rev-parse", "--verify", target])).await?)
    }

    async fn push(&self, git: &Git, target: &str) -> Result<(), EditError> {
        let branch = match &self.options.branch {
            Some(branch) => format!("refs/heads/{branch}"),
            None => self.default_branch(git).await?,
        };
        let args = ["push", "--quiet", "--no-verify", "--end-of-options"].into_iter().map(str::to_owned);
        let call = self.remote(args.chain([self.address(), format!("{target}:{branch}")]));
        git.bytes(call).await.map(drop).map_err(|error| match error {
            GitError::Refused(why) => EditError::PushRejected(why),
            other => other.into(),
        })
    }

    async fn default_branch(&self, git: &Git) -> Result<String, EditError> {
        let args = ["ls-remote", "--symref", "--end-of-options"].into_iter().map(str::to_owned);
        let text = git.text(self.remote(args.chain([self.address(), "HEAD".to_owned()]))).await?;
        let branch = text.lines().find_map(|line| line.strip_prefix("ref: ")?.split('\t').next());
        let missing = || SourceError::NoBranch("the repository does not say which branch is its default".to_owned());
        Ok(branch.ok_or_else(missing)?.to_owned())
    }
}
