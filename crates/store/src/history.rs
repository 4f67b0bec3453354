//! Revisions: every state that a record ever had.

use crate::error::StoreError;
use crate::rows::{AT_ONCE, Rows};
use crate::sql::{Cells, Conn, FromRow, Value, sql};
use crate::store::reads;
use crate::write::Removal;
use loggia_model::{Micros, Record, Ref, Source, Uid};
use std::sync::Arc;

/// One state of a record. The state before it is the revision before it.
#[derive(Clone, Debug, PartialEq)]
pub struct RevisionRow {
    /// The record.
    pub uid: Uid,
    /// Number of the revision, from 1.
    pub revision: i64,
    /// Position of the event that wrote it.
    pub position: i64,
    /// When.
    pub time: Micros,
    /// What the record was called.
    pub reference: Ref,
    /// Its text; `None` says that the record was removed.
    pub document: Option<Arc<str>>,
    /// Its status.
    pub status: Option<Arc<str>>,
    /// Tag of the text.
    pub etag: Arc<str>,
    /// Who owned the text.
    pub source: Source,
    /// When the first revision was written.
    pub created_at: Micros,
}

impl RevisionRow {
    /// The record as it was; `None` when it was removed.
    pub fn record(self) -> Option<Record> {
        Some(Record {
            document: self.document?,
            uid: self.uid,
            reference: self.reference,
            status: self.status,
            etag: self.etag,
            source: self.source,
            revision: self.revision,
            position: self.position,
            created_at: self.created_at,
            updated_at: self.time,
        })
    }
}

const COLUMNS: &[&str] =
    &["uid", "revision", "position", "time", "ref", "document", "status", "etag", "origin", "path", "created_at"];

impl FromRow for RevisionRow {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(RevisionRow {
            uid: cells.take()?,
            revision: cells.take()?,
            position: cells.take()?,
            time: cells.take()?,
            reference: cells.take()?,
            document: cells.take()?,
            status: cells.take()?,
            etag: cells.take()?,
            source: Source { origin: cells.take()?, path: cells.take()? },
            created_at: cells.take()?,
        })
    }
}

/// The end of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Gone {
    /// What it was called.
    pub reference: Ref,
    /// When it was removed here.
    pub time: Micros,
    /// What the event that removed it says.
    pub data: serde_json::Value,
}

impl FromRow for Gone {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        let (reference, time) = (cells.take()?, cells.take()?);
        // What was erased says nothing any more.
        let data: Option<String> = cells.take()?;
        let data = data.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Ok(Gone { reference, time, data })
    }
}

/// Writes a revision for each record, and the last revision of what is removed.
pub(crate) async fn insert(conn: &mut Conn<'_>, puts: &[Record], removals: &[Removal]) -> Result<(), StoreError> {
    let all = puts.iter().map(put).chain(removals.iter().map(gone));
    let mut all = all.peekable();
    while all.peek().is_some() {
        let mut rows = Rows::new("revisions", COLUMNS);
        all.by_ref().take(AT_ONCE).for_each(|row| rows.push(row));
        rows.write(conn, "").await?;
    }
    Ok(())
}

fn put(record: &Record) -> [Value; 11] {
    [
        record.uid.into(),
        record.revision.into(),
        record.position.into(),
        record.updated_at.into(),
        (&record.reference).into(),
        (&record.document).into(),
        (&record.status).into(),
        (&record.etag).into(),
        (&record.source.origin).into(),
        (&record.source.path).into(),
        record.created_at.into(),
    ]
}

fn gone(removal: &Removal) -> [Value; 11] {
    [
        removal.uid.into(),
        removal.revision.into(),
        removal.position.into(),
        removal.time.into(),
        (&removal.reference).into(),
        Value::Text(None),
        Value::Text(None),
        "".into(),
        "".into(),
        "".into(),
        removal.time.into(),
    ]
}

const SELECT: &str = "select r.uid, r.revision, r.position, r.time, r.ref, r.document, r.status, r.etag, r.origin,
     r.path, r.created_at from revisions r ";

async fn history(
    conn: &mut Conn<'_>,
    uid: Uid,
    before_position: Option<i64>,
    limit: i64,
) -> Result<Vec<RevisionRow>, StoreError> {
    let mut statement = sql(SELECT);
    statement.push_bind("where r.uid = ", uid);
    statement.push_some(" and r.position < ", before_position);
    statement.push_bind(" order by r.revision desc limit ", limit);
    conn.list(statement).await
}

async fn revision(conn: &mut Conn<'_>, uid: Uid, number: i64) -> Result<Option<RevisionRow>, StoreError> {
    let mut statement = sql(SELECT);
    statement.push_bind("where r.uid = ", uid);
    statement.push_bind(" and r.revision = ", number);
    conn.first(statement).await
}

