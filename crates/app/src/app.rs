//! The application: what every door calls.

mod follow;

use crate::access::caller::{Caller, Door};
use crate::access::caller_cache::CallerCache;
use crate::access::policy::{Action, Policy, Subject, require};
use crate::access::secret::SecretBox;
use crate::clock::{Clock, Ids};
use crate::command::Command;
use crate::command::writer::{Head, Message, Outcome, Writer};
use crate::error::{Error, Result};
use crate::estate::drift;
use crate::estate::leaks::Leak;
use crate::instance::worker::Drivers;
use crate::record::check::Recipes;
use crate::settings::Settings;
use crate::source::SourceState;
use crate::source::looked::LookedAt;
use crate::trace::TRACES;
use arc_swap::ArcSwap;
use loggia_graph::Graph;
use loggia_model::operation::Operation;
use loggia_model::{Micros, Uid};
use loggia_store::{Batch, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};
use tracing::Instrument;
use tracing::field::Empty;

/// How long a read waits for a position that it asked for.
const WAIT: Duration = Duration::from_secs(1);

/// What the application is made of.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Identities.
    pub ids: Arc<dyn Ids>,
    /// Who may do what.
    pub policy: Arc<dyn Policy>,
    /// Seals secrets.
    pub secrets: SecretBox,
    /// Settings of the operator.
    pub settings: Settings,
    /// What the drivers of this program take.
    pub recipes: Recipes,
}

/// The application. One for each process; shared by all doors and workers.
pub struct App {
    graph: ArcSwap<Graph>,
    position: watch::Sender<i64>,
    inbox: mpsc::Sender<Message>,
    /// The database, for reads of what is not in the graph.
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) secrets: SecretBox,
    /// Settings of the operator.
    pub settings: Settings,
    /// What the drivers of this program take.
    pub(crate) recipes: Recipes,
    /// Wakes workers when there is work.
    pub(crate) work: Notify,
    /// Tells that an offering has changed.
    pub(crate) offered: Notify,
    /// Tells who watches that an operation has moved.
    pub(crate) progress: broadcast::Sender<Uid>,
    /// Callers that were recognised a moment ago.
    pub(crate) callers: CallerCache,
    /// How many transactions the writer of this server has committed.
    pub(crate) commits: AtomicU64,
    /// When the sources were looked at.
    pub(crate) looked: LookedAt,
    /// What was found at backends and belongs to nothing.
    pub(crate) leaks: ArcSwap<Vec<Leak>>,
    /// Operations that ended, by verb, driver and outcome.
    ended: Mutex<BTreeMap<(String, String, String), u64>>,
    /// When each instance was last seen; a projection of a table that is not worth revisions.
    pub(crate) sightings: ArcSwap<Sightings>,
    /// The drivers of this server, once its workers have started.
    pub(crate) drivers: OnceLock<Arc<Drivers>>,
    /// The items of campaigns, as they were read at a revision of each.
    pub(crate) campaign_items: ArcSwap<imbl::HashMap<Uid, Arc<crate::campaign::Kept>>>,
    /// What drivers said about the environments.
    pub(crate) probed: ArcSwap<crate::instance::availability::Probed>,
}

/// Figures for whoever operates a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many records the graph holds.
    pub records: usize,
    /// Position of the log that the graph has taken in.
    pub position: i64,
    /// How many transactions this server has committed since it started.
    pub commits: u64,
    /// Pieces of work that have not ended, on all servers.
    pub waiting: i64,
    /// How many of them a worker holds.
    pub held: i64,
    /// Operations that ended since this server started, by verb, driver and outcome.
    pub ended: BTreeMap<(String, String, String), u64>,
    /// Sources by state: `ok`, `problems` or `failing`.
    pub sources: BTreeMap<&'static str, i64>,
    /// Whether drivers can work, by environment and driver.
    pub drivers: BTreeMap<(String, String), bool>,
    /// Instances that are no longer as they were made.
    pub drifted: i64,
    /// Things at backends that carry our mark and belong to no instance.
    pub leaks: i64,
}

/// First and last time, by instance.
pub(crate) type Sightings = imbl::HashMap<Uid, (Micros, Micros)>;

