//! Repositories and catalogs that records come from, and how far each was read.

use crate::error::StoreError;
use crate::sql::{Cells, Conn, FromRow, sql};
use crate::store::{reads, writes};
use loggia_model::Micros;
use serde_json::Value;

/// One source of records.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceRow {
    /// Identity: the origin in [`loggia_model::Source`], such as `repository:<id>`.
    pub id: String,
    /// `repository`, `location`, `catalog` or `estate`.
    pub kind: String,
    /// Folder or address.
    pub location: String,
    /// Newest commit, or the tag of the newest answer.
    pub last_commit: Option<String>,
    /// When it was read last, well or not.
    pub last_sync: Option<Micros>,
    /// When it was read last without an error.
    pub last_ok: Option<Micros>,
    /// Problems, removals that wait for a yes, tags of parts.
    pub state: Value,
}

impl FromRow for SourceRow {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(SourceRow {
            id: cells.take()?,
            kind: cells.take()?,
            location: cells.take()?,
            last_commit: cells.take()?,
            last_sync: cells.take()?,
            last_ok: cells.take()?,
            state: cells.json("state of a source")?,
        })
    }
}

async fn source(conn: &mut Conn<'_>, id: &str) -> Result<Option<SourceRow>, StoreError> {
    let statement = sql("select id, kind, location, last_commit, last_sync, last_ok, state from sources where id = $1");
    conn.first(statement.bind(id)).await
}

async fn sources(conn: &mut Conn<'_>) -> Result<Vec<SourceRow>, StoreError> {
    conn.list(sql("select id, kind, location, last_commit, last_sync, last_ok, state from sources order by id")).await
}

async fn put_source(conn: &mut Conn<'_>, source: &SourceRow) -> Result<(), StoreError> {
    let statement = sql("insert into sources (id, kind, location, last_commit, last_sync, last_ok, state)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do update set kind = excluded.kind,
         location = excluded.location, last_commit = excluded.last_commit, last_sync = excluded.last_sync,
         last_ok = excluded.last_ok, state = excluded.state")
    .bind(&source.id)
    .bind(&source.kind)
    .bind(&source.location)
    .bind(&source.last_commit)
    .bind(source.last_sync)
    .bind(source.last_ok)
    .bind(&source.state);
    conn.run(statement).await.map(drop)
}

async fn delete_source(conn: &mut Conn<'_>, id: &str) -> Result<bool, StoreError> {
    Ok(conn.run(sql("delete from sources where id = $1").bind(id)).await? > 0)
}

reads! {
    /// One source.
    fn source(id: &str) -> Option<SourceRow>;
    /// All sources, in order of id.
    fn sources() -> Vec<SourceRow>;
}

writes! {
    /// Writes a source as it is now.
    fn put_source(source: &SourceRow) -> ();
    /// Forgets a source, not its records; tells whether there was one.
    fn delete_source(id: &str) -> bool;
}
