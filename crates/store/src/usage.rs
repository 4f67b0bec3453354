//! Readings of use: every row is kept once, and rolled up by day in the same transaction.

use crate::error::StoreError;
use crate::rows::Rows;
use crate::sql::{Cells, Conn, FromRow, Sql, sql};
use crate::store::{reads, writes};
use loggia_model::Micros;
use loggia_model::usage::{MOST_A_DAY, UsageReading, Use};
use std::collections::{BTreeMap, BTreeSet};

/// Which use is wanted. Everything that is set must hold.
#[derive(Clone, Debug, Default)]
pub struct UsageFilter {
    /// Of this offering.
    pub offering: Option<String>,
    /// Of this release.
    pub release: Option<String>,
    /// By this team.
    pub team: Option<String>,
    /// By this instance.
    pub instance: Option<String>,
    /// Not earlier than this day (days since 1970-01-01).
    pub from_day: Option<i64>,
    /// Not later than this day.
    pub to_day: Option<i64>,
}

/// The use of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyUsage {
    /// Days since 1970-01-01, UTC.
    pub day: i64,
    /// Name of the offering.
    pub offering: String,
    /// Name of the release; empty when not known.
    pub release: String,
    /// Name of the team; empty when not known.
    pub team: String,
    /// The person or service, where no team is known.
    pub principal: String,
    /// Name of the instance; empty when not known.
    pub instance: String,
    /// How it was used.
    pub channel: String,
    /// Whether a rule made the team use it.
    pub mandated: bool,
    /// How often.
    pub count: i64,
    /// How often it failed.
    pub errors: i64,
    /// The first reading of the day.
    pub first_time: Micros,
    /// The last reading of the day.
    pub last_time: Micros,
}

impl FromRow for DailyUsage {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(DailyUsage {
            day: cells.take()?,
            offering: cells.take()?,
            release: cells.take()?,
            team: cells.take()?,
            principal: cells.take()?,
            instance: cells.take()?,
            channel: cells.take()?,
            mandated: cells.take()?,
            count: cells.take()?,
            errors: cells.take()?,
            first_time: cells.take()?,
            last_time: cells.take()?,
        })
    }
}

impl FromRow for Use {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Use {
            offering: cells.take()?,
            release: cells.take()?,
            team: cells.take()?,
            unknown_team: String::new(),
            principal: cells.take()?,
            instance: cells.take()?,
            since: cells.take()?,
            last_seen: cells.take()?,
            by_choice: cells.take()?,
            mandated: cells.take()?,
            errors: cells.take()?,
        })
    }
}

impl FromRow for UsageReading {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(UsageReading {
            source: cells.take()?,
            id: cells.take()?,
            time: cells.take()?,
            team: cells.take()?,
            principal: cells.take()?,
            offering: cells.take()?,
            release: cells.take()?,
            feature: cells.take()?,
            instance: cells.take()?,
            channel: cells.take()?,
            count: cells.take()?,
            outcome: cells.take()?,
            mandated: cells.take()?,
        })
    }
}

/// Use of one feature of an offering, as readings name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureUse {
    /// The feature.
    pub feature: String,
    /// Who used it, and when.
    pub one: Use,
}

impl FromRow for FeatureUse {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(FeatureUse { feature: cells.take()?, one: Use::from_cells(cells)? })
    }
}

const COLUMNS: &[&str] = &[
    "source",
    "id",
    "time",
    "team",
    "principal",
    "offering",
    "release",
    "feature",
    "instance",
    "channel",
    "count",
    "outcome",
    "mandated",
];

