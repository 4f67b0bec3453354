//! Conditions: the `filter` of addresses and the `query` of bodies, read into what the snapshot understands, and
//! written back for cursors (contract 3.2, 3.3).

use super::error::Fault;
use super::invalid;
use loggia_graph::Predicate;
use loggia_model::RelationType;
use loggia_model::flatten::write_number;
use serde_json::{Map, Value, json};

/// Reads the `filter` parameters: any of them must hold, of each all its statements. None when there is no statement.
///
/// # Errors
/// An input error for a statement without a key.
pub fn filter(parameters: &[String]) -> Result<Option<Predicate>, Fault> {
    let mut sets = Vec::new();
    for parameter in parameters {
        let mut keys: Vec<(String, Option<Vec<String>>)> = Vec::new();
        for statement in parameter.split(',').map(str::trim).filter(|statement| !statement.is_empty()) {
            let (key, value) = match statement.split_once('=') {
                Some((key, value)) => (key.trim(), Some(value.trim())),
                None => (statement, None),
            };
            if key.is_empty() {
                return Err(Fault::input(format!(
                    "Invalid filter, '{statement}' is not a valid statement (expected a string on the form a=b or a= or a)"
                )));
            }
            if !keys.iter().any(|(known, _)| known == key) {
                keys.push((key.to_owned(), None));
            }
            if let (Some((_, values)), Some(value)) = (keys.iter_mut().find(|(known, _)| known == key), value) {
                values.get_or_insert_default().push(value.to_owned());
            }
        }
        if !keys.is_empty() {
            sets.push(all(keys.into_iter().map(|(key, values)| match values {
                Some(values) => Predicate::In(key, values),
                None => Predicate::Exists(key),
            })));
        }
    }
    Ok(match sets.len() {
        0 => None,
        1 => sets.pop(),
        _ => Some(Predicate::Any(sets)),
    })
}

/// One condition of several that must all hold.
fn all(list: impl Iterator<Item = Predicate>) -> Predicate {
    let mut list: Vec<Predicate> = list.collect();
    match list.len() {
        0 => Predicate::Everything,
        1 => list.remove(0),
        _ => Predicate::All(list),
    }
}

/// Reads a `query`.
///
/// # Errors
/// An input error in the words of the peer.
pub fn query(value: &Value) -> Result<Predicate, Fault> {
    if let Some(message) = invalid::message(value) {
        return Err(Fault::input(format!("Invalid query: Validation error: {message}")));
    }
    read(value)
}

/// Reads a condition whose form was checked.
fn read(value: &Value) -> Result<Predicate, Fault> {
    let Value::Object(map) = value else {
        let message = "Invalid filter predicate: top-level primitive values are not supported. Wrap the value in a \
                       field expression, e.g.";
        return Err(Fault::input(format!("{message} {{ \"kind\": {value} }}")));
    };
    let list = |value: &Value| value.as_array().into_iter().flatten().map(read).collect::<Result<Vec<_>, _>>();
    if let Some(inner) = map.get("$all") {
        return list(inner).map(Predicate::All);
    }
    if let Some(inner) = map.get("$any") {
        return list(inner).map(Predicate::Any);
    }
    if let Some(inner) = map.get("$not") {
        return read(inner).map(Predicate::negate);
    }
    let fields: Result<Vec<Predicate>, Fault> = map.iter().map(|(key, value)| field(key, value)).collect();
    Ok(all(fields?.into_iter()))
}

/// The condition on one field. Of several operators the first in this order counts.
fn field(key: &str, value: &Value) -> Result<Predicate, Fault> {
    let Value::Object(operators) = value else { return Ok(Predicate::In(key.to_owned(), vec![text(value)])) };
    if let Some(exists) = operators.get("$exists").and_then(Value::as_bool) {
        let found = Predicate::Exists(key.to_owned());
        return Ok(if exists { found } else { found.negate() });
    }
    if let Some(values) = operators.get("$in").and_then(Value::as_array).filter(|values| invalid::primitives(values)) {
        return Ok(Predicate::In(key.to_owned(), values.iter().map(text).collect()));
    }
    match operators.get("$contains") {
        Some(Value::Object(item)) => return contains(key, item),
        Some(item) if invalid::is_primitive(item) => return Ok(Predicate::In(key.to_owned(), vec![text(item)])),
        _ => {}
    }
    let prefix = operators.get("$hasPrefix").and_then(Value::as_str).unwrap_or_default();
    Ok(Predicate::Prefix(key.to_owned(), prefix.to_owned()))
}

