//! The queue: pieces of work, claimed under a lease with a fence.

use crate::error::StoreError;
use crate::rows::Rows;
use crate::sql::{Cells, Conn, FromRow, Sql, sql};
use crate::store::{Store, reads, writes};
use loggia_model::{Micros, Uid};
use serde_json::Value;

/// Kinds of work, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkClass {
    /// Somebody waits for it.
    People,
    /// A planned move of many.
    Campaign,
    /// Looking whether things are as they should be.
    Drift,
    /// Telling others.
    Delivery,
}

impl WorkClass {
    /// All classes.
    pub const ALL: [WorkClass; 4] = [WorkClass::People, WorkClass::Campaign, WorkClass::Drift, WorkClass::Delivery];

    fn number(self) -> i64 {
        match self {
            WorkClass::People => 0,
            WorkClass::Campaign => 1,
            WorkClass::Drift => 2,
            WorkClass::Delivery => 3,
        }
    }

    fn from_number(number: i64) -> Result<WorkClass, StoreError> {
        let found = WorkClass::ALL.into_iter().find(|class| class.number() == number);
        found.ok_or_else(|| crate::error::corrupt("class of work", number))
    }
}

/// A piece of work to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct NewWork {
    /// Identity.
    pub id: Uid,
    /// How urgent.
    pub class: WorkClass,
    /// What it is about. One piece at a time runs for a subject.
    pub subject: Uid,
    /// What makes it the same work when it is asked for twice; unique among unfinished work.
    pub key: String,
    /// Where it is done, such as `dev/postgres`; a place that is busy is left out when work is claimed.
    pub place: String,
    /// Not earlier than this.
    pub not_before: Micros,
    /// What the worker needs to know.
    pub payload: Value,
}

/// A piece of work that this worker holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// Identity.
    pub id: Uid,
    /// How urgent.
    pub class: WorkClass,
    /// What it is about.
    pub subject: Uid,
    /// Its key.
    pub key: String,
    /// Number of this lease; whatever is written for this work must show it.
    pub fence: i64,
    /// How often it was begun, this time included. A beginning that was never given back is not counted: who held it ended,
    /// and the work is not to blame for that.
    pub attempt: i64,
    /// The end of the lease.
    pub lease_until: Micros,
    /// What the worker needs to know.
    pub payload: Value,
    /// Where it is done; empty when nobody said.
    pub place: String,
    /// The end of the log when it was claimed: whoever carries it out must have taken in all up to here, the change
    /// that caused it among it.
    pub position: i64,
}

/// A piece of work as it lies in the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkRow {
    /// Identity.
    pub id: Uid,
    /// How urgent.
    pub class: WorkClass,
    /// What it is about.
    pub subject: Uid,
    /// Its key.
    pub key: String,
    /// Not earlier than this.
    pub not_before: Micros,
    /// Who holds it.
    pub lease_owner: Option<String>,
    /// Until when.
    pub lease_until: Option<Micros>,
    /// Number of the newest lease.
    pub fence: i64,
    /// How often it was begun, but for those beginnings whose server ended.
    pub attempt: i64,
    /// What the worker needs to know.
    pub payload: Value,
}

impl FromRow for Claimed {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Claimed {
            id: cells.take()?,
            class: WorkClass::from_number(cells.take()?)?,
            subject: cells.take()?,
            key: cells.take()?,
            fence: cells.take()?,
            attempt: cells.take()?,
            lease_until: cells.take()?,
            payload: cells.json("payload of work")?,
            place: cells.take()?,
            position: 0,
        })
    }
}

impl FromRow for WorkRow {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(WorkRow {
            id: cells.take()?,
            class: WorkClass::from_number(cells.take()?)?,
            subject: cells.take()?,
            key: cells.take()?,
            not_before: cells.take()?,
            lease_owner: cells.take()?,
            lease_until: cells.take()?,
            fence: cells.take()?,
            attempt: cells.take()?,
            payload: cells.json("payload of work")?,
        })
    }
}

