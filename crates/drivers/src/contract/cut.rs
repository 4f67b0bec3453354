//! Cuts a call off, as a crash of the server would.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Where the next calls are cut off: by number of polls in even rounds, by time in odd ones.
#[derive(Default)]
pub(super) struct Pace {
    longest: Duration,
    last: String,
}

impl Pace {
    /// A random point for this round.
    pub(super) fn next(&mut self, round: usize) -> (usize, Duration) {
        let long = Duration::from_secs(3600);
        let (polls, time) = match round.is_multiple_of(2) {
            true => (usize::from(rand::random::<u8>() % 40), long),
            // Slightly longer than a whole call takes, so that also the very end is met.
            false => (usize::MAX, self.longest.max(Duration::from_millis(20)).mul_f64(rand::random::<f64>() * 1.1)),
        };
        self.last = match round.is_multiple_of(2) {
            true => format!("{polls} polls"),
            false => format!("{time:?}"),
        };
        (polls, time)
    }

    /// Learns how long a whole call takes.
    pub(super) fn took(&mut self, time: Duration) {
        self.longest = self.longest.max(time);
    }

    /// Where the last call was cut off.
    pub(super) fn last(&self) -> &str {
        &self.last
    }
}

struct Polls<F> {
    call: Pin<Box<F>>,
    left: usize,
}

impl<F: Future> Future for Polls<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.left == 0 {
            return Poll::Ready(());
        }
        self.left -= 1;
        self.call.as_mut().poll(context).map(drop)
    }
}

/// Polls `call` at most `polls` times and for at most `time`, then drops it.
pub(super) async fn short<F: Future>(call: F, polls: usize, time: Duration) {
    let call = Polls { call: Box::pin(call), left: polls };
    drop(tokio::time::timeout(time, call).await);
}
