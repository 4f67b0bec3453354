//! Callers that were recognised a moment ago, so that not every request asks the database who it is.
//!
//! An entry holds for two seconds: so long may a session or token that was ended on another server still be taken.
//! What is ended on this server is forgotten at once.

use crate::access::caller::{Caller, Door};
use loggia_model::Micros;
use loggia_model::time::SECOND;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long an entry holds, in microseconds.
const LIFE: i64 = 2 * SECOND;
/// How many entries there are at most.
const MOST: usize = 10_000;

/// A caller as it was made from the graph at a position.
#[derive(Clone)]
struct Entry {
    until: Micros,
    position: i64,
    caller: Arc<Caller>,
}

/// Recognised callers by the digest of their token.
#[derive(Default)]
pub(crate) struct CallerCache {
    entries: Mutex<HashMap<String, Entry>>,
}

impl CallerCache {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        // A thread that panicked while it held the lock leaves a map that is whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The caller behind a digest, when it was recognised a moment ago and the graph has not changed since.
    pub(crate) fn get(&self, digest: &str, position: i64, now: Micros, door: Door, request_id: &str) -> Option<Caller> {
        let entry = self.lock().get(digest).filter(|entry| entry.until > now && entry.position == position).cloned()?;
        Some(Caller { door, request_id: request_id.into(), ..(*entry.caller).clone() })
    }

    /// Remembers a caller until shortly, and no longer than its session or token holds.
    pub(crate) fn put(&self, digest: &str, position: i64, now: Micros, expires: Option<Micros>, caller: &Caller) {
        let until = Micros(now.0 + LIFE).min(expires.unwrap_or(Micros(i64::MAX)));
        let mut entries = self.lock();
        if entries.len() >= MOST {
            entries.retain(|_, entry| entry.until > now);
        }
        if entries.len() < MOST {
            entries.insert(digest.to_owned(), Entry { until, position, caller: Arc::new(caller.clone()) });
        }
    }

    /// Forgets one entry.
    pub(crate) fn forget(&self, digest: &str) {
        self.lock().remove(digest);
    }
}
