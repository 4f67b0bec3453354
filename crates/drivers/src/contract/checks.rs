//! The checks of the contract, one function each.

use super::{Changed, Contract, Kept, cut};
use futures_util::future::BoxFuture;
use loggia_app::instance::driver::{Failure, Observation, Presence, Request};

/// Why a check did not end well.
pub(super) enum Not {
    Held(String),
    Tried(String),
}

pub(super) type Held = Result<(), Not>;
type Step = for<'t> fn(&'t mut Trial<'_>) -> BoxFuture<'t, Held>;

/// The checks in the order in which they run; later ones stand on what earlier ones made.
pub(super) const STEPS: [(&str, Step); 16] = [
    ("probe says that it can work", |t| Box::pin(t.probe())),
    ("observe of something never made is absent", |t| Box::pin(t.never_made())),
    ("destroy of something never made is fine", |t| Box::pin(t.destroy_nothing())),
    ("plan before apply says what changes", |t| Box::pin(t.plan_before())),
    ("apply makes it present", |t| Box::pin(t.apply())),
    ("plan after apply is empty", |t| Box::pin(t.plan_after())),
    ("apply again is the same resource", |t| Box::pin(t.apply_again())),
    ("observe finds it with its outputs", |t| Box::pin(t.observe())),
    ("apply takes other inputs on what exists", |t| Box::pin(t.changed())),
    ("a lost resource is seen and made again", |t| Box::pin(t.lost())),
    ("a consumer gets access of its own, and loses it", |t| Box::pin(t.access())),
    ("access cut off at any point is one, or none", |t| Box::pin(t.access_cut_off())),
    ("destroy takes it away, twice is fine", |t| Box::pin(t.destroy())),
    ("cut off at any point, it ends as one resource", |t| Box::pin(t.cut_off())),
    ("a backend that does not answer is never absence", |t| Box::pin(t.unreachable())),
    ("no secret in logs, plans, outputs or messages", |t| Box::pin(t.secrets())),
];

/// A contract test under way.
pub(super) struct Trial<'a> {
    pub(super) contract: &'a Contract<'a>,
    pub(super) request: Request,
    pub(super) log: Kept,
    /// Everything besides the log that people may read.
    pub(super) said: Vec<String>,
    pub(super) secrets: Vec<String>,
    first: Option<Observation>,
}

pub(super) fn held(holds: bool, otherwise: impl Into<String>) -> Held {
    if holds { Ok(()) } else { Err(Not::Held(otherwise.into())) }
}

pub(super) fn failed(verb: &str, failure: &Failure) -> Not {
    Not::Held(format!("{verb} failed: {failure}; {}", failure.mend))
}

