//! When each source was looked at, in memory: most looks find nothing new, and are not worth a write every two seconds.

use loggia_model::Micros;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The newest look of this server that went well, by origin.
#[derive(Debug, Default)]
pub struct LookedAt(Mutex<HashMap<String, Micros>>);

impl LookedAt {
    /// Notes a look that went well.
    pub fn note(&self, origin: &str, now: Micros) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(origin.to_owned(), now);
    }

    /// When an origin was looked at last; none when this server has not done so since it started.
    pub fn of(&self, origin: &str) -> Option<Micros> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(origin).copied()
    }
}
