//! Requests per second under load, by the program wrk.

use crate::process;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

/// A load: 16 connections for three seconds.
pub struct Load {
    script: PathBuf,
}

impl Load {
    /// Requests for these paths in turn, with a token.
    pub fn new(script: PathBuf, token: &str, paths: &[String]) -> Result<Self> {
        let list: Vec<String> = paths.iter().map(|path| format!("\"{path}\"")).collect();
        let text = format!(
            "wrk.headers[\"Authorization\"] = \"Bearer {token}\"\nlocal paths = {{{}}}\nlocal at = 0\n\
             request = function()\n  at = at % #paths + 1\n  return wrk.format(\"GET\", paths[at])\nend\n",
            list.join(",")
        );
        std::fs::write(&script, text)?;
        Ok(Self { script })
    }

    /// Requests per second; an error when any answer was not a success.
    pub fn rate(&self, base: &str) -> Result<f64> {
        let mut wrk = Command::new("wrk");
        wrk.args(["-t1", "-c16", "-d3s", "--timeout", "10s", "-s"]).arg(&self.script).arg(base);
        let text = process::succeed(&mut wrk)?;
        if let Some(line) = text.lines().find(|line| line.contains("Non-2xx") || line.contains("Socket errors")) {
            bail!("under load: {}", line.trim());
        }
        let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:")).context("wrk printed no rate")?;
        Ok(rate.trim().parse()?)
    }
}
