//! The usage ledger: taking readings in, and telling who uses what.

use crate::App;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::policy::{Action, Subject};
use crate::record::visible;
use loggia_graph::{Audience, Graph};
use loggia_model::Micros;
use loggia_model::usage::UsageReading;
use loggia_model::{Problem, Ref};
pub use loggia_store::{UsageFilter, Use};
use std::collections::HashMap;
use std::sync::Arc;

/// How many readings one call may bring.
pub const MOST: usize = 10_000;

impl App {
    /// Takes readings in. A reading that was taken in before (same source and id) changes nothing. Answers how many
    /// were new.
    ///
    /// # Errors
    /// [`Error::Invalid`] names every reading that is wrong; then none is taken in.
    pub async fn report_usage(&self, caller: &Caller, mut readings: Vec<UsageReading>) -> Result<i64> {
        self.require(caller, Action::Report, &Subject::default())?;
        if readings.len() > MOST {
            let message = format!("{} readings are too many at once", readings.len());
            return Err(Error::invalid("usage.batch", "", message, format!("Send at most {MOST} in one call.")));
        }
        let mut problems = Vec::new();
        for (at, reading) in readings.iter_mut().enumerate() {
            self.complete(caller, reading);
            check(at, reading, &mut problems);
        }
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        Ok(self.store.ingest_usage(&readings).await?)
    }

    /// Fills in what follows from who reports: the source, the full name of the team, the time when it lies ahead.
    fn complete(&self, caller: &Caller, reading: &mut UsageReading) {
        if reading.source.is_empty() {
            reading.source = caller.name();
        }
        if let Some(team) = reading.team.as_deref().and_then(|t| Ref::parse(t, Some("group"), "default").ok()) {
            reading.team = Some(team.to_string());
        }
        reading.time = reading.time.min(self.now());
    }

    /// Who uses what, derived from the readings.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn uses(&self, caller: &Caller, filter: &UsageFilter) -> Result<Vec<Use>> {
        self.require(caller, Action::Read, &Subject::default())?;
        let mut seen = self.seen(caller);
        let mut shown = Vec::new();
        for row in self.store.uses(filter).await? {
            // Use of what the caller may not see is not told either.
            if seen.both(&row.offering, &row.instance).await? {
                shown.push(row);
            }
        }
        Ok(shown)
    }

    /// The readings behind the numbers of an offering, the newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an offering that the caller may not see.
    pub async fn usage_rows(
        &self,
        caller: &Caller,
        offering: &str,
        (from, until): (Micros, Micros),
        limit: i64,
    ) -> Result<Vec<UsageReading>> {
        self.require(caller, Action::Read, &Subject::default())?;
        let graph = self.graph();
        let offering = visible(&graph, &caller.audience, &Ref::new("offering", "default", offering))?;
        let mut seen = self.seen(caller);
        let mut shown = Vec::new();
        for row in self.store.usage_rows(offering.reference.name(), from, until, limit).await? {
            if seen.both(&row.offering, row.instance.as_deref().unwrap_or_default()).await? {
                shown.push(row);
            }
        }
        Ok(shown)
    }

    fn seen<'a>(&'a self, caller: &'a Caller) -> Seen<'a> {
        Seen { app: self, graph: self.graph(), audience: &caller.audience, instances: HashMap::new() }
    }
}

/// What a caller may see of the offerings and instances of readings; each is looked up once.
struct Seen<'a> {
    app: &'a App,
    graph: Arc<Graph>,
    audience: &'a Audience,
    instances: HashMap<String, bool>,
}

impl Seen<'_> {
    /// Whether both may be seen. An instance that is no more is judged by its last text.
    async fn both(&mut self, offering: &str, instance: &str) -> Result<bool> {
        if visible(&self.graph, self.audience, &Ref::new("offering", "default", offering)).is_err() {
            return Ok(false);
        }
        if let Some(known) = self.instances.get(instance) {
            return Ok(*known);
        }
        let seen = self.instance(instance).await?;
        self.instances.insert(instance.to_owned(), seen);
        Ok(seen)
    }

    async fn instance(&self, instance: &str) -> Result<bool> {
        // A reading need not name one, or names one of elsewhere.
        let Ok(name) = instance.parse::<Ref>() else { return Ok(true) };
        if let Some(record) = self.graph.get(&name) {
            return Ok(self.graph.visible(self.audience, record));
        }
        let last = self.app.last_of(&name).await?;
        Ok(last.is_none_or(|record| self.graph.visible(self.audience, &record)))
    }
}

fn check(at: usize, reading: &UsageReading, problems: &mut Vec<Problem>) {
    let mut wrong = |field: &str, message: &str, mend: &str| {
        problems.push(Problem::new("usage.reading", format!("{at}.{field}"), message, mend));
    };
    if reading.id.is_empty() {
        wrong("id", "The id is missing", "Give each reading an id of its own, so that it is counted once.");
    }
    if reading.offering.is_empty() {
        wrong("offering", "The offering is missing", "Name what was used.");
    }
    if reading.channel.is_empty() {
        wrong("channel", "The channel is missing", "Say how it was used, such as request.");
    }
    if reading.team.is_none() && reading.principal.is_none() {
        wrong("team", "Neither team nor person is given", "Name the team or the person that used it.");
    }
    if reading.count < 0 {
        wrong("count", "The count is negative", "Give 0 or more.");
    }
    if !matches!(reading.outcome.as_str(), "ok" | "error") {
        wrong("outcome", "The outcome is neither ok nor error", "Give one of them.");
    }
}
