//! Writing: one transaction for everything that a command changes.

use crate::error::StoreError;
use crate::heads::{self, Tail};
use crate::rows::Rows;
use crate::sql::{Conn, sql};
use crate::store::{Store, Tx};
use crate::watch::CHANNEL;
use crate::{
    Answer, Credential, Due, ErasedInputs, HeldAnswer, Item, NewWork, PageEdit, SecretRow, Sighting, Unmatched,
};
use crate::{
    credentials, due, edits, erasure, events, history, idempotency, items, logins, operations, secrets, sessions,
};
use crate::{sightings, usage, work};
use loggia_model::operation::Operation;
use loggia_model::usage::UsageReading;
use loggia_model::{Event, Micros, Record, Ref, Uid};
use std::collections::HashMap;

/// The end of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The record.
    pub uid: Uid,
    /// Its name.
    pub reference: Ref,
    /// Number of the last revision: one more than the one before.
    pub revision: i64,
    /// Position of the event that removes it.
    pub position: i64,
    /// When.
    pub time: Micros,
}

/// Everything that is written at once.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// New revisions. Each must carry the position of an event of the same transaction.
    pub puts: Vec<Record>,
    /// Records that end.
    pub removals: Vec<Removal>,
    /// Former names of records.
    pub aliases: Vec<(Ref, Uid)>,
    /// Entries of the log, chained, the first one following the newest of the log.
    pub events: Vec<Event>,
    /// Operations as they are now.
    pub operations: Vec<Operation>,
    /// Work for workers; a key that waits already is left alone.
    pub work: Vec<NewWork>,
    /// Deadlines; a key that is set already is moved.
    pub due: Vec<Due>,
    /// Keys of deadlines that no longer matter.
    pub due_removals: Vec<String>,
    /// Sessions, answers and begun logins that expired by then are forgotten.
    pub expired_by: Option<Micros>,
    /// Sealed secrets; an older one of the same record and field is replaced.
    pub secrets: Vec<SecretRow>,
    /// Records all of whose secrets go away.
    pub secret_removals: Vec<Uid>,
    /// Single secrets that go away: the record, and which of its secrets.
    pub secret_fields_gone: Vec<(Uid, String)>,
    /// What people and services prove themselves with.
    pub credentials: Vec<Credential>,
    /// Readings of use.
    pub usage: Vec<UsageReading>,
    /// Instances that were seen.
    pub sightings: Vec<Sighting>,
    /// Things that were seen and belong to no offering.
    pub unmatched: Vec<Unmatched>,
    /// Keys of such things that belong to one by now.
    pub matched: Vec<String>,
    /// Keys of such things that somebody put aside.
    pub dismissed: Vec<String>,
    /// What records keep about others.
    pub items: Vec<Item>,
    /// Changes on pages, new ones or what became of them.
    pub edits: Vec<PageEdit>,
    /// Inputs that no revision of some records shall hold any more; those of this batch included.
    pub erased: Vec<ErasedInputs>,
    /// Answers to give when the same request comes again.
    pub answers: Vec<Answer>,
    /// Answers under keys that are held; when one of them is not any more, nothing is written.
    pub held_answers: Vec<HeldAnswer>,
}

/// A transaction in which this is the only writer. Dropping it undoes everything.
pub struct WriteTx {
    tx: Tx,
    /// Whether commits must be announced to other processes.
    announce: bool,
    /// Position of the newest event before the transaction, and of the newest event in it.
    before: i64,
    position: i64,
    hash: String,
    time: Micros,
}

impl Store {
    /// Begins to write: waits for its turn, then tells what others committed after `known_position`. Decisions must
    /// be made (again) on a state that includes it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is away or another writer holds it for too long.
    pub async fn begin(&self, known_position: i64) -> Result<(WriteTx, Tail), StoreError> {
        let mut tx = self.writer().await?;
        let tail = heads::tail_after(&mut tx.conn()?, known_position).await?;
        let hash = tail.last_hash.clone();
        let (before, time) = (tail.position, tail.last_time);
        Ok((WriteTx { tx, announce: !self.is_sqlite(), before, position: before, hash, time }, tail))
    }
}

