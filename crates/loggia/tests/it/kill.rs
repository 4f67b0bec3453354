//! `kill -9` at random points: nothing lost, nothing doubled by outcome, nothing stuck.
//!
//! `LOGGIA_KILL_OPERATIONS` says how many operations (40 by default), `LOGGIA_KILL_SEED` repeats a run. The driver
//! `postgres` is killed too where `LOGGIA_TEST_POSTGRES` names a server; the test prints which drivers it killed.

use crate::cluster::{self, Cluster, lets_in};
use crate::platform::{drivers, repository};
use crate::support::{Database, Plan, Server, folder, git, on_both, until};
use loggia_drivers::workload::running;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// Offerings with their drivers, one for each driver that needs nothing from outside.
const OFFERINGS: [(&str, &str); 5] =
    [("cache", "replay"), ("path", "git"), ("bucket", "command"), ("live", "process"), ("flag", "gitops")];
/// How many orders are sent between two kills, at most.
const BURST: usize = 8;

/// Numbers that look random and are the same for the same seed (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn operations_survive_kill_9_at_any_point() {
    on_both("kill", |database| {
        let count = usize::try_from(number("LOGGIA_KILL_OPERATIONS", 40)).unwrap();
        let seed = number("LOGGIA_KILL_SEED", u64::from(std::process::id()));
        println!("LOGGIA_KILL_OPERATIONS={count} LOGGIA_KILL_SEED={seed}");
        let folder = folder();
        let root = repository(folder.path());
        let programs = drivers(folder.path());
        let cluster = Cluster::find("kill");
        let mut offerings = OFFERINGS.to_vec();
        if cluster.is_some() {
            Cluster::describe(&root);
            offerings.push((cluster::OFFERING, "postgres"));
        }
        let plan = Plan::new(folder.path(), "data", database, &[&root]).with("--drivers", programs.to_str().unwrap());
        let server = plan.ready();
        if let Some(cluster) = &cluster {
            cluster.allow(&server);
        }
        let mut trial = Trial { dice: Dice(seed), server: Some(server), kills: 0, logins: 0 };
        let names: Vec<Name> = (0..count).map(|at| (offerings[at % offerings.len()].0, format!("k-{at}"))).collect();
        trial.each(&names, order);
        audit(&trial.settle(&names, 1), &names, &plan.data);
        trial.each(&names, change);
        let made = trial.settle(&names, 2);
        audit(&made, &names, &plan.data);
        databases(trial.server(), cluster.as_ref(), &made, 1);
        trial.each(&names, destroy);
        trial.gone(&names);
        nothing_left(&plan.data);
        databases(trial.server(), cluster.as_ref(), &made, 0);
        let drivers: Vec<&str> = offerings.iter().map(|(_, driver)| *driver).collect();
        println!("{} operations, {} kills, drivers: {}", 3 * count, trial.kills, drivers.join(", "));
        assert!(cluster.is_none() || trial.logins > 0, "nobody got into a database after a kill");
        println!("{} logins with a revealed password after a kill", trial.logins);
        trial.server.take().unwrap().stop();
    });
}

struct Trial {
    dice: Dice,
    server: Option<Server>,
    kills: usize,
    /// How often somebody got into a database with a revealed password right after a kill.
    logins: usize,
}

