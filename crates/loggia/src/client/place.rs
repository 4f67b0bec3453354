//! Paths that a server gives: files are written below a folder that somebody named, and nowhere else.

use crate::exit::{PROBLEM, failure};
use anyhow::Result;
use std::path::{Component, Path, PathBuf};

/// A path of a server below a folder.
///
/// # Errors
/// When it would lead out of the folder, or is none.
pub fn inside(folder: &Path, path: &str) -> Result<PathBuf> {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let named = Path::new(path).components().any(|part| matches!(part, Component::Normal(_)));
    if named && !path.contains('\0') && Path::new(path).components().all(plain) {
        return Ok(folder.join(path));
    }
    let mend = "Nothing was written there. Ask whoever runs the server what it is.";
    Err(failure(PROBLEM, format!("the server names a file outside of the folder: {path:?}. {mend}")))
}

#[cfg(test)]
mod tests {
    use super::inside;
    use std::path::Path;

    #[test]
    fn no_path_leads_out_of_the_folder() {
        let folder = Path::new("/some/where");
        for good in ["a", "a/b.yaml", "./a", "a/./b", "..a/b..", "a//b"] {
            assert!(inside(folder, good).unwrap().starts_with(folder), "{good}");
        }
        for bad in ["", ".", "..", "../a", "a/../../b", "a/..", "/a", "/etc/passwd", "a/../b", "a\0b"] {
            assert!(inside(folder, bad).is_err(), "{bad:?}");
        }
    }
}
