//! How an attempt ends: with the end of its operation, or with another attempt later.

use super::ATTEMPTS;
use super::run::Run;
use super::step::AGAIN;
use crate::command::Command;
use crate::error::{Error, Result};
use crate::estate::usage;
use crate::instance::driver::{Call, Failure, RunLog, Whose};
use crate::instance::instance_access::settle::AccessEnd;
use crate::instance::operation_end::{Applied, Ending, Finish};
use crate::trace;
use loggia_model::Micros;
use loggia_model::instance::Phase;
use loggia_model::operation::Verb;
use std::sync::Arc;

impl Run<'_> {
    pub(super) async fn end(mut self, result: Result<Ending, Failure>, applied: Applied) -> Result<()> {
        let mut secrets = Vec::new();
        let ending = match result {
            Ok(mut ending) => {
                match &mut ending {
                    Ending::Ready(seen) => secrets = std::mem::take(&mut seen.secret_outputs),
                    Ending::Access(_) => secrets = std::mem::take(&mut self.granted),
                    _ => {}
                }
                self.check_readings(&mut ending);
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
        let failed = ending.is_failure();
        let (operation, fence, moving) = (self.operation.clone(), self.fence, self.moving.clone());
        let (credential, confirmed) = (self.credential, self.confirmed);
        let finish = Finish { operation, fence, ending, applied, secrets, moving, credential, confirmed };
        let finish: Arc<dyn Command> = Arc::new(finish);
        match self.finish(finish).await {
            Ok(()) => {
                trace::ended(&self.operation, failed, app.now());
                Ok(())
            }
            Err(error) => self.not_written(&error).await,
        }
    }

    /// Writes the end. While the database is away this waits, as long as the lease holds: what was done outside is done.
    /// When it was written although nobody said so, the fence is gone, and the next try says so.
    async fn finish(&self, finish: Arc<dyn Command>) -> Result<()> {
        let app = &self.worker.app;
        loop {
            match app.run_shared(&app.system("worker"), Arc::clone(&finish)).await {
                Err(Error::Unavailable(_)) if app.is_writing() => tokio::time::sleep(AGAIN).await,
                done => return done.map(drop),
            }
        }
    }

    /// Leaves out readings that could not be written, so that they do not keep the rest from being written.
    fn check_readings(&self, ending: &mut Ending) {
        let (Ending::Ready(seen) | Ending::Seen(seen)) = ending else { return };
        let app = &self.worker.app;
        for problem in usage::leave_out_wrong(&app.graph(), app.now(), &mut seen.readings) {
            self.lines.line(&format!("a reading of use was left out: {}", problem.message));
        }
    }

    /// Its end could not be written: it is begun again, and ends for good when that happens too often.
    async fn not_written(mut self, error: &Error) -> Result<()> {
        tracing::warn!(operation = %self.operation.id, %error, "the end of an operation could not be written");
        self.operation.message = match error {
            Error::Internal(_) => "Its end could not be written.".to_owned(),
            error => format!("Its end could not be written: {error}"),
        };
        self.operation.mend = "It is tried again by itself.".to_owned();
        self.wait().await
    }

    /// What a failure for good means: a thing that was to be destroyed and was not touched is what it was.
    fn failed(&self, failure: &Failure) -> Ending {
        let did = |call: Call| self.operation.steps.iter().any(|step| step.name == call.name());
        match self.operation.verb {
            // An earlier try may have left something.
            Verb::Grant => return Ending::Access(AccessEnd::NotMade(self.fence > 1 || did(Call::Grant))),
            Verb::Revoke => return Ending::Access(AccessEnd::NotTaken),
            _ => {}
        }
        let begun = self.operation.steps.iter().filter(|step| step.name == Call::Destroy.name()).count();
        let touched = begun > usize::from(failure.whose == Whose::Yours);
        let resting = |phase: &Phase| matches!(phase, Phase::Ready | Phase::Failed | Phase::Unknown);
        match self.before.filter(resting) {
            // Nothing was done, whatever went wrong.
            Some(before) if matches!(self.operation.verb, Verb::Import | Verb::Propose | Verb::Retire) => {
                Ending::Kept(before)
            }
            Some(before) if self.operation.verb == Verb::Destroy && !touched => Ending::Kept(before),
            _ => Ending::Failed,
        }
    }

    /// Puts the operation back for later.
    async fn wait(mut self) -> Result<()> {
        let later = backoff(self.worker.app.now(), self.attempt);
        self.operation.waits(later);
        self.save().await.map_err(|failure| Error::Unavailable(failure.message))?;
        Ok(self.worker.app.store.retry(self.operation.id, self.fence, later).await?)
    }
}

/// When to try again: after 1, 2, 4 … seconds, five minutes at most.
pub(super) fn backoff(now: Micros, attempt: i64) -> Micros {
    let exponent = u32::try_from(attempt.clamp(1, 10) - 1).unwrap_or(0);
    now.plus_seconds(2_i64.pow(exponent).min(300))
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
