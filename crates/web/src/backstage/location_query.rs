//! `POST /locations/by-query`: registered places by a condition, page by page.

use super::Call;
use super::body::{self, Wanted};
use super::cursor::loosely;
use super::error::Fault;
use super::locations::shown;
use super::params::Params;
use super::{invalid, predicate, reply};
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use loggia_app::source::location::{self, Registered};
use loggia_model::shape::{self, Rest, Shape};
use serde_json::{Value, json};

/// How many places a page has when nobody says it.
const PAGE: usize = 1_000;

/// What a place has, in lower case.
const KEYS: [&str; 4] = ["id", "type", "target", "entityref"];

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
    check(&asked.query)?;
    let mut places = location::registered(&call.graph, &call.caller.audience);
    places.retain(|place| meets(&asked.query, place).unwrap_or(true));
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

/// Reads a first question, or one that goes on where a cursor says.
fn asked(body: &Value) -> Result<Asked, Fault> {
    let query = |holder: &Value| holder.get("query").cloned().unwrap_or_else(|| json!({}));
    let Some(cursor) = body.get("cursor").and_then(Value::as_str) else {
        let limit = body.get("limit").map_or(Some(PAGE), limit);
        let limit = limit.ok_or_else(|| Fault::input("Limit must be a positive integer >= 1"))?;
        return Ok(Asked { limit, after: None, query: query(body) });
    };
    if cursor.is_empty() {
        return Err(Fault::input("Cursor cannot be empty"));
    }
    let cursor = serde_json::from_str::<Value>(&loosely(cursor));
    let cursor = cursor.map_err(|_| Fault::input("Malformed cursor, unknown encoding"))?;
    let wrong = |what: &str| Fault::input(format!("Malformed cursor: Validation error: {what}"));
    let after = match cursor.get("afterId") {
        None => None,
        Some(Value::String(after)) => Some(after.clone()),
        Some(_) => return Err(wrong("Expected string at \"afterId\"")),
    };
    let limit = cursor.get("limit").ok_or_else(|| wrong("Required at \"limit\"")).map(limit)?;
    let limit = limit.ok_or_else(|| wrong("Number must be an integer greater than or equal to 1 at \"limit\""))?;
    Ok(Asked { limit, after, query: query(&cursor) })
}

/// A number of places; none when it is no whole number above zero.
fn limit(value: &Value) -> Option<usize> {
    // Beyond what the machine counts, the greatest is meant.
    value.as_f64().filter(|number| *number >= 1.0 && number.fract() == 0.0).map(|number| number as usize)
}

/// Refuses conditions of a wrong form, and on what a place does not have.
fn check(query: &Value) -> Result<(), Fault> {
    if let Some(message) = invalid::message(query) {
        return Err(Fault::input(format!("Invalid query: Validation error: {message}")));
    }
    check_keys(query)
}

fn check_keys(query: &Value) -> Result<(), Fault> {
    let Value::Object(map) = query else {
        return Err(Fault::input("Invalid filter predicate, expected an object"));
    };
    for (key, value) in map {
        match (key.as_str(), value) {
            ("$all" | "$any", Value::Array(list)) => list.iter().try_for_each(check_keys)?,
            ("$not", inner) => check_keys(inner)?,
            _ if KEYS.contains(&key.to_lowercase().as_str()) => {}
            _ => {
                return Err(Fault::input(format!(
                    "Invalid filter predicate, expected key to be 'id', 'type', 'target' or 'entityRef', got '{key}'"
                )));
            }
        }
    }
    Ok(())
}

