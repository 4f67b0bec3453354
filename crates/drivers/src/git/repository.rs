//! One bare repository of the server: where it is, whose it is, what it says about itself.

use super::cli::{Call, Git, GitError};
use super::import::{self, NewCommit, NewFile, Signature};
use loggia_app::instance::driver::{Failure, Request};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The branch of new repositories.
pub(super) const BRANCH: &str = "main";
/// The file in which pushes are counted, one line for each.
pub(super) const PUSHES: &str = "loggia-pushes";

/// What stands in the settings of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub key: String,
    pub version: String,
    /// The change that was proposed last, until it was merged from here.
    pub change: Option<Change>,
}

/// A change that was proposed, as it is noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Name of the offering and version, with a dash between them.
    pub name: String,
    /// The version.
    pub version: String,
    /// The commit that was proposed.
    pub commit: String,
}

impl Change {
    /// What points to its branch.
    pub(super) fn branch(&self) -> String {
        format!("refs/heads/{}", self.short())
    }

    /// The name of its branch.
    pub(super) fn short(&self) -> String {
        format!("loggia/{}", self.name)
    }

    /// What points to the files of its version, as the golden path makes them; the commit before has those of the
    /// version that it comes from.
    pub(super) fn template(&self) -> String {
        format!("refs/loggia/template/{}", self.name)
    }

    fn parse(text: &str) -> Option<Change> {
        let mut parts = text.split(' ').map(str::to_owned);
        Some(Change { name: parts.next()?, version: parts.next()?, commit: parts.next()? })
    }
}

/// Whether a team or repository name can be part of a path and of an address.
pub fn name_is_safe(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b));
    let starts = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let ending = [".git", ".lock", "."].iter().any(|end| name.ends_with(end));
    plain && starts && !ending && !name.contains("..") && name.len() <= 100
}

/// Where the repository of a request is.
pub(super) fn path(root: &Path, request: &Request) -> Result<PathBuf, Failure> {
    for (what, name) in [("namespace", &request.namespace), ("name", &request.name)] {
        if !name_is_safe(name) {
            return Err(Failure::yours(
                format!("the {what} \"{name}\" cannot be part of the address of a repository"),
                "use small letters, digits, dashes, underscores and single dots, and start with a letter or digit",
            ));
        }
    }
    Ok(root.join(&request.namespace).join(format!("{}.git", request.name)))
}

/// Reads whose repository is at `path`; `None` when there is none.
pub(super) async fn mark(git: &Git, root: &Path, path: &Path) -> Result<Option<Mark>, Failure> {
    match std::fs::metadata(path) {
        Ok(_) => {}
        // Only a folder of repositories that is itself there can say that one is missing.
        Err(error) if error.kind() == ErrorKind::NotFound && root.is_dir() => return Ok(None),
        Err(error) => return Err(unreachable(&error)),
    }
    let config = path.join("config");
    let call = Call::new(
        path,
        ["config", "--null", "--list", "--file"].map(Into::into).into_iter().chain([config.into_os_string()]),
    );
    let text = git.text(call).await.map_err(|error| failed("look at", &error))?;
    let mut mark = Mark::default();
    for entry in text.split('\0') {
        match entry.split_once('\n') {
            Some(("loggia.key", value)) => value.clone_into(&mut mark.key),
            Some(("loggia.version", value)) => value.clone_into(&mut mark.version),
            Some(("loggia.change", value)) => mark.change = Change::parse(value),
            _ => {}
        }
    }
    Ok(Some(mark))
}

/// Makes a repository with its first commit in a folder of its own, ready to be moved into place.
pub(super) async fn make(
    git: &Git,
    folder: &Path,
    mark: &Mark,
    author: &Signature,
    files: &[NewFile],
) -> Result<(), GitError> {
    git.bytes(Call::new(folder, ["init", "--quiet", "--bare", "--template=", "--initial-branch", BRANCH, "."])).await?;
    let settings = format!(
        "[core]\n\tlogAllRefUpdates = true\n[loggia]\n\tkey = {}\n\tversion = {}\n",
        quoted(&mark.key),
        quoted(&mark.version)
    );
    append(&folder.join("config"), settings.as_bytes()).map_err(|error| GitError::Missing(error.to_string()))?;
    let message = "First version from the golden path\n";
    let target = format!("refs/heads/{BRANCH}");
    let commit = NewCommit { target: &target, parent: None, author, message, files };
    import::write(git, folder, &commit).await
}

/// Notes another version of the release in the settings.
pub(super) async fn note_version(git: &Git, path: &Path, version: &str) -> Result<(), GitError> {
    git.bytes(Call::new(path, ["config", "--file", "config", "loggia.version", version])).await.map(drop)
}

/// Notes what was proposed, or that nothing is any more.
pub(super) async fn note_change(git: &Git, path: &Path, change: Option<&Change>) -> Result<(), GitError> {
    let set = ["config", "--file", "config"].map(str::to_owned).into_iter();
    let rest = match change {
        Some(Change { name, version, commit }) => {
            vec!["loggia.change".to_owned(), format!("{name} {version} {commit}")]
        }
        None => vec!["--unset-all".to_owned(), "loggia.change".to_owned()],
    };
    let noted = git.bytes(Call::new(path, set.chain(rest))).await.map(drop);
    // There is nothing to take away where nothing was noted.
    if change.is_none() { Ok(()) } else { noted }
}

/// Adds to the end of a file, in one write.
pub(super) fn append(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    std::fs::OpenOptions::new().append(true).create(true).open(file)?.write_all(bytes)
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\0'], " "))
}

/// A failure because the folder of repositories cannot be used.
pub(super) fn unreachable(error: &std::io::Error) -> Failure {
    Failure::backend(
        format!("the folder of the repositories cannot be used: {error}"),
        "ask the operator to check the disk of the server",
    )
}

/// A failure because git did not do it.
pub(super) fn failed(what: &str, error: &GitError) -> Failure {
    match error {
        GitError::Missing(_) => Failure::ours(error.to_string(), "ask the operator to install git"),
        _ => Failure::backend(
            format!("git could not {what} the repository: {error}"),
            "it is tried again; when it stays so, ask the operator to look at the repository",
        ),
    }
}
