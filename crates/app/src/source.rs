//! Sources: where records come from, how far each was read, and the loop that keeps in step with them.
//!
//! Each source is read by itself: a broken one never holds another up. Reading is outside (a [`Reader`]); deciding is
//! [`crate::sync::SyncSource`].

use crate::App;
use crate::caller::{Caller, Door};
use crate::catalog::Catalogs;
use crate::driver::Failure;
use crate::error::{Error, Result};
use crate::fetch::{Fetch, Nowhere, raw};
use crate::location::Registered;
use crate::placeholders::Contents;
use crate::places::Places;
use crate::policy::{Action, Subject};
use crate::read::{Outside, Reading, SourceFile, addresses, read_from};
use crate::sync::{SyncReport, SyncSource};
use async_trait::async_trait;
use loggia_model::{Problem, Record, Ref};
use loggia_store::SourceRow;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex, Notify, watch};

/// How often a source is looked at.
const INTERVAL: Duration = Duration::from_secs(2);

/// The files of a source at one moment.
#[derive(Debug, Default)]
pub struct Tree {
    /// Commit, or a digest of what was read.
    pub commit: String,
    /// The files, in order of paths.
    pub files: Vec<SourceFile>,
    /// How a place in it is written in the catalog's annotations, without the path: `url:https://…/` or `file:/…/`.
    pub place: String,
    /// Whether the source is that one file.
    pub single: bool,
}

/// A change of one file, made on a page and kept in the repository.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The file.
    pub path: String,
    /// Its bytes afterwards.
    pub bytes: Vec<u8>,
    /// Who made it: name and address for the commit.
    pub author: (String, String),
    /// First line of the commit, and why.
    pub message: String,
    /// The commit that the editor saw; another one is a conflict when the file changed since.
    pub base: String,
}

/// Reads sources and writes edits into them.
#[async_trait]
pub trait Reader: Send + Sync {
    /// Reads a source; `None` when it is still at the commit that is known.
    ///
    /// # Errors
    /// When it cannot be reached or read, with what to do.
    async fn read(&self, location: &str, known: Option<&str>) -> Result<Option<Tree>, Failure>;

    /// Commits an edit in the author's name and pushes it.
    ///
    /// # Errors
    /// When the source takes no edits, or was changed meanwhile.
    async fn commit(&self, location: &str, edit: &Edit) -> Result<String, Failure>;
}

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

/// One source, for people.
#[derive(Clone, Debug)]
pub struct SourceView {
    /// How far it was read.
    pub row: SourceRow,
    /// What was found.
    pub state: SourceState,
}

/// The sources of this server.
pub struct Sources {
    pub(crate) app: Arc<App>,
    reader: Arc<dyn Reader>,
    locations: Vec<String>,
    catalogs: Option<Arc<Catalogs>>,
    /// Places that people registered.
    pub places: Places,
    /// One synchronisation at a time: they would only wait for each other at the writer.
    pub(crate) turn: Mutex<()>,
    /// Records that were changed on a page, with the repository and the commit that is not read yet.
    waiting: std::sync::Mutex<HashMap<Ref, (String, String)>>,
    wake: Notify,
}

/// The origin of a repository.
pub fn origin(location: &str) -> String {
    format!("repository:{location}")
}

