//! Databases of their own for each test, and records and events to fill them with.

use loggia_model::{Actor, Event, Micros, Record, Ref, Source, Uid, canonical};
use loggia_store::{Batch, Options, Removal, Store, StoreError, Tail, Target};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::str::FromStr;
use std::time::Duration;

/// A database of one test.
pub struct Db {
    pub name: String,
    pub store: Store,
    pub target: Target,
    pub dir: tempfile::TempDir,
}

/// Runs a test on SQLite and, where a server is given, on PostgreSQL.
pub async fn on_both(name: &str, test: impl AsyncFn(&Db)) {
    on_sqlite(name, &test).await;
    on_postgres(name, test).await;
}

pub async fn on_sqlite(name: &str, test: impl AsyncFn(&Db)) {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::Sqlite(dir.path().join("loggia.db"));
    let store = Store::open(&target).await.unwrap();
    let db = Db { name: name.to_owned(), store, target, dir };
    test(&db).await;
    db.store.close().await;
}

pub async fn on_postgres(name: &str, test: impl AsyncFn(&Db)) {
    let Ok(server) = std::env::var("LOGGIA_TEST_POSTGRES") else {
        println!("skipped: {name}: no LOGGIA_TEST_POSTGRES");
        return;
    };
    let address = new_database(&server, name).await;
    let target = Target::Postgres(address.clone());
    let store = Store::open(&target).await.unwrap();
    let db = Db { name: name.to_owned(), store, target, dir: tempfile::tempdir().unwrap() };
    test(&db).await;
    db.store.close().await;
    drop_database(&server, &address).await;
}

/// Makes an empty database and gives its address.
pub async fn new_database(server: &str, name: &str) -> String {
    let database = format!("store_{name}_{}", std::process::id());
    let mut admin = PgConnection::connect(server).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("create database {database}"))).execute(&mut admin).await.unwrap();
    PgConnectOptions::from_str(server).unwrap().database(&database).to_url_lossy().to_string()
}

pub async fn drop_database(server: &str, address: &str) {
    let options = PgConnectOptions::from_str(address).unwrap();
    let database = options.get_database().unwrap();
    let mut admin = PgConnection::connect(server).await.unwrap();
    let statement = format!("drop database {database} with (force)");
    sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
}

impl Db {
    /// A second store on the same database, as another process would open it.
    pub async fn again(&self) -> Store {
        Store::open(&self.target).await.unwrap()
    }

    /// A second, empty database of the same kind.
    pub async fn sibling(&self) -> (Store, Target) {
        let target = match &self.target {
            Target::Sqlite(_) => Target::Sqlite(self.dir.path().join("sibling.db")),
            Target::Postgres(_) => {
                let server = std::env::var("LOGGIA_TEST_POSTGRES").unwrap();
                Target::Postgres(new_database(&server, &format!("{}_sibling", self.name)).await)
            }
        };
        (Store::open(&target).await.unwrap(), target)
    }

    /// Runs a statement behind the back of the store.
    pub async fn meddle(&self, statement: &'static str) {
        match &self.target {
            Target::Sqlite(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                let mut conn = options.connect().await.unwrap();
                sqlx::query(statement).execute(&mut conn).await.unwrap();
            }
            Target::Postgres(address) => {
                let mut conn = PgConnection::connect(address).await.unwrap();
                sqlx::query(statement).execute(&mut conn).await.unwrap();
            }
        }
    }
}

/// Options with little patience, for tests that wait for failures.
pub fn impatient() -> Options {
    Options { patience: Duration::from_millis(700), ..Options::default() }
}

pub fn uid(number: u64) -> Uid {
    format!("01900000-0000-7000-8000-{number:012x}").parse().unwrap()
}

pub fn name(text: &str) -> Ref {
    text.parse().unwrap()
}

pub fn at(second: i64) -> Micros {
    Micros(1_700_000_000_000_000).plus_seconds(second)
}

/// A record in its first revision; `second` is both its time and in its text.
pub fn record(number: u64, called: &str, position: i64, second: i64) -> Record {
    let reference = name(called);
    let document = json!({
        "apiVersion": "backstage.io/v1alpha1",
        "kind": reference.kind(),
        "metadata": {"name": reference.name(), "namespace": reference.namespace(), "description": format!("At {second}")},
        "spec": {"type": "service", "owner": "group:default/booking", "note": "ä\u{0}\u{1F600}\\\""},
    });
    let document = canonical::to_string(&document);
    Record {
        uid: uid(number),
        reference,
        etag: canonical::etag(&document).into(),
        document: document.into(),
        status: (number.is_multiple_of(2)).then(|| r#"{"phase":"ready"}"#.into()),
        source: Source::at("repository:main", "catalog/all.yaml#3"),
        revision: 1,
        position,
        created_at: at(second),
        updated_at: at(second),
    }
}

/// The next revision of a record.
pub fn revised(record: &Record, position: i64, second: i64) -> Record {
    let document = record.document.replace("At ", "Later, at ");
    let etag = canonical::etag(&document).into();
    let revision = record.revision + 1;
    Record { document: document.into(), etag, revision, position, updated_at: at(second), ..record.clone() }
}

pub fn removal(record: &Record, position: i64, second: i64) -> Removal {
    let reference = record.reference.clone();
    Removal { uid: record.uid, reference, revision: record.revision + 1, position, time: at(second) }
}

/// An event that follows from a place in the log.
pub fn event(position: i64, previous: &str, second: i64, subject: Option<&Record>) -> Event {
    let mut event = Event {
        position,
        id: uid(1_000_000 + position.unsigned_abs()),
        time: at(second),
        kind: "dev.loggia.record.written.v1".to_owned(),
        subject: subject.map(|record| record.uid),
        subject_ref: subject.map(|record| record.reference.to_string()),
        actor: Actor {
            principal: "user:default/amara".to_owned(),
            on_behalf_of: (position % 2 == 0).then(|| "user:default/bo".to_owned()),
            organisation: "default".to_owned(),
            door: "api".to_owned(),
            request_id: format!("r{position}"),
        },
        reason: Some("because".to_owned()),
        cause: None,
        revision: subject.map(|record| record.revision),
        data: json!({"position": position, "text": "ö"}),
        previous: previous.to_owned(),
        hash: String::new(),
    };
    event.hash = event.expected_hash();
    event
}

/// Events from after a tail, one for each position, at these seconds.
pub fn events_after(tail: &Tail, seconds: &[i64]) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for second in seconds {
        let (position, previous) =
            events.last().map_or((tail.position, tail.last_hash.as_str()), |e| (e.position, e.hash.as_str()));
        events.push(event(position + 1, previous, *second, None));
    }
    events
}

/// Writes a batch with one event; `fill` gets its position.
pub async fn commit(store: &Store, second: i64, fill: impl FnOnce(i64, &mut Batch)) -> Result<i64, StoreError> {
    let known = store.last_event().await?.0;
    let (mut tx, tail) = store.begin(known).await?;
    let mut batch = Batch { events: events_after(&tail, &[second]), ..Batch::default() };
    fill(tail.position + 1, &mut batch);
    tx.write(&batch).await?;
    tx.commit().await?;
    Ok(tail.position + 1)
}
