//! Opening the database, connections and transactions.

use crate::error::StoreError;
use crate::private_file;
use crate::sql::{Conn, sql};
use crate::watch::Watch;
use sqlx::migrate::Migrator;
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Postgres, Sqlite};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Key of the PostgreSQL advisory lock under which the log is written: "loggia" as a number.
const WRITER_LOCK: i64 = 0x6c6f_6767_6961;

/// How long finding out why no connection can be made may take.
const PROBE: Duration = Duration::from_secs(1);

/// Where the data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file of SQLite; it is made when it is missing, its folder is not.
    Sqlite(PathBuf),
    /// The address of a PostgreSQL database, `postgres://…`.
    Postgres(String),
}

impl Target {
    /// Where it is, for whoever operates the server: never with a password.
    pub fn place(&self) -> String {
        let address = match self {
            Target::Sqlite(path) => return path.display().to_string(),
            Target::Postgres(address) => address,
        };
        let Ok(options) = PgConnectOptions::from_str(address) else { return "PostgreSQL".to_owned() };
        let database = options.get_database().unwrap_or(options.get_username());
        match options.get_socket() {
            Some(socket) => format!("PostgreSQL at {}, database {database}", socket.display()),
            None => format!("PostgreSQL at {}:{}, database {database}", options.get_host(), options.get_port()),
        }
    }
}

/// Limits that an operator may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Connections to PostgreSQL, or readers of SQLite.
    pub connections: u32,
    /// How long to wait for a free or new connection, and on SQLite for another process that writes.
    pub patience: Duration,
    /// The size that a SQLite file may reach, in pages of 4,096 bytes; a write beyond it fails as on a full disk.
    pub sqlite_pages: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Options { connections: 8, patience: Duration::from_secs(5), sqlite_pages: None }
    }
}

/// The database. Clones share its connections.
#[derive(Clone)]
pub struct Store {
    db: Db,
}

#[derive(Clone)]
enum Db {
    /// One connection that writes, and several that may only read.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

impl Store {
    /// Opens the database and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be reached, [`StoreError::Corrupt`] when it is not ours,
    /// [`StoreError::Other`] when the address is wrong or a migration fails.
    pub async fn open(target: &Target) -> Result<Store, StoreError> {
        Store::open_with(target, &Options::default()).await
    }

    /// Opens the database with limits of the operator.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with(target: &Target, options: &Options) -> Result<Store, StoreError> {
        let opened = match target {
            Target::Sqlite(path) => open_sqlite(path, options).await,
            Target::Postgres(address) => open_postgres(address, options).await,
        };
        let db = opened.map_err(|error| match error {
            StoreError::Unavailable(cause) => StoreError::Unavailable(format!("{}: {cause}", target.place())),
            other => other,
        })?;
        Ok(Store { db })
    }

