//! New orders while everything that runs is looked at: people come before looks.

use super::orders::REPOSITORY;
use super::{LIMIT, Setting, copy_text};
use crate::http::Connection;
use crate::report::{Outcome, Report};
use crate::server::{Plan, Server};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How many run, and over how many connections they are ordered.
const RUNNING: usize = 10_000;
const CONNECTIONS: usize = 10;
/// How many orders are timed, with a pause between them: long enough that every instance is looked at meanwhile.
const COUNT: usize = 300;
const PAUSE: Duration = Duration::from_millis(250);
/// What an order may take until it is ready, in seconds.
const BAR: f64 = 1.0;
/// How long it may take until all are ready that are looked at afterwards.
const PATIENCE: Duration = Duration::from_secs(1_800);

pub fn measure(setting: &Setting, report: &mut Report) {
    report.check("new order to ready while 10,000 are swept, p99", "1 s", "40 min at 6,000", || {
        let folder = setting.scratch.join("sweep");
        // As many looks as there can be: the budget of a backend, and the pace of the plan, hold nothing back.
        let text = REPOSITORY
            .replace("      driver: replay\n---", "      driver: replay\n      looksPerMinute: 60000\n---")
            .replace("      default: true\n", "      default: true\n      lookMinutes: 1\n");
        copy_text(&text, &folder.join("platform.yaml"))?;
        let plan = Plan::new(&setting.binary, "serve")?.repository(&folder);
        let server = plan.ready(&setting.data("sweep"), LIMIT)?;
        let operations = fill(&server)?;
        settle(&server, operations)?;
        let (p99, looked) = orders(&server)?;
        if looked < RUNNING / 2 {
            bail!("only {looked} of {RUNNING} were looked at meanwhile");
        }
        let text = format!("{p99:.2} s, {looked} looked at meanwhile");
        Ok(Outcome::Figure(text, p99 < BAR))
    });
}

/// Orders one thing; gives its operation.
fn order(connection: &mut Connection, name: &str) -> Result<Value> {
    let order = json!({"offering": "nothing", "environment": "dev", "team": "crew", "name": name, "inputs": {}});
    connection.post("/api/v1/orders", &order)?.json()
}

/// Orders everything that is to run.
fn fill(server: &Server) -> Result<Vec<String>> {
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for batch in 0..CONNECTIONS {
            let mut connection = server.connect()?;
            threads.push(scope.spawn(move || -> Result<String> {
                let mut last = String::new();
                for number in 0..RUNNING / CONNECTIONS {
                    let answer = order(&mut connection, &format!("run-{batch}-{number}"))?;
                    answer["operation"].as_str().context("the order has no operation")?.clone_into(&mut last);
                }
                Ok(last)
            }));
        }
        let ended = threads.into_iter().map(|thread| thread.join());
        ended.map(|last| last.map_err(|_| anyhow::anyhow!("a batch of orders broke off"))?).collect()
    })
}

/// Waits until nothing is under way any more.
fn settle(server: &Server, operations: Vec<String>) -> Result<()> {
    let mut connection = server.connect()?;
    let limit = Instant::now() + PATIENCE;
    for operation in operations {
        ready(&mut connection, &operation, limit)?;
    }
    Ok(())
}

fn ready(connection: &mut Connection, operation: &str, limit: Instant) -> Result<Value> {
    loop {
        let found = connection.get(&format!("/api/v1/operations/{operation}"))?.json()?;
        match found["state"].as_str() {
            Some("succeeded") => return Ok(found),
            Some("queued" | "running" | "waiting") if Instant::now() < limit => {
                std::thread::sleep(Duration::from_millis(5));
            }
            _ => bail!("an operation did not succeed: {found}"),
        }
    }
}

/// Orders one thing after the other; gives the 99th of a hundred times in seconds, and how many were looked at meanwhile.
fn orders(server: &Server) -> Result<(f64, usize)> {
    let mut connection = server.connect()?;
    let (mut times, mut since) = (Vec::new(), String::new());
    for number in 0..COUNT {
        let started = Instant::now();
        let answer = order(&mut connection, &format!("new-{number}"))?;
        let operation = answer["operation"].as_str().context("the order has no operation")?;
        let found = ready(&mut connection, operation, started + LIMIT)?;
        times.push(started.elapsed().as_secs_f64());
        if since.is_empty() {
            found["createdAt"].as_str().unwrap_or_default().clone_into(&mut since);
        }
        std::thread::sleep(PAUSE);
    }
    times.sort_by(f64::total_cmp);
    let p99 = times.get(COUNT * 99 / 100).copied().unwrap_or(f64::INFINITY);
    let all = connection.get("/api/v1/who-runs?offering=nothing")?.json()?;
    let rows = all["items"].as_array().cloned().unwrap_or_default();
    let looked = rows.iter().filter(|row| row["lastSeen"].as_str().is_some_and(|seen| seen > since.as_str())).count();
    Ok((p99, looked.saturating_sub(COUNT)))
}
