//! Items: what is kept of one record about another, such as where an instance stands in a campaign.

use crate::error::StoreError;
use crate::rows::Rows;
use crate::sql::{Cells, Conn, FromRow, sql};
use crate::store::reads;
use loggia_model::{Micros, Uid};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is kept of one record about another. There is one for each pair; what came last holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The record that keeps it: a campaign, or a check.
    pub record: Uid,
    /// What it is about.
    pub about: Uid,
    /// When it was written.
    pub time: Micros,
    /// What is known, by the kind of the record.
    pub data: Value,
}

impl FromRow for Item {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Item {
            record: cells.take()?,
            about: cells.take()?,
            time: cells.take()?,
            data: cells.json("data of an item")?,
        })
    }
}

/// Writes items. The last one of a pair wins.
pub(crate) async fn upsert(conn: &mut Conn<'_>, items: &[Item]) -> Result<(), StoreError> {
    let newest: BTreeMap<(Uid, Uid), &Item> = items.iter().map(|item| ((item.record, item.about), item)).collect();
    let mut rows = Rows::new("items", &["record", "about", "time", "data"]);
    for item in newest.into_values() {
        rows.push([item.record.into(), item.about.into(), item.time.into(), (&item.data).into()]);
    }
    let suffix = "on conflict (record, about) do update set time = excluded.time, data = excluded.data";
    rows.write(conn, suffix).await.map(drop)
}

async fn items_of(conn: &mut Conn<'_>, record: Uid) -> Result<Vec<Item>, StoreError> {
    let statement = sql("select record, about, time, data from items where record = $1 order by about");
    conn.list(statement.bind(record)).await
}

async fn items_about(conn: &mut Conn<'_>, about: Uid) -> Result<Vec<Item>, StoreError> {
    let statement = sql("select record, about, time, data from items where about = $1 order by record");
    conn.list(statement.bind(about)).await
}

reads! {
    /// The items that a record keeps, in order of what they are about.
    fn items_of(record: Uid) -> Vec<Item>;
    /// The items about a record, in order of who keeps them.
    fn items_about(about: Uid) -> Vec<Item>;
}
