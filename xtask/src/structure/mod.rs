//! What must stay true of the source as a whole, checked by a machine: the arrow between crates, sizes, calls that
//! belong in one place, and what may not be committed.

mod arrow;
mod code;
mod files;
mod sources;

use crate::process;
use anyhow::{Result, bail};
use std::process::Command;

/// Prints every problem; true when there is none.
pub fn run() -> bool {
    match problems() {
        Ok(found) if found.is_empty() => true,
        Ok(found) => {
            found.iter().for_each(|problem| println!("{problem}"));
            println!("{} problems in the structure", found.len());
            false
        }
        Err(error) => {
            println!("the structure could not be checked: {error:#}");
            false
        }
    }
}

fn problems() -> Result<Vec<String>> {
    let mut found = arrow::problems()?;
    let mut tracked = Vec::new();
    for path in tracked_files()? {
        // A file that is not text has no lines to look at.
        if let Ok(text) = std::fs::read_to_string(process::root().join(&path)) {
            tracked.push((path, text));
        }
    }
    found.extend(sources::problems(&tracked));
    found.extend(files::problems(&tracked));
    Ok(found)
}

/// Files that are committed or would be.
fn tracked_files() -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.current_dir(process::root()).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let list = process::succeed(&mut git)?;
    let files: Vec<String> = list.split('\0').filter(|path| !path.is_empty()).map(String::from).collect();
    if files.is_empty() {
        bail!("git lists no files");
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_structure_holds() {
        let found = super::problems().unwrap();
        assert!(found.is_empty(), "{} problems:\n{}", found.len(), found.join("\n"));
    }
}
