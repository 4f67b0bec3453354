//! Secrets of the platform: what `secretRef` of an environment names. They are written, never read through a door, and
//! lent to backends where an administrator allowed it.

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::access::secret::SecretBox;
use crate::access::secret_use::{Borrower, SecretUse};
use crate::command::changes::Changes;
use crate::command::writer::Outcome;
use crate::command::{Command, Ctx, Facts, Need};
use crate::error::{Error, Result};
use crate::instance::driver::{Failure, Secret};
use loggia_graph::Graph;
use loggia_model::Uid;
use loggia_store::SecretRow;
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
    grant: Grant,
    sealer: SecretBox,
}

impl Command for SetSecret {
    fn name(&self) -> &'static str {
        "secret.set"
    }

    fn needs(&self, _: &Graph, _: &Caller) -> Vec<Need> {
        [PLATFORM, ALLOWED].map(|uid| Need::Secret { uid, field: self.name.clone() }).to_vec()
    }

    fn decide(&self, _: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        ctx.require(Action::Administer, &Subject::default())?;
        let name = &self.name;
        fits(name)?;
        let known = |uid: Uid| facts.secrets.get(&(uid, name.clone()));
        if self.secret.is_none() && known(PLATFORM).is_none() {
            return Err(Error::NotFound(format!("There is no secret {name}. Set it first: loggia secret set {name}")));
        }
        // What was allowed is read here, under the writer's lock, so that nothing that was revoked comes back.
        let before = match &self.grant.only {
            Some(allowed) => allowed.clone(),
            None => known(ALLOWED).map(|row| opened(&self.sealer, row)).transpose()?.unwrap_or_default(),
        };
        let allowed = self.grant.more.iter().fold(before, SecretUse::with);
        let mut changes = Changes::answer(json!({"name": name, "allowed": allowed}));
        if let Some(secret) = &self.secret {
            changes.secrets.push(self.sealer.seal(ctx.now, PLATFORM, name, secret)?);
        }
        let sealed = Secret::new(serde_json::to_string(&allowed)?);
        changes.secrets.push(self.sealer.seal(ctx.now, ALLOWED, name, &sealed)?);
        let event = if self.secret.is_some() { "secret.set" } else { "secret.allowed" };
        changes.note(event, None, json!({"name": name, "allowed": allowed}));
        Ok(changes)
    }
}

fn fits(name: &str) -> Result<()> {
    let edge = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric());
    let fits = (1..=63).contains(&name.len())
        && edge(name.bytes().next())
        && edge(name.bytes().last())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if fits {
        return Ok(());
    }
    let mend = "Use letters, digits, dots, hyphens and underscores, at most 63, with a letter or digit at both ends.";
    Err(Error::invalid("secret.name", "name", format!("{name:?} is not a name"), mend))
}

/// What is allowed; it is sealed as a secret and is none.
fn opened(sealer: &SecretBox, row: &SecretRow) -> Result<SecretUse> {
    Ok(serde_json::from_str(sealer.open(row)?.reveal())?)
}

/// Where a secret may be used from now on; with nothing given it stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Grant {
    /// In place of what was allowed before.
    pub only: Option<SecretUse>,
    /// On top of that.
    pub more: Option<SecretUse>,
}

impl From<Option<SecretUse>> for Grant {
    fn from(only: Option<SecretUse>) -> Grant {
        Grant { only, more: None }
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
        grant: impl Into<Grant>,
    ) -> Result<Outcome> {
        self.require(caller, Action::Administer, &Subject::default())?;
        self.run(caller, SetSecret { name: name.to_owned(), secret, grant: grant.into(), sealer: self.secrets.clone() })
            .await
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
        let row = self.store.secret(ALLOWED, name).await?;
        Ok(row.map(|row| opened(&self.secrets, &row)).transpose()?.unwrap_or_default())
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
