//! The state of what Terraform or OpenTofu holds for an instance: sealed, one text for each, with a lock, behind a
//! credential of its own.
//!
//! It lies with the secrets of the instance: it is full of them, it goes with it, and it is in every backup.

use crate::App;
use crate::error::{Error, Result};
use crate::instance::driver::{Secret, StateAccess};
use loggia_model::Uid;
use loggia_store::SecretRow;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The field of the state.
const STATE: &str = "state";
/// The field of the lock.
const LOCK: &str = "state.lock";

/// What became of a wish that a lock may stand in the way of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It was done.
    Done,
    /// Another run holds the state; this is what it said of itself.
    Held(Value),
}

impl App {
    /// How a driver reaches the state of an instance.
    pub fn state_access(&self, instance: Uid) -> StateAccess {
        let url = format!("{}/api/v1/state/{instance}", self.settings.public_url);
        StateAccess { url, password: Secret::new(self.state_password(instance)) }
    }

    /// The same for the same instance, as long as the key of the server is the same; nobody else can work it out.
    fn state_password(&self, instance: Uid) -> String {
        self.secrets.address_key(&format!("state {instance}"))
    }

    /// Passes when a password is that of the state of an instance that is there.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], the same whether the instance or the password is wrong.
    pub fn may_use_state(&self, instance: Uid, password: &str) -> Result<()> {
        // Digests are compared, so that time tells nothing of the password.
        let same = Sha256::digest(password) == Sha256::digest(self.state_password(instance));
        match same && self.graph().by_uid(instance).is_some() {
            true => Ok(()),
            false => Err(Error::Unauthenticated("This is not the credential of this state.".into())),
        }
    }

    /// The state; none when none was kept yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn state(&self, instance: Uid) -> Result<Option<Secret>> {
        self.store.secret(instance, STATE).await?.map(|row| self.secrets.open(&row)).transpose()
    }

    /// Keeps a state, for the run that holds the lock. Without a lock anybody with the credential may.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn keep_state(&self, instance: Uid, lock: Option<&str>, state: &Secret) -> Result<Kept> {
        if let Some(held) = self.held(instance, lock).await? {
            return Ok(Kept::Held(held));
        }
        let row = self.secrets.seal(self.now(), instance, STATE, state)?;
        self.store.put_secrets(&[row]).await?;
        Ok(Kept::Done)
    }

    /// Forgets a state, for the run that holds the lock.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn forget_state(&self, instance: Uid, lock: Option<&str>) -> Result<Kept> {
        if let Some(held) = self.held(instance, lock).await? {
            return Ok(Kept::Held(held));
        }
        self.store.delete_secret(instance, STATE).await?;
        Ok(Kept::Done)
    }

    /// Locks a state; of several that ask at once, one gets it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn lock_state(&self, instance: Uid, info: &Value) -> Result<Kept> {
        let row = self.secrets.seal(self.now(), instance, LOCK, &Secret::new(info.to_string()))?;
        if self.store.put_secret_if_absent(&row).await? {
            return Ok(Kept::Done);
        }
        // It may have been let go meanwhile; whoever asked asks again.
        Ok(Kept::Held(self.lock(instance).await?.map_or_else(|| json!({}), |(_, info)| info)))
    }

    /// Unlocks a state: with the identity of its lock, or without one by force.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn unlock_state(&self, instance: Uid, id: Option<&str>) -> Result<Kept> {
        let Some((row, info)) = self.lock(instance).await? else { return Ok(Kept::Done) };
        if id.is_some_and(|id| info["ID"] != id) {
            return Ok(Kept::Held(info));
        }
        // This very lock: not one that somebody else has taken since.
        self.store.delete_secret_row(row.id).await?;
        Ok(Kept::Done)
    }

    /// What stands in the way of somebody who says which lock is theirs.
    async fn held(&self, instance: Uid, lock: Option<&str>) -> Result<Option<Value>> {
        let held = self.lock(instance).await?.map(|(_, info)| info);
        Ok(match (held, lock) {
            (Some(info), Some(id)) if info["ID"] == id => None,
            (Some(info), _) => Some(info),
            // A lock that is no more was taken away by force: its run may not write any more.
            (None, Some(id)) => Some(json!({"ID": "", "Info": format!("The lock {id} was taken away.")})),
            (None, None) => None,
        })
    }

    async fn lock(&self, instance: Uid) -> Result<Option<(SecretRow, Value)>> {
        let Some(row) = self.store.secret(instance, LOCK).await? else { return Ok(None) };
        // It is sealed with the rest and is no secret.
        let info = serde_json::from_str(self.secrets.open(&row)?.reveal())?;
        Ok(Some((row, info)))
    }
}
