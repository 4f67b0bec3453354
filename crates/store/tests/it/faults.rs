use crate::support::{
    Db, at, commit, drop_database, events_after, impatient, name, new_database, on_both, on_postgres, on_sqlite,
    record, revised, uid,
};
use loggia_model::{Record, Uid};
use loggia_store::{Batch, Delta, Options, Store, StoreError, Target};
use sqlx::postgres::PgConnectOptions;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// What a process knows of the records, kept up to date by tails alone.
#[derive(Default)]
struct Replica {
    position: i64,
    records: BTreeMap<Uid, Record>,
}

impl Replica {
    fn apply(&mut self, position: i64, changes: Vec<Delta>) {
        assert!(position >= self.position, "positions never go back");
        self.position = position;
        for change in changes {
            match change {
                Delta::Put(record) => drop(self.records.insert(record.uid, record)),
                Delta::Remove(uid) => drop(self.records.remove(&uid)),
                Delta::Alias(..) => {}
            }
        }
    }
}

/// Makes and revises records, each decision on what the tail says; gives what it knows at the end.
async fn write_many(store: Store, first: u64) -> Replica {
    let mut replica = Replica::default();
    for round in 0..40 {
        let (mut tx, tail) = store.begin(replica.position).await.unwrap();
        let events = events_after(&tail, &[tail.position]);
        let position = tail.position + 1;
        replica.apply(tail.position, tail.changes);
        let mut puts =
            vec![record(first + round, &format!("component:default/n{}", first + round), position, position)];
        // A record that everybody revises: its revision would collide without the newest state.
        puts.push(match replica.records.get(&uid(1)) {
            Some(shared) => revised(shared, position, position),
            None => record(1, "component:default/shared", position, position),
        });
        tx.write(&Batch { events, puts: puts.clone(), ..Batch::default() }).await.unwrap();
        tx.commit().await.unwrap();
        replica.apply(position, puts.into_iter().map(Delta::Put).collect());
    }
    replica
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_writers_leave_no_gap_and_see_each_other() {
    on_both("writers", async |db| {
        let (one, two) = (db.again().await, db.again().await);
        let (a, b) = tokio::join!(tokio::spawn(write_many(one, 1000)), tokio::spawn(write_many(two, 2000)));
        assert_eq!(db.store.verify_chain().await.unwrap(), Ok(80));
        let loaded = db.store.load().await.unwrap();
        assert_eq!((loaded.position, loaded.records.len()), (80, 81));
        assert_eq!(loaded.records.iter().find(|r| r.uid == uid(1)).map(|r| r.revision), Some(80));
        let all: BTreeMap<Uid, Record> = loaded.records.into_iter().map(|r| (r.uid, r)).collect();
        for mut replica in [a.unwrap(), b.unwrap()] {
            let rest = db.store.tail(replica.position).await.unwrap();
            replica.apply(rest.position, rest.changes);
            assert_eq!(replica.records, all);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_start_together() {
    on_postgres("together", async |db| {
        let (store, target) = db.sibling().await;
        store.close().await;
        let Target::Postgres(address) = &target else { return };
        let server = std::env::var("LOGGIA_TEST_POSTGRES").unwrap();
        drop_database(&server, address).await;
        let fresh = new_database(&server, "together_fresh").await;
        let opened: Vec<_> = (0..4)
            .map(|_| {
                let target = Target::Postgres(fresh.clone());
                tokio::spawn(async move { Store::open(&target).await.map(drop) })
            })
            .collect();
        for store in opened {
            assert_eq!(store.await.unwrap(), Ok(()));
        }
        drop_database(&server, &fresh).await;
    })
    .await;
}

#[tokio::test]
async fn commits_are_announced() {
    on_postgres("watch", async |db| {
        let mut watch = db.again().await.watch().await.unwrap();
        commit(&db.store, 1, |_, _| {}).await.unwrap();
        let announced = tokio::time::timeout(Duration::from_secs(5), watch.changed()).await.unwrap().unwrap();
        assert_eq!(announced, db.store.load().await.unwrap().position);
        let silence = tokio::time::timeout(Duration::from_millis(50), watch.changed()).await;
        assert!(silence.is_err());
    })
    .await;
    on_sqlite("watch", async |db| {
        let mut watch = db.store.watch().await.unwrap();
        commit(&db.store, 1, |_, _| {}).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(50), watch.changed()).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_full_disk_writes_nothing_and_heals() {
    on_sqlite("full", async |db| {
        commit(&db.store, 1, |_, b| b.puts = vec![record(1, "component:default/a", 1, 1)]).await.unwrap();
        let ballast = db.store.put_blob("text/plain", &[7; 400_000]).await.unwrap();
        db.store.close().await;
        let Target::Sqlite(path) = &db.target else { return };
        let pages = u32::try_from(std::fs::metadata(path).unwrap().len() / 4096).unwrap();
        let full = Options { sqlite_pages: Some(pages + 2), ..impatient() };
        let store = Store::open_with(&db.target, &full).await.unwrap();
        let many = |count| {
            move |p, b: &mut Batch| {
                b.puts = (10..count).map(|n| record(n, &format!("component:default/n{n}"), p, 2)).collect();
            }
        };
        for _ in 0..3 {
            let refused = commit(&store, 2, many(200)).await;
            assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
            let loaded = store.load().await.unwrap();
            assert_eq!((loaded.position, loaded.records.len()), (1, 1));
        }
        assert!(matches!(store.put_blob("text/plain", &[8; 40_000]).await, Err(StoreError::Unavailable(_))));
        assert_eq!(store.delete_blob(&ballast).await, Ok(true));
        assert_eq!(commit(&store, 3, many(50)).await, Ok(2));
        assert_eq!(store.verify_chain().await.unwrap(), Ok(2));
        assert_eq!(store.load().await.unwrap().records.len(), 41);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn another_process_that_writes_for_too_long_makes_us_wait_then_say_so() {
    on_both("waits", async |db| {
        let other = Store::open_with(&db.target, &impatient()).await.unwrap();
        let (mut tx, tail) = db.store.begin(0).await.unwrap();
        tx.write(&Batch { events: events_after(&tail, &[1]), ..Batch::default() }).await.unwrap();
        if db.store.is_sqlite() {
            let waited = other.begin(0).await.map(drop);
            assert!(matches!(waited, Err(StoreError::Unavailable(_))), "{waited:?}");
        }
        assert_eq!(other.load().await.unwrap().position, 0);
        let waiting = tokio::spawn(async move { commit(&other, 2, |_, _| {}).await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        tx.commit().await.unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(2));
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_not_ours_is_said_to_be_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.db");
    std::fs::write(&path, "just some notes, long enough to be no empty file".repeat(200)).unwrap();
    let opened = Store::open(&Target::Sqlite(path)).await.map(drop);
    assert!(matches!(opened, Err(StoreError::Corrupt(_))), "{opened:?}");
    let nowhere = Store::open(&Target::Sqlite(dir.path().join("no/such/folder.db"))).await.map(drop);
    assert!(matches!(nowhere, Err(StoreError::Unavailable(_))), "{nowhere:?}");
}

#[tokio::test]
async fn a_row_of_another_shape_is_said_to_be_damaged() {
    on_both("damaged", async |db| {
        commit(&db.store, 1, |_, b| b.puts = vec![record(1, "component:default/a", 1, 1)]).await.unwrap();
        db.meddle("update heads set uid = 'nobody'").await;
        assert!(matches!(db.store.load().await, Err(StoreError::Corrupt(_))));
    })
    .await;
}

/// Stands between the store and the server, and can be cut.
struct Line {
    task: tokio::task::JoinHandle<()>,
}

impl Line {
    async fn open(server: &PgConnectOptions, port: u16) -> (Line, u16) {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = server.clone();
        let task = tokio::spawn(async move {
            let mut calls = tokio::task::JoinSet::new();
            while let Ok((call, _)) = listener.accept().await {
                calls.spawn(carry(call, server.clone()));
            }
        });
        (Line { task }, port)
    }

    async fn cut(self) {
        self.task.abort();
        assert!(self.task.await.is_err());
    }
}

async fn carry(mut call: TcpStream, server: PgConnectOptions) {
    // Either end may hang up at any time; that is what the test is about.
    if let Some(folder) =
        server.get_socket().cloned().or_else(|| server.get_host().starts_with('/').then(|| server.get_host().into()))
    {
        let mut socket = UnixStream::connect(folder.join(format!(".s.PGSQL.{}", server.get_port()))).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut call, &mut socket).await;
    } else {
        let mut socket = TcpStream::connect((server.get_host(), server.get_port())).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut call, &mut socket).await;
    }
}

/// The address of a database through a line.
fn through(address: &str, port: u16) -> Target {
    let url = sqlx::ConnectOptions::to_url_lossy(&PgConnectOptions::from_str(address).unwrap());
    let user = match url.password() {
        Some(password) => format!("{}:{password}", url.username()),
        None => url.username().to_owned(),
    };
    Target::Postgres(format!("postgres://{user}@127.0.0.1:{port}{}?sslmode=disable", url.path()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_unavailable_and_comes_back() {
    on_postgres("away", async |db: &Db| {
        let Target::Postgres(address) = &db.target else { return };
        let server = PgConnectOptions::from_str(address).unwrap();
        let (line, port) = Line::open(&server, 0).await;
        let store = Store::open_with(&through(address, port), &impatient()).await.unwrap();
        commit(&store, 1, |_, _| {}).await.unwrap();
        let (mut tx, tail) = store.begin(1).await.unwrap();
        let puts = vec![record(1, "component:default/a", 2, 2)];
        tx.write(&Batch { events: events_after(&tail, &[2]), puts, ..Batch::default() }).await.unwrap();
        line.cut().await;
        assert!(matches!(tx.commit().await, Err(StoreError::Unavailable(_))));
        for _ in 0..2 {
            assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
            assert!(matches!(store.begin(1).await.map(drop), Err(StoreError::Unavailable(_))));
            assert!(matches!(store.load().await, Err(StoreError::Unavailable(_))));
        }
        let (line, _) = Line::open(&server, port).await;
        store.ping().await.unwrap();
        assert_eq!(store.load().await.unwrap().position, 1);
        assert_eq!(commit(&store, 3, |_, b| b.puts = vec![record(1, "component:default/a", 2, 3)]).await, Ok(2));
        assert_eq!(store.uid_of_ref_at(&name("component:default/a"), at(3)).await.unwrap(), Some(uid(1)));
        store.close().await;
        line.cut().await;
    })
    .await;
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_named_with_the_cause_and_without_its_password() {
    let options = Options { patience: Duration::from_millis(100), ..Options::default() };
    let open = async |address: &str| {
        let target = Target::Postgres(address.to_owned());
        match Store::open_with(&target, &options).await {
            Err(StoreError::Unavailable(text)) => text,
            other => panic!("{:?}", other.map(drop)),
        }
    };
    let said = open("postgres://app:hush@127.0.0.1:1/platform").await;
    assert!(said.starts_with("PostgreSQL at 127.0.0.1:1, database platform: "), "{said}");
    assert!(said.contains("refused") && !said.contains("hush"), "{said}");
    let said = open("postgres://app:hush@nowhere.invalid/platform").await;
    assert!(said.starts_with("PostgreSQL at nowhere.invalid:5432, database platform: "), "{said}");
    assert!(!said.contains("hush") && !said.contains("timed out while waiting"), "{said}");
    let nowhere = Target::Sqlite("/nowhere/at/all.db".into());
    let said = Store::open(&nowhere).await.map(drop).unwrap_err().to_string();
    assert!(said.contains("/nowhere/at/all.db"), "{said}");
}
