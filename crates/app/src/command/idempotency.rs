//! Answers that are given again when a request comes again under the same key (decision 21).

use crate::App;
use crate::access::caller::Caller;
use crate::error::{Error, Result};
use loggia_model::time::DAY;
use loggia_model::{Micros, canonical::hex};
use loggia_store::{Answer, StoreError};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};

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

/// A key that a request holds while its answer is being found: no other request under it begins, on any server.
#[derive(Clone, Debug)]
pub struct HeldKey {
    principal: String,
    key: String,
    digest: String,
    until: Micros,
}

/// What a key leads to.
#[derive(Clone, Debug)]
pub enum Keyed {
    /// Nobody has asked under it: the caller does now, and says what came of it.
    New(HeldKey),
    /// It was answered before.
    Answered(Earlier),
}

/// How long a key is held by a request that never says what came of it, in seconds; longer than any request takes.
const HELD: i64 = 120;
/// How long a request waits for the same one before it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(50);

impl App {
    /// Takes a key of this caller for a request before it is carried out, on all servers together. What was answered
    /// under it within a day is given again; while the same request is being answered, this waits for it.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the key was used for another request, or the answer takes too long.
    pub async fn take_key(&self, caller: &Caller, key: &str, digest: &str) -> Result<Keyed> {
        let began = Instant::now();
        loop {
            let (principal, until) = (caller.name(), self.now().plus_seconds(HELD));
            let held = HeldKey { principal, key: key.to_owned(), digest: digest.to_owned(), until };
            match self.store.put_answer(&held.row(0, String::new(), until)).await {
                Ok(()) => return Ok(Keyed::New(held)),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
            match self.store.answer(&held.principal, key).await? {
                None => continue,
                Some(row) if row.expires_at <= self.now() => {
                    self.store.delete_expired_answers(self.now()).await?;
                    continue;
                }
                Some(row) if row.request_hash != digest => return Err(used_otherwise()),
                Some(row) if row.status != 0 => {
                    let status = u16::try_from(row.status).unwrap_or(200);
                    return Ok(Keyed::Answered(Earlier { status, body: row.body }));
                }
                Some(_) => {}
            }
            if began.elapsed() > PATIENCE {
                let message = "The same request is being answered now. Try again shortly.";
                return Err(Error::Conflict(message.into()));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Keeps an answer for a day, for whoever asks again under the key.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn keep_answer(&self, held: &HeldKey, answer: Earlier) -> Result<()> {
        let row = held.row(i64::from(answer.status), answer.body, Micros(self.now().0 + DAY));
        if !self.store.settle_answer(&row, held.until).await? {
            tracing::warn!(key = held.key, "an answer came too late to be kept");
        }
        Ok(())
    }

    /// Gives a key back without an answer: whoever asks again under it is served anew.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn give_key_back(&self, held: &HeldKey) -> Result<()> {
        Ok(self.store.give_key_back(&held.principal, &held.key, held.until).await.map(drop)?)
    }
}

impl HeldKey {
    fn row(&self, status: i64, body: String, expires_at: Micros) -> Answer {
        let (principal, key, request_hash) = (self.principal.clone(), self.key.clone(), self.digest.clone());
        Answer { principal, key, request_hash, status, body, expires_at }
    }
}

fn used_otherwise() -> Error {
    Error::Conflict(
        "This key was used for another request. Make a new key for each request; use one again only to repeat the very \
         same request."
            .into(),
    )
}
