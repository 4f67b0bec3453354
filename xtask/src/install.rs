//! Installs what tests need and this machine lacks, where it may: Debian packages as root, npm and Python packages
//! into folders of the checkout.

use crate::{postgres, process};
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::Command;

/// What tests need from the system.
#[derive(Clone, Copy)]
pub enum Program {
    Postgres,
    Chromium,
    Bubblewrap,
    Faketime,
    Git,
    Node,
    Wrk,
}

impl Program {
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgresql"],
            Self::Chromium => &["chromium"],
            Self::Bubblewrap => &["bubblewrap"],
            Self::Faketime => &["faketime"],
            Self::Git => &["git"],
            Self::Node => &["nodejs", "npm"],
            Self::Wrk => &["wrk"],
        }
    }

    fn is_here(self) -> bool {
        match self {
            Self::Postgres => postgres::binaries().is_some(),
            Self::Chromium => process::which("chromium").is_some(),
            Self::Bubblewrap => process::which("bwrap").is_some(),
            Self::Faketime => process::which("faketime").is_some(),
            Self::Git => process::which("git").is_some(),
            Self::Node => process::which("node").is_some() && process::which("npm").is_some(),
            Self::Wrk => process::which("wrk").is_some(),
        }
    }
}

/// Makes sure that a program is there; the error says why it is not.
pub fn program(program: Program) -> Result<()> {
    if program.is_here() {
        return Ok(());
    }
    let packages = program.packages();
    let names = packages.join(" ");
    if !process::is_root() || process::which("apt-get").is_none() {
        bail!("not installed; install the Debian package {names} or run this as root on Debian");
    }
    println!("installing {names}");
    let apt = |arguments: &[&str]| {
        process::output(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    let install: Vec<&str> = ["install", "-y", "--no-install-recommends"].iter().chain(packages).copied().collect();
    // A machine that never fetched the package lists, or has old ones, needs them first.
    if !apt(&install)?.1 {
        apt(&["update"])?;
        let (text, good) = apt(&install)?;
        if !good {
            bail!("apt-get could not install {names}: {}", text.lines().last().unwrap_or_default());
        }
    }
    if !program.is_here() {
        bail!("{names} is installed, but its program was not found");
    }
    Ok(())
}

/// The folder of the browser journeys with its npm packages installed as the lock file says.
pub fn npm() -> Result<PathBuf> {
    program(Program::Node)?;
    let dir = process::root().join("e2e");
    let (lock, installed) = (dir.join("package-lock.json"), dir.join("node_modules/.package-lock.json"));
    let age = |file: &PathBuf| std::fs::metadata(file).and_then(|meta| meta.modified()).ok();
    if age(&installed).is_some_and(|done| age(&lock).is_some_and(|wanted| wanted <= done)) {
        return Ok(dir);
    }
    println!("installing npm packages of e2e");
    let (text, good) = process::output(Command::new("npm").arg("ci").current_dir(&dir))?;
    if !good {
        bail!("npm ci failed: {}", text.lines().last().unwrap_or_default());
    }
    Ok(dir)
}

/// The folder of programs of a Python environment with the packages of `xtask/requirements.txt`.
pub fn python() -> Result<PathBuf> {
    let wanted = process::root().join("xtask/requirements.txt");
    let dir = process::target().join("venv");
    let (bin, done) = (dir.join("bin"), dir.join("requirements.txt"));
    if std::fs::read(&done).ok() == Some(std::fs::read(&wanted)?) {
        return Ok(bin);
    }
    println!("installing Python packages into {}", dir.display());
    process::succeed(Command::new("python3").args(["-m", "venv"]).arg(&dir))?;
    process::succeed(Command::new(bin.join("pip")).args(["install", "--quiet", "--requirement"]).arg(&wanted))?;
    std::fs::copy(&wanted, &done)?;
    Ok(bin)
}
