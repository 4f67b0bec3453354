//! Answers that are given again when a request comes again under the same key (decision 21).

use crate::App;
use crate::caller::Caller;
use crate::error::{Error, Result};
use loggia_model::time::DAY;
use loggia_model::{Micros, canonical::hex};
use loggia_store::{Answer, StoreError};
use sha2::{Digest, Sha256};

/// The digest of a request, to tell when a key is used for something else.
pub fn request_digest(method: &str, target: &str, body: &[u8]) -> String {
    let mut digest = Sha256::new();
    for part in [method.as_bytes(), target.as_bytes(), body] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    hex(&digest.finalize())
}

/// An answer that was given before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: String,
}

impl App {
    /// The answer to an earlier request of this caller under the same key, for a day.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the key was used for another request.
    pub async fn earlier_answer(&self, caller: &Caller, key: &str, digest: &str) -> Result<Option<Earlier>> {
        let Some(row) = self.store.answer(&caller.name(), key).await? else { return Ok(None) };
        if row.expires_at <= self.now() {
            self.store.delete_expired_answers(self.now()).await?;
            return Ok(None);
        }
        if row.request_hash != digest {
            return Err(Error::Conflict(
                "This key was used for another request. Make a new key for each request; use one again only to repeat \
                 the very same request."
                    .into(),
            ));
        }
        Ok(Some(Earlier { status: u16::try_from(row.status).unwrap_or(200), body: row.body }))
    }

    /// Keeps an answer for a day.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn keep_answer(&self, caller: &Caller, key: &str, digest: &str, answer: Earlier) -> Result<()> {
        let row = Answer {
            principal: caller.name(),
            key: key.to_owned(),
            request_hash: digest.to_owned(),
            status: i64::from(answer.status),
            body: answer.body,
            expires_at: Micros(self.now().0 + DAY),
        };
        match self.store.put_answer(&row).await {
            // Another server was faster with the same request; both outcomes are the same.
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
