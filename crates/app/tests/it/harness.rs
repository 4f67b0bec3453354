//! An application over a database of its own, with a clock that stands still and a driver that keeps its resources in
//! memory.

use async_trait::async_trait;
use loggia_app::access::policy::RoleTable;
use loggia_app::access::secret::SecretBox;
use loggia_app::clock::{Clock, FixedClock, Ids, SystemClock, SystemIds};
use loggia_app::composition::parts_driver::PartsDriver;
use loggia_app::estate::look;
use loggia_app::instance::driver::{Backend, Driver, Failure, Observation, Plan, Presence, Request, RunLog, Secret};
use loggia_app::instance::instance_access::contract::{Granted, Grants, Login};
use loggia_app::instance::program::Program;
use loggia_app::instance::worker::{self, Drivers};
use loggia_app::record::check::Recipes;
use loggia_app::settings::Settings;
use loggia_app::source::read::{Outside, SourceFile, read_from};
use loggia_app::source::sync::{SyncReport, SyncSource};
use loggia_app::{App, Caller, Door, Parts};
use loggia_graph::Audience;
use loggia_model::instance::{Condition, Verdict};
use loggia_model::usage::UsageReading;
use loggia_model::{Micros, Ref};
use loggia_store::{Store, Target};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// The time at which every test begins.
pub const START: Micros = Micros(1_800_000_000_000_000);

pub struct World {
    pub app: Arc<App>,
    pub clock: Arc<FixedClock>,
    pub store: Store,
    pub stop: watch::Sender<bool>,
    /// The database, where it is on a server: the server and its name.
    postgres: Option<(String, String)>,
    data: PathBuf,
}

/// Runs a test on every database that is there.
pub fn on_each<F: Future<Output = ()>>(name: &str, test: impl Fn(World) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::Sqlite(folder.path().join("test.sqlite"));
        // The folder outlives the test, whatever parts of the world it takes.
        test(World::start(&target, folder.path(), None).await).await;
    });
    let Ok(server) = std::env::var("LOGGIA_TEST_POSTGRES") else {
        eprintln!("skipped: {name} on PostgreSQL: no LOGGIA_TEST_POSTGRES");
        return;
    };
    runtime.block_on(async {
        let (guard, url) = postgres::database(&server).await;
        let folder = tempfile::tempdir().unwrap();
        let place = Some((server.clone(), guard.name.clone()));
        test(World::start(&Target::Postgres(url), folder.path(), place).await).await;
    });
}

/// A database of its own on the test server, made through `psql`, which comes with every server.
mod postgres {
    use std::process::Command;
    use std::sync::atomic::{AtomicU32, Ordering};

    static NEXT: AtomicU32 = AtomicU32::new(0);

    pub struct Guard {
        server: String,
        pub name: String,
    }

    impl Drop for Guard {
        fn drop(&mut self) {
            run(&self.server, &format!("drop database if exists {} with (force)", self.name));
        }
    }

    pub fn run(server: &str, sql: &str) {
        let done = Command::new("psql").args([server, "-qc", sql]).output().unwrap();
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
    }

    pub async fn database(server: &str) -> (Guard, String) {
        let name = format!("app_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        run(server, &format!("create database {name}"));
        let (before, query) = server.split_once('?').map_or((server, String::new()), |(b, q)| (b, format!("?{q}")));
        let at = before.rfind('/').filter(|at| *at > before.find("//").map_or(0, |s| s + 1)).unwrap_or(before.len());
        (Guard { server: server.to_owned(), name: name.clone() }, format!("{}/{name}{query}", &before[..at]))
    }
}

impl World {
    async fn start(target: &Target, data: &Path, postgres: Option<(String, String)>) -> World {
        let clock = Arc::new(FixedClock::at(START));
        let store = Store::open(target).await.unwrap();
        let app = start(&store, &clock, data).await;
        World { app, clock, store, stop: watch::channel(false).0, postgres, data: data.to_owned() }
    }

