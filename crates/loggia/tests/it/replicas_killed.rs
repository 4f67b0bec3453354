//! Three servers on one database, with orders, upgrades and a campaign going on, and one of them killed again and again: in
//! the end everything is as if nobody had died, and all three say the same.
//!
//! `LOGGIA_REPLICAS_SECONDS` says for how long they are killed (6 by default), `LOGGIA_KILL_SEED` repeats a run.

use crate::kill::{Dice, entries, number};
use crate::platform::{drivers, repository};
use crate::support::{Database, PATIENCE, Plan, Server, folder, free_port, on_postgres, until, until_within};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a lease is: what a dead server held is taken up by another after that.
const LEASE: Duration = Duration::from_secs(30);
/// Orders before the campaign begins.
const FIRST: usize = 12;

struct Fleet {
    /// None while one is dead.
    servers: Vec<Option<Server>>,
    dice: Dice,
    kills: usize,
    /// What was ordered and arrived: the name, and its offering.
    ordered: BTreeMap<String, &'static str>,
}

#[test]
fn three_servers_outlive_each_other() {
    on_postgres("outlive", |database| {
        let seconds = number("LOGGIA_REPLICAS_SECONDS", 6);
        let seed = number("LOGGIA_KILL_SEED", u64::from(std::process::id()));
        println!("LOGGIA_REPLICAS_SECONDS={seconds} LOGGIA_KILL_SEED={seed}");
        let folder = folder();
        let root = repository(folder.path());
        let mut fleet = Fleet::start(folder.path(), &root, database, seed);
        for at in 0..FIRST {
            fleet.order(&format!("f-{at}"), "cache", Some("1.0.0"));
        }
        fleet.campaign("first");
        let limit = Instant::now() + Duration::from_secs(seconds);
        let mut at = 0;
        while Instant::now() < limit {
            fleet.something(at);
            at += 1;
        }
        let all = fleet.settled();
        fleet.same_everywhere();
        audit(&fleet, &all);
        println!("{} ordered, {} kills", fleet.ordered.len(), fleet.kills);
        fleet.taken_away();
        fleet.servers.into_iter().flatten().for_each(|server| drop(server.stop()));
    });
}

impl Fleet {
    fn start(folder: &Path, root: &Path, database: &Database, seed: u64) -> Fleet {
        let programs = drivers(folder);
        let plan = Plan::new(folder, "data", database, &[root]).with("--drivers", programs.to_str().unwrap());
        let one = plan.ready();
        let more = || Plan { port: free_port(), ..plan.clone() }.ready();
        let servers = vec![Some(one), Some(more()), Some(more())];
        Fleet { servers, dice: Dice(seed), kills: 0, ordered: BTreeMap::new() }
    }

