//! When things were seen, and things that were seen but belong to no offering.

use crate::error::StoreError;
use crate::rows::Rows;
use crate::sql::{Cells, Conn, FromRow, sql};
use crate::store::{reads, writes};
use loggia_model::{Micros, Uid};
use serde_json::Value;
use std::collections::BTreeMap;

/// Since when and until when something was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The instance.
    pub uid: Uid,
    /// When it was seen first.
    pub first_seen: Micros,
    /// When it was seen last.
    pub last_seen: Micros,
    /// Who saw it last.
    pub source: String,
}

/// Something that was seen and belongs to no offering.
#[derive(Clone, Debug, PartialEq)]
pub struct Unmatched {
    /// What makes it the same thing when it is seen again.
    pub key: String,
    /// What the reporter said about it.
    pub attributes: Value,
    /// Why it belongs to no offering, in one sentence.
    pub why: String,
    /// When it was seen first.
    pub first_seen: Micros,
    /// When it was seen last.
    pub last_seen: Micros,
    /// How often.
    pub count: i64,
    /// Whether somebody put it aside.
    pub dismissed: bool,
}

impl FromRow for Sighting {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Sighting { uid: cells.take()?, first_seen: cells.take()?, last_seen: cells.take()?, source: cells.take()? })
    }
}

impl FromRow for Unmatched {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Unmatched {
            key: cells.take()?,
            attributes: cells.json("attributes of what was seen")?,
            why: cells.take()?,
            first_seen: cells.take()?,
            last_seen: cells.take()?,
            count: cells.take()?,
            dismissed: cells.take()?,
        })
    }
}

/// Widens the time in which things were seen.
pub(crate) async fn upsert(conn: &mut Conn<'_>, sightings: &[Sighting]) -> Result<(), StoreError> {
    let mut merged: BTreeMap<Uid, Sighting> = BTreeMap::new();
    for seen in sightings {
        let held = merged.entry(seen.uid).or_insert_with(|| seen.clone());
        held.first_seen = held.first_seen.min(seen.first_seen);
        if seen.last_seen > held.last_seen {
            held.last_seen = seen.last_seen;
            held.source.clone_from(&seen.source);
        }
    }
    let mut rows = Rows::new("sightings", &["uid", "first_seen", "last_seen", "source"]);
    for seen in merged.into_values() {
        rows.push([seen.uid.into(), seen.first_seen.into(), seen.last_seen.into(), seen.source.into()]);
    }
    let suffix = "on conflict (uid) do update set
        first_seen = case when excluded.first_seen < sightings.first_seen then excluded.first_seen
            else sightings.first_seen end,
        source = case when excluded.last_seen > sightings.last_seen then excluded.source else sightings.source end,
        last_seen = case when excluded.last_seen > sightings.last_seen then excluded.last_seen
            else sightings.last_seen end";
    rows.write(conn, suffix).await.map(drop)
}

/// Notes things that belong to no offering; the count is added up.
pub(crate) async fn upsert_unmatched(conn: &mut Conn<'_>, things: &[Unmatched]) -> Result<(), StoreError> {
    let columns = &["key", "attributes", "why", "first_seen", "last_seen", "count"];
    // One statement each: a thing may come several times, and what came last holds.
    for thing in things {
        let mut rows = Rows::new("unmatched", columns);
        rows.push([
            thing.key.as_str().into(),
            (&thing.attributes).into(),
            thing.why.as_str().into(),
            thing.first_seen.into(),
            thing.last_seen.into(),
            thing.count.into(),
        ]);
        let suffix = "on conflict (key) do update set
            attributes = excluded.attributes, why = excluded.why, count = unmatched.count + excluded.count,
            first_seen = case when excluded.first_seen < unmatched.first_seen then excluded.first_seen
                else unmatched.first_seen end,
            last_seen = case when excluded.last_seen > unmatched.last_seen then excluded.last_seen
                else unmatched.last_seen end";
        rows.write(conn, suffix).await?;
    }
    Ok(())
}

/// Puts things aside, for good.
pub(crate) async fn dismiss_unmatched(conn: &mut Conn<'_>, keys: &[String]) -> Result<(), StoreError> {
    for some in keys.chunks(200) {
        let mut statement = sql("update unmatched set dismissed = 1 where key in ");
        statement.push_list("", some);
        conn.run(statement).await?;
    }
    Ok(())
}

/// Forgets things that belong to an offering by now.
pub(crate) async fn delete_unmatched(conn: &mut Conn<'_>, keys: &[String]) -> Result<(), StoreError> {
    for some in keys.chunks(200) {
        let mut statement = sql("delete from unmatched where key in ");
        statement.push_list("", some);
        conn.run(statement).await?;
    }
    Ok(())
}

async fn sighting(conn: &mut Conn<'_>, uid: Uid) -> Result<Option<Sighting>, StoreError> {
    let statement = sql("select uid, first_seen, last_seen, source from sightings where uid = $1");
    conn.first(statement.bind(uid)).await
}

async fn sightings_of(conn: &mut Conn<'_>, uids: &[Uid]) -> Result<Vec<Sighting>, StoreError> {
    let mut found = Vec::new();
    for some in uids.chunks(200) {
        let mut statement = sql("select uid, first_seen, last_seen, source from sightings where uid in ");
        statement.push_list("", some.iter().copied());
        found.extend(conn.list(statement).await?);
    }
    Ok(found)
}

async fn sightings(conn: &mut Conn<'_>) -> Result<Vec<Sighting>, StoreError> {
    conn.list(sql("select uid, first_seen, last_seen, source from sightings order by uid")).await
}

async fn see(conn: &mut Conn<'_>, seen: &[Sighting]) -> Result<(), StoreError> {
    upsert(conn, seen).await
}

async fn unmatched(conn: &mut Conn<'_>, limit: i64) -> Result<Vec<Unmatched>, StoreError> {
    let statement = sql("select key, attributes, why, first_seen, last_seen, count, dismissed from unmatched
         order by last_seen desc, key limit $1");
    conn.list(statement.bind(limit)).await
}

reads! {
    /// When an instance was seen.
    fn sighting(uid: Uid) -> Option<Sighting>;
    /// When some instances were seen, in no order.
    fn sightings_of(uids: &[Uid]) -> Vec<Sighting>;
    /// When each instance was seen, in order of uid.
    fn sightings() -> Vec<Sighting>;
    /// Things that belong to no offering, the newest sighting first.
    fn unmatched(limit: i64) -> Vec<Unmatched>;
}

writes! {
    /// Notes that instances were seen: first and last time only ever move apart.
    fn see(seen: &[Sighting]) -> ();
}
