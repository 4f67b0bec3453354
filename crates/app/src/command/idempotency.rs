//! Answers that are given again when a request comes again under the same key (decision 21).

use crate::App;
use crate::access::caller::Caller;
use crate::error::{Error, Result};
use loggia_model::time::DAY;
use loggia_model::{Micros, canonical::hex};
use loggia_store::{Answer, HeldAnswer, Hold, StoreError};
use serde_json::Value;
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
    hold: Hold,
    digest: String,
    /// The status of the answer when all goes well.
    status: u16,
    /// Until when the answer is kept.
    day: Micros,
}

/// What a key leads to.
#[derive(Clone, Debug)]
pub enum Keyed {
    /// Nobody has asked under it: the caller does now, and says what came of it.
    New(HeldKey),
    /// It was answered before.
    Answered(Earlier),
}

/// How long a key is held by a server that does not say that it still works on the request, in seconds.
const HELD: i64 = 15;
/// How often a server says so.
const RENEWAL: Duration = Duration::from_secs(4);
/// How long the whole answer is waited for when what was asked for is done: its server may be gone.
const REST: Duration = Duration::from_secs(2);
/// How long a request waits for the same one before it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(50);

impl App {
    /// Takes a key of this caller for a request before it is carried out, on all servers together. What was answered
    /// under it within a day is given again; while the same request is being answered, this waits for it. `status` is
    /// that of the answer when all goes well.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the key was used for another request, or the answer takes too long.
    pub async fn take_key(&self, caller: &Caller, key: &str, digest: &str, status: u16) -> Result<Keyed> {
        let began = Instant::now();
        loop {
            // Servers whose clocks are apart agree on who holds a key.
            let now = self.time_of_database().await?;
            let holder = self.ids.uid(now).to_string();
            let hold = Hold { principal: caller.name(), key: key.to_owned(), holder };
            let held = HeldKey { hold, digest: digest.to_owned(), status, day: Micros(now.0 + DAY) };
            match self.store.put_answer(&held.row(now.plus_seconds(HELD))).await {
                Ok(()) => return Ok(Keyed::New(held)),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
            match self.store.answer(&held.hold.principal, key).await? {
                None => continue,
                Some(row) if row.expires_at <= now => {
                    self.store.delete_expired_answers(now).await?;
                    continue;
                }
                Some(row) if row.request_hash != digest => return Err(used_otherwise()),
                // What the command said is enough when nobody is left to say the rest.
                Some(row) if row.status > 0 || (row.status < 0 && began.elapsed() > REST) => {
                    let status = u16::try_from(row.status.unsigned_abs()).unwrap_or(200);
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
        if !self.store.settle_answer(&held.answer(i64::from(answer.status), answer.body)).await? {
            tracing::warn!(key = held.hold.key, "an answer came too late to be kept");
        }
        Ok(())
    }

    /// Gives a key back without an answer: whoever asks again under it is served anew.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn give_key_back(&self, held: &HeldKey) -> Result<()> {
        Ok(self.store.give_key_back(&held.hold).await.map(drop)?)
    }

    /// Holds a key for as long as this is asked for: a server that is gone holds none for long.
    pub async fn hold_key(&self, held: &HeldKey) {
        loop {
            tokio::time::sleep(RENEWAL).await;
            let renewed = async {
                let until = self.time_of_database().await?.plus_seconds(HELD);
                self.store.renew_key(&held.hold, until).await
            };
            if let Err(error) = renewed.await {
                tracing::warn!(key = held.hold.key, %error, "a key could not be held on to");
            }
        }
    }
}

impl HeldKey {
    /// The row of a key whose answer is being found.
    fn row(&self, until: Micros) -> Answer {
        let Hold { principal, key, holder } = self.hold.clone();
        Answer { principal, key, request_hash: self.digest.clone(), status: 0, body: holder, expires_at: until }
    }

    fn answer(&self, status: i64, body: String) -> HeldAnswer {
        HeldAnswer { hold: self.hold.clone(), status, body, expires_at: self.day }
    }

    /// What is kept with the changes of a command, before its caller has answered: asking again never does it twice.
    pub(crate) fn committed(&self, answer: &Value) -> HeldAnswer {
        self.answer(-i64::from(self.status), answer.to_string())
    }
}

fn used_otherwise() -> Error {
    Error::Conflict(
        "This key was used for another request. Make a new key for each request; use one again only to repeat the very \
         same request."
            .into(),
    )
}
