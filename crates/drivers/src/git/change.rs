//! Newer versions of a golden path, brought to what a team has made of its repository.
//!
//! What two versions of the golden path make of the same inputs is rendered again; the difference is merged into the
//! team's branch as Git merges, and waits on a branch of its own. The team's branch is moved by a merge only.

use super::cli::{Call, Git, GitError};
use super::driver::{Found, GitDriver, author, git, render};
use super::import::Signature;
use super::repository::{self, Change, Mark, failed};
use super::standing::standing;
use super::three_way::{commit, commit_of, difference, forget, is_within, marked, merge, point, templates, tree_of};
use async_trait::async_trait;
use loggia_app::instance::change_request::{CLOSED, Merges, Proposal, Seen, WAITS, branch};
use loggia_app::instance::driver::{Failure, Request, RunLog, Silent};
use loggia_app::source::Standing;
use loggia_model::instance::{Condition, Verdict};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A repository of ours, opened.
struct Opened {
    git: Git,
    path: PathBuf,
    mark: Mark,
    /// The team's branch, and its newest commit.
    main: String,
    head: String,
}

/// What was made of two versions and the team's branch.
struct Made {
    tree: String,
    conflicts: BTreeSet<String>,
}

fn broken(error: &GitError) -> Failure {
    failed("change", error)
}

/// Version and statement of a look at a repository.
pub(super) async fn told(git: &Git, path: &Path, mark: &Mark) -> Result<(String, Option<Condition>), GitError> {
    let Some(change) = &mark.change else { return Ok((mark.version.clone(), None)) };
    let Some(head) = commit_of(git, path, "HEAD").await else { return Ok((mark.version.clone(), None)) };
    let condition = |status, reason: &str, message: String| {
        let (kind, reason) = (WAITS.to_owned(), reason.to_owned());
        Some(Condition { kind, status, reason, message })
    };
    let name = change.short();
    Ok(match state(git, path, change, &head).await? {
        Standing::Taken => (change.version.clone(), None),
        Standing::Open => {
            let message = format!("{} waits on the branch {name} to be merged by its team.", change.version);
            (mark.version.clone(), condition(Verdict::True, "Open", message))
        }
        Standing::Closed => {
            let message = format!("The branch {name} is gone, and nothing of it was merged.");
            (mark.version.clone(), condition(Verdict::False, CLOSED, message))
        }
    })
}

/// Where a change stands, seen from the team's branch.
async fn state(git: &Git, path: &Path, change: &Change, head: &str) -> Result<Standing, GitError> {
    let newest = commit_of(git, path, &change.branch()).await;
    standing(git, path, &change.commit, newest, head).await
}

/// The files in which both sides met when a change was made.
async fn met(opened: &Opened, change: &Change) -> Result<BTreeSet<String>, GitError> {
    let (git, path) = (&opened.git, &opened.path);
    let (template, ours) = (change.template(), format!("{}^", change.commit));
    Ok(merge(git, path, Some(&format!("{template}^")), &ours, &template).await?.conflicts)
}

impl Opened {
    /// Merges the difference between two versions into the team's branch, without moving anything.
    async fn make(&self, before: &Request, after: &Request, log: &dyn RunLog) -> Result<Made, Failure> {
        let (old, new) = (render(before, log).await?, render(after, log).await?);
        let (git, path) = (&self.git, &self.path);
        let (base, made) = templates(git, path, &old, &new).await.map_err(|error| broken(&error))?;
        let template = change_to(after, String::new()).template();
        git.bytes(Call::new(path, ["update-ref", &template, &made])).await.map_err(|error| broken(&error))?;
        let short = template.trim_start_matches("refs/");
        let merged = merge(git, path, Some(&base), &self.main, short).await.map_err(|error| broken(&error))?;
        Ok(Made { tree: merged.tree, conflicts: merged.conflicts })
    }

    async fn proposal(&self, change: &Change, newest: &str) -> Result<Proposal, GitError> {
        let met = met(self, change).await?;
        // From where the two went apart: what the team did meanwhile is no part of the change.
        let apart = self.git.text(Call::new(&self.path, ["merge-base", &self.head, newest])).await?;
        let (files, diff) = difference(&self.git, &self.path, &apart, newest, &met).await?;
        let (into, base) = (self.main.clone(), self.head.clone());
        Ok(Proposal { branch: change.short(), commit: newest.to_owned(), into, base, files, diff })
    }