/// What is ordered: the offering and the name.
type Name = (&'static str, String);
/// Sends one request; tells whether it arrived, also when it had arrived before the last kill.
type Send = fn(&Server, &str, &str) -> bool;

fn order(server: &Server, offering: &str, name: &str) -> bool {
    let order = json!({"offering": offering, "environment": "dev", "team": "red", "name": name, "inputs": {}});
    let (status, body) = server.http("POST", "/api/v1/orders", Some(&order));
    assert!(matches!(status, 0 | 202 | 409 | 503), "{status} {body}");
    matches!(status, 202 | 409)
}

/// What was made of a golden path is its team's own: nothing is changed there.
fn change(server: &Server, offering: &str, name: &str) -> bool {
    if offering == "path" {
        return true;
    }
    let path = format!("/api/v1/instances/red/{name}.dev:change");
    let (status, body) = server.http("POST", &path, Some(&json!({"inputs": {"note": "two"}})));
    assert!(matches!(status, 0 | 202 | 422 | 503), "{status} {body}");
    // It had arrived before the last kill: it is under way, or done.
    let arrived = ["change.busy", "change.nothing"].iter().any(|rule| body.to_string().contains(rule));
    assert!(status != 422 || arrived, "{body}");
    matches!(status, 202 | 422)
}

fn destroy(server: &Server, _: &str, name: &str) -> bool {
    let path = format!("/api/v1/instances/red/{name}.dev:destroy");
    let (status, body) = server.http("POST", &path, Some(&json!({"confirmed": true})));
    assert!(matches!(status, 0 | 202 | 404 | 503), "{status} {body}");
    matches!(status, 202 | 404)
}

impl Trial {
    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// Sends all requests, with kills at random points between and during them.
    fn each(&mut self, names: &[Name], send: Send) {
        let mut waiting: Vec<&Name> = names.iter().collect();
        while !waiting.is_empty() {
            let burst = waiting.len().min(1 + usize::try_from(self.dice.roll(BURST as u64)).unwrap());
            let server = self.server();
            waiting = waiting
                .iter()
                .enumerate()
                .filter(|(at, (o, name))| *at >= burst || !send(server, o, name))
                .map(|(_, one)| *one)
                .collect();
            std::thread::sleep(Duration::from_millis(self.dice.roll(150)));
            self.kill();
        }
    }

    fn kill(&mut self) {
        let plan = self.server.take().unwrap().kill();
        self.kills += 1;
        self.server = Some(plan.ready());
        self.log_in();
    }

    /// Gets into a database that is ready, as whoever has its password does: a kill has not changed it.
    fn log_in(&mut self) {
        let (status, list) = self.server().http("GET", "/api/v1/instances?limit=1000", None);
        assert_eq!(status, 200, "{list}");
        let all = list["items"].as_array().cloned().unwrap_or_default();
        let ready: Vec<&Value> =
            all.iter().filter(|one| is_database(one) && one["status"]["phase"] == "ready").collect();
        let Some(one) = ready.get(usize::try_from(self.dice.roll(ready.len().max(1) as u64)).unwrap()) else { return };
        lets_in(self.server(), one);
        self.logins += 1;
    }

    /// Waits until every instance is ready, after as many operations; gives them.
    fn settle(&self, names: &[Name], each: usize) -> Vec<Value> {
        let mut all = Vec::new();
        until("every operation has ended well", || {
            let (_, list) = self.server().http("GET", "/api/v1/instances?limit=1000", None);
            all = list["items"].as_array().cloned().unwrap_or_default();
            let failed = all.iter().find(|one| one["status"]["phase"] == "failed");
            assert!(failed.is_none(), "{}\n{}", failed.unwrap(), self.server().log());
            all.len() == names.len() && all.iter().all(|one| one["status"]["phase"] == "ready")
        });
        for one in &all {
            let path =
                format!("/api/v1/instances/red/{}/operations", one["document"]["metadata"]["name"].as_str().unwrap());
            let (_, operations) = self.server().http("GET", &path, None);
            let operations = operations["items"].as_array().unwrap();
            let changes = one["document"]["spec"]["offering"] != "path" && each == 2;
            assert_eq!(
                operations.len(),
                if changes { 2 } else { 1 },
                "one operation for each thing that was asked of {one}"
            );
            assert_eq!(one["document"]["spec"]["inputs"]["note"] == "two", changes, "{one}");
            let well = |one: &Value| one["state"] == "succeeded" && !one["endedAt"].is_null();
            assert!(operations.iter().all(well), "{operations:?}");
        }
        all
    }

    fn gone(&self, names: &[Name]) {
        until("everything is gone", || {
            let (status, list) = self.server().http("GET", "/api/v1/instances?limit=1000", None);
            status == 200 && list["total"] == 0
        });
        // Each was told once.
        let (_, events) = self.server().http("GET", "/api/v1/events?type=instance.gone&limit=1000", None);
        let (_, full) = self.server().http("GET", "/api/v1/events?type=dev.loggia.instance.gone.v1&limit=1000", None);
        let count = |body: &Value| body["items"].as_array().map_or(0, Vec::len);
        assert_eq!(count(&events).max(count(&full)), names.len(), "every instance has one end");
    }
}

pub fn entries(folder: &Path) -> BTreeSet<String> {
    let all = std::fs::read_dir(folder).into_iter().flatten().flatten();
    all.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// What each driver holds: keys for replay, command, process and gitops, names for git.
fn held(data: &Path) -> [BTreeSet<String>; 5] {
    let replay = entries(&data.join("replay")).iter().map(|name| name.trim_end_matches(".json").to_owned()).collect();
    let git =
        entries(&data.join("repositories/red")).iter().map(|name| name.trim_end_matches(".git").to_owned()).collect();
    [replay, git, entries(&data.join("driver-state/bucket")), entries(&data.join("workloads")), flags(data)]
}

/// The keys in the repository of the environment, beside the data; each stands there once.
fn flags(data: &Path) -> BTreeSet<String> {
    let fleet = data.parent().unwrap().join("fleet.git");
    let all = git(&fleet, &["ls-tree", "-r", "--name-only", "HEAD"]);
    let marks = all.lines().filter(|path| path.ends_with(".loggia.json"));
    let key = |path: &str| -> String {
        let mark: Value = serde_json::from_str(&git(&fleet, &["show", &format!("HEAD:{path}")])).unwrap();
        mark["key"].as_str().unwrap().to_owned()
    };
    let keys: Vec<String> = marks.map(key).collect();
    let once: BTreeSet<String> = keys.iter().cloned().collect();
    assert_eq!(once.len(), keys.len(), "none stands there twice");
    once
}

/// Every instance has exactly one resource, and there is none without an instance.
fn audit(made: &[Value], names: &[Name], data: &Path) {
    let key = |offering: &'static str| {
        let mine = made.iter().filter(move |one| one["document"]["spec"]["offering"] == offering);
        mine.map(|one| one["uid"].as_str().unwrap().to_owned()).collect::<BTreeSet<String>>()
    };
    let [replay, git, bucket, live, flag] = held(data);
    assert_eq!(replay, key("cache"));
    assert_eq!(git, names.iter().filter(|(offering, _)| *offering == "path").map(|(_, name)| name.clone()).collect());
    assert_eq!(bucket, key("bucket"));
    assert_eq!(live, key("live"));
    assert_eq!(flag, key("flag"));
    let mut running = running(&data.join("workloads"));
    running.sort();
    assert_eq!(running, live.into_iter().collect::<Vec<_>>(), "each runs, and none twice");
}

fn is_database(instance: &Value) -> bool {
    instance["document"]["spec"]["offering"] == cluster::OFFERING
}

/// Every instance of the offering of databases has so many databases and roles; who has its password gets in while
/// there is one.
fn databases(server: &Server, cluster: Option<&Cluster>, made: &[Value], each: usize) {
    let Some(cluster) = cluster else { return };
    for one in made.iter().filter(|one| is_database(one)) {
        assert_eq!(cluster.count(one["uid"].as_str().unwrap()), (each, each), "{one}");
        if each > 0 {
            lets_in(server, one);
        }
    }
}

fn nothing_left(data: &Path) {
    for ((what, _), left) in OFFERINGS.iter().zip(held(data)) {
        assert!(left.is_empty(), "left of {what}: {left:?}");
    }
    assert_eq!(running(&data.join("workloads")), Vec::<String>::new());
}

#[test]
fn a_cut_off_operation_is_taken_up_at_once() {
    let folder = folder();
    let root = repository(folder.path());
    let programs = drivers(folder.path());
    let slow =
        std::fs::read_to_string(programs.join("bucket")).unwrap().replace("  apply)\n", "  apply)\n    sleep 2\n");
    std::fs::write(programs.join("bucket"), slow).unwrap();
    let plan =
        Plan::new(folder.path(), "data", &Database::Sqlite, &[&root]).with("--drivers", programs.to_str().unwrap());
    let server = plan.ready();
    assert!(order(&server, "bucket", "slow"));
    std::thread::sleep(Duration::from_millis(700));
    let server = server.kill().ready();
    let time = until("it is ready", || server.json(&["get", "instance/red/slow.dev"])["status"]["phase"] == "ready");
    assert!(time < Duration::from_secs(10), "not only after the lease ran out: {time:?}");
    server.stop();
}