/// Keeps readings that are not kept yet, and rolls them up. Tells how many were new.
pub(crate) async fn insert(conn: &mut Conn<'_>, readings: &[UsageReading]) -> Result<i64, StoreError> {
    let mut waiting: BTreeMap<(&str, &str), &UsageReading> = BTreeMap::new();
    for reading in readings {
        waiting.entry((&reading.source, &reading.id)).or_insert(reading);
    }
    let mut rows = Rows::new("usage", COLUMNS);
    for reading in waiting.values() {
        rows.push([
            reading.source.as_str().into(),
            reading.id.as_str().into(),
            reading.time.into(),
            (&reading.team).into(),
            (&reading.principal).into(),
            reading.offering.as_str().into(),
            (&reading.release).into(),
            (&reading.feature).into(),
            (&reading.instance).into(),
            reading.channel.as_str().into(),
            reading.count.into(),
            reading.outcome.as_str().into(),
            reading.mandated.into(),
        ]);
    }
    let mut new: BTreeSet<(String, String)> = BTreeSet::new();
    for statement in rows.chunks(conn, "on conflict (source, id) do nothing returning source, id") {
        new.extend(conn.list::<(String, String)>(statement).await?);
    }
    let fresh = new.iter().filter_map(|(source, id)| waiting.get(&(source.as_str(), id.as_str())).copied());
    roll_up(conn, fresh).await?;
    Ok(i64::try_from(new.len()).unwrap_or(i64::MAX))
}

/// Adds readings to their days. In order of the key, so that two that roll up at once wait instead of blocking each
/// other for ever.
async fn roll_up<'a>(conn: &mut Conn<'_>, readings: impl Iterator<Item = &'a UsageReading>) -> Result<(), StoreError> {
    let mut days = BTreeMap::new();
    for reading in readings {
        let team = reading.team.as_deref().unwrap_or_default();
        let principal = if team.is_empty() { reading.principal.as_deref().unwrap_or_default() } else { "" };
        let release = reading.release.as_deref().unwrap_or_default();
        let instance = reading.instance.as_deref().unwrap_or_default();
        let (day, channel) = (reading.time.day(), reading.channel.as_str());
        let key = (reading.offering.as_str(), day, team, principal, release, instance, channel, reading.mandated);
        let sum = days.entry(key).or_insert((0, 0, reading.time, reading.time));
        let count = reading.count.clamp(0, MOST_A_DAY);
        sum.0 = MOST_A_DAY.min(sum.0 + count);
        sum.1 = MOST_A_DAY.min(sum.1 + if reading.outcome == "ok" { 0 } else { count });
        sum.2 = reading.time.min(sum.2);
        sum.3 = reading.time.max(sum.3);
    }
    let columns = &[
        "offering",
        "day",
        "team",
        "principal",
        "release",
        "instance",
        "channel",
        "mandated",
        "count",
        "errors",
        "first_time",
        "last_time",
    ];
    let mut rows = Rows::new("usage_daily", columns);
    for ((offering, day, team, principal, release, instance, channel, mandated), (count, errors, first, last)) in days {
        rows.push([
            offering.into(),
            day.into(),
            team.into(),
            principal.into(),
            release.into(),
            instance.into(),
            channel.into(),
            mandated.into(),
            count.into(),
            errors.into(),
            first.into(),
            last.into(),
        ]);
    }
    // What was written before may be anything; no number may make the writing of another reading fail.
    let added = |column: &str| {
        let (kept, new) = (within(&format!("usage_daily.{column}")), format!("excluded.{column}"));
        format!("{column} = case when {kept} > {MOST_A_DAY} - {new} then {MOST_A_DAY} else {kept} + {new} end")
    };
    let suffix = format!(
        "on conflict (offering, day, team, principal, release, instance, channel, mandated) do update set
        {}, {}, first_time = case when excluded.first_time < usage_daily.first_time then excluded.first_time
            else usage_daily.first_time end,
        last_time = case when excluded.last_time > usage_daily.last_time then excluded.last_time
            else usage_daily.last_time end",
        added("count"),
        added("errors")
    );
    rows.write(conn, &suffix).await.map(drop)
}

/// A number of a day, held to what a day may have.
fn within(column: &str) -> String {
    format!("(case when {column} > {MOST_A_DAY} then {MOST_A_DAY} when {column} < 0 then 0 else {column} end)")
}

fn restrict(statement: &mut Sql, filter: &UsageFilter) {
    statement.push_some(" and offering = ", filter.offering.as_deref());
    statement.push_some(" and release = ", filter.release.as_deref());
    statement.push_some(" and team = ", filter.team.as_deref());
    statement.push_some(" and instance = ", filter.instance.as_deref());
    statement.push_some(" and day >= ", filter.from_day);
    statement.push_some(" and day <= ", filter.to_day);
}

