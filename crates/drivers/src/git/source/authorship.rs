//! Who wrote the files of a state, from the commits that led to it.

use super::SourceError;
use super::objects::commit_is_safe;
use crate::git::cli::{Call, Git};
use loggia_app::source::{Commit, Written};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// How many commits are looked through: those since the last reading, or the newest ones at the first.
const MOST: &str = "--max-count=500";
/// Begins each commit; no text of a commit can hold it.
const MARK: char = '\u{1}';

/// The last commit of each file, as far as that is cheap to know.
pub(super) async fn written(git: &Git, cache: &Path, from: Option<&str>, to: &str) -> Written {
    let text = match log(git, cache, from, to).await {
        Ok(text) => text,
        // The earlier state may be gone from the repository: then the newest commits are looked through.
        Err(_) => log(git, cache, None, to).await.unwrap_or_default(),
    };
    read(&text)
}

async fn log(git: &Git, cache: &Path, from: Option<&str>, to: &str) -> Result<String, SourceError> {
    commit_is_safe(to)?;
    let range = match from {
        Some(from) => {
            commit_is_safe(from)?;
            format!("{from}..{to}")
        }
        None => to.to_owned(),
    };
    let format = "--format=%x01%H%x00%an%x00%ae%x00%s";
    Ok(git.text(Call::new(cache, ["log", MOST, "--no-renames", "--name-only", format, &range, "--"])).await?)
}

/// Reads commits, the newest first: `MARK id NUL name NUL mail NUL subject LF LF (path LF)*`.
fn read(text: &str) -> Written {
    let (mut newest, mut files) = (None, HashMap::new());
    for one in text.split(MARK).skip(1) {
        let (head, paths) = one.split_once('\n').unwrap_or((one, ""));
        let mut facts = head.split('\0').map(str::to_owned);
        let mut next = || facts.next().unwrap_or_default();
        let commit = Arc::new(Commit { id: next(), author: next(), mail: next(), subject: next() });
        newest.get_or_insert_with(|| Arc::clone(&commit));
        for path in paths.lines().filter(|path| !path.is_empty()) {
            files.entry(path.to_owned()).or_insert_with(|| Arc::clone(&commit));
        }
    }
    Written { newest, files }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_its_last_commit() {
        let text = "\u{1}c2\0Amara\0amara@example.com\0Raise the price\n\na.yaml\nc d.yaml\n\n\u{1}c1\0Ines\0i@x\0Begin\n\na.yaml\nb.yaml\n";
        let written = read(text);
        let of = |file: &str| written.files.get(file).map(|commit| (commit.id.as_str(), commit.subject.as_str()));
        assert_eq!(of("a.yaml"), Some(("c2", "Raise the price")));
        assert_eq!(of("b.yaml"), Some(("c1", "Begin")));
        assert_eq!(of("c d.yaml"), Some(("c2", "Raise the price")));
        assert_eq!(written.newest.unwrap().author, "Amara");
        assert_eq!(read(""), Written::default());
    }
}
