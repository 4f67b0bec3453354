//! The driver `replay`: keeps one small file for each instance and makes nothing else, and says so.
//!
//! It carries the history of example platforms and measures what an operation costs without a backend.

use async_trait::async_trait;
use loggia_app::instance::driver::{Backend, Driver, Failure, Observation, Plan, Presence, Request, RunLog};
use loggia_model::instance::{Condition, Verdict};
use serde_json::{Map, Value, json};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

/// Keeps files instead of making things.
pub struct ReplayDriver {
    folder: PathBuf,
}

impl ReplayDriver {
    /// A driver that keeps its files in `folder`, which must be there.
    pub fn new(folder: impl Into<PathBuf>) -> ReplayDriver {
        ReplayDriver { folder: folder.into() }
    }

    fn file(&self, key: &str) -> Result<PathBuf, Failure> {
        let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        match plain {
            true => Ok(self.folder.join(format!("{key}.json"))),
            false => Err(Failure::ours(format!("\"{key}\" is not a key"), "report this as a fault")),
        }
    }

    fn read(&self, key: &str) -> Result<Option<Map<String, Value>>, Failure> {
        let bytes = match std::fs::read(self.file(key)?) {
            Ok(bytes) => bytes,
            // Only a folder that is itself there can say that a file is missing.
            Err(error) if error.kind() == ErrorKind::NotFound && self.folder.is_dir() => return Ok(None),
            Err(error) => return Err(unreachable(&error)),
        };
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(kept)) => Ok(Some(kept)),
            _ => Ok(Some(Map::new())),
        }
    }

    /// Fails the first time where the recipe says that it did; the next try goes through.
    fn fail_once(&self, request: &Request, log: &dyn RunLog) -> Result<(), Failure> {
        let Some(fails) = request.recipe.get("fails") else { return Ok(()) };
        let text = |name: &str| fails.get(name).and_then(Value::as_str).unwrap_or_default();
        let known = self.read(&request.key)?.is_some();
        let mark = self.file(&request.key)?.with_extension("failed");
        // What is made anew never failed: only what went on to this version did.
        if !known || text("instance") != request.instance.trim_start_matches("instance:") || mark.exists() {
            return Ok(());
        }
        std::fs::write(mark, b"").map_err(|error| unreachable(&error))?;
        log.line(&format!("error: {}", text("message")));
        Err(Failure::ours(text("message"), text("mend")))
    }

    fn write(&self, request: &Request) -> Result<(), Failure> {
        let file = self.file(&request.key)?;
        let mut new = tempfile::NamedTempFile::new_in(&self.folder).map_err(|error| unreachable(&error))?;
        new.write_all(wanted(request).to_string().as_bytes()).map_err(|error| unreachable(&error))?;
        new.persist(file).map_err(|error| unreachable(&error.error))?;
        Ok(())
    }
}

fn unreachable(error: &std::io::Error) -> Failure {
    Failure::backend(format!("the folder of replayed things cannot be used: {error}"), "check the disk of the server")
}

fn wanted(request: &Request) -> Value {
    let outputs = request.recipe.get("outputs").cloned().unwrap_or_else(|| json!({}));
    json!({ "instance": request.instance, "version": request.version, "plan": request.plan, "outputs": outputs })
}

fn observation(kept: Option<&Map<String, Value>>) -> Observation {
    let text = |name: &str| kept.and_then(|k| k.get(name)).and_then(Value::as_str).unwrap_or_default().to_owned();
    let outputs = kept.and_then(|k| k.get("outputs")).and_then(Value::as_object).cloned().unwrap_or_default();
    let (presence, status) = match kept {
        Some(_) => (Presence::Present, Verdict::True),
        None => (Presence::Absent, Verdict::False),
    };
    let message = "Replayed, not real".to_owned();
    let condition = Condition { kind: "Ready".to_owned(), status, reason: "Replay".to_owned(), message };
    Observation {
        presence,
        version: text("version"),
        conditions: vec![condition],
        outputs,
        secret_outputs: Vec::new(),
        readings: Vec::new(),
    }
}

#[async_trait]
impl Driver for ReplayDriver {
    fn name(&self) -> &str {
        "replay"
    }

    async fn probe(&self, _: &Backend) -> Result<(), Failure> {
        std::fs::read_dir(&self.folder).map_err(|error| unreachable(&error)).map(drop)
    }

    async fn plan(&self, request: &Request, _: &dyn RunLog) -> Result<Plan, Failure> {
        let kept = self.read(&request.key)?.map(Value::Object);
        let changes = match kept {
            Some(kept) if kept == wanted(request) => Vec::new(),
            Some(_) => vec![format!("change {} (replayed)", request.instance)],
            None => vec![format!("make {} (replayed)", request.instance)],
        };
        Ok(Plan { changes })
    }

    async fn apply(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        self.fail_once(request, log)?;
        if !self.plan(request, log).await?.changes.is_empty() {
            self.write(request)?;
        }
        log.line("replayed, nothing was made");
        self.observe(request, log).await
    }

    async fn observe(&self, request: &Request, _: &dyn RunLog) -> Result<Observation, Failure> {
        Ok(observation(self.read(&request.key)?.as_ref()))
    }

    async fn marked(&self, _: &Backend) -> Result<Option<Vec<String>>, Failure> {
        let all = std::fs::read_dir(&self.folder).map_err(|error| unreachable(&error))?.flatten();
        let key = |entry: std::fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".json").map(str::to_owned);
        Ok(Some(all.filter_map(key).collect()))
    }

    async fn destroy(&self, request: &Request, _: &dyn RunLog) -> Result<(), Failure> {
        match std::fs::remove_file(self.file(&request.key)?) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound && self.folder.is_dir() => Ok(()),
            Err(error) => Err(unreachable(&error)),
        }
    }
}
