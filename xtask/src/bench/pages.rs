//! The pages of a first visit: scores of Lighthouse, and what they weigh over the wire.

use super::Setting;
use crate::report::{Outcome, Report};
use crate::{install, process};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::process::Command;

const BAR: &str = "accessibility and best practices 100, under 100 kB";
/// What a first visit may weigh, in bytes.
const LIGHT: u64 = 100_000;

/// One line for each page.
pub fn measure(setting: &Setting, report: &mut Report) {
    if let Err(why) = install::program(install::Program::Chromium).and_then(|()| install::npm().map(drop)) {
        report.add("pages", BAR, "–", Outcome::Skipped(why.to_string()));
        return;
    }
    match visit(setting) {
        Ok(pages) => {
            for page in pages {
                let name = format!("page {}", page.get("page").and_then(Value::as_str).unwrap_or_default());
                report.add(&name, BAR, "–", outcome(&page));
            }
        }
        Err(error) => report.add("pages", BAR, "–", Outcome::Figure(format!("{error:#}"), false)),
    }
}

/// What Lighthouse said, a line for each page.
fn visit(setting: &Setting) -> Result<Vec<Value>> {
    let mut command = Command::new("node");
    command.arg("lighthouse.mjs").current_dir(process::root().join("e2e")).env("LOGGIA_BIN", &setting.binary);
    let (text, good) = process::output(&mut command)?;
    let pages: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let said = || text.lines().last().unwrap_or("nothing").to_owned();
    Some(pages)
        .filter(|pages| good && !pages.is_empty())
        .with_context(|| format!("Lighthouse did not end well: {}", said()))
}

fn outcome(page: &Value) -> Outcome {
    let number = |name: &str| page.get(name).and_then(Value::as_u64);
    let (Some(accessibility), Some(practices), Some(bytes)) =
        (number("accessibility"), number("bestPractices"), number("bytes"))
    else {
        return Outcome::Figure("no figures".into(), false);
    };
    let good = accessibility == 100 && practices == 100 && bytes > 0 && bytes < LIGHT;
    Outcome::Figure(format!("{accessibility}, {practices}, {:.1} kB", bytes as f64 / 1000.0), good)
}
