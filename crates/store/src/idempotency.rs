//! Answers to requests that may come again under the same key.

use crate::error::StoreError;
use crate::rows::Rows;
use crate::sql::{Cells, Conn, FromRow, Sql, sql};
use crate::store::{reads, writes};
use loggia_model::Micros;

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who asked.
    pub principal: String,
    /// The key of the request.
    pub key: String,
    /// Digest of the request, to tell when a key is used for something else.
    pub request_hash: String,
    /// HTTP status of the answer; 0 while it is not known yet, below 0 while it is that of the command alone.
    pub status: i64,
    /// Body of the answer; who holds the key while it is not known yet.
    pub body: String,
    /// After this it is forgotten.
    pub expires_at: Micros,
}

impl FromRow for Answer {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Answer {
            principal: cells.take()?,
            key: cells.take()?,
            request_hash: cells.take()?,
            status: cells.take()?,
            body: cells.take()?,
            expires_at: cells.take()?,
        })
    }
}

/// Remembers answers; a key that is remembered already is a conflict.
pub(crate) async fn insert(conn: &mut Conn<'_>, answers: &[Answer]) -> Result<(), StoreError> {
    let mut rows = Rows::new("idempotency", &["principal", "key", "request_hash", "status", "body", "expires_at"]);
    for answer in answers {
        rows.push([
            answer.principal.as_str().into(),
            answer.key.as_str().into(),
            answer.request_hash.as_str().into(),
            answer.status.into(),
            answer.body.as_str().into(),
            answer.expires_at.into(),
        ]);
    }
    rows.write(conn, "").await.map(drop)
}

async fn answer(conn: &mut Conn<'_>, principal: &str, key: &str) -> Result<Option<Answer>, StoreError> {
    let statement = sql("select principal, key, request_hash, status, body, expires_at
         from idempotency where principal = $1 and key = $2");
    conn.first(statement.bind(principal).bind(key)).await
}

async fn put_answer(conn: &mut Conn<'_>, answer: &Answer) -> Result<(), StoreError> {
    insert(conn, std::slice::from_ref(answer)).await
}

/// A key that is held while its answer is being found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Who asked.
    pub principal: String,
    /// The key of the request.
    pub key: String,
    /// Who holds it: no two holds have the same name.
    pub holder: String,
}

/// An answer for a key that is held. With a status below 0 it is that of the command, as it was committed, until the
/// whole answer is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldAnswer {
    /// The hold.
    pub hold: Hold,
    /// HTTP status of the answer, below 0 when the whole one is still to come.
    pub status: i64,
    /// Body of the answer.
    pub body: String,
    /// After this it is forgotten; the same for all answers under one hold.
    pub expires_at: Micros,
}

/// Whether a row is still that of a hold: nobody else has it, and the whole answer is not there yet. Who holds a key
/// stands in place of the body that is not known.
const STILL: &str = "where principal = $1 and key = $2
     and ((status = 0 and body = $3) or (status < 0 and expires_at = $4))";

fn of_hold(statement: &'static str, hold: &Hold, expires_at: Micros) -> Sql {
    let mut statement = sql(statement);
    statement.push(STILL);
    statement.bind(hold.principal.as_str()).bind(hold.key.as_str()).bind(hold.holder.as_str()).bind(expires_at)
}

async fn settle_answer(conn: &mut Conn<'_>, answer: &HeldAnswer) -> Result<bool, StoreError> {
    let set = "update idempotency set expires_at = $4, status = $5, body = $6 ";
    let statement = of_hold(set, &answer.hold, answer.expires_at).bind(answer.status).bind(answer.body.as_str());
    Ok(conn.run(statement).await? > 0)
}

/// Writes the answers of commands with what the commands do; a key that somebody else holds by now is a conflict.
pub(crate) async fn settle(conn: &mut Conn<'_>, answers: &[HeldAnswer]) -> Result<(), StoreError> {
    for answer in answers {
        if !settle_answer(conn, answer).await? {
            return Err(StoreError::Conflict);
        }
    }
    Ok(())
}

async fn renew_key(conn: &mut Conn<'_>, hold: &Hold, until: Micros) -> Result<bool, StoreError> {
    let statement = sql("update idempotency set expires_at = $4
         where principal = $1 and key = $2 and status = 0 and body = $3");
    let statement = statement.bind(hold.principal.as_str()).bind(hold.key.as_str()).bind(hold.holder.as_str());
    Ok(conn.run(statement.bind(until)).await? > 0)
}

async fn give_key_back(conn: &mut Conn<'_>, hold: &Hold) -> Result<bool, StoreError> {
    let statement = sql("delete from idempotency
         where principal = $1 and key = $2 and status = 0 and body = $3");
    let statement = statement.bind(hold.principal.as_str()).bind(hold.key.as_str()).bind(hold.holder.as_str());
    Ok(conn.run(statement).await? > 0)
}

async fn end_holds(conn: &mut Conn<'_>) -> Result<(), StoreError> {
    conn.run(sql("delete from idempotency where status = 0")).await.map(drop)
}

pub(crate) async fn delete_expired_answers(conn: &mut Conn<'_>, now: Micros) -> Result<u64, StoreError> {
    conn.run(sql("delete from idempotency where expires_at <= $1").bind(now)).await
}

reads! {
    /// What was answered to this person or service under this key.
    fn answer(principal: &str, key: &str) -> Option<Answer>;
}

writes! {
    /// Remembers an answer, or with status 0 that it is being found; [`StoreError::Conflict`] when the key is remembered
    /// already.
    fn put_answer(answer: &Answer) -> ();
    /// Fills in the answer under a key that is held; tells whether it still was.
    fn settle_answer(answer: &HeldAnswer) -> bool;
    /// Holds a key until another time; tells whether it still was held.
    fn renew_key(hold: &Hold, until: Micros) -> bool;
    /// Gives a key back without an answer; tells whether it still was held.
    fn give_key_back(hold: &Hold) -> bool;
    /// Gives all keys back that are held, for a process that is known to be the only one: who held them is gone.
    fn end_holds() -> ();
    /// Forgets answers that expired; tells how many.
    fn delete_expired_answers(now: Micros) -> u64;
}
