//! Places in a JSON Schema, and following its references.

use serde_json::{Map, Value};
use std::collections::HashSet;

/// The schema that takes everything.
pub(super) static ANYTHING: Value = Value::Bool(true);

/// How many references are followed from one place to the next.
const HOPS: usize = 32;
/// Words that say nothing about which values fit.
const NOTES: &[&str] = &[
    "$comment",
    "$defs",
    "$schema",
    "default",
    "definitions",
    "deprecated",
    "description",
    "examples",
    "readOnly",
    "title",
    "writeOnly",
];

/// A schema within the document that its references lead into.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) root: &'a Value,
    pub(super) value: &'a Value,
}

impl<'a> Node<'a> {
    pub(super) fn root(root: &'a Value) -> Node<'a> {
        Node { root, value: root }
    }

    /// Another schema of the same document.
    pub(super) fn at(self, value: &'a Value) -> Node<'a> {
        Node { value, ..self }
    }

    pub(super) fn get(self, key: &str) -> Option<&'a Value> {
        self.value.get(key)
    }

    pub(super) fn fields(self) -> Option<&'a Map<String, Value>> {
        self.value.as_object()
    }

    /// The schemas of its named fields.
    pub(super) fn properties(self) -> Option<&'a Map<String, Value>> {
        self.get("properties")?.as_object()
    }

    /// The schema of fields without a name of their own.
    pub(super) fn additional(self) -> Node<'a> {
        self.at(self.get("additionalProperties").unwrap_or(&ANYTHING))
    }

    /// The names that must be there.
    pub(super) fn required(self) -> HashSet<&'a str> {
        self.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Whether everything fits.
    pub(super) fn takes_everything(self) -> bool {
        match self.value {
            Value::Bool(all) => *all,
            Value::Object(fields) => fields.keys().all(|key| is_note(key)),
            _ => false,
        }
    }

    /// The schema behind references that stand alone; itself where one cannot be followed.
    pub(super) fn resolved(self) -> Node<'a> {
        let mut node = self;
        for _ in 0..HOPS {
            let Some(fields) = node.fields() else { break };
            let Some(reference) = fields.get("$ref").and_then(Value::as_str) else { break };
            if fields.keys().any(|key| key != "$ref" && !is_note(key)) {
                break;
            }
            let Some(target) = node.target(reference) else { break };
            node = node.at(target);
        }
        node
    }

    /// What a reference within the document leads to.
    fn target(self, reference: &str) -> Option<&'a Value> {
        let pointer = reference.strip_prefix('#')?;
        // An identity inside would change where references lead.
        let plain = pointer.is_empty() || pointer.starts_with('/');
        (plain && !pointer.contains('%') && !has_identity(self.root)).then(|| self.root.pointer(pointer)).flatten()
    }

    /// Whether two schemas say the same, with all that they refer to.
    pub(super) fn same(self, other: Node<'_>) -> bool {
        if self.root == other.root {
            return self.value == other.value;
        }
        if self.value != other.value {
            return false;
        }
        let mut names = HashSet::new();
        let mut open = vec![self.value];
        while let Some(value) = open.pop() {
            for reference in references(value) {
                if !names.insert(reference) {
                    continue;
                }
                match (self.target(reference), other.target(reference)) {
                    (Some(one), Some(two)) if one == two => open.push(one),
                    _ => return false,
                }
            }
        }
        true
    }

    /// A document of its own for this schema; none where its references lead elsewhere than to definitions.
    pub(super) fn alone(self) -> Option<Value> {
        if std::ptr::eq(self.root, self.value) {
            return Some(self.root.clone());
        }
        let Some(fields) = self.fields() else { return Some(self.value.clone()) };
        let definitions = ["$defs", "definitions"];
        let mut alone = fields.clone();
        let mut open = references(self.value);
        if open.is_empty() {
            return Some(Value::Object(alone));
        }
        if definitions.iter().any(|key| alone.contains_key(*key)) {
            return None;
        }
        for key in definitions {
            if let Some(all) = self.root.get(key) {
                open.extend(references(all));
                alone.insert(key.to_owned(), all.clone());
            }
        }
        let known = |reference: &&str| reference.starts_with("#/$defs/") || reference.starts_with("#/definitions/");
        (open.iter().all(known) && !has_identity(self.root)).then_some(Value::Object(alone))
    }
}

/// Whether a word says nothing about which values fit.
fn is_note(key: &str) -> bool {
    NOTES.contains(&key) || key.starts_with("x-")
}

/// The references of a schema.
fn references(value: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                for (key, inner) in fields {
                    match inner.as_str() {
                        Some(text) if matches!(key.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef") => {
                            found.push(text);
                        }
                        _ => open.push(inner),
                    }
                }
            }
            Value::Array(list) => open.extend(list),
            _ => {}
        }
    }
    found
}

/// Whether a part of the document has an identity or an anchor of its own.
fn has_identity(root: &Value) -> bool {
    let mut open = vec![root];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                if !std::ptr::eq(value, root) && fields.get("$id").is_some_and(Value::is_string) {
                    return true;
                }
                open.extend(fields.values());
            }
            Value::Array(list) => open.extend(list),
            _ => {}
        }
    }
    false
}
