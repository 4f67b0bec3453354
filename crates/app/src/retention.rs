//! Forgets what is old: lines of runs, and readings of use whose days are rolled up (decision 32). Neither is part of the
//! log, so no command decides it; each round takes a little at a time, so that nobody waits for it.

use crate::App;
use crate::error::Result;
use loggia_model::Micros;
use loggia_model::time::DAY;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked what is old.
const ROUND: Duration = Duration::from_secs(3_600);
/// How much is taken away in one transaction: operations, or readings.
const AT_ONCE: i64 = 1_000;
/// How far back a round looks for ended operations, after one that looked at all of them.
const BACK: i64 = 7 * DAY;

/// Forgets what is old until `stop` turns true.
pub fn start(app: &Arc<App>, stop: &watch::Receiver<bool>) {
    tokio::spawn(run(Arc::clone(app), stop.clone()));
}

async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let mut all = true;
    while !*stop.borrow() {
        match app.forget_old(all).await {
            Ok(gone) => {
                all = false;
                if gone != Forgotten::default() {
                    tracing::info!(lines = gone.lines, readings = gone.readings, "what was old is forgotten");
                }
            }
            Err(error) => tracing::warn!(%error, "what is old could not be forgotten; it is tried again"),
        }
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            _ = stop.changed() => {}
        }
    }
}

/// How much was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Lines of runs.
    pub lines: u64,
    /// Readings of use.
    pub readings: u64,
}

impl App {
    /// Forgets the lines of runs and the readings that are older than they are kept; looks at all runs, or only at those
    /// that became old lately.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] when the database does not answer.
    pub async fn forget_old(&self, all: bool) -> Result<Forgotten> {
        let (kept, now) = (self.settings.retention, self.now());
        let until = Micros(now.0 - i64::from(kept.run_logs) * DAY);
        let from = if all { Micros(0) } else { Micros(until.0 - BACK) };
        let mut gone = Forgotten::default();
        loop {
            let lines = self.store.forget_run_logs((from, until), AT_ONCE).await?;
            gone.lines += lines;
            if lines == 0 {
                break;
            }
        }
        loop {
            let readings = self.store.forget_readings(kept.readings_from(now), AT_ONCE).await?;
            gone.readings += readings;
            if readings == 0 {
                return Ok(gone);
            }
        }
    }
}
