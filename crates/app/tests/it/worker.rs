//! Workers: one that breaks down is replaced, and what they write in between is true.

use crate::estate::platform;
use crate::harness::{InMemory, on_each, pass};
use async_trait::async_trait;
use loggia_app::instance::driver::{Backend, Driver, Failure, Observation, Plan, Request, RunLog};
use loggia_app::instance::order::OrderInput;
use loggia_app::instance::worker::{self, Drivers};
use loggia_model::operation::Verb;
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