impl WriteTx {
    pub(crate) fn conn(&mut self) -> Result<Conn<'_>, StoreError> {
        self.tx.conn()
    }

    /// Writes everything in a batch. May be called several times; after an error the transaction must be dropped.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a name is taken or a revision exists, [`StoreError::Other`] when the batch does
    /// not follow from the log, [`StoreError::Unavailable`] when the database is away, full or slow.
    pub async fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.follow(batch)?;
        let position = self.position;
        let conn = &mut self.tx.conn()?;
        events::insert(conn, &batch.events).await?;
        records(conn, batch).await?;
        aliases(conn, &batch.aliases, position).await?;
        operations::upsert(conn, &batch.operations).await?;
        work::insert(conn, &batch.work).await?;
        due::upsert(conn, &batch.due).await?;
        due::delete(conn, &batch.due_removals).await?;
        secrets::upsert(conn, &batch.secrets).await?;
        secrets::delete_all(conn, &batch.secret_removals).await?;
        secrets::delete_fields(conn, &batch.secret_fields_gone).await?;
        credentials::forget(conn, &people_gone(batch)).await?;
        credentials::write(conn, &batch.credentials).await?;
        usage::insert(conn, &batch.usage).await?;
        sightings::upsert(conn, &batch.sightings).await?;
        sightings::upsert_unmatched(conn, &batch.unmatched).await?;
        sightings::delete_unmatched(conn, &batch.matched).await?;
        sightings::dismiss_unmatched(conn, &batch.dismissed).await?;
        items::upsert(conn, &batch.items).await?;
        edits::upsert(conn, &batch.edits).await?;
        erasure::inputs(conn, &batch.erased).await?;
        if let Some(time) = batch.expired_by {
            expired(conn, time).await?;
        }
        idempotency::settle(conn, &batch.held_answers).await?;
        idempotency::insert(conn, &batch.answers).await
    }

    /// Makes everything durable, and announces it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: nothing is certain then; the tail tells whether it was written.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        if self.announce && self.position > self.before {
            let position = self.position.to_string();
            self.conn()?.run(sql("select pg_notify($1, $2)").bind(CHANNEL).bind(position)).await?;
        }
        self.tx.commit().await
    }

    /// Undoes everything and keeps the connection, which dropping does not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is away; everything is undone all the same.
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.tx.rollback().await
    }

    /// Checks that the events continue the log and that every change belongs to an event of this transaction:
    /// otherwise other processes would never hear of it.
    fn follow(&mut self, batch: &Batch) -> Result<(), StoreError> {
        for event in &batch.events {
            if event.position != self.position + 1 || event.previous != self.hash || event.time < self.time {
                let position = event.position;
                return Err(StoreError::Other(format!("event {position} does not follow {}", self.position)));
            }
            (self.position, self.time) = (event.position, event.time);
            self.hash.clone_from(&event.hash);
        }
        let positions = batch.puts.iter().map(|p| p.position).chain(batch.removals.iter().map(|r| r.position));
        match positions.into_iter().find(|p| *p <= self.before || *p > self.position) {
            Some(position) => Err(StoreError::Other(format!("position {position} is not of this transaction"))),
            None if !batch.aliases.is_empty() && self.position == self.before => {
                Err(StoreError::Other("a former name needs an event".to_owned()))
            }
            None => Ok(()),
        }
    }
}

/// Forgets what held until a time that has passed.
async fn expired(conn: &mut Conn<'_>, time: Micros) -> Result<(), StoreError> {
    sessions::delete_expired(conn, time).await?;
    idempotency::delete_expired_answers(conn, time).await?;
    logins::delete_expired_login_states(conn, time).await.map(drop)
}

/// The people who are no more, and since when.
fn people_gone(batch: &Batch) -> Vec<(Uid, Micros)> {
    let people = batch.removals.iter().filter(|gone| gone.reference.kind() == "user");
    people.map(|gone| (gone.uid, gone.time)).collect()
}

/// Writes revisions and heads. The old heads go first, so that records may swap their names within a batch.
async fn records(conn: &mut Conn<'_>, batch: &Batch) -> Result<(), StoreError> {
    history::insert(conn, &batch.puts, &batch.removals).await?;
    let mut newest: HashMap<Uid, Option<&Record>> = HashMap::with_capacity(batch.puts.len());
    for put in &batch.puts {
        let slot = newest.entry(put.uid).or_insert(Some(put));
        if slot.is_some_and(|held| held.revision < put.revision) {
            *slot = Some(put);
        }
    }
    for gone in &batch.removals {
        newest.insert(gone.uid, None);
    }
    let old = batch.puts.iter().filter(|put| put.revision > 1).map(|put| put.uid);
    let mut old: Vec<Uid> = old.chain(batch.removals.iter().map(|gone| gone.uid)).collect();
    old.sort_unstable();
    old.dedup();
    heads::delete(conn, &old).await?;
    let mut standing: Vec<&Record> = newest.into_values().flatten().collect();
    standing.sort_unstable_by(|a, b| a.reference.cmp(&b.reference));
    heads::insert(conn, &standing).await
}

async fn aliases(conn: &mut Conn<'_>, aliases: &[(Ref, Uid)], position: i64) -> Result<(), StoreError> {
    let mut rows = Rows::new("aliases", &["ref", "uid", "position"]);
    let newest: std::collections::BTreeMap<&Ref, Uid> = aliases.iter().map(|(name, uid)| (name, *uid)).collect();
    for (name, uid) in newest {
        rows.push([name.into(), uid.into(), position.into()]);
    }
    rows.write(conn, "on conflict (ref) do update set uid = excluded.uid, position = excluded.position").await.map(drop)
}
