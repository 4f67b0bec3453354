//! From the start of the server to everything visible and related, as the tool measures it that also measured the peer.

use super::{NO_SHARED, Setting, seconds};
use crate::report::{Outcome, Report};
use crate::{install, process};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const COUNT: usize = 10_000;

pub fn measure(setting: &Setting, report: &mut Report) {
    report.check("10,000 entities, start to visible and related", "2 s", "178 s SQLite, 132 s PostgreSQL", || {
        let (Some(folder), Some(shared)) = (setting.entities(COUNT)?, &setting.shared) else {
            return Ok(Outcome::Skipped(NO_SHARED.into()));
        };
        if let Err(why) = install::program(install::Program::Wrk) {
            return Ok(Outcome::Skipped(format!("wrk: {why}")));
        }
        let time = run_tool(setting, shared, &folder)?;
        Ok(seconds(time, 2.0))
    });
}

fn run_tool(setting: &Setting, shared: &Path, folder: &Path) -> Result<Duration> {
    let (port, token) = (process::free_port()?, process::random_text(16)?);
    let data = setting.data("visible");
    let command = format!(
        "{} serve --listen 127.0.0.1:{port} --data {} --repository {}",
        setting.binary.display(),
        data.display(),
        folder.display()
    );
    let mut tool = Command::new("python3");
    tool.arg(shared.join("tools/bench_catalog.py")).args(["--n", &COUNT.to_string(), "--label", "loggia"]);
    tool.args(["--base", &format!("http://127.0.0.1:{port}"), "--spawn", &command, "--token", &token]);
    tool.args(["--dur", "1", "--conns", "1", "--limit", "120"]).env("LOGGIA_ADMIN_TOKEN", &token);
    tool.env("WORK", &setting.scratch).env("PYTHONDONTWRITEBYTECODE", "1");
    let (text, _) = process::output(&mut tool)?;
    let result = text.lines().find(|line| line.starts_with('{')).with_context(|| format!("no result: {text}"))?;
    let result: Value = serde_json::from_str(result)?;
    let stitched = result["stitched_s"].as_f64().with_context(|| format!("not all related: {result}"))?;
    Ok(Duration::from_secs_f64(stitched))
}