/// Adds work; what has a key that waits already is left out.
pub(crate) async fn insert(conn: &mut Conn<'_>, work: &[NewWork]) -> Result<(), StoreError> {
    let columns = &["id", "class", "subject", "key", "not_before", "fence", "attempt", "payload", "place"];
    let mut rows = Rows::new("work", columns);
    for piece in work {
        rows.push([
            piece.id.into(),
            piece.class.number().into(),
            piece.subject.into(),
            piece.key.as_str().into(),
            piece.not_before.into(),
            0.into(),
            0.into(),
            (&piece.payload).into(),
            piece.place.as_str().into(),
        ]);
    }
    rows.write(conn, "on conflict (key) do nothing").await.map(drop)
}

/// What may be claimed: it is time, nobody holds it, and nothing else runs for its subject. A lease that ran out is
/// nobody's, but its piece of work goes first: what it left half done must be looked at before anything else is.
const CLAIMABLE: &str = "from work w where w.not_before <= $1 and (w.lease_until is null or w.lease_until < $2)
     and not exists (select 1 from work o where o.running = w.subject and o.id <> w.id) and w.class in ";

/// The one claim that is different: PostgreSQL passes over rows that another claim is taking at this moment.
fn claim_lock(conn: &Conn<'_>) -> &'static str {
    match conn {
        Conn::Sqlite(_) => "",
        Conn::Postgres(_) => " for update skip locked",
    }
}

async fn claim_once(
    conn: &mut Conn<'_>,
    worker: &str,
    times: Times,
    until: Micros,
    wanted: Wanted<'_>,
) -> Result<Option<Claimed>, StoreError> {
    let mut statement = sql("update work set lease_owner = $3, lease_until = $4, running = subject, fence = fence + 1,
         attempt = attempt + case when lease_owner is null then 1 else 0 end where id = (select w.id ")
    .bind(times.due)
    .bind(times.now)
    .bind(worker)
    .bind(until);
    push_claimable(&mut statement, wanted);
    statement.push(" order by w.class, w.not_before, w.id limit 1");
    statement.push(claim_lock(conn));
    statement.push(") returning id, class, subject, key, fence, attempt, lease_until, payload, place");
    let Some(claimed) = conn.first::<Claimed>(statement).await? else { return Ok(None) };
    // Read after the claim, so that what caused the work is below it.
    let end = conn.first(sql("select coalesce(max(position), 0) from events")).await?;
    let (position,) = end.unwrap_or_default();
    Ok(Some(Claimed { position, ..claimed }))
}

/// What time it is for a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Work is claimed that is not to be done later than this, by the clock of who wrote it.
    pub due: Micros,
    /// By this time leases run out, and the new one begins: the same for all who claim.
    pub now: Micros,
}

impl Times {
    /// The same time for both.
    pub fn at(now: Micros) -> Times {
        Times { due: now, now }
    }
}

/// Which work is wanted: of these classes, and of none of these places.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    classes: &'a [WorkClass],
    busy: &'a [String],
}

fn push_claimable(statement: &mut Sql, wanted: Wanted<'_>) {
    statement.push(CLAIMABLE);
    statement.push_list("", wanted.classes.iter().map(|class| class.number()));
    if !wanted.busy.is_empty() {
        statement.push(" and w.place not in ");
        statement.push_list("", wanted.busy.iter().map(String::as_str));
    }
}

/// Whether anything may be claimed: asked first on a reader, so that an idle worker never takes the write lock.
async fn claimable(conn: &mut Conn<'_>, times: Times, wanted: Wanted<'_>) -> Result<bool, StoreError> {
    let mut statement = sql("select w.id ").bind(times.due).bind(times.now);
    push_claimable(&mut statement, wanted);
    statement.push(" limit 1");
    Ok(!conn.all(statement).await?.is_empty())
}

/// How often a claim that another worker crossed is tried again at once.
const CROSSINGS: usize = 8;

impl Store {
    /// Takes the most urgent piece of work whose time has come, outside the places that are busy. Two workers never hold
    /// the same piece, and one piece at a time runs for a subject.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is away.
    pub async fn claim(
        &self,
        worker: &str,
        times: Times,
        lease_seconds: i64,
        classes: &[WorkClass],
        busy: &[String],
    ) -> Result<Option<Claimed>, StoreError> {
        let wanted = Wanted { classes, busy };
        let until = times.now.plus_seconds(lease_seconds);
        for _ in 0..CROSSINGS {
            if !claimable(&mut self.reader().await?.conn(), times, wanted).await? {
                return Ok(None);
            }
            let mut tx = self.transaction().await?;
            let outcome = claim_once(&mut tx.conn()?, worker, times, until, wanted).await;
            match tx.end(outcome).await {
                // Another worker began with another piece of the same subject at the same moment.
                Err(StoreError::Conflict) | Ok(None) => {}
                done => return done,
            }
        }
        Ok(None)
    }
}

/// Locks a piece of work for this transaction, if it is held with this fence.
pub(crate) async fn hold(conn: &mut Conn<'_>, id: Uid, fence: i64) -> Result<(), StoreError> {
    let statement = sql("update work set fence = fence where id = $1 and fence = $2 and running is not null");
    touched(conn.run(statement.bind(id).bind(fence)).await?)
}

fn touched(rows: u64) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::Conflict) } else { Ok(()) }
}

