//! Writes commits with one `git fast-import`.

use super::cli::{Call, Git, GitError};
use std::path::Path;

/// A person in a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The name for people.
    pub name: String,
    /// The mail address.
    pub email: String,
}

impl Signature {
    /// The signature of the server itself.
    pub(crate) fn server() -> Signature {
        Signature { name: "Loggia".to_owned(), email: "loggia@localhost".to_owned() }
    }

    fn line(&self) -> String {
        // What git uses to tell the parts apart cannot be part of them.
        let clean = |text: &str| text.replace(['<', '>', '\n', '\r', '\0'], " ").trim().to_owned();
        format!("{} <{}> {} +0000", clean(&self.name), clean(&self.email), crate::now().0 / 1_000_000)
    }
}

/// One file of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Path within the repository.
    pub path: String,
    /// Content; `None` takes the file away.
    pub bytes: Option<Vec<u8>>,
    /// Whether it is a program.
    pub executable: bool,
}

/// A commit to write.
pub(crate) struct NewCommit<'a> {
    /// The full name of what points to it afterwards.
    pub target: &'a str,
    pub parent: Option<&'a str>,
    pub author: &'a Signature,
    pub message: &'a str,
    pub files: &'a [NewFile],
}

/// Writes one commit into the repository at `folder`.
pub(crate) async fn write(git: &Git, folder: &Path, commit: &NewCommit<'_>) -> Result<(), GitError> {
    let call = Call::new(folder, ["fast-import", "--quiet", "--done", "--date-format=raw-permissive"]);
    git.bytes(call.stdin(stream(commit))).await.map(drop)
}

fn stream(commit: &NewCommit<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut line = |text: &str| {
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    };
    line(&format!("commit {}", commit.target));
    line(&format!("author {}", commit.author.line()));
    line(&format!("committer {}", Signature::server().line()));
    line(&format!("data {}\n{}", commit.message.len(), commit.message));
    if let Some(parent) = commit.parent {
        line(&format!("from {parent}"));
    }
    for file in commit.files {
        entry(&mut out, file);
    }
    out.extend_from_slice(b"done\n");
    out
}

fn entry(out: &mut Vec<u8>, file: &NewFile) {
    let path = quoted(&file.path);
    let Some(bytes) = &file.bytes else {
        out.extend_from_slice(format!("D {path}\n").as_bytes());
        return;
    };
    let mode = if file.executable { "100755" } else { "100644" };
    out.extend_from_slice(format!("M {mode} inline {path}\ndata {}\n", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
    out.push(b'\n');
}

fn quoted(path: &str) -> String {
    format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// Whether a path may be part of a repository: relative, without `.` and `..`, and nowhere near `.git`.
pub fn path_is_safe(path: &str) -> bool {
    let part = |part: &str| {
        let lower = part.to_ascii_lowercase();
        !matches!(lower.trim_end_matches([' ', '.']), "" | ".git" | "git~1") && !part.contains(['\\', '\0'])
    };
    path.len() <= 1024 && path.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::path_is_safe;

    #[test]
    fn paths_stay_inside() {
        for path in ["a", "a/b.txt", ".github/workflows/ci.yaml", "ü/x y"] {
            assert!(path_is_safe(path), "{path}");
        }
        for path in ["", "/a", "a/", "../a", "a/./b", ".git/config", "a/.GIT/x", "a//b", "a\\b", ".git. /hooks"] {
            assert!(!path_is_safe(path), "{path}");
        }
    }
}
