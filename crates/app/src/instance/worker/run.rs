//! One attempt at one operation: the calls of its driver, in order.

use super::{ATTEMPTS, BEGINNINGS, Worker};
use crate::error::{Error, Result};
use crate::instance::backend::Hold;
use crate::instance::driver::{Backend, Call, Driver, Failure, Observation, Plan, Presence, Request, Secret};
use crate::instance::instance_access::settle::AccessEnd;
use crate::instance::operation_end::{Applied, Ending};
use crate::instance::request::{self, Prepared};
use crate::instance::run_log::{Lines, readable_observation};
use crate::instance::take_over::Wish;
use crate::release::upgrade_strategy::Move;
use loggia_model::Uid;
use loggia_model::instance::{HeldBackend, Phase};
use loggia_model::operation::{Operation, State, Verb};
use loggia_store::Claimed;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// The longest time that a recipe may give to a call, in seconds: a day.
const LONGEST: u64 = 86_400;
/// What a call gets on top of the time that the recipe gives it.
const GRACE: Duration = Duration::from_secs(30);

/// One attempt at one operation.
pub(super) struct Run<'a> {
    pub(super) worker: &'a Worker,
    pub(super) operation: Operation,
    pub(super) fence: i64,
    pub(super) attempt: i64,
    /// The phase of the instance when the operation was asked for.
    pub(super) before: Option<Phase>,
    /// As what the instance is to be taken over.
    pub(super) wish: Option<Wish>,
    /// How it is moved to another version.
    pub(super) moving: Option<Move>,
    /// The credential that it is about.
    pub(super) credential: Option<Uid>,
    /// The secrets of a credential that was made.
    pub(super) granted: Vec<(String, Secret)>,
    /// Whether it is known that data is lost.
    pub(super) confirmed: bool,
    pub(super) lines: Arc<Lines>,
    /// How long a call may take, where the recipe or the backend say so.
    pub(super) timeout: Option<Duration>,
}

impl<'a> Run<'a> {
    pub(super) async fn begin(worker: &'a Worker, mut operation: Operation, claimed: Claimed) -> Result<()> {
        let last = std::mem::take(&mut operation.message);
        operation.state = State::Running;
        operation.attempt = claimed.attempt;
        // That taking it away was begun once is remembered: it may be half done.
        operation.steps.retain(|step| step.name == Call::Destroy.name());
        operation.steps.truncate(1);
        operation.mend.clear();
        operation.next_at = None;
        let payload = &claimed.payload;
        let confirmed = part(payload, "confirmed").unwrap_or(false);
        let (before, wish, moving) = (part(payload, "before"), part(payload, "wish"), part(payload, "move"));
        let (lines, fence, attempt) = (Arc::default(), claimed.fence, claimed.attempt);
        let (credential, granted, timeout) = (part(payload, "credential"), Vec::new(), None);
        let mut run = Run {
            worker,
            operation,
            fence,
            attempt,
            before,
            wish,
            moving,
            credential,
            granted,
            confirmed,
            lines,
            timeout,
        };
        if run.is_idle() {
            return run.end(Ok(Ending::Access(AccessEnd::Idle)), Applied::default()).await;
        }
        if fence > BEGINNINGS || attempt > ATTEMPTS {
            return run.end(Err(worn_out(fence, &last)), Applied::default()).await;
        }
        let driver = worker.drivers.get(&run.operation.driver).map(|driver| &**driver);
        let (wish, generation) = (run.wish.clone(), run.generation());
        let prepared =
            request::build_generation(&worker.app, &run.operation, confirmed, wish, driver, generation).await;
        match prepared {
            Ok(Prepared { request, applied, hold, former }) => {
                let secrets = secrets_of(&request).into_iter().chain(former).collect();
                run.lines = Arc::new(Lines { secrets, ..Lines::default() });
                run.timeout = timeout_of(&request);
                let result = run.steps(&request, hold).await;
                run.end(result, applied).await
            }
            // The database being away is tried again, as long as it takes.
            Err(Error::Unavailable(text)) => Err(Error::Unavailable(text)),
            Err(error) => {
                let failure = match error {
                    Error::Refused(refusal) => Failure::ours(refusal.message, refusal.mend),
                    error => Failure::ours(error.to_string(), "Ask the owner of the offering."),
                };
                run.end(Err(failure), Applied::default()).await
            }
        }
    }

