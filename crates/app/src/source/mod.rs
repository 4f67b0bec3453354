//! Sources: where records come from, how far each was read, and the loop that keeps in step with them.
//!
//! Each source is read by itself: a broken one never holds another up. Reading is outside (a [`Reader`]); deciding is
//! [`crate::source::sync::SyncSource`].

pub(crate) mod addresses;
pub(crate) mod authorship;
pub mod catalog;
pub(crate) mod document_folders;
pub(crate) mod documents;
pub(crate) mod duplicate;
pub mod edit;
pub mod exchange;
pub mod fetch;
pub(crate) mod ignored;
mod left_out;
pub mod location;
pub(crate) mod looked;
pub mod placeholders;
pub mod places;
mod places_seen;
pub(crate) mod public_url;
pub mod reach;
pub mod read;
pub(crate) mod reader;
pub(crate) mod source_location;
pub mod sources;
pub mod sync;
pub(crate) mod targets;
pub mod untaken;
pub mod waiting;

pub(crate) use self::source_location::location_of;
use crate::App;
use crate::access::caller::{Caller, Door};
use crate::error::{Error, Result};
use crate::estate::adopt::Adoptions;
use crate::instance::driver::Failure;
use crate::record::{recipes, warnings};
use crate::source::catalog::Catalogs;
use crate::source::fetch::{Fetch, Nowhere};
use crate::source::location::Registered;
use crate::source::placeholders::Contents;
use crate::source::places::Places;
use crate::source::reach::Reach;
use crate::source::read::{Outside, Reading, addresses, read_from};
pub use crate::source::reader::{Commit, Delivery, Edit, Landed, Proposed, Reader, Standing, Tree, Written};
use crate::source::sync::{SyncReport, SyncSource};
use loggia_model::{Micros, Problem, Record};
use loggia_store::SourceRow;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, MutexGuard, watch};

/// How often a source is looked at.
const INTERVAL: Duration = Duration::from_secs(2);
/// How often it is asked whether all sources were read once.
const SOON: Duration = Duration::from_millis(100);
/// How often a source with problems is read again although nothing changed.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is kept about a source beside its row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceState {
    /// What the last synchronisation did and found.
    pub report: SyncReport,
    /// Why the source could not be read last time; empty when it could.
    pub failure: String,
    /// How many documents it has.
    pub documents: usize,
}

/// The sources of this server.
pub struct Sources {
    pub(crate) app: Arc<App>,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) locations: Vec<String>,
    pub(crate) catalogs: Option<Arc<Catalogs>>,
    pub(crate) adoptions: Option<Arc<Adoptions>>,
    /// Places that people registered.
    pub places: Places,
    /// One synchronisation of a source at a time.
    turns: HashMap<String, Mutex<Option<Looked>>>,
    /// When each repository gave an answer last, whether or not anything was new.
    answered: std::sync::Mutex<HashMap<String, Micros>>,
    wake: watch::Sender<u64>,
}

/// How the last reading of a source in this process went.
pub(crate) struct Looked {
    at: Instant,
    took: Duration,
    /// How far the log was afterwards.
    position: i64,
}

impl Looked {
    /// Whether what was wrong may be right by now although the source is the same: something else changed meanwhile,
    /// or what lies outside may have. Reading again takes a fifth of the time at most.
    fn may_differ(&self, position: i64) -> bool {
        let rested = self.at.elapsed();
        rested >= self.took * 4 && (position != self.position || rested >= PATIENCE)
    }
}

/// A yes to removals that were held back.
pub(crate) struct Confirmation<'a> {
    pub(crate) caller: &'a Caller,
    /// The commit at which they were shown.
    pub(crate) commit: &'a str,
}

/// The origin of a repository.
pub fn origin(location: &str) -> String {
    format!("repository:{location}")
}

impl Sources {
    /// For the repositories that the operator named, in order.
    pub fn new(app: Arc<App>, reader: Arc<dyn Reader>, locations: Vec<String>) -> Sources {
        let places = Places::new(Arc::clone(&app), Arc::new(Nowhere));
        let turns = locations.iter().map(|location| (location.clone(), Mutex::default())).collect();
        let wake = watch::channel(0).0;
        let answered = std::sync::Mutex::default();
        Sources { app, reader, locations, catalogs: None, adoptions: None, places, turns, answered, wake }
    }

    /// With a way to read addresses: registered places, and what documents point to.
    #[must_use]
    pub fn reading_with(mut self, fetch: Arc<dyn Fetch>) -> Sources {
        self.places = Places::new(Arc::clone(&self.app), fetch);
        self
    }

    /// With the catalogs that are followed beside them.
    #[must_use]
    pub fn with_catalogs(self, catalogs: Arc<Catalogs>) -> Sources {
        Sources { catalogs: Some(catalogs), ..self }
    }