async fn heartbeat(conn: &mut Conn<'_>, id: Uid, fence: i64, until: Micros) -> Result<(), StoreError> {
    let statement = sql("update work set lease_until = $3 where id = $1 and fence = $2 and running is not null");
    touched(conn.run(statement.bind(id).bind(fence).bind(until)).await?)
}

async fn finish(conn: &mut Conn<'_>, id: Uid, fence: i64) -> Result<(), StoreError> {
    let statement = sql("delete from work where id = $1 and fence = $2 and running is not null");
    touched(conn.run(statement.bind(id).bind(fence)).await?)
}

async fn retry(conn: &mut Conn<'_>, id: Uid, fence: i64, not_before: Micros) -> Result<(), StoreError> {
    let statement = sql("update work set not_before = $3, lease_owner = null, lease_until = null, running = null
         where id = $1 and fence = $2 and running is not null");
    touched(conn.run(statement.bind(id).bind(fence).bind(not_before)).await?)
}

async fn end_leases(conn: &mut Conn<'_>) -> Result<(), StoreError> {
    conn.run(sql("update work set lease_until = 0 where lease_until > 0")).await.map(drop)
}

async fn drop_work(conn: &mut Conn<'_>, id: Uid) -> Result<bool, StoreError> {
    let statement = sql("delete from work where id = $1 and running is null").bind(id);
    Ok(conn.run(statement).await? > 0)
}

async fn work_of(conn: &mut Conn<'_>, subject: Uid) -> Result<Vec<WorkRow>, StoreError> {
    let statement = sql("select id, class, subject, key, not_before, lease_owner, lease_until, fence, attempt, payload
         from work where subject = $1 order by class, not_before, id");
    conn.list(statement.bind(subject)).await
}

async fn time(conn: &mut Conn<'_>) -> Result<Micros, StoreError> {
    let statement = match conn {
        Conn::Sqlite(_) => "select cast((julianday('now') - 2440587.5) * 86400000000 as integer)",
        Conn::Postgres(_) => "select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)",
    };
    Ok(conn.first(sql(statement)).await?.map_or(Micros(0), |(now,)| now))
}

async fn work_counts(conn: &mut Conn<'_>, now: Micros) -> Result<(i64, i64), StoreError> {
    let statement = sql("select count(*), count(case when lease_until >= $1 then 1 end) from work").bind(now);
    Ok(conn.first(statement).await?.unwrap_or_default())
}

reads! {
    /// The unfinished work for a subject, most urgent first.
    fn work_of(subject: Uid) -> Vec<WorkRow>;
    /// What time it is at the database: the same for all servers that share it, however far apart their clocks are.
    fn time() -> Micros;
    /// How many pieces of work are unfinished, and how many of them are held.
    fn work_counts(now: Micros) -> (i64, i64);
}

writes! {
    /// Moves the end of the lease; [`StoreError::Conflict`] when it is no longer held with this fence.
    fn heartbeat(id: Uid, fence: i64, until: Micros) -> ();
    /// Takes finished work out of the queue; [`StoreError::Conflict`] when it is no longer held with this fence.
    fn finish(id: Uid, fence: i64) -> ();
    /// Gives work back, to be tried again; [`StoreError::Conflict`] when it is no longer held with this fence.
    fn retry(id: Uid, fence: i64, not_before: Micros) -> ();
    /// Ends all leases, for a process that is known to be the only one: who held them is gone.
    fn end_leases() -> ();
    /// Takes work that nobody holds out of the queue; tells whether it did.
    fn drop_work(id: Uid) -> bool;
}
