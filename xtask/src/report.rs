//! Figures beside their bars, one line each.

use crate::process;
use anyhow::Result;
use std::io::Write;
use std::process::Command;

/// What a check found.
pub enum Outcome {
    /// The figure, and whether it meets the bar.
    Figure(String, bool),
    /// Why it could not be measured here.
    Skipped(String),
}

/// A line of the report.
struct Row {
    name: String,
    figure: String,
    bar: String,
    peer: String,
    verdict: &'static str,
}

/// All lines so far.
#[derive(Default)]
pub struct Report(Vec<Row>);

impl Report {
    /// Runs a check and prints its line. An error is a bar that was not met.
    pub fn check(&mut self, name: &str, bar: &str, peer: &str, measure: impl FnOnce() -> Result<Outcome>) {
        let outcome = measure().unwrap_or_else(|error| Outcome::Figure(format!("{error:#}"), false));
        self.add(name, bar, peer, outcome);
    }

    /// Adds what was measured together with something else, and prints its line.
    pub fn add(&mut self, name: &str, bar: &str, peer: &str, outcome: Outcome) {
        let (figure, verdict) = match outcome {
            Outcome::Figure(figure, true) => (figure, "ok"),
            Outcome::Figure(figure, false) => (figure, "short"),
            Outcome::Skipped(why) => (why, "skipped"),
        };
        println!("{name}: {figure} ({bar}) {verdict}");
        let (name, bar, peer) = (name.into(), bar.into(), peer.into());
        self.0.push(Row { name, figure, bar, peer, verdict });
    }

    /// True when no bar was missed.
    pub fn is_good(&self) -> bool {
        self.0.iter().all(|row| row.verdict != "short")
    }

    /// Shows all rows as a table, and appends them to `bench/RESULTS.md` with `--write`.
    pub fn end(&self, what: &str, arguments: &[String]) -> Result<()> {
        let text = self.markdown(&format!("{what} {}", here()?));
        println!("{text}");
        if arguments.iter().any(|argument| argument == "--write") {
            let results = process::root().join("bench/RESULTS.md");
            std::fs::OpenOptions::new().append(true).create(true).open(results)?.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    /// The rows of a Markdown table under a heading.
    fn markdown(&self, heading: &str) -> String {
        let mut text = format!("\n## {heading}\n\n| what | figure | bar | peer | |\n|---|---|---|---|---|\n");
        for row in &self.0 {
            let figure = row.figure.replace('|', "/").replace('\n', " ");
            text += &format!("| {} | {figure} | {} | {} | {} |\n", row.name, row.bar, row.peer, row.verdict);
        }
        text
    }
}

/// Date, commit and machine.
fn here() -> Result<String> {
    let date = process::succeed(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]))?;
    let commit =
        process::succeed(Command::new("git").current_dir(process::root()).args(["rev-parse", "--short", "HEAD"]))?;
    let cores = std::thread::available_parallelism()?;
    Ok(format!("{}, {}, {cores} cores", date.trim(), commit.trim()))
}

/// The value that the option has on the command line.
pub fn option<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Report};

    #[test]
    fn an_error_is_a_missed_bar_and_a_skip_is_not() {
        let mut report = Report::default();
        report.check("a", "all", "–", || Ok(Outcome::Skipped("no data".into())));
        assert!(report.is_good());
        report.check("b", "all", "–", || anyhow::bail!("no | server"));
        assert!(!report.is_good());
        assert!(report.markdown("today").contains("| b | no / server | all | – | short |"));
    }
}