    /// With the places beside them from which it is adopted what runs.
    #[must_use]
    pub fn with_adoptions(self, adoptions: Arc<Adoptions>) -> Sources {
        Sources { adoptions: Some(adoptions), ..self }
    }

    /// Reads every source, again and again until `stop` turns true, each by itself. `first` is told when each was read
    /// once, ever.
    pub async fn follow(self: Arc<Self>, first: impl FnOnce(), mut stop: watch::Receiver<bool>) {
        let (this, until) = (Arc::clone(&self), stop.clone());
        tokio::spawn(async move { this.places.follow(until).await });
        for location in self.locations.clone() {
            tokio::spawn(Arc::clone(&self).follow_one(location, stop.clone()));
        }
        while !*stop.borrow() {
            if self.all_read().await.unwrap_or(false) {
                first();
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(SOON) => {}
                _ = stop.changed() => return,
            }
        }
        // An error says that nobody can stop it any more.
        let _ = stop.wait_for(|stopped| *stopped).await;
    }

    async fn follow_one(self: Arc<Self>, location: String, mut stop: watch::Receiver<bool>) {
        let mut wake = self.wake.subscribe();
        while !*stop.borrow() {
            match self.sync(&location, None).await {
                Ok(_) => self.has_answered(&location),
                Err(error) => tracing::warn!(%location, %error, "a source could not be taken over"),
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                _ = wake.changed() => {}
                _ = stop.changed() => return,
            }
        }
    }

