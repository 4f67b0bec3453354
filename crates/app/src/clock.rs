//! Time and identities, as arguments: tests hold both still.

use loggia_model::{Micros, Uid};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Micros;
    /// Nothing earlier than this is told from now on: it has been written already.
    fn reached(&self, time: Micros);
    /// What all servers on one database go by, when it says that it is this time there. Servers whose clocks are apart
    /// agree on it.
    fn agreed(&self, database: Micros) -> Micros {
        database
    }
}

/// Gives identities and secrets that nobody can guess.
pub trait Ids: Send + Sync {
    /// A new uid, greater than every uid that this source gave before.
    fn uid(&self, now: Micros) -> Uid;
    /// Bytes from a cryptographic source.
    fn random(&self) -> [u8; 32];
}

/// How far the machine's clock may be behind what was told before that counts as set back, in microseconds. Threads
/// that ask at the same moment, and small corrections, are below: time stands still for them.
const SET_BACK: i64 = loggia_model::time::SECOND;

/// The clock of the machine. When it is set back, time goes on at half its pace until the machine has caught up, so
/// that leases run out, retries come and nothing that was written lies in the future of what comes after it.
pub struct SystemClock {
    wall: Box<dyn Fn() -> Micros + Send + Sync>,
    last: AtomicI64,
    /// When the machine was found behind, and what was told then.
    behind: Mutex<Option<(Instant, i64)>>,
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::over(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros());
            Micros(i64::try_from(now).unwrap_or(i64::MAX))
        })
    }
}

impl SystemClock {
    /// Over another clock on the wall.
    pub fn over(wall: impl Fn() -> Micros + Send + Sync + 'static) -> SystemClock {
        SystemClock { wall: Box::new(wall), last: AtomicI64::new(0), behind: Mutex::new(None) }
    }

    /// The time while the machine is behind.
    fn behind(&self, last: i64) -> i64 {
        // A thread that panicked while it held the lock leaves a pair that is whole.
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, told) = behind.unwrap_or_else(|| (Instant::now(), last));
        let passed = i64::try_from(since.elapsed().as_micros() / 2).unwrap_or(i64::MAX);
        let now = told.saturating_add(passed);
        // The machine was ahead again since then: this is another time that it is set back.
        let anchor = if now < last { (Instant::now(), last) } else { (since, told) };
        *behind = Some(anchor);
        now.max(last)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Micros {
        let wall = (self.wall)().0;
        let last = self.last.fetch_max(wall, Ordering::AcqRel);
        if last.saturating_sub(wall) < SET_BACK {
            return Micros(wall.max(last));
        }
        let now = self.behind(last);
        Micros(self.last.fetch_max(now, Ordering::AcqRel).max(now))
    }

    fn reached(&self, time: Micros) {
        self.last.fetch_max(time.0, Ordering::AcqRel);
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

    fn reached(&self, _: Micros) {}

    fn agreed(&self, _: Micros) -> Micros {
        self.now()
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
    use loggia_model::time::SECOND;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn time_goes_on_when_the_machine_is_set_back() {
        let wall = Arc::new(AtomicI64::new(1_800_000_000_000_000));
        let clock = SystemClock::over({
            let wall = Arc::clone(&wall);
            move || Micros(wall.load(Ordering::Acquire))
        });
        let mut last = clock.now();
        for hours in [1, 2] {
            wall.fetch_sub(hours * 3_600 * SECOND, Ordering::AcqRel);
            let back = clock.now();
            assert!(back >= last && back.0 < last.0 + SECOND, "{back:?} after {last:?}");
            std::thread::sleep(Duration::from_millis(40));
            let later = clock.now();
            assert!(later.0 >= back.0 + 20_000, "{later:?} after {back:?}");
            // Set right, the machine tells the time again.
            wall.store(later.0 + 5 * SECOND, Ordering::Release);
            last = clock.now();
            assert_eq!(last.0, later.0 + 5 * SECOND);
        }
        clock.reached(Micros(last.0 + 60 * SECOND));
        assert!(clock.now().0 >= last.0 + 60 * SECOND);
    }

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
