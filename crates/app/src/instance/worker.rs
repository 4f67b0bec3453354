//! Workers: claim operations by lease and carry them out through drivers.
//!
//! A worker never decides anything about records. It calls the driver step by step, keeps what happened, and ends
//! with one command. When it dies, its lease runs out and another worker begins again from the first step; drivers
//! look before they make, so beginning again is safe.

mod away;
mod busy;
mod end;
mod import;
mod propose;
mod run;
mod step;

use crate::App;
use crate::error::{Error, Result};
use crate::instance::driver::Driver;
use crate::trace;
use busy::{Busy, Held};
use loggia_model::Uid;
use loggia_store::{Claimed, StoreError, Times, WorkClass};
use run::Run;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use step::AGAIN;
use tokio::sync::watch;
use tracing::Instrument;

/// How long a lease is, in seconds; the worker renews it at a third of that.
const LEASE_SECONDS: i64 = 30;
const LEASE: Duration = Duration::from_secs(LEASE_SECONDS.unsigned_abs());
const RENEWAL: Duration = Duration::from_secs(LEASE_SECONDS.unsigned_abs() / 3);
/// How often an operation is tried before what goes wrong is for good.
const ATTEMPTS: i64 = 8;
/// How often an operation is begun before it fails for good, those times included in which the server ended meanwhile.
/// They count for nothing else, because it is not to blame for them; but it may be what ends the server.
const BEGINNINGS: i64 = 200;
/// How long a worker sleeps when there is nothing to do and nobody wakes it.
const IDLE: Duration = Duration::from_secs(1);
/// How long a worker waits for this server to take in what others wrote.
const CATCH_UP: Duration = Duration::from_secs(20);

/// The drivers of this server, by name.
pub type Drivers = HashMap<String, Arc<dyn Driver>>;

/// Starts workers; they end, after what they have in hand, when `stop` turns true.
pub fn start(app: &Arc<App>, drivers: &Arc<Drivers>, count: usize, stop: &watch::Receiver<bool>) -> Workers {
    // A second set of workers over the same application has the same drivers.
    let _ = app.drivers.set(Arc::clone(drivers));
    tokio::spawn(crate::instance::availability::follow(Arc::clone(app), Arc::clone(drivers), stop.clone()));
    let busy = Arc::new(Busy::among(count));
    let one =
        || Worker { app: Arc::clone(app), drivers: Arc::clone(drivers), busy: Arc::clone(&busy), name: String::new() };
    let spawn = |number| tokio::spawn(keep_one(one(), number, stop.clone()));
    Workers((0..count).map(spawn).collect())
}

/// Keeps one worker at work: another takes the place of one that panicked.
async fn keep_one(worker: Worker, number: usize, stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let name = format!("{}-{number}", worker.app.ids.uid(worker.app.now()));
        let worker = Worker { name, ..worker.clone() };
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

#[derive(Clone)]
struct Worker {
    app: Arc<App>,
    drivers: Arc<Drivers>,
    busy: Arc<Busy>,
    name: String,
}

impl Worker {
    async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let (woken, before) = (self.app.work.notified(), Instant::now());
            match self.claim().await {
                Ok(Some((claimed, place))) => {
                    self.carry_out(claimed, before).await;
                    drop(place);
                }
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

    /// The next piece of work, at a place that is not taken up by others already.
    async fn claim(&self) -> Result<Option<(Claimed, Held)>> {
        let turn = self.busy.turn().await;
        let (store, now) = (&self.app.store, self.app.time_of_database().await?);
        let times = Times { due: self.app.now().max(now), now };
        let claimed = store.claim(&self.name, times, LEASE_SECONDS, &WorkClass::ALL, &turn.full()).await?;
        Ok(claimed.map(|claimed| {
            let place = turn.take(&claimed.place);
            (claimed, place)
        }))
    }

    /// Carries out what was claimed, at this moment or later.
    async fn carry_out(&self, claimed: Claimed, since: Instant) {
        let (id, fence, attempt) = (claimed.id, claimed.fence, claimed.attempt);
        let run = async {
            // What caused the work may have been written through another server a moment ago.
            self.app.reach(claimed.position, CATCH_UP).await?;
            let operation = self.app.store.operation(id).await?;
            let operation = operation.ok_or_else(|| Error::Internal(format!("work {id} has no operation")))?;
            let span = trace::span(&operation, claimed.attempt);
            Run::begin(self, operation, claimed).instrument(span).await
        };
        // When the lease cannot be renewed somebody else may begin: this run must not go on.
        let result = tokio::select! {
            result = run => result,
            () = self.keep_lease(id, fence, since) => Err(Error::Conflict("The lease was lost.".into())),
        };
        if let Err(error) = result {
            tracing::warn!(operation = %id, %error, "an operation was interrupted; it is taken up again");
            // Where this fails too, the lease runs out.
            let _ = self.app.store.retry(id, fence, end::backoff(self.app.now(), attempt)).await;
        }
        let _ = self.app.progress.send(id);
    }

    /// Renews a lease again and again; ends when it is lost: somebody else has it, or it could not be renewed until it
    /// ran out. A database that is away for less than that does no harm.
    async fn keep_lease(&self, id: Uid, fence: i64, claimed: Instant) {
        let (mut held, mut pause) = (claimed, RENEWAL);
        loop {
            tokio::time::sleep(pause).await;
            let now = Instant::now();
            let left = LEASE.saturating_sub(held.elapsed());
            // An answer that comes too late is none.
            match tokio::time::timeout(left, self.renew(id, fence)).await {
                Ok(Ok(())) => (held, pause) = (now, RENEWAL),
                Ok(Err(StoreError::Conflict)) | Err(_) => return,
                Ok(Err(error)) => {
                    tracing::warn!(operation = %id, %error, "a lease could not be renewed; it is tried again");
                    pause = AGAIN.min(LEASE.saturating_sub(held.elapsed()));
                }
            }
        }
    }

    async fn renew(&self, id: Uid, fence: i64) -> std::result::Result<(), StoreError> {
        let now = self.app.time_of_database().await?;
        self.app.store.heartbeat(id, fence, now.plus_seconds(LEASE_SECONDS)).await
    }
}