/// Whether a place meets a condition whose form was checked; none when it asks nothing, and then it does not count
/// among others. An empty list of conditions is met by no place, unlike those of entities.
fn meets(query: &Value, place: &Registered) -> Option<bool> {
    let list = |key: &str| query.get(key)?.as_array();
    let each = |list: &[Value]| list.iter().filter_map(|one| meets(one, place)).collect::<Vec<bool>>();
    if let Some(all) = list("$all") {
        let met = each(all);
        return (all.is_empty() || !met.is_empty()).then(|| !all.is_empty() && met.iter().all(|one| *one));
    }
    if let Some(any) = list("$any") {
        let met = each(any);
        return (any.is_empty() || !met.is_empty()).then(|| met.contains(&true));
    }
    if let Some(inner) = query.get("$not") {
        return meets(inner, place).map(|met| !met);
    }
    let fields = query.as_object().filter(|fields| !fields.is_empty())?;
    Some(fields.iter().all(|(key, wanted)| has(place, &key.to_lowercase(), wanted)))
}

/// Whether one value of a place is as wanted. Identities are compared as they are, all else in any case of letters.
fn has(place: &Registered, key: &str, wanted: &Value) -> bool {
    let value = match key {
        "id" => place.id.to_string(),
        "type" => place.kind.clone(),
        "target" => place.target.clone(),
        _ => place.reference.to_string(),
    };
    let is = |wanted: &Value| match key {
        "id" => predicate::text(wanted) == value,
        _ => predicate::text(wanted).to_lowercase() == value.to_lowercase(),
    };
    let Value::Object(operators) = wanted else { return is(wanted) };
    if let Some(exists) = operators.get("$exists").and_then(Value::as_bool) {
        return exists;
    }
    if let Some(list) = operators.get("$in").and_then(Value::as_array).filter(|list| invalid::primitives(list)) {
        return list.iter().any(is);
    }
    // No value of a place is a list, so none contains anything.
    let contains = operators.get("$contains").is_some_and(|item| invalid::message(item).is_none());
    let prefix = operators.get("$hasPrefix").and_then(Value::as_str).filter(|_| !contains);
    prefix.is_some_and(|prefix| value.to_lowercase().starts_with(&prefix.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Registered {
        Registered {
            id: "0190a000-0000-7000-8000-00000000000a".parse().unwrap(),
            kind: "url".into(),
            target: "https://example.com/A.yaml".into(),
            reference: "location:default/generated-1".parse().unwrap(),
            trusted: false,
        }
    }

    #[test]
    fn conditions_that_ask_nothing_do_not_count() {
        for (query, expected) in [
            (json!({}), true),
            (json!({"$all": []}), false),
            (json!({"$any": []}), false),
            (json!({"$not": {}}), true),
            (json!({"$not": {"$all": []}}), true),
            (json!({"$all": [{}]}), true),
            (json!({"$any": [{}, {"type": "file"}]}), false),
            (json!({"$any": [{"type": "file"}, {"TARGET": "HTTPS://EXAMPLE.COM/a.yaml"}]}), true),
            (json!({"id": "0190A000-0000-7000-8000-00000000000A"}), false),
            (json!({"id": {"$in": ["0190a000-0000-7000-8000-00000000000a"]}}), true),
            (json!({"entityRef": {"$hasPrefix": "LOCATION:"}, "type": {"$exists": true}}), true),
            (json!({"target": {"$contains": "https://example.com/A.yaml"}}), false),
            (json!({"target": {"$contains": {"type": "x"}}}), false),
        ] {
            assert!(check(&query).is_ok(), "{query}");
            assert_eq!(meets(&query, &place()).unwrap_or(true), expected, "{query}");
        }
        for wrong in [json!({"name": "x"}), json!({"$all": ["x"]}), json!({"$any": [{"x": 1}]}), json!({"type": null})]
        {
            assert!(check(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn cursors_are_checked() {
        let ask = |text: &str| asked(&json!({"cursor": STANDARD.encode(text)}));
        let found = ask(r#"{"limit":2,"afterId":"a"}"#).unwrap();
        assert_eq!((found.limit, found.after.as_deref(), found.query), (2, Some("a"), json!({})));
        for wrong in ["{}", "5", r#"{"limit":0}"#, r#"{"limit":"1"}"#, r#"{"limit":1,"afterId":5}"#] {
            assert!(ask(wrong).is_err(), "{wrong}");
        }
    }
}
