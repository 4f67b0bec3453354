//! The driver itself.

use super::house::{House, PORTS, unusable};
use super::place::{ENDING, Place, REFUSED, RUNNING, Refused, Role, Running, WANTED};
use super::wanted::{Source, Wanted, secrets};
use super::{code, health, keeper};
use crate::redact::{CleanLog, Redactor};
use async_trait::async_trait;
use loggia_app::instance::driver::{Backend, Driver, Failure, Observation, Plan, Presence, Request, RunLog, Secret};
use loggia_model::instance::{Condition, Verdict};
use serde_json::Map;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How many of the last lines are told.
const LINES: usize = 10;

/// What the operator decided about programs on this machine.
#[derive(Clone, Debug)]
pub struct ProcessOptions {
    /// Where each program has its folder; must be there.
    pub root: PathBuf,
    /// The folder of the repositories of this server.
    pub repositories: PathBuf,
    /// Whether a program may run only inside a sandbox.
    pub require_sandbox: bool,
    /// Whether programs end with the server when it ends in order; otherwise they go on.
    pub end_with_server: bool,
}

/// Keeps programs running on this machine.
pub struct ProcessDriver {
    house: Arc<House>,
    end_with_server: bool,
}

/// What is asked for, and what is there.
struct Look {
    place: Place,
    wanted: Wanted,
    code: String,
    before: Option<Running>,
    held: bool,
    /// What tells its secrets from others.
    secrets: String,
}

impl Look {
    fn is_right(&self) -> bool {
        let same = |running: &Running| {
            running.wanted == self.wanted.digest() && running.code == self.code && running.secrets == self.secrets
        };
        self.held && self.before.as_ref().is_some_and(same)
    }
}

impl ProcessDriver {
    /// A driver over a folder. It must be made within a runtime: it looks after the programs from now on.
    pub fn new(options: ProcessOptions) -> ProcessDriver {
        let house = Arc::new(House::new(options.root, options.repositories, options.require_sandbox));
        tokio::spawn(keeper::keep(Arc::downgrade(&house)));
        ProcessDriver { house, end_with_server: options.end_with_server }
    }

    fn there(&self) -> Result<(), Failure> {
        std::fs::read_dir(&self.house.root).map_err(|error| unusable(&error)).map(drop)
    }

    /// The folder of a request; its secrets are known from now on.
    fn place(&self, request: &Request) -> Result<Place, Failure> {
        self.there()?;
        self.house.remember(&request.key, secrets(request)?);
        self.house.place(&request.key)
    }

    fn look(&self, request: &Request) -> Result<Look, Failure> {
        let (place, wanted) = (self.place(request)?, Wanted::of(request)?);
        let code = code::newest(&self.house.repositories, &wanted.source)?;
        let before: Option<Running> = place.read(RUNNING).map_err(|error| unusable(&error))?;
        let held = place.is_held(Role::Serving).map_err(|error| unusable(&error))?;
        let known = before.as_ref().map(|running| running.secrets.as_str()).unwrap_or_default();
        let secrets = fingerprint(&request.secret_inputs, known);
        Ok(Look { place, wanted, code, before, held, secrets })
    }

    /// Makes sure that what is wanted runs, under the gate of its key.
    async fn bring(&self, request: &Request, look: &Look, log: &dyn RunLog) -> Result<(), Failure> {
        let Look { place, wanted, code, secrets, .. } = look;
        let house = &self.house;
        let broken = |error: std::io::Error| unusable(&error);
        place.write(WANTED, wanted).map_err(broken)?;
        place.forget(ENDING).map_err(broken)?;
        let port = house.port(place, &ports(&request.backend)?)?;
        match &wanted.source {
            Source::Files(digest) => code::write(place, digest, request).map_err(broken)?,
            Source::Repository { name, .. } => {
                let done = code::check_out(&house.repositories, place, &wanted.source, code).await;
                done.map_err(|error| Failure::backend(error.to_string(), "It is tried again by itself."))?;
                log.line(&format!("commit {} of {name} is in place", short(code)));
            }
        }
        if house.bwrap().await?.is_none() {
            log.line("note: runs without a sandbox, because bwrap is not installed or not allowed here");
        }
        house.end(place, Role::Trial).await?;
        if look.held && look.before.is_some() {
            log.line("the new one is tried beside the one that serves");
            house.try_out(place, wanted, code).await?;
        }
        let running = Running { wanted: wanted.digest(), code: code.clone(), port, secrets: secrets.clone() };
        house.switch(place, wanted, &running).await?;
        log.line(&format!("it answers at http://{}:{port}", wanted.host));
        place.forget(REFUSED).map_err(broken)
    }

