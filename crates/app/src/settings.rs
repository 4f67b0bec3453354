//! What the operator set, as far as commands and queries need it.

use std::path::PathBuf;

/// Whether people may be switched with one click, as in the demo, and by whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demo {
    /// This is no demo.
    #[default]
    No,
    /// By whoever sits at this machine.
    Here,
    /// By everybody who reaches it: the operator said so.
    Open,
}

/// Settings of one server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address under which people reach this server, without a slash at the end.
    pub public_url: String,
    /// Folder of everything that is not in the database.
    pub data: PathBuf,
    /// Whether this is the demo, and who may switch people there.
    pub demo: Demo,
    /// Whether records may be changed through the doors.
    pub read_only: bool,
    /// Programs, folders and files from which records are read, in order.
    pub repositories: Vec<String>,
}

impl Settings {
    /// Folder of the Git repositories that this server keeps.
    pub fn git_root(&self) -> PathBuf {
        self.data.join("repositories")
    }
}
