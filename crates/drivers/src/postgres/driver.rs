//! The driver itself.

use super::connection::Place;
use super::limits::Limits;
use super::server::{self, Numbers, There};
use super::{access, backup, extensions, major, names, password, size};
use crate::redact::{CleanLog, Redactor};
use async_trait::async_trait;
use loggia_app::instance::driver::{
    Backend, Call, Driver, Failure, Observation, Plan, Presence, Request, RunLog, Secret,
};
use loggia_app::instance::instance_access::contract::Grants;
use loggia_app::instance::program::Program;
use loggia_model::instance::{Condition, Verdict};
use loggia_model::usage::UsageReading;
use serde_json::{Map, Value};
use sqlx::{Connection, PgConnection};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What the operator decided about databases.
#[derive(Clone, Debug, Default)]
pub struct PostgresOptions {
    /// Where backups go when a recipe or backend says `backup: true`.
    pub backups: Option<PathBuf>,
}

/// Makes, observes and takes away databases.
pub struct PostgresDriver {
    options: PostgresOptions,
    /// Sessions at the last look, by key: the difference is the use since then.
    sessions: Mutex<HashMap<String, i64>>,
}

impl PostgresDriver {
    /// A driver with the operator's decisions.
    pub fn new(options: PostgresOptions) -> PostgresDriver {
        PostgresDriver { options, sessions: Mutex::default() }
    }

    async fn seen(
        &self,
        connection: &mut PgConnection,
        request: &Request,
        place: &Place,
        there: &There,
    ) -> Result<Observation, Failure> {
        let (version, number) = server::version(&mut *connection).await?;
        let (Some(role), Some(database)) = (&there.role, &there.database) else {
            return Ok(half(there, version));
        };
        let numbers = server::numbers(connection, &database.name, number).await?;
        let limit = Limits::of(request)?.size;
        let other = major::condition(request, &version)?;
        Ok(Observation {
            presence: Presence::Present,
            version,
            conditions: [ready(), size_condition(numbers.size, limit)].into_iter().chain(other).collect(),
            outputs: outputs(place, &database.name, &role.name),
            secret_outputs: Vec::new(),
            readings: self.readings(request, numbers),
        })
    }

    fn readings(&self, request: &Request, numbers: Numbers) -> Vec<UsageReading> {
        let before = numbers.sessions.and_then(|sessions| {
            let mut known = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(request.key.clone(), sessions)
        });
        // At the first look, and on old servers, what is connected now is all that is known. Statistics may be reset.
        let count = match (numbers.sessions, before) {
            (Some(now), Some(before)) if now >= before => now - before,
            _ => numbers.connected,
        };
        let time = crate::now();
        // Of the same state, two looks within a minute are one reading.
        let id = format!("{}/connection/{}/{}", request.key, numbers.sessions.unwrap_or_default(), time.0 / 60_000_000);
        let reading = UsageReading {
            source: "postgres".to_owned(),
            id,
            time,
            team: Some(request.team.clone()),
            principal: None,
            offering: request.offering.clone(),
            release: None,
            feature: None,
            instance: Some(request.instance.clone()),
            channel: "connection".to_owned(),
            count,
            outcome: "ok".to_owned(),
            mandated: false,
        };
        Some(reading).filter(|reading| reading.count > 0).into_iter().collect()
    }

    /// The folder for a backup, when one is wanted.
    fn backups(&self, request: &Request) -> Result<Option<PathBuf>, Failure> {
        let below = match backup::wanted(&request.recipe, &request.backend.config) {
            None | Some(Value::Bool(false) | Value::Null) => return Ok(None),
            Some(Value::Bool(true)) => "",
            Some(Value::String(name)) if crate::git::name_is_safe(name) => name,
            Some(other) => {
                return Err(Failure::ours(
                    format!("`backup: {other}` is not a name"),
                    "use true, false, or the plain name of a folder below the operator's folder of backups",
                ));
            }
        };
        let folder = self.options.backups.as_ref().ok_or_else(|| {
            Failure::ours(
                "a backup is wanted, and this server has no folder for backups",
                "ask the operator for one, or confirm that the data may be lost",
            )
        })?;
        Ok(Some(folder.join(below)))
    }

    async fn save(&self, request: &Request, place: &Place, there: &There, log: &dyn RunLog) -> Result<(), Failure> {
        let Some(database) = &there.database else { return Ok(()) };
        match self.backups(request)? {
            Some(folder) => {
                let secret = admin_password(&request.backend);
                let file = backup::write(place, secret.as_deref(), &database.name, &folder, log).await?;
                log.line(&format!("backup written: {}", file.file_name().unwrap_or_default().to_string_lossy()));
                Ok(())
            }
            None if request.confirmed => Ok(()),
            None => Err(Failure::yours(
                format!("database {} has no backup, and its data would be lost", database.name),
                "confirm that the data may be lost",
            )),
        }
    }
}