    async fn seen(&self, request: &Request, place: &Place, log: &dyn RunLog) -> Result<Observation, Failure> {
        let broken = |error: std::io::Error| unusable(&error);
        let wanted: Option<Wanted> = place.read(WANTED).map_err(broken)?;
        let running: Option<Running> = place.read(RUNNING).map_err(broken)?;
        let (Some(wanted), Some(running)) = (wanted, running) else { return Ok(half_made()) };
        let mut conditions = vec![self.ready(place, &wanted, &running).await?];
        let mut outputs = Map::new();
        outputs.insert("url".to_owned(), format!("http://{}:{}", wanted.host, running.port).into());
        if let Source::Repository { .. } = wanted.source {
            outputs.insert("commit".to_owned(), running.code.clone().into());
            conditions.push(taken_in(place.read(REFUSED).map_err(broken)?, &running));
        }
        for line in place.last_lines(Role::Serving, LINES) {
            log.line(&line);
        }
        let seen = Observation {
            presence: Presence::Present,
            version: wanted.version,
            conditions,
            outputs,
            secret_outputs: Vec::new(),
            readings: Vec::new(),
        };
        Ok(Redactor::of(request).observation(seen))
    }

    async fn ready(&self, place: &Place, wanted: &Wanted, running: &Running) -> Result<Condition, Failure> {
        let said = || format!("It wrote last: {}", place.last_lines(Role::Serving, 3).join(" | "));
        if !place.is_held(Role::Serving).map_err(|error| unusable(&error))? {
            return Ok(condition("Ready", false, "Ended", format!("It has ended and is started again. {}", said())));
        }
        Ok(match health::answers(running.port, &wanted.health).await {
            true => condition("Ready", true, "Answers", format!("Answers on port {}", running.port)),
            false => condition("Ready", false, "Silent", format!("It runs and does not answer. {}", said())),
        })
    }
}

/// What tells some secrets from others, with the salt of a known one; empty where there are none.
fn fingerprint(secrets: &[(String, Secret)], known: &str) -> String {
    if secrets.is_empty() {
        return String::new();
    }
    let fresh = || crate::sha256(&rand::random::<[u8; 16]>()).chars().take(32).collect();
    let salt: String = known.split_once(':').map_or_else(fresh, |(salt, _)| salt.to_owned());
    let mut all: Vec<&(String, Secret)> = secrets.iter().collect();
    all.sort_by_key(|(name, _)| name.as_str());
    // Revealed to be told apart; nobody gets them back from this.
    let text: Vec<String> = all.iter().map(|(name, secret)| format!("{name}={}", secret.reveal())).collect();
    let digest = crate::sha256(format!("{salt}\n{}", text.join("\0")).as_bytes());
    format!("{salt}:{digest}")
}

fn short(commit: &str) -> &str {
    &commit[..commit.len().min(12)]
}

fn condition(kind: &str, holds: bool, reason: &str, message: String) -> Condition {
    let status = if holds { Verdict::True } else { Verdict::False };
    Condition { kind: kind.to_owned(), status, reason: reason.to_owned(), message }
}

/// Whether the newest commit serves.
fn taken_in(refused: Option<Refused>, running: &Running) -> Condition {
    match refused {
        None => condition("Deployed", true, "Newest", format!("Commit {} serves", short(&running.code))),
        Some(Refused { commit, why }) => {
            let message = format!("Commit {} goes on, because {} failed: {why}", short(&running.code), short(&commit));
            condition("Deployed", false, "Refused", message)
        }
    }
}

/// Something is there, but it was never started.
fn half_made() -> Observation {
    Observation {
        presence: Presence::Present,
        version: String::new(),
        conditions: vec![condition("Ready", false, "HalfMade", "It was not started yet".to_owned())],
        outputs: Map::new(),
        secret_outputs: Vec::new(),
        readings: Vec::new(),
    }
}

fn ports(backend: &Backend) -> Result<RangeInclusive<u16>, Failure> {
    let Some(text) = backend.config.get("ports") else { return Ok(PORTS) };
    let both = text.as_str().and_then(|text| text.split_once('-'));
    let range = both.and_then(|(from, to)| Some(from.trim().parse().ok()?..=to.trim().parse().ok()?));
    range.filter(|range| !range.is_empty() && *range.start() > 0).ok_or_else(|| {
        let message = format!("The ports {text} of the backend {} are not a range.", backend.name);
        Failure::ours(message, "Write them as `ports: 21000-24999`.")
    })
}