async fn revision_at(conn: &mut Conn<'_>, uid: Uid, time: Micros) -> Result<Option<RevisionRow>, StoreError> {
    let mut statement = sql(SELECT);
    statement.push_bind("where r.uid = ", uid);
    statement.push_bind(" and r.time <= ", time);
    statement.push(" order by r.revision desc limit 1");
    conn.first(statement).await
}

async fn heads_at(conn: &mut Conn<'_>, time: Micros) -> Result<Vec<Record>, StoreError> {
    let mut statement = sql(SELECT);
    statement.push_bind("where r.document is not null and r.time <= ", time);
    statement.push_bind(
        " and not exists (select 1 from revisions n where n.uid = r.uid and n.revision > r.revision and n.time <= ",
        time,
    );
    statement.push(") order by r.ref");
    let rows: Vec<RevisionRow> = conn.list(statement).await?;
    Ok(rows.into_iter().filter_map(RevisionRow::record).collect())
}

async fn uid_of_ref_at(conn: &mut Conn<'_>, name: &Ref, time: Micros) -> Result<Option<Uid>, StoreError> {
    let statement = sql("select r.uid from revisions r where r.ref = $1 and r.time <= $2 and r.document is not null
         and not exists (select 1 from revisions n where n.uid = r.uid and n.revision > r.revision and n.time <= $2)
         order by r.position desc limit 1");
    Ok(conn.first(statement.bind(name).bind(time)).await?.map(|(uid,)| uid))
}

async fn last_uid_of_ref(conn: &mut Conn<'_>, name: &Ref) -> Result<Option<Uid>, StoreError> {
    let statement = sql("select r.uid from revisions r where r.ref = $1 order by r.position desc limit 1");
    Ok(conn.first(statement.bind(name)).await?.map(|(uid,)| uid))
}

/// How many names are asked for at once.
const NAMES: usize = 200;

async fn forgotten(conn: &mut Conn<'_>, origin: &str, names: &[Ref]) -> Result<Vec<RevisionRow>, StoreError> {
    let mut found = Vec::new();
    for some in names.chunks(NAMES) {
        let mut statement = sql(SELECT);
        statement.push(
            "join revisions g on g.uid = r.uid and g.revision = r.revision + 1 join events e on e.position = g.position
             where g.document is null and e.type like 'dev.loggia.%.forgotten.v1'
             and not exists (select 1 from revisions n where n.ref = g.ref and n.position > g.position)",
        );
        statement.push_bind(" and r.origin = ", origin);
        statement.push_list(" and g.ref in ", some);
        found.extend(conn.list::<RevisionRow>(statement).await?);
    }
    Ok(found)
}

async fn removals(conn: &mut Conn<'_>, names: &[Ref]) -> Result<Vec<Gone>, StoreError> {
    let mut found = Vec::new();
    for some in names.chunks(NAMES) {
        let mut statement =
            sql("select r.ref, r.time, e.data from revisions r join events e on e.position = r.position
             where r.document is null and not exists (select 1 from revisions n
             where n.ref = r.ref and n.document is null and n.position > r.position)");
        statement.push_list(" and r.ref in ", some);
        found.extend(conn.list::<Gone>(statement).await?);
    }
    Ok(found)
}

async fn last_texts(conn: &mut Conn<'_>, names: &[Ref]) -> Result<Vec<Record>, StoreError> {
    let mut found: Vec<RevisionRow> = Vec::new();
    for some in names.chunks(NAMES) {
        let mut statement = sql(SELECT);
        statement.push(
            "where r.document is not null and not exists (select 1 from revisions n
             where n.ref = r.ref and n.document is not null and n.position > r.position)",
        );
        statement.push_list(" and r.ref in ", some);
        found.extend(conn.list::<RevisionRow>(statement).await?);
    }
    Ok(found.into_iter().filter_map(RevisionRow::record).collect())
}

reads! {
    /// The last end of what had each name, whether something is called so again or not, in no order.
    fn removals(names: &[Ref]) -> Vec<Gone>;
    /// The last text that was kept under each name, whether something is still called so or not, in no order.
    fn last_texts(names: &[Ref]) -> Vec<Record>;
    /// The last text of records that were taken away by hand although their origin describes them, by name.
    fn forgotten(origin: &str, names: &[Ref]) -> Vec<RevisionRow>;
    /// The revisions of a record, newest first, below a position when one is given.
    fn history(uid: Uid, before_position: Option<i64>, limit: i64) -> Vec<RevisionRow>;
    /// One revision of a record.
    fn revision(uid: Uid, number: i64) -> Option<RevisionRow>;
    /// The revision of a record that was valid at a time; `None` before its first one.
    fn revision_at(uid: Uid, time: Micros) -> Option<RevisionRow>;
    /// All records as they were at a time, in order of their names.
    fn heads_at(time: Micros) -> Vec<Record>;
    /// Which record had this name at a time.
    fn uid_of_ref_at(name: &Ref, time: Micros) -> Option<Uid>;
    /// Which record had this name last, whether it is still there or not.
    fn last_uid_of_ref(name: &Ref) -> Option<Uid>;
}