    async fn steps(&mut self, request: &Request, hold: Option<HeldBackend>) -> Result<Ending, Failure> {
        let name = &self.operation.driver;
        let driver = self.worker.drivers.get(name).cloned().ok_or_else(|| {
            Failure::ours(
                format!("This server has no driver {name}."),
                "Start it with the driver, or change the recipe.",
            )
        })?;
        let driver = &*driver;
        self.probe(driver, &request.backend).await?;
        match self.operation.verb {
            Verb::Apply => {
                self.plan(driver, request).await?;
                self.hold(hold).await?;
                self.make_room(driver).await?;
                let log = Arc::clone(&self.lines);
                let applied =
                    self.step((Call::Apply, driver), driver.apply(request, &*log), |_| "Done.".into()).await?;
                let mut seen = self.observe(driver, request).await?;
                if seen.presence != Presence::Present {
                    let message = "It was made, but cannot be seen yet.";
                    return Err(Failure::backend(message, "It is looked for again by itself."));
                }
                merge(&mut seen, readable_observation(applied));
                Ok(Ending::Ready(Box::new(seen)))
            }
            Verb::Observe => Ok(Ending::Seen(Box::new(self.observe(driver, request).await?))),
            Verb::Import => self.import(driver, request, hold).await,
            Verb::Propose => self.propose(driver, request).await,
            Verb::Destroy => {
                self.take_kept(driver, request).await?;
                self.take_away(driver, request).await.map(|()| Ending::Gone)
            }
            Verb::Retire => self.take_away(driver, request).await.map(|()| Ending::Retired),
            Verb::Grant => self.grant(driver, request).await,
            Verb::Revoke => self.revoke(driver, request).await,
        }
    }

    /// Which of the things that were made for the instance it is about, where that is not the one in use.
    fn generation(&self) -> Option<u32> {
        let of_credential = || self.wanted().map(|(_, credential)| credential.generation);
        self.moving.as_ref().map(|moving| moving.generation).or_else(of_credential)
    }

    async fn probe(&mut self, driver: &dyn Driver, backend: &Backend) -> Result<(), Failure> {
        let probe = async {
            backend.complete()?;
            driver.probe(backend).await
        };
        self.step((Call::Probe, driver), probe, |()| "The backend answers.".into()).await
    }

    async fn plan(&mut self, driver: &dyn Driver, request: &Request) -> Result<(), Failure> {
        let tell = |plan: &Plan| match plan.changes.as_slice() {
            [] => "Nothing to change.".to_owned(),
            changes => changes.join("; "),
        };
        let log = Arc::clone(&self.lines);
        self.step((Call::Plan, driver), driver.plan(request, &*log), tell).await.map(drop)
    }

    pub(super) async fn observe(&mut self, driver: &dyn Driver, request: &Request) -> Result<Observation, Failure> {
        let tell = |seen: &Observation| {
            match seen.presence {
                Presence::Present => "It is there.",
                Presence::Absent => "It is not there.",
                Presence::Unknown => "It could not be looked for.",
            }
            .to_owned()
        };
        let log = Arc::clone(&self.lines);
        self.step((Call::Observe, driver), driver.observe(request, &*log), tell).await.map(readable_observation)
    }

    /// Keeps where the instance is made, before anything is made.
    async fn hold(&self, backend: Option<HeldBackend>) -> Result<(), Failure> {
        let Some(backend) = backend else { return Ok(()) };
        let app = &self.worker.app;
        let hold = Hold { work: self.operation.id, fence: self.fence, instance: self.operation.instance, backend };
        app.run(&app.system("worker"), hold).await.map(drop).map_err(|error| super::step::lost(&error))
    }
}

/// A part of what was written with the work; none where it is not there.
fn part<T: DeserializeOwned>(payload: &Value, name: &str) -> Option<T> {
    payload.get(name).and_then(|part| T::deserialize(part).ok())
}

fn merge(seen: &mut Observation, applied: Observation) {
    for (name, value) in applied.outputs {
        seen.outputs.entry(name).or_insert(value);
    }
    seen.secret_outputs = applied.secret_outputs;
    seen.readings.extend(applied.readings);
}

fn secrets_of(request: &Request) -> Vec<Secret> {
    let inputs = request.secret_inputs.iter().map(|(_, secret)| secret.clone());
    let outputs = request.secret_outputs.iter().map(|(_, secret)| secret.clone());
    inputs.chain(outputs).chain(request.backend.secret.clone()).collect()
}

/// The time that the recipe gives to each call, else the backend; a driver that keeps it by itself ends a moment before.
fn timeout_of(request: &Request) -> Option<Duration> {
    let said = request.recipe.get("timeout").or_else(|| request.backend.config.get("timeout"))?;
    said.as_u64().map(|seconds| Duration::from_secs(seconds.clamp(1, LONGEST)) + GRACE)
}

fn worn_out(fence: i64, last: &str) -> Failure {
    let message = format!("It was begun {} times and never came to an end. {last}", fence - 1);
    Failure::ours(message.trim(), "Look at its backend and at the log of the server, then ask for it again.")
}
