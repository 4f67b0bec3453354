//! One step of an operation: a call of the driver that ends in time, and what it writes while it runs.

use super::run::Run;
use crate::instance::driver::{Call, Driver, Failure, Whose};
use crate::instance::run_log::readable;
use crate::trace::TRACES;
use futures_util::FutureExt;
use loggia_model::operation::{OperationStep, State};
use loggia_store::StoreError;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::sync::Notify;
use tracing::Instrument;
use tracing::field::Empty;

/// How often the lines of a driver are kept while it runs.
const LINES: Duration = Duration::from_secs(1);
/// How soon the database is asked again when it is away.
pub(super) const AGAIN: Duration = Duration::from_secs(1);

impl Run<'_> {
    /// Runs one step and keeps what happened. It ends when its time is over, and when the driver breaks down.
    pub(super) async fn step<T>(
        &mut self,
        (call, driver): (Call, &dyn Driver),
        work: impl Future<Output = Result<T, Failure>>,
        tell: impl FnOnce(&T) -> String,
    ) -> Result<T, Failure> {
        let name = call.name();
        let patience = self.timeout.filter(|_| call != Call::Probe).unwrap_or_else(|| driver.patience(call));
        let now = self.worker.app.now();
        self.operation.steps.push(OperationStep {
            name: name.to_owned(),
            state: State::Running,
            message: String::new(),
            started_at: Some(now),
            ended_at: None,
            until: Some(now.plus_seconds(i64::try_from(patience.as_secs()).unwrap_or(i64::MAX / 2_000_000))),
        });
        self.save().await?;
        let span = tracing::info_span!(target: TRACES, "step", otel.name = name, otel.status_code = Empty);
        let ended = Notify::new();
        let work = async {
            let result = tokio::time::timeout(patience, AssertUnwindSafe(work).catch_unwind()).await;
            ended.notify_one();
            result
        };
        let (result, ()) = tokio::join!(work.instrument(span.clone()), self.write_along(&ended));
        let result = match result {
            Ok(Ok(result)) => result.map_err(|failure| told(&failure)),
            Ok(Err(_)) => Err(broke_down()),
            Err(_) => Err(too_late(patience)),
        };
        if result.is_err() {
            span.record("otel.status_code", "ERROR");
        }
        let now = self.worker.app.now();
        if let Some(step) = self.operation.steps.last_mut() {
            step.ended_at = Some(now);
            (step.state, step.message) = match &result {
                Ok(value) => (State::Succeeded, readable(&tell(value))),
                Err(failure) => (State::Failed, failure.message.clone()),
            };
        }
        result
    }

    /// Keeps lines as they come, until the step has ended.
    async fn write_along(&self, ended: &Notify) {
        while tokio::time::timeout(LINES, ended.notified()).await.is_err() {
            match self.keep_lines().await {
                Ok(false) => {}
                // Nobody watching is fine.
                Ok(true) => drop(self.worker.app.progress.send(self.operation.id)),
                Err(error) => tracing::debug!(%error, "lines are kept later"),
            }
        }
    }

    /// Keeps the lines so far; tells whether there were any. Those that could not be kept now wait for the next time;
    /// those that never can be are dropped, so that they do not keep the operation from its end.
    async fn keep_lines(&self) -> Result<bool, StoreError> {
        let lines = self.lines.take();
        if lines.is_empty() {
            return Ok(false);
        }
        let now = self.worker.app.now();
        let rows: Vec<_> = lines.iter().map(|line| (now, line.clone())).collect();
        match self.worker.app.store.append_log(self.operation.id, &rows).await {
            Ok(_) => Ok(true),
            Err(error @ (StoreError::Unavailable(_) | StoreError::Conflict)) => {
                self.lines.put_back(lines);
                Err(error)
            }
            Err(error) => {
                tracing::warn!(operation = %self.operation.id, %error, lines = lines.len(), "lines could not be kept");
                Ok(false)
            }
        }
    }

    /// Keeps steps and lines, so that who watches sees them and a crash loses nothing. While the database is away this
    /// waits: the run ends when its lease does.
    pub(super) async fn save(&self) -> Result<(), Failure> {
        loop {
            match self.saved().await {
                Err(StoreError::Unavailable(error)) => {
                    tracing::warn!(operation = %self.operation.id, %error, "progress is kept later");
                    tokio::time::sleep(AGAIN).await;
                }
                done => return done.map_err(|error| lost(&error)),
            }
        }
    }

    async fn saved(&self) -> Result<(), StoreError> {
        self.keep_lines().await?;
        let store = &self.worker.app.store;
        store.save_progress(&self.operation, self.operation.id, self.fence).await?;
        // Nobody watching is fine.
        let _ = self.worker.app.progress.send(self.operation.id);
        Ok(())
    }
}

/// A failure of a driver, in readable texts.
fn told(failure: &Failure) -> Failure {
    Failure { message: readable(&failure.message), mend: readable(&failure.mend), ..failure.clone() }
}

pub(super) fn lost(error: &impl std::fmt::Display) -> Failure {
    Failure {
        retry: true,
        whose: Whose::Ours,
        message: format!("Progress could not be kept: {error}"),
        mend: "It is tried again by itself.".into(),
    }
}

fn broke_down() -> Failure {
    Failure {
        retry: true,
        whose: Whose::Ours,
        message: "The driver broke down.".into(),
        mend: "It is tried again by itself. When it stays so, look at the log of the server.".into(),
    }
}

fn too_late(patience: Duration) -> Failure {
    let time = match patience.as_secs() {
        seconds @ 0..120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    };
    let mend = "It is tried again by itself. When it stays so, look at the backend, or give it more time: `timeout` in \
        the recipe, in seconds.";
    Failure::backend(format!("The backend did not answer within {time}."), mend)
}