    /// Closes all connections, after their statements have ended.
    pub async fn close(&self) {
        match &self.db {
            Db::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Db::Postgres(pool) => pool.close().await,
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.reader().await?.conn().run(sql("select 1")).await.map(drop)
    }

    /// Whether this is SQLite: one file, one writing process at a time.
    pub fn is_sqlite(&self) -> bool {
        matches!(self.db, Db::Sqlite { .. })
    }

    /// Announces commits of other processes as they happen, so that nobody has to wait for the next poll.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be made.
    pub async fn watch(&self) -> Result<Watch, StoreError> {
        match &self.db {
            Db::Sqlite { .. } => Ok(Watch::silent()),
            Db::Postgres(pool) => Watch::listen(pool).await,
        }
    }

    /// Lets SQLite copy its file into another one, without stopping the writer. Tells whether this is SQLite.
    pub(crate) async fn copy_file(&self, target: &str) -> Result<bool, StoreError> {
        let Db::Sqlite { readers, .. } = &self.db else { return Ok(false) };
        // A connection that may only read may not write another file either.
        let options = readers.connect_options().as_ref().clone().pragma("query_only", "off");
        let mut conn = options.connect().await?;
        Conn::Sqlite(&mut conn).run(sql("vacuum into $1").bind(target)).await?;
        conn.close().await?;
        Ok(true)
    }

    /// A connection to read from.
    pub(crate) async fn reader(&self) -> Result<Lease, StoreError> {
        Ok(match &self.db {
            Db::Sqlite { readers, .. } => Lease::Sqlite(readers.acquire().await?),
            Db::Postgres(pool) => acquired(pool).await?,
        })
    }

    /// A transaction for what does not belong to the log.
    pub(crate) async fn transaction(&self) -> Result<Tx, StoreError> {
        let (lease, begin) = match &self.db {
            // The lock is taken at once: a transaction that begins with a read cannot always become a writer later.
            Db::Sqlite { writer, .. } => (Lease::Sqlite(writer.acquire().await?), "begin immediate"),
            Db::Postgres(pool) => (acquired(pool).await?, "begin"),
        };
        let mut tx = Tx { lease: Some(lease) };
        tx.conn()?.run(sql(begin)).await?;
        Ok(tx)
    }

    /// A transaction in which this is the only writer of the log. What it reads afterwards is the newest state.
    pub(crate) async fn writer(&self) -> Result<Tx, StoreError> {
        let mut tx = self.transaction().await?;
        if !self.is_sqlite() {
            tx.conn()?.run(sql("select pg_advisory_xact_lock($1)").bind(WRITER_LOCK)).await?;
        }
        Ok(tx)
    }

    /// A transaction in which all reads show the state of one moment.
    pub(crate) async fn moment(&self) -> Result<Tx, StoreError> {
        let lease = self.reader().await?;
        let begin = if self.is_sqlite() { "begin" } else { "begin isolation level repeatable read, read only" };
        let mut tx = Tx { lease: Some(lease) };
        tx.conn()?.run(sql(begin)).await?;
        Ok(tx)
    }
}

/// A connection of the pool. That the pool waited for too long says nothing; why no connection was made does.
async fn acquired(pool: &PgPool) -> Result<Lease, StoreError> {
    match pool.acquire().await {
        Ok(conn) => Ok(Lease::Postgres(conn)),
        Err(sqlx::Error::PoolTimedOut) => Err(StoreError::Unavailable(cause(&pool.connect_options()).await)),
        Err(error) => Err(error.into()),
    }
}

/// Why no connection can be made, found out by making one.
async fn cause(options: &PgConnectOptions) -> String {
    match tokio::time::timeout(PROBE, options.connect()).await {
        Ok(Ok(conn)) => {
            // It is of no use but to have been made.
            drop(conn);
            "all connections are in use".to_owned()
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it does not answer".to_owned(),
    }
}

async fn open_sqlite(path: &Path, options: &Options) -> Result<Db, StoreError> {
    private_file::make(path)?;
    let shared = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(options.patience)
        .pragma("mmap_size", "0")
        .disable_statement_logging();
    let pool = || PoolOptions::<Sqlite>::new().acquire_timeout(options.patience).test_before_acquire(false);
    let mut write = shared.clone().journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    if let Some(pages) = options.sqlite_pages {
        write = write.pragma("max_page_count", pages.to_string());
    }
    let writer = pool().max_connections(1).idle_timeout(None).max_lifetime(None).connect_with(write).await?;
    migrate(&SQLITE, &writer).await?;
    let read = shared.row_buffer_size(512).pragma("query_only", "on");
    let readers = pool().max_connections(options.connections).connect_lazy_with(read);
    Ok(Db::Sqlite { writer, readers })
}

async fn open_postgres(address: &str, options: &Options) -> Result<Db, StoreError> {
    let connect =
        PgConnectOptions::from_str(address)?.application_name("loggia").disable_statement_logging().options([
            ("statement_timeout", "30s"),
            ("lock_timeout", "10s"),
            ("idle_in_transaction_session_timeout", "15s"),
        ]);
    let pool = PoolOptions::<Postgres>::new()
        .max_connections(options.connections)
        .acquire_timeout(options.patience)
        .connect_with(connect.clone())
        .await;
    let pool = match pool {
        Err(sqlx::Error::PoolTimedOut) => return Err(StoreError::Unavailable(cause(&connect).await)),
        other => other?,
    };
    migrate(&POSTGRES, &pool).await?;
    Ok(Db::Postgres(pool))
}

/// Runs the migrations that are missing; the migrator holds an advisory lock on PostgreSQL, so that replicas may start
/// together. Migrations that a newer version has run are left alone: they only expand.
async fn migrate<'a, A>(migrator: &'static Migrator, pool: A) -> Result<(), StoreError>
where
    A: sqlx::Acquire<'a>,
    <A::Connection as std::ops::Deref>::Target: sqlx::migrate::Migrate,
{
    let tolerant = Migrator {
        migrations: std::borrow::Cow::Borrowed(&migrator.migrations),
        ignore_missing: true,
        ..Migrator::DEFAULT
    };
    Ok(tolerant.run(pool).await?)
}

/// A connection out of a pool.
pub(crate) enum Lease {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Lease {
    /// What statements run on.
    pub(crate) fn conn(&mut self) -> Conn<'_> {
        match self {
            Lease::Sqlite(conn) => Conn::Sqlite(&mut *conn),
            Lease::Postgres(conn) => Conn::Postgres(&mut *conn),
        }
    }

