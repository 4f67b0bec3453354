//! Workers: claim operations by lease and carry them out through drivers.
//!
//! A worker never decides anything about records. It calls the driver step by step, keeps what happened, and ends
//! with one command. When it dies, its lease runs out and another worker begins again from the first step; drivers
//! look before they make, so beginning again is safe.

mod import;
mod propose;

use crate::App;
use crate::backend::Hold;
use crate::driver::{Backend, Driver, Failure, Observation, Presence, Request, Secret, Whose};
use crate::error::{Error, Result};
use crate::operation::{Ending, Finish};
use crate::request::{self, Prepared};
use crate::run_log::Lines;
use crate::take_over::Wish;
use crate::trace::{self, TRACES};
use loggia_model::instance::{HeldBackend, Phase};
use loggia_model::operation::{Operation, OperationStep, State, Verb};
use loggia_model::{Micros, Uid};
use loggia_store::{Claimed, WorkClass};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tracing::Instrument;
use tracing::field::Empty;

/// How long a lease is, in seconds; the worker renews it at a third of that.
const LEASE_SECONDS: i64 = 30;
/// How often an operation is tried before it fails for good.
const ATTEMPTS: i64 = 8;
/// How long a worker sleeps when there is nothing to do and nobody wakes it.
const IDLE: Duration = Duration::from_secs(1);
/// The step that takes something away.
const DESTROY: &str = "destroy";

/// The drivers of this server, by name.
pub type Drivers = HashMap<String, Arc<dyn Driver>>;

/// Starts workers; they end, after what they have in hand, when `stop` turns true.
pub fn start(app: &Arc<App>, drivers: &Arc<Drivers>, count: usize, stop: &watch::Receiver<bool>) -> Workers {
    // A second set of workers over the same application has the same drivers.
    let _ = app.drivers.set(Arc::clone(drivers));
    tokio::spawn(crate::availability::follow(Arc::clone(app), Arc::clone(drivers), stop.clone()));
    let spawn = |number| tokio::spawn(keep_one(Arc::clone(app), Arc::clone(drivers), number, stop.clone()));
    Workers((0..count).map(spawn).collect())
}

/// Keeps one worker at work: another takes the place of one that panicked.
async fn keep_one(app: Arc<App>, drivers: Arc<Drivers>, number: usize, stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let name = format!("{}-{number}", app.ids.uid(app.now()));
        let worker = Worker { app: Arc::clone(&app), drivers: Arc::clone(&drivers), name };
        if let Err(error) = tokio::spawn(worker.run(stop.clone())).await {
            tracing::error!(%error, "a worker broke down; another takes its place");
            tokio::time::sleep(IDLE).await;
        }
    }
}

/// The workers of this server. They go on when this is dropped.
pub struct Workers(Vec<tokio::task::JoinHandle<()>>);

impl Workers {
    /// Waits until all have ended, after `stop` has turned true.
    pub async fn ended(self) {
        for worker in self.0 {
            // Whatever became of it, it has ended.
            let _ = worker.await;
        }
    }
}

struct Worker {
    app: Arc<App>,
    drivers: Arc<Drivers>,
    name: String,
}

