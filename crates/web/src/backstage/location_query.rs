//! `POST /locations/by-query`: registered places by a condition, page by page.

use super::Call;
use super::body::{self, Wanted};
use super::cursor::loosely;
use super::error::Fault;
use super::locations::shown;
use super::params::Params;
use super::{predicate, reply};
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use loggia_app::location::{self, Registered};
use loggia_graph::Predicate;
use loggia_model::shape::{self, Rest, Shape};
use serde_json::{Value, json};

/// How many places a page has when nobody says it.
const PAGE: usize = 1_000;

/// The body.
pub static BODY: Wanted = Wanted {
    shape: Shape::Object(&shape::Fields {
        required: &[],
        known: &[("cursor", Shape::Text), ("limit", Shape::Number), ("query", shape::OPEN)],
        rest: Rest::Any,
    }),
    required: false,
};

/// What is asked for.
struct Asked {
    limit: usize,
    after: Option<String>,
    query: Value,
}

/// Answers with a page of places, in order of identity.
pub async fn answer(call: &Call, body: Body) -> Result<Response, Fault> {
    Params::read(call.query(), &[])?;
    let body = body::read(&call.headers, body, &BODY).await?.unwrap_or_default();
    let asked = asked(&body)?;
    let condition = predicate::query(&asked.query)?;
    check_keys(&condition)?;
    let mut places = location::registered(&call.graph, &call.caller.audience);
    places.retain(|place| matches(&condition, place));
    let total = places.len();
    places.retain(|place| asked.after.as_ref().is_none_or(|after| place.id.to_string() > *after));
    let more = places.len() > asked.limit;
    places.truncate(asked.limit);
    let mut info = json!({});
    if let Some(last) = places.last().filter(|_| more) {
        let next = json!({"limit": asked.limit, "afterId": last.id, "query": asked.query});
        info["nextCursor"] = STANDARD.encode(next.to_string()).into();
    }
    let items: Value = places.iter().map(shown).collect();
    let page = json!({"items": items, "totalItems": total, "pageInfo": info});
    Ok(reply::tagged(StatusCode::OK, page.to_string(), None))
}

fn asked(body: &Value) -> Result<Asked, Fault> {
    let after = match body.get("cursor").and_then(Value::as_str) {
        None => None,
        Some("") => return Err(Fault::input("Cursor cannot be empty")),
        Some(cursor) => Some(serde_json::from_str::<Value>(&loosely(cursor)).ok().filter(Value::is_object)),
    };
    let Some(cursor) = after else {
        let query = body.get("query").cloned().unwrap_or_else(|| json!({}));
        return Ok(Asked { limit: limit(body.get("limit"))?, after: None, query });
    };
    let cursor = cursor.ok_or_else(|| Fault::input("Malformed cursor, unknown encoding"))?;
    let after = cursor.get("afterId").and_then(Value::as_str).map(str::to_owned);
    let query = cursor.get("query").filter(|query| query.is_object()).cloned().unwrap_or_else(|| json!({}));
    Ok(Asked { limit: limit(cursor.get("limit"))?, after, query })
}

fn limit(value: Option<&Value>) -> Result<usize, Fault> {
    let Some(number) = value.and_then(Value::as_f64) else { return Ok(PAGE) };
    if number < 1.0 || number.fract() != 0.0 {
        return Err(Fault::input("Limit must be a positive integer >= 1"));
    }
    // Beyond what the machine counts, the greatest is meant.
    Ok(number as usize)
}

/// Refuses conditions on what a place does not have.
fn check_keys(condition: &Predicate) -> Result<(), Fault> {
    let known = |key: &str| match ["id", "type", "target", "entityref"].contains(&key.to_lowercase().as_str()) {
        true => Ok(()),
        false => Err(Fault::input(format!("Unknown location field \"{key}\", expected id, type, target or entityRef"))),
    };
    match condition {
        Predicate::Everything | Predicate::Nothing => Ok(()),
        Predicate::All(list) | Predicate::Any(list) => list.iter().try_for_each(check_keys),
        Predicate::Not(inner) => check_keys(inner),
        Predicate::Exists(key) | Predicate::In(key, _) | Predicate::Prefix(key, _) => known(key),
        Predicate::Relation(..) => known("relations"),
    }
}

/// Whether a place meets a condition. An empty list of conditions is met by none, unlike those of entities.
fn matches(condition: &Predicate, place: &Registered) -> bool {
    let value = |key: &str| match key.to_lowercase().as_str() {
        "id" => place.id.to_string(),
        "type" => place.kind.to_lowercase(),
        "target" => place.target.to_lowercase(),
        _ => place.reference.to_string(),
    };
    match condition {
        Predicate::Everything | Predicate::Exists(_) => true,
        Predicate::Nothing | Predicate::Relation(..) => false,
        Predicate::All(list) => !list.is_empty() && list.iter().all(|one| matches(one, place)),
        Predicate::Any(list) => list.iter().any(|one| matches(one, place)),
        Predicate::Not(inner) => !matches(inner, place),
        Predicate::In(key, values) => values.iter().any(|one| one.to_lowercase() == value(key)),
        Predicate::Prefix(key, text) => value(key).starts_with(&text.to_lowercase()),
    }
}
