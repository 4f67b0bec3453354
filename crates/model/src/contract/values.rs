//! Single values: types, limits, and lists of what is allowed.

use super::contained::same;
use super::schema::Node;
use serde_json::{Number, Value};
use std::cmp::Ordering;

/// The types of JSON that limits are about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Number,
    Text,
    Array,
    Object,
}

/// The types that a schema takes.
pub(super) struct Types(Vec<String>);

/// All types; an integer is a number.
const ALL: &[&str] = &["null", "boolean", "object", "array", "number", "string"];

impl Types {
    /// Whether all of them are among others.
    pub(super) fn within(&self, others: &Types) -> bool {
        let has = |name: &str| others.0.iter().any(|other| other == name);
        self.0.iter().all(|name| has(name) || (name == "integer" && has("number")))
    }

    pub(super) fn has(&self, group: Group) -> bool {
        let names: &[&str] = match group {
            Group::Number => &["number", "integer"],
            Group::Text => &["string"],
            Group::Array => &["array"],
            Group::Object => &["object"],
        };
        self.0.iter().any(|name| names.contains(&name.as_str()))
    }

    pub(super) fn words(&self) -> String {
        if ALL.iter().all(|name| self.0.iter().any(|own| own == name)) {
            return "anything".to_owned();
        }
        self.0.join(" or ")
    }
}

/// The types that a schema takes; all where it says none.
pub(super) fn types(node: Node<'_>) -> Types {
    let names = match node.get("type") {
        Some(Value::String(name)) => vec![name.clone()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => ALL.iter().map(|name| (*name).to_owned()).collect(),
    };
    Types(names)
}

/// All values that fit, where the schema lists them.
pub(super) fn finite(node: Node<'_>) -> Option<Vec<Value>> {
    let listed = match (node.get("enum"), node.get("const")) {
        (Some(Value::Array(list)), _) => list.clone(),
        (_, Some(value)) => vec![value.clone()],
        _ => return None,
    };
    let fits = |value: &Value| fits(node, value, false).unwrap_or(true);
    Some(listed.into_iter().filter(fits).collect())
}

/// Whether a value is surely taken.
pub(super) fn takes(node: Node<'_>, value: &Value) -> bool {
    fits(node, value, true).unwrap_or(false)
}

/// Whether a value fits; nobody knows where the schema cannot stand alone.
fn fits(node: Node<'_>, value: &Value, formats: bool) -> Option<bool> {
    let alone = node.alone()?;
    let validator = jsonschema::draft202012::options().should_validate_formats(formats).build(&alone).ok()?;
    Some(validator.is_valid(value))
}

/// Some values in words.
pub(super) fn list(values: &[&Value]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Limits that are tighter outside than inside: keyword, and what each of the two says.
pub(super) fn limits(inner: Node<'_>, outer: Node<'_>, types: &Types) -> Vec<(&'static str, String, String)> {
    let mut found = Vec::new();
    if types.has(Group::Number) {
        found.extend(bound(inner, outer, "minimum", "exclusiveMinimum", Ordering::Greater));
        found.extend(bound(inner, outer, "maximum", "exclusiveMaximum", Ordering::Less));
        if !steps_within(inner, outer) {
            found.push(said(inner, outer, "multipleOf", "multiples of"));
        }
    }
    if types.has(Group::Text) {
        found.extend(count(inner, outer, "minLength", "maxLength", "characters"));
        for (keyword, word) in [("pattern", "the form"), ("format", "the format")] {
            if outer.get(keyword).is_some() && !same(inner, outer, keyword) {
                found.push(said(inner, outer, keyword, word));
            }
        }
    }
    if types.has(Group::Array) {
        found.extend(count(inner, outer, "minItems", "maxItems", "elements"));
        let unique = |node: Node<'_>| node.get("uniqueItems") == Some(&Value::Bool(true));
        if unique(outer) && !unique(inner) {
            found.push(("uniqueItems", "the same element twice".into(), "each element once".into()));
        }
    }
    if types.has(Group::Object) {
        found.extend(count(inner, outer, "minProperties", "maxProperties", "fields"));
    }
    found
}

/// A keyword in words, on both sides.
fn said(inner: Node<'_>, outer: Node<'_>, keyword: &'static str, word: &str) -> (&'static str, String, String) {
    let text = |node: Node<'_>| node.get(keyword).map_or_else(|| "anything".to_owned(), |v| format!("{word} {v}"));
    (keyword, text(inner), text(outer))
}

/// A bound of numbers that is tighter outside. `tighter` is how the outer number then stands to the inner one.
fn bound(
    inner: Node<'_>,
    outer: Node<'_>,
    with: &'static str,
    without: &'static str,
    tighter: Ordering,
) -> Option<(&'static str, String, String)> {
    let one = edge(inner, with, without, tighter);
    let other = edge(outer, with, without, tighter)?;
    let narrower = one.is_none_or(|one| match compare(other.0, one.0) {
        Some(Ordering::Equal) => other.1 && !one.1,
        Some(order) => order == tighter,
        None => true,
    });
    let word = if tighter == Ordering::Greater { ["at least", "more than"] } else { ["at most", "less than"] };
    let text = |edge: Option<(&Number, bool)>| match edge {
        Some((number, exclusive)) => format!("{} {number}", word[usize::from(exclusive)]),
        None => "any number".to_owned(),
    };
    narrower.then(|| (with, text(one), text(Some(other))))
}

/// The tighter one of two bounds, and whether the number itself is outside.
fn edge<'a>(node: Node<'a>, with: &str, without: &str, tighter: Ordering) -> Option<(&'a Number, bool)> {
    let number = |key: &str| node.get(key).and_then(Value::as_number);
    match (number(with), number(without)) {
        (Some(one), Some(other)) if compare(one, other) == Some(tighter) => Some((one, false)),
        (_, Some(other)) => Some((other, true)),
        (Some(one), None) => Some((one, false)),
        (None, None) => None,
    }
}

fn compare(one: &Number, other: &Number) -> Option<Ordering> {
    let whole = |number: &Number| number.as_i128();
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

/// Whether multiples of the inner step are multiples of the outer one.
fn steps_within(inner: Node<'_>, outer: Node<'_>) -> bool {
    let Some(step) = outer.get("multipleOf") else { return true };
    if inner.get("multipleOf") == Some(step) {
        return true;
    }
    let whole = |value: &Value| value.as_u64().filter(|number| *number > 0);
    let only_whole = types(inner).within(&Types(vec!["integer".into()]));
    match (inner.get("multipleOf").and_then(whole), whole(step)) {
        (_, Some(1)) if only_whole => true,
        (Some(one), Some(other)) => one % other == 0,
        _ => false,
    }
}

/// Limits of how many, tighter outside.
fn count(
    inner: Node<'_>,
    outer: Node<'_>,
    least: &'static str,
    most: &'static str,
    noun: &str,
) -> Vec<(&'static str, String, String)> {
    let number = |node: Node<'_>, key: &str| node.get(key).and_then(Value::as_f64);
    let mut found = Vec::new();
    if number(outer, least).unwrap_or(0.0) > number(inner, least).unwrap_or(0.0) {
        let text = |node| format!("at least {} {noun}", number(node, least).unwrap_or(0.0));
        found.push((least, text(inner), text(outer)));
    }
    if let Some(limit) = number(outer, most)
        && number(inner, most).is_none_or(|before| limit < before)
    {
        let text = |node| {
            number(node, most).map_or_else(|| format!("any number of {noun}"), |n| format!("at most {n} {noun}"))
        };
        found.push((most, text(inner), text(outer)));
    }
    found
}
