//! Reading registered places: a file at an address, with the files that its Locations name.

use crate::App;
use crate::access::caller::{Caller, Door};
use crate::error::Result;
use crate::instance::driver::Failure;
use crate::instance::git_http::GitAddress;
use crate::record::prepare::{Place, Prepared, prepare_from};
use crate::source::fetch::{Fetch, beside, raw};
use crate::source::location::{self, NoteReading, Registered, TakeOver};
use crate::source::placeholders;
use crate::source::reach::Reach;
use crate::source::reader::Written;
use crate::source::sync::{SyncReport, SyncSource};
use crate::source::untaken::{self, Broken};
use futures_util::stream::{FuturesUnordered, StreamExt};
use loggia_graph::Audience;
use loggia_model::canonical::hex;
use loggia_model::{Document, Uid, yaml};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Notify, Semaphore, watch};
use tokio::time::MissedTickBehavior;

/// How long a place that was read is left alone.
const INTERVAL: Duration = Duration::from_secs(100);
/// How often it is looked which places are due.
const TICK: Duration = Duration::from_secs(5);
/// How many places are read at once. Those of teams' own repositories have turns of their own: they lie on this server's
/// disk, and no host elsewhere holds them up.
const AT_ONCE: usize = 32;
const OWN_AT_ONCE: usize = 4;
/// Longest time for one place with all its files.
const BUDGET: Duration = Duration::from_secs(60);
/// How long those that are being read may take to end, when the server stops.
const GRACE: Duration = Duration::from_secs(1);
/// Most files of one place.
const MOST_FILES: usize = 1_000;

/// The kinds that the repository of a team may describe: whoever is of the team writes there.
const TEAMS_OWN: [&str; 4] = ["Component", "API", "Resource", "System"];
/// The kinds that give rights over the platform or reach its backends: no registered place brings them, only the
/// repositories that the operator named and administrators.
const NOT_FROM_PLACES: [&str; 3] = ["Product", "Environment", "Instance"];
/// The kinds that say who is of which team: only places that an administrator registered bring them.
const FROM_TRUSTED: [&str; 2] = ["User", "Group"];
/// What leaves a trusted place that brought it before that was refused: it gives rights.
const NEVER: [&str; 1] = ["product"];
/// The same for a place that nobody vouches for.
const NEVER_UNTRUSTED: [&str; 3] = ["product", "user", "group"];

/// What was read at a place.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Documents that are right by themselves, in the order in which they were met.
    pub prepared: Vec<Prepared>,
    /// What is wrong, in the words of Backstage.
    pub errors: Vec<String>,
    /// Files with a document that is wrong: what they described before stays.
    pub broken: Broken,
    /// Whether something could not be read that may lead to other files: nobody knows what they hold.
    pub partial: bool,
    /// Digest of everything that was read.
    pub digest: String,
    /// Whether an administrator vouches for the place.
    trusted: bool,
}

/// What is known of a place that was read: when, as what, and the digest of what it held.
type Known = (Instant, Registered, String);

/// What is known of all places.
#[derive(Default)]
struct State {
    /// When each was read last, and what.
    read: HashMap<Uid, Known>,
    /// Those to be read anew, also when they are being read right now.
    again: HashSet<Uid>,
}

/// The registered places of this server.
pub struct Places {
    app: Arc<App>,
    fetch: Arc<dyn Fetch>,
    state: Mutex<State>,
    wake: Notify,
    turns: Semaphore,
    own_turns: Semaphore,
    budget: Duration,
}

impl Places {
    /// For an application, with a way to read addresses.
    pub fn new(app: Arc<App>, fetch: Arc<dyn Fetch>) -> Places {
        let (turns, own_turns) = (Semaphore::new(AT_ONCE), Semaphore::new(OWN_AT_ONCE));
        Places { app, fetch, state: Mutex::default(), wake: Notify::new(), turns, own_turns, budget: BUDGET }
    }

