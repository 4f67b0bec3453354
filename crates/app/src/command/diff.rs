//! What differs between two documents, field by field.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The field as a dotted path, such as `spec.plans.0.price`.
    pub path: String,
    /// What it was; absent when it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is; absent when it is not there any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// All fields that differ, in order of paths. Lists are compared place by place.
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", Some(before), Some(after), &mut found);
    found
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    match (before, after) {
        (Some(one), Some(other)) if one == other => {}
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                compare(&below(path, key), one.get(key), other.get(key), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for at in 0..one.len().max(other.len()) {
                compare(&below(path, &at.to_string()), one.get(at), other.get(at), found);
            }
        }
        _ => found.push(Difference { path: path.to_owned(), before: before.cloned(), after: after.cloned() }),
    }
}

fn below(path: &str, part: &str) -> String {
    if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_each_field_that_differs() {
        let before = json!({"a": 1, "b": {"c": [1, 2], "d": "x"}, "same": true});
        let after = json!({"b": {"c": [1, 3, 4], "d": "x"}, "same": true, "new": {"deep": 1}});
        let found: Vec<String> = differences(&before, &after)
            .into_iter()
            .map(|d| format!("{} {:?} {:?}", d.path, d.before.map(|v| v.to_string()), d.after.map(|v| v.to_string())))
            .collect();
        assert_eq!(
            found,
            [
                "a Some(\"1\") None",
                "b.c.1 Some(\"2\") Some(\"3\")",
                "b.c.2 None Some(\"4\")",
                "new None Some(\"{\\\"deep\\\":1}\")"
            ]
        );
        assert!(differences(&before, &before).is_empty());
    }
}
