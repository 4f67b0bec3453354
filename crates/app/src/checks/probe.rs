//! Probes: asking things themselves, again and again, and keeping what they answered with its time.
//!
//! Who asks is outside ([`Ask`]). Several servers may ask the same thing; the newest answer holds. What does not answer
//! is unknown, never well.

use super::engine::Check;
use crate::App;
use crate::access::policy::{Action, Subject};
use crate::command::changes::Changes;
use crate::command::{Command, Ctx, Facts};
use crate::error::Result;
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use loggia_graph::{Audience, Graph};
use loggia_model::check::Reading;
use loggia_model::kinds::check::Probe;
use loggia_model::{Record, Uid, time};
use loggia_store::Item;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked for what has to be asked.
const ROUND: Duration = Duration::from_secs(15);
/// How many things are asked in one round, of one check.
const AT_ONCE: usize = 100;
/// How many are asked at the same time.
const SIDE_BY_SIDE: usize = 4;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most letters of what is kept of an answer.
const LETTERS: usize = 300;

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether it passed; none when there was no answer.
    pub passed: Option<bool>,
    /// What it said, in one sentence.
    pub said: String,
}

impl Answer {
    /// There was no answer.
    pub fn none(why: impl Into<String>) -> Answer {
        Answer { passed: None, said: why.into() }
    }
}

/// Asks what is outside.
#[async_trait]
pub trait Ask: Send + Sync {
    /// Fetches an address; passes when the answer is a success.
    async fn http(&self, url: &str) -> Answer;
    /// Runs a program of the operator with a thing; passes when it ends well.
    async fn program(&self, name: &str, thing: &Value) -> Answer;
}

/// Asks again and again, until `stop` turns true.
pub fn start(app: &Arc<App>, ask: Arc<dyn Ask>, stop: &watch::Receiver<bool>) {
    tokio::spawn(follow(Arc::clone(app), ask, stop.clone()));
}

async fn follow(app: Arc<App>, ask: Arc<dyn Ask>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = round(&app, &*ask).await {
            tracing::warn!(%error, "probes could not be asked");
        }
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Asks everything whose last answer is older than its check wants.
///
/// # Errors
/// When the database does not answer.
pub async fn round(app: &App, ask: &dyn Ask) -> Result<()> {
    let graph = app.graph();
    for record in graph.of_kind(&Audience::All, "check") {
        let readings = app.readings_of(&record).await?;
        let Some(check) = Check::read(&graph, app.now(), &record, readings.clone()) else { continue };
        let Some(probe) = &check.spec.probe else { continue };
        let age = i64::from(probe.every_minutes) * 60 * time::SECOND;
        let mut due = check.subjects(&Audience::All);
        due.retain(|thing| readings.get(&thing.uid).is_none_or(|reading| app.now().0 - reading.at.0 >= age));
        due.sort_by_key(|thing| readings.get(&thing.uid).map(|reading| reading.at));
        due.truncate(AT_ONCE);
        let one = |thing: Arc<Record>| async move { (thing.uid, reading(app, ask, probe, &thing).await) };
        let answers: Vec<(Uid, Reading)> = stream::iter(due).map(one).buffer_unordered(SIDE_BY_SIDE).collect().await;
        if !answers.is_empty() {
            app.run(&app.system("probe"), TakeIn { check: record.uid, answers }).await?;
        }
    }
    Ok(())
}

async fn reading(app: &App, ask: &dyn Ask, probe: &Probe, thing: &Record) -> Reading {
    let asked = async {
        match (&probe.http, &probe.program) {
            (Some(template), _) => match address(template, thing) {
                Ok(url) => ask.http(&url).await,
                Err(missing) => Answer::none(format!("It says no {missing}, so it cannot be asked.")),
            },
            (None, Some(program)) => ask.program(program, &described(thing)).await,
            (None, None) => Answer::none("It is not said how to ask."),
        }
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    let answer =
        answer.unwrap_or_else(|_| Answer::none(format!("There was no answer in {} seconds.", PATIENCE.as_secs())));
    Reading { at: app.now(), passed: answer.passed, said: answer.said.chars().take(LETTERS).collect() }
}

/// What a program is told of a thing.
fn described(thing: &Record) -> Value {
    let text = thing.parse();
    json!({"name": thing.reference, "spec": text.spec(), "status": thing.parse_status()})
}

/// An address with the outputs and the names of a thing in it; the word that it does not say.
///
/// # Errors
/// The first word that it does not say.
pub fn address(template: &str, thing: &Record) -> std::result::Result<String, String> {
    let (text, status) = (thing.parse(), thing.parse_status());
    let value = |word: &str| {
        let output = status.pointer("/outputs").and_then(|outputs| outputs.get(word));
        match output {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => match word {
                "name" => Some(thing.reference.name().to_owned()),
                "namespace" => Some(thing.reference.namespace().to_owned()),
                "environment" => Some(text.spec_text("environment").to_owned()).filter(|text| !text.is_empty()),
                _ => None,
            },
        }
    };
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((word, behind)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(&value(word).ok_or_else(|| word.to_owned())?);
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

/// Takes in what was answered.
struct TakeIn {
    check: Uid,
    answers: Vec<(Uid, Reading)>,
}

impl Command for TakeIn {
    fn name(&self) -> &'static str {
        "check.read"
    }

    fn decide(&self, _: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        ctx.require(Action::Sync, &Subject::default())?;
        let mut changes = Changes::default();
        for (about, reading) in &self.answers {
            let data = serde_json::to_value(reading)?;
            changes.items.push(Item { record: self.check, about: *about, time: reading.at, data });
        }
        Ok(changes)
    }
}