/// A text, number or boolean as the text that it is compared by.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => {
            let mut out = String::new();
            write_number(number, &mut out);
            out
        }
        other => other.to_string(),
    }
}

/// `relations` with an item of some type and target; the keys count in any case.
fn contains(key: &str, item: &Map<String, Value>) -> Result<Predicate, Fault> {
    if !key.eq_ignore_ascii_case("relations") {
        let key = key.to_lowercase();
        return Err(Fault::input(format!("Object form of $contains is not supported for field \"{key}\"")));
    }
    let (mut name, mut target) = (None, None);
    for (key, value) in item {
        let slot = match key.to_lowercase().as_str() {
            "type" => &mut name,
            "targetref" => &mut target,
            _ => {
                return Err(Fault::input(format!(
                    "Unsupported key \"{key}\" in $contains for \"relations\". Only \"type\" and \"targetRef\" are supported"
                )));
            }
        };
        if slot.replace(value).is_some() {
            return Err(Fault::input(format!("Duplicate key \"{key}\" in $contains for \"relations\"")));
        }
    }
    let Some(name) = name.and_then(Value::as_str).filter(|name| !name.is_empty()) else {
        return Err(Fault::input("The $contains operator for \"relations\" requires a \"type\" string property"));
    };
    let targets = target.map(targets).transpose()?;
    Ok(RelationType::find(name).map_or(Predicate::Nothing, |relation| Predicate::Relation(relation, targets)))
}

/// A text, or `$in` with texts. `$exists` beside it would count first, and is none of both.
fn targets(value: &Value) -> Result<Vec<String>, Fault> {
    let listed = value.get("$in").filter(|_| !value.get("$exists").is_some_and(Value::is_boolean));
    let texts = |list: &Vec<Value>| list.iter().map(|one| one.as_str().map(str::to_owned)).collect();
    let found: Option<Vec<String>> = match value {
        Value::String(one) => Some(vec![one.clone()]),
        _ => listed.and_then(Value::as_array).and_then(texts),
    };
    match found {
        Some(list) if list.is_empty() => {
            Err(Fault::input("Empty \"$in\" array for $contains on \"relations\" is not allowed"))
        }
        Some(list) => Ok(list),
        None => Err(Fault::input(format!(
            "Unsupported value in $contains for \"relations\": expected a string or {{ \"$in\": [strings] }}, but got {value}"
        ))),
    }
}

/// Reads the older form of a condition, as cursors of former versions hold it.
pub fn older(value: &Value) -> Option<Predicate> {
    if let Some(key) = value.get("key").and_then(Value::as_str) {
        let Some(values) = value.get("values") else { return Some(Predicate::exists(key)) };
        let values: Option<_> = values.as_array()?.iter().map(|one| one.as_str().map(str::to_owned)).collect();
        return Some(Predicate::In(key.to_owned(), values?));
    }
    if let Some(inner) = value.get("not") {
        return older(inner).map(Predicate::negate);
    }
    let list = |key: &str| value.get(key)?.as_array()?.iter().map(older).collect::<Option<Vec<_>>>();
    list("anyOf").map(Predicate::Any).or_else(|| list("allOf").map(Predicate::All))
}

