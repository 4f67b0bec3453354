//! Deadlines: what has to happen at a time, whoever is awake then.

use crate::error::StoreError;
use crate::rows::Rows;
use crate::sql::{Cells, Conn, FromRow, sql};
use crate::store::reads;
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

async fn due_before(conn: &mut Conn<'_>, now: Micros, kinds: &[&str], limit: i64) -> Result<Vec<Due>, StoreError> {
    let mut statement = sql("select key, time, kind, subject, payload from due where time <= $1 and kind in ");
    statement = statement.bind(now).bind(limit);
    statement.push_list("", kinds.iter().copied());
    statement.push(" order by time, key limit $2");
    conn.list(statement).await
}

async fn due(conn: &mut Conn<'_>, key: &str) -> Result<Option<Due>, StoreError> {
    conn.first(sql("select key, time, kind, subject, payload from due where key = $1").bind(key)).await
}

reads! {
    /// Deadlines of these kinds that have come, the oldest first. They stay until what they ask for is written, with
    /// their removal in the same batch. Kinds that only a newer version knows are left to it.
    fn due_before(now: Micros, kinds: &[&str], limit: i64) -> Vec<Due>;
    /// The deadline with this key, if it still stands.
    fn due(key: &str) -> Option<Due>;
}