impl Sources {
    /// For the repositories that the operator named, in order.
    pub fn new(app: Arc<App>, reader: Arc<dyn Reader>, locations: Vec<String>) -> Sources {
        let places = Places::new(Arc::clone(&app), Arc::new(Nowhere));
        Sources {
            app,
            reader,
            locations,
            catalogs: None,
            places,
            turn: Mutex::new(()),
            waiting: std::sync::Mutex::default(),
            wake: Notify::new(),
        }
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

    /// Reads every source, again and again until `stop` turns true. `first` is told when each was read once, ever.
    pub async fn follow(self: Arc<Self>, first: impl FnOnce(), mut stop: watch::Receiver<bool>) {
        let (this, until) = (Arc::clone(&self), stop.clone());
        tokio::spawn(async move { this.places.follow(until).await });
        let mut first = Some(first);
        while !*stop.borrow() {
            self.round().await;
            if first.is_some()
                && self.all_read().await.unwrap_or(false)
                && let Some(first) = first.take()
            {
                first();
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = self.wake.notified() => {}
                _ = stop.changed() => return,
            }
        }
    }

    async fn round(&self) {
        for location in &self.locations {
            if let Err(error) = self.sync(location, false).await {
                tracing::warn!(%location, %error, "a source could not be taken over");
            }
        }
    }

    /// Looks at all sources now.
    pub fn refresh(&self) {
        self.wake.notify_one();
    }

    /// Has the source of a record read anew although nothing moved in it: the record was taken away here.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn read_again(&self, record: &Record) -> Result<()> {
        {
            let _turn = self.turn.lock().await;
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

    /// Confirms the removals that a source holds back.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless the caller is of the product team; [`Error::NotFound`] for an unknown source.
    pub async fn confirm(&self, caller: &Caller, location: &str) -> Result<SyncReport> {
        self.app.require(caller, Action::Sync, &Subject::default())?;
        if let Some(catalogs) = self.catalogs.as_ref().filter(|catalogs| catalogs.follows(location)) {
            return catalogs.confirm(location).await;
        }
        if !self.locations.iter().any(|known| known == location) {
            return Err(Error::NotFound(format!("{location} is not among the sources of this server.")));
        }
        self.sync(location, true).await
    }

    /// Reads a source and takes over what changed.
    ///
    /// # Errors
    /// When it cannot be read, or nothing can be written.
    pub async fn sync(&self, location: &str, confirmed: bool) -> Result<SyncReport> {
        let _turn = self.turn.lock().await;
        let id = origin(location);
        let before = self.app.store.source(&id).await?;
        let state = state_of(before.as_ref());
        let retry = confirmed || !state.failure.is_empty() || !state.report.problems.is_empty();
        let known = before.as_ref().and_then(|row| row.last_commit.clone()).filter(|_| !retry);
        let tree = match self.reader.read(location, known.as_deref()).await {
            Ok(Some(tree)) => tree,
            Ok(None) => return Ok(state.report),
            Err(failure) => return self.failed(&id, location, before, failure).await,
        };
        let report = self.take_over(&id, &tree, confirmed).await?;
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (from, _)| from != location);
        let state = SourceState { documents: report.1, report: report.0, failure: String::new() };
        let now = self.app.now();
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
        state.failure = format!("{} {}", failure.message, failure.mend);
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

    async fn take_over(&self, id: &str, tree: &Tree, confirmed: bool) -> Result<(SyncReport, usize)> {
        let contents = self.contents(tree).await;
        let mut reading = self.read_tree(tree, contents);
        for (hash, (media, bytes)) in &reading.blobs {
            if self.app.store.blob(hash).await?.is_none() {
                self.app.store.put_blob(media, bytes).await?;
            }
        }
        if let Some(location) = crate::location::of_tree(tree) {
            reading.prepared.push(location);
        }
        let documents = reading.prepared.len();
        let command = SyncSource {
            origin: id.into(),
            prepared: std::mem::take(&mut reading.prepared),
            broken: std::mem::take(&mut reading.broken),
            partial: false,
            same: HashSet::new(),
            commit: tree.commit.clone(),
            confirmed,
            returning: HashMap::new(),
        };
        let command = command.remembering(&self.app).await?;
        let outcome = self.app.run(&Caller::system("sync", Door::Sync), command).await?;
        let mut report: SyncReport = serde_json::from_value(outcome.answer)?;
        reading.locate_later(&tree.files, &mut report.problems);
        let mut problems: Vec<Problem> = std::mem::take(&mut reading.problems);
        problems.append(&mut report.problems);
        report.problems = problems;
        Ok((report, documents))
    }

    /// What the documents of a source point to elsewhere.
    async fn contents(&self, tree: &Tree) -> Contents {
        let mut contents = Contents::new();
        for address in addresses(&tree.files) {
            let content = self.places.fetch().fetch(&raw(&address)).await.map_err(|failure| failure.message);
            contents.insert(address, content);
        }
        contents
    }

    fn read_tree(&self, tree: &Tree, contents: Contents) -> Reading {
        let origin = crate::location::target_of(tree).map(|(kind, target)| format!("{kind}:{target}"));
        // The parts of a single file lie beside it.
        let folder = match tree.single {
            true => tree.place.rsplit_once('/').map_or("", |(folder, _)| &tree.place[..=folder.len()]),
            false => tree.place.as_str(),
        };
        let place = |path: &str| Some(format!("{folder}{path}"));
        read_from(&tree.files, &place, &Outside { origin, contents: Some(contents) })
    }

    /// The sources with what was found in them, in the operator's order. Partners see none, and problems name things
    /// that not everybody may see, so only who may synchronise sees them.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<SourceView>> {
        self.app.require(caller, Action::Read, &Subject::default())?;
        if &*caller.organisation != "default" {
            return Ok(Vec::new());
        }
        let all = self.app.require(caller, Action::Sync, &Subject::default()).is_ok();
        let rows = self.app.store.sources().await?;
        let view = |row: SourceRow| {
            let mut state = state_of(Some(&row));
            if !all {
                state.report.problems.clear();
            }
            SourceView { state, row }
        };
        Ok(rows.into_iter().map(view).collect())
    }

    /// Commits an edit of a record that comes from a repository, in the caller's name.
    ///
    /// # Errors
    /// [`Error::Refused`] when the repository takes no edits; the refusal says what to do instead.
    pub async fn edit(&self, location: &str, edit: &Edit) -> Result<String> {
        let commit = self.reader.commit(location, edit).await;
        let commit = commit.map_err(|failure| Error::refused("source.edit", failure.message, failure.mend))?;
        self.refresh();
        Ok(commit)
    }
}

impl Sources {
    /// The commit that a record waits for, after it was changed on a page.
    pub fn waiting(&self, reference: &Ref) -> Option<String> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.get(reference).map(|(_, commit)| commit.clone())
    }

    pub(crate) fn wait_for(&self, reference: &Ref, location: &str, commit: &str) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(reference.clone(), (location.to_owned(), commit.to_owned()));
    }

    /// The newest files of a source; `None` for one that is not of this server.
    pub(crate) async fn tree(&self, location: &str) -> Result<Option<Tree>> {
        if !self.locations.iter().any(|known| known == location) {
            return Ok(None);
        }
        let tree = self.reader.read(location, None).await;
        tree.map_err(|failure| Error::Unavailable(format!("{} {}", failure.message, failure.mend)))
    }
}

fn state_of(row: Option<&SourceRow>) -> SourceState {
    row.and_then(|row| serde_json::from_value(row.state.clone()).ok()).unwrap_or_default()
}