    /// The change that is open, with the newest commit of its branch.
    async fn open(&self) -> Result<Option<(Change, String)>, GitError> {
        let Some(change) = self.mark.change.clone() else { return Ok(None) };
        if state(&self.git, &self.path, &change, &self.head).await? != Standing::Open {
            return Ok(None);
        }
        let newest = commit_of(&self.git, &self.path, &change.branch()).await;
        Ok(newest.map(|newest| (change, newest)))
    }

    /// Notes that a version is there, and that nothing waits any more.
    async fn arrive(&self, version: &str) -> Result<(), GitError> {
        repository::note_version(&self.git, &self.path, version).await?;
        repository::note_change(&self.git, &self.path, None).await
    }
}

fn change_to(after: &Request, commit: String) -> Change {
    let name = branch(&after.offering, &after.version);
    let name = name.trim_start_matches("loggia/").to_owned();
    Change { name, version: after.version.clone(), commit }
}

fn moved() -> Failure {
    Failure::yours("It has changed since you looked at it.", "Look at the change again, then merge it.")
}

impl GitDriver {
    async fn opened(&self, request: &Request) -> Result<Opened, Failure> {
        let git = git()?;
        let (path, Found::Ours(mark)) = self.look(&git, request).await? else {
            return Err(Failure::yours("Its repository is not there.", "Look at it, and try again."));
        };
        let main = git.text(Call::new(&path, ["symbolic-ref", "--short", "HEAD"])).await;
        let main = main.map_err(|error| broken(&error))?;
        let none = || Failure::yours(format!("The branch {main} has no commit."), "Push a first commit.");
        let head = commit_of(&git, &path, "HEAD").await.ok_or_else(none)?;
        Ok(Opened { git, path, mark, main, head })
    }

    async fn waits(&self, request: &Request) -> Result<(Opened, Change, String), Failure> {
        let opened = self.opened(request).await?;
        let found = opened.open().await.map_err(|error| broken(&error))?;
        let none = || Failure::yours("No change waits any more.", "Look at it, to see what became of the change.");
        let (change, newest) = found.ok_or_else(none)?;
        Ok((opened, change, newest))
    }
}

#[async_trait]
impl Merges for GitDriver {
    async fn preview(&self, before: &Request, after: &Request) -> Result<Proposal, Failure> {
        let _gate = self.gates.enter(&before.key).await;
        let opened = self.opened(before).await?;
        let made = opened.make(before, after, &Silent).await?;
        let shown = difference(&opened.git, &opened.path, &opened.head, &made.tree, &made.conflicts).await;
        let (files, diff) = shown.map_err(|error| broken(&error))?;
        let (into, base) = (opened.main, opened.head);
        Ok(Proposal { branch: change_to(after, String::new()).short(), commit: String::new(), into, base, files, diff })
    }

    async fn propose(&self, before: &Request, after: &Request, log: &dyn RunLog) -> Result<(), Failure> {
        let _gate = self.gates.enter(&before.key).await;
        let opened = self.opened(before).await?;
        let (git, path) = (&opened.git, &opened.path);
        let open = opened.open().await.map_err(|error| broken(&error))?;
        let again = open.filter(|(change, _)| change.version == after.version);
        if again.as_ref().is_some_and(|(change, newest)| *newest != change.commit) {
            log.line("the branch has commits of its team; it stays as it is");
            return Ok(());
        }
        let (has, _) = told(git, path, &opened.mark).await.map_err(|error| broken(&error))?;
        if has != opened.mark.version {
            // What its team merged is noted before something else is proposed.
            repository::note_version(git, path, &has).await.map_err(|error| broken(&error))?;
        }
        let made = opened.make(before, after, log).await?;
        if made.tree == tree_of(git, path, &opened.head).await.map_err(|error| broken(&error))? {
            log.line("nothing differs: the version is noted");
            return opened.arrive(&after.version).await.map_err(|error| broken(&error));
        }
        made.conflicts.iter().for_each(|file| log.line(&format!("{file} was changed on both sides")));
        let message = format!("Bring {} to {}", after.offering, after.version);
        let made = commit(git, path, &made.tree, &[&opened.head], &author(after), &message).await;
        let change = change_to(after, made.map_err(|error| broken(&error))?);
        let before = again.map(|(_, newest)| newest).unwrap_or_default();
        // Noted first: a branch that is there is always known.
        repository::note_change(git, path, Some(&change)).await.map_err(|error| broken(&error))?;
        point(git, path, &change.branch(), &change.commit, &before).await.map_err(|_| {
            let mend = "Rename or delete that branch, then try again.";
            Failure::yours(format!("There is a branch {} already.", change.short()), mend)
        })?;
        log.line(&format!("branch {} is made", change.short()));
        Ok(())
    }

