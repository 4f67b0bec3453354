//! Writing records: one at its address, or many at once.

use super::call::{Call, integral, outcome};
use super::fault::Fault;
use super::route::Handled;
use axum::http::StatusCode;
use loggia_app::command::diff::{Difference, differences};
use loggia_app::record::prepare::{Prepared, prepare, prepare_all};
use loggia_app::record::{Apply, Delete, visible};
use loggia_app::{Error, Outcome};
use loggia_model::reference::DEFAULT_NAMESPACE;
use loggia_model::{Problem, Ref, yaml};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Value, json};

/// What became of one document.
#[derive(Serialize, JsonSchema)]
pub struct Applied {
    /// What the document describes.
    #[serde(rename = "ref")]
    pub reference: Ref,
    /// `created`, `changed` or `unchanged`.
    pub result: String,
    /// Tag of the text now.
    pub etag: String,
    /// What differs from before.
    pub diff: Vec<Difference>,
    /// What the text says and does not do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Problem>,
}

/// What became of many documents.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedAll {
    /// Each, in the order in which they were sent.
    pub results: Vec<Applied>,
    /// Whether nothing was written.
    pub dry_run: bool,
}

/// What became of something that was taken away.
#[derive(Serialize, JsonSchema)]
pub struct Deleted {
    /// What it was.
    #[serde(rename = "ref")]
    pub reference: Ref,
    /// `deleted`.
    pub result: String,
}

/// The schema of a document: one for each kind.
pub fn document(_: &mut SchemaGenerator) -> Schema {
    let kinds = loggia_model::kinds::ALL.iter().map(|kind| one_kind(kind)).collect::<Vec<_>>();
    json_schema!({"description": "A document of any kind.", "anyOf": kinds})
}

/// The schema of one or many documents.
pub fn documents(generator: &mut SchemaGenerator) -> Schema {
    let one = document(generator);
    json_schema!({"anyOf": [one, {"type": "array", "items": one, "maxItems": 10_000}]})
}

fn one_kind(kind: &loggia_model::Kind) -> Value {
    json!({
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"enum": kind.api_versions},
            "kind": {"const": kind.name},
            "metadata": metadata(kind),
            "spec": inlined((kind.schema)()),
        },
        "additionalProperties": false,
    })
}

/// A schema without a dialect of its own and without definitions: they are put where they are used.
fn inlined(mut schema: Value) -> Value {
    let definitions = schema.get("$defs").cloned().unwrap_or(Value::Null);
    if let Some(map) = schema.as_object_mut() {
        map.remove("$defs");
        map.remove("$schema");
    }
    inline(&mut schema, &definitions, &[]);
    schema
}

fn inline(schema: &mut Value, definitions: &Value, inside: &[String]) {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix("#/$defs/"));
    let mut inside = inside.to_vec();
    if let Some((name, mut found)) = name.and_then(|name| Some((name.to_owned(), definitions.get(name)?.clone()))) {
        if inside.contains(&name) {
            // What holds itself is told once; further down the rules of its kind hold.
            *schema = json!({"type": "object"});
            return;
        }
        if let (Some(map), Some(own)) = (found.as_object_mut(), schema.as_object()) {
            map.extend(own.iter().filter(|(key, _)| *key != "$ref").map(|(key, value)| (key.clone(), value.clone())));
        }
        inside.push(name);
        *schema = found;
    }
    match schema {
        Value::Object(map) => map.values_mut().for_each(|value| inline(value, definitions, &inside)),
        Value::Array(items) => items.iter_mut().for_each(|value| inline(value, definitions, &inside)),
        _ => {}
    }
}

/// The envelope's metadata, with the rules of the catalog for names.
fn metadata(kind: &loggia_model::Kind) -> Value {
    let name = r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
    let namespace = match kind.is_shared {
        true => json!({"const": DEFAULT_NAMESPACE}),
        false => json!({"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}),
    };
    json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "pattern": name},
            "namespace": namespace,
            "title": {"type": "string", "minLength": 1},
            "description": {"type": "string"},
        },
    })
}

/// Writes one record at its address.
pub async fn put(call: Call) -> Handled {
    let reference = call.reference()?;
    let value = one_document(&call)?;
    let named = loggia_model::Document(value.clone()).reference();
    if named != reference {
        let message = format!("The document describes {named}, and this is the address of {reference}.");
        return Err(Fault::http(StatusCode::CONFLICT, message));
    }
    let prepared = prepare(value, "").map_err(Error::Invalid)?;
    let wanted = prepared.document().0;
    let (dry_run, if_match) = (call.given.flag("dryRun"), call.if_match());
    missing(&call, &reference, if_match.as_deref())?;
    let command = Apply { prepared: vec![prepared], if_match: if_match.clone().filter(|tag| tag != "*"), dry_run };
    let done = call.app().run(&call.caller, command).await;
    let done = done.map_err(|error| stale(&call, &reference, if_match.as_deref(), Some(&wanted), error))?;
    let body = done.answer.get(0).cloned().unwrap_or(Value::Null);
    let created = body.get("result").and_then(Value::as_str) == Some("created") && !dry_run;
    Ok(outcome(if created { StatusCode::CREATED } else { StatusCode::OK }, &done, body))
}

