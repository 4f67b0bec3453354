//! What the operator set, as far as commands and queries need it.

use loggia_model::Micros;
use loggia_model::time::DAY;
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

/// How long what grows with every day is kept. The log, all revisions, operations and days of use are kept for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Days for which the lines are kept that an operation wrote, from its end on.
    pub run_logs: u32,
    /// Days for which single readings of use are kept. Older ones are refused, for nobody could tell any more whether
    /// they were counted.
    pub readings: u32,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention { run_logs: 180, readings: 800 }
    }
}

impl Retention {
    /// The time before which readings are not kept.
    pub(crate) fn readings_from(self, now: Micros) -> Micros {
        Micros(now.0 - i64::from(self.readings) * DAY)
    }
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
    /// How long what grows is kept.
    pub retention: Retention,
}

impl Settings {
    /// Folder of the Git repositories that this server keeps.
    pub fn git_root(&self) -> PathBuf {
        self.data.join("repositories")
    }
}
