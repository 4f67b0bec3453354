//! After a restore: what this server knows may be older, or newer, than the machines around it, and folders beside the
//! database may not be back yet. That something is not there is believed of a backend only after something was seen
//! there, or when the operator says that all is back.

use crate::App;
use crate::error::Result;
use crate::instance::driver::Presence;
use loggia_model::Micros;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Where the time of the restore is kept, until the operator says that all is back.
const RESTORED: &str = "restored";

/// When a database was restored; none for one that was not, or where all is back since.
///
/// # Errors
/// [`loggia_store::StoreError::Unavailable`] when it does not answer.
pub async fn since(store: &loggia_store::Store) -> Result<Option<String>> {
    Ok(store.meta(RESTORED).await?.filter(|at| !at.is_empty()))
}

/// Notes that a database was restored now.
///
/// # Errors
/// As [`since`].
pub async fn begin(store: &loggia_store::Store, now: Micros) -> Result<()> {
    Ok(store.put_meta(RESTORED, &now.to_string()).await?)
}

/// Notes that everything around it is back; false when nothing was held.
///
/// # Errors
/// As [`since`].
pub async fn end(store: &loggia_store::Store) -> Result<bool> {
    let held = since(store).await?.is_some();
    if held {
        store.put_meta(RESTORED, "").await?;
    }
    Ok(held)
}

/// What is believed of looks. `L` is a backend.
pub(crate) struct Belief<L> {
    /// Whether the database was restored, and nobody said since that all is back.
    held: AtomicBool,
    /// Backends where something was seen since the start.
    agreed: Mutex<HashSet<L>>,
}

impl<L> Default for Belief<L> {
    fn default() -> Belief<L> {
        Belief { held: AtomicBool::new(false), agreed: Mutex::new(HashSet::new()) }
    }
}

impl<L: Clone + Eq + std::hash::Hash> Belief<L> {
    /// Reads again whether the operator has said that all is back. A database that does not answer changes nothing.
    pub(crate) async fn refresh(&self, app: &App) {
        if let Ok(at) = since(&app.store).await {
            self.held.store(at.is_some(), Ordering::Release);
        }
    }

    /// Whether what was seen at a backend is taken in.
    pub(crate) fn takes(&self, backend: &L, seen: Presence) -> bool {
        let mut agreed = self.agreed.lock().unwrap_or_else(PoisonError::into_inner);
        match seen {
            Presence::Present => {
                if !agreed.contains(backend) {
                    agreed.insert(backend.clone());
                }
                true
            }
            Presence::Absent => !self.held.load(Ordering::Acquire) || agreed.contains(backend),
            Presence::Unknown => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_is_believed_where_something_was_seen() {
        let belief: Belief<&str> = Belief::default();
        assert!(belief.takes(&"a", Presence::Absent), "nothing was restored");
        belief.held.store(true, Ordering::Release);
        assert!(!belief.takes(&"a", Presence::Absent) && belief.takes(&"a", Presence::Unknown));
        assert!(belief.takes(&"a", Presence::Present) && belief.takes(&"a", Presence::Absent));
        assert!(!belief.takes(&"b", Presence::Absent), "another backend says nothing of it");
    }
}
