//! Campaigns over much that runs: what a plan costs, how quickly a burn-down and who runs what are told.

use super::latency::Latency;
use super::{LIMIT, Setting, copy_text, seconds};
use crate::http::Connection;
use crate::report::{Outcome, Report};
use crate::server::{Plan, Server};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Orders for the plan, and reports for the rest.
const MANAGED: usize = 10_000;
const OBSERVED: usize = 100_000;
/// How many teams share them.
const TEAMS: usize = 1_000;
/// Connections that order at the same time, and reports in one request.
const CONNECTIONS: usize = 16;
const AT_ONCE: usize = 1_000;
/// How many requests are timed.
const COUNT: usize = 500;

const PLATFORM: &str = r#"apiVersion: loggia.dev/v1
kind: Product
metadata: {name: measured}
spec: {tagline: Quickly, team: team-0}
---
apiVersion: loggia.dev/v1
kind: Environment
metadata: {name: dev}
spec: {product: measured, type: development, owner: team-0, backends: {replay: {driver: replay}}}
---
apiVersion: loggia.dev/v1
kind: Offering
metadata: {name: thing}
spec:
  product: measured
  owner: team-0
  category: data
  promise: Nothing is made.
  for: A measurement.
  problem: To know what many cost.
  plans: [{name: small, default: true, price: {amount: "6.00", currency: EUR, per: month}}]
  match: [{offering: thing, version: "1.*", release: 1.0.0}]
---
apiVersion: loggia.dev/v1
kind: Release
metadata: {name: thing-1.0.0}
spec:
  offering: thing
  version: 1.0.0
  contract: {inputs: {type: object, properties: {size: {enum: [s, m], default: s}}}}
  recipe: {driver: replay}
---
apiVersion: loggia.dev/v1
kind: Release
metadata: {name: thing-2.0.0}
spec:
  offering: thing
  version: 2.0.0
  contract: {inputs: {type: object, properties: {tier: {enum: [s, m], default: s}}}}
  recipe: {driver: replay}
  upgrade: {strategy: in-place, rollback: supported}
  migration: {steps: [{rename: {from: size, to: tier}}]}
"#;

pub fn measure(setting: &Setting, report: &mut Report) {
    report.check("campaign plan with impact over 10,000 managed instances", "2 s", "nobody has it", || {
        let server = start(setting, "campaign-plan")?;
        ordered(&server)?;
        let mut connection = server.connect()?;
        let wish = json!({"purpose": "A measurement.", "offering": "thing", "to": ">=2"});
        let mut worst = Duration::ZERO;
        for _ in 0..5 {
            let started = Instant::now();
            let plan = connection.post("/api/v1/campaigns:plan", &wish)?.json()?;
            worst = worst.max(started.elapsed());
            if plan["hit"] != json!(MANAGED) || plan["stuck"] != json!(0) {
                bail!("the plan hits {}, and {} are stuck", plan["hit"], plan["stuck"]);
            }
        }
        Ok(seconds(worst, 2.0))
    });
    report.check("burn-down, and who runs what of a team, over 100,000 instances, p99", "20 ms", "–", || {
        let server = start(setting, "campaign-many")?;
        observed(&server)?;
        let mut connection = server.connect()?;
        started(&mut connection)?;
        let curve = Latency::measure(&mut connection, "/api/v1/campaigns/default/thing-2/burn-down", COUNT)?;
        let who = "/api/v1/who-runs/thing?team=team-7&below=2";
        let found = connection.get(who)?.json()?;
        if found["total"] != json!(OBSERVED / TEAMS) {
            bail!("who-runs finds {}", found["total"]);
        }
        let who = Latency::measure(&mut connection, who, COUNT)?;
        let (curve, who) = (curve.percentile(99), who.percentile(99));
        Ok(Outcome::Figure(format!("{curve:.1} ms, {who:.1} ms"), curve < 20.0 && who < 20.0))
    });
}

fn start(setting: &Setting, name: &str) -> Result<Server> {
    let folder = setting.scratch.join(name);
    let mut text = PLATFORM.to_owned();
    for team in 0..TEAMS {
        write!(
            text,
            "---\napiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {{name: team-{team}}}\n\
             spec: {{type: team, children: []}}\n"
        )?;
    }
    copy_text(&text, &folder.join("platform.yaml"))?;
    Plan::new(&setting.binary, "serve")?.repository(&folder).ready(&setting.data(name), LIMIT)
}

/// Gets so many, and waits until all are there.
fn ordered(server: &Server) -> Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|at| scope.spawn(move || order(server.connect()?, at))).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(_) => bail!("a batch of orders broke off"),
        })
    })?;
    let mut connection = server.connect()?;
    let limit = Instant::now() + Duration::from_secs(600);
    while Instant::now() < limit {
        let path = "/api/v1/instances?limit=1&filter=status.phase=ready";
        if connection.get(path)?.json()?["total"] == json!(MANAGED) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    bail!("not all orders were ready in time")
}

fn order(mut connection: Connection, first: usize) -> Result<()> {
    for number in (first..MANAGED).step_by(CONNECTIONS) {
        let order = json!({"offering": "thing", "environment": "dev", "release": "1.0.0", "inputs": {"size": "m"},
            "team": format!("team-{}", number % TEAMS), "name": format!("thing-{number}")});
        connection.post("/api/v1/orders", &order)?.json()?;
    }
    Ok(())
}

/// Reports so many.
fn observed(server: &Server) -> Result<()> {
    let mut connection = server.connect()?;
    for first in (0..OBSERVED).step_by(AT_ONCE) {
        let one = |number: usize| {
            json!({"offering": "thing", "version": "1.0.0", "environment": "dev",
                "team": format!("team-{}", number % TEAMS), "name": format!("thing-{number}")})
        };
        let all: Vec<Value> = (first..first + AT_ONCE).map(one).collect();
        connection.post("/api/v1/observe", &Value::from(all))?.json()?;
    }
    Ok(())
}

/// Starts a campaign over all of them, and waits until it has told everybody.
fn started(connection: &mut Connection) -> Result<()> {
    let document = json!({"apiVersion": "loggia.dev/v1", "kind": "Campaign", "metadata": {"name": "thing-2"},
        "spec": {"purpose": "A measurement.", "offering": "thing", "to": ">=2"}});
    connection.post("/api/v1/records:apply", &document)?.json()?;
    connection.post("/api/v1/campaigns/default/thing-2:start", &json!({}))?.json()?;
    let limit = Instant::now() + LIMIT;
    while Instant::now() < limit {
        let found = connection.get("/api/v1/campaigns/default/thing-2/burn-down")?.json()?;
        let told = found.pointer("/counts/notified").context("no counts")?;
        if *told == json!(OBSERVED) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    bail!("the campaign did not tell everybody in time")
}
