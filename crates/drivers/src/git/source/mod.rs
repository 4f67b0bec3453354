//! Reads and edits what repository sync needs: Git repositories near and far, and plain folders.
//!
//! A Git repository is read from a bare copy in the cache, never from a working tree, so that nothing in it (hooks,
//! links, submodules, settings) can act or point outside. A folder that is not a repository is walked.

mod authorship;
mod edit;
mod files;
pub(crate) mod folder;
mod forge;
mod objects;
mod standing;

pub use edit::{Edit, EditError, Proposed};

use super::cli::{Call, Git, GitError};
use loggia_app::instance::driver::Secret;
use loggia_app::source::Written;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Largest file that is read, in bytes; larger ones are told by [`Entry::size`] and are not read.
pub const LARGEST: u64 = 20 << 20;
/// How long a fetch may take.
const FETCH: Duration = Duration::from_secs(300);

/// Where a repository is.
#[derive(Clone, Debug)]
pub struct SourceOptions {
    /// `https://…`, `http://…`, `ssh://…`, `user@host:path`, or the path of a folder that the operator named.
    pub location: String,
    /// The folder for the bare copy; it belongs to this source alone.
    pub cache: PathBuf,
    /// The branch; the default branch of the repository when not given.
    pub branch: Option<String>,
    /// User name and password or token, for `https`.
    pub credentials: Option<(String, Secret)>,
}

/// What an entry of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A file that is a program.
    Program,
    /// A link; it is never followed.
    Link,
    /// Another repository; it is never fetched.
    Submodule,
}

/// One entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path from the top, with `/`.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Size in bytes; 0 for submodules.
    pub size: u64,
    /// Identity of the content: the same content has the same one.
    pub blob: String,
}

/// One difference between two commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A file is new.
    Added(String),
    /// A file has other content.
    Modified(String),
    /// A file is gone.
    Removed(String),
    /// A file has another path, and perhaps other content.
    Renamed {
        /// The path before.
        from: String,
        /// The path now.
        to: String,
    },
}

/// Why a source cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The location is not one that is allowed.
    #[error("{0}")]
    Location(String),
    /// There is no such branch, or the repository has no commit.
    #[error("{0}")]
    NoBranch(String),
    /// There is no such commit or file.
    #[error("{0}")]
    NotFound(String),
    /// The folder cannot be read.
    #[error("the folder cannot be read: {0}")]
    Folder(String),
    /// Git did not do it.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// A repository or folder to read from.
pub struct Source {
    options: SourceOptions,
    /// The folder on this machine, when it is one.
    near: Option<PathBuf>,
    /// The program, unless the source is a plain folder.
    git: Option<Git>,
}

impl Source {
    /// Looks what kind of location it is. Nothing is fetched yet.
    ///
    /// # Errors
    /// When the location is not allowed or git is needed and not installed.
    pub fn open(options: SourceOptions) -> Result<Source, SourceError> {
        let near = near(&options.location)?;
        let plain = near.as_deref().is_some_and(|folder| !is_repository(folder));
        let git = if plain { None } else { Some(Git::find()?) };
        Ok(Source { options, near, git })
    }

    /// Whether it is a plain folder, which has no history and takes no commits.
    pub fn is_folder(&self) -> bool {
        self.git.is_none()
    }

    /// Gets what is new, and gives the identity of the newest state: a commit, or a digest of the folder.
    ///
    /// # Errors
    /// When the source cannot be reached or has no such branch. What was fetched before stays readable.
    pub async fn fetch(&self) -> Result<String, SourceError> {
        let Some(git) = &self.git else {
            return folder::state(self.folder()?);
        };
        self.prepare(git).await?;
        let wanted = match &self.options.branch {
            Some(branch) => format!("+refs/heads/{branch}:refs/loggia/head"),
            None => "+HEAD:refs/loggia/head".to_owned(),
        };
        let args = ["fetch", "--quiet", "--no-tags", "--prune", "--no-write-fetch-head", "--end-of-options"];
        let call = self.remote(args.into_iter().map(str::to_owned).chain([self.address(), wanted]));
        git.bytes(call).await.map_err(|error| self.unfetched(error))?;
        Ok(git.text(Call::new(&self.options.cache, ["rev-parse", "--verify", "refs/loggia/head^{commit}"])).await?)
    }

    /// All entries of a state that [`Source::fetch`] gave, in order of path.
    ///
    /// # Errors
    /// When the state is not known.
    pub async fn tree(&self, commit: &str) -> Result<Vec<Entry>, SourceError> {
        match &self.git {
            None => folder::walk(self.folder()?),
            Some(git) => objects::tree(git, &self.options.cache, commit).await,
        }
    }

