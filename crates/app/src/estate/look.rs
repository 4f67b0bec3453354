//! Looking at what is managed, again and again, so that "last seen", version and use are of today.
//!
//! A look is no operation: it changes nothing outside, is not kept as a run, and is simply done again when it was cut
//! off. Several servers may look at the same instance; what they see is the same, and readings count once.

use crate::App;
use crate::access::policy::{Action, Subject};
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts};
use crate::error::Result;
use crate::estate::drift::mend;
use crate::estate::observation;
use crate::estate::restored::Belief;
use crate::estate::usage;
use crate::instance::change_request;
use crate::instance::driver::{Driver, Failure, Observation, Presence, Silent};
use crate::instance::operation;
use crate::instance::request;
use crate::instance::worker::Drivers;
use futures_util::{StreamExt, stream};
use loggia_graph::{Audience, Graph, Predicate, Query};
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::environment::EnvironmentSpec;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::offering::OfferingSpec;
use loggia_model::operation::{Operation, State, Verb};
use loggia_model::time::SECOND;
use loggia_model::{Record, Ref, Uid};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often the list of instances is gone through.
const ROUND: Duration = Duration::from_secs(15);
/// How long a look is good for when the plan does not say, in minutes.
const GOOD_FOR: u32 = 5;
/// No look is repeated sooner than this, in microseconds: what is younger needs no reading.
const YOUNG: i64 = 50 * SECOND;
/// How many looks a backend bears in a minute when the environment does not say, so that people's orders never wait
/// behind looks.
const BUDGET: u32 = 160;
/// How many instances of one backend are looked at at the same time.
const SIDE_BY_SIDE: usize = 4;
/// After so many looks in a row without an answer nobody knows any more what is there.
const SILENT: u32 = 2;
/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts looking, and noting what was not seen for too long; ends when `stop` turns true.
pub fn start(app: &Arc<App>, drivers: &Arc<Drivers>, stop: &watch::Receiver<bool>) {
    let looker = Looker {
        app: Arc::clone(app),
        drivers: Arc::clone(drivers),
        looked: HashMap::new(),
        silent: Silences::default(),
        belief: Arc::default(),
        lanes: HashMap::new(),
    };
    tokio::spawn(looker.run(stop.clone()));
    tokio::spawn(crate::estate::leaks::follow(Arc::clone(app), Arc::clone(drivers), stop.clone()));
    tokio::spawn(crate::record::unseen::follow(Arc::clone(app), stop.clone()));
}

struct Looker {
    app: Arc<App>,
    drivers: Arc<Drivers>,
    /// When each instance was last looked at by this server, in microseconds.
    looked: HashMap<Uid, i64>,
    /// How many looks in a row had no answer.
    silent: Silences,
    /// What is believed after a restore.
    belief: Arc<Belief<Lane>>,
    /// The looks of now, by backend: one that is slow holds no other up.
    lanes: HashMap<Lane, JoinHandle<()>>,
}

/// How many looks in a row had no answer, by instance.
type Silences = Arc<Mutex<HashMap<Uid, u32>>>;

/// A backend: environment, its name there, driver.
type Lane = (String, String, String);

/// When and where an instance is looked at.
struct Turn {
    lane: Lane,
    /// How many looks a minute its backend bears.
    budget: u32,
    /// How long a look is good for, in microseconds.
    good_for: i64,
}

