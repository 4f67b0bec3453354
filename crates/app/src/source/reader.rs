//! The contract of whatever reads sources and writes edits into them.

use crate::error::Result;
use crate::instance::driver::Failure;
use crate::source::read::SourceFile;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// Who wrote what is kept in a source, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The commit that was read; none of what keeps no commits.
    pub newest: Option<Arc<Commit>>,
    /// The last commit of each file, as far as that was looked for.
    pub files: HashMap<String, Arc<Commit>>,
}

/// A commit, as people tell of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Its identity.
    pub id: String,
    /// Name of its author.
    pub author: String,
    /// Their address; only compared with those of the people here, and kept nowhere.
    pub mail: String,
    /// Its first line.
    pub subject: String,
}

/// The files of a source at one moment.
#[derive(Debug, Default)]
pub struct Tree {
    /// Commit, or a digest of what was read.
    pub commit: String,
    /// The files, in order of paths.
    pub files: Vec<SourceFile>,
    /// How a place in it is written in the catalog's annotations, without the path: `url:https://…/` or `file:/…/`.
    pub place: String,
    /// Whether the source is that one file.
    pub single: bool,
    /// Who wrote it.
    pub written: Written,
}

/// A change of one file, made on a page and kept in the repository.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The file.
    pub path: String,
    /// Its bytes afterwards.
    pub bytes: Vec<u8>,
    /// Who made it: name and address for the commit.
    pub author: (String, String),
    /// First line of the commit, and why.
    pub message: String,
    /// The commit that the editor saw; another one is a conflict when the file changed since.
    pub base: String,
    /// What it is about, as a part of the name of a branch.
    pub about: String,
}

/// How an edit on a page reaches its repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// It is pushed.
    #[default]
    Push,
    /// It is pushed as a branch of its own, for a change request.
    Request,
    /// Its author gets a patch, and brings it in.
    Patch,
}

/// An edit that was pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Landed {
    /// The commit.
    pub commit: String,
    /// The branch of its own on which it waits; empty when it is in the repository already.
    pub branch: String,
    /// Where a change request for the branch is opened; empty when that is not known.
    pub link: String,
}

/// An edit that waits on a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// The commit that was made of it.
    pub commit: String,
    /// The branch.
    pub branch: String,
}

/// Where an edit on a branch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The branch is there, and not taken in.
    Open,
    /// It is in what was read last: as a merge, sent on straight, or squashed into one commit.
    Taken,
    /// The branch is gone, and nothing of it was taken in.
    Closed,
}

/// Reads sources and writes edits into them.
#[async_trait]
pub trait Reader: Send + Sync {
    /// Reads a source; `None` when it is still at the commit that is known.
    ///
    /// # Errors
    /// When it cannot be reached or read, with what to do.
    async fn read(&self, location: &str, known: Option<&str>) -> Result<Option<Tree>, Failure>;

    /// How edits reach a source; a patch where it would take no commit.
    async fn delivery(&self, _: &str) -> Delivery {
        Delivery::Push
    }

    /// Commits an edit in the author's name and pushes it, as it or as a branch of its own.
    ///
    /// # Errors
    /// When the source takes no edits, or was changed meanwhile.
    async fn commit(&self, location: &str, edit: &Edit) -> Result<Landed, Failure>;

    /// Where edits on branches stand, in their order.
    ///
    /// # Errors
    /// When the source cannot be reached.
    async fn standing(&self, _: &str, edits: &[Proposed]) -> Result<Vec<Standing>, Failure> {
        Ok(vec![Standing::Open; edits.len()])
    }

    /// An edit as a patch for `git am` and `git apply`, in the author's name. Nothing is pushed.
    ///
    /// # Errors
    /// When the source has no commits to change, or was changed meanwhile.
    async fn patch(&self, _: &str, _: &Edit) -> Result<Vec<u8>, Failure> {
        Err(Failure::yours("This source has no commits.", "Change the file where it is."))
    }
}
