//! `cargo xtask bench`: the release binary measured, each figure beside its limit and its peer.

mod campaigns;
mod latency;
mod orders;
mod pages;
mod serving;
mod sweep;
mod versions;
mod visible;
mod whole;
mod wrk;

use crate::report::{Outcome, Report, option};
use crate::{entities, process, server};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest that any start may take.
const LIMIT: Duration = Duration::from_secs(120);
const NO_SHARED: &str = "no shared data: set LOGGIA_SHARED to its folder";

/// What all measurements need.
struct Setting {
    binary: PathBuf,
    shared: Option<PathBuf>,
    scratch: PathBuf,
    /// A path of the server that stands for an empty handler, instead of `loggia bench-empty`.
    empty: Option<String>,
}

type Measure = fn(&Setting, &mut Report);

const MEASURES: &[(&str, Measure)] = &[
    ("visible", visible::measure),
    ("serving", serving::measure),
    ("large", serving::large),
    ("source", whole::source),
    ("orders", orders::measure),
    ("sweep", sweep::measure),
    ("campaigns", campaigns::measure),
    ("versions", versions::measure),
    ("demo", whole::demo),
    ("pages", pages::measure),
    ("build", whole::build),
];

/// Measures everything, or what `--only` names; the cold build only with `--cold-build` or by name.
pub fn run(arguments: &[String]) -> Result<bool> {
    let only = option(arguments, "--only");
    let cold = arguments.iter().any(|argument| argument == "--cold-build");
    let scratch = process::scratch("bench")?;
    let setting = Setting {
        binary: server::release(arguments)?,
        shared: process::shared(),
        scratch: scratch.path().into(),
        empty: option(arguments, "--empty").map(String::from),
    };
    let mut report = Report::default();
    for (name, measure) in MEASURES {
        if only.map_or(*name != "build" || cold, |only| only == *name) {
            measure(&setting, &mut report);
        }
    }
    report.end("Measured", arguments)?;
    Ok(report.is_good())
}

impl Setting {
    /// A folder with generated entities; nothing when the generator is not there.
    fn entities(&self, count: usize) -> Result<Option<PathBuf>> {
        let Some(shared) = &self.shared else { return Ok(None) };
        let folder = self.scratch.join(format!("entities-{count}"));
        if !folder.is_dir() {
            entities::generate(shared, &folder, count)?;
        }
        Ok(Some(folder))
    }

    fn data(&self, name: &str) -> PathBuf {
        self.scratch.join(format!("data-{name}"))
    }
}

/// A duration against a limit, both in seconds.
fn seconds(time: Duration, limit: f64) -> Outcome {
    Outcome::Figure(format!("{:.3} s", time.as_secs_f64()), time.as_secs_f64() < limit)
}

/// A size on disk or in memory against a limit, both in MB.
fn megabytes(size: u64, limit: u64) -> Outcome {
    Outcome::Figure(format!("{size} MB"), size <= limit)
}

fn copy_text(from: &str, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(to, from)?)
}