    /// Asks one of those that live, until one answers.
    fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let limit = Instant::now() + PATIENCE;
        loop {
            let chosen = usize::try_from(self.dice.roll(3)).unwrap();
            let answer = self.servers[chosen].as_ref().map(|server| server.http(method, path, body));
            match answer {
                Some((status, body)) if !matches!(status, 0 | 503) => return (status, body),
                _ => assert!(Instant::now() < limit, "nobody answers {method} {path}: {answer:?}"),
            }
        }
    }

    fn order(&mut self, name: &str, offering: &'static str, release: Option<&str>) {
        let mut order = json!({"offering": offering, "environment": "dev", "team": "red", "name": name, "inputs": {}});
        if let Some(release) = release {
            order["release"] = release.into();
        }
        let (status, body) = self.ask("POST", "/api/v1/orders", Some(&order));
        // What arrived before its server died is there already.
        assert!(matches!(status, 202 | 409), "{status} {body}");
        self.ordered.insert(name.to_owned(), offering);
    }

    /// A campaign that brings everything to the second version.
    fn campaign(&mut self, name: &str) {
        let text = json!([{"apiVersion": "loggia.dev/v1", "kind": "Campaign", "metadata": {"name": name},
            "spec": {"purpose": "The first one is old.", "offering": "cache", "to": ">=2", "parallelism": 3}}]);
        let (status, body) = self.ask("POST", "/api/v1/records:apply", Some(&text));
        assert_eq!(status, 200, "{body}");
        let (status, body) = self.ask("POST", &format!("/api/v1/campaigns/default/{name}:start"), Some(&json!({})));
        assert!(matches!(status, 200 | 422), "{status} {body}");
    }

    /// Orders, upgrades, and kills one, which comes back in its own time.
    fn something(&mut self, at: usize) {
        match self.dice.roll(6) {
            0 | 1 => self.order(&format!("r-{at}"), "cache", Some("1.0.0")),
            2 => self.order(&format!("b-{at}"), "bucket", None),
            3 => {
                let path = format!("/api/v1/instances/red/f-{}.dev:upgrade", self.dice.roll(FIRST as u64));
                let (status, body) = self.ask("POST", &path, Some(&json!({"to": "2.0.0"})));
                assert!(matches!(status, 202 | 422), "{status} {body}");
            }
            _ => {
                let chosen = usize::try_from(self.dice.roll(3)).unwrap();
                let plan = self.servers[chosen].take().unwrap().kill();
                self.kills += 1;
                for more in 0..self.dice.roll(3) {
                    self.order(&format!("k-{at}-{more}"), "cache", Some("1.0.0"));
                }
                self.servers[chosen] = Some(plan.ready());
            }
        }
    }

    fn instances(&mut self) -> Vec<Value> {
        let (_, list) = self.ask("GET", "/api/v1/instances?limit=1000", None);
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until all that was ordered is there, and the campaigns have brought all of it to the second version.
    fn settled(&mut self) -> Vec<Value> {
        self.campaign("last");
        let is = |one: &Value| {
            let cache = one["document"]["spec"]["offering"] == "cache";
            one["status"]["phase"] == "ready" && (!cache || one["status"]["applied"] == "cache-2.0.0")
        };
        let mut all = Vec::new();
        until_within(LEASE * 3 + PATIENCE, "everything has the second version", || {
            all = self.instances();
            all.len() == self.ordered.len() && all.iter().all(is)
        });
        for name in ["first", "last"] {
            let path = format!("/api/v1/campaigns/default/{name}/state");
            until("nothing is open", || {
                let counts = self.ask("GET", &path, None).1["counts"].clone();
                counts["done"] == counts["total"]
            });
        }
        all
    }

    /// Every server says the same of every campaign and of everything that runs.
    fn same_everywhere(&self) {
        let paths = [
            "/api/v1/campaigns/default/first/burn-down",
            "/api/v1/campaigns/default/last/burn-down",
            "/api/v1/versions/cache",
            "/api/v1/instances?limit=1000",
        ];
        for path in paths {
            let said = || -> BTreeSet<String> {
                let servers = self.servers.iter().flatten();
                servers.map(|server| server.http("GET", path, None).1.to_string()).collect()
            };
            until("all say the same", || said().len() == 1);
        }
    }

    /// Takes everything away again, and looks that nothing is left.
    fn taken_away(&mut self) {
        for name in self.ordered.keys().cloned().collect::<Vec<_>>() {
            let path = format!("/api/v1/instances/red/{name}.dev:destroy");
            let (status, body) = self.ask("POST", &path, Some(&json!({"confirmed": true})));
            assert!(matches!(status, 202 | 404), "{status} {body}");
        }
        until_within(LEASE * 2 + PATIENCE, "everything is gone", || self.instances().is_empty());
        let data = self.servers[0].as_ref().unwrap().plan.data.clone();
        assert_eq!(entries(&data.join("replay")), BTreeSet::new());
        assert_eq!(entries(&data.join("driver-state/bucket")), BTreeSet::new());
    }
}

/// Everything was made once, no operation failed or is open, and the history tells each beginning and each end once.
fn audit(fleet: &Fleet, all: &[Value]) {
    let server = fleet.servers[0].as_ref().unwrap();
    let uids = |offering: &str| -> BTreeSet<String> {
        let mine = all.iter().filter(|one| one["document"]["spec"]["offering"] == offering);
        mine.map(|one| one["uid"].as_str().unwrap().to_owned()).collect()
    };
    let replay: BTreeSet<String> = entries(&server.plan.data.join("replay"));
    let replay: BTreeSet<String> = replay.iter().map(|name| name.trim_end_matches(".json").to_owned()).collect();
    assert_eq!(replay, uids("cache"));
    assert_eq!(entries(&server.plan.data.join("driver-state/bucket")), uids("bucket"));
    for one in all {
        let name = one["document"]["metadata"]["name"].as_str().unwrap();
        let (_, found) = server.http("GET", &format!("/api/v1/instances/red/{name}/operations"), None);
        let work: Vec<&Value> =
            found["items"].as_array().unwrap().iter().filter(|operation| operation["verb"] == "apply").collect();
        let wanted = if one["document"]["spec"]["offering"] == "cache" { 2 } else { 1 };
        assert_eq!(work.len(), wanted, "{name}: {work:?}");
        assert!(work.iter().all(|operation| operation["state"] == "succeeded"), "{name}: {work:?}");
        let (_, past) = server.http("GET", &format!("/api/v1/instances/red/{name}/history"), None);
        let told = |kind: &str| past["items"].as_array().unwrap().iter().filter(|row| row["kind"] == kind).count();
        assert!(told("instance.ordered") <= 1 && told("instance.upgraded") <= 1, "{name}: {past}");
    }
}
