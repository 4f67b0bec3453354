//! Secrets of the platform: what `secretRef` of an environment names. They are written, never read through a door.

use crate::App;
use crate::caller::Caller;
use crate::changes::Changes;
use crate::command::{Command, Ctx, Facts};
use crate::driver::Secret;
use crate::error::{Error, Result};
use crate::policy::{Action, Subject};
use crate::request::PLATFORM;
use crate::secret::SecretBox;
use crate::writer::Outcome;
use loggia_graph::Graph;
use serde_json::json;

/// Sets a secret of the platform.
struct SetSecret {
    name: String,
    secret: Secret,
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
        changes.secrets.push(self.sealer.seal(ctx.now, PLATFORM, &self.name, &self.secret)?);
        changes.note("secret.set", None, json!({"name": self.name}));
        Ok(changes)
    }
}

impl App {
    /// Sets a secret of the platform, in place of an older one.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless an administrator asks, [`Error::Invalid`] for a wrong name.
    pub async fn set_platform_secret(&self, caller: &Caller, name: &str, secret: Secret) -> Result<Outcome> {
        self.run(caller, SetSecret { name: name.to_owned(), secret, sealer: self.secrets.clone() }).await
    }

    /// The names of the platform's secrets.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless an administrator asks.
    pub async fn platform_secrets(&self, caller: &Caller) -> Result<Vec<String>> {
        self.require(caller, Action::Administer, &Subject::default())?;
        Ok(self.store.secrets_of(PLATFORM).await?.into_iter().map(|row| row.field).collect())
    }
}
