//! A machine whose clock is set back while the server runs, and between two runs.

use crate::platform::{drivers, repository};
use crate::support::{Database, PATIENCE, Plan, Server, folder, on_both, until, until_within};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a server that was killed holds its work.
const LEASE: Duration = Duration::from_secs(30);

/// The library that shows a process another time on the wall, and leaves the time that only grows alone.
fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.exists())
}

/// Lets the wall show a time that is off, such as `-1h`.
fn set(wall: &Path, off: &str) {
    let new = wall.with_extension("new");
    std::fs::write(&new, off).unwrap();
    std::fs::rename(new, wall).unwrap();
}

fn order(server: &Server, offering: &str, name: &str) -> String {
    let order = json!({"offering": offering, "environment": "dev", "team": "red", "name": name, "inputs": {}});
    let (status, body) = server.http("POST", "/api/v1/orders", Some(&order));
    assert_eq!(status, 202, "{body}");
    format!("/api/v1/operations/{}", body["operation"].as_str().unwrap())
}

fn done(server: &Server, path: &str) {
    until("the operation succeeds", || server.http("GET", path, None).1["state"] == "succeeded");
}

/// The times of the newest events, in the order of the history.
fn times(server: &Server) -> Vec<String> {
    let (status, body) = server.http("GET", "/api/v1/events?limit=200", None);
    assert_eq!(status, 200, "{body}");
    let mut all: Vec<(i64, String)> = body["items"].as_array().unwrap().iter().map(time).collect();
    all.sort();
    all.into_iter().map(|(_, time)| time).collect()
}

fn time(event: &serde_json::Value) -> (i64, String) {
    (event["position"].as_i64().unwrap(), event["time"].as_str().unwrap().to_owned())
}

#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let Some(library) = library() else {
        println!("skipped: a_clock_that_is_set_back_stops_nothing: no faketime");
        return;
    };
    on_both("clock", |database| {
        let folder = folder();
        let root = repository(folder.path());
        let wall = folder.path().join("wall");
        set(&wall, "+0");
        let plan = plan(folder.path(), database, &root, &library, &wall);
        let server = plan.ready();
        done(&server, &order(&server, "cache", "before"));
        let token = server.ok(&["token", "create", "t", "--service", "t", "--scope", "read", "--days", "1"]);
        set(&wall, "-1h");
        // A program that fails at first is tried again within seconds, not when the hour has passed.
        for (offering, name) in [("cache", "after"), ("bucket", "files"), ("path", "quotes")] {
            done(&server, &order(&server, offering, name));
        }
        assert!(server.ok(&["who-runs", "cache", "--token", token.trim()]).contains("2 running"));
        let before = times(&server);
        // Killed while it works, an hour before what it wrote: the lease and the retry must not wait for that hour.
        let path = order(&server, "cache", "cut");
        let server = server.kill().ready();
        // On PostgreSQL another server could hold the lease of 30 seconds, and the clock goes at half pace.
        until_within(LEASE * 2 + PATIENCE, "what was cut off ends", || {
            server.http("GET", &path, None).1["state"] == "succeeded"
        });
        done(&server, &order(&server, "bucket", "later"));
        set(&wall, "+0");
        done(&server, &order(&server, "cache", "last"));
        let all = times(&server);
        assert!(all.windows(2).all(|pair| pair[0] <= pair[1]), "the time of events went back: {all:?}");
        assert!(all.len() > before.len());
        server.stop();
    });
}

fn plan(folder: &Path, database: &Database, root: &Path, library: &Path, wall: &Path) -> Plan {
    let plan = Plan::new(folder, "data", database, &[root]);
    let plan = plan.with("--drivers", drivers(folder).to_str().unwrap());
    let plan = plan.env("LD_PRELOAD", library.to_str().unwrap()).env("FAKETIME_NO_CACHE", "1");
    plan.env("FAKETIME_TIMESTAMP_FILE", wall.to_str().unwrap()).env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}
