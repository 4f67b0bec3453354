//! Three-way merges and commits inside a bare repository, without files on the disk.

use super::cli::{Call, Git, GitError};
use super::import::{self, NewCommit, NewFile, Signature};
use loggia_app::instance::change_request::ChangedFile;
use std::collections::BTreeSet;
use std::path::Path;

/// Longest difference that is given, in bytes.
const DIFF: usize = 400_000;

/// What a merge makes.
pub(super) struct Merged {
    /// The tree.
    pub tree: String,
    /// The files that both sides changed in the same place.
    pub conflicts: BTreeSet<String>,
}

/// What git says, or nothing where it refuses.
async fn maybe(git: &Git, folder: &Path, args: &[&str]) -> Option<String> {
    git.text(Call::new(folder, args.iter().copied())).await.ok().filter(|text| !text.is_empty())
}

/// The commit that a name points to.
pub(super) async fn commit_of(git: &Git, folder: &Path, name: &str) -> Option<String> {
    maybe(git, folder, &["rev-parse", "--quiet", "--verify", "--end-of-options", &format!("{name}^{{commit}}")]).await
}

/// The tree of a commit.
pub(super) async fn tree_of(git: &Git, folder: &Path, commit: &str) -> Result<String, GitError> {
    git.text(Call::new(folder, ["rev-parse", "--verify", "--end-of-options", &format!("{commit}^{{tree}}")])).await
}

/// Whether everything in one commit is in the other.
pub(super) async fn is_within(git: &Git, folder: &Path, commit: &str, other: &str) -> Result<bool, GitError> {
    git.either(Call::new(folder, ["merge-base", "--is-ancestor", commit, other])).await.map(|(_, within)| within)
}

/// Merges `theirs` into `ours`; what they have in common is `base`, or is looked for in their history.
pub(super) async fn merge(
    git: &Git,
    folder: &Path,
    base: Option<&str>,
    ours: &str,
    theirs: &str,
) -> Result<Merged, GitError> {
    let base = base.map(|base| format!("--merge-base={base}"));
    let fixed = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages"];
    let args = fixed.into_iter().chain(base.as_deref()).chain([ours, theirs]);
    let (bytes, _) = git.either(Call::new(folder, args)).await?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut parts = text.split('\0').filter(|part| !part.is_empty()).map(str::to_owned);
    let tree = parts.next().ok_or_else(|| GitError::Refused("it made no tree".to_owned()))?;
    Ok(Merged { tree, conflicts: parts.collect() })
}

/// Writes a commit with a tree.
pub(super) async fn commit(
    git: &Git,
    folder: &Path,
    tree: &str,
    parents: &[&str],
    author: &Signature,
    message: &str,
) -> Result<String, GitError> {
    let parents = parents.iter().flat_map(|parent| ["-p", *parent]);
    let args = ["commit-tree", tree].into_iter().chain(parents).chain(["-F", "-"]);
    let call = Call::new(folder, args).stdin(format!("{message}\n").into_bytes());
    git.text(call.setting("user.name", &author.name).setting("user.email", &author.email)).await
}

/// Lets a name point to a commit, if it points to `before` now; to none when that is empty.
pub(super) async fn point(git: &Git, folder: &Path, name: &str, to: &str, before: &str) -> Result<(), GitError> {
    const NOTHING: &str = "0000000000000000000000000000000000000000";
    let before = if before.is_empty() { NOTHING } else { before };
    git.bytes(Call::new(folder, ["update-ref", name, to, before])).await.map(drop)
}

/// Takes a name away, whatever it points to.
pub(super) async fn forget(git: &Git, folder: &Path, name: &str) -> Result<(), GitError> {
    git.bytes(Call::new(folder, ["update-ref", "-d", name])).await.map(drop)
}

/// Writes the files of two versions of a golden path as two commits, one after the other, and gives both.
pub(super) async fn templates(
    git: &Git,
    folder: &Path,
    before: &[NewFile],
    after: &[NewFile],
) -> Result<(String, String), GitError> {
    // A name of its own for each call: two at the same time do not meet.
    let target = format!("refs/loggia/making/{:032x}", rand::random::<u128>());
    let author = Signature::server();
    let commit = NewCommit { target: &target, parent: None, author: &author, message: "Before\n", files: before };
    import::write(git, folder, &commit).await?;
    let base = git.text(Call::new(folder, ["rev-parse", "--verify", &target])).await?;
    let stays: BTreeSet<&str> = after.iter().map(|file| file.path.as_str()).collect();
    let gone = before.iter().filter(|file| !stays.contains(file.path.as_str()));
    let gone = gone.map(|file| NewFile { bytes: None, ..file.clone() });
    // What goes stands first: a file may become a folder.
    let files: Vec<NewFile> = gone.chain(after.iter().cloned()).collect();
    let (parent, message) = (Some(base.as_str()), "After\n");
    import::write(git, folder, &NewCommit { target: &target, parent, author: &author, message, files: &files }).await?;
    let made = git.text(Call::new(folder, ["rev-parse", "--verify", &target])).await?;
    forget(git, folder, &target).await?;
    Ok((base, made))
}

/// Those of some files that hold both sides, between markers.
pub(super) async fn marked(
    git: &Git,
    folder: &Path,
    tree: &str,
    files: &BTreeSet<String>,
) -> Result<BTreeSet<String>, GitError> {
    if files.is_empty() {
        return Ok(BTreeSet::new());
    }
    let args = ["grep", "-l", "-z", "-e", "^<<<<<<< ", "-e", "^>>>>>>> ", tree, "--"].map(str::to_owned);
    let paths = files.iter().map(|file| format!(":(literal){file}"));
    let (bytes, _) = git.either(Call::new(folder, args.into_iter().chain(paths))).await?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let front = format!("{tree}:");
    Ok(text.split('\0').filter_map(|name| name.strip_prefix(&front)).map(str::to_owned).collect())
}

/// What differs between two trees or commits: the files, and the text where it is not too long.
pub(super) async fn difference(
    git: &Git,
    folder: &Path,
    from: &str,
    to: &str,
    met: &BTreeSet<String>,
) -> Result<(Vec<ChangedFile>, String), GitError> {
    let conflicts = marked(git, folder, to, met).await?;
    let names = git.text(Call::new(folder, ["diff", "--name-only", "-z", "--no-renames", from, to])).await?;
    let file = |path: &str| {
        let conflict = conflicts.contains(path);
        ChangedFile { path: path.to_owned(), conflict, apart: !conflict && met.contains(path) }
    };
    let mut files: Vec<ChangedFile> = names.split('\0').filter(|path| !path.is_empty()).map(file).collect();
    let named: BTreeSet<String> = files.iter().map(|file| file.path.clone()).collect();
    files.extend(met.iter().filter(|path| !named.contains(*path)).map(|path| file(path)));
    let args = ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--find-renames", from, to];
    let text = match git.bytes(Call::new(folder, args).limit(DIFF)).await {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(GitError::Stopped(_)) => String::new(),
        Err(error) => return Err(error),
    };
    Ok((files, text))
}
