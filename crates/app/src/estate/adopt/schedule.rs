//! Adopting again and again, beside a server that runs: the same reading, planning and reporting as by hand.
//!
//! A place that is the same as before is reported again each hour, so that what runs is seen; what is gone from it is
//! not reported, and turns unknown after the days of its environment.

use super::{AdoptInput, Adoption, Estate, EstateSource, Found, Plan, plan};
use crate::App;
use crate::access::caller::{Caller, Door};
use crate::error::{Error, Result};
use crate::estate::Observed;
use crate::record::warnings::Warning;
use crate::source::sync::SyncReport;
use crate::source::{SourceState, state_of};
use loggia_graph::Audience;
use loggia_model::time::DAY;
use loggia_model::{Micros, Problem, canonical};
use loggia_store::SourceRow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Shortest pause between two looks at a place. Looking never takes more than a tenth of the time.
const INTERVAL: Duration = Duration::from_secs(10);
/// How often it is reported although it is the same, in seconds.
const AGAIN: i64 = 3_600;
/// After how many days a file is told to be old.
const OLD: i64 = 7;
/// How many things that say neither team nor environment are named.
const NAMED: usize = 200;

/// A place that describes what runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What describes it there.
    pub kind: Kind,
    /// A path, or an address without name and password.
    pub location: String,
}

/// What describes what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// States of Terraform or OpenTofu.
    Terraform,
    /// Objects of Kubernetes.
    Kubernetes,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Terraform => "terraform",
            Kind::Kubernetes => "kubernetes",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.kind, self.location)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let wrong = || format!("{text:?} names no place. Write terraform=PATH, terraform=URL or kubernetes=PATH.");
        let (kind, location) = text.split_once('=').filter(|(_, location)| !location.is_empty()).ok_or_else(wrong)?;
        let kind = match kind {
            "terraform" => Kind::Terraform,
            "kubernetes" => Kind::Kubernetes,
            _ => return Err(wrong()),
        };
        Ok(Place { kind, location: location.to_owned() })
    }
}

/// The places that this server adopts from.
pub struct Adoptions {
    app: Arc<App>,
    source: Arc<dyn EstateSource>,
    places: Vec<Place>,
}

/// What was reported last.
#[derive(Default)]
struct Last {
    /// Digest of what was found.
    found: String,
    /// What was known here when it was planned.
    position: i64,
    /// Digest of what it meant.
    meaning: String,
    /// When it was reported.
    at: Option<Micros>,
}

impl Adoptions {
    /// For the places that the operator named.
    pub fn new(app: Arc<App>, source: Arc<dyn EstateSource>, places: Vec<Place>) -> Arc<Adoptions> {
        Arc::new(Adoptions { app, source, places })
    }

    /// Whether a place, as it is shown, is among those that are read.
    pub fn follows(&self, place: &str) -> bool {
        self.places.iter().any(|known| known.to_string() == place)
    }

    /// Adopts from all of them until `stop` turns true.
    pub fn start(self: &Arc<Self>, stop: &watch::Receiver<bool>) {
        for at in 0..self.places.len() {
            tokio::spawn(Arc::clone(self).follow(at, stop.clone()));
        }
    }

