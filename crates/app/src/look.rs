//! Looking at what is managed, again and again, so that "last seen", version and use are of today.
//!
//! A look is no operation: it changes nothing outside, is not kept as a run, and is simply done again when it was cut
//! off. Several servers may look at the same instance; what they see is the same, and readings count once.

use crate::App;
use crate::change_request;
use crate::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts};
use crate::driver::{Driver, Failure, Observation, Presence, RunLog};
use crate::error::Result;
use crate::observation;
use crate::operation;
use crate::policy::{Action, Subject};
use crate::request;
use crate::worker::Drivers;
use futures_util::{StreamExt, stream};
use loggia_graph::{Audience, Graph, Predicate, Query};
use loggia_model::Uid;
use loggia_model::instance::InstanceStatus;
use loggia_model::operation::{Operation, State, Verb};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often the list of instances is gone through.
const ROUND: Duration = Duration::from_secs(15);
/// How long a look is good for, in seconds.
const GOOD_FOR: i64 = 300;
/// How many instances of one driver are looked at in one round, so that people's orders never wait behind looks.
const AT_ONCE: usize = 40;
/// How many instances of one driver are looked at at the same time.
const SIDE_BY_SIDE: usize = 4;
/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts looking, and noting what was not seen for too long; ends when `stop` turns true.
pub fn start(app: &Arc<App>, drivers: &Arc<Drivers>, stop: &watch::Receiver<bool>) {
    let looker =
        Looker { app: Arc::clone(app), drivers: Arc::clone(drivers), looked: HashMap::new(), lanes: HashMap::new() };
    tokio::spawn(looker.run(stop.clone()));
    tokio::spawn(crate::unseen::follow(Arc::clone(app), stop.clone()));
}

struct Looker {
    app: Arc<App>,
    drivers: Arc<Drivers>,
    /// When each instance was last looked at by this server, in microseconds.
    looked: HashMap<Uid, i64>,
    /// The looks of now, by driver: one that is slow holds no other up.
    lanes: HashMap<String, JoinHandle<()>>,
}

/// A look writes no lines: nobody waits for it.
struct Silent;

impl RunLog for Silent {
    fn line(&self, _: &str) {}
}

impl Looker {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            for (driver, due) in self.next() {
                let lane = lane(Arc::clone(&self.app), Arc::clone(&self.drivers), driver.clone(), due);
                self.lanes.insert(driver, tokio::spawn(lane));
            }
            tokio::select! {
                () = tokio::time::sleep(ROUND) => {}
                _ = stop.changed() => {}
            }
        }
        // A look that is cut off is done again.
        self.lanes.values().for_each(JoinHandle::abort);
    }

    /// The instances to look at now, by driver: those whose last look is the oldest. A driver that is still at it is
    /// left alone.
    fn next(&mut self) -> BTreeMap<String, Vec<Uid>> {
        let graph = self.app.graph();
        // What failed is looked at too: it may be back. What an operation works on is left to the operation.
        let resting = ["ready", "failed", "unknown"].map(str::to_owned).to_vec();
        let resting = Predicate::equals("kind", "instance")
            .and(Predicate::equals("spec.step", "managed"))
            .and(Predicate::In("status.phase".to_owned(), resting));
        let found = graph.query(&Audience::All, &Query { predicate: resting, ..Query::default() }).records;
        let now = self.app.now().0;
        self.lanes.retain(|_, lane| !lane.is_finished());
        let mut due: BTreeMap<String, Vec<Uid>> = BTreeMap::new();
        for record in &found {
            let stale = self.looked.get(&record.uid).is_none_or(|at| now - at > GOOD_FOR * 1_000_000);
            if let Some(driver) = driver_of(&graph, record).filter(|driver| stale && !self.lanes.contains_key(driver)) {
                due.entry(driver).or_default().push(record.uid);
            }
        }
        for uids in due.values_mut() {
            uids.sort_by_key(|uid| self.looked.get(uid).copied().unwrap_or_default());
            uids.truncate(AT_ONCE);
            self.looked.extend(uids.iter().map(|uid| (*uid, now)));
        }
        due
    }
}

/// Looks at the instances of one driver, a few at the same time.
async fn lane(app: Arc<App>, drivers: Arc<Drivers>, name: String, due: Vec<Uid>) {
    let Some(driver) = drivers.get(&name) else { return };
    let (app, name) = (&app, &name);
    let one = |uid: Uid| async move {
        match tokio::time::timeout(PATIENCE, look(app, &**driver, uid, name)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%uid, %error, "a look failed"),
            Err(_) => tracing::debug!(%uid, driver = name, "a look took too long"),
        }
    };
    stream::iter(due).for_each_concurrent(SIDE_BY_SIDE, one).await;
}

/// Looks at one instance now, and takes in what is seen.
pub(crate) async fn look(app: &App, driver: &dyn Driver, uid: Uid, name: &str) -> Result<()> {
    let operation = question(app, uid, name);
    let request = request::build(app, &operation, false, None, Some(driver)).await?.request;
    if let Err(failure) = request.backend.complete() {
        return app.run(&app.system("look"), Blind { uid, failure }).await.map(drop);
    }
    let Ok(seen) = driver.observe(&request, &Silent).await else { return Ok(()) };
    app.run(&app.system("look"), Look { uid, seen }).await.map(drop)
}

/// The frame that a request is built from; it is kept nowhere.
pub(crate) fn question(app: &App, uid: Uid, driver: &str) -> Operation {
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

/// Notes why nobody can look: what is shown is of the last look, and somebody has to do something.
struct Blind {
    uid: Uid,
    failure: Failure,
}

impl Command for Blind {
    fn name(&self) -> &'static str {
        "instance.blind"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        ctx.require(Action::Sync, &Subject::default())?;
        let mut changes = Changes::default();
        let Some(record) = graph.by_uid(self.uid) else { return Ok(changes) };
        let before: InstanceStatus = record.typed_status()?;
        let mut status = before.clone();
        observation::unseen(&mut status, loggia_model::problem::sentences(&self.failure.message, &self.failure.mend));
        if status != before {
            let draft = Draft::of(record).with_status(&serde_json::to_value(&status)?);
            changes.put("instance.blind", draft, serde_json::Value::Null);
        }
        Ok(changes)
    }
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
        changes.usage.extend(crate::usage::measured(&self.seen.readings));
        let before: InstanceStatus = record.typed_status()?;
        let mut status = before.clone();
        let seen = observation::looked(&mut status, &self.seen);
        let settled = change_request::settle(record, &mut status, &self.seen)?;
        if status != before {
            let (draft, event) = settled.unwrap_or_else(|| (Draft::of(record), seen));
            changes.put(event, draft.with_status(&serde_json::to_value(&status)?), serde_json::Value::Null);
        }
        Ok(changes)
    }
}
