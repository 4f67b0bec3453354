//! Reads a plain folder. Links are listed, never followed.

use super::{Entry, EntryKind, LARGEST, SourceError};
use sha2::{Digest, Sha256};
use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Folders that hold no text of people, and can be huge.
const LEFT_OUT: [&str; 2] = [".git", "node_modules"];
/// Most entries that are read.
const ENTRIES: usize = 200_000;

fn wrong(path: &Path, error: &std::io::Error) -> SourceError {
    SourceError::Folder(format!("{}: {error}", path.display()))
}

/// All entries in order of path.
pub(crate) fn walk(root: &Path) -> Result<Vec<Entry>, SourceError> {
    let mut entries = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(&folder).map_err(|error| wrong(&folder, &error))? {
            let path = item.map_err(|error| wrong(&folder, &error))?.path();
            visit(root, path, &mut folders, &mut entries)?;
        }
        if entries.len() > ENTRIES {
            return Err(SourceError::Folder(format!("it has more than {ENTRIES} files")));
        }
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

fn visit(root: &Path, path: PathBuf, folders: &mut Vec<PathBuf>, entries: &mut Vec<Entry>) -> Result<(), SourceError> {
    let facts = match std::fs::symlink_metadata(&path) {
        Ok(facts) => facts,
        // Removed while we walked: as if it had not been there.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(wrong(&path, &error)),
    };
    let Some(relative) = path.strip_prefix(root).ok().and_then(Path::to_str) else { return Ok(()) };
    let kind = match facts.file_type() {
        kind if kind.is_symlink() => EntryKind::Link,
        kind if kind.is_dir() => {
            if !path.file_name().is_some_and(|name| LEFT_OUT.iter().any(|out| name == *out)) {
                folders.push(path);
            }
            return Ok(());
        }
        kind if !kind.is_file() => return Ok(()),
        _ if facts.permissions().mode() & 0o111 != 0 => EntryKind::Program,
        _ => EntryKind::File,
    };
    let blob = identity(relative, &facts);
    entries.push(Entry { path: relative.to_owned(), kind, size: facts.len(), blob });
    Ok(())
}

/// Identity of a content by what the file system says, so that a folder need not be read to see that nothing changed.
fn identity(path: &str, facts: &Metadata) -> String {
    let text = format!("{path}\0{}\0{}\0{}\0{}", facts.ino(), facts.len(), facts.mtime(), facts.mtime_nsec());
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A digest over all entries.
pub(super) fn state(root: &Path) -> Result<String, SourceError> {
    let mut digest = Sha256::new();
    for entry in walk(root)? {
        digest.update(entry.path.as_bytes());
        digest.update([0]);
        digest.update(entry.blob.as_bytes());
    }
    Ok(hex(&digest.finalize()))
}

/// Reads the content of entries.
pub(crate) fn read(root: &Path, entries: &[Entry]) -> Result<Vec<Option<Vec<u8>>>, SourceError> {
    let readable = |entry: &Entry| matches!(entry.kind, EntryKind::File | EntryKind::Program);
    Ok(entries.iter().map(|entry| file(root, &entry.path).filter(|_| readable(entry))).collect())
}

/// Reads one file, unless it lies behind a link that leaves the folder, or is too large.
pub(super) fn file(root: &Path, path: &str) -> Option<Vec<u8>> {
    let real = root.join(path).canonicalize().ok()?;
    let facts = real.metadata().ok()?;
    let fits = real.starts_with(root.canonicalize().ok()?) && facts.is_file() && facts.len() <= LARGEST;
    fits.then(|| std::fs::read(real).ok()).flatten()
}
