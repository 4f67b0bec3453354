//! Use: taking readings in, and telling who uses what.

use super::call::{Call, integral, json, wrong_body};
use super::cloudevents::{self, CloudEvent};
use super::fault::{Fault, page_gone};
use super::route::Handled;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use loggia_app::Error;
use loggia_app::estate::usage::{Reported, UnknownName, UsageFilter, UsePlace};
use loggia_model::usage::{UsageReading, Use};
use loggia_model::{Micros, Problem};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Value, json as value};

/// How many uses a page has when nobody says it.
const USES: usize = 1_000;
/// The type of an event that is a reading.
const READING: &str = "dev.loggia.usage.reported.v1";
/// What the lines of a body are lines of.
const BODY: &str = "body";

/// How many readings were new.
#[derive(Serialize, JsonSchema)]
pub struct Taken {
    /// How many came.
    pub received: usize,
    /// How many of them were not known yet.
    pub new: i64,
    /// What they name that is not known: such readings are kept, and shown nowhere until it is.
    pub unknown: Vec<UnknownName>,
    /// Events of other types, which are no readings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<Ignored>,
}

/// An event that is no reading.
#[derive(Serialize, JsonSchema)]
pub struct Ignored {
    /// Its id.
    pub id: String,
    /// Why it counts for nothing.
    pub why: String,
}

/// Readings behind the numbers.
#[derive(Serialize, JsonSchema)]
pub struct Readings {
    /// Newest first.
    pub items: Vec<UsageReading>,
}

/// Who uses what.
#[derive(Serialize, JsonSchema)]
pub struct Uses {
    /// By offering, release, team and instance.
    pub items: Vec<Use>,
    /// Send it as `cursor` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One reading or many.
pub fn readings(generator: &mut SchemaGenerator) -> Schema {
    let one = generator.subschema_for::<UsageReading>();
    json_schema!({"anyOf": [one, {"type": "array", "items": one, "maxItems": 10_000}]})
}

/// A reading of which the event may say id, source and time.
fn event_reading(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = UsageReading::json_schema(generator);
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name != "id" && name != "time");
    }
    schema
}

/// A CloudEvent. Of [`READING`], its data is a reading; the event gives id, source and time where the data does not.
pub fn event(generator: &mut SchemaGenerator) -> Schema {
    let reading = event_reading(generator);
    let text = value!({"type": "string", "minLength": 1, "maxLength": 300, "pattern": super::parameter::PLAIN});
    json_schema!({
        "type": "object",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text,
            "source": text,
            "type": text,
            "time": {"type": "string", "format": "date-time"},
        },
        // Others are taken and ignored, whatever they say.
        "if": {"properties": {"type": {"const": READING}}},
        "then": {"required": ["time", "data"], "properties": {"data": reading}},
    })
}

/// Many such events.
pub fn events(generator: &mut SchemaGenerator) -> Schema {
    let one = event(generator);
    json_schema!({"type": "array", "items": one, "maxItems": 10_000})
}

/// Takes readings in.
pub async fn report(call: Call) -> Handled {
    let Read { readings, lines, ignored } = read(&call)?;
    let received = readings.len() + ignored.len();
    let reported = call.app().report_usage(&call.caller, readings).await;
    let Reported { new, unknown } = reported.map_err(|error| at_lines(error, &lines))?;
    json(&Taken { received, new, unknown, ignored })
}

/// What a body holds.
#[derive(Default)]
struct Read {
    readings: Vec<UsageReading>,
    /// On which line each stands, where they came as lines.
    lines: Vec<u32>,
    ignored: Vec<Ignored>,
}

fn read(call: &Call) -> Result<Read, Fault> {
    if call.media.starts_with("application/cloudevents") || cloudevents::is_binary(&call.headers) {
        return of_events(&cloudevents::read(call)?);
    }
    if call.media != "application/json" {
        return lines(&call.body);
    }
    let readings = match call.json()? {
        Value::Array(items) => items.into_iter().map(one).collect::<Result<_, Fault>>()?,
        item => vec![one(item)?],
    };
    Ok(Read { readings, ..Read::default() })
}

