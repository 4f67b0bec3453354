//! Limits on wrong passwords, in memory: by name and address together, by address, and by name.
//!
//! Only failures count. The limit by name is wide, so that nobody can lock others out with a few requests.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long failures count.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Failures allowed for a name from one address.
const BOTH: u32 = 5;
/// Failures allowed from one address.
const ADDRESS: u32 = 50;
/// Failures allowed for a name from anywhere.
const NAME: u32 = 100;
/// How many entries there are before old ones are cleared away.
const MOST: usize = 20_000;

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Both(String, IpAddr),
    Address(IpAddr),
    Name(String),
}

/// Counts failures.
#[derive(Default)]
pub struct Limiter {
    failures: Mutex<HashMap<Key, (u32, Instant)>>,
}

fn keys(name: &str, address: IpAddr) -> [(Key, u32); 3] {
    let name: String = name.trim().to_lowercase().chars().take(200).collect();
    [(Key::Both(name.clone(), address), BOTH), (Key::Address(address), ADDRESS), (Key::Name(name), NAME)]
}

impl Limiter {
    /// How long to wait before another try; `None` when there is no need.
    pub fn wait(&self, name: &str, address: IpAddr, now: Instant) -> Option<Duration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = keys(name, address).into_iter().filter_map(|(key, most)| {
            let (count, since) = failures.get(&key)?;
            let left = WINDOW.checked_sub(now.duration_since(*since))?;
            (*count >= most && !left.is_zero()).then_some(left)
        });
        waits.max()
    }

    /// Counts a failure.
    pub fn failed(&self, name: &str, address: IpAddr, now: Instant) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MOST {
            failures.retain(|_, (_, since)| now.duration_since(*since) < WINDOW);
        }
        for (key, _) in keys(name, address) {
            let entry = failures.entry(key).or_insert((0, now));
            if now.duration_since(entry.1) >= WINDOW {
                *entry = (0, now);
            }
            entry.0 += 1;
        }
    }

    /// Forgets the failures of a name from an address: it was them after all.
    pub fn passed(&self, name: &str, address: IpAddr) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let [(both, _), ..] = keys(name, address);
        failures.remove(&both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_tries_wait_and_time_heals() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        for _ in 0..5 {
            assert_eq!(limiter.wait("amara", here, now), None);
            limiter.failed("Amara ", here, now);
        }
        assert!(limiter.wait("amara", here, now).is_some());
        assert_eq!(limiter.wait("amara", there, now), None);
        assert_eq!(limiter.wait("bob", here, now), None);
        assert_eq!(limiter.wait("amara", here, now + WINDOW), None);
        limiter.passed("amara", here);
        assert_eq!(limiter.wait("amara", here, now), None);
        for at in 0..50 {
            limiter.failed(&format!("user{at}"), here, now);
        }
        assert!(limiter.wait("anybody", here, now).is_some());
    }
}