    /// The database is away for so long: nothing can be written, and on a server nothing can be read either.
    pub async fn outage(&self, time: Duration) {
        let Some((server, name)) = &self.postgres else {
            let held = self.store.begin(0).await.unwrap();
            tokio::time::sleep(time).await;
            return held.0.rollback().await.unwrap();
        };
        let connections = |allowed| format!("alter database {name} with allow_connections {allowed}");
        postgres::run(server, &connections("false"));
        let all = format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'");
        postgres::run(server, &all);
        tokio::time::sleep(time).await;
        postgres::run(server, &connections("true"));
    }

    /// The same data, loaded by a new process.
    pub async fn restarted(&self) -> Arc<App> {
        start(&self.store, &self.clock, &self.data).await
    }

    /// A server over the same data with a clock of its own, which is so many seconds ahead of the machine's.
    pub async fn by_clock(&self, ahead: u64) -> Arc<App> {
        let clock = Arc::new(SystemClock::over(move || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(ahead);
            Micros(i64::try_from(now.as_micros()).unwrap())
        }));
        by(&self.store, clock, Arc::new(SystemIds::default()), &self.data).await
    }

    /// Takes over a repository of these files.
    pub async fn sync(&self, origin: &str, files: &[(&str, &str)]) -> SyncReport {
        self.sync_confirmed(origin, files, false).await
    }

    pub async fn sync_confirmed(&self, origin: &str, files: &[(&str, &str)], confirmed: bool) -> SyncReport {
        let files: Vec<SourceFile> = files.iter().map(|(path, text)| file(path, text)).collect();
        let known = Outside { known: Some(self.app.graph()), source: origin.to_owned(), ..Outside::default() };
        let mut reading = read_from(&files, &|path| Some(format!("file:/{path}")), &known);
        let command = SyncSource {
            origin: origin.into(),
            prepared: std::mem::take(&mut reading.prepared),
            broken: loggia_app::source::untaken::of(std::mem::take(&mut reading.broken), &reading.problems),
            partial: false,
            unwelcome: &[],
            same: std::collections::HashSet::new(),
            commit: "c1".into(),
            written: loggia_app::source::Written::default(),
            confirmed,
            returning: std::collections::HashMap::new(),
        };
        let command = command.remembering(&self.app).await.unwrap();
        let outcome = self.app.run(&Caller::system("sync", Door::Sync), command).await.unwrap();
        let mut report: SyncReport = serde_json::from_value(outcome.answer).unwrap();
        reading.locate_later(&files, &mut report.problems);
        report.problems.append(&mut reading.problems);
        report
    }

    pub fn names(&self, kind: &str) -> Vec<String> {
        let graph = self.app.graph();
        let all = graph.of_kind(&Audience::All, kind);
        let mut names: Vec<String> = all.map(|r| r.reference.to_string()).collect();
        names.sort();
        names
    }

    pub fn person(&self, name: &str) -> Caller {
        Caller::person(&self.app.graph(), Ref::new("user", "default", name), Door::Api, "test-request")
    }

    /// Starts workers over the driver in memory.
    pub fn work(&self, driver: &Arc<InMemory>) {
        drop(worker::start(&self.app, &drivers(driver), 2, &self.stop.subscribe()));
    }

    /// Starts looking through the driver in memory.
    pub fn look(&self, driver: &Arc<InMemory>) {
        look::start(&self.app, &drivers(driver), &self.stop.subscribe());
    }

