//! Workers: one that breaks down is replaced, and what they write in between is true.

use crate::estate::platform;
use crate::harness::{InMemory, World, on_each, pass};
use crate::odd::Odd;
use async_trait::async_trait;
use loggia_app::instance::driver::{Backend, Call, Driver, Failure, Observation, Plan, Request, RunLog, Secret};
use loggia_app::instance::order::OrderInput;
use loggia_app::instance::worker::{self, Drivers};
use loggia_model::Uid;
use loggia_model::instance::{Condition, Verdict};
use loggia_model::operation::{Operation, State, Verb};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

async fn pause() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// A driver that breaks down some times before it works.
struct Breaking {
    left: AtomicUsize,
    inner: Arc<InMemory>,
}

#[async_trait]
impl Driver for Breaking {
    fn name(&self) -> &str {
        "memory"
    }

    async fn probe(&self, backend: &Backend) -> Result<(), Failure> {
        self.inner.probe(backend).await
    }

    async fn plan(&self, request: &Request, log: &dyn RunLog) -> Result<Plan, Failure> {
        self.inner.plan(request, log).await
    }

    async fn apply(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        let before = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        assert!(before.is_err(), "it breaks down");
        self.inner.apply(request, log).await
    }

    async fn observe(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        self.inner.observe(request, log).await
    }

    async fn destroy(&self, request: &Request, log: &dyn RunLog) -> Result<(), Failure> {
        self.inner.destroy(request, log).await
    }
}

fn order() -> OrderInput {
    OrderInput {
        offering: "db".into(),
        environment: "dev".into(),
        team: "booking".into(),
        name: "one".into(),
        ..OrderInput::default()
    }
}