/// A tag is expected of something that is not there.
fn missing(call: &Call, reference: &Ref, if_match: Option<&str>) -> Result<(), Fault> {
    if if_match.is_some() {
        visible(&call.app().graph(), &call.caller.audience, reference)?;
    }
    Ok(())
}

fn one_document(call: &Call) -> Result<Value, Fault> {
    let mut values = read(call)?;
    match (values.pop(), values.is_empty()) {
        (Some(value), true) => Ok(value),
        _ => Err(Error::invalid("body", "", "There is not exactly one document", "Send one document.").into()),
    }
}

/// The documents of a body, JSON or YAML.
fn read(call: &Call) -> Result<Vec<Value>, Fault> {
    let mut values = if call.media == "application/json" { flat(vec![call.value()?]) } else { yaml(&call.body)? };
    // Ours have types; those of the catalog are kept as they are written.
    let ours = |value: &Value| value["apiVersion"].as_str().is_some_and(|version| version.starts_with("loggia.dev/"));
    values.iter_mut().filter(|value| ours(value)).for_each(integral);
    Ok(values)
}

fn yaml(body: &[u8]) -> Result<Vec<Value>, Fault> {
    let text = std::str::from_utf8(body);
    let text = text.map_err(|_| Error::invalid("body", "", "The body is not UTF-8", "Send it as UTF-8."))?;
    let (mut values, mut problems) = (Vec::new(), Vec::new());
    for parsed in yaml::parse(text) {
        match parsed.document {
            Ok(value) => values.push(value),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(flat(values)) } else { Err(Error::Invalid(problems).into()) }
}

/// Lists of documents as their documents.
fn flat(values: Vec<Value>) -> Vec<Value> {
    let one = |value| match value {
        Value::Array(items) => items,
        one => vec![one],
    };
    values.into_iter().flat_map(one).collect()
}

/// A conflict where a tag was expected is a failed precondition; what differs is told.
fn stale(call: &Call, reference: &Ref, tag: Option<&str>, wanted: Option<&Value>, error: Error) -> Fault {
    let (Error::Conflict(message), true) = (&error, tag.is_some()) else { return error.into() };
    let Ok(now) = visible(&call.app().graph(), &call.caller.audience, reference) else { return error.into() };
    let diff = wanted.map(|wanted| differences(&now.parse().0, wanted)).unwrap_or_default();
    Fault::Stale { message: message.clone(), etag: now.etag.to_string(), diff }
}

/// Writes many records at once, or none.
pub async fn apply(call: Call) -> Handled {
    let values = read(&call)?;
    let dry_run = call.given.flag("dryRun");
    let prepared = tokio::task::spawn_blocking(move || prepare_body(values)).await;
    let prepared = prepared.map_err(|error| Error::Internal(format!("preparing was cut off: {error}")))??;
    let command = Apply { prepared, if_match: None, dry_run };
    let done: Outcome = call.app().run(&call.caller, command).await?;
    let body = json!({"results": done.answer, "dryRun": dry_run});
    Ok(outcome(StatusCode::OK, &done, body))
}

/// Checks all documents; problems carry the number of the document as `documents.<number>`.
fn prepare_body(values: Vec<Value>) -> Result<Vec<Prepared>, Error> {
    let many = values.into_iter().enumerate().map(|(at, value)| (value, format!("#{at}"), None)).collect();
    let (mut prepared, mut problems) = (Vec::new(), Vec::new());
    for (at, result) in prepare_all(many).into_iter().enumerate() {
        match result {
            Ok(one) => prepared.push(Prepared { path: String::new(), ..one }),
            Err(found) => problems.extend(found.into_iter().map(|mut problem| {
                problem.path = format!("documents.{at}.{}", problem.path).trim_end_matches('.').to_owned();
                problem
            })),
        }
    }
    if problems.is_empty() { Ok(prepared) } else { Err(Error::Invalid(problems)) }
}

/// Takes one record away.
pub async fn delete(call: Call) -> Handled {
    let reference = call.reference()?;
    let if_match = call.if_match();
    missing(&call, &reference, if_match.as_deref())?;
    let command = Delete {
        reference: reference.clone(),
        if_match: if_match.clone().filter(|tag| tag != "*"),
        dry_run: call.given.flag("dryRun"),
    };
    let done = call.app().run(&call.caller, command).await;
    let done = done.map_err(|error| stale(&call, &reference, if_match.as_deref(), None, error))?;
    let body = done.answer.clone();
    Ok(outcome(StatusCode::OK, &done, body))
}
