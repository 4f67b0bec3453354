//! A driver that does one odd thing, and is else the one that keeps its resources in memory.

use crate::harness::{InMemory, START};
use async_trait::async_trait;
use loggia_app::instance::driver::{Backend, Call, Driver, Failure, Observation, Plan, Request, RunLog};
use loggia_app::instance::worker::Drivers;
use loggia_model::usage::UsageReading;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

#[derive(Default)]
pub struct Odd {
    pub inner: InMemory,
    /// This call at the backend of this name waits for the gate.
    pub waits: Mutex<Option<(Call, &'static str)>>,
    pub gate: Notify,
    /// A call has begun to wait.
    pub began: Notify,
    /// How long a call may take, when not as usual.
    pub patience: Option<Duration>,
    /// Which call breaks down.
    pub breaks: Option<Call>,
    /// Whether it says that it was used more than anything can be.
    pub boasts: bool,
}

impl Odd {
    pub fn drivers(self: &Arc<Self>) -> Arc<Drivers> {
        let driver: Arc<dyn Driver> = Arc::clone(self) as Arc<dyn Driver>;
        Arc::new([("memory".to_owned(), driver)].into())
    }

    async fn pass(&self, call: Call, backend: &Backend) {
        assert!(self.breaks != Some(call), "it breaks down");
        let waits = *self.waits.lock().unwrap();
        if waits.is_some_and(|(one, name)| one == call && name == backend.name) {
            self.began.notify_one();
            self.gate.notified().await;
        }
    }
}

#[async_trait]
impl Driver for Odd {
    fn name(&self) -> &str {
        "memory"
    }

    fn patience(&self, call: Call) -> Duration {
        self.patience.unwrap_or_else(|| call.usual_patience())
    }

    async fn probe(&self, backend: &Backend) -> Result<(), Failure> {
        self.pass(Call::Probe, backend).await;
        self.inner.probe(backend).await
    }

    async fn plan(&self, request: &Request, log: &dyn RunLog) -> Result<Plan, Failure> {
        self.pass(Call::Plan, &request.backend).await;
        self.inner.plan(request, log).await
    }

    async fn apply(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        log.line("it begins");
        self.pass(Call::Apply, &request.backend).await;
        let mut seen = self.inner.apply(request, log).await?;
        if self.boasts {
            seen.readings.push(UsageReading {
                source: "memory".into(),
                id: format!("{}/boast", request.key),
                time: START,
                team: Some(request.team.clone()),
                principal: None,
                offering: request.offering.clone(),
                release: None,
                feature: None,
                instance: Some(request.instance.clone()),
                channel: "connection".into(),
                count: i64::MAX,
                outcome: "ok".into(),
                mandated: false,
            });
        }
        Ok(seen)
    }

    async fn observe(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        let seen = self.inner.observe(request, log).await;
        self.pass(Call::Observe, &request.backend).await;
        seen
    }

    async fn destroy(&self, request: &Request, log: &dyn RunLog) -> Result<(), Failure> {
        self.pass(Call::Destroy, &request.backend).await;
        self.inner.destroy(request, log).await
    }
}
