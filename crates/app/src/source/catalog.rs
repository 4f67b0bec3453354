//! Other catalogs that are followed: an existing Backstage, read-only.
//!
//! The first round reads all of it. Later rounds read names and tags only, and then what has another tag. A catalog
//! that is away keeps what it gave; it is asked again and again, with longer pauses.

use crate::App;
use crate::access::caller::{Caller, Door};
use crate::error::{Error, Result};
use crate::instance::driver::Failure;
use crate::record::prepare::{Prepared, prepare_all};
use crate::source::left_out::{self, LeftOut};
use crate::source::reader::Written;
use crate::source::sync::{SyncReport, SyncSource};
use crate::source::untaken;
use crate::source::{Confirmation, SourceState, moved_on, state_of};
use async_trait::async_trait;
use loggia_graph::Graph;
use loggia_model::{Micros, Problem, Ref};
use loggia_store::SourceRow;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, watch};

/// Shortest pause between two rounds. Rounds never take more than a fifth of the time of the other side.
const PAUSE: Duration = Duration::from_millis(500);
/// Longest pause after failures.
const LONGEST: Duration = Duration::from_secs(30);
/// With more changes than this, everything is read again in one go.
const MANY: usize = 500;

/// Name and tag of one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged {
    /// Its name.
    pub reference: Ref,
    /// Its tag.
    pub etag: String,
}

/// Reads other catalogs.
#[async_trait]
pub trait CatalogSource: Send + Sync {
    /// All entities, whole.
    ///
    /// # Errors
    /// When it cannot be reached or read, with what to do.
    async fn all(&self, url: &str) -> Result<Vec<Value>, Failure>;

    /// Names and tags of all entities.
    ///
    /// # Errors
    /// As [`CatalogSource::all`].
    async fn tags(&self, url: &str) -> Result<Vec<Tagged>, Failure>;

    /// Some entities, whole. Those that are gone meanwhile are left out.
    ///
    /// # Errors
    /// As [`CatalogSource::all`].
    async fn some(&self, url: &str, names: &[Ref]) -> Result<Vec<Value>, Failure>;
}

/// The catalogs that this server follows.
pub struct Catalogs {
    app: Arc<App>,
    source: Arc<dyn CatalogSource>,
    catalogs: Vec<Catalog>,
}

struct Catalog {
    url: String,
    /// Held during a round.
    known: Mutex<Known>,
    /// When it gave an answer last, whether or not anything was new.
    answered: std::sync::Mutex<Option<Micros>>,
}

/// What was taken over last.
#[derive(Default)]
struct Known {
    /// Tags of what was taken over, or found wrong; none before the first round.
    tags: Option<HashMap<Ref, String>>,
    /// What was taken over: when it is not here any more although it has its tag, somebody took it away by hand.
    taken: HashSet<Ref>,
    /// What is wrong, by name.
    problems: BTreeMap<Ref, Vec<Problem>>,
    /// What is there and not taken over: what it is, by name.
    left: BTreeMap<Ref, LeftOut>,
    /// How many entities said no kind or name when all were read last.
    nameless: usize,
}

/// The origin of what comes from a catalog.
pub fn origin(url: &str) -> String {
    format!("catalog:{url}")
}

impl Catalogs {
    /// For the addresses that the operator named, such as `https://backstage.example.org/api/catalog`.
    pub fn new(app: Arc<App>, source: Arc<dyn CatalogSource>, urls: Vec<String>) -> Arc<Catalogs> {
        let catalogs = urls
            .into_iter()
            .map(|url| Catalog { url, known: Mutex::default(), answered: std::sync::Mutex::default() })
            .collect();
        Arc::new(Catalogs { app, source, catalogs })
    }

    /// Follows all of them until `stop` turns true.
    pub fn start(self: &Arc<Self>, stop: &watch::Receiver<bool>) {
        for at in 0..self.catalogs.len() {
            tokio::spawn(Arc::clone(self).follow(at, stop.clone()));
        }
    }

