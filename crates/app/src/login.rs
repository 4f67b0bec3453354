//! Signing in: passwords, sessions and tokens. None of them is ever in the graph.

use crate::App;
use crate::caller::{Caller, Door, Limits};
use crate::driver::Secret;
use crate::error::{Error, Result};
use crate::policy::{Action, Subject};
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, PasswordHash};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use loggia_model::canonical::hex;
use loggia_model::{Micros, Ref};
use loggia_store::{Login, TokenKind};
pub use loggia_store::{Session, Token};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use tokio::sync::Semaphore;

/// How long a session lasts after it was begun, in seconds.
pub const SESSION_SECONDS: i64 = 12 * 3_600;
/// Hashing a password takes 19 MB and a core: two at a time, so that signing in cannot starve the server.
static HASHING: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(2));
/// What a token begins with, so that leaked ones can be found by scanners.
const TOKEN_PREFIX: &str = "lgt_";

/// The digest by which a session or token is found. Tokens have 256 random bits, so a plain digest is enough.
pub fn digest(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// A new token.
fn new_token(app: &App, prefix: &str) -> Secret {
    Secret::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(app.ids.random())))
}

/// Hashes a password with argon2id.
///
/// # Errors
/// [`Error::Invalid`] for a password under 12 characters.
pub async fn hash_password(password: Secret) -> Result<String> {
    // The text is needed to measure and to hash it.
    if password.reveal().chars().count() < 12 {
        return Err(Error::invalid(
            "login.password",
            "password",
            "The password is too short",
            "Use 12 characters or more; a sentence is fine.",
        ));
    }
    hashing(move || {
        let hash = Argon2::default().hash_password(password.reveal().as_bytes());
        hash.map(|h| h.to_string()).map_err(|e| Error::Internal(format!("cannot hash a password: {e}")))
    })
    .await
}

async fn hashing<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let _permit = HASHING.acquire().await.map_err(|_| Error::Unavailable("The server is stopping.".into()))?;
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::Internal(format!("hashing was cut off: {e}")))?
}

/// A hash that no password has: checking against it takes as long as a real check, so that time tells nobody which
/// names exist.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    Argon2::default().hash_password(b"no password has this hash").map(|h| h.to_string()).unwrap_or_default()
});

impl App {
    /// Makes a login, or sets another password.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless an administrator asks or the person themselves; [`Error::NotFound`] for unknown people.
    pub async fn set_login(&self, caller: &Caller, user: &Ref, password: Secret) -> Result<()> {
        if caller.user() != Some(user) {
            self.require(caller, Action::Administer, &Subject::default())?;
        }
        if self.graph().get(user).is_none() {
            return Err(Error::NotFound(format!(
                "There is no person {}. Add a User to the catalog first.",
                user.name()
            )));
        }
        let hash = hash_password(password).await?;
        let (name, principal) = (user.to_string(), user.to_string());
        let login = Login { name, principal, password_hash: hash, changed_at: self.now() };
        Ok(self.store.put_login(&login).await?)
    }

    /// Signs in with a password; gives the session's token for the cookie.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], the same and after the same time whether name or password is wrong.
    pub async fn sign_in(&self, name: &str, password: Secret, agent: &str) -> Result<(Ref, Secret)> {
        let wrong = || Error::Unauthenticated("Name or password is wrong.".into());
        let user = Ref::parse(name.trim(), Some("user"), "default").map_err(|_| wrong())?;
        let known = self.store.login(user.as_str()).await?;
        let hash = known.as_ref().map_or_else(|| NOBODY.clone(), |login| login.password_hash.clone());
        let fits = hashing(move || {
            let Ok(parsed) = PasswordHash::new(&hash) else { return Ok(false) };
            Ok(Argon2::default().verify_password(password.reveal().as_bytes(), &parsed).is_ok())
        })
        .await?;
        if !fits || known.is_none() || self.graph().get(&user).is_none() {
            return Err(wrong());
        }
        let session = self.begin_session(&user, agent).await?;
        Ok((user, session))
    }

