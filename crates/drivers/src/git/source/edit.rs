//! An edit made on a page, as a commit in the name of its author.

use super::{Source, SourceError, forge, objects};
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

/// An edit that waits on a branch of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// The commit.
    pub commit: String,
    /// The branch.
    pub branch: String,
    /// Where a change request for it is opened; empty when the host is not known.
    pub link: String,
}

/// What git says of a folder that it may not bring up to date.
const UNCLEAN: [&str; 3] = ["has unstaged changes", "has staged changes", "Up-to-date check failed"];

/// Where the copy keeps commits that wait on branches of their own, so that what became of them can be told.
pub(super) const KEPT: &str = "refs/loggia/proposed/";

/// A commit that is in the cache only, and what points to it there.
struct Made {
    target: String,
    commit: String,
}

/// A text as a part of the name of a branch.
fn slug(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    plain.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
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
    #[error("the repository did not take the commit")]
    PushRejected(String),
    /// It is a folder in which somebody has changed the file and not committed it.
    #[error("somebody has changed {0} in the folder of the repository and not committed it")]
    Unclean(String),
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
        let (git, made) = self.make(edit).await?;
        let pushed = match push {
            true => match self.push(git, &made).await {
                Err(EditError::Unclean(_)) => self.bring_in(git, &made, &edit.path).await,
                pushed => pushed,
            },
            false => Ok(()),
        };
        self.forget(git, &made).await?;
        pushed.map(|()| made.commit)
    }

    /// Whether a commit may be sent to the branch that is read: not into a folder where somebody works on it, unless
    /// that says that it is brought up to date with it. What is far away is only known when it was tried.
    pub async fn takes_pushes(&self) -> bool {
        let (Some(git), Some(folder)) = (&self.git, &self.near) else { return self.git.is_some() };
        if git.text(Call::new(folder, ["rev-parse", "--is-bare-repository"])).await.is_ok_and(|said| said == "true") {
            return true;
        }
        let head = git.text(Call::new(folder, ["symbolic-ref", "--quiet", "HEAD"])).await;
        let branch = self.options.branch.as_ref().map(|branch| format!("refs/heads/{branch}"));
        match (head, branch) {
            // No branch is checked out, and only a branch that is named can be sent to.
            (Err(_), branch) => branch.is_some(),
            (Ok(head), Some(branch)) if head != branch => true,
            (Ok(_), _) => {
                // As the repository says itself: the settings of our own calls do not reach the other side.
                let args = ["config", "--local", "--get", "receive.denyCurrentBranch"];
                let said = git.text(Call::new(folder, args)).await.unwrap_or_default();
                matches!(said.to_ascii_lowercase().as_str(), "updateinstead" | "ignore" | "warn" | "false" | "no")
            }
        }
    }

    /// Commits one edit and sends it as a branch of its own, `loggia/<about>-<n>`.
    ///
    /// # Errors
    /// As [`Source::commit_edit`].
    pub async fn propose_edit(&self, edit: &Edit, about: &str) -> Result<Proposed, EditError> {
        let (git, made) = self.make(edit).await?;
        let proposed = self.propose(git, &made, about).await;
        self.forget(git, &made).await?;
        proposed
    }

    /// One edit as a patch for `git am`. Nothing is sent.
    ///
    /// # Errors
    /// As [`Source::commit_edit`].
    pub async fn patch_of(&self, edit: &Edit) -> Result<Vec<u8>, EditError> {
        let (git, made) = self.make(edit).await?;
        let args = ["format-patch", "--stdout", "--no-signature", "--binary", "--full-index", "-1", &made.commit];
        let patch = git.bytes(Call::new(&self.options.cache, args)).await;
        self.forget(git, &made).await?;
        Ok(patch?)
    }

    /// Makes the commit of an edit, in the cache only.
    async fn make(&self, edit: &Edit) -> Result<(&Git, Made), EditError> {
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
        Ok((git, Made { target, commit }))
    }

    async fn forget(&self, git: &Git, made: &Made) -> Result<(), EditError> {
        Ok(git.bytes(Call::new(&self.options.cache, ["update-ref", "-d", &made.target])).await.map(drop)?)
    }

    async fn propose(&self, git: &Git, made: &Made, about: &str) -> Result<Proposed, EditError> {
        let front = format!("loggia/{}-", slug(about));
        let args = ["ls-remote", "--heads", "--end-of-options"].into_iter().map(str::to_owned);
        let pattern = format!("refs/heads/{front}*");
        let text = git.text(self.remote(args.chain([self.address(), pattern]))).await?;
        // What waits keeps its name until that was settled, also when its branch is gone.
        let kept = Call::new(&self.options.cache, ["for-each-ref", "--format=%(refname)", &format!("{KEPT}loggia/")]);
        let kept = git.text(kept).await?;
        let lines = text.lines().chain(kept.lines());
        let taken = lines.filter_map(|line| line.rsplit_once(&front)?.1.parse::<u32>().ok()).max();
        let branch = format!("{front}{}", taken.unwrap_or_default() + 1);
        self.send(git, made, &format!("refs/heads/{branch}")).await?;
        let keep = ["update-ref".to_owned(), format!("{KEPT}{branch}"), made.commit.clone()];
        git.bytes(Call::new(&self.options.cache, keep)).await?;
        let base = self.base(git).await?;
        let base = base.strip_prefix("refs/heads/").unwrap_or(&base);
        let link = forge::compare(&self.options.location, base, &branch).unwrap_or_default();
        Ok(Proposed { commit: made.commit.clone(), branch, link })
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

    async fn push(&self, git: &Git, made: &Made) -> Result<(), EditError> {
        let branch = self.base(git).await?;
        self.send(git, made, &branch).await
    }

    /// Brings a commit into a folder where somebody works, beside what they have not committed: only the file that it
    /// changes has to be as it was committed. A push asks that of all files.
    async fn bring_in(&self, git: &Git, made: &Made, path: &str) -> Result<(), EditError> {
        let folder = self.folder()?;
        let unclean = |error: GitError| match error {
            GitError::Refused(why) => {
                tracing::warn!(%why, "an edit cannot be brought into a folder");
                EditError::Unclean(path.to_owned())
            }
            other => other.into(),
        };
        let dirty = git.text(Call::new(folder, ["status", "--porcelain", "--untracked-files=all", "--", path])).await?;
        if !dirty.is_empty() {
            return Err(EditError::Unclean(path.to_owned()));
        }
        // A name that the other side takes, unlike those that it keeps for itself.
        let name = made.target.replace("refs/loggia/", "refs/loggia-edits/");
        self.send(git, made, &name).await?;
        let merged = git.bytes(Call::new(folder, ["merge", "--quiet", "--ff-only", &made.commit])).await;
        git.bytes(Call::new(folder, ["update-ref", "-d", &name])).await?;
        merged.map(drop).map_err(unclean)
    }

    /// The full name of the branch that is read.
    async fn base(&self, git: &Git) -> Result<String, EditError> {
        match &self.options.branch {
            Some(branch) => Ok(format!("refs/heads/{branch}")),
            None => self.default_branch(git).await,
        }
    }

    /// Sends a commit of the copy to the branch that is read.
    pub(super) async fn send_commit(&self, git: &Git, target: &str, commit: &str) -> Result<(), EditError> {
        self.push(git, &Made { target: target.to_owned(), commit: commit.to_owned() }).await
    }

    async fn send(&self, git: &Git, made: &Made, branch: &str) -> Result<(), EditError> {
        let args = ["push", "--quiet", "--no-verify", "--end-of-options"].into_iter().map(str::to_owned);
        let call = self.remote(args.chain([self.address(), format!("{}:{branch}", made.target)]));
        git.bytes(call).await.map(drop).map_err(|error| match error {
            GitError::Refused(why) if UNCLEAN.iter().any(|said| why.contains(said)) => EditError::Unclean(why),
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
