//! A hundred orders at once, of an offering whose driver makes nothing: what an operation itself costs.

use super::{LIMIT, Setting, copy_text, seconds};
use crate::http::Connection;
use crate::report::Report;
use crate::server::{Plan, Server};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::time::{Duration, Instant};

/// Connections, and orders on each.
const CONNECTIONS: usize = 10;
const EACH: usize = 10;

pub(super) const REPOSITORY: &str = r#"apiVersion: backstage.io/v1alpha1
kind: Group
metadata:
  name: crew
spec:
  type: team
  children: []
---
apiVersion: loggia.dev/v1
kind: Product
metadata:
  name: measured
  title: Measured
spec:
  tagline: Nothing, quickly
  team: group:default/crew
---
apiVersion: loggia.dev/v1
kind: Environment
metadata:
  name: dev
spec:
  product: measured
  type: development
  owner: group:default/crew
  order: 1
  backends:
    replay:
      driver: replay
---
apiVersion: loggia.dev/v1
kind: Offering
metadata:
  name: nothing
  title: Nothing
  description: Makes nothing.
spec:
  product: measured
  owner: group:default/crew
  category: data
  promise: Nothing is made.
  for: A measurement.
  problem: To know what an operation costs by itself.
  plans:
    - name: standard
      default: true
---
apiVersion: loggia.dev/v1
kind: Release
metadata:
  name: nothing-1.0.0
spec:
  offering: nothing
  version: "1.0.0"
  contract:
    inputs:
      type: object
      additionalProperties: false
      properties: {}
  recipe:
    driver: replay
"#;

pub fn measure(setting: &Setting, report: &mut Report) {
    report.check("100 no-op orders at once to ready", "5 s", "Kratix: 145 s", || {
        let folder = setting.scratch.join("orders");
        copy_text(REPOSITORY, &folder.join("platform.yaml"))?;
        let plan = Plan::new(&setting.binary, "serve")?.repository(&folder);
        let server = plan.ready(&setting.data("orders"), LIMIT)?;
        Ok(seconds(all_ready(&server)?, 5.0))
    });
}

/// From the first order to the end of the last operation.
fn all_ready(server: &Server) -> Result<Duration> {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(server.connect()?);
    }
    let started = Instant::now();
    std::thread::scope(|scope| {
        let batches = connections.into_iter().enumerate();
        let threads: Vec<_> =
            batches.map(|(batch, connection)| scope.spawn(move || order(connection, batch))).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(_) => bail!("a batch of orders broke off"),
        })
    })?;
    Ok(started.elapsed())
}

/// Orders one after the other without waiting, then waits for all of them.
fn order(mut connection: Connection, batch: usize) -> Result<()> {
    let mut waiting = Vec::new();
    for number in 0..EACH {
        let order = json!({"offering": "nothing", "environment": "dev", "team": "crew",
            "name": format!("thing-{batch}-{number}"), "inputs": {}});
        let answer = connection.post("/api/v1/orders", &order)?.json()?;
        waiting.push(answer["operation"].as_str().context("the order has no operation")?.to_owned());
    }
    let limit = Instant::now() + LIMIT;
    while let Some(operation) = waiting.last() {
        let found = connection.get(&format!("/api/v1/operations/{operation}"))?.json()?;
        match found["state"].as_str() {
            Some("succeeded") => {
                waiting.pop();
            }
            Some("queued" | "running" | "waiting") if Instant::now() < limit => {
                std::thread::sleep(Duration::from_millis(5));
            }
            _ => bail!("an operation did not succeed: {found}"),
        }
    }
    Ok(())
}