    fn close(self) {
        match self {
            Lease::Sqlite(mut conn) => conn.close_on_drop(),
            Lease::Postgres(mut conn) => conn.close_on_drop(),
        }
    }
}

/// A transaction. Its connection is given back to the pool only after an end that the database confirmed; in every
/// other case (dropped, failed, cancelled) the connection is closed, which undoes the transaction for sure.
pub(crate) struct Tx {
    lease: Option<Lease>,
}

impl Tx {
    /// What statements run on.
    pub(crate) fn conn(&mut self) -> Result<Conn<'_>, StoreError> {
        match &mut self.lease {
            Some(lease) => Ok(lease.conn()),
            None => Err(StoreError::Other("the transaction has ended".to_owned())),
        }
    }

    /// Makes everything durable.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        self.conn()?.run(sql("commit")).await?;
        self.lease = None;
        Ok(())
    }

    /// Undoes everything.
    pub(crate) async fn rollback(mut self) -> Result<(), StoreError> {
        self.conn()?.run(sql("rollback")).await?;
        self.lease = None;
        Ok(())
    }

    /// Commits when all went well, else undoes everything.
    pub(crate) async fn end<T>(self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        match outcome {
            Ok(value) => self.commit().await.map(|()| value),
            Err(error) => {
                if let Err(second) = self.rollback().await {
                    tracing::debug!(%second, "the transaction was closed instead of undone");
                }
                Err(error)
            }
        }
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.close();
        }
    }
}

/// Makes methods of [`Store`] and of [`crate::WriteTx`] from functions of the same name that read.
macro_rules! reads {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) -> $out:ty;)+) => {
        impl crate::Store {
            $($(#[$doc])*
            ///
            /// # Errors
            /// [`crate::StoreError`] when the database does not answer or what it holds cannot be read.
            pub async fn $name(&self, $($arg: $type),*) -> Result<$out, crate::StoreError> {
                let mut lease = self.reader().await?;
                $name(&mut lease.conn(), $($arg),*).await
            })+
        }
        impl crate::WriteTx {
            $($(#[$doc])*
            ///
            /// # Errors
            /// [`crate::StoreError`] when the database does not answer or what it holds cannot be read.
            pub async fn $name(&mut self, $($arg: $type),*) -> Result<$out, crate::StoreError> {
                $name(&mut self.conn()?, $($arg),*).await
            })+
        }
    };
}

/// Makes methods of [`Store`] (in a transaction of their own) and of [`crate::WriteTx`] (in that transaction) from
/// functions of the same name that write.
macro_rules! writes {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) -> $out:ty;)+) => {
        impl crate::Store {
            $($(#[$doc])*
            ///
            /// # Errors
            /// [`crate::StoreError`]; nothing was written.
            pub async fn $name(&self, $($arg: $type),*) -> Result<$out, crate::StoreError> {
                let mut tx = self.transaction().await?;
                let outcome = $name(&mut tx.conn()?, $($arg),*).await;
                tx.end(outcome).await
            })+
        }
        impl crate::WriteTx {
            $($(#[$doc])*
            ///
            /// # Errors
            /// [`crate::StoreError`]; the transaction must be dropped.
            pub async fn $name(&mut self, $($arg: $type),*) -> Result<$out, crate::StoreError> {
                $name(&mut self.conn()?, $($arg),*).await
            })+
        }
    };
}

pub(crate) use {reads, writes};
