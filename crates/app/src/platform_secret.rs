//! Secrets of the platform: what `secretRef` of an environment names. They are written, never read through a door, and
//! lent to backends where an administrator allowed it.

use crate::App;
use crate::caller::Caller;
use crate::changes::Changes;
use crate::command::{Command, Ctx, Facts};
use crate::driver::{Failure, Secret};
use crate::error::{Error, Result};
use crate::policy::{Action, Subject};
use crate::secret::SecretBox;
use crate::secret_use::{Borrower, SecretUse};
use crate::writer::Outcome;
use loggia_graph::Graph;
use loggia_model::Uid;
use serde_json::json;
use uuid::Uuid;

/// The owner of secrets that belong to the platform and not to one thing: what `secretRef` names.
const PLATFORM: Uid = Uid(Uuid::nil());
/// The owner of what says where each of them may be used. It is sealed too, so that whoever reaches the database alone
/// allows nothing.
const ALLOWED: Uid = Uid(Uuid::from_u128(1));

/// Sets a secret of the platform, or where it may be used, or both.
struct SetSecret {
    name: String,
    /// None keeps what it is.
    secret: Option<Secret>,
    allowed: SecretUse,
    sealer: SecretBox,
}

impl Command for SetSecret {
    fn name(&self) -> &'static str {
        "secret.set"
    }

    fn decide(&self, _: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        ctx.require(Action::Administer, &Subject::default())?;
        let edge = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric());
        let fits = (1..=63).contains(&self.name.len())
            && edge(self.name.bytes().next())
            && edge(self.name.bytes().last())
            && self.name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !fits {
            let mend =
                "Use letters, digits, dots, hyphens and underscores, at most 63, with a letter or digit at both ends.";
            return Err(Error::invalid("secret.name", "name", format!("{:?} is not a name", self.name), mend));
        }
        let mut changes = Changes::answer(json!({"name": self.name}));
        if let Some(secret) = &self.secret {
            changes.secrets.push(self.sealer.seal(ctx.now, PLATFORM, &self.name, secret)?);
        }
        let allowed = Secret::new(serde_json::to_string(&self.allowed)?);
        changes.secrets.push(self.sealer.seal(ctx.now, ALLOWED, &self.name, &allowed)?);
        let event = if self.secret.is_some() { "secret.set" } else { "secret.allowed" };
        changes.note(event, None, json!({"name": self.name, "allowed": self.allowed}));
        Ok(changes)
    }
}

/// What may be told of a secret: its name, and where it may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformSecret {
    /// What `secretRef` names.
    pub name: String,
    /// Where it may be used.
    pub allowed: SecretUse,
}

impl App {
    /// Sets a secret of the platform in place of an older one, and where it may be used. What is none stays as it is:
    /// for a secret that is new, it may be used nowhere.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless an administrator asks, [`Error::Invalid`] for a wrong name, [`Error::NotFound`] for
    /// a secret that was never set and is not set now.
    pub async fn set_platform_secret(
        &self,
        caller: &Caller,
        name: &str,
        secret: Option<Secret>,
        allowed: Option<SecretUse>,
    ) -> Result<Outcome> {
        self.require(caller, Action::Administer, &Subject::default())?;
        if secret.is_none() && self.store.secret(PLATFORM, name).await?.is_none() {
            return Err(Error::NotFound(format!("There is no secret {name}. Set it first: loggia secret set {name}")));
        }
        let allowed = match allowed {
            Some(allowed) => allowed,
            None => self.allowed(name).await?,
        };
        self.run(caller, SetSecret { name: name.to_owned(), secret, allowed, sealer: self.secrets.clone() }).await
    }

    /// The platform's secrets: their names and where they may be used.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless an administrator asks.
    pub async fn platform_secrets(&self, caller: &Caller) -> Result<Vec<PlatformSecret>> {
        self.require(caller, Action::Administer, &Subject::default())?;
        let mut all = Vec::new();
        for row in self.store.secrets_of(PLATFORM).await? {
            all.push(PlatformSecret { allowed: self.allowed(&row.field).await?, name: row.field });
        }
        Ok(all)
    }

    async fn allowed(&self, name: &str) -> Result<SecretUse> {
        let Some(row) = self.store.secret(ALLOWED, name).await? else { return Ok(SecretUse::default()) };
        // It is sealed as a secret and is none.
        Ok(serde_json::from_str(self.secrets.open(&row)?.reveal())?)
    }
}

/// The secret that a backend of an environment names, when it was set; the inner failure says why it may not be used
/// there.
pub(crate) async fn lend(app: &App, name: &str, wish: &Borrower<'_>) -> Result<Result<Option<Secret>, Failure>> {
    let Some(row) = app.store.secret(PLATFORM, name).await? else { return Ok(Ok(None)) };
    if let Some(refusal) = app.allowed(name).await?.refusal(name, wish) {
        return Ok(Err(refusal));
    }
    Ok(Ok(Some(app.secrets.open(&row)?)))
}