fn of_events(events: &[CloudEvent]) -> Result<Read, Fault> {
    let mut read = Read::default();
    for (at, event) in events.iter().enumerate() {
        if event.kind == READING {
            read.readings.push(of_event(at, event)?);
        } else {
            let why = format!("{} is no reading of use: those have the type {READING}.", event.kind);
            read.ignored.push(Ignored { id: event.id.clone(), why });
        }
    }
    Ok(read)
}

/// Says of readings that came as lines on which line each problem is.
fn at_lines(error: Error, lines: &[u32]) -> Error {
    let Error::Invalid(problems) = error else { return error };
    let placed = |mut problem: Problem| {
        let (at, field) = problem.path.split_once('.').unwrap_or_default();
        if let Some(line) = at.parse::<usize>().ok().and_then(|at| lines.get(at)) {
            let field = field.to_owned();
            problem = Problem { path: field, line: Some(*line), file: Some(BODY.to_owned()), ..problem };
        }
        problem
    };
    Error::Invalid(problems.into_iter().map(placed).collect())
}

fn one(value: Value) -> Result<UsageReading, Fault> {
    serde_json::from_value(value).map_err(|error| wrong_body(&error).into())
}

/// One reading on each line; blank lines do not count.
fn lines(body: &[u8]) -> Result<Read, Fault> {
    let (mut readings, mut lines, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for (at, line) in body.split(|b| *b == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty()) {
        let reading = serde_json::from_slice(line).and_then(|mut value| {
            integral(&mut value);
            serde_json::from_value(value)
        });
        let line = u32::try_from(at + 1).unwrap_or(u32::MAX);
        match reading {
            Ok(reading) => {
                readings.push(reading);
                lines.push(line);
            }
            Err(error) => {
                let mut problem = Problem::new("usage.line", "", error.to_string(), "Write one JSON object on a line.");
                problem.line = Some(line);
                problem.file = Some(BODY.to_owned());
                problems.push(problem);
            }
        }
    }
    match problems.is_empty() {
        true => Ok(Read { readings, lines, ..Read::default() }),
        false => Err(Error::Invalid(problems).into()),
    }
}

/// The data of an event is a reading; the event gives what the data does not say.
fn of_event(at: usize, event: &CloudEvent) -> Result<UsageReading, Fault> {
    let mut data = event.data.clone();
    let wrong = |message: &str| Error::invalid("usage.event", format!("{at}.data"), message, "Send a reading as data.");
    let map = data.as_object_mut().ok_or_else(|| wrong("It is no object"))?;
    map.retain(|_, value| !value.is_null());
    map.entry("id").or_insert_with(|| event.id.clone().into());
    map.entry("source").or_insert_with(|| event.source.clone().into());
    if let Some(time) = event.time {
        map.entry("time").or_insert_with(|| time.to_string().into());
    }
    serde_json::from_value(data).map_err(|error| wrong(&error.to_string()).into())
}

/// The readings of an offering.
pub async fn list(call: Call) -> Handled {
    let from = call.given.time("from").unwrap_or(Micros(0));
    let until = call.given.time("until").unwrap_or(Micros(i64::MAX));
    let limit = call.given.number("limit").unwrap_or(100);
    let offering = call.given.text("offering");
    let offering = offering.ok_or_else(|| Error::NotFound("Name the offering: ?offering=postgres.".into()))?;
    json(&Readings { items: call.app().usage_rows(&call.caller, offering, (from, until), limit).await? })
}

/// Who uses what.
pub async fn uses(call: Call) -> Handled {
    let filter = UsageFilter {
        offering: call.given.owned("offering"),
        release: call.given.owned("release"),
        team: call.given.owned("team"),
        instance: call.given.owned("instance"),
        from_day: call.given.time("from").map(Micros::day),
        to_day: call.given.time("until").map(Micros::day),
    };
    let limit = call.given.number("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(USES);
    let (items, next) = call.app().uses_page(&call.caller, &filter, place(&call)?.as_ref(), limit).await?;
    let next = next.map(|next| serde_json::to_vec(&next)).transpose()?.map(|next| URL_SAFE_NO_PAD.encode(next));
    json(&Uses { items, next })
}

/// Where a page begins.
fn place(call: &Call) -> Result<Option<UsePlace>, Fault> {
    let Some(text) = call.given.text("cursor") else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let place = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    place.map(Some).ok_or_else(page_gone)
}