    /// With another longest time for one place.
    pub fn within(self, budget: Duration) -> Places {
        Places { budget, ..self }
    }

    /// Reads addresses.
    pub fn fetch(&self) -> &dyn Fetch {
        &*self.fetch
    }

    /// Reads a place now, whether or not its time has come.
    pub async fn read_again(&self, id: Uid) {
        let mut state = self.state.lock().await;
        state.read.remove(&id);
        state.again.insert(id);
        drop(state);
        self.wake.notify_one();
    }

    /// Reads places again and again until `stop` turns true. They are read by themselves and side by side: a host that
    /// does not answer holds up no repository and no other place.
    pub async fn follow(&self, mut stop: watch::Receiver<bool>) {
        let (mut reading, mut busy) = (FuturesUnordered::new(), HashSet::new());
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !*stop.borrow() {
            tokio::select! {
                _ = tick.tick() => {}
                () = self.wake.notified() => {}
                Some(id) = reading.next() => {
                    busy.remove(&id);
                    continue;
                }
                _ = stop.changed() => break,
            }
            for (place, known) in self.due(&busy).await {
                busy.insert(place.id);
                reading.push(self.turn(place, known));
            }
        }
        // What is cut off here is read anew at the next start.
        if tokio::time::timeout(GRACE, reading.count()).await.is_err() {
            tracing::info!("the server stops while places are being read");
        }
    }

    /// Every place whose time has come, and that is not being read, with the digest of what it held.
    async fn due(&self, busy: &HashSet<Uid>) -> Vec<(Registered, Option<String>)> {
        let state = self.state.lock().await;
        let one = |place: Registered| {
            let known = state.read.get(&place.id);
            let rested = known.is_none_or(|(at, ..)| at.elapsed() >= INTERVAL);
            let moved = known.is_some_and(|(_, as_what, _)| *as_what != place);
            // The same text means something else at a place that is trusted by now.
            let digest = known.filter(|_| !moved).map(|(.., digest)| digest.clone());
            ((rested || moved) && !busy.contains(&place.id)).then_some((place, digest))
        };
        location::registered(&self.app.graph(), &Audience::All).into_iter().filter_map(one).collect()
    }

    /// Reads a place when it is its turn.
    async fn turn(&self, place: Registered, known: Option<String>) -> Uid {
        let id = place.id;
        let turns = if self.fetch.is_own(&place.target) { &self.own_turns } else { &self.turns };
        let Ok(_turn) = turns.acquire().await else { return id };
        self.state.lock().await.again.remove(&id);
        let done = self.take_over(&place, known).await;
        let mut state = self.state.lock().await;
        match done {
            Ok(digest) if !state.again.contains(&id) => {
                state.read.insert(id, (Instant::now(), place, digest));
            }
            // Somebody asked for it meanwhile.
            Ok(_) => self.wake.notify_one(),
            Err(error) => tracing::warn!(target = %place.target, %error, "a place could not be taken over"),
        }
        id
    }

    /// Reads a place and takes over what changed; gives the digest of what was read.
    async fn take_over(&self, place: &Registered, known: Option<String>) -> Result<String> {
        let caller = Caller::system("sync", Door::Sync);
        let reach = Reach::from(&self.app, &*self.fetch, &place.target);
        let gathering = self.gather(&place.kind, &place.target, place.trusted, &reach);
        let gathered = tokio::time::timeout(self.budget, gathering).await.unwrap_or_else(|_| {
            let message = format!("Unable to read url, it took longer than {} seconds", self.budget.as_secs());
            Err(Failure::backend(message, "It is tried again by itself."))
        });
        let gathered = match gathered {
            Ok(gathered) => gathered,
            Err(failure) => {
                // What gives rights does not wait until the place can be read again.
                let nothing = Gathered { partial: true, ..Gathered::default() };
                self.app.run(&caller, self.sync(place, nothing).await?).await?;
                let failure = Some(failure.message);
                self.app.run(&caller, NoteReading { id: place.id, read: false, failure }).await?;
                return Ok(String::new());
            }
        };
        self.app.looked.note(&place.origin(), self.app.now());
        if known.as_ref() == Some(&gathered.digest) {
            return Ok(gathered.digest);
        }
        let mut errors = gathered.errors.clone();
        let digest = gathered.digest.clone();
        let done = self.app.run(&caller, self.sync(place, gathered).await?).await?;
        // The answer is empty when the place was changed meanwhile.
        let report: Option<SyncReport> = serde_json::from_value(done.answer)?;
        let problems = report.map(|report| report.problems).unwrap_or_default();
        errors.extend(problems.iter().map(ToString::to_string));
        let failure = (!errors.is_empty()).then(|| errors.join("\n"));
        self.app.run(&caller, NoteReading { id: place.id, read: true, failure }).await?;
        // What does not fit to other things may fit next time, without another text.
        Ok(if problems.is_empty() { digest } else { String::new() })
    }

