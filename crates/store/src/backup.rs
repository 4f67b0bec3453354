//! Copying a whole store: into a SQLite file, and out of one. The file is the same whichever database it came from.

use crate::error::StoreError;
use crate::private_file;
use crate::rows::Rows;
use crate::sql::{Cells, Conn, Row, Sql, Value, sql};
use crate::store::{Options, Store, Target, Tx};
use crate::tables::{Cell, TABLES, Table};
use std::path::Path;

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Position of the newest event in the copy.
    pub position: i64,
    /// Rows in all tables.
    pub rows: i64,
}

/// Rows that are in memory at once.
const PAGE: i64 = 500;

impl Store {
    /// Copies everything, as of one moment, into a new SQLite file.
    ///
    /// # Errors
    /// [`StoreError::Other`] when the file exists or cannot be written (its owner alone may read it); [`StoreError::Unavailable`] when the database
    /// is away or the disk is full. A file that is not complete is taken away again.
    pub async fn backup(&self, path: &Path) -> Result<Copied, StoreError> {
        if path.exists() {
            return Err(StoreError::Other(format!("{} exists already", path.display())));
        }
        let outcome = self.copy_into(path).await;
        if outcome.is_err() {
            remove(path);
        }
        outcome
    }

    async fn copy_into(&self, path: &Path) -> Result<Copied, StoreError> {
        let target = path.to_str().ok_or_else(|| StoreError::Other("the path is not text".to_owned()))?;
        // Everything is in it, so it is its owner's from the first byte on.
        private_file::make(path)?;
        if self.copy_file(target).await? {
            let copy = Store::open(&Target::Sqlite(path.to_owned())).await?;
            let outcome = count(&copy).await;
            copy.close().await;
            return outcome;
        }
        let copy = Store::open(&Target::Sqlite(path.to_owned())).await?;
        let outcome = copy_all(self, &copy).await;
        copy.close().await;
        outcome
    }

    /// Fills this store, which must be empty, from a file that [`Store::backup`] made. The file is not changed: a copy
    /// beside it, which goes away again, is brought up to date where it is of an older version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when this store is not empty, [`StoreError::Corrupt`] when the file is not a backup,
    /// [`StoreError::Other`] when it cannot be read. Nothing is restored then.
    pub async fn restore(&self, path: &Path) -> Result<Copied, StoreError> {
        let near = path.with_extension("restoring");
        let problem = |error: std::io::Error| StoreError::Other(format!("{}: {error}", path.display()));
        private_file::make(&near)?;
        let copied = std::fs::File::open(path).and_then(|mut from| {
            std::io::copy(&mut from, &mut std::fs::OpenOptions::new().write(true).truncate(true).open(&near)?)
        });
        if let Err(error) = copied {
            remove(&near);
            return Err(problem(error));
        }
        let outcome = self.fill_from(&near).await;
        remove(&near);
        outcome
    }

    async fn fill_from(&self, path: &Path) -> Result<Copied, StoreError> {
        let source = Store::open_with(&Target::Sqlite(path.to_owned()), &Options::default()).await?;
        let outcome = copy_all(&source, self).await;
        source.close().await;
        outcome
    }
}

/// Takes a SQLite file and what SQLite puts beside it away.
fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        if let Err(error) = std::fs::remove_file(&name)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(file = %name.display(), %error, "a file could not be taken away");
        }
    }
}

async fn count(store: &Store) -> Result<Copied, StoreError> {
    let mut lease = store.reader().await?;
    let conn = &mut lease.conn();
    let mut rows = 0;
    for table in TABLES {
        rows += count_rows(conn, table).await?;
    }
    Ok(Copied { position: crate::heads::last(conn).await?.0, rows })
}

async fn count_rows(conn: &mut Conn<'_>, table: &Table) -> Result<i64, StoreError> {
    let mut statement = sql("select count(*) from ");
    statement.push(table.name);
    Ok(conn.first(statement).await?.map_or(0, |(rows,)| rows))
}

/// Copies every table, reading one moment and writing one transaction.
async fn copy_all(source: &Store, target: &Store) -> Result<Copied, StoreError> {
    let mut from = source.moment().await?;
    let mut to = target.writer().await?;
    let outcome = copy_tables(&mut from, &mut to).await;
    from.rollback().await?;
    to.end(outcome).await
}

async fn copy_tables(from: &mut Tx, to: &mut Tx) -> Result<Copied, StoreError> {
    let (mut from, mut to) = (from.conn()?, to.conn()?);
    let mut rows = 0;
    for table in TABLES {
        if count_rows(&mut to, table).await? > 0 {
            return Err(StoreError::Conflict);
        }
        rows += copy_table(&mut from, &mut to, table).await?;
    }
    Ok(Copied { position: crate::heads::last(&mut to).await?.0, rows })
}

/// The cells of a row, in the order of the columns.
fn read_row(table: &Table, row: &Row) -> Result<Vec<Value>, StoreError> {
    let mut cells = Cells::of(row);
    let values = table.cells.iter().map(|cell| {
        Ok(match cell {
            Cell::Int => Value::Int(cells.take()?),
            Cell::Text => Value::Text(cells.take()?),
            Cell::Bytes => Value::Bytes(cells.take()?),
        })
    });
    values.collect()
}

/// Some rows in order of the key, after the row with the key `last`.
fn page(table: &Table, last: Option<Vec<Value>>) -> Sql {
    let key = table.columns[..table.key].join(",");
    let mut statement = sql("select ");
    statement.push(&table.columns.join(","));
    statement.push(" from ");
    statement.push(table.name);
    if let Some(last) = last {
        statement.push(&format!(" where ({key}) > "));
        statement.push_list("", last);
    }
    statement.push(&format!(" order by {key}"));
    statement.push_bind(" limit ", PAGE);
    statement
}

/// Copies a table page by page.
async fn copy_table(from: &mut Conn<'_>, to: &mut Conn<'_>, table: &Table) -> Result<i64, StoreError> {
    let mut copied = 0;
    let mut last = None;
    loop {
        let found = from.all(page(table, last)).await?;
        let mut rows = Rows::new(table.name, table.columns);
        last = None;
        for row in &found {
            let values = read_row(table, row)?;
            last = Some(values[..table.key].to_vec());
            rows.push_all(values);
        }
        rows.write(to, "").await?;
        copied += i64::try_from(found.len()).unwrap_or(i64::MAX);
        if last.is_none() {
            return Ok(copied);
        }
    }
}