#[async_trait]
impl Driver for ProcessDriver {
    fn name(&self) -> &str {
        "process"
    }

    /// Nothing of a recipe leads a secret anywhere: this driver sends none.
    fn plain_settings(&self) -> &[&'static str] {
        &["command", "environment", "health", "start", "repository", "branch", "template", "variables"]
    }

    async fn probe(&self, backend: &Backend) -> Result<(), Failure> {
        self.there()?;
        ports(backend)?;
        self.house.bwrap().await.map(drop)
    }

    async fn plan(&self, request: &Request, _: &dyn RunLog) -> Result<Plan, Failure> {
        let look = self.look(request)?;
        let what = look.wanted.command.join(" ");
        let changes = match (look.is_right(), look.held) {
            (true, _) => Vec::new(),
            (false, true) => vec![format!("start `{what}` in place of what runs, when it is well")],
            (false, false) => vec![format!("start `{what}`")],
        };
        Ok(Plan { changes: changes.iter().map(|line| Redactor::of(request).text(line)).collect() })
    }

    async fn apply(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        let redactor = Redactor::of(request);
        let log = CleanLog::new(log, &redactor);
        let _alone = self.house.gates.enter(&request.key).await;
        let place = self.place(request)?;
        std::fs::create_dir_all(&place.folder).map_err(|error| unusable(&error))?;
        let look = self.look(request)?;
        let port = look.before.as_ref().map_or(0, |running| running.port);
        if !look.is_right() || !health::answers(port, &look.wanted.health).await {
            self.bring(request, &look, &log).await.map_err(|failure| redactor.failure(&failure))?;
        }
        self.seen(request, &place, &log).await
    }

    async fn observe(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        let redactor = Redactor::of(request);
        let place = self.place(request)?;
        match place.folder.try_exists() {
            Ok(true) => self.seen(request, &place, &CleanLog::new(log, &redactor)).await,
            Ok(false) => {
                // It is not to be started again: nobody needs its secrets.
                self.house.forget(&request.key);
                Ok(Observation { presence: Presence::Absent, ..half_made() })
            }
            Err(error) => Err(unusable(&error)),
        }
    }

    async fn destroy(&self, request: &Request, log: &dyn RunLog) -> Result<(), Failure> {
        self.there()?;
        let place = self.house.place(&request.key)?;
        let _alone = self.house.gates.enter(&request.key).await;
        if place.folder.exists() {
            std::fs::write(place.file(ENDING), "").map_err(|error| unusable(&error))?;
        }
        // Also where the folder is gone: what runs without it has to end.
        self.house.end(&place, Role::Trial).await?;
        self.house.end(&place, Role::Serving).await?;
        log.line("it has ended");
        self.house.forget(&request.key);
        match std::fs::remove_dir_all(&place.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unusable(&error)),
            _ => Ok(()),
        }
    }

    async fn marked(&self, _: &Backend) -> Result<Option<Vec<String>>, Failure> {
        let all = std::fs::read_dir(&self.house.root).map_err(|error| unusable(&error))?.flatten();
        Ok(Some(all.filter_map(|entry| entry.file_name().to_str().map(str::to_owned)).collect()))
    }

    async fn end(&self) {
        if self.end_with_server {
            self.house.closed.store(true, Ordering::Release);
            super::end_all(&self.house.root);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn other_secrets_are_told_apart_and_none_is_kept() {
        let of = |value: &str| vec![("token".to_owned(), Secret::new(value))];
        let first = fingerprint(&of("one"), "");
        assert_eq!(fingerprint(&of("one"), &first), first);
        assert_ne!(fingerprint(&of("two"), &first), first);
        assert_ne!(fingerprint(&of("one"), ""), first, "each has a salt of its own");
        assert_eq!(fingerprint(&[], &first), "");
        assert!(!first.contains("one"));
    }

    #[test]
    fn ports_are_a_range() {
        let of = |text: &str| {
            let config = json!({"ports": text}).as_object().cloned().unwrap_or_default();
            ports(&Backend { config, ..Backend::default() })
        };
        assert_eq!(of("21000-21010").unwrap(), 21000..=21010);
        for text in ["", "5", "9-8", "0-5", "a-b", "1-70000"] {
            assert!(of(text).is_err(), "{text}");
        }
    }
}