    async fn waiting(&self, request: &Request) -> Result<Option<Proposal>, Failure> {
        let opened = self.opened(request).await?;
        let Some((change, newest)) = opened.open().await.map_err(|error| broken(&error))? else { return Ok(None) };
        opened.proposal(&change, &newest).await.map(Some).map_err(|error| broken(&error))
    }

    async fn merge(&self, request: &Request, seen: &Seen, author: &(String, String)) -> Result<(), Failure> {
        let _gate = self.gates.enter(&request.key).await;
        let (opened, change, newest) = self.waits(request).await?;
        if newest != seen.commit || opened.head != seen.base {
            return Err(moved());
        }
        let (git, path) = (&opened.git, &opened.path);
        let left = async { marked(git, path, &newest, &met(&opened, &change).await?).await };
        let left = left.await.map_err(|error| broken(&error))?;
        if !left.is_empty() {
            let left: Vec<String> = left.into_iter().collect();
            let message = format!("Both sides are still in {}.", left.join(", "));
            let mend = format!("Bring them together on the branch {}, and push it.", change.short());
            return Err(Failure::yours(message, mend));
        }
        let straight = is_within(git, path, &opened.head, &newest).await.map_err(|error| broken(&error))?;
        let to = if straight { newest.clone() } else { both(&opened, &change, &newest, author).await? };
        let main = format!("refs/heads/{}", opened.main);
        point(git, path, &main, &to, &opened.head).await.map_err(|_| moved())?;
        opened.arrive(&change.version).await.map_err(|error| broken(&error))?;
        // A branch that stays is in the team's branch all the same.
        forget(git, path, &change.branch()).await.map_err(|error| broken(&error))
    }

    async fn close(&self, request: &Request) -> Result<(), Failure> {
        let _gate = self.gates.enter(&request.key).await;
        let opened = self.opened(request).await?;
        // What is noted stays, so that the next look says that it is closed.
        let Some((change, _)) = opened.open().await.map_err(|error| broken(&error))? else { return Ok(()) };
        forget(&opened.git, &opened.path, &change.branch()).await.map_err(|error| broken(&error))
    }

    async fn patch(&self, request: &Request) -> Result<Vec<u8>, Failure> {
        let (opened, _, newest) = self.waits(request).await?;
        let range = format!("{}..{newest}", opened.head);
        let args = ["format-patch", "--stdout", "--no-signature", "--binary", "--full-index", &range];
        opened.git.bytes(Call::new(&opened.path, args)).await.map_err(|error| broken(&error))
    }

    async fn between(&self, before: &Request, after: &Request) -> Result<Vec<u8>, Failure> {
        let (old, new) = (render(before, &Silent).await?, render(after, &Silent).await?);
        let folder = tempfile::tempdir().map_err(|error| broken(&GitError::Missing(error.to_string())))?;
        let (git, path) = (git()?, folder.path());
        let patch = async {
            git.bytes(Call::new(path, ["init", "--quiet", "--bare"])).await?;
            let (base, made) = templates(&git, path, &old, &new).await?;
            let tree = tree_of(&git, path, &made).await?;
            let message = format!("Bring {} to {}", after.offering, after.version);
            let made = commit(&git, path, &tree, &[&base], &author(after), &message).await?;
            let range = format!("{base}..{made}");
            // With whole names of contents, so that `git am --3way` finds what the repository was made from.
            let args = ["format-patch", "--stdout", "--no-signature", "--binary", "--full-index", &range];
            git.bytes(Call::new(path, args)).await
        };
        patch.await.map_err(|error| broken(&error))
    }
}

/// A commit with both sides, where the team went on meanwhile.
async fn both(
    opened: &Opened,
    change: &Change,
    newest: &str,
    (name, email): &(String, String),
) -> Result<String, Failure> {
    let (git, path) = (&opened.git, &opened.path);
    let merged = merge(git, path, None, &opened.head, newest).await.map_err(|error| broken(&error))?;
    if !merged.conflicts.is_empty() {
        let files: Vec<String> = merged.conflicts.into_iter().collect();
        let message = format!("{} has changed the same places meanwhile: {}.", opened.main, files.join(", "));
        let mend = format!("Merge {} into the branch {}, and push it.", opened.main, change.short());
        return Err(Failure::yours(message, mend));
    }
    let author = Signature { name: name.clone(), email: email.clone() };
    let message = format!("Merge {}", change.short());
    let made = commit(git, path, &merged.tree, &[&opened.head, newest], &author, &message).await;
    made.map_err(|error| broken(&error))
}
