//! Operations and their logs.

use crate::error::StoreError;
use crate::rows::Rows;
use crate::sql::{Cells, Conn, FromRow, sql};
use crate::store::{reads, writes};
use crate::work;
use loggia_model::operation::Operation;
use loggia_model::{Micros, Uid};

/// One line that a driver wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Place in the log of the operation, from 1; given by the store.
    pub seq: i64,
    /// When.
    pub time: Micros,
    /// The line, without secrets.
    pub text: String,
}

impl FromRow for LogLine {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(LogLine { seq: cells.take()?, time: cells.take()?, text: cells.take()? })
    }
}

impl FromRow for Operation {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Operation {
            id: cells.take()?,
            instance: cells.take()?,
            instance_ref: cells.take()?,
            verb: cells.word("verb of an operation")?,
            driver: cells.take()?,
            state: cells.word("state of an operation")?,
            steps: cells.json("steps of an operation")?,
            attempt: cells.take()?,
            requested_by: cells.take()?,
            created_at: cells.take()?,
            ended_at: cells.take()?,
            message: cells.take()?,
            mend: cells.take()?,
            next_at: cells.take()?,
            last_failure: cells.take()?,
        })
    }
}

const COLUMNS: &[&str] = &[
    "id",
    "instance",
    "instance_ref",
    "verb",
    "driver",
    "state",
    "steps",
    "attempt",
    "requested_by",
    "created_at",
    "ended_at",
    "message",
    "mend",
    "next_at",
    "last_failure",
];

const SELECT: &str = "select id, instance, instance_ref, verb, driver, state, steps, attempt, requested_by, created_at,
     ended_at, message, mend, next_at, last_failure from operations ";

/// Writes operations as they are now. The last one of an identity wins.
pub(crate) async fn upsert(conn: &mut Conn<'_>, operations: &[Operation]) -> Result<(), StoreError> {
    let mut rows = Rows::new("operations", COLUMNS);
    for (at, operation) in operations.iter().enumerate() {
        if operations[at + 1..].iter().any(|later| later.id == operation.id) {
            continue;
        }
        let steps = serde_json::to_string(&operation.steps).map_err(|error| StoreError::Other(error.to_string()))?;
        rows.push([
            operation.id.into(),
            operation.instance.into(),
            operation.instance_ref.as_str().into(),
            operation.verb.to_string().into(),
            operation.driver.as_str().into(),
            operation.state.to_string().into(),
            steps.into(),
            operation.attempt.into(),
            operation.requested_by.as_str().into(),
            operation.created_at.into(),
            operation.ended_at.into(),
            operation.message.as_str().into(),
            operation.mend.as_str().into(),
            operation.next_at.into(),
            operation.last_failure.as_str().into(),
        ]);
    }
    let suffix = "on conflict (id) do update set instance_ref = excluded.instance_ref, state = excluded.state,
        steps = excluded.steps, attempt = excluded.attempt, ended_at = excluded.ended_at, message = excluded.message,
        mend = excluded.mend, next_at = excluded.next_at, last_failure = excluded.last_failure";
    rows.write(conn, suffix).await.map(drop)
}

async fn operation(conn: &mut Conn<'_>, id: Uid) -> Result<Option<Operation>, StoreError> {
    let mut statement = sql(SELECT);
    statement.push_bind("where id = ", id);
    conn.first(statement).await
}

async fn operations_of(conn: &mut Conn<'_>, instance: Uid, limit: i64) -> Result<Vec<Operation>, StoreError> {
    let mut statement = sql(SELECT);
    statement.push_bind("where instance = ", instance);
    statement.push_bind(" order by created_at desc, id desc limit ", limit);
    conn.list(statement).await
}

async fn open_operations(conn: &mut Conn<'_>, limit: i64) -> Result<Vec<Operation>, StoreError> {
    let mut statement = sql(SELECT);
    statement.push_bind("where ended_at is null order by created_at, id limit ", limit);
    conn.list(statement).await
}

async fn log_lines(conn: &mut Conn<'_>, operation: Uid, after: i64, limit: i64) -> Result<Vec<LogLine>, StoreError> {
    let statement = sql("select seq, time, text from operation_log where operation = $1 and seq > $2
         order by seq limit $3");
    conn.list(statement.bind(operation).bind(after).bind(limit)).await
}

async fn append_log(conn: &mut Conn<'_>, operation: Uid, lines: &[(Micros, String)]) -> Result<i64, StoreError> {
    let last = sql("select coalesce(max(seq), 0) from operation_log where operation = $1").bind(operation);
    let mut seq = conn.first(last).await?.map_or(0, |(seq,)| seq);
    let mut rows = Rows::new("operation_log", &["operation", "seq", "time", "text"]);
    for (time, text) in lines {
        seq += 1;
        rows.push([operation.into(), seq.into(), (*time).into(), text.as_str().into()]);
    }
    rows.write(conn, "").await?;
    Ok(seq)
}

async fn save_progress(conn: &mut Conn<'_>, operation: &Operation, work: Uid, fence: i64) -> Result<(), StoreError> {
    work::hold(conn, work, fence).await?;
    upsert(conn, std::slice::from_ref(operation)).await
}

reads! {
    /// One operation.
    fn operation(id: Uid) -> Option<Operation>;
    /// The operations of an instance, newest first.
    fn operations_of(instance: Uid, limit: i64) -> Vec<Operation>;
    /// Operations that have not ended, oldest first.
    fn open_operations(limit: i64) -> Vec<Operation>;
    /// Lines of an operation after a place, in order.
    fn log_lines(operation: Uid, after: i64, limit: i64) -> Vec<LogLine>;
}

writes! {
    /// Appends lines to the log of an operation; the answer is the place of the last one. Two that append at the same
    /// moment may end in [`StoreError::Conflict`]; only the holder of the lease should.
    fn append_log(operation: Uid, lines: &[(Micros, String)]) -> i64;
    /// Writes an operation as it is now, while its piece of work is held with this fence; else
    /// [`StoreError::Conflict`].
    fn save_progress(operation: &Operation, work: Uid, fence: i64) -> ();
}
