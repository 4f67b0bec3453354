//! `kill -9` while consumers get, renew and lose access: no credential is left over, and none is doubled.

use crate::kill::{Dice, entries, number};
use crate::platform::{commit, drivers, repository};
use crate::support::{Plan, Server, folder, on_both, until, write};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const ONE: &str = "/api/v1/instances/red/shared.dev";

/// A server that is killed again and again.
struct Trial {
    dice: Dice,
    server: Option<Server>,
}

impl Trial {
    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// Sends a request until it arrived, with a kill at a random point after each try.
    fn insist(&mut self, path: &str, body: &Value) {
        loop {
            let (status, said) = self.server().http("POST", path, Some(body));
            std::thread::sleep(Duration::from_millis(self.dice.roll(300)));
            self.server = Some(self.server.take().unwrap().kill().ready());
            match status {
                202 | 409 => return,
                // Arrived before the last kill, or another one is being made.
                422 if ["access.granted", "access.missing"].iter().any(|rule| said.to_string().contains(rule)) => {
                    return;
                }
                422 if said.to_string().contains("access.busy") => {}
                0 | 503 => {}
                other => panic!("{path}: {other} {said}"),
            }
        }
    }

    fn access(&self) -> Vec<Value> {
        let (status, all) = self.server().http("GET", &format!("{ONE}/access"), None);
        assert_eq!(status, 200, "{all}");
        all["items"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until each consumer has one credential that works; gives their identities.
    fn settled(&self, count: usize) -> BTreeSet<String> {
        let mut all = Vec::new();
        until("each has one credential that works", || {
            all = self.access();
            let credentials = |one: &Value| one["credentials"].as_array().cloned().unwrap_or_default();
            all.len() == count
                && all.iter().all(|one| credentials(one).len() == 1 && credentials(one)[0]["state"] == "works")
        });
        all.iter().map(|one| one["credentials"][0]["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn no_credential_is_left_over_or_doubled_by_kill_9() {
    on_both("kill_access", |database| {
        let count = usize::try_from(number("LOGGIA_KILL_ACCESS", 6)).unwrap();
        let seed = number("LOGGIA_KILL_SEED", u64::from(std::process::id()));
        println!("LOGGIA_KILL_ACCESS={count} LOGGIA_KILL_SEED={seed}");
        let folder = folder();
        let root = repository(folder.path());
        let text = std::fs::read_to_string(root.join("bucket.yaml")).unwrap();
        let offer = "{inputs: {type: object}, access: {roles: [{name: read}]}}";
        write(&root, "bucket.yaml", &text.replace("{inputs: {type: object}}", offer));
        commit(&root, "Access");
        let programs = drivers(folder.path());
        let plan = Plan::new(folder.path(), "data", database, &[&root]).with("--drivers", programs.to_str().unwrap());
        let kept = plan.data.join("driver-state/bucket");
        let mut trial = Trial { dice: Dice(seed), server: Some(plan.ready()) };
        let order = json!({"offering": "bucket", "environment": "dev", "team": "red", "name": "shared", "inputs": {}});
        assert_eq!(trial.server().http("POST", "/api/v1/orders", Some(&order)).0, 202);
        let mut uid = String::new();
        until("it is ready", || {
            let (_, list) = trial.server().http("GET", "/api/v1/instances?limit=10", None);
            uid = list["items"][0]["uid"].as_str().unwrap_or_default().to_owned();
            list["items"][0]["status"]["phase"] == "ready"
        });
        let there = || entries(&kept.join(format!("logins-{uid}")));
        for at in 0..count {
            trial.insist(&format!("{ONE}/access"), &json!({"to": format!("service/program-{at}")}));
        }
        let first = trial.settled(count);
        assert_eq!(there(), first);
        let ids: Vec<String> = trial.access().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        for id in &ids {
            trial.insist(&format!("{ONE}/access/{id}:rotate"), &json!({"overlapMinutes": 0}));
        }
        let second = trial.settled(count);
        assert_eq!(there(), second);
        assert!(first.is_disjoint(&second), "each was renewed");
        for id in &ids {
            trial.insist(&format!("{ONE}/access/{id}:revoke"), &json!({}));
        }
        until("nobody has access", || trial.access().is_empty());
        assert_eq!(there(), BTreeSet::new());
        trial.server.take().unwrap().stop();
    });
}
