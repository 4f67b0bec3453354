//! What runs in the small company: a driver that makes nothing, and workers that use it.

use crate::world::World;
use async_trait::async_trait;
use axum::http::StatusCode;
use loggia_app::instance::driver::{Backend, Driver, Failure, Observation, Plan, Presence, Request, RunLog, Secret};
use loggia_app::instance::instance_access::contract::{Granted, Grants, Login};
use loggia_app::instance::worker::{self, Drivers};
use serde_json::{Map, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// Holds names instead of making things; what is called `broken` something cannot be made.
#[derive(Default)]
struct Nothing {
    things: Mutex<BTreeSet<String>>,
    /// Credentials, by the key of their thing and their own.
    logins: Mutex<BTreeSet<(String, String)>>,
}

impl Nothing {
    fn seen(&self, request: &Request) -> Observation {
        let there = self.things.lock().unwrap().contains(&request.key);
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
        let there = self.things.lock().unwrap().contains(&request.key);
        Ok(Plan { changes: if there { Vec::new() } else { vec!["make it".into()] } })
    }

    async fn apply(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        if request.instance.contains("/broken") {
            return Err(Failure::yours("It cannot be made.", "Name it otherwise."));
        }
        log.line("made");
        self.things.lock().unwrap().insert(request.key.clone());
        let mut seen = self.seen(request);
        seen.secret_outputs.push(("password".into(), Secret::new("hunter2")));
        Ok(seen)
    }

    async fn observe(&self, request: &Request, _: &dyn RunLog) -> Result<Observation, Failure> {
        Ok(self.seen(request))
    }

    async fn destroy(&self, request: &Request, _: &dyn RunLog) -> Result<(), Failure> {
        self.things.lock().unwrap().remove(&request.key);
        Ok(())
    }

    async fn marked(&self, _: &Backend) -> Result<Option<Vec<String>>, Failure> {
        Ok(Some(self.things.lock().unwrap().iter().cloned().collect()))
    }

    fn grants(&self) -> Option<&dyn Grants> {
        Some(self)
    }
}

#[async_trait]
impl Grants for Nothing {
    fn roles(&self) -> Option<&'static [&'static str]> {
        None
    }

    async fn grant(&self, request: &Request, login: &Login, _: &dyn RunLog) -> Result<Granted, Failure> {
        self.logins.lock().unwrap().insert((request.key.clone(), login.id.clone()));
        let outputs = [("user".to_owned(), login.id.clone().into())].into_iter().collect();
        Ok(Granted { outputs, secrets: vec![("password".into(), Secret::new("hunter3"))] })
    }

    async fn revoke(&self, request: &Request, login: &Login, _: &dyn RunLog) -> Result<(), Failure> {
        self.logins.lock().unwrap().remove(&(request.key.clone(), login.id.clone()));
        Ok(())
    }

    async fn granted(&self, request: &Request) -> Result<Vec<String>, Failure> {
        let all = self.logins.lock().unwrap();
        Ok(all.iter().filter(|(key, _)| *key == request.key).map(|(_, login)| login.clone()).collect())
    }
}

/// Workers of a company, until it is dropped, and the operations of what was ordered.
pub struct Running {
    stop: watch::Sender<bool>,
    backend: Arc<Nothing>,
    drivers: Arc<Drivers>,
    operations: Mutex<BTreeMap<String, String>>,
}

impl Running {
    pub fn start(world: &World) -> Running {
        let backend = Arc::new(Nothing::default());
        let driver: Arc<dyn Driver> = Arc::clone(&backend) as _;
        let stop = watch::channel(false).0;
        let drivers = Arc::new([("postgres".to_owned(), driver)].into());
        drop(worker::start(&world.state.app, &drivers, 1, &stop.subscribe()));
        Running { stop, backend, drivers, operations: Mutex::default() }
    }

    /// Access to a thing of booking, when its credential works; gives its identity.
    pub async fn grant(&self, world: &World, name: &str, to: &str) -> String {
        let path = format!("/api/v1/instances/booking/{name}.dev/access");
        let said = world.post("admin", &path, &json!({"to": to})).await;
        assert_eq!(said.status, StatusCode::ACCEPTED, "{name} {to}: {}", said.text);
        let id = said.json()["access"].as_str().unwrap().to_owned();
        for _ in 0..500 {
            let all = world.get("admin", &path).await.json();
            let one = all["items"].as_array().unwrap().iter().find(|one| one["id"] == id.as_str()).unwrap();
            if one["credentials"][0]["state"] == "works" {
                return id;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{to} gets no access to {name}");
    }

    /// Leaves something behind at the backend, under a key that nobody knows, and lets it be found.
    pub async fn leave(&self, world: &World, key: &str) {
        self.backend.things.lock().unwrap().insert(key.to_owned());
        let app = &world.state.app;
        let found = app.sweep_leaks(&self.drivers, &Default::default()).await;
        app.sweep_leaks(&self.drivers, &found).await;
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
