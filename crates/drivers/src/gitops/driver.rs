//! The driver itself.

use super::place::{self, Found, MARK, away, refused};
use super::told::{State, Told};
use crate::gates::Gates;
use crate::git::import::{NewFile, Signature};
use crate::git::render;
use crate::git::source::{EditError, Source};
use crate::redact::{CleanLog, Redactor};
use async_trait::async_trait;
use loggia_app::instance::driver::{Backend, Driver, Failure, Observation, Plan, Presence, Request, RunLog};
use loggia_model::instance::{Condition, Verdict};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often a commit is made anew when somebody else was faster.
const RACES: usize = 10;
/// A repository that has just answered is not asked again whether it does.
const FRESH: Duration = Duration::from_secs(25);
/// The pause between two looks while somebody else makes it so.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes into repositories.
pub struct GitOpsDriver {
    cache: PathBuf,
    repositories: PathBuf,
    gates: Gates,
    /// When each repository answered last.
    answered: Mutex<HashMap<String, Instant>>,
}

/// What to send when a look says what stands there: files and a message, or nothing.
type Decide<'a> = dyn Fn(&Found) -> Result<Option<(Vec<NewFile>, String)>, Failure> + Send + Sync + 'a;

impl GitOpsDriver {
    /// A driver with a folder for copies of repositories, and the folder of this server's own repositories.
    pub fn new(cache: impl Into<PathBuf>, repositories: impl Into<PathBuf>) -> GitOpsDriver {
        let (cache, repositories) = (cache.into(), repositories.into());
        GitOpsDriver { cache, repositories, gates: Gates::default(), answered: Mutex::default() }
    }

    fn source(&self, backend: &Backend) -> Result<Source, Failure> {
        place::source(backend, &self.cache, &self.repositories)
    }

    /// One copy of a repository is used by one at a time.
    async fn look(&self, source: &Source, request: &Request) -> Result<Found, Failure> {
        let _alone = self.gates.enter(&gate(&request.backend)).await;
        place::look(source, request).await
    }

    /// Commits what is decided, each time on what stands there then, until the repository takes it.
    async fn send(&self, source: &Source, request: &Request, decide: &Decide<'_>) -> Result<Option<String>, Failure> {
        let _alone = self.gates.enter(&gate(&request.backend)).await;
        let mut why = String::new();
        for _ in 0..RACES {
            let found = place::look(source, request).await?;
            let Some((files, message)) = decide(&found)? else { return Ok(None) };
            match source.commit_files(&found.head, &author(request), &message, &files).await {
                Ok(commit) => return Ok(Some(commit)),
                Err(EditError::PushRejected(said)) => why = said,
                Err(error) => return Err(refused(&error)),
            }
        }
        Err(refused(&EditError::PushRejected(why)))
    }

    /// Waits until somebody tells that it is as wanted.
    async fn made_so(&self, source: &Source, request: &Request, log: &dyn RunLog) -> Result<(), Failure> {
        let Some(wait) = place::wait(&request.backend) else { return Ok(()) };
        let limit = Instant::now() + wait;
        let mut last = String::new();
        loop {
            let found = self.look(source, request).await?;
            let current = is_current(source, request, &found).await?;
            if let Some(told) = found.told.filter(|_| current) {
                if told.message != last {
                    log.line(&told.message);
                    last.clone_from(&told.message);
                }
                match told.state {
                    State::Ready => return Ok(()),
                    State::Failed => {
                        let mend = "Correct the release, or what it stands on, then try again.";
                        return Err(Failure::ours(format!("It could not be made so: {}", told.message), mend));
                    }
                    State::Progressing | State::Gone => {}
                }
            }
            if Instant::now() + PAUSE > limit {
                let message =
                    format!("It is committed, and nobody told within {} seconds that it is so.", wait.as_secs());
                return Err(Failure::backend(
                    message,
                    "It is looked at again; look whether the repository is followed.",
                ));
            }
            sleep(PAUSE).await;
        }
    }
}

