//! Cursors: where a page begins, written so that the catalog client understands as much of it as it needs.

use super::error::{Fault, Issue};
use super::{invalid, predicate, syntax};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::STANDARD as ENCODE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use loggia_graph::{OrderKey, Position, Predicate};
use serde_json::{Map, Value, json};

/// The text that must occur, and where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// The text.
    pub term: String,
    /// The fields; the default ones when absent.
    pub fields: Option<Vec<String>>,
}

/// A place in a list, and what the list is of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cursor {
    /// The order, when one was asked for.
    pub order: Option<OrderKey>,
    /// Whether the page lies before the place.
    pub backwards: bool,
    /// The condition, when there is one.
    pub predicate: Option<Predicate>,
    /// The text that must occur.
    pub text: Option<Text>,
    /// The place.
    pub place: Vec<Option<String>>,
    /// The place of the first row of the first page.
    pub first: Option<Vec<Option<String>>>,
    /// How many there were when the first page was read.
    pub total: Option<u64>,
}

/// The values that a cursor holds for a place: that of the order, and the name.
pub fn place(position: &Position) -> Vec<Option<String>> {
    position.values.iter().cloned().chain([Some(position.reference.clone())]).collect()
}

impl Cursor {
    /// The text for the client. A `query` is in it when there is a condition: the client then goes on by POST.
    pub fn encode(&self) -> String {
        let order = self
            .order
            .iter()
            .map(|key| json!({"field": key.key, "order": if key.descending { "desc" } else { "asc" }}));
        let mut map = Map::new();
        map.insert("orderFields".into(), order.collect());
        map.insert("isPrevious".into(), json!(self.backwards));
        map.insert("orderFieldValues".into(), json!(self.place));
        if let Some(condition) = &self.predicate {
            map.insert("query".into(), predicate::to_json(condition));
        }
        if let Some(text) = &self.text {
            let mut filter = json!({"term": text.term});
            if let Some(fields) = &text.fields {
                filter["fields"] = json!(fields);
            }
            map.insert("fullTextFilter".into(), filter);
        }
        if let Some(first) = &self.first {
            map.insert("firstSortFieldValues".into(), json!(first));
        }
        if let Some(total) = self.total {
            map.insert("totalItems".into(), json!(total));
        }
        ENCODE.encode(Value::Object(map).to_string())
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// An input error for what is none.
    pub fn decode(text: &str) -> Result<Cursor, Fault> {
        let text = loosely(text);
        let value: Value = serde_json::from_str(&text)
            .map_err(|_| Fault::input(format!("Malformed cursor: SyntaxError: {}", syntax::fault(&text))))?;
        read(&value)
            .map_err(|issue| Fault::input(format!("Malformed cursor: InputError: Malformed cursor: {}", issue.told())))
    }

    /// The place as the snapshot understands it; none when the cursor names none, which means the beginning.
    pub fn position(&self) -> Option<Position> {
        let (reference, values) = self.place.split_last()?;
        let values = if self.order.is_some() { vec![values.first().cloned().flatten()] } else { Vec::new() };
        Some(Position { values, reference: reference.clone().unwrap_or_default() })
    }
}

/// Reads base64 as the peer does: both alphabets, other characters are passed over, `=` ends it.
pub fn loosely(text: &str) -> String {
    let kept = text.chars().take_while(|c| *c != '=').filter_map(|c| match c {
        '-' => Some('+'),
        '_' => Some('/'),
        c if c.is_ascii_alphanumeric() || c == '+' || c == '/' => Some(c),
        _ => None,
    });
    let mut kept: String = kept.collect();
    if kept.len() % 4 == 1 {
        // One character alone holds no byte.
        kept.pop();
    }
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = GeneralPurpose::new(&STANDARD, config).decode(kept).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A wrong place in a cursor, as the peer tells it.
fn issue(expected: &'static str, value: Option<&Value>, path: &[&'static str]) -> Issue {
    let received = match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    };
    let message = match value {
        None => "Required".to_owned(),
        Some(_) => format!("Expected {expected}, received {received}"),
    };
    Issue {
        code: "invalid_type",
        expected: Some(expected),
        received: Some(received),
        keys: None,
        path: path.to_vec(),
        message,
    }
}

fn read(value: &Value) -> Result<Cursor, Issue> {
    let map = value.as_object().ok_or_else(|| issue("object", Some(value), &[]))?;
    let places = |key: &'static str| -> Result<Option<Vec<Option<String>>>, Issue> {
        let Some(value) = map.get(key) else { return Ok(None) };
        let list = value.as_array().ok_or_else(|| issue("array", Some(value), &[key]))?;
        let text = |value: &Value| match value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            other => Err(issue("string", Some(other), &[key])),
        };
        list.iter().map(text).collect::<Result<Vec<_>, _>>().map(Some)
    };
    let backwards = map.get("isPrevious");
    Ok(Cursor {
        order: order(map.get("orderFields"))?,
        backwards: backwards.and_then(Value::as_bool).ok_or_else(|| issue("boolean", backwards, &["isPrevious"]))?,
        predicate: condition(map)?,
        text: map.get("fullTextFilter").map(full_text).transpose()?,
        place: places("orderFieldValues")?.ok_or_else(|| issue("array", None, &["orderFieldValues"]))?,
        first: places("firstSortFieldValues")?,
        total: map.get("totalItems").map(total).transpose()?,
    })
}

