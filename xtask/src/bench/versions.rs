//! The table of versions of an offering, over much that runs.

use super::latency::Latency;
use super::{LIMIT, Setting, copy_text};
use crate::report::{Outcome, Report};
use crate::server::{Plan, Server};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::fmt::Write;

/// How many run, of how many teams, in how many versions, and how many are reported in one request.
const RUNNING: usize = 100_000;
const TEAMS: usize = 500;
const VERSIONS: usize = 10;
const AT_ONCE: usize = 1_000;
/// How many requests are timed, and what they may take in milliseconds.
const COUNT: usize = 500;
const BAR: f64 = 20.0;

pub fn measure(setting: &Setting, report: &mut Report) {
    report.check("support matrix over 100,000 instances, p99", "20 ms", "nobody has it", || {
        let folder = setting.scratch.join("versions");
        copy_text(&platform()?, &folder.join("platform.yaml"))?;
        let plan = Plan::new(&setting.binary, "serve")?.repository(&folder);
        let server = plan.ready(&setting.data("versions"), LIMIT)?;
        observe(&server)?;
        let mut connection = server.connect()?;
        let path = "/api/v1/versions/thing";
        let table = connection.get(path)?.json()?;
        let found: u64 =
            table["versions"].as_array().into_iter().flatten().filter_map(|row| row["running"].as_u64()).sum();
        if found != RUNNING as u64 {
            bail!("the table counts {found}");
        }
        let time = Latency::measure(&mut connection, path, COUNT)?.percentile(99);
        Ok(Outcome::Figure(format!("{time:.1} ms"), time < BAR))
    });
}

fn platform() -> Result<String> {
    let mut text = String::from(
        "apiVersion: loggia.dev/v1\nkind: Product\nmetadata: {name: measured}\nspec: {team: team-0}\n---\n\
         apiVersion: loggia.dev/v1\nkind: Environment\nmetadata: {name: dev}\n\
         spec: {product: measured, type: development, owner: team-0, backends: {replay: {driver: replay}}}\n---\n\
         apiVersion: loggia.dev/v1\nkind: Offering\nmetadata: {name: thing}\nspec:\n  product: measured\n  owner: team-0\n  \
         category: data\n  promise: Nothing is made.\n  for: A measurement.\n  problem: To know what many cost.\n  \
         plans: [{name: small, default: true}]\n  match:\n",
    );
    for number in 0..VERSIONS {
        writeln!(text, "    - {{offering: thing, version: \"{number}.*\", release: {number}.0.0}}")?;
    }
    for number in 0..VERSIONS {
        write!(
            text,
            "---\napiVersion: loggia.dev/v1\nkind: Release\nmetadata: {{name: thing-{number}.0.0}}\n\
             spec:\n  offering: thing\n  version: {number}.0.0\n  contract: {{inputs: {{type: object}}}}\n  \
             recipe: {{driver: replay}}\n  upgrade: {{from: \">={}\", strategy: in-place}}\n",
            number.saturating_sub(2)
        )?;
    }
    for team in 0..TEAMS {
        write!(
            text,
            "---\napiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {{name: team-{team}}}\n\
             spec: {{type: team, children: []}}\n"
        )?;
    }
    Ok(text)
}

fn observe(server: &Server) -> Result<()> {
    let mut connection = server.connect()?;
    for first in (0..RUNNING).step_by(AT_ONCE) {
        let one = |number: usize| {
            json!({"offering": "thing", "version": format!("{}.0.0", number % VERSIONS), "environment": "dev",
                "team": format!("team-{}", number / VERSIONS % TEAMS), "name": format!("thing-{number}")})
        };
        let all: Vec<Value> = (first..first + AT_ONCE).map(one).collect();
        connection.post("/api/v1/observe", &Value::from(all))?.json()?;
    }
    Ok(())
}
