//! The folder of one program: what is asked for, what runs, its port, its lines.

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file of lines that is larger than this is cut, in bytes.
const LINES: u64 = 8 << 20;
/// So much of the end of a file of lines is read to show the last ones, in bytes.
const TAIL: u64 = 16_384;

/// What was asked for.
pub(super) const WANTED: &str = "wanted.json";
/// What was started last.
pub(super) const RUNNING: &str = "running.json";
/// The commit that did not become well.
pub(super) const REFUSED: &str = "refused.json";
/// There while it is being taken away.
pub(super) const ENDING: &str = "ending";

/// What was started last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Running {
    /// The digest of what was asked for.
    pub wanted: String,
    /// The commit, or the digest of the files.
    pub code: String,
    /// The port.
    pub port: u16,
    /// What tells its secrets from others: salted, because the secrets themselves are in memory only.
    #[serde(default)]
    pub secrets: String,
}

/// A commit that did not become well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refused {
    pub commit: String,
    pub why: String,
}

/// The one that serves, or the one that is tried before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Serving,
    Trial,
}

/// The folder of one program.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub folder: PathBuf,
    pub key: String,
}

/// What stands in the variables of the processes of a role: the key, and which folder of programs it is, so that two
/// servers of one machine never take each other's.
pub(super) fn mark(root: &Path, key: &str, role: Role) -> String {
    let root = loggia_model::canonical::etag(&root.to_string_lossy());
    let role = if role == Role::Trial { "/trial" } else { "" };
    format!("{key}@{}{role}", &root[..root.len().min(12)])
}

impl Place {
    pub(super) fn new(root: &Path, key: &str) -> Place {
        Place { folder: root.join(key), key: key.to_owned() }
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn mark(&self, role: Role) -> String {
        mark(self.folder.parent().unwrap_or(&self.folder), &self.key, role)
    }

    pub(super) fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        match std::fs::read(self.file(name)) {
            // A file that was cut off while it was written says nothing.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn write(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let mut new = tempfile::NamedTempFile::new_in(&self.folder)?;
        new.write_all(&serde_json::to_vec(value)?)?;
        new.persist(self.file(name)).map_err(|error| error.error)?;
        Ok(())
    }

    pub(super) fn forget(&self, name: &str) -> Result<()> {
        match std::fs::remove_file(self.file(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) fn lines(&self, role: Role) -> PathBuf {
        self.file(match role {
            Role::Serving => "lines",
            Role::Trial => "trial-lines",
        })
    }

    /// Takes the lock of a role for a program that is about to start; none when one holds it.
    pub(super) fn hold(&self, role: Role) -> Result<Option<File>> {
        let file = OpenOptions::new().create(true).append(true).open(self.lines(role))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                // A trial tells of itself alone.
                if role == Role::Trial {
                    file.set_len(0)?;
                }
                Ok(Some(file))
            }
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a program holds a role.
    pub(super) fn is_held(&self, role: Role) -> Result<bool> {
        let file = match File::open(self.lines(role)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// The last lines that were written.
    pub(super) fn last_lines(&self, role: Role, count: usize) -> Vec<String> {
        let read = || -> Result<String> {
            let mut file = File::open(self.lines(role))?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        // Lines are told when there are any; that there are none is no fault.
        let text = read().unwrap_or_default();
        let clean = |line: &str| line.chars().filter(|c| !c.is_control()).take(400).collect::<String>();
        let mut last: Vec<String> = text.lines().rev().map(clean).filter(|line| !line.is_empty()).take(count).collect();
        last.reverse();
        last
    }

    /// Forgets what was written: with other secrets nobody knows any more what is to be blanked in it.
    pub(super) fn clear(&self) -> Result<()> {
        match OpenOptions::new().append(true).open(self.lines(Role::Serving)) {
            Ok(file) => file.set_len(0),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Cuts a file of lines that has become too large. Whoever writes adds to its end, wherever that is.
    pub(super) fn trim(&self) -> Result<()> {
        let path = self.lines(Role::Serving);
        if path.metadata().is_ok_and(|facts| facts.len() > LINES) {
            let last = self.last_lines(Role::Serving, 100).join("\n");
            let mut file = OpenOptions::new().append(true).open(path)?;
            file.set_len(0)?;
            file.write_all(format!("{last}\n").as_bytes())?;
        }
        Ok(())
    }
}
