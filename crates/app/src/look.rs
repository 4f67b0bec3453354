//! Looking at what is managed, again and again, so that "last seen", version and use are of today.
//!
//! A look is no operation: it changes nothing outside, is not kept as a run, and is simply done again when it was cut
//! off. Several servers may look at the same instance; what they see is the same, and readings count once.

use crate::App;
use crate::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts};
use crate::driver::{Observation, Presence, RunLog};
use crate::error::Result;
use crate::operation::{self, phase_seen, take};
use crate::request;
use crate::worker::Drivers;
use loggia_graph::{Audience, Graph, Predicate, Query};
use loggia_model::Uid;
use loggia_model::instance::InstanceStatus;
use loggia_model::operation::{Operation, State, Verb};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often the list of instances is gone through.
const ROUND: Duration = Duration::from_secs(15);
/// How long a look is good for, in seconds.
const GOOD_FOR: i64 = 300;
/// How many instances are looked at in one round, so that people's orders never wait behind looks.
const AT_ONCE: usize = 40;

/// Starts looking; ends when `stop` turns true.
pub fn start(app: &Arc<App>, drivers: &Arc<Drivers>, stop: &watch::Receiver<bool>) {
    let looker = Looker { app: Arc::clone(app), drivers: Arc::clone(drivers), looked: HashMap::new() };
    tokio::spawn(looker.run(stop.clone()));
}

struct Looker {
    app: Arc<App>,
    drivers: Arc<Drivers>,
    /// When each instance was last looked at by this server, in microseconds.
    looked: HashMap<Uid, i64>,
}

/// A look writes no lines: nobody waits for it.
struct Silent;

impl RunLog for Silent {
    fn line(&self, _: &str) {}
}

impl Looker {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            for (uid, driver) in self.next() {
                if let Err(error) = self.look(uid, &driver).await {
                    tracing::debug!(%uid, %error, "a look failed");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(ROUND) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// The managed instances whose last look is the oldest, with their drivers.
    fn next(&mut self) -> Vec<(Uid, String)> {
        let graph = self.app.graph();
        let ready = Predicate::equals("kind", "instance")
            .and(Predicate::equals("spec.step", "managed"))
            .and(Predicate::equals("status.phase", "ready"));
        let found = graph.query(&Audience::All, &Query { predicate: ready, ..Query::default() }).records;
        let now = self.app.now().0;
        let stale = |uid: &Uid| self.looked.get(uid).is_none_or(|at| now - at > GOOD_FOR * 1_000_000);
        let mut due: Vec<_> = found
            .iter()
            .filter(|record| stale(&record.uid))
            .filter_map(|record| Some((record.uid, driver_of(&graph, record)?)))
            .collect();
        due.sort_by_key(|(uid, _)| self.looked.get(uid).copied().unwrap_or_default());
        due.truncate(AT_ONCE);
        due
    }

    async fn look(&mut self, uid: Uid, name: &str) -> Result<()> {
        self.looked.insert(uid, self.app.now().0);
        let Some(driver) = self.drivers.get(name).cloned() else { return Ok(()) };
        let operation = question(&self.app, uid, name);
        let request = request::build(&self.app, &operation, false).await?.request;
        let Ok(seen) = driver.observe(&request, &Silent).await else { return Ok(()) };
        self.app.run(&self.app.system("look"), Look { uid, seen }).await.map(drop)
    }
}

/// The frame that a request is built from; it is kept nowhere.
fn question(app: &App, uid: Uid, driver: &str) -> Operation {
    Operation {
        id: uid,
        instance: uid,
        instance_ref: uid.to_string(),
        verb: Verb::Observe,
        driver: driver.to_owned(),
        state: State::Running,
        steps: Vec::new(),
        attempt: 1,
        requested_by: "system:look".to_owned(),
        created_at: app.now(),
        ended_at: None,
        message: String::new(),
        mend: String::new(),
    }
}

fn driver_of(graph: &Graph, record: &loggia_model::Record) -> Option<String> {
    let spec: loggia_model::kinds::instance::InstanceSpec = record.spec().ok()?;
    operation::driver_of(graph, &spec, &record.typed_status().ok()?).ok()
}

/// Takes in what a look saw.
struct Look {
    uid: Uid,
    seen: Observation,
}

impl Command for Look {
    fn name(&self) -> &'static str {
        "instance.look"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let mut changes = Changes::default();
        // It may have been destroyed while we looked.
        let Some(record) = graph.by_uid(self.uid) else { return Ok(changes) };
        if self.seen.presence == Presence::Present {
            changes.saw(self.uid, ctx.now, "driver");
        }
        changes.usage.extend(self.seen.readings.iter().cloned());
        let before: InstanceStatus = record.typed_status()?;
        let mut status = before.clone();
        status.phase = phase_seen(before.phase, self.seen.presence);
        take(&mut status, &self.seen);
        if status != before {
            let draft = Draft::of(record).with_status(&serde_json::to_value(&status)?);
            changes.put("instance.observed", draft, serde_json::Value::Null);
        }
        Ok(changes)
    }
}
