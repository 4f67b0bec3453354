//! Which conditions have a wrong form, and what the peer says about them: its validator tries every alternative and
//! tells of each why it does not fit.

use serde_json::Value;

const OPERATORS: [&str; 3] = ["$all", "$any", "$not"];

/// Whether a value is a text, a number or a boolean.
pub fn is_primitive(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

/// Whether all values are.
pub fn primitives(values: &[Value]) -> bool {
    values.iter().all(is_primitive)
}

/// What is wrong with a condition; none when its form is right.
pub fn message(value: &Value) -> Option<String> {
    if fits(value) { None } else { Some(told(value, "").join(", or ")) }
}

/// Whether a value has the form of a condition.
fn fits(value: &Value) -> bool {
    let Value::Object(map) = value else { return is_primitive(value) };
    if let Some(operator) = OPERATORS.iter().find(|operator| map.contains_key(**operator)) {
        return map.len() == 1 && operand_fits(operator, &map[*operator]);
    }
    map.iter().all(|(key, value)| !key.starts_with('$') && value_fits(value))
}

fn operand_fits(operator: &str, value: &Value) -> bool {
    match operator {
        "$not" => fits(value),
        _ => value.as_array().is_some_and(|list| list.iter().all(fits)),
    }
}

/// Whether a value may stand behind the key of a field.
fn value_fits(value: &Value) -> bool {
    let Value::Object(map) = value else { return is_primitive(value) };
    map.get("$exists").is_some_and(Value::is_boolean)
        || map.get("$in").and_then(Value::as_array).is_some_and(|list| primitives(list))
        || map.get("$contains").is_some_and(fits)
        || map.get("$hasPrefix").is_some_and(Value::is_string)
}

/// What is told about a condition at a path, alternative by alternative.
fn told(value: &Value, path: &str) -> Vec<String> {
    let Value::Object(map) = value else {
        let kinds = ["object", "string", "number", "boolean"];
        return kinds.iter().map(|kind| expected(kind, value, path)).collect();
    };
    let operator = OPERATORS.iter().find(|operator| map.get(**operator).is_some_and(|v| operand_fits(operator, v)));
    if let Some(operator) = operator {
        let others: Vec<String> = map.keys().filter(|key| key != operator).map(|key| format!("'{key}'")).collect();
        return vec![format!("Unrecognized key(s) in object: {}{}", others.join(", "), at(path))];
    }
    let mut told = Vec::new();
    let wrong = map.iter().filter(|(key, value)| key.starts_with('$') || !value_fits(value));
    for (key, value) in wrong {
        told.extend(field(key, value, &join(path, key)));
    }
    told.extend(["string", "number", "boolean"].iter().map(|kind| expected(kind, value, path)));
    for operator in OPERATORS {
        let others: Vec<String> = map.keys().filter(|key| *key != operator).map(|key| format!("'{key}'")).collect();
        let unknown = match others.is_empty() {
            true => String::new(),
            false => format!("; Unrecognized key(s) in object: {}{}", others.join(", "), at(path)),
        };
        let mut inner = operand(operator, map.get(operator), &join(path, operator));
        if let Some(last) = inner.last_mut() {
            last.push_str(&unknown);
        }
        told.extend(inner);
    }
    told
}

/// What is told about the operand of `$all`, `$any` or `$not`.
fn operand(operator: &str, value: Option<&Value>, path: &str) -> Vec<String> {
    match (operator, value) {
        (_, None) => vec![format!("Required{}", at(path))],
        ("$not", Some(value)) => told(value, path),
        (_, Some(Value::Array(list))) => {
            let wrong = list.iter().enumerate().filter(|(_, value)| !fits(value));
            wrong.flat_map(|(index, value)| told(value, &format!("{path}[{index}]"))).collect()
        }
        (_, Some(value)) => vec![expected("array", value, path)],
    }
}

/// What is told about one field.
fn field(key: &str, value: &Value, path: &str) -> Vec<String> {
    let mut told: Vec<String> =
        ["string", "number", "boolean"].iter().map(|kind| expected(kind, value, path)).collect();
    match value {
        Value::Object(_) => told.extend(operators(value, path)),
        _ => told.push(expected("object", value, path)),
    }
    let (misplaced, never) = (format!("Invalid{}", at(path)), expected("never", value, path));
    if key.starts_with('$') {
        told[0] = format!("{misplaced}; {}", told[0]);
        told.push(never);
    } else {
        told.push(format!("{misplaced}; {never}"));
    }
    told
}

/// What is told about the operators behind a field.
fn operators(value: &Value, path: &str) -> Vec<String> {
    let mut told = Vec::new();
    for operator in ["$exists", "$in", "$contains", "$hasPrefix"] {
        let path = join(path, operator);
        match (operator, value.get(operator)) {
            (_, None) => told.push(format!("Required{}", at(&path))),
            ("$exists", Some(value)) => told.push(expected("boolean", value, &path)),
            ("$hasPrefix", Some(value)) => told.push(expected("string", value, &path)),
            ("$contains", Some(value)) => told.extend(self::told(value, &path)),
            (_, Some(Value::Array(list))) => {
                for (index, value) in list.iter().enumerate().filter(|(_, value)| !is_primitive(value)) {
                    let path = format!("{path}[{index}]");
                    told.extend(["string", "number", "boolean"].iter().map(|kind| expected(kind, value, &path)));
                }
            }
            (_, Some(value)) => told.push(expected("array", value, &path)),
        }
    }
    told
}

fn expected(kind: &str, value: &Value, path: &str) -> String {
    let received = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("Expected {kind}, received {received}{}", at(path))
}

fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" at \"{path}\"") }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::message;
    use serde_json::json;

    #[test]
    fn forms_are_told_apart() {
        for right in [json!({}), json!({"$all": []}), json!({"a": {"$in": [], "$junk": 1}}), json!({"$all": ["x"]})] {
            assert_eq!(message(&right), None, "{right}");
        }
        assert_eq!(
            message(&json!({"kind": "a", "$all": []})).as_deref(),
            Some("Unrecognized key(s) in object: 'kind'")
        );
        let text = message(&json!({"kind": null})).unwrap();
        assert!(text.starts_with("Expected string, received null at \"kind\", or Expected number"), "{text}");
        assert!(text.ends_with("or Required at \"$not\"; Unrecognized key(s) in object: 'kind'"), "{text}");
    }
}
