//! `fields`: which parts of an entity are answered.
//!
//! Only the top-level parts that are asked for are read from the stored text; relations are worked out only when they
//! are wanted.

use super::error::Fault;
use loggia_graph::{Audience, Graph};
use loggia_model::Record;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// A list with a greater index is not made.
const LONGEST: usize = 10_000;

/// What every object of the peer's language has beside its own: it exists, and cannot be written.
const INHERITED: [&str; 12] = [
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
    "__proto__",
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
];

/// The parts that were asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields {
    /// The paths, cut at dots.
    paths: Vec<Vec<String>>,
}

/// The top level of a stored document, unread.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Top<'a> {
    #[serde(borrow)]
    api_version: Option<&'a RawValue>,
    #[serde(borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    spec: Option<&'a RawValue>,
}

impl Fields {
    /// Reads the texts of the parameter, each of which may name several; none when they name nothing.
    ///
    /// # Errors
    /// An input error for an index in brackets.
    pub fn read(texts: &[String]) -> Result<Option<Fields>, Fault> {
        let names: Vec<&str> =
            texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|name| !name.is_empty()).collect();
        if let Some(name) = names.iter().find(|name| name.contains('[')) {
            return Err(Fault::input(format!("Invalid field \"{name}\", array type fields are not supported")));
        }
        let paths: Vec<_> = names.iter().map(|name| name.split('.').map(str::to_owned).collect()).collect();
        Ok((!paths.is_empty()).then_some(Fields { paths }))
    }

    /// Appends the parts of a record.
    pub fn write(&self, graph: &Graph, audience: &Audience, record: &Record, out: &mut String) {
        let entity = self.entity(graph, audience, record);
        let mut result = Value::Object(Map::new());
        for path in &self.paths {
            if let Some((path, value)) = find(&entity, path) {
                set(&mut result, &path, value);
            }
        }
        out.push_str(&result.to_string());
    }

    /// The entity, as far as it is asked for.
    fn entity(&self, graph: &Graph, audience: &Audience, record: &Record) -> Value {
        let wanted = |part: &str| self.paths.iter().any(|path| path.first().is_some_and(|first| first == part));
        let mut entity = Map::new();
        if let Ok(top) = serde_json::from_str::<Top<'_>>(&record.document) {
            let parts =
                [("apiVersion", top.api_version), ("kind", top.kind), ("metadata", top.metadata), ("spec", top.spec)];
            for (part, raw) in parts.into_iter().filter(|(part, _)| wanted(part)) {
                let value = raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
                entity.extend(value.map(|value| (part.to_owned(), value)));
            }
        }
        if let Some(metadata) = entity.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("uid".into(), json!(record.uid));
            metadata.insert("etag".into(), json!(&*record.etag));
        }
        if wanted("relations") {
            let relations = graph.relations(audience, record).into_iter();
            let relations = relations.map(|one| json!({"type": one.relation.name(), "targetRef": one.target}));
            entity.insert("relations".into(), relations.collect());
        }
        Value::Object(entity)
    }
}

/// What a path leads to, with the steps that were taken: where a step leads nowhere, it is joined with the next one,
/// so that keys with dots are found.
fn find<'a>(entity: &'a Value, path: &'a [String]) -> Option<(Vec<Cow<'a, str>>, Value)> {
    let mut steps: Vec<Cow<'a, str>> = Vec::new();
    let mut at = entity;
    let mut joined: Option<String> = None;
    for (index, part) in path.iter().enumerate() {
        let last = index + 1 == path.len();
        let key: Cow<'a, str> = match joined.take() {
            Some(former) => Cow::Owned(format!("{former}.{part}")),
            None => Cow::Borrowed(part),
        };
        match step(at, &key) {
            Some(inner) => {
                at = inner;
                steps.push(key);
            }
            None if INHERITED.contains(&&*key) => return None,
            None if last && key == "length" => return length(at).map(|length| (with(steps, key), length)),
            None if last => return character(at, &key).map(|character| (with(steps, key), character)),
            None => joined = Some(key.into_owned()),
        }
    }
    Some((steps, at.clone()))
}

fn with<'a>(mut steps: Vec<Cow<'a, str>>, key: Cow<'a, str>) -> Vec<Cow<'a, str>> {
    steps.push(key);
    steps
}

fn step<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => map.get(key),
        Value::Array(list) => list.get(index(key)?),
        _ => None,
    }
}

/// How long a text or a list is, as the peer counts.
fn length(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => Some(json!(text.encode_utf16().count())),
        Value::Array(list) => Some(json!(list.len())),
        _ => None,
    }
}

/// A single character of a text, which in the language of the peer is a list of them.
fn character(value: &Value, key: &str) -> Option<Value> {
    let unit = value.as_str()?.encode_utf16().nth(index(key)?)?;
    Some(Value::from(String::from_utf16_lossy(&[unit])))
}

/// A key that is the index of a list.
fn index(key: &str) -> Option<usize> {
    let plain = key.bytes().all(|byte| byte.is_ascii_digit()) && (key == "0" || !key.starts_with('0'));
    plain.then(|| key.parse().ok()).flatten().filter(|index| *index < LONGEST)
}

/// Puts a value at a path; what is in its way and holds nothing becomes a list or an object, by the next step.
fn set(target: &mut Value, path: &[Cow<'_, str>], value: Value) {
    let Some((key, rest)) = path.split_first() else {
        *target = value;
        return;
    };
    let slot = match (target, index(key)) {
        (Value::Array(list), Some(index)) => {
            if list.len() <= index {
                list.resize(index + 1, Value::Null);
            }
            &mut list[index]
        }
        (Value::Object(map), _) => map.entry(key.clone().into_owned()).or_insert(Value::Null),
        _ => return,
    };
    if let Some(next) = rest.first()
        && !(slot.is_object() || slot.is_array())
    {
        *slot = if index(next).is_some() { json!([]) } else { json!({}) };
    }
    set(slot, rest, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(entity: &Value, names: &str) -> Value {
        let fields = Fields::read(&[names.to_owned()]).unwrap().unwrap();
        let mut result = json!({});
        for path in &fields.paths {
            if let Some((path, value)) = find(entity, path) {
                set(&mut result, &path, value);
            }
        }
        result
    }

    #[test]
    fn parts_keep_their_nesting() {
        let entity = json!({"kind": "Component", "metadata": {"name": "ok", "labels": {"a.b/c": "x"}},
            "spec": {"dotted.key": 1, "nothing": null, "ports": [{"name": "http"}, {"name": "grpc"}]}});
        for (names, expected) in [
            ("kind,kind", json!({"kind": "Component"})),
            ("Kind", json!({})),
            ("spec.dotted.key,spec.nothing", json!({"spec": {"dotted.key": 1, "nothing": null}})),
            ("metadata.labels.a.b/c", json!({"metadata": {"labels": {"a.b/c": "x"}}})),
            ("spec.ports.name", json!({})),
            ("spec.ports.1.name", json!({"spec": {"ports": [null, {"name": "grpc"}]}})),
            ("metadata.name.length", json!({"metadata": {"name": {"length": 2}}})),
            ("metadata.name.1,metadata.name.2", json!({"metadata": {"name": [null, "k"]}})),
            ("constructor,nosuch.x", json!({})),
        ] {
            assert_eq!(project(&entity, names), expected, "{names}");
        }
        assert_eq!(Fields::read(&[" , ".to_owned()]), Ok(None));
        assert!(Fields::read(&["a[0]".to_owned()]).is_err());
    }
}