fn phase(app: &loggia_app::App) -> String {
    let graph = app.graph();
    let record = graph.get_text("instance:booking/one.dev");
    record.map_or("none".into(), |r| r.parse_status()["phase"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_worker_that_breaks_down_is_replaced() {
    on_each("a_worker_that_breaks_down_is_replaced", |world| async move {
        platform(&world).await;
        let driver: Arc<dyn Driver> = Arc::new(Breaking { left: AtomicUsize::new(2), inner: Arc::default() });
        let drivers: Arc<Drivers> = Arc::new([("memory".to_owned(), driver)].into());
        drop(worker::start(&world.app, &drivers, 1, &world.stop.subscribe()));
        world.app.order(&world.person("ann"), order()).await.unwrap();
        for _ in 0..60 {
            pause().await;
            pass(&world, 5);
            if phase(&world.app) == "ready" {
                break;
            }
        }
        assert_eq!(phase(&world.app), "ready");
        world.stop.send_replace(true);
    });
}

#[test]
fn what_is_to_go_is_not_called_ready_in_between() {
    on_each("what_is_to_go_is_not_called_ready_in_between", |world| async move {
        platform(&world).await;
        let ann = world.person("ann");
        world.app.order(&ann, order()).await.unwrap();
        let uid = world.app.graph().get_text("instance:booking/one.dev").unwrap().uid;
        let instance = "instance:booking/one.dev".parse().unwrap();
        world.app.operate(&ann, instance, Verb::Destroy, true).await.unwrap();
        world.work(&Arc::default());
        world.until("gone", |app| phase(app) == "none").await;
        let past = world.store.history(uid, None, 20).await.unwrap();
        let phase = |row: loggia_store::RevisionRow| {
            Some(row.record()?.parse_status()["phase"].as_str().unwrap_or_default().to_owned())
        };
        let phases: Vec<String> = past.into_iter().rev().filter_map(phase).collect();
        let after = phases.iter().skip_while(|phase| *phase != "deleting");
        assert!(after.clone().count() > 1 && after.clone().all(|phase| phase == "deleting"), "{phases:?}");
        world.stop.send_replace(true);
    });
}

/// A driver whose every text has what no database keeps.
struct Noisy {
    inner: InMemory,
    fails: bool,
}

const NOISE: &str = "a\0b\u{7}c\u{1b}[31m";

#[async_trait]
impl Driver for Noisy {
    fn name(&self) -> &str {
        "memory"
    }

    async fn probe(&self, backend: &Backend) -> Result<(), Failure> {
        self.inner.probe(backend).await
    }

    async fn plan(&self, _: &Request, log: &dyn RunLog) -> Result<Plan, Failure> {
        log.line(NOISE);
        Ok(Plan { changes: vec![NOISE.into()] })
    }

    async fn apply(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        log.line(NOISE);
        if self.fails {
            return Err(Failure::yours(NOISE, NOISE));
        }
        let mut seen = self.inner.apply(request, log).await?;
        seen.secret_outputs.push((NOISE.into(), Secret::new("secret-of-it")));
        Ok(seen)
    }

    async fn observe(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        let mut seen = self.inner.observe(request, log).await?;
        seen.outputs.insert(NOISE.into(), json!([NOISE, {NOISE: NOISE}]));
        seen.version = NOISE.into();
        let (kind, reason, message) = (NOISE.into(), NOISE.into(), NOISE.into());
        seen.conditions.push(Condition { kind, status: Verdict::True, reason, message });
        Ok(seen)
    }

    async fn destroy(&self, request: &Request, log: &dyn RunLog) -> Result<(), Failure> {
        self.inner.destroy(request, log).await
    }
}

#[test]
fn whatever_a_driver_prints_its_operation_ends() {
    on_each("whatever_a_driver_prints_its_operation_ends", |world| async move {
        platform(&world).await;
        for (fails, name, end) in [(false, "one", State::Succeeded), (true, "two", State::Failed)] {
            let stop = tokio::sync::watch::channel(false).0;
            let driver: Arc<dyn Driver> = Arc::new(Noisy { inner: InMemory::default(), fails });
            let drivers: Arc<Drivers> = Arc::new([("memory".to_owned(), driver)].into());
            let workers = worker::start(&world.app, &drivers, 1, &stop.subscribe());
            let order = OrderInput { name: name.into(), ..order() };
            let outcome = world.app.order(&world.person("ann"), order).await.unwrap();
            let id = serde_json::from_value(outcome.answer["operation"].clone()).unwrap();
            let operation = ended(&world, id).await;
            assert_eq!((operation.state, operation.attempt), (end, 1), "{operation:?}");
            let lines = world.store.log_lines(id, 0, 100).await.unwrap();
            assert!(lines.iter().any(|line| line.text.contains("a\u{fffd}b\u{fffd}c")), "{lines:?}");
            stop.send_replace(true);
            workers.ended().await;
        }
    });
}

pub async fn ended(world: &World, id: Uid) -> Operation {
    for _ in 0..600 {
        let operation = world.store.operation(id).await;
        if let Some(operation) = operation.ok().flatten().filter(|operation| operation.state.is_end()) {
            return operation;
        }
        pause().await;
    }
    panic!("the operation never ends: {:?}", world.store.operation(id).await)
}

/// The lease is renewed every ten seconds and holds for thirty: a database that is away when its time comes does no harm.
#[test]
fn an_outage_of_the_database_leaves_what_runs_alone() {
    on_each("an_outage_of_the_database_leaves_what_runs_alone", |world| async move {
        platform(&world).await;
        let driver = Arc::new(Odd { waits: Some((Call::Apply, "memory")).into(), ..Odd::default() });
        drop(worker::start(&world.app, &driver.drivers(), 1, &world.stop.subscribe()));
        let outcome = world.app.order(&world.person("ann"), order()).await.unwrap();
        let id = serde_json::from_value(outcome.answer["operation"].clone()).unwrap();
        driver.began.notified().await;
        tokio::time::sleep(Duration::from_secs(8)).await;
        world.outage(Duration::from_millis(8_500)).await;
        // What went wrong would be begun again by now.
        pass(&world, 5);
        tokio::time::sleep(Duration::from_secs(2)).await;
        driver.gate.notify_one();
        let operation = ended(&world, id).await;
        assert_eq!((operation.state, operation.attempt), (State::Succeeded, 1), "{operation:?}");
        world.stop.send_replace(true);
    });
}

/// The end comes while the database is away: it is written when it is there again.
#[test]
fn an_end_waits_for_the_database() {
    on_each("an_end_waits_for_the_database", |world| async move {
        platform(&world).await;
        let driver = Arc::new(Odd { waits: Some((Call::Observe, "memory")).into(), ..Odd::default() });
        drop(worker::start(&world.app, &driver.drivers(), 1, &world.stop.subscribe()));
        let outcome = world.app.order(&world.person("ann"), order()).await.unwrap();
        let id = serde_json::from_value(outcome.answer["operation"].clone()).unwrap();
        driver.began.notified().await;
        let ending = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            driver.gate.notify_one();
        };
        futures_util::future::join(world.outage(Duration::from_millis(6_500)), ending).await;
        let operation = ended(&world, id).await;
        assert_eq!((operation.state, operation.attempt), (State::Succeeded, 1), "{operation:?}");
        world.stop.send_replace(true);
    });
}