fn gate(backend: &Backend) -> String {
    backend.config.get("repository").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn author(request: &Request) -> Signature {
    let name = request.requested_by.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("loggia");
    Signature { name: name.to_owned(), email: format!("{name}@loggia.localhost") }
}

/// Whether what is told is about the newest change of the folder.
async fn is_current(source: &Source, request: &Request, found: &Found) -> Result<bool, Failure> {
    let Some(told) = &found.told else { return Ok(false) };
    let folder = place::folder(request)?;
    let last = source.last_change(&found.head, &folder).await.map_err(|error| away(&error))?;
    Ok(match last {
        Some(last) => source.has_in_it(&told.commit, &last).await,
        None => false,
    })
}

fn lines(found: &Found, changes: &[NewFile]) -> Vec<String> {
    let line = |file: &NewFile| match (&file.bytes, found.files.contains_key(&file.path)) {
        (None, _) => format!("remove {}", file.path),
        (Some(_), true) => format!("change {}", file.path),
        (Some(_), false) => format!("add {}", file.path),
    };
    changes.iter().map(line).collect()
}

/// What has to be committed so that it is as wanted.
fn changes(request: &Request, found: &Found) -> Result<Vec<NewFile>, Failure> {
    let foreign = found.key.as_ref().is_some_and(|key| *key != request.key);
    if foreign || (found.key.is_none() && !found.files.is_empty()) {
        let folder = place::folder(request)?;
        let message = format!("{folder} is somebody else's in the repository of the environment.");
        return Err(Failure::yours(message, "Choose another name, or move what is there."));
    }
    let mut changes = place::difference(found, &place::wanted(request)?);
    if !found.is_of(&request.key) || found.version != request.version {
        changes.push(place::mark(request)?);
    }
    Ok(changes)
}

fn outputs(request: &Request, told: Option<&Told>) -> Result<Map<String, Value>, Failure> {
    let mut all = told.map(|told| told.outputs.clone()).unwrap_or_default();
    for (name, text) in request.recipe.get("outputs").and_then(Value::as_object).into_iter().flatten() {
        let text = text.as_str().ok_or_else(|| render::wrong(format!("the output {name} is no text")))?;
        all.insert(name.clone(), render::line(request, name, text)?.into());
    }
    Ok(all)
}

fn drifted(found: &Found, changes: &[NewFile]) -> Condition {
    let (status, reason, message) = match changes.is_empty() {
        true => (Verdict::False, "Same", "The repository is as it was written".to_owned()),
        false => {
            (Verdict::True, "Differs", format!("To make it right again would: {}", lines(found, changes).join("; ")))
        }
    };
    Condition { kind: "Drifted".to_owned(), status, reason: reason.to_owned(), message }
}

impl GitOpsDriver {
    async fn seen(&self, source: &Source, request: &Request) -> Result<Observation, Failure> {
        let found = self.look(source, request).await?;
        let current = is_current(source, request, &found).await?;
        let mut seen = Observation::absent();
        let tells = place::wait(&request.backend).is_some();
        if !found.is_of(&request.key) {
            // The files are gone; what they described is gone only when that is told of this very state.
            let left = found.told.as_ref().filter(|told| tells && !(told.state == State::Gone && current));
            if let Some(told) = left {
                seen.presence = Presence::Unknown;
                seen.conditions.push(Told::ready(Some(told), false));
            }
            return Ok(seen);
        }
        seen.presence = Presence::Present;
        let told = found.told.as_ref().filter(|_| tells);
        seen.version = told.map(|told| told.version.clone()).filter(|v| !v.is_empty()).unwrap_or(found.version.clone());
        seen.conditions.push(match tells {
            true => Told::ready(told, current),
            false => Condition {
                kind: "Ready".to_owned(),
                status: Verdict::True,
                reason: "Committed".to_owned(),
                message: "It is in the repository; nobody tells here what becomes of it".to_owned(),
            },
        });
        seen.conditions.push(drifted(&found, &changes(request, &found)?));
        seen.outputs = outputs(request, told)?;
        Ok(seen)
    }
}

#[async_trait]
impl Driver for GitOpsDriver {
    fn name(&self) -> &str {
        "gitops"
    }

    fn plain_settings(&self) -> &[&'static str] {
        &["template", "raw", "outputs"]
    }

    fn loses_data(&self, recipe: &Map<String, Value>, _: &Map<String, Value>) -> bool {
        // Nobody can tell from outside: files may describe anything.
        recipe.get("keeps_data").and_then(Value::as_bool) != Some(false)
    }

    async fn probe(&self, backend: &Backend) -> Result<(), Failure> {
        let (source, name) = (self.source(backend)?, gate(backend));
        let answered = || self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if answered().get(&name).is_some_and(|at| at.elapsed() < FRESH) {
            return Ok(());
        }
        let _alone = self.gates.enter(&name).await;
        let fetched = source.fetch().await.map(|_| {
            answered().insert(name, Instant::now());
        });
        let redactor = Redactor::of_backend(backend);
        fetched.map_err(|error| redactor.failure(&away(&error)))
    }

    async fn plan(&self, request: &Request, _: &dyn RunLog) -> Result<Plan, Failure> {
        let redactor = Redactor::of(request);
        let work = async {
            let found = self.look(&self.source(&request.backend)?, request).await?;
            Ok(lines(&found, &changes(request, &found)?))
        };
        let lines = work.await.map_err(|failure: Failure| redactor.failure(&failure))?;
        Ok(Plan { changes: lines.iter().map(|line| redactor.text(line)).collect() })
    }

    async fn apply(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        let redactor = Redactor::of(request);
        let log = CleanLog::new(log, &redactor);
        let work = async {
            let source = self.source(&request.backend)?;
            let decide = |found: &Found| {
                let files = changes(request, found)?;
                let verb = if found.is_of(&request.key) { "Change" } else { "Make" };
                let Request { instance, offering, version, key, .. } = request;
                let message = format!("{verb} {instance}: {offering} {version}\n\nLoggia-Key: {key}\n");
                Ok((!files.is_empty()).then_some((files, message)))
            };
            if let Some(commit) = self.send(&source, request, &decide).await? {
                log.line(&format!("commit {commit} is sent"));
            }
            self.made_so(&source, request, &log).await?;
            self.seen(&source, request).await
        };
        Ok(redactor.observation(work.await.map_err(|failure: Failure| redactor.failure(&failure))?))
    }

    async fn observe(&self, request: &Request, _: &dyn RunLog) -> Result<Observation, Failure> {
        let redactor = Redactor::of(request);
        let work = async { self.seen(&self.source(&request.backend)?, request).await };
        Ok(redactor.observation(work.await.map_err(|failure: Failure| redactor.failure(&failure))?))
    }

    async fn marked(&self, backend: &Backend) -> Result<Option<Vec<String>>, Failure> {
        let source = self.source(backend)?;
        let _alone = self.gates.enter(&gate(backend)).await;
        place::keys(&source).await.map(Some)
    }

    async fn destroy(&self, request: &Request, log: &dyn RunLog) -> Result<(), Failure> {
        let redactor = Redactor::of(request);
        let work = async {
            let (source, folder) = (self.source(&request.backend)?, place::folder(request)?);
            let decide = |found: &Found| {
                if !found.is_of(&request.key) {
                    return Ok(None);
                }
                let all = found.files.keys().cloned().chain([format!("{folder}/{MARK}")]);
                let files = all.map(|path| NewFile { path, bytes: None, executable: false }).collect();
                Ok(Some((files, format!("Remove {}\n\nLoggia-Key: {}\n", request.instance, request.key))))
            };
            self.send(&source, request, &decide).await
        };
        if let Some(commit) = work.await.map_err(|failure: Failure| redactor.failure(&failure))? {
            log.line(&format!("commit {commit} takes it away"));
        }
        Ok(())
    }
}