    /// Begins a session for a person who was identified by other means.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn begin_session(&self, user: &Ref, agent: &str) -> Result<Secret> {
        let token = new_token(self, "lgs_");
        let now = self.now();
        let row = Session {
            // The digest is stored, never the token.
            hash: digest(token.reveal()),
            principal: user.to_string(),
            created_at: now,
            expires_at: now.plus_seconds(SESSION_SECONDS),
            last_used_at: now,
            user_agent: agent.chars().take(200).collect(),
            claims: serde_json::Value::Null,
        };
        self.store.add_session(&row).await?;
        Ok(token)
    }

    /// The caller behind a session cookie, when it is valid.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn session_caller(&self, token: &str, door: Door, request_id: &str) -> Result<Option<Caller>> {
        let (hash, graph, now) = (digest(token), self.graph(), self.now());
        if let Some(caller) = self.known.get(&hash, graph.position(), now, door, request_id) {
            return Ok(Some(caller));
        }
        let row = self.store.session(&hash).await?;
        let Some(row) = row.filter(|row| row.expires_at > now) else { return Ok(None) };
        let user = row.principal.parse::<Ref>().ok().filter(|user| graph.get(user).is_some());
        let Some(user) = user else { return Ok(None) };
        let caller = Caller::person(&graph, user, door, request_id);
        self.known.put(&hash, graph.position(), now, Some(row.expires_at), &caller);
        self.seen_session(row, now);
        Ok(Some(caller))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn sign_out(&self, token: &str) -> Result<()> {
        let hash = digest(token);
        self.known.forget(&hash);
        self.store.delete_session(&hash).await?;
        Ok(())
    }

    /// The sessions of the caller.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn my_sessions(&self, caller: &Caller) -> Result<Vec<Session>> {
        self.require(caller, Action::OwnTokens, &Subject::default())?;
        let Some(user) = caller.user() else { return Ok(Vec::new()) };
        Ok(self.store.sessions_of(user.as_str()).await?)
    }

    /// Ends one of the caller's own sessions, by the digest of its token.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not theirs.
    pub async fn end_session(&self, caller: &Caller, hash: &str) -> Result<()> {
        let mine = self.my_sessions(caller).await?;
        if !mine.iter().any(|row| row.hash == hash) {
            return Err(Error::NotFound("You have no such session.".into()));
        }
        self.known.forget(hash);
        self.store.delete_session(hash).await?;
        Ok(())
    }

    /// Makes a token: a personal one for the caller, or one for a service.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not; [`Error::Invalid`] for unknown scopes.
    pub async fn create_token(&self, caller: &Caller, wish: TokenWish) -> Result<(Token, Secret)> {
        let (kind, principal) = match (&wish.service, caller.user()) {
            (None, Some(user)) => {
                self.require(caller, Action::OwnTokens, &Subject::default())?;
                (TokenKind::Personal, user.to_string())
            }
            _ => {
                self.require(caller, Action::Administer, &Subject::default())?;
                (TokenKind::Service, wish.service.clone().unwrap_or_else(|| wish.name.clone()))
            }
        };
        check_scopes(&wish.scopes)?;
        let token = new_token(self, TOKEN_PREFIX);
        let now = self.now();
        let row = Token {
            id: self.ids.uid(now),
            hash: digest(token.reveal()),
            principal,
            name: wish.name,
            scopes: wish.scopes,
            kind,
            created_at: now,
            expires_at: wish.days.map(|days| now.plus_seconds(days.saturating_mul(86_400))),
            last_used_at: None,
            revoked_at: None,
        };
        self.store.add_token(&row).await?;
        Ok((row, token))
    }

    /// The caller behind a bearer token, when it is valid.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn token_caller(&self, token: &str, door: Door, request_id: &str) -> Result<Option<Caller>> {
        let (hash, graph, now) = (digest(token), self.graph(), self.now());
        if let Some(caller) = self.known.get(&hash, graph.position(), now, door, request_id) {
            return Ok(Some(caller));
        }
        let Some(row) = self.store.token(&hash).await? else { return Ok(None) };
        if row.revoked_at.is_some() || row.expires_at.is_some_and(|at| at <= now) {
            return Ok(None);
        }
        self.used(&row, now);
        let limits = limits(&row.scopes);
        let caller = match row.kind {
            TokenKind::Service => Caller::service(&row.principal, limits, door, request_id),
            TokenKind::Personal => {
                let user = row.principal.parse::<Ref>().ok().filter(|user| graph.get(user).is_some());
                let Some(user) = user else { return Ok(None) };
                Caller { limits, ..Caller::person(&graph, user, door, request_id) }
            }
        };
        self.known.put(&hash, graph.position(), now, row.expires_at, &caller);
        Ok(Some(caller))
    }

    /// The tokens of the caller; all service tokens too, for an administrator.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn my_tokens(&self, caller: &Caller) -> Result<Vec<Token>> {
        self.require(caller, Action::OwnTokens, &Subject::default())?;
        let mut rows = match caller.user() {
            Some(user) => self.store.tokens_of(user.as_str()).await?,
            None => Vec::new(),
        };
        if caller.administrator {
            rows.extend(self.store.tokens(TokenKind::Service).await?);
        }
        Ok(rows)
    }

    /// Revokes one of the tokens that [`App::my_tokens`] lists.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not among them.
    pub async fn revoke_token(&self, caller: &Caller, id: loggia_model::Uid) -> Result<()> {
        let mine = self.my_tokens(caller).await?;
        let Some(row) = mine.iter().find(|row| row.id == id) else {
            return Err(Error::NotFound("You have no such token.".into()));
        };
        self.known.forget(&row.hash);
        self.store.revoke_token(id, self.now()).await?;
        Ok(())
    }

    /// Notes the use of a session; written once a minute, not at each request.
    fn seen_session(&self, row: Session, now: Micros) {
        if now.0 - row.last_used_at.0 > 60 * loggia_model::time::SECOND {
            let store = self.store.clone();
            tokio::spawn(async move {
                if let Err(error) = store.touch_sessions(&[(row.hash, now)]).await {
                    tracing::debug!(%error, "cannot note the use of a session");
                }
            });
        }
    }

    /// Notes the use of a token; written once a minute, not at each call.
    fn used(&self, row: &Token, now: Micros) {
        let stale = row.last_used_at.is_none_or(|at| now.0 - at.0 > 60 * loggia_model::time::SECOND);
        if stale {
            let (store, id) = (self.store.clone(), row.id);
            tokio::spawn(async move {
                if let Err(error) = store.touch_tokens(&[(id, now)]).await {
                    tracing::debug!(%error, "cannot note the use of a token");
                }
            });
        }
    }
}

/// What kind of token is wanted.
#[derive(Clone, Debug, Default)]
pub struct TokenWish {
    /// What it is called.
    pub name: String,
    /// Name of the service that it is for; a personal token when absent.
    pub service: Option<String>,
    /// What it is good for; empty means all that its principal may do.
    pub scopes: Vec<String>,
    /// Days until it expires; never when absent.
    pub days: Option<i64>,
}

fn limits(scopes: &[String]) -> Limits {
    if scopes.is_empty() { Limits::None } else { Limits::Only(scopes.iter().cloned().collect()) }
}

fn check_scopes(scopes: &[String]) -> Result<()> {
    let known: BTreeSet<&str> = Action::ALL.iter().map(|a| a.scope()).collect();
    match scopes.iter().find(|scope| !known.contains(scope.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            let all = known.into_iter().collect::<Vec<_>>().join(", ");
            let message = format!("There is no scope \"{unknown}\"");
            Err(Error::invalid("token.scope", "scopes", message, format!("Use some of: {all}.")))
        }
    }
}
