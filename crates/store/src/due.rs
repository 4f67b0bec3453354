//! Deadlines: what has to happen at a time, whoever is awake then.

use crate::error::StoreError;
use crate::rows::Rows;
use crate::sql::{Cells, Conn, FromRow, sql};
use crate::store::{reads, writes};
use loggia_model::{Micros, Uid};
use serde_json::Value;
use std::collections::BTreeMap;

/// Something that has to happen at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// What makes it the same deadline; setting it again moves it.
    pub key: String,
    /// When.
    pub time: Micros,
    /// What has to happen.
    pub kind: String,
    /// The record that it is about.
    pub subject: Option<Uid>,
    /// Details, by kind.
    pub payload: Value,
}

impl FromRow for Due {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Due {
            key: cells.take()?,
            time: cells.take()?,
            kind: cells.take()?,
            subject: cells.take()?,
            payload: cells.json("payload of a deadline")?,
        })
    }
}

/// Sets or moves deadlines. The last one of a key wins.
pub(crate) async fn upsert(conn: &mut Conn<'_>, due: &[Due]) -> Result<(), StoreError> {
    let mut rows = Rows::new("due", &["key", "time", "kind", "subject", "payload"]);
    let newest: BTreeMap<&str, &Due> = due.iter().map(|d| (d.key.as_str(), d)).collect();
    for (key, due) in newest {
        rows.push([key.into(), due.time.into(), due.kind.as_str().into(), due.subject.into(), (&due.payload).into()]);
    }
    let suffix = "on conflict (key) do update set time = excluded.time, kind = excluded.kind,
        subject = excluded.subject, payload = excluded.payload";
    rows.write(conn, suffix).await.map(drop)
}

/// Takes deadlines away.
pub(crate) async fn delete(conn: &mut Conn<'_>, keys: &[String]) -> Result<(), StoreError> {
    for some in keys.chunks(200) {
        let mut statement = sql("delete from due where key in ");
        statement.push_list("", some);
        conn.run(statement).await?;
    }
    Ok(())
}

async fn due_before(conn: &mut Conn<'_>, now: Micros, limit: i64) -> Result<Vec<Due>, StoreError> {
    let statement =
        sql("select key, time, kind, subject, payload from due where time <= $1 order by time, key limit $2");
    conn.list(statement.bind(now).bind(limit)).await
}

async fn take_due(conn: &mut Conn<'_>, now: Micros, limit: i64) -> Result<Vec<Due>, StoreError> {
    let statement = sql("delete from due where key in
         (select key from due where time <= $1 order by time, key limit $2)
         returning key, time, kind, subject, payload");
    let mut taken: Vec<Due> = conn.list(statement.bind(now).bind(limit)).await?;
    taken.sort_by(|a, b| (a.time, &a.key).cmp(&(b.time, &b.key)));
    Ok(taken)
}

async fn next_due(conn: &mut Conn<'_>) -> Result<Option<Micros>, StoreError> {
    Ok(conn.first(sql("select min(time) from due")).await?.and_then(|(time,)| time))
}

reads! {
    /// Deadlines that have come, the oldest first; they stay.
    fn due_before(now: Micros, limit: i64) -> Vec<Due>;
    /// When the next deadline comes.
    fn next_due() -> Option<Micros>;
}

writes! {
    /// Takes deadlines that have come, the oldest first. Each is given once: take them in the transaction that does
    /// what they ask for, or it is lost when the process dies in between.
    fn take_due(now: Micros, limit: i64) -> Vec<Due>;
}
