//! The fields of a document as pairs of key and value: what filters, orders and facets ask about.

use serde_json::{Number, Value};
use std::collections::HashSet;
use std::fmt::Write;

/// Keys and values that are longer are not kept; in UTF-16 units, as the Backstage catalog counts.
pub const MAX_LENGTH: usize = 200;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf<'a> {
    /// `null`, or a text that is too long: the field exists, and matches nothing.
    Exists,
    /// A text.
    Text {
        /// As written; numbers and booleans as JavaScript writes them.
        original: &'a str,
        /// In lower case: what is compared.
        folded: &'a str,
    },
}

/// The parts of a document that are not flattened.
const LEFT_OUT: [&str; 5] = ["attachments", "relations", "status", "metadata.etag", "metadata.uid"];

/// Calls `sink` with every pair of lower-case key and value, in document order; a key can come several times.
///
/// Objects are joined by `.`, lists descend without an index, and each text of a list also gives `<key>.<text>` with
/// the value `true`. Empty objects and lists give nothing. `metadata.namespace` is `default` where there is none.
pub fn flatten(document: &Value, sink: &mut impl FnMut(&str, Leaf<'_>)) {
    let mut walk = Walk { key: String::with_capacity(64), folded: String::new(), number: String::new(), sink };
    walk.visit(document, true);
    let namespace = document.get("metadata").and_then(|m| m.get("namespace"));
    if namespace.is_none_or(|n| n.is_null() || n == "") {
        let default = crate::reference::DEFAULT_NAMESPACE;
        (walk.sink)("metadata.namespace", Leaf::Text { original: default, folded: default });
    }
}

/// Like [`flatten`], for a part of a document that is known under a key, such as `status`.
pub fn flatten_under(key: &str, value: &Value, sink: &mut impl FnMut(&str, Leaf<'_>)) {
    let mut walk = Walk { key: key.to_lowercase(), folded: String::new(), number: String::new(), sink };
    walk.visit(value, false);
}

/// The state of a walk. The texts are buffers that are used again.
struct Walk<'s, S> {
    /// The key so far, in lower case.
    key: String,
    /// The lower case of a text, where it differs.
    folded: String,
    /// The text of a number.
    number: String,
    /// Who gets the pairs.
    sink: &'s mut S,
}

/// Appends the lower case of a text.
fn push_folded(text: &str, out: &mut String) {
    if text.is_ascii() {
        let start = out.len();
        out.push_str(text);
        out[start..].make_ascii_lowercase();
    } else {
        out.push_str(&text.to_lowercase());
    }
}

/// Whether a text is longer than what is kept.
fn too_long(text: &str) -> bool {
    text.len() > MAX_LENGTH && (text.is_ascii() || text.encode_utf16().count() > MAX_LENGTH)
}

impl<S: FnMut(&str, Leaf<'_>)> Walk<'_, S> {
    /// Visits one value under the current key.
    fn visit(&mut self, value: &Value, from_root: bool) {
        match value {
            Value::Null => self.emit(None),
            Value::Bool(true) => self.emit(Some("true")),
            Value::Bool(false) => self.emit(Some("false")),
            Value::Number(number) => {
                let mut text = std::mem::take(&mut self.number);
                text.clear();
                write_number(number, &mut text);
                self.emit(Some(&text));
                self.number = text;
            }
            Value::String(text) => self.emit(Some(text)),
            Value::Array(items) => self.list(items, from_root),
            Value::Object(map) => {
                let length = self.key.len();
                for (name, inner) in map {
                    if length > 0 {
                        self.key.push('.');
                    }
                    push_folded(name, &mut self.key);
                    if !(from_root && LEFT_OUT.contains(&self.key.as_str())) {
                        self.visit(inner, from_root);
                    }
                    self.key.truncate(length);
                }
            }
        }
    }

    /// Visits the items of a list; each text also becomes a key, once.
    fn list(&mut self, items: &[Value], from_root: bool) {
        let length = self.key.len();
        let mut seen: HashSet<String> = HashSet::new();
        for (at, item) in items.iter().enumerate() {
            self.visit(item, from_root);
            let Some(text) = item.as_str() else { continue };
            self.key.push('.');
            push_folded(text, &mut self.key);
            let name = &self.key[length + 1..];
            // Short lists are compared in place; a set is made for long ones only.
            let again = if items.len() <= 16 {
                items[..at].iter().filter_map(Value::as_str).any(|earlier| same_folded(earlier, name))
            } else {
                !seen.insert(name.to_owned())
            };
            if !again && !too_long(&self.key) {
                (self.sink)(&self.key, Leaf::Text { original: "true", folded: "true" });
            }
            self.key.truncate(length);
        }
    }

    /// Gives one pair.
    fn emit(&mut self, text: Option<&str>) {
        if too_long(&self.key) {
            return;
        }
        let Some(original) = text else { return (self.sink)(&self.key, Leaf::Exists) };
        let folded = if original.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
            original
        } else {
            self.folded.clear();
            push_folded(original, &mut self.folded);
            &self.folded
        };
        let leaf = if too_long(folded) { Leaf::Exists } else { Leaf::Text { original, folded } };
        (self.sink)(&self.key, leaf);
    }
}

/// Whether the lower case of a text is another one.
fn same_folded(text: &str, folded: &str) -> bool {
    if text.is_ascii() { text.eq_ignore_ascii_case(folded) } else { text.to_lowercase() == folded }
}

/// Appends a number as JavaScript writes it.
pub fn write_number(number: &Number, out: &mut String) {
    // Writing to a String does not fail.
    let _ = match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(whole), _, _) => write!(out, "{whole}"),
        (_, Some(whole), _) => write!(out, "{whole}"),
        (_, _, Some(0.0)) => write!(out, "0"),
        (_, _, Some(float)) if (1e-6..1e21).contains(&float.abs()) => write!(out, "{float}"),
        (_, _, Some(float)) => {
            let text = format!("{float:e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let sign = if exponent.starts_with('-') { "" } else { "+" };
            write!(out, "{digits}e{sign}{exponent}")
        }
        _ => write!(out, "{number}"),
    };
}

/// Finds two fields of one object that differ only by case; such a document cannot be asked about.
pub fn clash(value: &Value) -> Option<String> {
    fn walk(value: &Value, path: &str) -> Option<String> {
        let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match value {
            Value::Array(items) => items.iter().find_map(|item| walk(item, path)),
            Value::Object(map) => {
                let mixed = map.keys().any(|key| key.chars().any(char::is_uppercase));
                let mut seen = HashSet::new();
                let twice = map.keys().filter(|_| mixed).find(|key| !seen.insert(key.to_lowercase()));
                twice.map(|key| join(key)).or_else(|| {
                    let nested = map.iter().filter(|(_, inner)| inner.is_object() || inner.is_array());
                    nested.map(|(key, inner)| (join(key), inner)).find_map(|(path, inner)| walk(inner, &path))
                })
            }
            _ => None,
        }
    }
    walk(value, "")
}
