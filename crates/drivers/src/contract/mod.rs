//! The one contract test for every driver, for tests and for `loggia driver check`.
//!
//! It works on a real backend: it makes, loses, cuts off and destroys the sample resource, many times.

mod access;
mod checks;
mod cut;

use futures_util::future::BoxFuture;
use loggia_app::instance::driver::{Driver, Request, RunLog};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Damages or counts the resource of a request from the outside.
pub type Hand<T> = Box<dyn Fn(Request) -> BoxFuture<'static, T> + Send + Sync>;

/// What the contract test needs to know about a driver.
pub struct Contract<'a> {
    /// The driver.
    pub driver: &'a dyn Driver,
    /// A request that can be fulfilled; its key is replaced by new ones.
    pub sample: Request,
    /// A driver and a request that meet a backend that does not answer.
    pub unreachable: Option<(&'a dyn Driver, Request)>,
    /// Takes the resource away behind the driver's back.
    pub lose: Option<Hand<()>>,
    /// Counts the resources that exist for the request.
    pub count: Option<Hand<usize>>,
    /// A role of consumers that it knows, where the driver does not say which there are.
    pub role: Option<String>,
    /// What the sample may become while it exists; none for a driver that takes nothing else then.
    pub changed: Option<Changed>,
    /// How often calls are cut off at a random point.
    pub rounds: usize,
}

/// What something is to become that was made: another plan, other inputs, another secret.
pub struct Changed {
    /// The sample as it is wanted then.
    pub request: Request,
    /// Whether the plan has to say so: not where the driver makes nothing of what differs.
    pub told: bool,
}

/// How one check went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As the contract says.
    Ok,
    /// Not so; what happened instead.
    Failed(String),
    /// Not tried, and why.
    Skipped(String),
}

/// One named check.
#[derive(Clone, Debug)]
pub struct Check {
    /// What must hold.
    pub name: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    pub millis: u128,
}

/// The result of a contract test.
#[derive(Clone, Debug)]
pub struct Report {
    /// Name of the driver.
    pub driver: String,
    /// The checks in order.
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether no check failed.
    pub fn passed(&self) -> bool {
        !self.checks.iter().any(|check| matches!(check.outcome, Outcome::Failed(_)))
    }
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Check { name, outcome, millis } = self;
        match outcome {
            Outcome::Ok => write!(f, "  ok       {name} ({millis} ms)"),
            Outcome::Failed(why) => write!(f, "  failed   {name}: {why}"),
            Outcome::Skipped(why) => write!(f, "  skipped  {name}: {why}"),
        }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "driver {}", self.driver)?;
        self.checks.iter().try_for_each(|check| writeln!(f, "{check}"))
    }
}

/// Keeps what a driver writes, to look for secrets in it.
#[derive(Default)]
struct Kept(Mutex<Vec<String>>);

impl Kept {
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl RunLog for Kept {
    fn line(&self, text: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
    }
}

impl Contract<'_> {
    /// Tries everything that the contract asks for. The sample resource is gone afterwards.
    pub async fn run(&self) -> Report {
        self.run_telling(&|_| {}).await
    }

    /// The same, telling each check as soon as it has ended.
    pub async fn run_telling(&self, tell: &(dyn Fn(&Check) + Sync)) -> Report {
        let mut trial = checks::Trial::new(self);
        let mut checks = Vec::new();
        for (name, step) in checks::STEPS {
            let started = Instant::now();
            let outcome = match step(&mut trial).await {
                Ok(()) => Outcome::Ok,
                Err(checks::Not::Held(why)) => Outcome::Failed(why),
                Err(checks::Not::Tried(why)) => Outcome::Skipped(why),
            };
            let check = Check { name, outcome, millis: started.elapsed().as_millis() };
            tell(&check);
            checks.push(check);
        }
        Report { driver: self.driver.name().to_owned(), checks }
    }
}