impl Worker {
    async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let woken = self.app.work.notified();
            match self.app.store.claim(&self.name, self.app.now(), LEASE_SECONDS, &WorkClass::ALL).await {
                Ok(Some(claimed)) => self.carry_out(claimed).await,
                Ok(None) => {
                    tokio::select! {
                        () = woken => {}
                        () = tokio::time::sleep(IDLE) => {}
                        _ = stop.changed() => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot look for work");
                    tokio::time::sleep(IDLE).await;
                }
            }
        }
    }

    async fn carry_out(&self, claimed: Claimed) {
        let (id, fence) = (claimed.id, claimed.fence);
        let run = async {
            let operation = self.app.store.operation(id).await?;
            let operation = operation.ok_or_else(|| Error::Internal(format!("work {id} has no operation")))?;
            let span = trace::span(&operation, claimed.attempt);
            Run::begin(self, operation, claimed).instrument(span).await
        };
        // When the lease cannot be renewed somebody else may begin: this run must not go on.
        let result = tokio::select! {
            result = run => result,
            () = self.keep_lease(id, fence) => Err(Error::Conflict("The lease was lost.".into())),
        };
        if let Err(error) = result {
            tracing::warn!(operation = %id, %error, "an operation was interrupted; it is taken up again");
        }
        let _ = self.app.progress.send(id);
    }

    async fn keep_lease(&self, id: Uid, fence: i64) {
        let pause = Duration::from_secs(u64::try_from(LEASE_SECONDS / 3).unwrap_or(10));
        loop {
            tokio::time::sleep(pause).await;
            let until = self.app.now().plus_seconds(LEASE_SECONDS);
            if self.app.store.heartbeat(id, fence, until).await.is_err() {
                return;
            }
        }
    }
}

/// One attempt at one operation.
struct Run<'a> {
    worker: &'a Worker,
    operation: Operation,
    fence: i64,
    attempt: i64,
    /// The phase of the instance when the operation was asked for.
    before: Option<Phase>,
    /// As what the instance is to be taken over.
    wish: Option<Wish>,
    lines: Arc<Lines>,
}

impl<'a> Run<'a> {
    async fn begin(worker: &'a Worker, mut operation: Operation, claimed: Claimed) -> Result<()> {
        operation.state = State::Running;
        operation.attempt = claimed.attempt;
        // That taking it away was begun once is remembered: it may be half done.
        operation.steps.retain(|step| step.name == DESTROY);
        operation.steps.truncate(1);
        operation.message.clear();
        operation.mend.clear();
        let confirmed = claimed.payload.get("confirmed").and_then(serde_json::Value::as_bool).unwrap_or(false);
        let before = claimed.payload.get("before").and_then(|phase| Phase::deserialize(phase).ok());
        let wish = claimed.payload.get("wish").and_then(|wish| Wish::deserialize(wish).ok());
        let lines = Arc::new(Lines::default());
        let mut run = Run { worker, operation, fence: claimed.fence, attempt: claimed.attempt, before, wish, lines };
        let driver = worker.drivers.get(&run.operation.driver).map(|driver| &**driver);
        let prepared = request::build(&worker.app, &run.operation, confirmed, run.wish.clone(), driver).await;
        match prepared {
            Ok(Prepared { request, release, hold }) => {
                run.lines = Arc::new(Lines { secrets: secrets_of(&request), ..Lines::default() });
                let result = run.steps(&request, hold).await;
                run.end(result, release).await
            }
            // A fault of the platform's own data; the database being away is tried again by the lease.
            Err(Error::Unavailable(text)) => Err(Error::Unavailable(text)),
            Err(error) => {
                let failure = match error {
                    Error::Refused(refusal) => Failure::ours(refusal.message, refusal.mend),
                    error => Failure::ours(error.to_string(), "Ask the owner of the offering."),
                };
                run.end(Err(failure), String::new()).await
            }
        }
    }