/// Whether the server is one that the release was made for.
async fn fits(connection: &mut PgConnection, request: &Request) -> Result<(), Failure> {
    let (version, _) = server::version(connection).await?;
    major::check(request, &version)
}

/// The password of the administrative role, from the secret of the backend.
fn admin_password(backend: &Backend) -> Option<String> {
    // Revealed to hand it to pg_dump through its environment, which only its own user can read.
    let secret = backend.secret.as_ref()?.reveal();
    match url::Url::parse(secret) {
        Ok(url) if url.scheme().starts_with("postgres") => {
            let decoded = url.password().map(|password| format!("p={password}").replace('+', "%2B"));
            let decoded = decoded?;
            url::form_urlencoded::parse(decoded.as_bytes()).next().map(|(_, password)| password.into_owned())
        }
        _ => Some(secret.to_owned()),
    }
}

fn ready() -> Condition {
    let (reason, message) = ("Present".to_owned(), "Role and database are there".to_owned());
    Condition { kind: "Ready".to_owned(), status: Verdict::True, reason, message }
}

/// What a look gives when not both are there.
fn half(there: &There, version: String) -> Observation {
    let nothing = there.role.is_none() && there.database.is_none();
    let missing = if there.role.is_none() { "role" } else { "database" };
    let condition = Condition {
        kind: "Ready".to_owned(),
        status: Verdict::False,
        reason: "Missing".to_owned(),
        message: if nothing { "Nothing is there".to_owned() } else { format!("The {missing} is missing") },
    };
    Observation {
        // Without its database there is nothing that anybody could use; a role alone is a rest of making or removing.
        presence: if there.database.is_none() { Presence::Absent } else { Presence::Present },
        version: if nothing { String::new() } else { version },
        conditions: vec![condition],
        outputs: Map::new(),
        secret_outputs: Vec::new(),
        readings: Vec::new(),
    }
}

fn size_condition(bytes: i64, limit: Option<i64>) -> Condition {
    let is = size::text(bytes);
    let (status, reason, message) = match limit {
        Some(limit) if bytes > limit => {
            (Verdict::False, "TooLarge", format!("{is} is more than the plan's {}", size::text(limit)))
        }
        Some(limit) => (Verdict::True, "WithinPlan", format!("{is} of the plan's {}", size::text(limit))),
        None => (Verdict::True, "NoLimit", is),
    };
    Condition { kind: "SizeWithinPlan".to_owned(), status, reason: reason.to_owned(), message }
}

