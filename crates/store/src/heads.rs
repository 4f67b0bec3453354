//! Heads: the newest revision of each record, and what has changed since a position.

use crate::error::StoreError;
use crate::rows::{AT_ONCE, Rows};
use crate::sql::{Cells, Conn, FromRow, Value, sql};
use crate::store::{Store, reads};
use loggia_model::{Micros, Record, Ref, Source, Uid};
use std::collections::HashSet;
use std::sync::Arc;

/// Everything that a graph is made of.
#[derive(Debug)]
pub struct Loaded {
    /// Position of the newest event; 0 for an empty store.
    pub position: i64,
    /// Hash of that event; empty for an empty store.
    pub last_hash: String,
    /// Time of that event.
    pub last_time: Micros,
    /// All records, in order of their names.
    pub records: Vec<Record>,
    /// Former names of records that still exist, in order.
    pub aliases: Vec<(Ref, Uid)>,
}

/// What was committed after a position that the caller knows.
#[derive(Debug, PartialEq)]
pub struct Tail {
    /// Position of the newest event.
    pub position: i64,
    /// Hash of that event; empty for an empty store.
    pub last_hash: String,
    /// Time of that event.
    pub last_time: Micros,
    /// What to do to come from the known position to this one: removals first, then puts, then former names. A record
    /// appears once, in its newest state.
    pub changes: Vec<Delta>,
}

/// One change of the records.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// This is the record now, whatever it was before and whatever it was called.
    Put(Record),
    /// The record is gone; the caller may never have known it.
    Remove(Uid),
    /// The name leads to this record, unless a record is called so.
    Alias(Ref, Uid),
}

const COLUMNS: &[&str] =
    &["uid", "ref", "document", "status", "etag", "origin", "path", "revision", "position", "created_at", "updated_at"];

impl FromRow for Record {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Record {
            uid: cells.take()?,
            reference: cells.take()?,
            document: cells.take()?,
            status: cells.take()?,
            etag: cells.take()?,
            source: Source { origin: cells.take()?, path: cells.take()? },
            revision: cells.take()?,
            position: cells.take()?,
            created_at: cells.take()?,
            updated_at: cells.take()?,
        })
    }
}

/// The cells of a head.
fn row(record: &Record) -> [Value; 11] {
    [
        record.uid.into(),
        (&record.reference).into(),
        (&record.document).into(),
        (&record.status).into(),
        (&record.etag).into(),
        (&record.source.origin).into(),
        (&record.source.path).into(),
        record.revision.into(),
        record.position.into(),
        record.created_at.into(),
        record.updated_at.into(),
    ]
}

/// Writes heads whose uids have none.
pub(crate) async fn insert(conn: &mut Conn<'_>, records: &[&Record]) -> Result<(), StoreError> {
    for some in records.chunks(AT_ONCE) {
        let mut rows = Rows::new("heads", COLUMNS);
        some.iter().for_each(|record| rows.push(row(record)));
        rows.write(conn, "").await?;
    }
    Ok(())
}

/// Takes heads away; uids without one are left out silently.
pub(crate) async fn delete(conn: &mut Conn<'_>, uids: &[Uid]) -> Result<(), StoreError> {
    for some in uids.chunks(200) {
        let mut statement = sql("delete from heads where uid in ");
        statement.push_list("", some.iter().copied());
        conn.run(statement).await?;
    }
    Ok(())
}

/// Position, hash and time of the newest event.
pub(crate) async fn last(conn: &mut Conn<'_>) -> Result<(i64, String, Micros), StoreError> {
    let row = conn.first(sql("select position, hash, time from events order by position desc limit 1")).await?;
    Ok(row.unwrap_or_default())
}

/// What was committed after `known`. Must see one state of the database.
pub(crate) async fn tail_after(conn: &mut Conn<'_>, known: i64) -> Result<Tail, StoreError> {
    let (position, last_hash, last_time) = last(conn).await?;
    let mut changes = Vec::new();
    if position > known {
        let removed = sql("select uid from revisions where position > $1 and document is null order by position");
        changes.extend(conn.list(removed.bind(known)).await?.into_iter().map(|(uid,)| Delta::Remove(uid)));
        let put =
            sql("select uid, ref, document, status, etag, origin, path, revision, position, created_at, updated_at
             from heads where position > $1 order by ref");
        changes.extend(conn.list(put.bind(known)).await?.into_iter().map(Delta::Put));
        let aliases = sql("select a.ref, a.uid from aliases a join heads h on h.uid = a.uid
             where a.position > $1 order by a.ref");
        changes.extend(conn.list(aliases.bind(known)).await?.into_iter().map(|(name, uid)| Delta::Alias(name, uid)));
    }
    Ok(Tail { position, last_hash, last_time, changes })
}

/// All records. They are read in the order in which they lie and put in order here: sorting whole documents is the
/// slower half of the work when the database does it.
async fn everything(conn: &mut Conn<'_>) -> Result<Loaded, StoreError> {
    let (position, last_hash, last_time) = last(conn).await?;
    let all = sql("select uid, ref, document, status, etag, origin, path, revision, position, created_at, updated_at
         from heads");
    let mut records: Vec<Record> = conn.list(all).await?;
    records.sort_unstable_by(|a, b| a.reference.cmp(&b.reference));
    share_origins(&mut records);
    let aliases = sql("select a.ref, a.uid from aliases a join heads h on h.uid = a.uid order by a.ref");
    Ok(Loaded { position, last_hash, last_time, records, aliases: conn.list(aliases).await? })
}

/// Lets records of the same origin hold one text.
fn share_origins(records: &mut [Record]) {
    let mut known: HashSet<Arc<str>> = HashSet::new();
    for record in records {
        match known.get(&record.source.origin) {
            Some(origin) => record.source.origin = origin.clone(),
            None => drop(known.insert(record.source.origin.clone())),
        }
    }
}

impl Store {
    /// Everything that the graph holds, as of one moment.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or what it holds cannot be read.
    pub async fn load(&self) -> Result<Loaded, StoreError> {
        let mut tx = self.moment().await?;
        let outcome = everything(&mut tx.conn()?).await;
        tx.end(outcome).await
    }

    /// What others committed after `known_position`.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or what it holds cannot be read.
    pub async fn tail(&self, known_position: i64) -> Result<Tail, StoreError> {
        let (position, last_hash, last_time) = self.last_event().await?;
        if position <= known_position {
            return Ok(Tail { position, last_hash, last_time, changes: Vec::new() });
        }
        let mut tx = self.moment().await?;
        let outcome = tail_after(&mut tx.conn()?, known_position).await;
        tx.end(outcome).await
    }
}

async fn last_event(conn: &mut Conn<'_>) -> Result<(i64, String, Micros), StoreError> {
    last(conn).await
}

async fn head(conn: &mut Conn<'_>, uid: Uid) -> Result<Option<Record>, StoreError> {
    let statement =
        sql("select uid, ref, document, status, etag, origin, path, revision, position, created_at, updated_at
         from heads where uid = $1");
    conn.first(statement.bind(uid)).await
}

reads! {
    /// Position, hash and time of the newest event; 0 and empty for an empty store.
    fn last_event() -> (i64, String, Micros);
    /// The newest revision of one record.
    fn head(uid: Uid) -> Option<Record>;
}
