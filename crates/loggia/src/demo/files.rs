//! The example platform: its files are part of the program, and become a Git repository in the data folder.

use anyhow::{Context, Result};
use loggia_drivers::git::{Signature, make_repository, take_commits};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// One file of the example platform.
struct File {
    path: &'static str,
    program: bool,
    bytes: &'static [u8],
}

const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/fairway.rs"));
/// Who wrote the first commit.
const AUTHOR: (&str, &str) = ("Fairway", "fairway@meridian-lines.example");

/// The text of a file of the example platform.
pub fn text(path: &str) -> &'static str {
    let file = FILES.iter().find(|file| file.path == path);
    file.and_then(|file| std::str::from_utf8(file.bytes).ok()).unwrap_or_default()
}

/// Writes the example platform below `data` as a Git repository, unless it is there already; gives its folder.
///
/// # Errors
/// When it cannot be written.
pub async fn repository(data: &Path) -> Result<PathBuf> {
    let folder = data.join("fairway");
    if !folder.exists() {
        begin(data, &folder).await?;
    }
    // People change things on pages and in the folder itself.
    if let Err(error) = take_commits(&folder).await {
        tracing::warn!(%error, "edits on pages are given as patches");
    }
    Ok(folder)
}

async fn begin(data: &Path, folder: &Path) -> Result<()> {
    let unfinished = data.join("fairway.new");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished)?;
    }
    write(&unfinished).with_context(|| format!("cannot write {}", unfinished.display()))?;
    let author = Signature { name: AUTHOR.0.to_owned(), email: AUTHOR.1.to_owned() };
    if let Err(error) = make_repository(&unfinished, &author, "Fairway, as it is today").await {
        tracing::warn!(%error, "the example platform is a plain folder: edits on pages need git");
    }
    Ok(std::fs::rename(&unfinished, folder)?)
}

fn write(folder: &Path) -> std::io::Result<()> {
    for file in FILES {
        let path = folder.join(file.path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, file.bytes)?;
        if file.program {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_example_is_in_the_program() {
        assert!(FILES.len() > 100, "{}", FILES.len());
        assert!(text("product.yaml").contains("name: fairway"));
        assert_eq!(text("estate.jsonl").lines().count(), 310);
    }
}
