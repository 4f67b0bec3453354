//! Signing in: passwords and sessions. None of them is ever in the graph.

use crate::App;
use crate::access::caller::{Caller, Door};
use crate::access::caller_cache::version;
use crate::access::credential::Prove;
use crate::access::policy::{Action, Subject};
use crate::error::{Error, Result};
use crate::instance::driver::Secret;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, PasswordHash};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use loggia_model::canonical::hex;
use loggia_model::{Micros, Ref, Uid};
pub use loggia_store::Session;
use loggia_store::{Credential, Login};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;
use tokio::sync::Semaphore;

/// The rule that whoever sets their password knows the old one.
pub const OLD: &str = "login.old";
/// How long a session lasts after it was begun, in seconds.
pub const SESSION_SECONDS: i64 = 12 * 3_600;
/// Hashing a password takes 19 MB and a core: two at a time, so that signing in cannot starve the server.
static HASHING: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(2));

/// The digest by which a session or token is found. Tokens have 256 random bits, so a plain digest is enough.
pub fn digest(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// A new token of a session or a program.
pub(crate) fn new_token(app: &App, prefix: &str) -> Secret {
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

/// Whether a password fits a hash.
async fn verify(hash: String, password: Secret) -> Result<bool> {
    hashing(move || {
        let Ok(parsed) = PasswordHash::new(&hash) else { return Ok(false) };
        Ok(Argon2::default().verify_password(password.reveal().as_bytes(), &parsed).is_ok())
    })
    .await
}

fn wrong_old(message: &str) -> Error {
    Error::invalid(OLD, "old", message, "Give the one that you use now, or let an administrator set another one.")
}

/// Another password.
pub struct PasswordWish {
    /// The one until now; not needed from an administrator for somebody else, nor by whoever has none.
    pub old: Option<Secret>,
    /// The one from now on.
    pub new: Secret,
    /// Digest of the session that goes on; all others end.
    pub keep: Option<String>,
}

/// How somebody came in.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// How they proved who they are: `password`, `provider`, `demo`.
    pub by: &'static str,
    /// What the browser says it is.
    pub agent: &'a str,
    /// Finds the log lines of the request.
    pub request_id: &'a str,
}

impl App {
    /// Sets the password of a person, and ends their other sessions.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless an administrator asks or the person themselves, and on a server that is read-only;
    /// [`Error::NotFound`] for unknown people; [`Error::Invalid`] at [`OLD`] when they do not know their old one.
    pub async fn set_login(&self, caller: &Caller, user: &Ref, wish: PasswordWish) -> Result<()> {
        self.writable(caller)?;
        let own = caller.user() == Some(user);
        self.require(caller, if own { Action::OwnTokens } else { Action::Administer }, &Subject::default())?;
        let person = self.graph().get(user).filter(|_| user.kind() == "user").map(|record| record.uid);
        let uid = person.ok_or_else(|| {
            Error::NotFound(format!("There is no person {}. Add a User to the catalog first.", user.name()))
        })?;
        let known = self.store.login(uid).await?.filter(|_| own);
        if let Some(known) = known {
            // Whoever sits down at somebody else's desk shall not keep the account.
            let old = wish.old.ok_or_else(|| wrong_old("Your old password is missing"))?;
            if !verify(known.password_hash, old).await? {
                return Err(wrong_old("This is not your old password"));
            }
        }
        let login = Login { uid, password_hash: hash_password(wish.new).await?, changed_at: self.now() };
        let ended = self.store.sessions_of(uid).await?;
        let but = wish.keep.unwrap_or_default();
        let credentials = vec![Credential::Login(login), Credential::SessionsEnd(uid, but.clone())];
        let data = json!({"user": user});
        self.run(caller, Prove { event: "password.set", person: Some(uid), credentials, data }).await?;
        for session in ended.iter().filter(|session| session.hash != but) {
            self.callers.forget(&session.hash);
        }
        Ok(())
    }

    /// Whether whoever asks is a person with a password.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn has_password(&self, caller: &Caller) -> Result<bool> {
        match caller.user().and_then(|user| self.graph().get(user).map(|record| record.uid)) {
            Some(uid) => Ok(self.store.login(uid).await?.is_some()),
            None => Ok(false),
        }
    }

    /// Signs in with a password; gives the session's token for the cookie.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], the same and after the same time whether name or password is wrong.
    pub async fn sign_in(&self, name: &str, password: Secret, from: Entry<'_>) -> Result<(Ref, Secret)> {
        let wrong = || Error::Unauthenticated("Name or password is wrong.".into());
        let user = Ref::parse(name.trim(), Some("user"), "default").map_err(|_| wrong())?;
        let person = self.graph().get(&user).filter(|_| user.kind() == "user").map(|record| record.uid);
        let known = match person {
            Some(uid) => self.store.login(uid).await?,
            None => None,
        };
        let hash = known.as_ref().map_or_else(|| NOBODY.clone(), |login| login.password_hash.clone());
        if !verify(hash, password).await? || known.is_none() {
            return Err(wrong());
        }
        let session = self.begin_session(&user, from).await?;
        Ok((user, session))
    }

    /// Begins a session for a person who was identified by other means.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when they are not here any more.
    pub async fn begin_session(&self, user: &Ref, from: Entry<'_>) -> Result<Secret> {
        let caller = Caller::person(&self.graph(), user.clone(), Door::Page, from.request_id);
        let uid = self.person_of(&caller)?;
        let token = new_token(self, "lgs_");
        let now = self.now();
        let row = Session {
            // The digest is stored, never the token.
            hash: digest(token.reveal()),
            uid,
            created_at: now,
            expires_at: now.plus_seconds(SESSION_SECONDS),
            last_used_at: now,
            user_agent: from.agent.chars().take(200).collect(),
            claims: serde_json::Value::Null,
        };
        let credentials = vec![Credential::Session(row)];
        let data = json!({"by": from.by});
        self.run(&caller, Prove { event: "session.begun", person: Some(uid), credentials, data }).await?;
        Ok(token)
    }

    /// The person behind a caller.
    pub(crate) fn person_of(&self, caller: &Caller) -> Result<Uid> {
        let graph = self.graph();
        let person = caller.user().and_then(|user| graph.get(user)).map(|record| record.uid);
        person.ok_or_else(|| Error::Unauthenticated("This person is not here any more.".into()))
    }

    /// The caller behind a session cookie, when it is valid.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn session_caller(&self, token: &str, door: Door, request_id: &str) -> Result<Option<Caller>> {
        let (hash, graph, now) = (digest(token), self.graph(), self.now());
        if let Some(caller) = self.callers.get(&hash, version(&graph), now, door, request_id) {
            return Ok(Some(caller));
        }
        let row = self.store.session(&hash).await?;
        let Some(row) = row.filter(|row| row.expires_at > now) else { return Ok(None) };
        // Whoever has the name now may be somebody else.
        let Some(person) = graph.by_uid(row.uid) else { return Ok(None) };
        let caller = Caller::person(&graph, person.reference.clone(), door, request_id);
        self.callers.put(&hash, version(&graph), now, Some(row.expires_at), &caller);
        self.seen_session(row, now);
        Ok(Some(caller))
    }

    /// Ends the session of whoever has its token.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn sign_out(&self, token: &str, request_id: &str) -> Result<()> {
        let Some(caller) = self.session_caller(token, Door::Page, request_id).await? else { return Ok(()) };
        self.end(&caller, &digest(token)).await
    }

    /// The sessions of the caller.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when their token is not good for that.
    pub async fn my_sessions(&self, caller: &Caller) -> Result<Vec<Session>> {
        self.require(caller, Action::OwnTokens, &Subject::default())?;
        if caller.user().is_none() {
            return Ok(Vec::new());
        }
        Ok(self.store.sessions_of(self.person_of(caller)?).await?)
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
        self.end(caller, hash).await
    }

    async fn end(&self, caller: &Caller, hash: &str) -> Result<()> {
        let credentials = vec![Credential::SessionEnd(hash.to_owned())];
        self.run(caller, Prove { event: "session.ended", person: None, credentials, data: json!({}) }).await?;
        self.callers.forget(hash);
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
}
