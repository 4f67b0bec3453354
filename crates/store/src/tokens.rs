//! Tokens of people and services. The store holds their hashes.

use crate::error::StoreError;
use crate::sql::{Cells, Conn, FromRow, sql};
use crate::store::{reads, writes};
use loggia_model::{Micros, Uid};
use std::fmt;
use std::str::FromStr;

/// Whose a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A person's own.
    Personal,
    /// A service's.
    Service,
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TokenKind::Personal => "personal",
            TokenKind::Service => "service",
        })
    }
}

impl FromStr for TokenKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "personal" => Ok(TokenKind::Personal),
            "service" => Ok(TokenKind::Service),
            other => Err(format!("unknown word {other:?}")),
        }
    }
}

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Identity.
    pub id: Uid,
    /// Hash of the secret.
    pub hash: String,
    /// The person whose it is; `None` for a service's.
    pub uid: Option<Uid>,
    /// Who acts with it, by the name that they had when it was made.
    pub principal: String,
    /// What its owner calls it.
    pub name: String,
    /// What may be done with it.
    pub scopes: Vec<String>,
    /// Whose it is.
    pub kind: TokenKind,
    /// The group that a service acts for, by its uid; any when there is none.
    pub team: Option<Uid>,
    /// Since when.
    pub created_at: Micros,
    /// Until when; `None` for ever.
    pub expires_at: Option<Micros>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Micros>,
    /// When it was revoked.
    pub revoked_at: Option<Micros>,
}

impl FromRow for Token {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Token {
            id: cells.take()?,
            hash: cells.take()?,
            uid: cells.take()?,
            principal: cells.take()?,
            name: cells.take()?,
            scopes: cells.json("scopes of a token")?,
            kind: cells.word("kind of a token")?,
            team: cells.take()?,
            created_at: cells.take()?,
            expires_at: cells.take()?,
            last_used_at: cells.take()?,
            revoked_at: cells.take()?,
        })
    }
}

const SELECT: &str =
    "select id, hash, uid, principal, name, scopes, kind, team, created_at, expires_at, last_used_at, revoked_at
     from tokens ";

async fn token(conn: &mut Conn<'_>, hash: &str) -> Result<Option<Token>, StoreError> {
    let mut statement = sql(SELECT);
    statement.push_bind("where hash = ", hash);
    conn.first(statement).await
}

async fn token_by_id(conn: &mut Conn<'_>, id: Uid) -> Result<Option<Token>, StoreError> {
    let mut statement = sql(SELECT);
    statement.push_bind("where id = ", id);
    conn.first(statement).await
}

async fn tokens_of(conn: &mut Conn<'_>, uid: Uid) -> Result<Vec<Token>, StoreError> {
    let mut statement = sql(SELECT);
    statement.push_bind("where uid = ", uid);
    statement.push(" order by created_at, id");
    conn.list(statement).await
}

async fn tokens(conn: &mut Conn<'_>, kind: TokenKind) -> Result<Vec<Token>, StoreError> {
    let mut statement = sql(SELECT);
    statement.push_bind("where kind = ", kind.to_string());
    statement.push(" order by created_at, id");
    conn.list(statement).await
}

/// Adds a token; a hash that is there already is a conflict.
pub(crate) async fn add_token(conn: &mut Conn<'_>, token: &Token) -> Result<(), StoreError> {
    let scopes = serde_json::Value::from(token.scopes.clone());
    let statement = sql("insert into tokens
         (id, hash, uid, principal, name, scopes, kind, team, created_at, expires_at, last_used_at, revoked_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)")
    .bind(token.id)
    .bind(&token.hash)
    .bind(token.uid)
    .bind(&token.principal)
    .bind(&token.name)
    .bind(&scopes)
    .bind(token.kind.to_string())
    .bind(token.team)
    .bind(token.created_at)
    .bind(token.expires_at)
    .bind(token.last_used_at)
    .bind(token.revoked_at);
    conn.run(statement).await.map(drop)
}

/// Revokes a token, unless it is revoked already.
pub(crate) async fn revoke_token(conn: &mut Conn<'_>, id: Uid, now: Micros) -> Result<(), StoreError> {
    let statement = sql("update tokens set revoked_at = $2 where id = $1 and revoked_at is null");
    conn.run(statement.bind(id).bind(now)).await.map(drop)
}

async fn touch_tokens(conn: &mut Conn<'_>, used: &[(Uid, Micros)]) -> Result<(), StoreError> {
    for (id, time) in used {
        let statement = sql("update tokens set last_used_at = $2
             where id = $1 and (last_used_at is null or last_used_at < $2)");
        conn.run(statement.bind(*id).bind(*time)).await?;
    }
    Ok(())
}

reads! {
    /// The token with this hash, expired, revoked or not.
    fn token(hash: &str) -> Option<Token>;
    /// The token with this identity.
    fn token_by_id(id: Uid) -> Option<Token>;
    /// The tokens of a person, the oldest first.
    fn tokens_of(uid: Uid) -> Vec<Token>;
    /// All tokens of a kind, the oldest first.
    fn tokens(kind: TokenKind) -> Vec<Token>;
}

writes! {
    /// Notes when tokens were used last, many at once. Never goes back.
    fn touch_tokens(used: &[(Uid, Micros)]) -> ();
}