impl Looker {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            self.belief.refresh(&self.app).await;
            for (lane, due) in self.next() {
                let (app, silent, belief) = (&self.app, &self.silent, &self.belief);
                let one = Looks {
                    app: Arc::clone(app),
                    silent: Arc::clone(silent),
                    belief: Arc::clone(belief),
                    lane: lane.clone(),
                };
                if let Some(driver) = self.drivers.get(&lane.2).cloned() {
                    self.lanes.insert(lane, tokio::spawn(one.all(driver, due)));
                }
            }
            tokio::select! {
                () = tokio::time::sleep(ROUND) => {}
                _ = stop.changed() => {}
            }
        }
        // A look that is cut off is done again.
        self.lanes.values().for_each(JoinHandle::abort);
    }

    /// The instances to look at now, by backend: those whose last look is the oldest. A backend that is still at it is
    /// left alone.
    fn next(&mut self) -> BTreeMap<Lane, Vec<Uid>> {
        let graph = self.app.graph();
        // What failed is looked at too: it may be back. What an operation works on is left to the operation.
        let resting = ["ready", "failed", "unknown"].map(str::to_owned).to_vec();
        let resting = Predicate::equals("kind", "instance")
            .and(Predicate::equals("spec.step", "managed"))
            .and(Predicate::In("status.phase".to_owned(), resting));
        let found = graph.query(&Audience::All, &Query { predicate: resting, ..Query::default() }).records;
        let now = self.app.now().0;
        self.lanes.retain(|_, lane| !lane.is_finished());
        let mut due: BTreeMap<Lane, (u32, Vec<Uid>)> = BTreeMap::new();
        for record in &found {
            let last = self.looked.get(&record.uid);
            if last.is_some_and(|at| now - at < YOUNG) {
                continue;
            }
            let Some(turn) = turn(&graph, record).filter(|turn| !self.lanes.contains_key(&turn.lane)) else { continue };
            if last.is_none_or(|at| now - at > jittered(turn.good_for, record.uid)) {
                due.entry(turn.lane).or_insert((turn.budget, Vec::new())).1.push(record.uid);
            }
        }
        due.into_iter().map(|(lane, (budget, uids))| (lane, self.share(budget, uids, now))).collect()
    }

    /// As many of them as the backend bears in one round, the oldest looks first.
    fn share(&mut self, budget: u32, mut uids: Vec<Uid>, now: i64) -> Vec<Uid> {
        let rounds = 60 / u32::try_from(ROUND.as_secs()).unwrap_or(60);
        uids.sort_by_key(|uid| self.looked.get(uid).copied().unwrap_or_default());
        uids.truncate(usize::try_from(budget.div_ceil(rounds)).unwrap_or(1));
        self.looked.extend(uids.iter().map(|uid| (*uid, now)));
        uids
    }
}

/// Where an instance is looked at, and how often: its plan says it, as it is today.
fn turn(graph: &Graph, record: &Record) -> Option<Turn> {
    let spec: InstanceSpec = record.spec().ok()?;
    let status: InstanceStatus = record.typed_status().ok()?;
    let driver = operation::driver_of(graph, &spec, &status).ok()?;
    let environment = graph.get(&Ref::new("environment", "default", &spec.environment));
    let environment: Option<EnvironmentSpec> = environment.and_then(|environment| environment.spec().ok());
    let held = status.backend.as_ref().map(|held| held.name.as_str());
    let backend = environment.as_ref().and_then(|environment| {
        let named = held.and_then(|name| environment.backends.get_key_value(name));
        named.map(|(name, backend)| (name.as_str(), backend)).or_else(|| environment.backend(&driver))
    });
    // Without a backend the look itself says what is missing.
    let (name, budget) = backend.map_or((String::new(), None), |(name, b)| (name.to_owned(), b.looks_per_minute));
    let offering = graph.get(&Ref::new("offering", "default", &spec.offering));
    let offering: Option<OfferingSpec> = offering.and_then(|offering| offering.spec().ok());
    let plan = offering.as_ref().and_then(|o| o.plan(spec.plan.as_ref().map(|plan| plan.name.as_str())));
    let minutes = plan.and_then(|plan| plan.look_minutes).unwrap_or(GOOD_FOR);
    Some(Turn {
        budget: budget.unwrap_or(BUDGET),
        lane: (spec.environment.clone(), name, driver),
        good_for: i64::from(minutes) * 60 * SECOND,
    })
}

/// A tenth more or less, always the same for the same instance, so that what was made together is not always looked at
/// together.
fn jittered(good_for: i64, uid: Uid) -> i64 {
    let part = i64::try_from(uid.as_u128() % 201).unwrap_or_default() - 100;
    good_for + good_for / 1_000 * part
}

/// The looks at one backend.
struct Looks {
    app: Arc<App>,
    silent: Silences,
    belief: Arc<Belief<Lane>>,
    lane: Lane,
}

impl Looks {
    /// Looks at some instances, a few at the same time.
    async fn all(self, driver: Arc<dyn Driver>, due: Vec<Uid>) {
        let (this, driver) = (&self, &*driver);
        stream::iter(due).for_each_concurrent(SIDE_BY_SIDE, |uid| this.one(driver, uid)).await;
    }

    async fn one(&self, driver: &dyn Driver, uid: Uid) {
        let looked = tokio::time::timeout(PATIENCE, self.look(driver, uid)).await;
        let failure = match looked {
            Ok(Ok(None)) => {
                self.silences().remove(&uid);
                return;
            }
            Ok(Ok(Some(failure))) => failure,
            Ok(Err(error)) => return tracing::debug!(%uid, %error, "a look failed"),
            Err(_) => Failure::backend("It did not answer in time.", "It is looked at again by itself."),
        };
        let times = *self.silences().entry(uid).and_modify(|times| *times += 1).or_insert(1);
        tracing::debug!(%uid, message = %failure.message, times, "nobody answered a look");
        if times >= SILENT {
            let unanswered = Unanswered { uid, failure };
            if let Err(error) = self.app.run(&self.app.system("look"), unanswered).await {
                tracing::debug!(%uid, %error, "that nobody answered could not be noted");
            }
        }
    }

