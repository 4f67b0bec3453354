//! Objects: their fields, which of them must be there, and what is filled in for them.

use super::Side;
use super::contained::{Walk, What, join, same};
use super::schema::Node;
use super::values;
use serde_json::Value;
use std::collections::HashSet;

/// Keywords of an object to which it matters which fields were filled in.
const COUNTING: &[&str] = &[
    "enum",
    "const",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "dependentSchemas",
    "dependentRequired",
    "dependencies",
    "propertyNames",
    "patternProperties",
    "minProperties",
    "maxProperties",
    "unevaluatedProperties",
];

/// Compares what two schemas say about objects.
pub(super) fn objects(walk: &mut Walk, path: &str, inner: Node<'_>, outer: Node<'_>) {
    required(walk, path, inner, outer);
    if !same(inner, outer, "patternProperties") {
        walk.tell(path, What::Opaque("patternProperties".into()), String::new(), String::new());
    }
    named(walk, path, inner, outer);
    let (one, other) = (inner.additional().resolved(), outer.additional().resolved());
    if other.value == &Value::Bool(false) {
        if one.value != &Value::Bool(false) {
            walk.tell(path, What::Closed, String::new(), String::new());
        }
    } else if !other.takes_everything() {
        walk.compare(&join(path, "*"), one, other);
    }
}

/// Whether defaults are filled in here: at the top of the inputs, and nowhere else.
fn is_filled(walk: &Walk, path: &str, inner: Node<'_>, outer: Node<'_>) -> bool {
    let at_root = |node: Node<'_>| std::ptr::eq(node.root, node.value);
    path.is_empty() && walk.side == Side::Input && at_root(inner) && at_root(outer)
}

/// Fields that must be there now.
fn required(walk: &mut Walk, path: &str, inner: Node<'_>, outer: Node<'_>) {
    let top = is_filled(walk, path, inner, outer);
    let needed = |node: Node<'_>| -> HashSet<String> {
        let missing = |name: &&str| !top || default(node, name).is_none();
        node.required().into_iter().filter(missing).map(str::to_owned).collect()
    };
    let before = needed(inner);
    let mut new: Vec<String> = needed(outer).into_iter().filter(|name| !before.contains(name)).collect();
    new.sort_unstable();
    for name in new {
        walk.tell(&join(path, &name), What::Required, String::new(), String::new());
    }
}

/// Fields with a name of their own.
fn named(walk: &mut Walk, path: &str, inner: Node<'_>, outer: Node<'_>) {
    let has = |node: Node<'_>, name: &str| node.properties().and_then(|all| all.get(name)).is_some();
    for (name, one) in inner.properties().into_iter().flatten() {
        let at = join(path, name);
        match outer.properties().and_then(|all| all.get(name)) {
            Some(other) => walk.compare(&at, inner.at(one), outer.at(other)),
            None => walk.tell(&at, What::Missing, String::new(), String::new()),
        }
    }
    // What the inner one does not name it does not promise; unless it says which values such fields have.
    let typed = inner.additional().fields().is_some_and(|_| !inner.additional().takes_everything());
    let patterns = inner.get("patternProperties").is_some();
    for (name, other) in outer.properties().into_iter().flatten().filter(|(name, _)| !has(inner, name)) {
        let at = join(path, name);
        if typed {
            walk.compare(&at, inner.additional(), outer.at(other));
        } else if patterns {
            walk.tell(&at, What::Opaque("patternProperties".into()), String::new(), String::new());
        }
    }
}

/// The default of a field.
fn default<'a>(node: Node<'a>, name: &str) -> Option<&'a Value> {
    node.properties()?.get(name)?.get("default")
}

/// What is filled in fits, and disturbs nothing else.
pub(super) fn filled(walk: &mut Walk, path: &str, inner: Node<'_>, outer: Node<'_>) {
    if !is_filled(walk, path, inner, outer) {
        return;
    }
    let mut other_fields = false;
    for (name, schema) in outer.properties().into_iter().flatten() {
        let (before, after) = (default(inner, name), default(outer, name));
        other_fields |= before != after;
        if after.is_some_and(|value| !values::takes(outer.at(schema), value)) {
            walk.tell(name, What::Unfit, String::new(), String::new());
        }
    }
    other_fields |=
        inner.properties().into_iter().flatten().any(|(name, _)| default(inner, name) != default(outer, name));
    let lists = |keyword: &str| matches!(keyword, "enum" | "const") && inner.get(keyword).is_some();
    for keyword in COUNTING.iter().filter(|word| other_fields && (outer.get(word).is_some() || lists(word))) {
        walk.tell("", What::Opaque((*keyword).to_owned()), String::new(), String::new());
    }
}