async fn usage_daily(conn: &mut Conn<'_>, filter: &UsageFilter) -> Result<Vec<DailyUsage>, StoreError> {
    let mut statement =
        sql("select day, offering, release, team, principal, instance, channel, mandated, count, errors,
         first_time, last_time from usage_daily where 1 = 1");
    restrict(&mut statement, filter);
    statement.push(" order by day, offering, team, principal, release, instance, channel, mandated");
    conn.list(statement).await
}

async fn uses(conn: &mut Conn<'_>, filter: &UsageFilter) -> Result<Vec<Use>, StoreError> {
    let (count, errors) = (within("count"), within("errors"));
    let mut statement = sql("select offering, release, team, principal, instance, min(first_time), max(last_time),");
    statement.push(&format!(
        " cast(sum(case when mandated = 0 then {count} else 0 end) as bigint),
         cast(sum(case when mandated = 0 then 0 else {count} end) as bigint), cast(sum({errors}) as bigint)
         from usage_daily where 1 = 1"
    ));
    restrict(&mut statement, filter);
    statement.push(
        " group by offering, release, team, principal, instance
         order by offering, release, team, principal, instance",
    );
    conn.list(statement).await
}

async fn feature_uses(conn: &mut Conn<'_>, offering: &str, from: Micros) -> Result<Vec<FeatureUse>, StoreError> {
    let statement = sql("select feature, offering, coalesce(release, ''), coalesce(team, ''),
         case when coalesce(team, '') = '' then coalesce(principal, '') else '' end, coalesce(instance, ''),
         min(time), max(time),
         cast(sum(case when mandated = 0 then count else 0 end) as bigint),
         cast(sum(case when mandated = 0 then 0 else count end) as bigint),
         cast(sum(case when outcome = 'ok' then 0 else count end) as bigint)
         from usage where offering = $1 and feature <> '' and time >= $2
         group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3, 4, 5, 6");
    conn.list(statement.bind(offering).bind(from)).await
}

async fn usage_rows(
    conn: &mut Conn<'_>,
    offering: &str,
    (from, until): (Micros, Micros),
    after: Option<&(Micros, String, String)>,
    limit: i64,
) -> Result<Vec<UsageReading>, StoreError> {
    let mut statement =
        sql("select source, id, time, team, principal, offering, release, feature, instance, channel, count,
         outcome, mandated from usage");
    statement.push_bind(" where offering = ", offering);
    statement.push_bind(" and time >= ", from);
    statement.push_bind(" and time < ", until);
    if let Some((time, source, id)) = after {
        statement.push_bind(" and (time < ", *time);
        statement.push_bind(" or time = ", *time);
        statement.push_bind(" and (source > ", source.as_str());
        statement.push_bind(" or source = ", source.as_str());
        statement.push_bind(" and id > ", id.as_str());
        statement.push("))");
    }
    statement.push_bind(" order by time desc, source, id limit ", limit);
    conn.list(statement).await
}

async fn ingest_usage(conn: &mut Conn<'_>, readings: &[UsageReading]) -> Result<i64, StoreError> {
    insert(conn, readings).await
}

reads! {
    /// Use by day.
    fn usage_daily(filter: &UsageFilter) -> Vec<DailyUsage>;
    /// Who uses what, since when, until when, by choice or because of a rule.
    fn uses(filter: &UsageFilter) -> Vec<Use>;
    /// Who used which feature of an offering since a time.
    fn feature_uses(offering: &str, from: Micros) -> Vec<FeatureUse>;
    /// The readings behind the numbers between two times (the first included, the second not), the newest first; those
    /// that follow a reading (time, source, id) when one is given.
    fn usage_rows(
        offering: &str,
        between: (Micros, Micros),
        after: Option<&(Micros, String, String)>,
        limit: i64
    ) -> Vec<UsageReading>;
}

writes! {
    /// Keeps readings; those whose source and id are kept already are left out. Tells how many were new.
    fn ingest_usage(readings: &[UsageReading]) -> i64;
}