fn total(value: &Value) -> Result<u64, Issue> {
    // A count written by hand may be any number; below zero there is nothing.
    value.as_f64().map(|number| number.max(0.0) as u64).ok_or_else(|| issue("number", Some(value), &["totalItems"]))
}

fn order(value: Option<&Value>) -> Result<Option<OrderKey>, Issue> {
    let list = value.and_then(Value::as_array).ok_or_else(|| issue("array", value, &["orderFields"]))?;
    // Only the first counts, but all must be right.
    let keys = list.iter().map(order_key).collect::<Result<Vec<_>, _>>()?;
    Ok(keys.into_iter().next())
}

fn order_key(value: &Value) -> Result<OrderKey, Issue> {
    let wrong = |expected, name: &'static str| issue(expected, value.get(name), &["orderFields", name]);
    let key = value.get("field").and_then(Value::as_str).ok_or_else(|| wrong("string", "field"))?;
    match value.get("order").and_then(Value::as_str) {
        Some("asc") => Ok(OrderKey::ascending(key)),
        Some("desc") => Ok(OrderKey::descending(key)),
        _ => Err(wrong("'asc' | 'desc'", "order")),
    }
}

fn condition(map: &Map<String, Value>) -> Result<Option<Predicate>, Issue> {
    if let Some(query) = map.get("query") {
        let right = query.is_object() && invalid::message(query).is_none();
        let read = right.then(|| predicate::query(query).ok()).flatten();
        return read.map(Some).ok_or_else(|| issue("object", Some(query), &["query"]));
    }
    let older = |filter: &Value| predicate::older(filter).ok_or_else(|| issue("object", Some(filter), &["filter"]));
    map.get("filter").map(older).transpose()
}

fn full_text(value: &Value) -> Result<Text, Issue> {
    let path = "fullTextFilter";
    let map = value.as_object().ok_or_else(|| issue("object", Some(value), &[path]))?;
    let term = map.get("term");
    let term = term.and_then(Value::as_str).ok_or_else(|| issue("string", term, &[path, "term"]))?;
    let texts = |value: &Value| {
        let list = value.as_array().ok_or_else(|| issue("array", Some(value), &[path, "fields"]))?;
        let text = |one: &Value| one.as_str().map(str::to_owned).ok_or(issue("string", Some(one), &[path, "fields"]));
        list.iter().map(text).collect()
    };
    Ok(Text { term: term.to_owned(), fields: map.get("fields").map(texts).transpose()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_as_it_was_written() {
        let cursor = Cursor {
            order: Some(OrderKey::descending("metadata.name")),
            backwards: true,
            predicate: Some(Predicate::equals("kind", "api")),
            text: Some(Text { term: "a".into(), fields: Some(vec!["kind".into()]) }),
            place: vec![Some("x".into()), Some("api:default/x".into())],
            first: Some(vec![None, Some("api:default/a".into())]),
            total: Some(7),
        };
        assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor.clone()));
        let place = Position { values: vec![Some("x".into())], reference: "api:default/x".into() };
        assert_eq!(cursor.position(), Some(place));
    }

    #[test]
    fn what_is_no_cursor_is_told() {
        let message = |text: &str| Cursor::decode(text).unwrap_err().message;
        assert_eq!(
            message("abc"),
            "Malformed cursor: SyntaxError: Unexpected token 'i', \"i\u{fffd}\" is not valid JSON"
        );
        let text = message(&ENCODE.encode(r#"{"orderFields":"x","orderFieldValues":[],"isPrevious":false}"#));
        assert!(text.contains("Expected array, received string"), "{text}");
        let cursor = Cursor::decode(&ENCODE.encode(r#"{"orderFields":[],"orderFieldValues":[],"isPrevious":false}"#));
        assert_eq!(cursor.map(|cursor| (cursor.total, cursor.position())), Ok((None, None)));
        for wrong in [
            r#"{"orderFields":[{"field":"a","order":"asc"},{}],"orderFieldValues":[],"isPrevious":false}"#,
            r#"{"orderFields":[],"orderFieldValues":[],"isPrevious":false,"fullTextFilter":{}}"#,
            r#"{"orderFields":[],"orderFieldValues":[5],"isPrevious":false}"#,
        ] {
            assert!(Cursor::decode(&ENCODE.encode(wrong)).is_err(), "{wrong}");
        }
    }
}