/// A key that was never used.
pub(super) fn new_key() -> String {
    // Drivers take any short text as a key; only that it is new matters here.
    let bytes: [u8; 16] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl<'a> Trial<'a> {
    pub(super) fn new(contract: &'a Contract<'a>) -> Trial<'a> {
        let sample = &contract.sample;
        let changed = contract.changed.iter().flat_map(|changed| &changed.request.secret_inputs);
        let known = sample.secret_inputs.iter().chain(&sample.secret_outputs).chain(changed).map(|(_, secret)| secret);
        // Revealed to look for them in what was said.
        let secrets = known.chain(&sample.backend.secret).map(|secret| secret.reveal().to_owned()).collect();
        let request = Request { key: new_key(), ..sample.clone() };
        Trial { contract, request, log: Kept::default(), said: Vec::new(), secrets, first: None }
    }

    fn keep(&mut self, observation: &Observation) {
        self.said.push(format!("{:?} {:?}", observation.outputs, observation.conditions));
        self.secrets.extend(observation.secret_outputs.iter().map(|(_, secret)| secret.reveal().to_owned()));
        if !observation.secret_outputs.is_empty() {
            self.request.secret_outputs.clone_from(&observation.secret_outputs);
        }
        self.request.outputs.clone_from(&observation.outputs);
    }

    async fn applied(&mut self) -> Result<Observation, Not> {
        let result = self.contract.driver.apply(&self.request, &self.log).await;
        let observation = result.map_err(|failure| failed("apply", &failure))?;
        self.keep(&observation);
        held(observation.presence == Presence::Present, "apply ended without the resource being present")?;
        Ok(observation)
    }

    async fn seen(&mut self) -> Result<Observation, Not> {
        let result = self.contract.driver.observe(&self.request, &self.log).await;
        let observation = result.map_err(|failure| failed("observe", &failure))?;
        self.said.push(format!("{:?} {:?}", observation.outputs, observation.conditions));
        held(observation.secret_outputs.is_empty(), "observe gives secrets; only apply may")?;
        Ok(observation)
    }

    async fn changes(&mut self) -> Result<Vec<String>, Not> {
        let plan = self.contract.driver.plan(&self.request, &self.log).await;
        let changes = plan.map_err(|failure| failed("plan", &failure))?.changes;
        self.said.extend(changes.iter().cloned());
        Ok(changes)
    }

    async fn gone(&mut self) -> Held {
        let request = Request { confirmed: true, ..self.request.clone() };
        let destroyed = self.contract.driver.destroy(&request, &self.log).await;
        destroyed.map_err(|failure| failed("destroy", &failure))?;
        let presence = self.seen().await?.presence;
        held(presence == Presence::Absent, format!("after destroy it is {presence:?}"))
    }

    async fn one(&self) -> Held {
        let Some(count) = &self.contract.count else { return Ok(()) };
        let there = count(self.request.clone()).await;
        held(there == 1, format!("{there} resources are there instead of one"))
    }

    async fn probe(&mut self) -> Held {
        let answer = self.contract.driver.probe(&self.request.backend).await;
        answer.map_err(|failure| failed("probe", &failure))
    }

    async fn never_made(&mut self) -> Held {
        let presence = self.seen().await?.presence;
        held(presence == Presence::Absent, format!("it is {presence:?}"))
    }

    async fn destroy_nothing(&mut self) -> Held {
        self.gone().await
    }

    async fn plan_before(&mut self) -> Held {
        held(!self.changes().await?.is_empty(), "the plan is empty although nothing is there")?;
        let presence = self.seen().await?.presence;
        held(presence == Presence::Absent, "plan made something")
    }

    async fn apply(&mut self) -> Held {
        self.first = Some(self.applied().await?);
        self.one().await
    }

    async fn plan_after(&mut self) -> Held {
        let changes = self.changes().await?;
        held(changes.is_empty(), format!("it would still {}", changes.join(", ")))
    }

    async fn apply_again(&mut self) -> Held {
        let again = self.applied().await?;
        let Some(first) = &self.first else { return Err(Not::Tried("the first apply failed".to_owned())) };
        held(again.outputs == first.outputs, "the outputs differ from those of the first apply")?;
        let same = again.secret_outputs.is_empty() || again.secret_outputs == first.secret_outputs;
        held(same, "the secret outputs changed although they were given")?;
        self.one().await
    }

    async fn observe(&mut self) -> Held {
        let seen = self.seen().await?;
        held(seen.presence == Presence::Present, format!("it is {:?}", seen.presence))?;
        let outputs = self.first.as_ref().map(|first| first.outputs.clone()).unwrap_or_default();
        held(seen.outputs == outputs, "the outputs differ from those of apply")
    }

    async fn changed(&mut self) -> Held {
        let Some(Changed { request, told }) = &self.contract.changed else {
            return Err(Not::Tried("nobody said what it may become".to_owned()));
        };
        let now = &self.request;
        self.request = Request {
            key: now.key.clone(),
            outputs: now.outputs.clone(),
            secret_outputs: now.secret_outputs.clone(),
            ..request.clone()
        };
        held(!told || !self.changes().await?.is_empty(), "the plan is empty although other inputs are wanted")?;
        self.applied().await?;
        self.one().await?;
        let left = self.changes().await?;
        held(left.is_empty(), format!("with other inputs it would still {}", left.join(", ")))?;
        let seen = self.seen().await?.presence;
        held(seen == Presence::Present, format!("with other inputs it is {seen:?}"))
    }

    async fn lost(&mut self) -> Held {
        let Some(lose) = &self.contract.lose else {
            return Err(Not::Tried("nobody said how to lose it".to_owned()));
        };
        lose(self.request.clone()).await;
        let presence = self.seen().await?.presence;
        held(presence == Presence::Absent, format!("after the loss it is {presence:?}"))?;
        held(!self.changes().await?.is_empty(), "the plan is empty although it was lost")?;
        self.applied().await?;
        self.one().await
    }

    async fn destroy(&mut self) -> Held {
        self.one_with_access().await?;
        self.gone().await?;
        self.gone().await?;
        self.nobody_has_access().await
    }

    async fn cut_off(&mut self) -> Held {
        let mut pace = cut::Pace::default();
        for round in 0..self.contract.rounds {
            self.request = Request { key: new_key(), ..self.contract.sample.clone() };
            let cut = self.cut_round(&mut pace, round).await;
            cut.map_err(|not| match not {
                Not::Held(why) => Not::Held(format!("round {round}, cut after {}: {why}", pace.last())),
                tried => tried,
            })?;
        }
        Ok(())
    }

    async fn cut_round(&mut self, pace: &mut cut::Pace, round: usize) -> Held {
        let driver = self.contract.driver;
        let (polls, time) = pace.next(round);
        // A call that ended before it was cut off has said its secrets to nobody, as after a crash.
        cut::short(driver.apply(&self.request, &self.log), polls, time).await;
        let started = std::time::Instant::now();
        self.applied().await?;
        pace.took(started.elapsed());
        self.one().await?;
        held(self.changes().await?.is_empty(), "the plan is not empty after apply went on")?;
        let request = Request { confirmed: true, ..self.request.clone() };
        cut::short(driver.destroy(&request, &self.log), polls, time).await;
        self.gone().await
    }

    async fn unreachable(&mut self) -> Held {
        let Some((driver, request)) = &self.contract.unreachable else {
            return Err(Not::Tried("this backend cannot be out of reach".to_owned()));
        };
        let request = Request { key: new_key(), confirmed: true, ..request.clone() };
        match driver.observe(&request, &self.log).await {
            Ok(seen) => held(seen.presence == Presence::Unknown, format!("observe says {:?}", seen.presence))?,
            Err(failure) => self.may_retry("observe", &failure)?,
        }
        for (verb, result) in [
            ("probe", driver.probe(&request.backend).await),
            ("plan", driver.plan(&request, &self.log).await.map(drop)),
            ("apply", driver.apply(&request, &self.log).await.map(drop)),
            ("destroy", driver.destroy(&request, &self.log).await),
        ] {
            match result {
                Ok(()) => return Err(Not::Held(format!("{verb} succeeded without a backend"))),
                Err(failure) => self.may_retry(verb, &failure)?,
            }
        }
        Ok(())
    }

    fn may_retry(&mut self, verb: &str, failure: &Failure) -> Held {
        self.said.push(format!("{failure} {}", failure.mend));
        held(failure.retry, format!("{verb} failed for good: {failure}"))
    }

    async fn secrets(&mut self) -> Held {
        let secrets: Vec<&String> = self.secrets.iter().filter(|secret| !secret.is_empty()).collect();
        if secrets.is_empty() {
            return Err(Not::Tried("the sample has no secrets".to_owned()));
        }
        for text in self.log.lines().iter().chain(&self.said) {
            let shows = secrets.iter().any(|secret| text.contains(secret.as_str()));
            held(!shows, "a secret was shown")?;
        }
        Ok(())
    }
}
