//! What people and services prove themselves with, written in the transaction that notes it.

use crate::error::StoreError;
use crate::sql::{Conn, sql};
use crate::{Login, Session, Tie, Token};
use crate::{logins, sessions, tokens};
use loggia_model::{Micros, Uid};

/// One change of it. None carries a secret, only digests.
#[derive(Clone, Debug, PartialEq)]
pub enum Credential {
    /// Sets a password, in place of an older one.
    Login(Login),
    /// Ties a person to somebody at a provider, in place of older ties of both.
    Tie(Tie),
    /// Begins a session.
    Session(Session),
    /// Ends a session, by its hash.
    SessionEnd(String),
    /// Ends the sessions of a person, all but the one with this hash.
    SessionsEnd(Uid, String),
    /// Makes a token.
    Token(Token),
    /// Revokes a token.
    Revocation(Uid, Micros),
}

/// Writes changes, in order.
pub(crate) async fn write(conn: &mut Conn<'_>, changes: &[Credential]) -> Result<(), StoreError> {
    for change in changes {
        match change {
            Credential::Login(login) => logins::put_login(conn, login).await?,
            Credential::Tie(tie) => logins::put_tie(conn, tie).await?,
            Credential::Session(session) => sessions::add_session(conn, session).await?,
            Credential::SessionEnd(hash) => sessions::delete_session(conn, hash).await?,
            Credential::SessionsEnd(uid, but) => sessions::delete_sessions_of(conn, *uid, but).await?,
            Credential::Token(token) => tokens::add_token(conn, token).await?,
            Credential::Revocation(id, now) => tokens::revoke_token(conn, *id, *now).await?,
        }
    }
    Ok(())
}

/// Ends everything that people who are no more could prove themselves with.
pub(crate) async fn forget(conn: &mut Conn<'_>, people: &[(Uid, Micros)]) -> Result<(), StoreError> {
    for (uid, time) in people {
        for table in ["delete from logins where uid = $1", "delete from ties where uid = $1"] {
            conn.run(sql(table).bind(*uid)).await?;
        }
        sessions::delete_sessions_of(conn, *uid, "").await?;
        let tokens = sql("update tokens set revoked_at = $2 where uid = $1 and revoked_at is null");
        conn.run(tokens.bind(*uid).bind(*time)).await?;
    }
    Ok(())
}
