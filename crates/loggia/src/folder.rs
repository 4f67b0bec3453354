//! The folder of a server's data: its owner's alone.

use anyhow::{Context, Result};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Rights of a folder for its owner.
pub const OWN: u32 = 0o700;
/// The same where another account goes through it to a folder of its own: the demo's PostgreSQL does not run as root.
pub const PASSED_THROUGH: u32 = 0o711;

/// Makes the folder of the data when it is not there; the rights of one that is there are its owner's to decide.
///
/// # Errors
/// When it cannot be made.
pub fn data_folder(path: &Path, rights: u32) -> Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(rights).create(path);
    made.with_context(|| format!("cannot make the folder {}", path.display()))
}

/// The files of a folder that others than their owner may read: the database and what SQLite puts beside it, the key.
/// Nobody else reaches a file in a folder that is closed itself.
pub fn open_files(data: &Path) -> Vec<PathBuf> {
    if data.metadata().is_ok_and(|facts| facts.permissions().mode() & 0o011 == 0) {
        return Vec::new();
    }
    let names = ["loggia.sqlite", "loggia.sqlite-wal", "loggia.sqlite-shm", "secret.key"];
    let open = |path: &PathBuf| path.metadata().is_ok_and(|facts| facts.permissions().mode() & 0o044 != 0);
    names.iter().map(|name| data.join(name)).filter(open).collect()
}

/// Writes a new file that only its owner may read.
///
/// # Errors
/// When it is there already, or cannot be written.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    // What the database says of it is kept, so it must be as well.
    file.sync_all()?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => Ok(std::fs::File::open(folder)?.sync_all()?),
        _ => Ok(()),
    }
}
