//! Callers that were recognised a moment ago, so that not every request asks the database who it is.
//!
//! An entry holds for two seconds: so long may a session or token that was ended on another server still be taken.
//! What is ended on this server is forgotten at once.

use crate::access::caller::{Caller, Door};
use loggia_graph::Graph;
use loggia_model::Micros;
use loggia_model::time::SECOND;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long an entry holds, in microseconds.
const LIFE: i64 = 2 * SECOND;
/// How many entries there are at most.
const MOST: usize = 10_000;

/// The kinds of records that say who somebody is and what they may see.
const KINDS: [&str; 4] = ["user", "group", "product", "offering"];

/// What the callers of a graph are made from: the same until such a record changes.
pub(crate) fn version(graph: &Graph) -> u64 {
    graph.turns(&KINDS)
}

/// A caller as it was made from the graph at a version.
#[derive(Clone)]
struct Entry {
    until: Micros,
    version: u64,
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

    /// The caller behind a digest, when they were recognised a moment ago and nothing has changed since of what
    /// they may see.
    pub(crate) fn get(&self, digest: &str, version: u64, now: Micros, door: Door, request_id: &str) -> Option<Caller> {
        let entry = self.lock().get(digest).filter(|entry| entry.until > now && entry.version == version).cloned()?;
        Some(Caller { door, request_id: request_id.into(), ..(*entry.caller).clone() })
    }

    /// Remembers a caller until shortly, and no longer than its session or token holds.
    pub(crate) fn put(&self, digest: &str, version: u64, now: Micros, expires: Option<Micros>, caller: &Caller) {
        let until = Micros(now.0 + LIFE).min(expires.unwrap_or(Micros(i64::MAX)));
        let mut entries = self.lock();
        if entries.len() >= MOST {
            entries.retain(|_, entry| entry.until > now);
        }
        if entries.len() < MOST {
            entries.insert(digest.to_owned(), Entry { until, version, caller: Arc::new(caller.clone()) });
        }
    }

    /// Forgets one entry.
    pub(crate) fn forget(&self, digest: &str) {
        self.lock().remove(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loggia_graph::Change;
    use loggia_model::kinds::ALL;
    use loggia_model::{Record, Ref, Source, Uid};
    use uuid::Uuid;

    fn record(kind: &str) -> Arc<Record> {
        Arc::new(Record {
            uid: Uid(Uuid::from_u128(7)),
            reference: Ref::new(kind, "default", "one"),
            document: "{}".into(),
            status: None,
            etag: "".into(),
            source: Source::server(),
            revision: 1,
            position: 1,
            created_at: Micros(0),
            updated_at: Micros(0),
        })
    }

    /// Every kind, written, changed and removed: what has to do with who somebody is makes another version, and nothing
    /// else does.
    #[test]
    fn only_what_says_who_somebody_is_makes_callers_anew() {
        for kind in ALL {
            let kind = kind.name.to_lowercase();
            let mut graph = Graph::empty();
            let record = record(&kind);
            for change in [Change::Put(record.clone()), Change::Put(record.clone()), Change::Remove(record.uid)] {
                let before = (version(&graph), graph.clone());
                graph.apply(&[change]);
                assert_eq!(version(&graph) != before.0, KINDS.contains(&&*kind), "{kind}");
                assert_eq!(version(&before.1), before.0, "a snapshot stays what it was");
            }
        }
    }

    #[test]
    fn a_caller_is_known_until_then_and_no_longer() {
        let (cache, now) = (CallerCache::default(), Micros(1_000_000));
        let known = |version, now| cache.get("d", version, now, Door::Page, "r").is_some();
        cache.put("d", 3, now, None, &Caller::nobody(Door::Api, "r"));
        assert!(known(3, now) && !known(4, now) && !known(3, Micros(now.0 + LIFE)));
        cache.forget("d");
        assert!(!known(3, now));
    }
}
