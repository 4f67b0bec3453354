//! Time and identities, as arguments: tests hold both still.

use loggia_model::{Micros, Uid};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Micros;
}

/// Gives identities and secrets that nobody can guess.
pub trait Ids: Send + Sync {
    /// A new uid, greater than every uid that this source gave before.
    fn uid(&self, now: Micros) -> Uid;
    /// Bytes from a cryptographic source.
    fn random(&self) -> [u8; 32];
}

/// The clock of the machine. When it is set back, time stands still instead.
#[derive(Default)]
pub struct SystemClock {
    last: AtomicI64,
}

impl Clock for SystemClock {
    fn now(&self) -> Micros {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros());
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let last = self.last.fetch_max(now, Ordering::AcqRel);
        Micros(now.max(last))
    }
}

/// Identities from the operating system's randomness.
#[derive(Default)]
pub struct SystemIds {
    last: AtomicU64,
}

impl Ids for SystemIds {
    fn uid(&self, now: Micros) -> Uid {
        Uid(ordered_uuid(now, &self.last, random_bits()))
    }

    fn random(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        rand::Rng::fill_bytes(&mut rand::rng(), &mut bytes);
        bytes
    }
}

fn random_bits() -> u64 {
    rand::Rng::next_u64(&mut rand::rng())
}

/// A version 7 UUID (RFC 9562, 5.7) whose first 60 bits of time and fraction always grow.
fn ordered_uuid(now: Micros, last: &AtomicU64, random: u64) -> Uuid {
    let wanted = u64::try_from(now.0).unwrap_or(0);
    let ticks = last
        .fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(wanted.max(last + 1)))
        .map_or(wanted, |last| wanted.max(last + 1));
    let (millis, rest) = (ticks / 1000, ticks % 1000);
    // RFC 9562, 6.2, method 3: the microseconds within the millisecond fill the 12 bits of rand_a.
    let high = (millis << 16) | 0x7000 | ((rest << 2) & 0xfff);
    let low = (random >> 2) | 0x8000_0000_0000_0000;
    Uuid::from_u64_pair(high, low)
}

/// A clock and identities for tests: time moves only when told, identities count up from a seed.
pub struct FixedClock {
    now: AtomicI64,
    last: AtomicU64,
    seed: AtomicU64,
}

impl FixedClock {
    /// Stands at a point in time.
    pub fn at(now: Micros) -> FixedClock {
        FixedClock { now: AtomicI64::new(now.0), last: AtomicU64::new(0), seed: AtomicU64::new(1) }
    }

    /// Moves time by seconds, back too.
    pub fn advance(&self, seconds: i64) {
        self.now.fetch_add(seconds * loggia_model::time::SECOND, Ordering::AcqRel);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Micros {
        Micros(self.now.load(Ordering::Acquire))
    }
}

impl Ids for FixedClock {
    fn uid(&self, now: Micros) -> Uid {
        Uid(ordered_uuid(now, &self.last, self.seed.fetch_add(1, Ordering::AcqRel)))
    }

    fn random(&self) -> [u8; 32] {
        use sha2::Digest;
        sha2::Sha256::digest(self.seed.fetch_add(1, Ordering::AcqRel).to_be_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_grow_and_are_version_7_even_when_the_clock_is_set_back() {
        let clock = FixedClock::at(Micros(1_800_000_000_000_000));
        let mut last = clock.uid(clock.now());
        for round in 0..5_000 {
            if round == 2_000 {
                clock.advance(-3_600);
            }
            let next = clock.uid(clock.now());
            assert!(next > last, "{next} after {last}");
            assert_eq!(next.0.get_version_num(), 7);
            last = next;
        }
    }
}
