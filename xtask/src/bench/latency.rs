//! Times of single requests over one connection.

use crate::http::Connection;
use anyhow::{Result, bail};
use std::time::{Duration, Instant};

/// Times of many requests, sorted.
pub struct Latency(Vec<Duration>);

impl Latency {
    /// Asks for a path again and again, after some requests that do not count.
    pub fn measure(connection: &mut Connection, path: &str, count: usize) -> Result<Self> {
        let mut times = Vec::with_capacity(count);
        for number in 0..count + count / 10 {
            let started = Instant::now();
            let answer = connection.get(path)?;
            let time = started.elapsed();
            if answer.status != 200 {
                bail!("{path} answered {}", answer.status);
            }
            if number >= count / 10 {
                times.push(time);
            }
        }
        times.sort();
        Ok(Self(times))
    }

    /// The time in milliseconds that so many percent of the requests stayed under.
    pub fn percentile(&self, percent: usize) -> f64 {
        let at = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
    }
}
