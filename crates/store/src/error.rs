//! What can go wrong with the database, sorted by what the caller does about it.

use sqlx::error::ErrorKind;

/// Why the store could not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database is away, busy or full. Nothing was written; the same call may work later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Somebody else was first: a name or key is taken, a revision was written, or a lease was lost.
    #[error("somebody else changed this in the meantime")]
    Conflict,
    /// What is stored cannot be read: a damaged file or a row of another shape.
    #[error("the stored data is damaged: {0}")]
    Corrupt(String),
    /// A fault of the program or of its settings.
    #[error("the database refused: {0}")]
    Other(String),
}

/// Classes of PostgreSQL error codes after which the same call may work later: connection, resources (disk full, too
/// many connections), operator (shutdown, statement timeout), system, and transaction rollback (deadlock).
const RETRYABLE_CLASSES: [&str; 5] = ["08", "53", "57", "58", "40"];

/// Codes with the same meaning outside these classes: lock timeout, no connections taken now, idle in transaction,
/// statement in a transaction that has ended, read-only transaction (a server in recovery).
const RETRYABLE_CODES: [&str; 5] = ["55P03", "55000", "25P03", "25P02", "25006"];

/// The primary result codes of SQLite after which the same call may work later: busy, locked, read only, interrupted,
/// input or output, full, cannot open.
const RETRYABLE_SQLITE: [i64; 7] = [5, 6, 8, 9, 10, 13, 14];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => from_database(database.as_ref()),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => StoreError::Unavailable(error.to_string()),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Corrupt(error.to_string()),
            sqlx::Error::Migrate(inner) => from_migration(inner),
            _ => StoreError::Other(error.to_string()),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        from_migration(&error)
    }
}

fn from_migration(error: &sqlx::migrate::MigrateError) -> StoreError {
    match error {
        sqlx::migrate::MigrateError::Execute(sqlx::Error::Database(inner))
        | sqlx::migrate::MigrateError::ExecuteMigration(sqlx::Error::Database(inner), _) => {
            from_database(inner.as_ref())
        }
        other => StoreError::Other(other.to_string()),
    }
}

fn from_database(error: &(dyn sqlx::error::DatabaseError + 'static)) -> StoreError {
    if error.kind() == ErrorKind::UniqueViolation {
        tracing::debug!(%error, "a unique key was taken");
        return StoreError::Conflict;
    }
    let code = error.code().unwrap_or_default();
    let message = error.message().to_owned();
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        let class = code.get(..2).unwrap_or_default();
        return match class {
            "XX" => StoreError::Corrupt(message),
            _ if RETRYABLE_CLASSES.contains(&class) || RETRYABLE_CODES.contains(&&*code) => {
                StoreError::Unavailable(message)
            }
            _ => StoreError::Other(message),
        };
    }
    match code.parse::<i64>().unwrap_or_default() & 0xff {
        primary if RETRYABLE_SQLITE.contains(&primary) => StoreError::Unavailable(message),
        11 | 26 => StoreError::Corrupt(message),
        _ => StoreError::Other(message),
    }
}

/// A stored text that does not have the expected shape.
pub(crate) fn corrupt(what: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("{what}: {error}"))
}