    async fn steps(&mut self, request: &Request, hold: Option<HeldBackend>) -> Result<Ending, Failure> {
        let name = &self.operation.driver;
        let driver = self.worker.drivers.get(name).cloned().ok_or_else(|| {
            Failure::ours(
                format!("This server has no driver {name}."),
                "Start it with the driver, or change the recipe.",
            )
        })?;
        let driver = &*driver;
        self.probe(driver, &request.backend).await?;
        match self.operation.verb {
            Verb::Apply => {
                self.plan(driver, request).await?;
                self.hold(hold).await?;
                let log = Arc::clone(&self.lines);
                let applied = self.step("apply", driver.apply(request, &*log), |_| "Done.".into()).await?;
                let mut seen = self.observe(driver, request).await?;
                if seen.presence != Presence::Present {
                    let message = "It was made, but cannot be seen yet.";
                    return Err(Failure::backend(message, "It is looked for again by itself."));
                }
                merge(&mut seen, applied);
                Ok(Ending::Ready(Box::new(seen)))
            }
            Verb::Observe => Ok(Ending::Seen(Box::new(self.observe(driver, request).await?))),
            Verb::Import => self.import(driver, request, hold).await,
            Verb::Propose => self.propose(driver, request).await,
            Verb::Destroy => {
                let log = Arc::clone(&self.lines);
                self.step(DESTROY, driver.destroy(request, &*log), |()| "Done.".into()).await?;
                let seen = self.observe(driver, request).await?;
                match seen.presence {
                    Presence::Absent => Ok(Ending::Gone),
                    Presence::Present => {
                        Err(Failure::backend("It was destroyed but is still there.", "It is tried again by itself."))
                    }
                    Presence::Unknown => Err(Failure::backend(
                        "Nobody can tell yet whether it is gone.",
                        "It is looked for again by itself.",
                    )),
                }
            }
        }
    }

    async fn probe(&mut self, driver: &dyn Driver, backend: &Backend) -> Result<(), Failure> {
        let probe = async {
            backend.complete()?;
            driver.probe(backend).await
        };
        self.step("probe", probe, |()| "The backend answers.".into()).await
    }

    async fn plan(&mut self, driver: &dyn Driver, request: &Request) -> Result<(), Failure> {
        let tell = |plan: &crate::driver::Plan| match plan.changes.as_slice() {
            [] => "Nothing to change.".to_owned(),
            changes => changes.join("; "),
        };
        let log = Arc::clone(&self.lines);
        self.step("plan", driver.plan(request, &*log), tell).await.map(drop)
    }

    async fn observe(&mut self, driver: &dyn Driver, request: &Request) -> Result<Observation, Failure> {
        let tell = |seen: &Observation| {
            match seen.presence {
                Presence::Present => "It is there.",
                Presence::Absent => "It is not there.",
                Presence::Unknown => "It could not be looked for.",
            }
            .to_owned()
        };
        let log = Arc::clone(&self.lines);
        self.step("observe", driver.observe(request, &*log), tell).await
    }

    /// Keeps where the instance is made, before anything is made.
    async fn hold(&self, backend: Option<HeldBackend>) -> Result<(), Failure> {
        let Some(backend) = backend else { return Ok(()) };
        let app = &self.worker.app;
        let hold = Hold { work: self.operation.id, fence: self.fence, instance: self.operation.instance, backend };
        app.run(&app.system("worker"), hold).await.map(drop).map_err(|error| lost(&error))
    }

    /// Runs one step and keeps what happened.
    async fn step<T>(
        &mut self,
        name: &str,
        work: impl Future<Output = Result<T, Failure>>,
        tell: impl FnOnce(&T) -> String,
    ) -> Result<T, Failure> {
        self.operation.steps.push(OperationStep {
            name: name.to_owned(),
            state: State::Running,
            message: String::new(),
            started_at: Some(self.worker.app.now()),
            ended_at: None,
        });
        self.save().await?;
        let span = tracing::info_span!(target: TRACES, "step", otel.name = name, otel.status_code = Empty);
        let result = work.instrument(span.clone()).await;
        if result.is_err() {
            span.record("otel.status_code", "ERROR");
        }
        let now = self.worker.app.now();
        if let Some(step) = self.operation.steps.last_mut() {
            step.ended_at = Some(now);
            (step.state, step.message) = match &result {
                Ok(value) => (State::Succeeded, tell(value)),
                Err(failure) => (State::Failed, failure.message.clone()),
            };
        }
        result
    }