impl App {
    /// Loads the graph and starts the writer.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn start(parts: Parts) -> Result<Arc<App>> {
        let loaded = parts.store.load().await?;
        let sightings = parts.store.sightings().await?;
        let mut graph = Graph::describing(crate::access::visibility::facts).loaded(loaded.records, loaded.aliases);
        graph.set_position(loaded.position);
        // The clock may have been set back while nobody ran, or be behind that of another server.
        parts.clock.reached(loaded.last_time);
        let (inbox, receiver) = mpsc::channel(1024);
        let app = Arc::new(App {
            graph: ArcSwap::from_pointee(graph),
            position: watch::channel(loaded.position).0,
            inbox,
            store: parts.store.clone(),
            clock: parts.clock,
            ids: parts.ids,
            policy: parts.policy,
            secrets: parts.secrets,
            settings: parts.settings,
            recipes: parts.recipes,
            work: Notify::new(),
            offered: Notify::new(),
            progress: broadcast::channel(1024).0,
            drivers: OnceLock::new(),
            campaign_items: ArcSwap::default(),
            probed: ArcSwap::default(),
            leaks: ArcSwap::default(),
            callers: CallerCache::default(),
            commits: AtomicU64::new(0),
            ended: Mutex::default(),
            looked: LookedAt::default(),
            sightings: ArcSwap::from_pointee(
                sightings.into_iter().map(|s| (s.uid, (s.first_seen, s.last_seen))).collect(),
            ),
        });
        let head = Head { position: loaded.position, hash: loaded.last_hash, time: loaded.last_time };
        let writer = Writer { app: Arc::clone(&app), store: parts.store, head, inbox: receiver };
        tokio::spawn(writer.run());
        crate::source::public_url::take(&app).await?;
        tokio::spawn(crate::estate::unmatched::follow(Arc::clone(&app)));
        if !app.store.is_sqlite() {
            tokio::spawn(follow::follow(Arc::clone(&app)));
        }
        Ok(app)
    }

    /// The snapshot of now. Hold one for a whole request.
    pub fn graph(&self) -> Arc<Graph> {
        self.graph.load_full()
    }

    /// The time.
    pub fn now(&self) -> Micros {
        self.clock.now()
    }

    /// The time by which leases run: that of the database where several servers share one.
    pub(crate) async fn time_of_database(&self) -> std::result::Result<Micros, StoreError> {
        Ok(match self.store.is_sqlite() {
            true => self.now(),
            false => self.clock.agreed(self.store.time().await?),
        })
    }

    /// A new id that sorts after all before it: what a door gives what it names itself, such as a request.
    pub fn new_id(&self) -> Uid {
        self.ids.uid(self.now())
    }

    /// Runs a command.
    ///
    /// # Errors
    /// Whatever the command decides, or [`Error::Unavailable`] when it could not be written.
    pub async fn run(&self, caller: &Caller, command: impl Command) -> Result<Outcome> {
        self.run_shared(caller, Arc::new(command)).await
    }

    /// Passes unless the operator keeps everything as it is: for whatever a caller wants to change, also outside the
    /// log. The server's own work goes on.
    ///
    /// # Errors
    /// [`Error::Forbidden`] on a server that is read-only.
    pub fn writable(&self, caller: &Caller) -> Result<()> {
        match self.settings.read_only && !matches!(caller.door, Door::Worker | Door::Sync) {
            true => Err(Error::Forbidden("This server is read-only for now. Try again later.".into())),
            false => Ok(()),
        }
    }

    /// Runs a command that is kept elsewhere too.
    ///
    /// # Errors
    /// As [`App::run`].
    pub async fn run_shared(&self, caller: &Caller, command: Arc<dyn Command>) -> Result<Outcome> {
        if !command.in_read_only() {
            self.writable(caller)?;
        }
        let span = tracing::info_span!(target: TRACES, "command", otel.name = command.name(), error.type = Empty);
        let result = self.hand_over(caller, command).instrument(span.clone()).await;
        if let Err(error) = &result {
            span.record("error.type", error.word());
        }
        result
    }

    /// Gives a command to the writer, and waits until it is decided and committed.
    async fn hand_over(&self, caller: &Caller, command: Arc<dyn Command>) -> Result<Outcome> {
        let (reply, answer) = oneshot::channel();
        let message = Message::Run { caller: Box::new(caller.clone()), command, reply };
        let stopped = || Error::Unavailable("The server is stopping. Try again in a moment.".into());
        self.inbox.send(message).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Whether this server still writes. When its writer broke down it never will again, and has to be started anew.
    pub fn is_writing(&self) -> bool {
        !self.inbox.is_closed()
    }

    /// Passes when the caller may do it.
    ///
    /// # Errors
    /// As [`require`].
    pub fn require(&self, caller: &Caller, action: Action, subject: &Subject) -> Result<()> {
        require(&*self.policy, caller, action, subject)
    }

    /// Waits until the graph has taken in a position.
    ///
    /// # Errors
    /// [`Error::Unavailable`] after one second.
    pub async fn wait_for(&self, position: i64) -> Result<()> {
        let mut seen = self.position.subscribe();
        let reached = tokio::time::timeout(WAIT, seen.wait_for(|at| *at >= position)).await;
        match reached {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Error::Unavailable("This server has not caught up yet. Try again in a second.".into())),
        }
    }

    /// Takes in what other servers wrote, at least up to a position, however long the writer is busy with other things.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when that does not happen in time.
    pub(crate) async fn reach(&self, position: i64, patience: Duration) -> Result<()> {
        let mut seen = self.position.subscribe();
        if *seen.borrow() < position {
            // A writer that is gone is found out by waiting in vain.
            let _ = self.inbox.send(Message::CatchUp).await;
        }
        match tokio::time::timeout(patience, seen.wait_for(|at| *at >= position)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Error::Unavailable("This server has not caught up with the others yet.".into())),
        }
    }

    /// Follows the position of the log as it grows.
    pub fn positions(&self) -> watch::Receiver<i64> {
        self.position.subscribe()
    }

    /// Figures for whoever operates this server.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn figures(&self) -> Result<Figures> {
        let (waiting, held) = self.store.work_counts(self.now()).await?;
        let graph = self.graph();
        let commits = self.commits.load(Ordering::Relaxed);
        let mut sources: BTreeMap<&'static str, i64> = ["ok", "problems", "failing"].map(|state| (state, 0)).into();
        for row in self.store.sources().await? {
            let state: SourceState = serde_json::from_value(row.state).unwrap_or_default();
            let word = match (state.failure.is_empty(), state.report.problems.is_empty()) {
                (false, _) => "failing",
                (true, false) => "problems",
                (true, true) => "ok",
            };
            *sources.entry(word).or_default() += 1;
        }
        let drivers = self.probed.load().iter().map(|(name, why)| (name.clone(), why.why_not.is_empty())).collect();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (records, position) = (graph.len(), graph.position());
        let (drifted, leaks) = (drift::count_drifted(&graph), self.leaks.load().len());
        let leaks = i64::try_from(leaks).unwrap_or(i64::MAX);
        Ok(Figures { records, position, commits, waiting, held, ended, sources, drivers, drifted, leaks })
    }

    /// A caller for a part of this server.
    pub fn system(&self, name: &'static str) -> Caller {
        Caller::system(name, Door::Worker)
    }

    pub(crate) fn publish(&self, graph: Graph) {
        let position = graph.position();
        self.graph.store(Arc::new(graph));
        self.position.send_replace(position);
    }

    /// Takes in what other servers saw; sightings are no part of the log.
    async fn reload_sightings(&self) {
        match self.store.sightings().await {
            Ok(seen) => {
                let seen: Sightings = seen.into_iter().map(|s| (s.uid, (s.first_seen, s.last_seen))).collect();
                self.sightings.store(Arc::new(seen));
            }
            Err(error) => tracing::debug!(%error, "cannot read what other servers saw"),
        }
    }

    fn count_end(&self, operation: &Operation) {
        if operation.state.is_end() {
            let (verb, outcome) = (format!("{:?}", operation.verb), format!("{:?}", operation.state));
            let key = (verb.to_lowercase(), operation.driver.clone(), outcome.to_lowercase());
            *self.ended.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
        }
    }

    /// Tells workers and watchers what was committed.
    pub(crate) fn committed(&self, batch: &Batch) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        if !batch.work.is_empty() {
            self.work.notify_waiters();
        }
        if batch.puts.iter().any(|record| record.reference.kind() == "offering") {
            self.offered.notify_one();
        }
        for operation in &batch.operations {
            self.count_end(operation);
            // Nobody watching is fine.
            let _ = self.progress.send(operation.id);
        }
        if !batch.sightings.is_empty() {
            self.sightings.rcu(|old| {
                let mut seen = (**old).clone();
                for sighting in &batch.sightings {
                    let (first, last) = (sighting.first_seen, sighting.last_seen);
                    let entry = seen.entry(sighting.uid).or_insert((first, last));
                    *entry = (entry.0.min(first), entry.1.max(last));
                }
                seen
            });
        }
    }
}