    /// The command that takes over what was read at a place.
    async fn sync(&self, place: &Registered, gathered: Gathered) -> Result<TakeOver> {
        let vouched = place.trusted && !self.fetch.is_own(&place.target);
        let sync = SyncSource {
            origin: place.origin().into(),
            prepared: gathered.prepared,
            same: HashSet::new(),
            partial: gathered.partial,
            unwelcome: if vouched { &NEVER } else { &NEVER_UNTRUSTED },
            broken: gathered.broken,
            commit: gathered.digest,
            // Nobody sits beside a registered place to confirm what leaves it.
            confirmed: true,
            written: Written::default(),
            returning: HashMap::new(),
        };
        Ok(TakeOver { place: place.clone(), sync: sync.remembering(&self.app).await? })
    }

    /// Reads addresses for a caller.
    pub fn reach<'a>(&'a self, caller: &Caller) -> Reach<'a> {
        Reach::of(&self.app, &*self.fetch, caller)
    }

    /// Passes when a caller may have a place read: of teams' repositories, only those that they may read themselves.
    ///
    /// # Errors
    /// As [`App::git_access`].
    pub fn admit(&self, caller: &Caller, target: &str) -> Result<()> {
        match self.fetch.own(&raw(target)) {
            Some(own) => self.app.git_access(caller, &own).map(drop),
            None => Ok(()),
        }
    }

    /// Reads anew what lies in a repository of a team, because somebody has sent commits to it.
    pub async fn pushed(&self, repository: &GitAddress) {
        let is_it = |own: GitAddress| (&own.team, &own.name) == (&repository.team, &repository.name);
        for place in location::registered(&self.app.graph(), &Audience::All) {
            if self.fetch.own(&raw(&place.target)).is_some_and(is_it) {
                self.read_again(place.id).await;
            }
        }
    }

    /// Reads a place with all that it leads to, and changes nothing. `trusted` says whether an administrator vouches
    /// for it, `reach` in whose name it is read.
    ///
    /// # Errors
    /// When the place itself cannot be read.
    pub async fn gather(
        &self,
        kind: &str,
        target: &str,
        trusted: bool,
        reach: &Reach<'_>,
    ) -> Result<Gathered, Failure> {
        let mut gathered = Gathered { trusted, ..Gathered::default() };
        let mut digest = Sha256::new();
        let mut waiting = VecDeque::from([target.to_owned()]);
        let mut met = HashSet::from([target.to_owned()]);
        while let Some(url) = waiting.pop_front() {
            let bytes = match reach.fetch(&url).await {
                Ok(bytes) => bytes,
                Err(failure) if url == target => return Err(failure),
                Err(failure) => {
                    gathered.unread(&url, format!("Unable to read url, {}", failure.message));
                    continue;
                }
            };
            digest.update(&bytes);
            let place = Place { location: format!("{kind}:{url}"), origin: format!("{kind}:{target}") };
            for next in self.file(&url, &bytes, (&place, reach), &mut gathered).await {
                if met.len() < MOST_FILES && met.insert(next.clone()) {
                    waiting.push_back(next);
                }
            }
        }
        gathered.digest = hex(&digest.finalize());
        Ok(gathered)
    }

    /// Takes in the documents of one file, and gives the addresses that its Locations name.
    async fn file(&self, url: &str, bytes: &[u8], from: (&Place, &Reach<'_>), gathered: &mut Gathered) -> Vec<String> {
        let mut next = Vec::new();
        let Ok(text) = std::str::from_utf8(bytes) else {
            gathered.unread(url, format!("{url} is not UTF-8"));
            return next;
        };
        for parsed in yaml::parse(text) {
            match parsed.document {
                Ok(value) => next.extend(self.document(url, parsed.index, value, from, gathered).await),
                Err(problem) => {
                    let message = format!("YAML error at {url}#{}, {}", parsed.index, problem.message);
                    gathered.unread(url, message);
                }
            }
        }
        next
    }

    async fn document(
        &self,
        url: &str,
        at: usize,
        mut value: Value,
        (place, reach): (&Place, &Reach<'_>),
        gathered: &mut Gathered,
    ) -> Vec<String> {
        let unfilled = placeholders::fetch_and_fill(&mut value, url, reach).await;
        let location = Document(value.clone());
        let who = [location.kind(), location.name()].join(" ");
        let wrong = |gathered: &mut Gathered, message: String| match location.kind() {
            // Where it leads is not known.
            "Location" => gathered.unread(url, message),
            _ => gathered.wrong(url, message),
        };
        if let Some(one) = unfilled.into_iter().next() {
            wrong(gathered, format!("{url}#{at}: {}: {}", who.trim(), one.message));
            return Vec::new();
        }
        let leads = location.kind() == "Location" && ["", "url"].contains(&location.spec_text("type"));
        match prepare_from(value, &format!("{url}#{at}"), Some(place)) {
            Ok(prepared) => match refusal(&prepared, self.fetch.is_own(url), gathered.trusted) {
                // It was read, and is not wanted: it is nothing to wait for.
                Some(message) => {
                    gathered.errors.push(format!("{url}#{at}: {message}"));
                    return Vec::new();
                }
                None => gathered.prepared.push(prepared),
            },
            Err(problems) => {
                let why: Vec<String> = problems.iter().map(untaken::told).collect();
                wrong(gathered, format!("{url}#{at}: {}: {}", who.trim(), why.join(" ")));
                return Vec::new();
            }
        }
        match leads {
            true => location::targets(&location).filter_map(|target| beside(url, target)).collect(),
            false => Vec::new(),
        }
    }
}

/// Why a document is not taken from a place, and what to do; none when it is. `own` says that the file is in the
/// repository of a team.
fn refusal(prepared: &Prepared, own: bool, trusted: bool) -> Option<String> {
    let (kind, name) = (prepared.kind, prepared.reference.name());
    if own && !TEAMS_OWN.contains(&kind) {
        return Some(format!(
            "The {kind} {name} was not taken: the repository of a team brings only {}. Take it out of the file.",
            TEAMS_OWN.join(", ")
        ));
    }
    if NOT_FROM_PLACES.contains(&kind) {
        return Some(format!(
            "The {kind} {name} was not taken: no registered place brings that. Take it out of the file, and ask an \
             administrator to add it."
        ));
    }
    (!trusted && FROM_TRUSTED.contains(&kind)).then(|| {
        format!(
            "The {kind} {name} was not taken: it says who is of which team, and no administrator registered this \
             place. Ask one to register the same address, or take it out of the file."
        )
    })
}

impl Gathered {
    /// Notes what could not be read, and may lead to more.
    fn unread(&mut self, url: &str, message: String) {
        self.partial = true;
        self.wrong(url, message);
    }

    fn wrong(&mut self, url: &str, message: String) {
        self.broken.entry(url.to_owned()).or_default().push(message.clone());
        self.errors.push(message);
    }
}
