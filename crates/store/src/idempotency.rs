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
    /// HTTP status of the answer.
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

pub(crate) async fn delete_expired_answers(conn: &mut Conn<'_>, now: Micros) -> Result<u64, StoreError> {
    conn.run(sql("delete from idempotency where expires_at <= $1").bind(now)).await
}

reads! {
    /// What was answered to this person or service under this key.
    fn answer(principal: &str, key: &str) -> Option<Answer>;
}

writes! {
    /// Remembers an answer; [`StoreError::Conflict`] when the key is remembered already.
    fn put_answer(answer: &Answer) -> ();
    /// Forgets answers that expired; tells how many.
    fn delete_expired_answers(now: Micros) -> u64;
}