    /// Waits until something is so.
    pub async fn until(&self, what: &str, test: impl Fn(&App) -> bool) {
        for _ in 0..3_000 {
            if test(&self.app) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let graph = self.app.graph();
        let all = graph.of_kind(&Audience::All, "instance").map(|one| format!("{:?}", one.status));
        panic!("never: {what}; what runs: {}", all.collect::<Vec<_>>().join("\n"));
    }
}

pub fn drivers(driver: &Arc<InMemory>) -> Arc<Drivers> {
    let driver: Arc<dyn Driver> = Arc::clone(driver) as Arc<dyn Driver>;
    let parts: Arc<dyn Driver> = Arc::new(PartsDriver::default());
    Arc::new([("memory".to_owned(), driver), ("parts".to_owned(), parts)].into())
}

/// What the drivers take: `strict` wants a program, and knows how long it may take; nothing is known of `memory`.
pub fn strict() -> Recipes {
    let timeout = json!({"type": "integer", "minimum": 1, "maximum": 60});
    let properties = json!({"program": {"type": "string"}, "timeout": timeout});
    Recipes::from(BTreeMap::from([(
        "strict",
        json!({"type": "object", "required": ["program"], "properties": properties}),
    )]))
}

async fn start(store: &Store, clock: &Arc<FixedClock>, data: &Path) -> Arc<App> {
    by(store, clock.clone(), clock.clone(), data).await
}

async fn by(store: &Store, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, data: &Path) -> Arc<App> {
    let secrets = SecretBox::new(&[1; 32], Arc::clone(&ids));
    secrets.bind(store).await.unwrap();
    let settings = Settings {
        public_url: "http://localhost".into(),
        data: data.to_owned(),
        demo: loggia_app::settings::Demo::No,
        read_only: false,
        repositories: Vec::new(),
        retention: loggia_app::settings::Retention::default(),
    };
    let policy = Arc::new(RoleTable);
    let recipes = strict();
    App::start(Parts { store: store.clone(), clock, ids, policy, secrets, settings, recipes }).await.unwrap()
}

pub fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.into(), bytes: text.as_bytes().into(), executable: false, size: text.len() }
}

