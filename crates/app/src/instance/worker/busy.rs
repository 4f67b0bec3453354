//! Which places have work in hand: one that hangs takes up its share of the workers, and the others go on elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many operations of this server run at each place.
pub(super) struct Busy {
    running: Arc<Mutex<HashMap<String, usize>>>,
    /// How many may run at one place.
    most: usize,
    /// One worker claims at a time, so that two do not count the same free place.
    turn: tokio::sync::Mutex<()>,
}

/// The right to claim.
pub(super) struct Turn<'a> {
    busy: &'a Busy,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

/// A place that is taken up by one more operation, until this is dropped.
pub(super) struct Held {
    running: Arc<Mutex<HashMap<String, usize>>>,
    place: String,
}

fn lock(running: &Mutex<HashMap<String, usize>>) -> MutexGuard<'_, HashMap<String, usize>> {
    // A thread that panicked while it held the lock leaves a map that is whole.
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Busy {
    /// Half of so many workers may be at one place; the only one may be anywhere.
    pub(super) fn among(workers: usize) -> Busy {
        Busy { running: Arc::default(), most: workers.div_ceil(2), turn: tokio::sync::Mutex::default() }
    }

    pub(super) async fn turn(&self) -> Turn<'_> {
        Turn { busy: self, _turn: self.turn.lock().await }
    }
}

impl Turn<'_> {
    /// The places where nothing more is begun now.
    pub(super) fn full(&self) -> Vec<String> {
        let running = lock(&self.busy.running);
        running.iter().filter(|(_, count)| **count >= self.busy.most).map(|(place, _)| place.clone()).collect()
    }

    pub(super) fn take(self, place: &str) -> Held {
        // Work that says no place holds up nobody else.
        if !place.is_empty() {
            *lock(&self.busy.running).entry(place.to_owned()).or_default() += 1;
        }
        Held { running: Arc::clone(&self.busy.running), place: place.to_owned() }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut running = lock(&self.running);
        if let Some(count) = running.get_mut(&self.place) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_takes_half_of_the_workers() {
        for (workers, most) in [(1, 1), (2, 1), (3, 2), (8, 4)] {
            let busy = Busy::among(workers);
            let mut held = Vec::new();
            for _ in 0..most {
                assert!(busy.turn().await.full().is_empty());
                held.push(busy.turn().await.take("dev/a"));
                held.push(busy.turn().await.take(""));
            }
            assert_eq!(busy.turn().await.full(), ["dev/a"], "of {workers} workers");
            held.clear();
            assert!(busy.turn().await.full().is_empty() && lock(&busy.running).is_empty());
        }
    }
}
