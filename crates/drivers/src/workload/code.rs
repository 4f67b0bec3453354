//! The files of a program: a commit of a repository of this server, or the files of its release.

use super::place::Place;
use super::wanted::Source;
use crate::git::cli::{Call, Git, GitError};
use crate::git::render;
use loggia_app::instance::driver::{Failure, Request};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where the files are.
const CODE: &str = "code";

/// Where the files of a state are.
pub(super) fn folder(place: &Place, code: &str) -> PathBuf {
    place.file(CODE).join(code)
}

/// The newest commit of a branch; none when there is no such repository or branch. Read from the files of the
/// repository, because it is asked for all the time.
pub(super) fn head(repositories: &Path, source: &Source) -> Option<String> {
    let Source::Repository { branch, commit, .. } = source else { return None };
    if let Some(commit) = commit {
        return Some(commit.clone());
    }
    let repository = bare(repositories, source)?;
    let name = format!("refs/heads/{branch}");
    let packed = || {
        let all = std::fs::read_to_string(repository.join("packed-refs")).ok()?;
        all.lines().find_map(|line| line.strip_suffix(&name)?.strip_suffix(' ').map(str::to_owned))
    };
    let commit = std::fs::read_to_string(repository.join(&name)).ok().or_else(packed)?.trim().to_owned();
    (commit.len() >= 40 && commit.bytes().all(|b| b.is_ascii_hexdigit())).then_some(commit)
}

fn bare(repositories: &Path, source: &Source) -> Option<PathBuf> {
    match source {
        Source::Repository { team, name, .. } => Some(repositories.join(team).join(format!("{name}.git"))),
        Source::Files(_) => None,
    }
}

/// The state that a request asks for now: a commit, or the digest of its files.
pub(super) fn newest(repositories: &Path, source: &Source) -> Result<String, Failure> {
    match source {
        Source::Files(digest) => Ok(digest.clone()),
        Source::Repository { name, branch, team, .. } => head(repositories, source).ok_or_else(|| {
            let message = format!("Team {team} has no repository {name} with a branch {branch} here.");
            Failure::yours(message, "Order the repository first, or name another one. Then push to that branch.")
        }),
    }
}

/// Puts the files of a release in place.
pub(super) fn write(place: &Place, digest: &str, request: &Request) -> std::io::Result<()> {
    let folder = folder(place, digest);
    if folder.is_dir() {
        return Ok(());
    }
    let making = tempfile::tempdir_in(&place.folder)?;
    for (path, file) in render::plain_files(request) {
        let target = making.path().join(path);
        std::fs::create_dir_all(target.parent().unwrap_or(making.path()))?;
        std::fs::write(&target, &file.bytes)?;
        if file.executable {
            std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o755))?;
        }
    }
    settle(making, &folder)
}

/// Takes a commit out of its repository, when it is not there yet.
pub(super) async fn check_out(
    repositories: &Path,
    place: &Place,
    source: &Source,
    commit: &str,
) -> Result<(), GitError> {
    let Some(repository) = bare(repositories, source) else { return Ok(()) };
    let folder = folder(place, commit);
    if folder.is_dir() {
        return Ok(());
    }
    let broken = |error: std::io::Error| GitError::Missing(error.to_string());
    let making = tempfile::tempdir_in(&place.folder).map_err(broken)?;
    let git = Git::find()?;
    let args = ["clone", "--quiet", "--no-checkout", "--template=", "--end-of-options"].map(Into::into).into_iter();
    let target = making.path().to_owned().into_os_string();
    git.bytes(Call::new(&place.folder, args.chain([repository.into_os_string(), target])).local(true)).await?;
    git.bytes(Call::new(making.path(), ["checkout", "--quiet", "--force", "--detach", commit])).await?;
    std::fs::remove_dir_all(making.path().join(".git")).map_err(broken)?;
    settle(making, &folder).map_err(broken)
}

/// One rename: the files are there whole, or not at all.
fn settle(making: tempfile::TempDir, folder: &Path) -> std::io::Result<()> {
    std::fs::set_permissions(making.path(), std::fs::Permissions::from_mode(0o755))?;
    std::fs::create_dir_all(folder.parent().unwrap_or(folder))?;
    std::fs::rename(making.path(), folder)?;
    drop(making.keep());
    Ok(())
}

/// Removes the files of all states but one.
pub(super) fn keep_only(place: &Place, code: &str) {
    let all = std::fs::read_dir(place.file(CODE)).into_iter().flatten().flatten();
    for old in all.filter(|entry| entry.file_name() != *code) {
        // What cannot be removed now is removed after the next change.
        let _ = std::fs::remove_dir_all(old.path());
    }
}