    /// Looks once; absence that is not believed after a restore changes nothing.
    async fn look(&self, driver: &dyn Driver, uid: Uid) -> Result<Option<Failure>> {
        let believed = |seen: Presence| {
            let taken = self.belief.takes(&self.lane, seen);
            if !taken {
                tracing::warn!(%uid, "it is not there after the restore; loggia restore --all-is-back lets that count");
            }
            taken
        };
        look(&self.app, driver, uid, &self.lane.2, &believed).await
    }

    fn silences(&self) -> MutexGuard<'_, HashMap<Uid, u32>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks once; gives why there was no answer, if there was none. What is not `believed` changes nothing.
pub(crate) async fn look(
    app: &App,
    driver: &dyn Driver,
    uid: Uid,
    name: &str,
    believed: &(dyn Fn(Presence) -> bool + Sync),
) -> Result<Option<Failure>> {
    let operation = question(app, uid, name);
    // Before anything is asked: what is changed from here on, the look may not have seen.
    let Some(revision) = app.graph().by_uid(uid).map(|record| record.revision) else { return Ok(None) };
    let request = request::build(app, &operation, false, None, Some(driver)).await?.request;
    if let Err(failure) = request.backend.complete() {
        return app.run(&app.system("look"), Blind { uid, revision, failure }).await.map(|_| None);
    }
    let mut seen = match driver.observe(&request, &Silent).await {
        Ok(seen) => seen,
        Err(failure) => return Ok(Some(failure)),
    };
    if !believed(seen.presence) {
        return Ok(None);
    }
    for problem in usage::leave_out_wrong(&app.graph(), app.now(), &mut seen.readings) {
        tracing::warn!(%uid, driver = name, %problem, "a reading of use was left out");
    }
    let unknown = seen.presence == Presence::Unknown;
    app.run(&app.system("look"), Look { uid, revision, seen }).await?;
    Ok(unknown.then(|| Failure::backend("Nobody can tell whether it is there.", "It is looked at again by itself.")))
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
        next_at: None,
        last_failure: String::new(),
    }
}

/// Notes that nobody answered for a while: what is there is unknown, never what it was.
struct Unanswered {
    uid: Uid,
    failure: Failure,
}

impl Command for Unanswered {
    fn name(&self) -> &'static str {
        "instance.unanswered"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        ctx.require(Action::Sync, &Subject::default())?;
        let mut changes = Changes::default();
        let Some(record) = graph.by_uid(self.uid) else { return Ok(changes) };
        let before: InstanceStatus = record.typed_status()?;
        let mut status = before.clone();
        observation::unanswered(&mut status, format!("{} {}", self.failure.message, self.failure.mend));
        if status != before {
            let draft = Draft::of(record).with_status(&serde_json::to_value(&status)?);
            changes.put("instance.unanswered", draft, serde_json::Value::Null);
        }
        Ok(changes)
    }
}

/// Notes why nobody can look: what is shown is of the last look, and somebody has to do something.
struct Blind {
    uid: Uid,
    /// Revision of the instance when the look began.
    revision: i64,
    failure: Failure,
}

impl Command for Blind {
    fn name(&self) -> &'static str {
        "instance.blind"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        ctx.require(Action::Sync, &Subject::default())?;
        let mut changes = Changes::default();
        let Some(record) = graph.by_uid(self.uid).filter(|record| record.revision == self.revision) else {
            return Ok(changes);
        };
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
    /// Revision of the instance when the look began.
    revision: i64,
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
        if record.revision != self.revision {
            // It was changed while we looked: what was seen may be of before, and the next look sees it as it is.
            return Ok(changes);
        }
        let before: InstanceStatus = record.typed_status()?;
        let mut status = before.clone();
        let mut event = observation::looked(&mut status, &self.seen);
        let settled = change_request::settle(record, &mut status, &self.seen)?;
        if settled.is_none()
            && let Some(mended) = mend(&mut changes, graph, record, &mut status, ctx)?
        {
            event = mended;
        }
        if status != before {
            let (draft, event) = settled.unwrap_or_else(|| (Draft::of(record), event));
            changes.put(event, draft.with_status(&serde_json::to_value(&status)?), serde_json::Value::Null);
        }
        Ok(changes)
    }
}
