use crate::ledgers::{item, reading, secret, sighting, source, unmatched};
use crate::people::{answer, keep, login, login_state, session, tie, token};
use crate::queue::operation;
use crate::support::{Db, at, commit, drop_database, name, on_both, on_sqlite, record, removal, uid};
use loggia_store::{
    Credential, Due, NewWork, PageEdit, Settled, Store, StoreError, Target, Times, TokenKind, WorkClass,
};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Row, TypeInfo, ValueRef};
use std::path::Path;

/// Puts at least one row into every table.
async fn fill(store: &Store) {
    let (a, b) = (record(1, "component:default/a", 1, 1), record(2, "component:default/b", 1, 1));
    commit(store, 1, |_, batch| {
        batch.puts = vec![a.clone(), b.clone()];
        batch.aliases = vec![(name("component:default/old"), a.uid)];
        batch.operations = vec![operation(1, 1, 1)];
        let payload = json!({"a": [1, 2.50, null]});
        let (subject, not_before) = (uid(1), at(0));
        let key = "apply".to_owned();
        batch.work = vec![NewWork {
            id: uid(5),
            class: WorkClass::People,
            subject,
            key,
            place: String::new(),
            not_before,
            payload,
        }];
        let (key, kind, payload) = ("k".to_owned(), "end".to_owned(), json!({}));
        batch.due = vec![Due { key, time: at(9), kind, subject: Some(uid(1)), payload }];
        batch.secrets = vec![secret(1, 1, "outputs.password")];
        batch.usage = vec![reading("1", 0, Some("group:default/booking"), 3), reading("2", 1, None, 1)];
        batch.sightings = vec![sighting(1, 1, 2, "driver")];
        batch.unmatched = vec![unmatched("redis", 1)];
        batch.items = vec![item(1, 2, 1)];
        batch.answers = vec![answer("k", 99)];
        let settled = Settled { at: at(2), outcome: "put-aside".into(), reason: "Later.".into() };
        batch.edits = vec![PageEdit {
            id: uid(6),
            source: "repository:a".into(),
            record: a.uid,
            commit: "c1".into(),
            branch: "loggia/a".into(),
            link: "https://example.org/a".into(),
            why: "Another owner".into(),
            author: "user:default/ann".into(),
            etag: a.etag.to_string(),
            made_at: at(1),
            settled: Some(settled),
        }];
    })
    .await
    .unwrap();
    commit(store, 2, |p, batch| batch.removals = vec![removal(&b, p, 2)]).await.unwrap();
    let lines: Vec<_> = (0..1200).map(|n| (at(n), format!("line {n}"))).collect();
    store.append_log(uid(1), &lines).await.unwrap();
    store.claim("worker", Times::at(at(1)), 30, &WorkClass::ALL, &[]).await.unwrap().unwrap();
    store.erase_events(&[1]).await.unwrap();
    store.put_blob("image/png", &[0, 1, 2, 255]).await.unwrap();
    store.put_meta("key", "value").await.unwrap();
    let own = vec![
        Credential::Login(login(70)),
        Credential::Tie(tie("a", 70)),
        Credential::Session(session("h", 9)),
        Credential::Token(token(1, TokenKind::Service)),
    ];
    keep(store, own).await.unwrap();
    store.put_login_state(&login_state("s")).await.unwrap();
    store.put_source(&source("repository:a")).await.unwrap();
}

/// Every cell of every table of a file, as the file itself names them.
async fn cells(path: &Path) -> Vec<String> {
    let mut conn = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let tables =
        "select name from sqlite_master where type = 'table' and name not like '\\_sqlx%' escape '\\' order by name";
    let mut all = Vec::new();
    for table in sqlx::query(tables).fetch_all(&mut conn).await.unwrap() {
        let table: String = table.get(0);
        let rows = rows_of(&mut conn, &table).await;
        assert!(!rows.is_empty(), "{table} has no row: the copy would not be tested");
        all.extend(rows);
    }
    all
}

async fn rows_of(conn: &mut SqliteConnection, table: &str) -> Vec<String> {
    let statement = format!("select * from {table} order by 1, 2");
    let rows = sqlx::query(AssertSqlSafe(statement)).fetch_all(conn).await.unwrap();
    let cell = |row: &sqlx::sqlite::SqliteRow, at: usize| {
        let raw = row.try_get_raw(at).unwrap();
        match raw.type_info().name() {
            _ if raw.is_null() => "-".to_owned(),
            "INTEGER" => row.get::<i64, _>(at).to_string(),
            "TEXT" => row.get::<String, _>(at),
            _ => format!("{:?}", row.get::<Vec<u8>, _>(at)),
        }
    };
    rows.iter().map(|row| format!("{table} {:?}", (0..row.len()).map(|at| cell(row, at)).collect::<Vec<_>>())).collect()
}

async fn drop_sibling(target: &Target) {
    if let Target::Postgres(address) = target {
        drop_database(&std::env::var("LOGGIA_TEST_POSTGRES").unwrap(), address).await;
    }
}

#[tokio::test]
async fn a_copy_has_every_cell_and_can_be_restored() {
    on_both("copy", async |db: &Db| {
        fill(&db.store).await;
        let first = db.dir.path().join("backup.loggia");
        let copied = db.store.backup(&first).await.unwrap();
        assert_eq!(copied.position, 2);
        let (sibling, target) = db.sibling().await;
        assert_eq!(sibling.restore(&first).await.unwrap(), copied);
        assert_eq!(sibling.restore(&first).await, Err(StoreError::Conflict));
        let second = db.dir.path().join("again.loggia");
        assert_eq!(sibling.backup(&second).await.unwrap(), copied);
        let (one, two) = (cells(&first).await, cells(&second).await);
        assert_eq!(i64::try_from(one.len()).unwrap(), copied.rows);
        assert_eq!(one, two);
        assert_eq!(sibling.load().await.unwrap().records, db.store.load().await.unwrap().records);
        assert_eq!(sibling.verify_chain().await.unwrap(), Ok(2));
        assert!(matches!(db.store.backup(&first).await, Err(StoreError::Other(_))));
        let left: Vec<_> = std::fs::read_dir(db.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().contains("restoring")), "{left:?}");
        sibling.close().await;
        drop_sibling(&target).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_no_backup_is_not_restored() {
    on_sqlite("no_backup", async |db| {
        let rubbish = db.dir.path().join("rubbish");
        std::fs::write(&rubbish, "rubbish".repeat(1000)).unwrap();
        assert!(matches!(db.store.restore(&rubbish).await, Err(StoreError::Corrupt(_))));
        assert!(matches!(db.store.restore(&db.dir.path().join("none")).await, Err(StoreError::Other(_))));
        assert_eq!(db.store.load().await.unwrap().position, 0);
    })
    .await;
}

/// Everything that is known lies in these files: nobody but their owner reads them, from their first byte on.
#[tokio::test]
async fn files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    on_sqlite("files_are_their_owners_alone", async |db| {
        fill(&db.store).await;
        db.store.backup(&db.dir.path().join("copy.db")).await.unwrap();
        let mut names = Vec::new();
        for entry in db.dir.path().read_dir().unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
            names.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
        names.sort();
        assert!(names.contains(&"loggia.db-wal".to_owned()) && names.contains(&"copy.db".to_owned()), "{names:?}");
    })
    .await;
}