    /// Reads the content of entries, in their order. Links and submodules, and files over [`LARGEST`], give `None`.
    ///
    /// # Errors
    /// When git or the folder cannot be read.
    pub async fn read(&self, entries: &[Entry]) -> Result<Vec<Option<Vec<u8>>>, SourceError> {
        match &self.git {
            None => folder::read(self.folder()?, entries),
            Some(git) => objects::read(git, &self.options.cache, entries).await,
        }
    }

    /// The content of one file at a commit.
    ///
    /// # Errors
    /// When there is no such file.
    pub async fn file_at(&self, commit: &str, path: &str) -> Result<Vec<u8>, SourceError> {
        let missing = || SourceError::NotFound(format!("there is no file {path}"));
        if !super::path_is_safe(path) {
            return Err(missing());
        }
        match &self.git {
            None => folder::file(self.folder()?, path).ok_or_else(missing),
            Some(git) => objects::file(git, &self.options.cache, commit, path).await?.ok_or_else(missing),
        }
    }

    /// What changed between two commits, with renames. Plain folders know no earlier state.
    ///
    /// # Errors
    /// When a commit is not known any more: read the whole tree instead.
    pub async fn changed_paths(&self, from: &str, to: &str) -> Result<Vec<Change>, SourceError> {
        match &self.git {
            None => Err(SourceError::NotFound("a plain folder keeps no earlier state".to_owned())),
            Some(git) => objects::changes(git, &self.options.cache, from, to).await,
        }
    }

    /// Who wrote the files of a state: each file's last commit since an earlier state, or among the newest ones. What
    /// cannot be told is left out.
    pub async fn written(&self, from: Option<&str>, to: &str) -> Written {
        let Some(git) = &self.git else { return Written::default() };
        authorship::written(git, &self.options.cache, from, to).await
    }

    /// The folder of a source that is one.
    fn folder(&self) -> Result<&Path, SourceError> {
        self.near.as_deref().ok_or_else(|| SourceError::Folder("it is not on this machine".to_owned()))
    }

    fn address(&self) -> String {
        match &self.near {
            Some(folder) => folder.to_string_lossy().into_owned(),
            None => self.options.location.clone(),
        }
    }

    async fn prepare(&self, git: &Git) -> Result<(), SourceError> {
        let cache = &self.options.cache;
        if cache.join("HEAD").is_file() {
            return Ok(());
        }
        std::fs::create_dir_all(cache).map_err(|error| SourceError::Folder(error.to_string()))?;
        Ok(git.bytes(Call::new(cache, ["init", "--quiet", "--bare", "--template=", "."])).await.map(drop)?)
    }

    /// A call that reaches the far side, with credentials when there are some.
    fn remote(&self, args: impl IntoIterator<Item = String>) -> Call {
        let call = Call::new(&self.options.cache, args).timeout(FETCH).local(self.near.is_some());
        let Some((user, password)) = &self.options.credentials else { return call };
        use base64::{Engine, engine::general_purpose::STANDARD};
        // Revealed to sign in. The setting is bound to the address, so that a redirect elsewhere does not get it.
        let basic = STANDARD.encode(format!("{user}:{}", password.reveal()));
        call.setting(&format!("http.{}.extraHeader", self.options.location), &format!("Authorization: Basic {basic}"))
            .setting("http.followRedirects", "false")
    }

    fn unfetched(&self, error: GitError) -> SourceError {
        match (&error, &self.options.branch) {
            (GitError::Refused(why), Some(branch)) if why.contains("couldn't find remote ref") => {
                SourceError::NoBranch(format!("the repository has no branch {branch}"))
            }
            (GitError::Refused(why), None) if why.contains("couldn't find remote ref HEAD") => {
                SourceError::NoBranch("the repository has no commit yet".to_owned())
            }
            _ => SourceError::Git(error),
        }
    }
}

/// The folder of a location on this machine; `None` for one that is far away.
fn near(location: &str) -> Result<Option<PathBuf>, SourceError> {
    let refuse = |why: &str| Err(SourceError::Location(format!("{location}: {why}")));
    if location.is_empty() || location.starts_with('-') || location.contains(['\n', '\0']) {
        return refuse("this is not an address of a repository");
    }
    let folder = Path::new(location);
    if folder.is_dir() {
        return folder.canonicalize().map(Some).map_err(|error| SourceError::Folder(error.to_string()));
    }
    if let Some((scheme, _)) = location.split_once("://") {
        return match scheme {
            "https" | "http" | "ssh" => Ok(None),
            _ => refuse("use https, http, ssh, or the path of a folder"),
        };
    }
    // `ext::…` and the like start programs; `user@host:path` is the short form of ssh.
    let short = location.split_once(':').is_some_and(|(host, path)| host.contains('@') && !path.starts_with(':'));
    if short { Ok(None) } else { refuse("there is no such folder") }
}

fn is_repository(folder: &Path) -> bool {
    let bare = || folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir();
    folder.join(".git").exists() || bare()
}
