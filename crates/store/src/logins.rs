//! Logins: passwords of people, who they are at other providers, and logins at another provider that are under way.

use crate::error::StoreError;
use crate::sql::{Cells, Conn, FromRow, sql};
use crate::store::{reads, writes};
use loggia_model::{Micros, Uid};

/// A password by which a person signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The person.
    pub uid: Uid,
    /// Hash of the password, in the form that names its method.
    pub password_hash: String,
    /// When the password was set.
    pub changed_at: Micros,
}

/// Ties a person to whom they are at another provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tie {
    /// Address of the provider.
    pub issuer: String,
    /// Their identity there.
    pub subject: String,
    /// The person here.
    pub uid: Uid,
    /// Since when.
    pub since: Micros,
}

/// A login at another provider that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginState {
    /// What the provider sends back.
    pub state: String,
    /// What the token must repeat.
    pub nonce: String,
    /// The verifier of the code challenge.
    pub verifier: String,
    /// The page to go to afterwards.
    pub return_to: String,
    /// After this it is void.
    pub expires_at: Micros,
}

impl FromRow for Login {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Login { uid: cells.take()?, password_hash: cells.take()?, changed_at: cells.take()? })
    }
}

impl FromRow for Tie {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Tie { issuer: cells.take()?, subject: cells.take()?, uid: cells.take()?, since: cells.take()? })
    }
}

impl FromRow for LoginState {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(LoginState {
            state: cells.take()?,
            nonce: cells.take()?,
            verifier: cells.take()?,
            return_to: cells.take()?,
            expires_at: cells.take()?,
        })
    }
}

async fn login(conn: &mut Conn<'_>, uid: Uid) -> Result<Option<Login>, StoreError> {
    conn.first(sql("select uid, password_hash, changed_at from logins where uid = $1").bind(uid)).await
}

/// Sets a password, in place of an older one of the same person.
pub(crate) async fn put_login(conn: &mut Conn<'_>, login: &Login) -> Result<(), StoreError> {
    let statement = sql("insert into logins (uid, password_hash, changed_at) values ($1, $2, $3)
         on conflict (uid) do update set password_hash = excluded.password_hash, changed_at = excluded.changed_at")
    .bind(login.uid)
    .bind(&login.password_hash)
    .bind(login.changed_at);
    conn.run(statement).await.map(drop)
}

async fn tie(conn: &mut Conn<'_>, issuer: &str, subject: &str) -> Result<Option<Tie>, StoreError> {
    let statement = sql("select issuer, subject, uid, since from ties where issuer = $1 and subject = $2");
    conn.first(statement.bind(issuer).bind(subject)).await
}

async fn tie_of(conn: &mut Conn<'_>, issuer: &str, uid: Uid) -> Result<Option<Tie>, StoreError> {
    let statement = sql("select issuer, subject, uid, since from ties where issuer = $1 and uid = $2");
    conn.first(statement.bind(issuer).bind(uid)).await
}

/// Ties somebody at a provider to a person: each to one, and nobody else of that provider to the same person.
pub(crate) async fn put_tie(conn: &mut Conn<'_>, tie: &Tie) -> Result<(), StoreError> {
    let older = sql("delete from ties where issuer = $1 and (subject = $2 or uid = $3)");
    conn.run(older.bind(&tie.issuer).bind(&tie.subject).bind(tie.uid)).await?;
    let statement = sql("insert into ties (issuer, subject, uid, since) values ($1, $2, $3, $4)")
        .bind(&tie.issuer)
        .bind(&tie.subject)
        .bind(tie.uid)
        .bind(tie.since);
    conn.run(statement).await.map(drop)
}

async fn put_login_state(conn: &mut Conn<'_>, state: &LoginState) -> Result<(), StoreError> {
    let statement = sql("insert into login_states (state, nonce, verifier, return_to, expires_at)
         values ($1, $2, $3, $4, $5)")
    .bind(&state.state)
    .bind(&state.nonce)
    .bind(&state.verifier)
    .bind(&state.return_to)
    .bind(state.expires_at);
    conn.run(statement).await.map(drop)
}

async fn take_login_state(conn: &mut Conn<'_>, state: &str, now: Micros) -> Result<Option<LoginState>, StoreError> {
    let statement = sql("delete from login_states where state = $1
         returning state, nonce, verifier, return_to, expires_at");
    let found: Option<LoginState> = conn.first(statement.bind(state)).await?;
    Ok(found.filter(|found| found.expires_at > now))
}

pub(crate) async fn delete_expired_login_states(conn: &mut Conn<'_>, now: Micros) -> Result<u64, StoreError> {
    conn.run(sql("delete from login_states where expires_at <= $1").bind(now)).await
}

reads! {
    /// The password of a person.
    fn login(uid: Uid) -> Option<Login>;
    /// Whom somebody at a provider is tied to.
    fn tie(issuer: &str, subject: &str) -> Option<Tie>;
    /// Who at a provider is tied to a person.
    fn tie_of(issuer: &str, uid: Uid) -> Option<Tie>;
}

writes! {
    /// Remembers a login at another provider.
    fn put_login_state(state: &LoginState) -> ();
    /// Takes a login at another provider up again: once, and only before it expires.
    fn take_login_state(state: &str, now: Micros) -> Option<LoginState>;
    /// Forgets logins at another provider that expired; tells how many.
    fn delete_expired_login_states(now: Micros) -> u64;
}
