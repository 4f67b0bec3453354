//! What labels, tags and annotations say, and what of it may be taken.

use serde_json::Value;

/// Names of labels and tags that say whose something is, the most telling first.
pub(super) const TEAM: [&str; 6] =
    ["team", "owner", "squad", "loggia.dev/team", "backstage.io/owner", "app.kubernetes.io/team"];
/// Names of labels and tags that say where something runs.
pub(super) const ENVIRONMENT: [&str; 4] = ["environment", "env", "stage", "loggia.dev/environment"];

/// Whether a text can be the name of a team or environment.
pub(super) fn is_word(text: &str) -> bool {
    let calm = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    (1..=63).contains(&text.len()) && text.chars().all(calm)
}

/// The text at a pointer; empty when there is none.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A label or, where there is none, an annotation.
pub(super) fn label<'a>(object: &'a Value, name: &str) -> &'a str {
    let of = |place: &str| object.pointer(place).and_then(|all| all.get(name)).and_then(Value::as_str);
    of("/metadata/labels").or_else(|| of("/metadata/annotations")).unwrap_or_default()
}

/// What some labels name, in the order of their names.
pub(super) fn words(object: &Value, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| label(object, name)).filter(|text| is_word(text)).map(str::to_owned).collect()
}