    /// Keeps steps and lines, so that who watches sees them and a crash loses nothing.
    async fn save(&self) -> Result<(), Failure> {
        let lines = self.lines.lines.lock().map(|mut lines| std::mem::take(&mut *lines)).unwrap_or_default();
        let (store, now) = (&self.worker.app.store, self.worker.app.now());
        if !lines.is_empty() {
            let lines: Vec<_> = lines.into_iter().map(|line| (now, line)).collect();
            store.append_log(self.operation.id, &lines).await.map_err(|error| lost(&error))?;
        }
        store.save_progress(&self.operation, self.operation.id, self.fence).await.map_err(|error| lost(&error))?;
        // Nobody watching is fine.
        let _ = self.worker.app.progress.send(self.operation.id);
        Ok(())
    }

    async fn end(mut self, result: Result<Ending, Failure>, release: String) -> Result<()> {
        let mut secrets = Vec::new();
        let ending = match result {
            Ok(mut ending) => {
                if let Ending::Ready(seen) = &mut ending {
                    secrets = std::mem::take(&mut seen.secret_outputs);
                }
                ending
            }
            Err(failure) => {
                self.operation.message = failure.message.clone();
                self.operation.mend = failure.mend.clone();
                if failure.retry && self.attempt < ATTEMPTS {
                    return self.wait().await;
                }
                self.failed(&failure)
            }
        };
        self.save().await.map_err(|failure| Error::Unavailable(failure.message))?;
        let app = &self.worker.app;
        let (sealer, fence) = (app.secrets.clone(), self.fence);
        let (ended, failed) = (self.operation.clone(), ending.is_failure());
        let finish = Finish { operation: self.operation, fence, ending, release, secrets, sealer };
        app.run(&app.system("worker"), finish).await?;
        trace::ended(&ended, failed, app.now());
        Ok(())
    }

    /// What a failure for good means: a thing that was to be destroyed and was not touched is what it was.
    fn failed(&self, failure: &Failure) -> Ending {
        let begun = self.operation.steps.iter().filter(|step| step.name == DESTROY).count();
        let touched = begun > usize::from(failure.whose == Whose::Yours);
        let resting = |phase: &Phase| matches!(phase, Phase::Ready | Phase::Failed | Phase::Unknown);
        match self.before.filter(resting) {
            // Nothing was done, whatever went wrong.
            Some(before) if matches!(self.operation.verb, Verb::Import | Verb::Propose) => Ending::Kept(before),
            Some(before) if self.operation.verb == Verb::Destroy && !touched => Ending::Kept(before),
            _ => Ending::Failed,
        }
    }

    /// Puts the operation back for later.
    async fn wait(mut self) -> Result<()> {
        let later = backoff(self.worker.app.now(), self.attempt);
        self.operation.state = State::Waiting;
        self.save().await.map_err(|failure| Error::Unavailable(failure.message))?;
        Ok(self.worker.app.store.retry(self.operation.id, self.fence, later).await?)
    }
}

fn lost(error: &impl std::fmt::Display) -> Failure {
    Failure {
        retry: true,
        whose: Whose::Ours,
        message: format!("Progress could not be kept: {error}"),
        mend: "It is tried again by itself.".into(),
    }
}

/// When to try again: after 1, 2, 4 … seconds, five minutes at most.
fn backoff(now: Micros, attempt: i64) -> Micros {
    let exponent = u32::try_from(attempt.clamp(1, 10) - 1).unwrap_or(0);
    now.plus_seconds(2_i64.pow(exponent).min(300))
}

fn merge(seen: &mut Observation, applied: Observation) {
    for (name, value) in applied.outputs {
        seen.outputs.entry(name).or_insert(value);
    }
    seen.secret_outputs = applied.secret_outputs;
    seen.readings.extend(applied.readings);
}

fn secrets_of(request: &Request) -> Vec<Secret> {
    let inputs = request.secret_inputs.iter().map(|(_, secret)| secret.clone());
    let outputs = request.secret_outputs.iter().map(|(_, secret)| secret.clone());
    inputs.chain(outputs).chain(request.backend.secret.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_each_time_up_to_five_minutes() {
        let waits: Vec<i64> = (1..=11).map(|attempt| backoff(Micros(0), attempt).0 / 1_000_000).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }
}
