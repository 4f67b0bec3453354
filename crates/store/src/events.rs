//! Events: the log.

use crate::error::StoreError;
use crate::rows::{AT_ONCE, Rows};
use crate::sql::{Cells, Conn, FromRow, sql};
use crate::store::{Store, reads, writes};
use loggia_model::{Actor, Event, Micros, Uid};
use serde_json::Value;

/// Which events are wanted. Everything that is set must hold.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// About this record.
    pub subject: Option<Uid>,
    /// Of one of these types; all types when empty.
    pub types: Vec<String>,
    /// By this person or service, or on behalf of it.
    pub principal: Option<String>,
    /// Only positions above; the answer is then in order of position.
    pub after: Option<i64>,
    /// Only positions below.
    pub before: Option<i64>,
    /// Not earlier than this time.
    pub since: Option<Micros>,
    /// Earlier than this time.
    pub until: Option<Micros>,
    /// At most so many.
    pub limit: i64,
}

/// The first place at which the log is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Position of the event.
    pub position: i64,
    /// What is wrong with it, in one sentence.
    pub why: String,
}

const COLUMNS: &[&str] = &[
    "position",
    "id",
    "time",
    "type",
    "subject",
    "subject_ref",
    "principal",
    "on_behalf_of",
    "organisation",
    "door",
    "request_id",
    "reason",
    "cause",
    "revision",
    "data",
    "digest",
    "previous",
    "hash",
];

/// An event with the digest of its data, which stays when the data is erased.
struct Stored {
    event: Event,
    digest: String,
    erased: bool,
}

impl FromRow for Stored {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        let mut event = Event {
            position: cells.take()?,
            id: cells.take()?,
            time: cells.take()?,
            kind: cells.take()?,
            subject: cells.take()?,
            subject_ref: cells.take()?,
            actor: Actor {
                principal: cells.take()?,
                on_behalf_of: cells.take()?,
                organisation: cells.take()?,
                door: cells.take()?,
                request_id: cells.take()?,
            },
            reason: cells.take()?,
            cause: cells.take()?,
            revision: cells.take()?,
            data: Value::Null,
            previous: String::new(),
            hash: String::new(),
        };
        let data: Option<String> = cells.take()?;
        if let Some(text) = &data {
            event.data =
                serde_json::from_str(text).map_err(|error| crate::error::corrupt("data of an event", error))?;
        }
        let digest = cells.take()?;
        event.previous = cells.take()?;
        event.hash = cells.take()?;
        Ok(Stored { event, digest, erased: data.is_none() })
    }
}

/// Appends events to the log.
pub(crate) async fn insert(conn: &mut Conn<'_>, events: &[Event]) -> Result<(), StoreError> {
    for some in events.chunks(AT_ONCE) {
        let mut rows = Rows::new("events", COLUMNS);
        some.iter().for_each(|event| rows.push(row(event)));
        rows.write(conn, "").await?;
    }
    Ok(())
}

fn row(event: &Event) -> [crate::sql::Value; 18] {
    [
        event.position.into(),
        event.id.into(),
        event.time.into(),
        event.kind.as_str().into(),
        event.subject.into(),
        (&event.subject_ref).into(),
        event.actor.principal.as_str().into(),
        (&event.actor.on_behalf_of).into(),
        event.actor.organisation.as_str().into(),
        event.actor.door.as_str().into(),
        event.actor.request_id.as_str().into(),
        (&event.reason).into(),
        event.cause.into(),
        event.revision.into(),
        (&event.data).into(),
        event.data_digest().into(),
        event.previous.as_str().into(),
        event.hash.as_str().into(),
    ]
}

const SELECT: &str = "select position, id, time, type, subject, subject_ref, principal, on_behalf_of, organisation,
     door, request_id, reason, cause, revision, data, digest, previous, hash from events where position > ";

async fn events(conn: &mut Conn<'_>, filter: &EventFilter) -> Result<Vec<Event>, StoreError> {
    let mut statement = sql("");
    statement.push_bind(SELECT, filter.after.unwrap_or(0));
    statement.push_some(" and position < ", filter.before);
    statement.push_some(" and subject = ", filter.subject);
    statement.push_some(" and time >= ", filter.since);
    statement.push_some(" and time < ", filter.until);
    if let Some(principal) = &filter.principal {
        statement.push_bind(" and (principal = ", principal);
        statement.push_bind(" or on_behalf_of = ", principal);
        statement.push(")");
    }
    if !filter.types.is_empty() {
        statement.push_list(" and type in ", &filter.types);
    }
    let order = if filter.after.is_some() { " order by position limit " } else { " order by position desc limit " };
    statement.push_bind(order, filter.limit);
    let rows: Vec<Stored> = conn.list(statement).await?;
    Ok(rows.into_iter().map(|row| row.event).collect())
}

async fn erase_events(conn: &mut Conn<'_>, positions: &[i64]) -> Result<u64, StoreError> {
    let mut statement = sql("update events set data = null where position in ");
    statement.push_list("", positions.iter().copied());
    conn.run(statement).await
}

reads! {
    /// Events: the newest first, or in order of position when `after` is set. Erased data reads as `null`.
    fn events(filter: &EventFilter) -> Vec<Event>;
}

writes! {
    /// Erases the data of events; the chain stays whole, because it is made of digests. Tells how many there were.
    fn erase_events(positions: &[i64]) -> u64;
}

/// What is wrong with an event, given the one before.
fn fault(row: &Stored, position: i64, hash: &str, time: Micros) -> Option<&'static str> {
    let event = &row.event;
    if event.position != position + 1 {
        Some("events before it are missing")
    } else if event.previous != hash {
        Some("it does not follow from the event before")
    } else if event.time < time {
        Some("it is earlier than the event before")
    } else if !row.erased && event.data_digest() != row.digest {
        Some("its data was changed")
    } else if event.hash_with(&row.digest) != event.hash {
        Some("it was changed")
    } else {
        None
    }
}

impl Store {
    /// Checks the whole log, from the first event to the newest; the answer is the number of events, or the first
    /// place at which something is wrong.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or an event cannot be read at all.
    pub async fn verify_chain(&self) -> Result<Result<i64, Broken>, StoreError> {
        let (mut position, mut hash, mut time) = (0, String::new(), Micros(i64::MIN));
        loop {
            let mut statement = sql("");
            statement.push_bind(SELECT, position);
            statement.push(" order by position limit 1000");
            let rows: Vec<Stored> = self.reader().await?.conn().list(statement).await?;
            if rows.is_empty() {
                return Ok(Ok(position));
            }
            for row in rows {
                if let Some(why) = fault(&row, position, &hash, time) {
                    return Ok(Err(Broken { position: row.event.position, why: why.to_owned() }));
                }
                (position, hash, time) = (row.event.position, row.event.hash, row.event.time);
            }
        }
    }
}
