//! One call at a time for each key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

/// Gates by key: whoever holds a gate works alone on that key within this process.
#[derive(Clone, Default)]
pub(crate) struct Gates(Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>);

impl Gates {
    /// Waits until the key is free, and takes it.
    pub(crate) async fn enter(&self, key: &str) -> OwnedMutexGuard<()> {
        self.gate(key).lock_owned().await
    }

    /// Takes the key when it is free.
    pub(crate) fn try_enter(&self, key: &str) -> Option<OwnedMutexGuard<()>> {
        self.gate(key).try_lock_owned().ok()
    }

    fn gate(&self, key: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Gates that nobody holds or waits for are forgotten, so that the map does not grow for ever.
        if gates.len() > 256 {
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        Arc::clone(gates.entry(key.to_owned()).or_default())
    }
}