/// Writes a condition as a `query`.
pub fn to_json(predicate: &Predicate) -> Value {
    let list = |list: &[Predicate]| list.iter().map(to_json).collect::<Value>();
    let field = |key: &str, condition: Value| match key.starts_with('$') {
        // No record has such a key, and as a query it would be an operator.
        true => json!({"$any": []}),
        false => json!({key: condition}),
    };
    match predicate {
        Predicate::Everything => json!({}),
        Predicate::Nothing => json!({"$any": []}),
        Predicate::All(inner) => json!({"$all": list(inner)}),
        Predicate::Any(inner) => json!({"$any": list(inner)}),
        Predicate::Not(inner) => json!({"$not": to_json(inner)}),
        Predicate::Exists(key) => field(key, json!({"$exists": true})),
        Predicate::In(key, values) => match values.as_slice() {
            [one] => field(key, json!(one)),
            _ => field(key, json!({"$in": values})),
        },
        Predicate::Prefix(key, text) => field(key, json!({"$hasPrefix": text})),
        Predicate::Relation(relation, targets) => {
            let mut item = json!({"type": relation.name()});
            if let Some(targets) = targets {
                item["targetRef"] = json!({"$in": targets});
            }
            json!({"relations": {"$contains": item}})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn filters_are_sets_of_statements() {
        let read = |list: &[&str]| filter(&strings(list)).unwrap();
        assert_eq!(read(&["", " ", ","]), None);
        assert_eq!(read(&[" kind = group ,"]), Some(Predicate::equals("kind", "group")));
        let both = Predicate::In("kind".into(), strings(&["a", "b"]));
        assert_eq!(read(&["kind=a,kind=b,kind"]), Some(both.clone()));
        let any = Predicate::Any(vec![both, Predicate::All(vec![Predicate::exists("x"), Predicate::equals("y", "")])]);
        assert_eq!(read(&["kind=a,kind=b", "x,y="]), Some(any));
        assert!(filter(&strings(&["kind=a", "=x"])).unwrap_err().message.starts_with("Invalid filter, '=x' is not"));
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for text in [
            r#"{}"#,
            r#"{"kind":"component"}"#,
            r#"{"$all":[{"kind":"a"},{"$not":{"x":{"$exists":true}}}]}"#,
            r#"{"$any":[{"kind":{"$in":["a","b"]}},{"name":{"$hasPrefix":"x"}}]}"#,
            r#"{"relations":{"$contains":{"targetRef":{"$in":["group:default/a"]},"type":"ownedBy"}}}"#,
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(to_json(&query(&value).unwrap()), value, "{text}");
        }
    }

    #[test]
    fn items_of_relations_are_refused_when_wrong() {
        for item in [
            json!({}),
            json!({"type": ""}),
            json!({"type": 5}),
            json!({"type": "ownedBy", "Type": "ownedBy"}),
            json!({"type": "ownedBy", "other": "x"}),
            json!({"type": "ownedBy", "targetRef": 5}),
            json!({"type": "ownedBy", "targetRef": {"$in": []}}),
            json!({"type": "ownedBy", "targetRef": {"$in": ["a"], "$exists": true}}),
            json!({"type": "ownedBy", "targetRef": {"$hasPrefix": "a"}}),
        ] {
            assert!(query(&json!({"relations": {"$contains": item}})).is_err(), "{item}");
        }
    }

    #[test]
    fn values_are_texts_and_operators_have_an_order() {
        let read = |value: Value| query(&value).unwrap();
        assert_eq!(read(json!({"a": 1.50})), Predicate::equals("a", "1.5"));
        assert_eq!(read(json!({"a": true})), Predicate::equals("a", "true"));
        assert_eq!(read(json!({"a": {"$in": ["x"], "$exists": false}})), Predicate::exists("a").negate());
        assert_eq!(read(json!({"relations": {"$contains": {"type": "nosuch"}}})), Predicate::Nothing);
        let owned = Predicate::Relation(RelationType::OWNED_BY, Some(strings(&["group:default/a"])));
        let item = json!({"TYPE": "OwnedBy", "targetref": {"$in": ["group:default/a"], "$junk": 1}});
        assert_eq!(read(json!({"Relations": {"$contains": item}})), owned);
        assert_eq!(
            older(&json!({"anyOf": [{"allOf": [{"key": "kind", "values": ["api"]}]}]})),
            Some(Predicate::Any(vec![Predicate::All(vec![Predicate::equals("kind", "api")])]))
        );
    }
}
