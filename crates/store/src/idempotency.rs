//! Answers to requests that may come again under the same key.

use crate::error::StoreError;
use crate::rows::Rows;
use crate::sql::{Cells, Conn, FromRow, sql};
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
    /// HTTP status of the answer; 0 while it is not known yet.
    pub status: i64,
    /// Body of the answer.
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

async fn settle_answer(conn: &mut Conn<'_>, answer: &Answer, claimed_until: Micros) -> Result<bool, StoreError> {
    let statement = sql("update idempotency set status = $3, body = $4, expires_at = $5
         where principal = $1 and key = $2 and status = 0 and expires_at = $6");
    let statement = statement.bind(answer.principal.as_str()).bind(answer.key.as_str()).bind(answer.status);
    let statement = statement.bind(answer.body.as_str()).bind(answer.expires_at).bind(claimed_until);
    Ok(conn.run(statement).await? > 0)
}

async fn give_key_back(
    conn: &mut Conn<'_>,
    principal: &str,
    key: &str,
    claimed_until: Micros,
) -> Result<bool, StoreError> {
    let statement = sql("delete from idempotency
         where principal = $1 and key = $2 and status = 0 and expires_at = $3");
    Ok(conn.run(statement.bind(principal).bind(key).bind(claimed_until)).await? > 0)
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
    /// Fills in the answer under a key that was claimed until this time; tells whether it still was.
    fn settle_answer(answer: &Answer, claimed_until: Micros) -> bool;
    /// Gives a key back that was claimed until this time, without an answer; tells whether it still was.
    fn give_key_back(principal: &str, key: &str, claimed_until: Micros) -> bool;
    /// Forgets answers that expired; tells how many.
    fn delete_expired_answers(now: Micros) -> u64;
}
