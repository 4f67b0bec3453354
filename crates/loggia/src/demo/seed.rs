//! Brings the demo to today's state, through the same commands as anybody would: reporters report, owners confirm,
//! teams order. Every step may be done again; what is there already stays.

use super::estate::{self, Running};
use super::{endings, files, usage};
use anyhow::{Context, Result};
use loggia_app::access::caller::{Caller, Door, Limits};
use loggia_app::estate::Observe;
use loggia_app::estate::enrol::Enrol;
use loggia_app::{App, Error};
use loggia_graph::Audience;
use loggia_model::instance::Step;
use loggia_model::{Micros, Ref, RelationType, Uid};
use loggia_store::Store;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Name of the database entry that tells how far the seed is.
pub const PROGRESS: &str = "demo-seed";
/// What the entry says in the end.
pub const DONE: &str = "done";
/// How long the operations of the past may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Request id of everything that the seed does.
pub const REQUEST: &str = "demo-seed";

/// Brings the demo to today's state, unless that was done.
///
/// # Errors
/// When a command fails in a way that doing it again does not mend.
pub async fn run(app: &Arc<App>, store: &Store) -> Result<()> {
    if store.meta(PROGRESS).await?.as_deref() == Some(DONE) {
        return Ok(());
    }
    let started = Instant::now();
    let seed = Seed { app: Arc::clone(app), store: store.clone(), now: app.now() };
    let all = estate::read(files::text("estate.jsonl"))?;
    let offerings = seed.observe(&all).await?;
    seed.enrol(&all).await?;
    let operations = seed.order(&all).await?;
    seed.wait(&operations).await?;
    super::campaign::run(app).await?;
    let readings = usage::readings(&all, &offerings, seed.now);
    seed.tell(&format!("taking {} readings of use in", readings.len())).await?;
    for some in readings.chunks(loggia_app::estate::usage::MOST) {
        app.report_usage(&Caller::system("replay", Door::Worker), some.to_vec()).await?;
    }
    seed.tell("what goes away is announced").await?;
    endings::run(app).await?;
    store.put_meta(PROGRESS, DONE).await?;
    tracing::info!(seconds = started.elapsed().as_secs_f32(), "the demo shows today's state");
    Ok(())
}

struct Seed {
    app: Arc<App>,
    store: Store,
    now: Micros,
}

impl Seed {
    /// Says how far it is, in the log and for `loggia doctor`.
    async fn tell(&self, what: &str) -> Result<()> {
        tracing::info!("demo: {what}");
        Ok(self.store.put_meta(PROGRESS, what).await?)
    }

    /// What is not managed is reported by whoever saw it. Answers the offering of each that is one of ours.
    async fn observe(&self, all: &[Running]) -> Result<BTreeMap<Ref, String>> {
        let seen: Vec<&Running> = all.iter().filter(|one| one.step != Step::Managed).collect();
        self.tell(&format!("{} things are reported", seen.len())).await?;
        let mut by: BTreeMap<&str, Vec<&Running>> = BTreeMap::new();
        for one in seen {
            by.entry(&one.how).or_default().push(one);
        }
        let mut offerings = BTreeMap::new();
        for (how, seen) in by {
            let limits = Limits::Only(["observe".to_owned()].into_iter().collect());
            let caller = Caller::service(how, limits, Door::Api, REQUEST);
            let command = Observe { seen: seen.iter().map(|one| one.observed(self.now)).collect() };
            let answers = self.app.run(&caller, command).await?.answer;
            for (one, answer) in seen.into_iter().zip(answers.as_array().into_iter().flatten()) {
                if let Some(offering) = answer.get("offering").and_then(Value::as_str) {
                    offerings.insert(one.instance(), offering.to_owned());
                }
            }
        }
        let managed = all.iter().filter(|one| one.step == Step::Managed);
        offerings.extend(managed.map(|one| (one.instance(), one.offering.clone())));
        Ok(offerings)
    }

    /// Owners confirm what is theirs.
    async fn enrol(&self, all: &[Running]) -> Result<()> {
        let theirs: Vec<&Running> = all.iter().filter(|one| one.step == Step::Enrolled).collect();
        self.tell(&format!("{} are confirmed by their owners", theirs.len())).await?;
        for one in theirs {
            match self.app.run(&self.member(one), Enrol { instance: one.instance(), withdraw: false }).await {
                // What matches no offering is no instance yet, and cannot be confirmed.
                Ok(_) | Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error).with_context(|| one.instance().to_string()),
            }
        }
        Ok(())
    }

    /// Teams order, at once; what they have already stays as it is.
    async fn order(&self, all: &[Running]) -> Result<Vec<Uid>> {
        let managed: Vec<&Running> = all.iter().filter(|one| one.step == Step::Managed).collect();
        self.tell(&format!("{} are ordered", managed.len())).await?;
        let mut running = tokio::task::JoinSet::new();
        for one in managed {
            let (app, caller, now) = (Arc::clone(&self.app), self.member(one), self.now);
            let order = one.order(&self.contract(one));
            let (past, name) = (one.past(now), one.instance());
            running.spawn(async move { (name, app.order_past(&caller, order, past).await) });
        }
        let mut operations = Vec::new();
        while let Some(done) = running.join_next().await {
            let (name, outcome) = done?;
            match outcome {
                Ok(outcome) => operations.extend(operation_of(&outcome.answer)),
                Err(Error::Invalid(problems)) if problems.iter().all(|p| p.rule == "name.taken") => {}
                Err(error) => return Err(error).with_context(|| name.to_string()),
            }
        }
        Ok(operations)
    }

    /// Waits until the operations have ended.
    async fn wait(&self, operations: &[Uid]) -> Result<()> {
        self.tell(&format!("{} operations run", operations.len())).await?;
        let limit = Instant::now() + PATIENCE;
        let caller = self.app.system("replay");
        for &id in operations {
            while !self.app.operation(&caller, id).await?.state.is_end() && Instant::now() < limit {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    /// The inputs that the release of something asks for.
    fn contract(&self, one: &Running) -> Value {
        let name = one.release.as_deref().unwrap_or_default();
        let graph = self.app.graph();
        let release = graph.get(&Ref::new("release", "default", name)).map(|record| record.parse());
        release.and_then(|r| r.0.pointer("/spec/contract/inputs").cloned()).unwrap_or(Value::Null)
    }

    /// A member of the team, for what teams do; this server itself where a team has nobody left.
    fn member(&self, one: &Running) -> Caller {
        let graph = self.app.graph();
        let members = RelationType::find("hasMember").map(|has| graph.related(&Audience::All, &one.team(), has));
        match members.unwrap_or_default().first() {
            Some(person) => Caller::person(&graph, person.reference.clone(), Door::Api, REQUEST),
            None => self.app.system("replay"),
        }
    }
}

/// The operation in what an order answered.
pub fn operation_of(answer: &Value) -> Option<Uid> {
    serde_json::from_value(answer.get("operation")?.clone()).ok()
}
