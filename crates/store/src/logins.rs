//! Logins: credentials of people, and logins at another provider that are under way.

use crate::error::StoreError;
use crate::sql::{Cells, Conn, FromRow, sql};
use crate::store::{reads, writes};
use loggia_model::Micros;

/// A name and password by which a person signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The name that is typed in.
    pub name: String,
    /// The person or service, as `user:default/amara`.
    pub principal: String,
    /// Hash of the password, in the form that names its method.
    pub password_hash: String,
    /// When the password was set.
    pub changed_at: Micros,
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
        Ok(Login {
            name: cells.take()?,
            principal: cells.take()?,
            password_hash: cells.take()?,
            changed_at: cells.take()?,
        })
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

async fn login(conn: &mut Conn<'_>, name: &str) -> Result<Option<Login>, StoreError> {
    let statement = sql("select name, principal, password_hash, changed_at from logins where name = $1");
    conn.first(statement.bind(name)).await
}

async fn logins_of(conn: &mut Conn<'_>, principal: &str) -> Result<Vec<Login>, StoreError> {
    let statement =
        sql("select name, principal, password_hash, changed_at from logins where principal = $1 order by name");
    conn.list(statement.bind(principal)).await
}

async fn put_login(conn: &mut Conn<'_>, login: &Login) -> Result<(), StoreError> {
    let statement = sql("insert into logins (name, principal, password_hash, changed_at) values ($1, $2, $3, $4)
         on conflict (name) do update set principal = excluded.principal, password_hash = excluded.password_hash,
         changed_at = excluded.changed_at")
    .bind(&login.name)
    .bind(&login.principal)
    .bind(&login.password_hash)
    .bind(login.changed_at);
    conn.run(statement).await.map(drop)
}

async fn add_login(conn: &mut Conn<'_>, login: &Login) -> Result<(), StoreError> {
    let statement = sql("insert into logins (name, principal, password_hash, changed_at) values ($1, $2, $3, $4)")
        .bind(&login.name)
        .bind(&login.principal)
        .bind(&login.password_hash)
        .bind(login.changed_at);
    conn.run(statement).await.map(drop)
}

async fn delete_login(conn: &mut Conn<'_>, name: &str) -> Result<bool, StoreError> {
    Ok(conn.run(sql("delete from logins where name = $1").bind(name)).await? > 0)
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

async fn delete_expired_login_states(conn: &mut Conn<'_>, now: Micros) -> Result<u64, StoreError> {
    conn.run(sql("delete from login_states where expires_at <= $1").bind(now)).await
}

reads! {
    /// The login with this name.
    fn login(name: &str) -> Option<Login>;
    /// The logins of a person.
    fn logins_of(principal: &str) -> Vec<Login>;
}

writes! {
    /// Sets a login, in place of an older one of the same name.
    fn put_login(login: &Login) -> ();
    /// Adds a login; [`StoreError::Conflict`] when the name is taken.
    fn add_login(login: &Login) -> ();
    /// Takes a login away; tells whether there was one.
    fn delete_login(name: &str) -> bool;
    /// Remembers a login at another provider.
    fn put_login_state(state: &LoginState) -> ();
    /// Takes a login at another provider up again: once, and only before it expires.
    fn take_login_state(state: &str, now: Micros) -> Option<LoginState>;
    /// Forgets logins at another provider that expired; tells how many.
    fn delete_expired_login_states(now: Micros) -> u64;
}
