//! A small company to ask questions about: two teams, a partner, a product team, an administrator.

use async_trait::async_trait;
use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{HeaderMap, Request, StatusCode, header};
use loggia_app::access::caller::{Caller, Door};
use loggia_app::access::policy::RoleTable;
use loggia_app::access::secret::SecretBox;
use loggia_app::access::token::TokenWish;
use loggia_app::clock::{Clock, Ids, SystemClock, SystemIds};
use loggia_app::instance::driver::Failure;
use loggia_app::record::Apply;
use loggia_app::record::prepare::prepare;
use loggia_app::settings::Settings;
use loggia_app::source::{Edit, Landed, Reader, Sources, Tree};
use loggia_app::{App, Parts};
use loggia_model::{Ref, yaml};
use loggia_store::{Store, Target};
use loggia_web::{Doors, WebState};
use serde_json::Value;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tower::ServiceExt;

/// The token with full rights.
pub const ADMIN: &str = "the-bootstrap-token";

const COMPANY: &str = include_str!("company.yaml");

/// An application with its doors and the tokens of people in it.
pub struct World {
    pub state: WebState,
    pub doors: Doors,
    /// Bearer tokens by who has them; nobody has an empty one.
    pub tokens: BTreeMap<&'static str, String>,
    _dir: tempfile::TempDir,
}

/// What was answered.
pub struct Said {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// What is wrong, in the words of the catalog.
    pub fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
    }
}

/// Where people reach the server.
const PUBLIC: &str = "http://127.0.0.1:7400";

/// An application over a database, with the clock of the machine.
pub async fn application(target: &Target, settings: Settings) -> Arc<App> {
    let store = Store::open(target).await.unwrap();
    let ids: Arc<dyn Ids> = Arc::new(SystemIds::default());
    let secrets = SecretBox::new(&[7; 32], Arc::clone(&ids));
    let (clock, recipes): (Arc<dyn Clock>, _) = (Arc::new(SystemClock::default()), loggia_drivers::recipes::all());
    App::start(Parts { store, clock, ids, policy: Arc::new(RoleTable), secrets, settings, recipes }).await.unwrap()
}

/// Sends a request to doors.
pub async fn said(doors: &Doors, request: Request<Body>) -> Said {
    let (parts, body) = doors.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = axum::body::to_bytes(body, 10_000_000).await.unwrap();
    Said { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
}

pub struct NoSources;

#[async_trait]
impl Reader for NoSources {
    async fn read(&self, _: &str, _: Option<&str>) -> Result<Option<Tree>, Failure> {
        Ok(None)
    }

    async fn commit(&self, _: &str, _: &Edit) -> Result<Landed, Failure> {
        Err(Failure::ours("This source takes no edits.", "Edit it where it is."))
    }
}

/// Runs a test on SQLite and, where a server is given, on PostgreSQL.
pub async fn on_both(name: &str, test: impl AsyncFn(World)) {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::Sqlite(dir.path().join("loggia.db"));
    test(World::new(target, dir).await).await;
    let Ok(server) = std::env::var("LOGGIA_TEST_POSTGRES") else {
        println!("skipped: {name}: no LOGGIA_TEST_POSTGRES");
        return;
    };
    let database = Database::make(&server, name).await;
    test(World::new(Target::Postgres(database.address.clone()), tempfile::tempdir().unwrap()).await).await;
    database.drop().await;
}

/// A database of one test on a PostgreSQL server.
struct Database {
    server: String,
    name: String,
    address: String,
}

impl Database {
    async fn make(server: &str, name: &str) -> Database {
        use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
        let name = format!("web_{name}_{}", std::process::id());
        let mut admin = sqlx::PgConnection::connect(server).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("create database {name}"))).execute(&mut admin).await.unwrap();
        let options = sqlx::postgres::PgConnectOptions::from_str(server).unwrap().database(&name);
        Database { server: server.to_owned(), address: options.to_url_lossy().to_string(), name }
    }

    async fn drop(self) {
        use sqlx::{AssertSqlSafe, Connection};
        let mut admin = sqlx::PgConnection::connect(&self.server).await.unwrap();
        let statement = format!("drop database {} with (force)", self.name);
        sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
    }
}

impl World {
    async fn new(target: Target, dir: tempfile::TempDir) -> World {
        World::open(target, dir, false, PUBLIC).await
    }

    /// The same company on a server with another public address.
    pub async fn at(public_url: &str) -> World {
        let dir = tempfile::tempdir().unwrap();
        World::open(Target::Sqlite(dir.path().join("loggia.db")), dir, false, public_url).await
    }