/// What a call was asked, with which plan and limits.
pub type Limited = (&'static str, String, Map<String, Value>);

/// Resources in memory: one for each key, with the password of the first `apply`.
#[derive(Default)]
pub struct InMemory {
    pub resources: Mutex<BTreeMap<String, String>>,
    /// Failures to give before the next calls of `apply` work.
    pub failures: Mutex<Vec<Failure>>,
    /// Whether `destroy` only pretends.
    pub sticky: Mutex<bool>,
    /// Whether destroying loses data for good.
    pub precious: Mutex<bool>,
    /// Where the resources are reached; told with an address when it is not empty.
    pub host: Mutex<String>,
    /// Whether it cannot work.
    pub down: Mutex<bool>,
    /// The step at which it fails next, once and for good.
    pub trip: Mutex<Option<String>>,
    /// The version that a look says, whatever is asked about.
    pub says: Mutex<Option<String>>,
    /// The key of a resource that takes for ever to look at.
    pub slow: Mutex<String>,
    /// Whether what is there is not as it was made, when that is told at all; `apply` makes it right.
    pub drifted: Mutex<Option<bool>>,
    /// Whether looks have no answer.
    pub silent: Mutex<bool>,
    /// Credentials of consumers: the key of the resource and their own, with their secret.
    pub logins: Mutex<BTreeMap<(String, String), String>>,
    /// How many secrets were made.
    pub made: Mutex<usize>,
    /// Whether it gives consumers no access.
    pub private: Mutex<bool>,
    /// The version of the program that serves, when there is one; any but `9` is told, and `7` refused.
    pub program: Mutex<Option<String>>,
    /// Plan and limits that each call was told, by what it was asked.
    pub limits: Mutex<Vec<Limited>>,
    /// Inputs in the clear that each `apply` was told.
    pub inputs: Mutex<Vec<Value>>,
    /// Secret inputs that each `apply` was told, by name.
    pub secrets: Mutex<Vec<Vec<(String, String)>>>,
    /// Team and namespace that each `apply` was told.
    pub teams: Mutex<Vec<(String, String)>>,
}

impl InMemory {
    fn note(&self, call: &'static str, request: &Request) {
        self.limits.lock().unwrap().push((call, request.plan.clone(), request.limits.clone()));
    }

    fn drift(&self) -> Option<Condition> {
        let status = if (*self.drifted.lock().unwrap())? { Verdict::True } else { Verdict::False };
        let (kind, reason, message) = ("Drifted".into(), "Looked".into(), "It was compared".into());
        Some(Condition { kind, status, reason, message })
    }

    fn step(&self, name: &str) -> Result<(), Failure> {
        let mut trip = self.trip.lock().unwrap();
        if trip.as_deref() != Some(name) {
            return Ok(());
        }
        *trip = None;
        Err(Failure::ours(format!("It tripped at {name}."), "Mend that."))
    }

    fn look(&self, request: &Request) -> Observation {
        let there = self.resources.lock().unwrap().contains_key(&request.key);
        let mut outputs = Map::new();
        if there {
            outputs.insert("address".into(), format!("memory:{}", request.key).into());
            let host = self.host.lock().unwrap().clone();
            if !host.is_empty() {
                outputs.insert("url".into(), format!("memory://me:PASSWORD@{host}").into());
            }
        }
        Observation {
            presence: if there { Presence::Present } else { Presence::Absent },
            version: match (there, self.says.lock().unwrap().clone()) {
                (false, _) => String::new(),
                (true, said) => said.unwrap_or_else(|| request.version.clone()),
            },
            conditions: self.drift().filter(|_| there).into_iter().collect(),
            outputs,
            secret_outputs: Vec::new(),
            readings: if there { vec![reading(request)] } else { Vec::new() },
        }
    }
}

/// A reading as drivers give it: with the plain name of the team, and without what they do not know.
fn reading(request: &Request) -> UsageReading {
    UsageReading {
        source: "memory".into(),
        id: format!("{}/connection", request.key),
        time: START,
        team: Some(request.team.clone()),
        principal: None,
        offering: request.offering.clone(),
        release: None,
        feature: None,
        instance: Some(request.instance.clone()),
        channel: "connection".into(),
        count: 1,
        outcome: "ok".into(),
        mandated: false,
    }
}

#[async_trait]
impl Driver for InMemory {
    fn name(&self) -> &str {
        "memory"
    }

    async fn probe(&self, _: &Backend) -> Result<(), Failure> {
        self.step("probe")?;
        match *self.down.lock().unwrap() {
            true => Err(Failure::ours("It is switched off.", "Switch it on.")),
            false => Ok(()),
        }
    }

    async fn program(&self, _: &Backend) -> Result<Option<Program>, Failure> {
        let version = self.program.lock().unwrap().clone();
        Ok(version.map(|version| Program { name: "Memory".into(), version }))
    }

    fn differs(
        &self,
        _: &Map<String, Value>,
        _: &Map<String, Value>,
        program: &Program,
    ) -> Result<Option<String>, Failure> {
        match program.version.as_str() {
            "9" => Ok(None),
            "7" => Err(Failure::ours("Memory 7 is too old", "take another environment")),
            other => Ok(Some(format!("Memory {other} is what runs there."))),
        }
    }

    fn loses_data(&self, _: &Map<String, Value>, _: &Map<String, Value>) -> bool {
        *self.precious.lock().unwrap()
    }

    async fn plan(&self, request: &Request, _: &dyn RunLog) -> Result<Plan, Failure> {
        self.note("plan", request);
        self.step("plan")?;
        let there = self.resources.lock().unwrap().contains_key(&request.key);
        Ok(Plan { changes: if there { Vec::new() } else { vec!["make it".into()] } })
    }

    async fn apply(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        self.note("apply", request);
        self.inputs.lock().unwrap().push(Value::Object(request.inputs.clone()));
        let secrets = request.secret_inputs.iter().map(|(name, secret)| (name.clone(), secret.reveal().to_owned()));
        self.secrets.lock().unwrap().push(secrets.collect());
        self.teams.lock().unwrap().push((request.team.clone(), request.namespace.clone()));
        if let Some(failure) = self.failures.lock().unwrap().pop() {
            return Err(failure);
        }
        let mut drifted = self.drifted.lock().unwrap();
        *drifted = drifted.map(|_| false);
        drop(drifted);
        for (name, secret) in &request.secret_inputs {
            log.line(&format!("{name} is {}", secret.reveal()));
        }
        let password = format!("password-of-{}", request.key);
        self.resources.lock().unwrap().entry(request.key.clone()).or_insert(password.clone());
        self.step("apply")?;
        let mut seen = self.look(request);
        if seen.outputs.contains_key("url") {
            let url = format!("memory://me:{password}@{}", self.host.lock().unwrap());
            seen.secret_outputs.push(("url".into(), Secret::new(url)));
        }
        seen.secret_outputs.push(("password".into(), Secret::new(password)));
        Ok(seen)
    }

    async fn observe(&self, request: &Request, _: &dyn RunLog) -> Result<Observation, Failure> {
        self.note("observe", request);
        if *self.silent.lock().unwrap() {
            return Err(Failure::backend("The memory does not answer.", "Wait."));
        }
        if *self.slow.lock().unwrap() == request.key {
            std::future::pending::<()>().await;
        }
        self.step("observe")?;
        Ok(self.look(request))
    }

    async fn marked(&self, _: &Backend) -> Result<Option<Vec<String>>, Failure> {
        match *self.silent.lock().unwrap() {
            true => Err(Failure::backend("The memory does not answer.", "Wait.")),
            false => Ok(Some(self.resources.lock().unwrap().keys().cloned().collect())),
        }
    }

    fn grants(&self) -> Option<&dyn Grants> {
        if *self.private.lock().unwrap() { None } else { Some(self) }
    }

    async fn destroy(&self, request: &Request, _: &dyn RunLog) -> Result<(), Failure> {
        self.note("destroy", request);
        self.step("destroy")?;
        if !*self.sticky.lock().unwrap() {
            self.resources.lock().unwrap().remove(&request.key);
            self.logins.lock().unwrap().retain(|(key, _), _| *key != request.key);
        }
        Ok(())
    }
}

#[async_trait]
impl Grants for InMemory {
    fn roles(&self) -> Option<&'static [&'static str]> {
        Some(&["read", "write"])
    }

    async fn grant(&self, request: &Request, login: &Login, _: &dyn RunLog) -> Result<Granted, Failure> {
        let number = {
            let mut made = self.made.lock().unwrap();
            *made += 1;
            *made
        };
        let secret = format!("secret-{number}-of-{}", login.consumer);
        self.logins.lock().unwrap().insert((request.key.clone(), login.id.clone()), secret.clone());
        self.step("grant")?;
        let outputs = [("user".to_owned(), login.id.clone().into())].into_iter().collect();
        Ok(Granted { outputs, secrets: vec![("password".into(), Secret::new(secret))] })
    }

    async fn revoke(&self, request: &Request, login: &Login, _: &dyn RunLog) -> Result<(), Failure> {
        self.step("revoke")?;
        if !*self.sticky.lock().unwrap() {
            self.logins.lock().unwrap().remove(&(request.key.clone(), login.id.clone()));
        }
        Ok(())
    }

    async fn granted(&self, request: &Request) -> Result<Vec<String>, Failure> {
        let all = self.logins.lock().unwrap();
        Ok(all.keys().filter(|(key, _)| *key == request.key).map(|(_, login)| login.clone()).collect())
    }
}

/// Time passes for whoever waits for a retry.
pub fn pass(world: &World, seconds: i64) {
    world.clock.advance(seconds);
    assert!(world.clock.now() > START);
}
