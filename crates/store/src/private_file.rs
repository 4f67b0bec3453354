//! Files that only their owner may read.

use crate::error::StoreError;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Makes such a file, when it is not there. SQLite gives what it puts beside it the same rights.
///
/// # Errors
/// [`StoreError::Unavailable`] when it cannot be made.
pub(crate) fn make(path: &Path) -> Result<(), StoreError> {
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(StoreError::Unavailable(format!("{}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}
