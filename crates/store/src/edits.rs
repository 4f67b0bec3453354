//! Changes that people made on pages and that a repository has to take in: one row for each commit.

use crate::error::StoreError;
use crate::rows::Rows;
use crate::sql::{Cells, Conn, FromRow, sql};
use crate::store::reads;
use loggia_model::{Micros, Uid};
use std::collections::BTreeMap;

/// One change on a page, as a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageEdit {
    /// Identity.
    pub id: Uid,
    /// The source whose repository it is in, such as `repository:<id>`.
    pub source: String,
    /// The record that it changes.
    pub record: Uid,
    /// The commit.
    pub commit: String,
    /// The branch on which it waits to be taken in; empty when it only waits to be read.
    pub branch: String,
    /// Where a change request for the branch is opened; empty when that is not known.
    pub link: String,
    /// First line of the commit.
    pub why: String,
    /// Who made it, as a principal.
    pub author: String,
    /// Tag of the text that it changes.
    pub etag: String,
    /// When it was made.
    pub made_at: Micros,
    /// What became of it; none while it is open.
    pub settled: Option<Settled>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// When that was seen or decided.
    pub at: Micros,
    /// `taken`, `closed` or `put-aside`.
    pub outcome: String,
    /// Why, in the words of who put it aside; empty otherwise.
    pub reason: String,
}

impl FromRow for PageEdit {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(PageEdit {
            id: cells.take()?,
            source: cells.take()?,
            record: cells.take()?,
            commit: cells.take()?,
            branch: cells.take()?,
            link: cells.take()?,
            why: cells.take()?,
            author: cells.take()?,
            etag: cells.take()?,
            made_at: cells.take()?,
            settled: settled(cells)?,
        })
    }
}

fn settled(cells: &mut Cells<'_>) -> Result<Option<Settled>, StoreError> {
    let (at, outcome, reason): (Option<Micros>, Option<String>, Option<String>) =
        (cells.take()?, cells.take()?, cells.take()?);
    Ok(at.map(|at| Settled { at, outcome: outcome.unwrap_or_default(), reason: reason.unwrap_or_default() }))
}

/// Writes changes, new ones or what became of them.
pub(crate) async fn upsert(conn: &mut Conn<'_>, edits: &[PageEdit]) -> Result<(), StoreError> {
    const COLUMNS: [&str; 13] = [
        "id",
        "source",
        "record",
        "commit_id",
        "branch",
        "link",
        "why",
        "author",
        "etag",
        "made_at",
        "settled_at",
        "outcome",
        "reason",
    ];
    let newest: BTreeMap<Uid, &PageEdit> = edits.iter().map(|edit| (edit.id, edit)).collect();
    let mut rows = Rows::new("edits", &COLUMNS);
    for edit in newest.into_values() {
        let settled = edit.settled.as_ref();
        rows.push([
            edit.id.into(),
            (&edit.source).into(),
            edit.record.into(),
            (&edit.commit).into(),
            (&edit.branch).into(),
            (&edit.link).into(),
            (&edit.why).into(),
            (&edit.author).into(),
            (&edit.etag).into(),
            edit.made_at.into(),
            settled.map(|settled| settled.at).into(),
            settled.map(|settled| settled.outcome.as_str()).into(),
            settled.map(|settled| settled.reason.as_str()).into(),
        ]);
    }
    let suffix = "on conflict (id) do update set settled_at = excluded.settled_at, outcome = excluded.outcome,
        reason = excluded.reason";
    rows.write(conn, suffix).await.map(drop)
}

/// Reads changes; the rest of the statement says which.
macro_rules! select {
    ($rest:literal) => {
        sql(concat!(
            "select id, source, record, commit_id, branch, link, why, author, etag, made_at, settled_at, outcome, reason
             from edits ",
            $rest
        ))
    };
}

async fn open_edits(conn: &mut Conn<'_>, source: &str) -> Result<Vec<PageEdit>, StoreError> {
    conn.list(select!("where source = $1 and settled_at is null order by made_at, id").bind(source)).await
}

async fn edits_of(conn: &mut Conn<'_>, record: Uid, limit: i64) -> Result<Vec<PageEdit>, StoreError> {
    let statement = select!(
        "where record = $1 order by case when settled_at is null then 0 else 1 end, made_at desc, id desc limit $2"
    );
    conn.list(statement.bind(record).bind(limit)).await
}

async fn edit(conn: &mut Conn<'_>, id: Uid) -> Result<Option<PageEdit>, StoreError> {
    conn.first(select!("where id = $1").bind(id)).await
}

reads! {
    /// The changes that a source has not taken in yet, the oldest first.
    fn open_edits(source: &str) -> Vec<PageEdit>;
    /// The changes of a record: those that are open first, the newest first.
    fn edits_of(record: Uid, limit: i64) -> Vec<PageEdit>;
    /// One change.
    fn edit(id: Uid) -> Option<PageEdit>;
}
