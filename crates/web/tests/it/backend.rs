//! What runs in the small company: a driver that makes nothing, and workers that use it.

use crate::world::World;
use async_trait::async_trait;
use axum::http::StatusCode;
use loggia_app::instance::driver::{Backend, Driver, Failure, Observation, Plan, Presence, Request, RunLog, Secret};
use loggia_app::instance::worker;
use serde_json::{Map, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// Holds names instead of making things; what is called `broken` something cannot be made.
#[derive(Default)]
struct Nothing(Mutex<BTreeSet<String>>);

impl Nothing {
    fn seen(&self, request: &Request) -> Observation {
        let there = self.0.lock().unwrap().contains(&request.key);
        Observation {
            presence: if there { Presence::Present } else { Presence::Absent },
            version: if there { request.version.clone() } else { String::new() },
            conditions: Vec::new(),
            outputs: Map::new(),
            secret_outputs: Vec::new(),
            readings: Vec::new(),
        }
    }
}

#[async_trait]
impl Driver for Nothing {
    fn name(&self) -> &str {
        "postgres"
    }

    async fn probe(&self, _: &Backend) -> Result<(), Failure> {
        Ok(())
    }

    async fn plan(&self, request: &Request, _: &dyn RunLog) -> Result<Plan, Failure> {
        let there = self.0.lock().unwrap().contains(&request.key);
        Ok(Plan { changes: if there { Vec::new() } else { vec!["make it".into()] } })
    }

    async fn apply(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        if request.instance.contains("/broken") {
            return Err(Failure::yours("It cannot be made.", "Name it otherwise."));
        }
        log.line("made");
        self.0.lock().unwrap().insert(request.key.clone());
        let mut seen = self.seen(request);
        seen.secret_outputs.push(("password".into(), Secret::new("hunter2")));
        Ok(seen)
    }

    async fn observe(&self, request: &Request, _: &dyn RunLog) -> Result<Observation, Failure> {
        Ok(self.seen(request))
    }

    async fn destroy(&self, request: &Request, _: &dyn RunLog) -> Result<(), Failure> {
        self.0.lock().unwrap().remove(&request.key);
        Ok(())
    }
}

/// Workers of a company, until it is dropped, and the operations of what was ordered.
pub struct Running {
    stop: watch::Sender<bool>,
    operations: Mutex<BTreeMap<String, String>>,
}

impl Running {
    pub fn start(world: &World) -> Running {
        let driver: Arc<dyn Driver> = Arc::new(Nothing::default());
        let stop = watch::channel(false).0;
        let drivers = Arc::new([("postgres".to_owned(), driver)].into());
        drop(worker::start(&world.state.app, &drivers, 1, &stop.subscribe()));
        Running { stop, operations: Mutex::default() }
    }

    /// A thing of booking that was ordered, when its operation has ended; gives the operation.
    pub async fn order(&self, world: &World, name: &str) -> String {
        let wish = json!({"offering": "postgres", "environment": "dev", "team": "booking", "name": name});
        let ordered = world.post("member", "/api/v1/orders", &wish).await;
        assert_eq!(ordered.status, StatusCode::ACCEPTED, "{name}: {}", ordered.text);
        let path = format!("/api/v1/instances/booking/{name}.dev/operations");
        for _ in 0..500 {
            let all = world.get("member", &path).await.json();
            let newest = &all["items"][0];
            if !newest["endedAt"].is_null() {
                let id = newest["id"].as_str().unwrap().to_owned();
                self.operations.lock().unwrap().insert(name.to_owned(), id.clone());
                return id;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{name} does not come to an end");
    }

    /// The operation of something that was ordered.
    pub fn known(&self, name: &str) -> String {
        self.operations.lock().unwrap()[name].clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