pub(super) fn outputs(place: &Place, database: &str, user: &str) -> Map<String, Value> {
    let (host, port, sslmode) = (&place.host, place.port, place.sslmode);
    let url = address(place, user, "PASSWORD", database);
    let pairs = [
        ("host", Value::from(host.as_str())),
        ("port", port.into()),
        ("database", database.into()),
        ("user", user.into()),
        ("sslmode", sslmode.into()),
        ("url", url.into()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn address(place: &Place, user: &str, password: &str, database: &str) -> String {
    let host = if place.host.contains(':') { format!("[{}]", place.host) } else { place.host.clone() };
    format!("postgresql://{user}:{password}@{host}:{}/{database}?sslmode={}", place.port, place.sslmode)
}

pub(super) fn secrets(place: &Place, (user, database): (&str, &str), password: &str) -> Vec<(String, Secret)> {
    let url = address(place, user, password, database);
    vec![("password".to_owned(), Secret::new(password)), ("url".to_owned(), Secret::new(url))]
}

/// What is missing to the wanted state.
fn missing(there: &There, request: &Request, limits: &Limits) -> Vec<String> {
    let name = names::name(request);
    let mut changes = Vec::new();
    match &there.role {
        None => changes.push(format!("make role {name}")),
        Some(role) if role.connections != limits.connections => changes.push(format!("set limits of role {name}")),
        Some(_) => {}
    }
    match &there.database {
        None => changes.push(format!("make database {name}")),
        Some(database) => {
            let same = database.connections == limits.connections
                && database.statement_timeout == limits.statement_timeout
                && database.marked
                && !database.open;
            if !same {
                changes.push(format!("set limits and rights of database {name}"));
            }
        }
    }
    changes
}

async fn make(
    connection: &mut PgConnection,
    request: &Request,
    there: &There,
    log: &dyn RunLog,
) -> Result<Option<String>, Failure> {
    let limits = Limits::of(request)?;
    let name = there.role.as_ref().map_or_else(|| names::name(request), |role| role.name.clone());
    if there.role.is_none() {
        log.line(&format!("making role {name}"));
        server::make_role(&mut *connection, &name, &request.key).await?;
    }
    if there.database.is_none() {
        log.line(&format!("making database {name}"));
        server::make_database(&mut *connection, &name).await?;
    }
    if !missing(there, request, &limits).is_empty() {
        log.line("setting limits and rights");
        let timeout = limits.statement_timeout.as_deref();
        server::settle(&mut *connection, &name, &request.key, limits.connections, timeout).await?;
    }
    let known = request.secret_outputs.iter().find(|(name, _)| name == "password");
    // Revealed to give the role the password that its users know already.
    let known = known.map(|(_, secret)| secret.reveal().to_owned());
    if there.role.is_some() && known.is_some() {
        return Ok(known);
    }
    log.line("setting the password");
    let password = known.unwrap_or_else(password::new);
    server::set_password(connection, &name, &password::verifier(&password)).await?;
    Ok(Some(password))
}

#[async_trait]
impl Driver for PostgresDriver {
    fn name(&self) -> &str {
        "postgres"
    }

    fn plain_settings(&self) -> &[&'static str] {
        &["major", "backup"]
    }

    fn patience(&self, call: Call) -> Duration {
        match call {
            // A backup of all data may come first.
            Call::Destroy => backup::PATIENCE + call.usual_patience(),
            _ => call.usual_patience(),
        }
    }

    async fn probe(&self, backend: &Backend) -> Result<(), Failure> {
        let mut connection = Place::of(backend)?.connect().await?;
        match server::may_work(&mut connection).await? {
            true => Ok(()),
            false => Err(Failure::ours(
                "the platform's role on PostgreSQL may not make databases and roles",
                "alter role … createdb createrole, as its superuser",
            )),
        }
    }

    async fn program(&self, backend: &Backend) -> Result<Option<Program>, Failure> {
        let mut connection = Place::of(backend)?.connect().await?;
        let (version, _) = server::version(&mut connection).await?;
        connection.close().await.ok();
        Ok(Some(Program { name: major::NAME.to_owned(), version }))
    }

    fn differs(
        &self,
        recipe: &Map<String, Value>,
        config: &Map<String, Value>,
        program: &Program,
    ) -> Result<Option<String>, Failure> {
        major::differs(recipe, config, program)
    }

    async fn plan(&self, request: &Request, _: &dyn RunLog) -> Result<Plan, Failure> {
        let limits = Limits::of(request)?;
        let place = Place::of(&request.backend)?;
        let mut connection = place.connect().await?;
        fits(&mut connection, request).await?;
        let there = server::look(&mut connection, &request.key).await?;
        let mut changes = missing(&there, request, &limits);
        let extensions = extensions::missing(&place, &there, request).await?;
        changes.extend(extensions.iter().map(|name| format!("make extension {name}")));
        Ok(Plan { changes })
    }

    async fn apply(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        let redactor = Redactor::of(request);
        let log = CleanLog::new(log, &redactor);
        let place = Place::of(&request.backend)?;
        let mut connection = place.connect().await?;
        fits(&mut connection, request).await?;
        server::alone(&mut connection, &request.key).await?;
        let there = server::look(&mut connection, &request.key).await?;
        let password = make(&mut connection, request, &there, &log).await?;
        let made = there.database.is_none();
        let there = server::look(&mut connection, &request.key).await?;
        if made {
            access::restore(&mut connection, &place, &request.key, &there).await?;
        }
        extensions::make(&place, &there, request, &log).await?;
        let mut observation = self.seen(&mut connection, request, &place, &there).await?;
        if let (Some(password), Some(role)) = (password, &there.role) {
            observation.secret_outputs = secrets(&place, (&role.name, &role.name), &password);
        }
        // Closed in order, so that the server ends the session now; an error here changes nothing.
        connection.close().await.ok();
        Ok(observation)
    }

    async fn observe(&self, request: &Request, _: &dyn RunLog) -> Result<Observation, Failure> {
        let place = Place::of(&request.backend)?;
        let mut connection = place.connect().await?;
        let there = server::look(&mut connection, &request.key).await?;
        let seen = self.seen(&mut connection, request, &place, &there).await;
        connection.close().await.ok();
        seen
    }

    fn grants(&self) -> Option<&dyn Grants> {
        Some(self)
    }

    async fn marked(&self, backend: &Backend) -> Result<Option<Vec<String>>, Failure> {
        access::all_marked(backend).await.map(Some)
    }

    fn loses_data(&self, recipe: &Map<String, Value>, config: &Map<String, Value>) -> bool {
        matches!(backup::wanted(recipe, config), None | Some(Value::Bool(false) | Value::Null))
    }

    async fn destroy(&self, request: &Request, log: &dyn RunLog) -> Result<(), Failure> {
        let redactor = Redactor::of(request);
        let log = CleanLog::new(log, &redactor);
        let place = Place::of(&request.backend)?;
        let mut connection = place.connect().await?;
        server::alone(&mut connection, &request.key).await?;
        let there = server::look(&mut connection, &request.key).await?;
        self.save(request, &place, &there, &log).await?;
        server::remove_database(&mut connection, &there).await?;
        // Those who had access of their own go before the role that some of them are members of.
        access::remove_all(&mut connection, &request.key).await?;
        server::remove_role(&mut connection, &there).await?;
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(&request.key);
        if there != There::default() {
            log.line("role and database are gone");
        }
        connection.close().await.ok();
        Ok(())
    }
}
