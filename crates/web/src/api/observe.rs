//! What runs, as pipelines and other reporters say: our own JSON, or CDEvents in CloudEvents.

use super::call::{Call, outcome};
use super::cloudevents::{self, CloudEvent};
use super::fault::Fault;
use super::route::Handled;
use axum::http::StatusCode;
use loggia_app::Error;
use loggia_app::estate::{Observe, Observed};
use loggia_model::{Problem, Ref};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Value, json};

/// What became of what was reported.
#[derive(Serialize, JsonSchema)]
pub struct Seen {
    /// Each, in the order in which they were sent.
    pub results: Vec<SeenOne>,
}

/// What became of one report.
#[derive(Serialize, JsonSchema)]
pub struct SeenOne {
    /// `created`, `changed`, `seen`, `older`, `managed`, `gone`, `unknown`, `unmatched`, `clash` or `ignored`.
    pub result: String,
    /// The instance, when it was matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Ref>,
    /// The offering, when it was matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offering: Option<String>,
    /// The release, when it is one of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Why it was not matched or not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What the report names and nobody here knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One report, a list of them, or a CDEvent by itself.
pub fn reports(generator: &mut SchemaGenerator) -> Schema {
    let report = generator.subschema_for::<Observed>();
    let text = json!({"type": "string", "minLength": 1});
    // Which of the two it is meant to be is plain, so its mistakes are told as those of the one.
    let one = json!({
        "if": {"type": "object", "required": ["context", "subject"]},
        "then": {
            "description": "A CDEvent.",
            "properties": {
                "context": {"type": "object", "required": ["type", "id", "source"],
                    "properties": {"type": {"type": "string", "pattern": "^dev\\.cdevents\\."}, "id": text, "source": text}},
                "subject": {"type": "object"},
            },
        },
        "else": report,
    });
    json_schema!({"anyOf": [one, {"type": "array", "items": one, "maxItems": 1_000}]})
}

/// A CloudEvent as JSON.
pub fn event(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<CloudEvent>()
}

/// Many CloudEvents as JSON.
pub fn batch(generator: &mut SchemaGenerator) -> Schema {
    let one = generator.subschema_for::<CloudEvent>();
    json_schema!({"type": "array", "items": one, "maxItems": 1_000})
}

/// Takes reports in.
pub async fn observe(call: Call) -> Handled {
    let reports = reports_of(&call)?;
    let seen: Vec<Observed> = reports.iter().filter_map(|report| report.as_ref().ok()).cloned().collect();
    let done = call.app().run(&call.caller, Observe { seen }).await?;
    let mut answers = done.answer.as_array().cloned().unwrap_or_default().into_iter();
    let results: Vec<Value> = reports
        .into_iter()
        .map(|report| match report {
            Ok(_) => answers.next().unwrap_or(Value::Null),
            Err(why) => json!({"result": "ignored", "why": why}),
        })
        .map(without_nulls)
        .collect();
    Ok(outcome(StatusCode::OK, &done, json!({"results": results})))
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, value| !value.is_null());
    }
    value
}

/// A report, or why an event is none.
type Report = Result<Observed, String>;

fn reports_of(call: &Call) -> Result<Vec<Report>, Fault> {
    if call.media.starts_with("application/cloudevents") || cloudevents::is_binary(&call.headers) {
        return translate(&cloudevents::read(call)?);
    }
    match call.json()? {
        Value::Array(items) => items.into_iter().enumerate().map(|(at, item)| one(at, item)).collect(),
        item => Ok(vec![one(0, item)?]),
    }
}

/// A report of ours, or a CDEvent that came without an envelope.
fn one(at: usize, value: Value) -> Result<Report, Fault> {
    match CloudEvent::around(&value) {
        Some(event) => translated(at, &event).map_err(|problem| Error::Invalid(vec![*problem]).into()),
        None => Ok(Ok(report(value)?)),
    }
}

fn report(value: Value) -> Result<Observed, Fault> {
    serde_json::from_value(value).map_err(|error| super::call::wrong_body(&error).into())
}

fn translated(at: usize, event: &CloudEvent) -> Result<Report, Box<Problem>> {
    let placed = |problem: Box<Problem>| Box::new(Problem { path: format!("{at}.{}", problem.path), ..*problem });
    cloudevents::observed(event).map_err(placed)
}

fn translate(events: &[CloudEvent]) -> Result<Vec<Report>, Fault> {
    let (mut reports, mut problems) = (Vec::new(), Vec::new());
    for (at, event) in events.iter().enumerate() {
        match translated(at, event) {
            Ok(report) => reports.push(report),
            Err(problem) => problems.push(*problem),
        }
    }
    if problems.is_empty() { Ok(reports) } else { Err(Error::Invalid(problems).into()) }
}
