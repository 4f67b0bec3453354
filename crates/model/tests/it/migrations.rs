//! Migrations: what their steps do, and that they lose nothing that they were not told to lose.

use loggia_model::migration::Migration;
use loggia_model::version::Version;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn migration(steps: Value) -> Migration {
    let steps = serde_json::from_value(steps).expect("steps");
    Migration { from: None, steps }
}

fn inputs(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[test]
fn steps_do_what_they_say() {
    let all = migration(json!([
        {"rename": {"from": "size", "to": "tier"}},
        {"map": {"input": "tier", "values": {"s": "small", "3": 30}, "otherwise": "large"}},
        {"move": {"from": "days", "to": "backup.days"}},
        {"default": {"input": "backup.hour", "value": 2}},
        {"drop": "old"},
    ]));
    let after = all.apply(&inputs(json!({"size": "s", "days": 7, "old": true, "kept": [1]}))).expect("it is right");
    assert_eq!(Value::Object(after), json!({"tier": "small", "backup": {"days": 7, "hour": 2}, "kept": [1]}));
    let after = all.apply(&inputs(json!({"size": 3}))).expect("it is right");
    assert_eq!(Value::Object(after), json!({"tier": 30, "backup": {"hour": 2}}));
    assert_eq!(all.apply(&inputs(json!({"size": "xl"}))).expect("it is right")["tier"], "large");
}

#[test]
fn nothing_is_overwritten_silently() {
    let rename = migration(json!([{"rename": {"from": "a.x", "to": "y"}}]));
    let wrong = rename.apply(&inputs(json!({"a": {"x": 1, "y": 2}}))).unwrap_err();
    assert_eq!((wrong[0].path.as_str(), wrong[0].rule.as_str()), ("a.y", "migration.step"));
    let into = migration(json!([{"move": {"from": "x", "to": "a.x"}}]));
    assert_eq!(into.apply(&inputs(json!({"x": 1, "a": "text"}))).unwrap_err()[0].message, "a holds no fields");
    let from = Migration { from: Some(">=1.4 <2".into()), ..rename };
    let understood =
        ["1.3.0", "1.4.0", "2.0.0"].map(|text| from.understands(&Version::parse(text).expect("it is right")));
    assert_eq!(understood, [false, true, false]);
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-d]", 1 => "[a-d]\\.[a-d]"]
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![any::<u16>().prop_map(Value::from), "[a-c]{0,2}".prop_map(Value::from), Just(Value::Null)]
}

fn step() -> impl Strategy<Value = Value> {
    prop_oneof![
        (path(), "[a-d]").prop_map(|(from, to)| json!({"rename": {"from": from, "to": to}})),
        (path(), path()).prop_map(|(from, to)| json!({"move": {"from": from, "to": to}})),
        (path(), leaf()).prop_map(|(input, value)| json!({"default": {"input": input, "value": value}})),
        (path(), leaf()).prop_map(|(input, to)| json!({"map": {"input": input, "values": {"a": to}}})),
        path().prop_map(|path| json!({"drop": path})),
    ]
}

fn leaves(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.values().for_each(|inner| leaves(inner, out)),
        other => out.push(other.to_string()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

    #[test]
    fn only_what_is_named_changes_and_only_drops_lose(
        steps in prop::collection::vec(step(), 1..5),
        flat in prop::collection::btree_map("[a-f]", leaf(), 0..6),
        deep in prop::collection::btree_map("[a-d]", leaf(), 0..4),
        at in "[a-f]",
    ) {
        let mut before: Map<String, Value> = flat.into_iter().collect();
        before.insert(at, Value::Object(deep.into_iter().collect()));
        let migration = migration(Value::Array(steps.clone()));
        let first = migration.apply(&before);
        prop_assert_eq!(&first, &migration.apply(&before));
        let Ok(after) = first else { return Ok(()) };
        let named: Vec<&str> = migration.names().collect();
        // A rename stays beside its field, so the first part of its new name counts only when it is at the top.
        for (name, value) in before.iter().filter(|(name, _)| !named.contains(&name.as_str())) {
            prop_assert_eq!(after.get(name), Some(value));
        }
        let loses = steps.iter().any(|step| step.get("drop").is_some() || step.get("map").is_some());
        if !loses {
            let (mut old, mut new) = (Vec::new(), Vec::new());
            leaves(&Value::Object(before), &mut old);
            leaves(&Value::Object(after.clone()), &mut new);
            for value in old {
                let found = new.iter().position(|other| *other == value);
                prop_assert!(found.is_some(), "{value} was lost");
                new.swap_remove(found.unwrap_or_default());
            }
        }
        if let Some(path) = steps.last().and_then(|step| step["drop"].as_str()) {
            let pointer = format!("/{}", path.replace('.', "/"));
            let left = Value::Object(after).pointer(&pointer).cloned();
            prop_assert_eq!(left, None);
        }
    }
}
