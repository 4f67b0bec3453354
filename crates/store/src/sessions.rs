//! Sessions of browsers. The store holds the hash of what the cookie says.

use crate::error::StoreError;
use crate::sql::{Cells, Conn, FromRow, sql};
use crate::store::{reads, writes};
use loggia_model::{Micros, Uid};
use serde_json::Value;

/// One signed-in browser.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Hash of the secret in the cookie.
    pub hash: String,
    /// Who is signed in.
    pub uid: Uid,
    /// Since when.
    pub created_at: Micros,
    /// Until when.
    pub expires_at: Micros,
    /// When it was used last, to the minute.
    pub last_used_at: Micros,
    /// What the browser says it is.
    pub user_agent: String,
    /// What the provider said about the person, such as groups; `null` for a password login.
    pub claims: Value,
}

impl FromRow for Session {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Session {
            hash: cells.take()?,
            uid: cells.take()?,
            created_at: cells.take()?,
            expires_at: cells.take()?,
            last_used_at: cells.take()?,
            user_agent: cells.take()?,
            claims: cells.json("claims of a session")?,
        })
    }
}

async fn session(conn: &mut Conn<'_>, hash: &str) -> Result<Option<Session>, StoreError> {
    let statement = sql("select hash, uid, created_at, expires_at, last_used_at, user_agent, claims
         from sessions where hash = $1");
    conn.first(statement.bind(hash)).await
}

async fn sessions_of(conn: &mut Conn<'_>, uid: Uid) -> Result<Vec<Session>, StoreError> {
    let statement = sql("select hash, uid, created_at, expires_at, last_used_at, user_agent, claims
         from sessions where uid = $1 order by last_used_at desc, hash");
    conn.list(statement.bind(uid)).await
}

/// Adds a session.
pub(crate) async fn add_session(conn: &mut Conn<'_>, session: &Session) -> Result<(), StoreError> {
    let statement = sql("insert into sessions
         (hash, uid, created_at, expires_at, last_used_at, user_agent, claims)
         values ($1, $2, $3, $4, $5, $6, $7)")
    .bind(&session.hash)
    .bind(session.uid)
    .bind(session.created_at)
    .bind(session.expires_at)
    .bind(session.last_used_at)
    .bind(&session.user_agent)
    .bind(&session.claims);
    conn.run(statement).await.map(drop)
}

/// Ends a session.
pub(crate) async fn delete_session(conn: &mut Conn<'_>, hash: &str) -> Result<(), StoreError> {
    conn.run(sql("delete from sessions where hash = $1").bind(hash)).await.map(drop)
}

/// Ends the sessions of a person, all but one.
pub(crate) async fn delete_sessions_of(conn: &mut Conn<'_>, uid: Uid, but: &str) -> Result<(), StoreError> {
    conn.run(sql("delete from sessions where uid = $1 and hash <> $2").bind(uid).bind(but)).await.map(drop)
}

/// Forgets sessions that expired.
pub(crate) async fn delete_expired(conn: &mut Conn<'_>, now: Micros) -> Result<(), StoreError> {
    conn.run(sql("delete from sessions where expires_at <= $1").bind(now)).await.map(drop)
}

async fn touch_sessions(conn: &mut Conn<'_>, used: &[(String, Micros)]) -> Result<(), StoreError> {
    for (hash, time) in used {
        let statement = sql("update sessions set last_used_at = $2 where hash = $1 and last_used_at < $2");
        conn.run(statement.bind(hash).bind(*time)).await?;
    }
    Ok(())
}

reads! {
    /// The session with this hash, expired or not.
    fn session(hash: &str) -> Option<Session>;
    /// The sessions of a person, the newest use first.
    fn sessions_of(uid: Uid) -> Vec<Session>;
}

writes! {
    /// Notes when sessions were used last, many at once. Never goes back.
    fn touch_sessions(used: &[(String, Micros)]) -> ();
}