    /// The same company on a server that is read-only.
    pub async fn read_only() -> World {
        let dir = tempfile::tempdir().unwrap();
        World::open(Target::Sqlite(dir.path().join("loggia.db")), dir, true, PUBLIC).await
    }

    async fn open(target: Target, dir: tempfile::TempDir, read_only: bool, public_url: &str) -> World {
        let settings = Settings {
            public_url: public_url.into(),
            data: dir.path().to_owned(),
            demo: loggia_app::settings::Demo::Open,
            read_only,
            repositories: Vec::new(),
            retention: loggia_app::settings::Retention::default(),
        };
        let app = application(&target, settings).await;
        apply(&app, COMPANY).await;
        let sources = Arc::new(Sources::new(Arc::clone(&app), Arc::new(NoSources), Vec::new()));
        let state = WebState::new(Arc::clone(&app), Some(ADMIN), sources);
        state.ready.store(true, Ordering::Release);
        let bare = || BTreeMap::from([("nobody", String::new()), ("admin", ADMIN.to_owned())]);
        let tokens = if read_only { bare() } else { tokens(&app).await };
        World { doors: Doors::new(state.clone()), state, tokens, _dir: dir }
    }

    /// The same with other settings of the doors.
    pub fn with(self, change: impl FnOnce(WebState) -> WebState) -> World {
        let state = change(self.state);
        World { doors: Doors::new(state.clone()), state, ..self }
    }

    /// The same company once more, by itself.
    pub async fn alone() -> World {
        let dir = tempfile::tempdir().unwrap();
        World::new(Target::Sqlite(dir.path().join("loggia.db")), dir).await
    }

    /// Adds what a text describes.
    pub async fn add(&self, text: &str) {
        apply(&self.state.app, text).await;
    }

    /// Puts back what somebody took away or changed.
    pub async fn restore(&self) {
        apply(&self.state.app, COMPANY).await;
    }

    /// Sends a request as somebody.
    pub async fn send(&self, who: &str, request: Builder, body: impl Into<Body>) -> Said {
        let token = self.tokens.get(who).unwrap_or_else(|| panic!("nobody is called {who}"));
        let request = match token.is_empty() {
            true => request,
            false => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
        };
        said(&self.doors, request.body(body.into()).unwrap()).await
    }

    /// Reads an address as somebody.
    pub async fn get(&self, who: &str, path: &str) -> Said {
        self.send(who, Request::get(path), "").await
    }

    /// Sends JSON as somebody.
    pub async fn json(&self, who: &str, method: &str, path: &str, body: &Value) -> Said {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        self.send(who, request, body.to_string()).await
    }

    /// Sends a POST as somebody.
    pub async fn post(&self, who: &str, path: &str, body: &Value) -> Said {
        self.json(who, "POST", path, body).await
    }
}

async fn apply(app: &Arc<App>, text: &str) {
    let prepared = yaml::parse(text).into_iter().map(|parsed| prepare(parsed.document.unwrap(), "").unwrap()).collect();
    let command = Apply { prepared, if_match: None, dry_run: false };
    app.run(&Caller::system("test", Door::Sync), command).await.unwrap();
}

/// Tokens of everybody who appears in the table of roles.
async fn tokens(app: &Arc<App>) -> BTreeMap<&'static str, String> {
    let mut tokens = BTreeMap::from([("nobody", String::new()), ("admin", ADMIN.to_owned())]);
    let people = [
        ("other", "bob"),
        ("member", "amara"),
        ("owner", "olga"),
        ("product", "ines"),
        ("partner", "li"),
        ("person-admin", "tomasz"),
    ];
    for (who, name) in people {
        let caller = Caller::person(&app.graph(), Ref::new("user", "default", name), Door::Api, "test");
        let wish = TokenWish { name: "test".into(), ..TokenWish::default() };
        let (_, secret) = app.create_token(&caller, wish).await.unwrap();
        tokens.insert(who, secret.reveal().to_owned());
    }
    let admin = Caller::administrator("test", Door::Api, "test");
    for (who, scopes) in [("service", vec![]), ("reader", vec!["read"]), ("reporter", vec!["usage", "observe"])] {
        let wish = TokenWish {
            name: who.into(),
            service: Some(who.into()),
            team: None,
            scopes: scopes.into_iter().map(str::to_owned).collect(),
            days: Some(1),
        };
        let (_, secret) = app.create_token(&admin, wish).await.unwrap();
        tokens.insert(who, secret.reveal().to_owned());
    }
    tokens
}