    fn has_answered(&self, location: &str) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.insert(location.to_owned(), self.app.now());
    }

    /// When each repository and catalog gave an answer last, since this server started.
    pub(crate) fn answered(&self) -> HashMap<String, Micros> {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner).clone();
        answered.extend(self.catalogs.iter().flat_map(|catalogs| catalogs.answered()));
        answered
    }

    /// Looks at all sources now.
    pub fn refresh(&self) {
        self.wake.send_modify(|times| *times += 1);
    }

    /// Has the source of a record read anew although nothing moved in it: the record was taken away here.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn read_again(&self, record: &Record) -> Result<()> {
        {
            let _turn = self.turn(location_of(record)).await;
            if let Some(row) = self.app.store.source(&record.source.origin).await? {
                self.app.store.put_source(&SourceRow { last_commit: None, ..row }).await?;
            }
        }
        self.look(record).await;
        Ok(())
    }

    /// Looks at the source of a record now.
    pub async fn look(&self, record: &Record) {
        match Registered::reading(record) {
            Some(place) => self.places.read_again(place).await,
            None => self.refresh(),
        }
    }

    /// Whether every source was read at least once, ever.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn all_read(&self) -> Result<bool> {
        for location in &self.locations {
            let row = self.app.store.source(&origin(location)).await?;
            if row.is_none_or(|row| row.last_ok.is_none()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits until a source is not being read; none for one that is not of this server.
    pub(crate) async fn turn(&self, location: &str) -> Option<MutexGuard<'_, Option<Looked>>> {
        Some(self.turns.get(location)?.lock().await)
    }

    /// Reads a source and takes over what changed.
    ///
    /// # Errors
    /// When it cannot be read, or nothing can be written; when it is not at the confirmed commit any more.
    pub(crate) async fn sync(&self, location: &str, confirmed: Option<Confirmation<'_>>) -> Result<SyncReport> {
        let missing = || Error::NotFound(format!("{location} is not among the sources of this server."));
        let mut turn = self.turn(location).await.ok_or_else(missing)?;
        let id = origin(location);
        let before = self.app.store.source(&id).await?;
        let state = state_of(before.as_ref());
        let unsettled = !state.report.problems.is_empty() || !state.report.kept.is_empty();
        let may_differ = turn.as_ref().is_none_or(|last| last.may_differ(self.app.graph().position()));
        let again = confirmed.is_some() || !state.failure.is_empty() || unsettled && may_differ;
        let known = before.as_ref().and_then(|row| row.last_commit.clone()).filter(|_| !again);
        let started = Instant::now();
        let tree = match self.reader.read(location, known.as_deref()).await {
            Ok(Some(tree)) => tree,
            Ok(None) => {
                self.app.looked.note(&id, self.app.now());
                self.settle(location).await?;
                return Ok(state.report);
            }
            Err(failure) => return self.failed(&id, location, before, failure).await,
        };
        if confirmed.as_ref().is_some_and(|yes| yes.commit != tree.commit) {
            return Err(moved_on());
        }
        let report = self.take_over(&id, &tree, confirmed.map(|yes| yes.caller)).await?;
        let position = self.app.graph().position();
        *turn = Some(Looked { at: Instant::now(), took: started.elapsed(), position });
        self.settle(location).await?;
        let state = SourceState { documents: report.1, report: report.0, failure: String::new() };
        let now = self.app.now();
        self.app.looked.note(&id, now);
        let row = SourceRow {
            id,
            kind: "repository".into(),
            location: location.to_owned(),
            last_commit: Some(tree.commit),
            last_sync: Some(now),
            last_ok: Some(now),
            state: serde_json::to_value(&state)?,
        };
        // Nothing new to tell is not worth a write every two seconds.
        let same = before.as_ref().is_some_and(|b| b.last_commit == row.last_commit && b.state == row.state);
        if !same {
            self.app.store.put_source(&row).await?;
        }
        Ok(state.report)
    }

    async fn failed(
        &self,
        id: &str,
        location: &str,
        before: Option<SourceRow>,
        failure: Failure,
    ) -> Result<SyncReport> {
        let mut state = state_of(before.as_ref());
        state.failure = loggia_model::problem::sentences(&failure.message, &failure.mend);
        let row = SourceRow {
            id: id.to_owned(),
            kind: "repository".into(),
            location: location.to_owned(),
            last_commit: before.as_ref().and_then(|row| row.last_commit.clone()),
            last_sync: Some(self.app.now()),
            last_ok: before.and_then(|row| row.last_ok),
            state: serde_json::to_value(&state)?,
        };
        self.app.store.put_source(&row).await?;
        Err(Error::Unavailable(state.failure))
    }

    async fn take_over(&self, id: &str, tree: &Tree, by: Option<&Caller>) -> Result<(SyncReport, usize)> {
        let contents = self.contents(tree).await;
        let known = source_location::standing(&self.app.graph(), id);
        let mut reading = self.read_tree(id, tree, known.as_deref(), contents);
        for (hash, (media, bytes)) in &reading.blobs {
            if self.app.store.blob(hash).await?.is_none() {
                self.app.store.put_blob(media, bytes).await?;
            }
        }
        if let Some(location) = source_location::of_tree(tree, known.as_deref()) {
            reading.prepared.push(location);
        }
        let documents = reading.prepared.len();
        let mut unsure = warnings::hidden(&reading.prepared);
        let command = SyncSource {
            origin: id.into(),
            prepared: std::mem::take(&mut reading.prepared),
            broken: untaken::of(std::mem::take(&mut reading.broken), &reading.problems),
            partial: false,
            unwelcome: &[],
            same: HashSet::new(),
            commit: tree.commit.clone(),
            written: tree.written.clone(),
            confirmed: by.is_some(),
            returning: HashMap::new(),
        };
        let command = command.remembering(&self.app).await?;
        let caller = by.cloned().unwrap_or_else(|| Caller::system("sync", Door::Sync));
        let outcome = self.app.run(&caller, command).await?;
        let mut report: SyncReport = serde_json::from_value(outcome.answer)?;
        reading.locate_later(&tree.files, &mut report.problems);
        let mut problems: Vec<Problem> = std::mem::take(&mut reading.problems);
        problems.append(&mut report.problems);
        report.problems = problems;
        unsure.extend(warnings::of_source(&self.app.graph(), id));
        unsure.truncate(warnings::MOST);
        for warning in &mut unsure {
            reading.locate_later(&tree.files, std::slice::from_mut(&mut warning.problem));
        }
        report.warnings = unsure;
        Ok((report, documents))
    }

    /// What the documents of a source point to elsewhere.
    async fn contents(&self, tree: &Tree) -> Contents {
        // What lies in a repository of the operator is everybody's, and so is what it may take from a team's.
        let reach = Reach::from(&self.app, self.places.fetch(), "");
        let mut contents = Contents::new();
        for address in addresses(&tree.files) {
            let content = reach.fetch(&address).await.map_err(|failure| failure.message);
            contents.insert(address, content);
        }
        contents
    }

    fn read_tree(&self, id: &str, tree: &Tree, known: Option<&Record>, contents: Contents) -> Reading {
        let origin = source_location::target_of(tree, known).map(|(kind, target)| format!("{kind}:{target}"));
        // The parts of a single file lie beside it.
        let folder = match tree.single {
            true => tree.place.rsplit_once('/').map_or("", |(folder, _)| &tree.place[..=folder.len()]),
            false => tree.place.as_str(),
        };
        let place = |path: &str| Some(format!("{folder}{path}"));
        let known = Some(self.app.graph());
        let outside = Outside { origin, contents: Some(contents), known, source: id.to_owned() };
        let mut reading = read_from(&tree.files, &place, &outside);
        let unrendered = recipes::golden_paths(&reading, &self.app.recipes);
        reading.put_aside(&tree.files, unrendered);
        reading
    }
}

/// What a confirmation hears when something else would go by now.
pub(crate) fn moved_on() -> Error {
    Error::Conflict("It changed since you looked. Look at what would go now, then confirm that.".into())
}

pub(crate) fn state_of(row: Option<&SourceRow>) -> SourceState {
    row.and_then(|row| serde_json::from_value(row.state.clone()).ok()).unwrap_or_default()
}
