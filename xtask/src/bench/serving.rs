//! What a server with many entities needs to start again, to answer and to hold them.

use super::latency::Latency;
use super::wrk::Load;
use super::{LIMIT, NO_SHARED, Setting, megabytes, seconds};
use crate::http::Connection;
use crate::install::{self, Program};
use crate::report::{Outcome, Report};
use crate::server::{Plan, Server};
use anyhow::{Context, Result, bail};

const PAGE: &str = "/api/catalog/entities/by-query?limit=20&filter=kind=component,spec.lifecycle=production";
const TOTAL: &str = "/api/catalog/entities/by-query?limit=0";

/// How many entities a server has.
pub fn total(connection: &mut Connection) -> Result<u64> {
    connection.get(TOTAL)?.json()?["totalItems"].as_u64().context("no total")
}

pub fn measure(setting: &Setting, report: &mut Report) {
    let server = (|| -> Result<Option<(Plan, Server)>> {
        let Some(folder) = setting.entities(10_000)? else { return Ok(None) };
        let plan = Plan::new(&setting.binary, "serve")?.repository(&folder);
        let mut server = plan.start(&setting.data("serving"))?;
        server.wait(LIMIT, |connection| Ok(total(connection)? >= 10_000))?;
        Ok(Some((plan, server)))
    })();
    match server {
        Ok(Some((plan, server))) => rows(setting, report, &plan, server),
        Ok(None) => report.add("serving 10,000 entities", "–", "–", Outcome::Skipped(NO_SHARED.into())),
        Err(error) => report.add("serving 10,000 entities", "–", "–", Outcome::Figure(format!("{error:#}"), false)),
    }
}

fn rows(setting: &Setting, report: &mut Report, plan: &Plan, mut server: Server) {
    report.check("memory after import of 10,000", "100 MB", "634 MB", || Ok(megabytes(server.memory()?.0, 100)));
    report.check("10,000 entities, restart to ready", "0.5 s", "–", || {
        server.stop()?;
        server = plan.start(&setting.data("serving"))?;
        Ok(seconds(server.wait_ready(LIMIT)?, 0.5))
    });
    let peer = "29 / 39 ms SQLite, 15 / 19 ms PostgreSQL";
    report.check("page of 20 of 10,000, filter and total", "p50 0.5 ms, p99 2 ms", peer, || {
        page(&mut server.connect()?, 0.5, 2.0)
    });
    report.check("facets by kind, 16 connections", "20,000/s", "341/s SQLite, 266/s PostgreSQL", || {
        let Some(load) = load(setting, plan, &["/api/catalog/entity-facets?facet=kind".into()])? else {
            return Ok(Outcome::Skipped("wrk is not installed".into()));
        };
        let rate = load.rate(&server.base())?;
        Ok(Outcome::Figure(format!("{rate:.0}/s"), rate >= 20_000.0))
    });
    report.check("by-name, 16 connections", "60 % of an empty handler", "1,382/s SQLite, 945/s PostgreSQL", || {
        by_name(setting, plan, &server)
    });
    report.check("memory of 10,000 after the load", "100 MB", "933 MB peak", || Ok(megabytes(server.memory()?.0, 100)));
}

fn page(connection: &mut Connection, median: f64, high: f64) -> Result<Outcome> {
    let shown = connection.get(PAGE)?.json()?;
    if shown["items"].as_array().map_or(0, Vec::len) != 20 || shown["totalItems"].as_u64().unwrap_or(0) < 1_000 {
        bail!("the page does not hold 20 of many");
    }
    let times = Latency::measure(connection, PAGE, 2_000)?;
    let (p50, p99) = (times.percentile(50), times.percentile(99));
    Ok(Outcome::Figure(format!("p50 {p50:.2} ms, p99 {p99:.2} ms"), p50 < median && p99 < high))
}

fn load(setting: &Setting, plan: &Plan, paths: &[String]) -> Result<Option<Load>> {
    if install::program(Program::Wrk).is_err() {
        return Ok(None);
    }
    Load::new(setting.scratch.join("load.lua"), plan.token(), paths).map(Some)
}

/// Three rounds in turn, so that what else the machine does hits both alike; the best of each counts.
fn by_name(setting: &Setting, plan: &Plan, server: &Server) -> Result<Outcome> {
    let names = "/api/catalog/entities?filter=kind=component&fields=metadata.name&limit=500";
    let list = server.connect()?.get(names)?.json()?;
    let names = list.as_array().into_iter().flatten().filter_map(|entity| entity["metadata"]["name"].as_str());
    let paths: Vec<String> =
        names.map(|name| format!("/api/catalog/entities/by-name/component/default/{name}")).collect();
    if paths.len() != 500 {
        bail!("{} names instead of 500", paths.len());
    }
    let Some(named) = load(setting, plan, &paths)? else {
        return Ok(Outcome::Skipped("wrk is not installed".into()));
    };
    let (empty_server, path) = match &setting.empty {
        Some(path) => (None, path.clone()),
        None => {
            let mut empty = Plan::new(&setting.binary, "bench-empty")?.start(&setting.data("empty"))?;
            empty.wait(LIMIT, |connection| Ok(connection.get("/")?.status == 200))?;
            (Some(empty), "/".into())
        }
    };
    let empty = Load::new(setting.scratch.join("empty.lua"), plan.token(), &[path])?;
    let empty_base = empty_server.as_ref().unwrap_or(server).base();
    let (mut best_empty, mut best_named) = (0.0_f64, 0.0_f64);
    for _ in 0..3 {
        best_empty = best_empty.max(empty.rate(&empty_base)?);
        best_named = best_named.max(named.rate(&server.base())?);
    }
    let share = best_named / best_empty * 100.0;
    Ok(Outcome::Figure(format!("{best_named:.0}/s, {share:.0} % of {best_empty:.0}/s"), share >= 60.0))
}

/// The same with 100,000 entities.
pub fn large(setting: &Setting, report: &mut Report) {
    let mut server = None;
    report.check("100,000 entities, start to visible", "15 s", "–", || {
        let Some(folder) = setting.entities(100_000)? else { return Ok(Outcome::Skipped(NO_SHARED.into())) };
        let plan = Plan::new(&setting.binary, "serve")?.repository(&folder);
        let started = server.insert(plan.start(&setting.data("large"))?);
        Ok(seconds(started.wait(LIMIT, |connection| Ok(total(connection)? >= 100_000))?, 15.0))
    });
    let Some(server) = server else { return };
    report
        .check("page of 20 of 100,000, filter and total", "p99 5 ms", "–", || page(&mut server.connect()?, 5.0, 5.0));
    report.check("memory with 100,000", "300 MB", "–", || Ok(megabytes(server.memory()?.0, 300)));
}
