//! Tokens of people and services.

use crate::App;
use crate::access::caller::{Caller, Door, Limits};
use crate::access::caller_cache::version;
use crate::access::credential::Prove;
use crate::access::login::{digest, new_token};
use crate::access::policy::{Action, Subject};
use crate::error::{Error, Result};
use crate::instance::driver::Secret;
use loggia_model::{Micros, Record, Ref, Uid};
pub use loggia_store::Token;
use loggia_store::{Credential, TokenKind};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a token begins with, so that leaked ones can be found by scanners.
const TOKEN_PREFIX: &str = "lgt_";

/// The name of whoever has the token of the operator.
pub const ADMINISTRATOR: &str = "administrator";

impl App {
    /// Makes a token: a personal one for the caller, or one for a service.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not; [`Error::Invalid`] for unknown scopes.
    pub async fn create_token(&self, caller: &Caller, wish: TokenWish) -> Result<(Token, Secret)> {
        let (kind, uid, principal) = match (&wish.service, caller.user()) {
            (None, Some(user)) => {
                self.require(caller, Action::OwnTokens, &Subject::default())?;
                (TokenKind::Personal, Some(self.person_of(caller)?), user.to_string())
            }
            _ => {
                self.require(caller, Action::Administer, &Subject::default())?;
                (TokenKind::Service, None, wish.service.clone().unwrap_or_else(|| wish.name.clone()))
            }
        };
        if kind == TokenKind::Service && principal.eq_ignore_ascii_case(ADMINISTRATOR) {
            let message =
                format!("{ADMINISTRATOR} is whoever has the token of the operator. Give the service another name.");
            return Err(Error::Conflict(message));
        }
        check_scopes(&wish.scopes)?;
        let team = self.bound_to(caller, &wish, kind)?;
        let token = new_token(self, TOKEN_PREFIX);
        let now = self.now();
        let row = Token {
            id: self.ids.uid(now),
            // The digest is stored, never the token.
            hash: digest(token.reveal()),
            uid,
            principal,
            name: wish.name,
            scopes: wish.scopes,
            kind,
            team: team.as_ref().map(|team| team.uid),
            created_at: now,
            expires_at: wish.days.map(|days| now.plus_seconds(days.saturating_mul(86_400))),
            last_used_at: None,
            revoked_at: None,
        };
        let data = json!({"token": row.id, "name": row.name, "kind": row.kind.to_string(), "of": row.principal,
            "team": team.map(|team| team.reference.clone()), "scopes": row.scopes, "expiresAt": row.expires_at});
        let credentials = vec![Credential::Token(row.clone())];
        self.run(caller, Prove { event: "token.created", person: uid, credentials, data }).await?;
        Ok((row, token))
    }

    /// The team that a wished token is bound to.
    fn bound_to(&self, caller: &Caller, wish: &TokenWish, kind: TokenKind) -> Result<Option<Arc<Record>>> {
        let Some(name) = &wish.team else { return Ok(None) };
        if kind == TokenKind::Personal {
            let mend = "Give the service with --service, or leave the team out.";
            return Err(Error::invalid("token.team", "team", "Your own token acts as you, not as a team", mend));
        }
        let unknown = || {
            let mend = "Give the name of a group, such as booking; loggia get groups shows all.";
            Error::NotFound(format!("There is no team {name:?}. {mend}"))
        };
        let team = Ref::parse(name, Some("group"), "default").map_err(|_| unknown())?;
        let record = (team.kind() == "group").then(|| self.record(caller, &team).ok()).flatten();
        record.map(Some).ok_or_else(unknown)
    }

    /// The caller behind a bearer token, when it is valid.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn token_caller(&self, token: &str, door: Door, request_id: &str) -> Result<Option<Caller>> {
        let (hash, graph, now) = (digest(token), self.graph(), self.now());
        if let Some(caller) = self.callers.get(&hash, version(&graph), now, door, request_id) {
            return Ok(Some(caller));
        }
        let Some(row) = self.store.token(&hash).await? else { return Ok(None) };
        if row.revoked_at.is_some() || row.expires_at.is_some_and(|at| at <= now) {
            return Ok(None);
        }
        self.used(&row, now);
        let limits = limits(&row.scopes);
        let caller = match row.kind {
            TokenKind::Service => match row.team {
                None => Caller::service(&row.principal, limits, door, request_id),
                Some(uid) => {
                    let Some(team) = graph.by_uid(uid) else { return Ok(None) };
                    let team = team.reference.clone();
                    Caller::bound_service(&graph, &row.principal, team, limits, door, request_id)
                }
            },
            TokenKind::Personal => {
                // Whoever has the name now may be somebody else.
                let Some(person) = row.uid.and_then(|uid| graph.by_uid(uid)) else { return Ok(None) };
                Caller { limits, ..Caller::person(&graph, person.reference.clone(), door, request_id) }
            }
        };
        self.callers.put(&hash, version(&graph), now, row.expires_at, &caller);
        Ok(Some(caller))
    }

    /// The tokens of the caller; all service tokens too, for an administrator.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn my_tokens(&self, caller: &Caller) -> Result<Vec<Token>> {
        self.require(caller, Action::OwnTokens, &Subject::default())?;
        let mut rows = match caller.user() {
            Some(_) => self.store.tokens_of(self.person_of(caller)?).await?,
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
    pub async fn revoke_token(&self, caller: &Caller, id: Uid) -> Result<()> {
        let mine = self.my_tokens(caller).await?;
        let Some(row) = mine.iter().find(|row| row.id == id) else {
            return Err(Error::NotFound("You have no such token.".into()));
        };
        let data = json!({"token": id, "name": row.name, "kind": row.kind.to_string(), "of": row.principal});
        let credentials = vec![Credential::Revocation(id, self.now())];
        self.run(caller, Prove { event: "token.revoked", person: None, credentials, data }).await?;
        self.callers.forget(&row.hash);
        Ok(())
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
    /// The team that the service acts for; any when absent.
    pub team: Option<String>,
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
