//! A document seen as flat leaves, in the form in which the index takes them in.
//!
//! The rules are those of `loggia_model::flatten` (Backstage catalog, entity search table), with one difference: an
//! item of a list of texts is reported once with a mark, and not a second time as the key `path.item`. The index
//! answers such keys from the values of `path`, since one key per list item would be as many keys as records.

use loggia_model::reference::DEFAULT_NAMESPACE;
use serde_json::Value;

/// Most characters of a key or value that can be asked for.
pub(crate) const LONGEST: usize = 200;

/// Brings a key or value into the form in which it is compared.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_lowercase() }
}

/// One leaf: its folded key, its value as written (`None` when it only exists), whether it is an item of a list.
pub(crate) struct Leaf<'a> {
    pub key: &'a str,
    pub value: Option<&'a str>,
    pub item: bool,
}

/// Whether a text is short enough to be asked for.
pub(crate) fn fits(text: &str) -> bool {
    text.len() <= LONGEST || text.chars().count() <= LONGEST
}

/// Calls `take` for each leaf of a document, and of `status` when given.
pub(crate) fn each(document: &Value, status: Option<&Value>, take: &mut dyn FnMut(Leaf<'_>)) {
    let mut path = String::with_capacity(64);
    for (key, value) in document.as_object().into_iter().flatten() {
        if !matches!(key.as_str(), "attachments" | "relations" | "status") {
            descend(&mut path, key, value, take);
        }
    }
    if let Some(status) = status {
        descend(&mut path, "status", status, take);
    }
    let namespace = document.get("metadata").and_then(|m| m.get("namespace"));
    if namespace.is_none_or(Value::is_null) {
        take(Leaf { key: "metadata.namespace", value: Some(DEFAULT_NAMESPACE), item: false });
    }
}

/// Walks into a member of an object; `path` is as before when it returns.
fn descend(path: &mut String, key: &str, value: &Value, take: &mut dyn FnMut(Leaf<'_>)) {
    let length = path.len();
    if length > 0 {
        path.push('.');
    }
    path.push_str(&fold(key));
    if !matches!(path.as_str(), "metadata.uid" | "metadata.etag") {
        walk(path, value, false, take);
    }
    path.truncate(length);
}

/// Reports a value at the path.
fn walk(path: &mut String, value: &Value, item: bool, take: &mut dyn FnMut(Leaf<'_>)) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| descend(path, key, value, take)),
        Value::Array(list) => list.iter().for_each(|value| walk(path, value, true, take)),
        Value::String(text) => leaf(path, Some(text), item, take),
        Value::Number(number) => leaf(path, Some(&number.to_string()), false, take),
        Value::Bool(yes) => leaf(path, Some(if *yes { "true" } else { "false" }), false, take),
        Value::Null => leaf(path, None, false, take),
    }
}

/// Reports one leaf, unless its key is too long.
fn leaf(path: &str, value: Option<&str>, item: bool, take: &mut dyn FnMut(Leaf<'_>)) {
    if fits(path) {
        take(Leaf { key: path, value: value.filter(|text| fits(text)), item });
    }
}