    async fn follow(self: Arc<Self>, at: usize, mut stop: watch::Receiver<bool>) {
        let Some(place) = self.places.get(at) else { return };
        let mut last = Last::default();
        while !*stop.borrow() {
            let started = Instant::now();
            if let Err(error) = self.round(place, &mut last).await {
                tracing::warn!(%place, %error, "what runs there could not be taken in; it is tried again");
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL.max(started.elapsed() * 9)) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn round(&self, place: &Place, last: &mut Last) -> Result<()> {
        let Estate { things, problems, notes } = match self.source.read(place).await {
            Ok(estate) => estate,
            Err(failure) => {
                let text = loggia_model::problem::sentences(&failure.message, &failure.mend);
                let id = origin(place);
                let state = state_of(self.app.store.source(&id).await?.as_ref());
                self.save(place, None, &SourceState { failure: text.clone(), ..state }).await?;
                return Err(Error::Unavailable(text));
            }
        };
        let (documents, now, graph) = (things.len(), self.app.now(), self.app.graph());
        let (found, position) = (digest_of(&things, &problems)?, graph.position());
        let fresh = last.at.is_some_and(|at| now < at.plus_seconds(AGAIN));
        if fresh && last.found == found && last.position == position {
            return Ok(());
        }
        // The same may mean something else: teams, environments and rules may be known by now that were not before.
        let input = AdoptInput { things, ..AdoptInput::default() };
        let plan = plan(&graph, &Audience::All, &input);
        let meaning = digest(&plan)?;
        if fresh && last.found == found && last.meaning == meaning {
            last.position = position;
            return Ok(());
        }
        let adoption = self.app.report(&Caller::system("adopt", Door::Sync), plan).await?;
        let mut report = report(&adoption, problems);
        report.warnings = warnings(&adoption, notes, now);
        self.save(place, Some(meaning.clone()), &SourceState { report, documents, ..SourceState::default() }).await?;
        *last = Last { found, position, meaning, at: Some(now) };
        Ok(())
    }

    async fn save(&self, place: &Place, digest: Option<String>, state: &SourceState) -> Result<()> {
        let id = origin(place);
        let (before, now) = (self.app.store.source(&id).await?, self.app.now());
        let (last_commit, last_ok) = match digest {
            Some(digest) => (Some(digest), Some(now)),
            None => before.map(|row| (row.last_commit, row.last_ok)).unwrap_or_default(),
        };
        let (kind, location) = ("estate".to_owned(), place.to_string());
        let state = serde_json::to_value(state)?;
        let row = SourceRow { id, kind, location, last_commit, last_sync: Some(now), last_ok, state };
        Ok(self.app.store.put_source(&row).await?)
    }
}

fn origin(place: &Place) -> String {
    format!("estate:{place}")
}

/// What was found, whenever it was written: an export that is made anew each minute says nothing new by that.
fn digest_of(things: &[Found], problems: &[Problem]) -> Result<String> {
    let timeless: Vec<Found> = things.iter().map(|one| Found { time: None, ..one.clone() }).collect();
    Ok(canonical::etag(&serde_json::to_string(&(&timeless, problems))?))
}

fn digest(plan: &Plan) -> Result<String> {
    let reports: Vec<Observed> = plan.reports.iter().map(|one| Observed { time: None, ..one.clone() }).collect();
    let adoption = Adoption { sources: BTreeMap::new(), ..plan.adoption.clone() };
    Ok(canonical::etag(&serde_json::to_string(&(&reports, &adoption))?))
}

/// What is left out on purpose, and what was written so long ago that what it describes may run no more.
fn warnings(adoption: &Adoption, notes: Vec<String>, now: Micros) -> Vec<Warning> {
    let old =
        adoption.sources.iter().map(|(file, time)| (file, (now.0 - time.0) / DAY)).filter(|(_, days)| *days >= OLD);
    let old = old.map(|(file, days)| {
        let message = format!("It was written {days} days ago, and what it describes counts as seen then");
        let problem = Problem::new("adopt.old", "", message, "Write it anew, or take the place away.");
        Problem { file: Some(file.clone()), ..problem }
    });
    let notes = notes.into_iter().map(|note| Problem::new("adopt.left", "", note, ""));
    notes.chain(old).take(NAMED).map(|problem| Warning { problem, target: None }).collect()
}

/// What was done, and what is wrong: what could not be read, and what cannot be reported.
fn report(adoption: &Adoption, mut problems: Vec<Problem>) -> SyncReport {
    let count = |result: &str| adoption.reported.as_ref().and_then(|all| all.get(result)).copied().unwrap_or_default();
    let unplaced: Vec<_> = adoption.unmatched.iter().filter(|thing| thing.unplaced).collect();
    problems.extend(unplaced.iter().take(NAMED).map(|thing| {
        let mend = "Tag it, name the folder or namespace so, or adopt it by hand with --team and --environment.";
        let problem = Problem::new("adopt.unplaced", "", thing.why.clone(), mend);
        Problem { file: Some(thing.address.clone()), ..problem }
    }));
    if unplaced.len() > NAMED {
        let message = format!("{} more say neither team nor environment, or one of them", unplaced.len() - NAMED);
        problems.push(Problem::new("adopt.unplaced", "", message, "See all of them with loggia adopt … --dry-run."));
    }
    for one in adoption.proposed.iter().filter(|one| one.unplaced > 0) {
        let message = format!("{} of {} do not say team or environment", one.unplaced, one.what);
        problems.push(Problem::new("adopt.unplaced", "", message, "Tag them, or name folders or namespaces so."));
    }
    SyncReport { created: count("created"), changed: count("changed"), problems, ..SyncReport::default() }
}
