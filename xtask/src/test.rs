//! `cargo xtask test`: all tests, with one line at the end that says how many.

use crate::install::{self, Program};
use crate::postgres::{self, Cluster};
use crate::process;
use crate::tally::Tally;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Installs, runs, sums up. True when nothing failed.
pub fn run() -> Result<bool> {
    let mut tally = Tally::default();
    let programs = [(Program::Git, "git"), (Program::Bubblewrap, "bubblewrap"), (Program::Faketime, "faketime")];
    for (program, name) in programs {
        if let Err(why) = install::program(program) {
            tally.skip(name, &why.to_string());
        }
    }
    // Programs of others that tests of the doors run, too; without them those tests say that they were skipped.
    if let Err(why) = install::npm() {
        tally.skip("npm packages", &why.to_string());
    }
    let cluster = database(&mut tally)?;
    let binary = process::target().join("debug/loggia");
    rust(&mut tally, cluster.as_ref())?;
    browser(&mut tally, &binary, cluster.as_ref())?;
    drop(cluster);
    println!("{tally}");
    Ok(tally.failed() == 0)
}

/// A cluster of our own, unless the environment names one.
fn database(tally: &mut Tally) -> Result<Option<Cluster>> {
    if std::env::var_os(postgres::URL).is_some() {
        return Ok(None);
    }
    if let Err(why) = install::program(Program::Postgres) {
        tally.skip("PostgreSQL", &why.to_string());
        return Ok(None);
    }
    Cluster::start().map(Some)
}

fn rust(tally: &mut Tally, cluster: Option<&Cluster>) -> Result<()> {
    let mut command = process::cargo();
    command.args(["test", "--workspace", "--no-fail-fast", "--", "--show-output"]);
    // Some tests make a step panic on purpose: the place of a panic says enough, and each error of `anyhow` would walk
    // the stack.
    command.env("RUST_BACKTRACE", "0");
    if let Some(cluster) = cluster {
        command.env(postgres::URL, cluster.url());
    }
    let before = tally.failed();
    let good = process::tee(&mut command, |line| tally.cargo_line(line))?;
    if !good && tally.failed() == before {
        tally.fail("cargo test ended with an error before the tests could say what failed");
    }
    Ok(())
}

fn browser(tally: &mut Tally, binary: &Path, cluster: Option<&Cluster>) -> Result<()> {
    let dir = match install::program(Program::Chromium).and_then(|()| install::npm()) {
        Ok(dir) => dir,
        Err(why) => {
            tally.skip("browser journeys", &why.to_string());
            return Ok(());
        }
    };
    if !binary.is_file() {
        tally.fail("browser journeys: cargo test did not build the binary");
        return Ok(());
    }
    // One file after the other: each starts a server and a browser, and the machine may be small.
    for file in journeys(&dir)? {
        let mut command = Command::new("node");
        command.args(["--test", "--test-reporter=spec"]).arg(&file).current_dir(&dir).env("LOGGIA_BIN", binary);
        if let Some(cluster) = cluster {
            command.env(postgres::URL, cluster.url());
        }
        let before = tally.failed();
        let good = process::tee(&mut command, |line| {
            tally.node_line(line);
            true
        })?;
        if !good && tally.failed() == before {
            tally.fail(&file.display().to_string());
        }
    }
    Ok(())
}

fn journeys(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
