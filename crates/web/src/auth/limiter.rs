//! Limits on wrong passwords, in memory: by name and address together, by address, and by name.
//!
//! Only failures count. A try counts as one from its beginning on, until its end says otherwise: checking a password
//! takes time, and many tries at once would all begin before the first has failed. Tries that are open wait for each
//! other only where the limit is near, so that nobody who knows their password is refused. The limit by name is wide,
//! so that nobody can lock others out with a few requests.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

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

/// The tries of one key.
struct Count {
    failures: u32,
    /// Begun, and not ended yet.
    open: u32,
    since: Instant,
}

/// Counts tries.
#[derive(Default)]
pub struct Limiter {
    counts: Mutex<HashMap<Key, Count>>,
    ended: Notify,
}

/// What there is to do before a try.
enum Turn {
    /// Begin.
    Now,
    /// Let an open one end first.
    Open,
    /// Wait so long.
    Wait(Duration),
}

/// A try. Dropped without a word it was wrong: who goes away in the middle does not get another one for it.
pub struct Try<'a> {
    limiter: &'a Limiter,
    keys: [(Key, u32); 3],
    wrong: bool,
}

fn keys(name: &str, address: IpAddr) -> [(Key, u32); 3] {
    let address = network(address);
    let name: String = name.trim().to_lowercase().chars().take(200).collect();
    [(Key::Both(name.clone(), address), BOTH), (Key::Address(address), ADDRESS), (Key::Name(name), NAME)]
}

/// Whom an address belongs to: with the newer addresses, everybody has a whole network of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(older) => older.into(),
            None => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        },
        older @ IpAddr::V4(_) => older,
    }
}

impl Limiter {
    /// Begins a try.
    ///
    /// # Errors
    /// How long to wait before another one.
    pub async fn begin(&self, name: &str, address: IpAddr) -> Result<Try<'_>, Duration> {
        let keys = keys(name, address);
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            // Whoever ends from here on is heard.
            ended.as_mut().enable();
            match self.turn(&keys, Instant::now()) {
                Turn::Now => return Ok(Try { limiter: self, keys, wrong: true }),
                Turn::Wait(left) => return Err(left),
                Turn::Open => ended.await,
            }
        }
    }

    fn turn(&self, keys: &[(Key, u32); 3], now: Instant) -> Turn {
        let mut counts = self.counts();
        if counts.len() >= MOST {
            counts.retain(|_, count| count.open > 0 || now.duration_since(count.since) < WINDOW);
        }
        let (mut wait, mut full) = (None, false);
        for (key, most) in keys {
            let Some(count) = counts.get_mut(key) else { continue };
            let left = WINDOW.saturating_sub(now.duration_since(count.since));
            if left.is_zero() {
                (count.failures, count.since) = (0, now);
            }
            if count.failures >= *most {
                wait = wait.max(Some(left));
            }
            full |= count.failures + count.open >= *most;
        }
        match (wait, full) {
            (Some(left), _) => Turn::Wait(left),
            (None, true) => Turn::Open,
            (None, false) => {
                for (key, _) in keys {
                    counts.entry(key.clone()).or_insert(Count { failures: 0, open: 0, since: now }).open += 1;
                }
                Turn::Now
            }
        }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Key, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Try<'_> {
    /// It was them after all: the failures of this name from this address are forgotten.
    pub fn passed(mut self) {
        self.wrong = false;
        if let Some(count) = self.limiter.counts().get_mut(&self.keys[0].0) {
            count.failures = 0;
        }
    }

    /// It ended without saying whether the password was right.
    pub fn untold(mut self) {
        self.wrong = false;
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        let mut counts = self.limiter.counts();
        for (key, _) in &self.keys {
            let Some(count) = counts.get_mut(key) else { continue };
            count.open = count.open.saturating_sub(1);
            count.failures += u32::from(self.wrong);
            if count.open == 0 && count.failures == 0 {
                counts.remove(key);
            }
        }
        drop(counts);
        self.limiter.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

    async fn fails(limiter: &Limiter, name: &str, address: IpAddr) {
        drop(limiter.begin(name, address).await.ok().unwrap());
    }

    #[tokio::test]
    async fn a_network_is_one_address() {
        let limiter = Limiter::default();
        for at in 0..5 {
            fails(&limiter, "amara", format!("2001:db8:0:1::{at}").parse().unwrap()).await;
        }
        assert!(limiter.begin("amara", "2001:db8:0:1:ffff::1".parse().unwrap()).await.is_err());
        limiter.begin("amara", "2001:db8:0:2::1".parse().unwrap()).await.ok().unwrap().untold();
        // An older address in new clothes is the older one.
        for _ in 0..5 {
            fails(&limiter, "bob", HERE).await;
        }
        assert!(limiter.begin("bob", "::ffff:127.0.0.1".parse().unwrap()).await.is_err());
        limiter.begin("bob", "::ffff:127.0.0.2".parse().unwrap()).await.ok().unwrap().untold();
    }

    #[tokio::test]
    async fn five_wrong_tries_wait_and_time_heals() {
        let limiter = Limiter::default();
        for _ in 0..5 {
            fails(&limiter, "Amara ", HERE).await;
        }
        assert!(limiter.begin("amara", HERE).await.is_err());
        limiter.begin("amara", THERE).await.ok().unwrap().untold();
        limiter.begin("bob", HERE).await.ok().unwrap().untold();
        let later = Instant::now() + WINDOW;
        assert!(matches!(limiter.turn(&keys("amara", HERE), later), Turn::Now));
        for at in 0..45 {
            fails(&limiter, &format!("user{at}"), THERE).await;
        }
        fails(&limiter, "amara", THERE).await;
        limiter.begin("amara", THERE).await.ok().unwrap().passed();
        for at in 0..4 {
            fails(&limiter, &format!("user{at}"), THERE).await;
        }
        assert!(limiter.begin("anybody", THERE).await.is_err());
    }

    /// Sixty at once, each of which takes its time: as many are looked at as one after the other.
    #[tokio::test]
    async fn tries_at_once_count_as_tries_after_each_other() {
        for (right, looked_at) in [(false, BOTH), (true, 60)] {
            let (limiter, begun) = (Arc::new(Limiter::default()), Arc::new(AtomicU32::new(0)));
            let one = async |limiter: Arc<Limiter>, begun: Arc<AtomicU32>| {
                let Ok(attempt) = limiter.begin("amara", HERE).await else { return };
                begun.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(2)).await;
                if right {
                    attempt.passed();
                }
            };
            let all = (0..60).map(|_| one(Arc::clone(&limiter), Arc::clone(&begun)));
            futures_util::future::join_all(all).await;
            assert_eq!(begun.load(Ordering::SeqCst), looked_at);
        }
    }
}