    async fn follow(self: Arc<Self>, at: usize, mut stop: watch::Receiver<bool>) {
        let Some(catalog) = self.catalogs.get(at) else { return };
        let (mut failures, mut whole) = (0, true);
        while !*stop.borrow() {
            let started = Instant::now();
            let pause = match self.round(catalog, None).await {
                Ok(_) => {
                    failures = 0;
                    *catalog.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.app.now());
                    // The first round reads everything, and those that follow do not.
                    if std::mem::take(&mut whole) { PAUSE } else { PAUSE.max(started.elapsed() * 4) }
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(url = %catalog.url, %error, "a catalog could not be taken over; it is tried again");
                    backoff(failures)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// When each gave an answer last.
    pub(crate) fn answered(&self) -> Vec<(String, Micros)> {
        let last = |catalog: &Catalog| *catalog.answered.lock().unwrap_or_else(PoisonError::into_inner);
        self.catalogs.iter().filter_map(|catalog| Some((catalog.url.clone(), last(catalog)?))).collect()
    }

    /// Whether a catalog is among those that are followed.
    pub fn follows(&self, url: &str) -> bool {
        self.catalogs.iter().any(|catalog| catalog.url == url)
    }

    /// Reads a catalog now, and confirms the removals that it holds back.
    ///
    /// # Errors
    /// [`Error::NotFound`] for one that is not followed; [`Error::Conflict`] when it changed since; when it cannot be
    /// read.
    pub(crate) async fn confirm(&self, url: &str, yes: Confirmation<'_>) -> Result<SyncReport> {
        let found = self.catalogs.iter().find(|catalog| catalog.url == url);
        let missing = || Error::NotFound(format!("{url} is not among the catalogs of this server."));
        self.round(found.ok_or_else(missing)?, Some(yes)).await
    }

    async fn round(&self, catalog: &Catalog, confirmed: Option<Confirmation<'_>>) -> Result<SyncReport> {
        let mut known = catalog.known.lock().await;
        let read = self.read(&catalog.url, &known).await;
        let news = match read {
            Ok(Some(news)) => news,
            Ok(None) if confirmed.is_none() => return self.kept(&catalog.url, None).await,
            Ok(None) => News::default().unchanged(&known),
            Err(failure) => {
                let text = loggia_model::problem::sentences(&failure.message, &failure.mend);
                self.kept(&catalog.url, Some(&text)).await?;
                return Err(Error::Unavailable(text));
            }
        };
        self.take_over(&catalog.url, news, &mut known, confirmed).await
    }

    /// What is new; none when nothing is.
    async fn read(&self, url: &str, known: &Known) -> Result<Option<News>, Failure> {
        let Some(tags) = &known.tags else {
            return Ok(Some(News::whole(self.source.all(url).await?)));
        };
        let now = self.source.tags(url).await?;
        let (graph, origin) = (self.app.graph(), origin(url));
        let lost = |name: &Ref| known.taken.contains(name) && !is_of(&graph, &origin, name);
        let other: Vec<Ref> = now
            .iter()
            .filter(|one| tags.get(&one.reference) != Some(&one.etag) || lost(&one.reference))
            .map(|one| one.reference.clone())
            .collect();
        if other.is_empty() && now.len() == tags.len() {
            return Ok(None);
        }
        if other.len() > MANY {
            return Ok(Some(News::whole(self.source.all(url).await?)));
        }
        let entities = if other.is_empty() { Vec::new() } else { self.source.some(url, &other).await? };
        let other: HashSet<Ref> = other.into_iter().collect();
        let same = now.into_iter().map(|one| one.reference).filter(|name| !other.contains(name)).collect();
        Ok(Some(News { entities, same }))
    }

    async fn take_over(
        &self,
        url: &str,
        news: News,
        known: &mut Known,
        yes: Option<Confirmation<'_>>,
    ) -> Result<SyncReport> {
        let mut tags: HashMap<Ref, String> = HashMap::with_capacity(news.entities.len() + news.same.len());
        let old = known.tags.take().unwrap_or_default();
        tags.extend(old.into_iter().filter(|(name, _)| news.same.contains(name)));
        known.problems.retain(|name, _| news.same.contains(name));
        known.left.retain(|name, _| news.same.contains(name));
        known.nameless = if news.same.is_empty() { 0 } else { known.nameless };
        let (prepared, broken) = prepare(news.entities, &mut tags, known);
        let commit = digest(&tags);
        if yes.as_ref().is_some_and(|yes| yes.commit != commit) {
            return Err(moved_on());
        }
        let broken = untaken::of(broken, known.problems.values().flatten());
        let (origin, same) = (origin(url).into(), news.same);
        let (partial, unwelcome, returning, confirmed) = (false, &[], HashMap::new(), yes.is_some());
        let at = commit.clone();
        let written = Written::default();
        let command =
            SyncSource { origin, prepared, broken, partial, unwelcome, same, commit, written, confirmed, returning };
        let command = command.remembering(&self.app).await?;
        // When it cannot be written, the next round reads everything again.
        let caller = yes.map_or_else(|| Caller::system("sync", Door::Sync), |yes| yes.caller.clone());
        let outcome = self.app.run(&caller, command).await?;
        let mut report: SyncReport = serde_json::from_value(outcome.answer)?;
        report.problems.extend(known.problems.values().flatten().cloned());
        report.warnings = left_out::told(&known.left, known.nameless);
        let documents = tags.len() - known.left.len();
        let state = SourceState { documents, report: report.clone(), ..SourceState::default() };
        let (graph, origin) = (self.app.graph(), self::origin(url));
        known.taken = tags.keys().filter(|name| is_of(&graph, &origin, name)).cloned().collect();
        // What is held back is asked about again, so that it is let go when it comes back.
        known.tags = report.held.is_empty().then_some(tags);
        self.save(url, &state, Some(at)).await?;
        Ok(report)
    }

    /// Keeps what is known, with why it could not be read.
    async fn kept(&self, url: &str, failure: Option<&str>) -> Result<SyncReport> {
        let before = self.app.store.source(&origin(url)).await?;
        let state = state_of(before.as_ref());
        let report = state.report.clone();
        let at = before.and_then(|row| row.last_commit);
        self.save(url, &SourceState { failure: failure.unwrap_or_default().to_owned(), ..state }, at).await?;
        Ok(report)
    }

    /// Writes the state, unless it is the same as before.
    async fn save(&self, url: &str, state: &SourceState, last_commit: Option<String>) -> Result<()> {
        let id = origin(url);
        let before = self.app.store.source(&id).await?;
        let (now, value) = (self.app.now(), serde_json::to_value(state)?);
        if state.failure.is_empty() {
            self.app.looked.note(&id, now);
        }
        if before.as_ref().is_some_and(|row| row.state == value && row.last_commit == last_commit) {
            return Ok(());
        }
        let well = state.failure.is_empty().then_some(now);
        let last_ok = well.or_else(|| before.as_ref().and_then(|row| row.last_ok));
        let (kind, location) = ("catalog".to_owned(), url.to_owned());
        let row = SourceRow { id, kind, location, last_commit, last_sync: Some(now), last_ok, state: value };
        Ok(self.app.store.put_source(&row).await?)
    }
}

/// Whether a record came from a catalog.
fn is_of(graph: &Graph, origin: &str, name: &Ref) -> bool {
    graph.get(name).is_some_and(|record| *record.source.origin == *origin)
}

/// What a round has found.
#[derive(Default)]
struct News {
    entities: Vec<Value>,
    /// Names of what is there and has the tag that is known.
    same: HashSet<Ref>,
}

impl News {
    fn whole(entities: Vec<Value>) -> News {
        News { entities, same: HashSet::new() }
    }

    fn unchanged(self, known: &Known) -> News {
        News { same: known.tags.iter().flatten().map(|(name, _)| name.clone()).collect(), ..self }
    }
}

/// Entities in normal form; those with problems are named, and what they described before stays. What is left
/// out is only noted.
fn prepare(
    entities: Vec<Value>,
    tags: &mut HashMap<Ref, String>,
    known: &mut Known,
) -> (Vec<Prepared>, HashSet<String>) {
    let mut names = Vec::with_capacity(entities.len());
    let mut values = Vec::with_capacity(entities.len());
    for mut entity in entities {
        let Some(tagged) = tagged(&entity) else {
            known.nameless += 1;
            continue;
        };
        tags.insert(tagged.reference.clone(), tagged.etag);
        if let Some(left) = LeftOut::of(&entity) {
            known.left.insert(tagged.reference, left);
            continue;
        }
        if let Some(map) = entity.as_object_mut() {
            // What the other side derived; this side derives its own. Attachments are the other side's to show.
            for derived in ["relations", "status", "attachments"] {
                map.remove(derived);
            }
        }
        values.push((entity, tagged.reference.to_string(), None));
        names.push(tagged.reference);
    }
    let (mut prepared, mut broken) = (Vec::with_capacity(values.len()), HashSet::new());
    for (name, result) in names.into_iter().zip(prepare_all(values)) {
        match result {
            Ok(one) => prepared.push(one),
            Err(found) => {
                broken.insert(name.to_string());
                let at = |problem: Problem| Problem { file: Some(name.to_string()), ..problem };
                known.problems.insert(name.clone(), found.into_iter().map(at).collect());
            }
        }
    }
    (prepared, broken)
}

/// Name and tag of an entity as it is served; none when it has no name.
pub fn tagged(entity: &Value) -> Option<Tagged> {
    let text = |at: &str| entity.pointer(at).and_then(Value::as_str);
    let namespace = text("/metadata/namespace").unwrap_or("default");
    let reference = Ref::new(text("/kind")?, namespace, text("/metadata/name")?);
    let etag = text("/metadata/etag").map_or_else(|| loggia_model::canonical::etag(&entity.to_string()), str::to_owned);
    Some(Tagged { reference, etag })
}

fn digest(tags: &HashMap<Ref, String>) -> String {
    let mut all: Vec<String> = tags.iter().map(|(name, tag)| format!("{name} {tag}")).collect();
    all.sort_unstable();
    loggia_model::canonical::etag(&all.join("\n"))
}

fn backoff(failures: u32) -> Duration {
    PAUSE.saturating_mul(2_u32.saturating_pow(failures.min(10))).min(LONGEST)
}
