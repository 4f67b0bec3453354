//! Contracts: what counts as a breaking change, and which number it needs.

use loggia_model::contract::{Weight, compare, judge, lie, weight};
use loggia_model::kinds::release::{Contract, ReleaseSpec};
use loggia_model::version::Versioning;
use serde_json::{Map, Value, json};

/// The fields of an object.
fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

pub fn contract(inputs: Value, outputs: Value) -> Contract {
    Contract {
        inputs: fields(inputs),
        outputs: Some(fields(outputs)).filter(|fields| !fields.is_empty()),
        access: None,
    }
}

fn inputs(before: Value, after: Value) -> Vec<(String, String, Weight)> {
    let found = compare(&contract(before, json!({})), &contract(after, json!({})));
    found.into_iter().map(|change| (change.path, change.what, change.weight)).collect()
}

fn outputs(before: Value, after: Value) -> Vec<(String, String, Weight)> {
    let found = compare(&contract(json!({}), before), &contract(json!({}), after));
    found.into_iter().map(|change| (change.path, change.what, change.weight)).collect()
}

fn object(properties: Value, required: Value) -> Value {
    let mut object = json!({"type": "object"});
    object["properties"] = properties;
    object["required"] = required;
    object
}

fn one(path: &str, what: &str, weight: Weight) -> Vec<(String, String, Weight)> {
    vec![(path.to_owned(), what.to_owned(), weight)]
}

#[test]
fn names_each_way_to_break_inputs() {
    use Weight::{Addition, Breaking};
    let case = |before: Value, after: Value| {
        inputs(object(json!({"a": before}), json!([])), object(json!({"a": after}), json!([])))
    };
    assert_eq!(case(json!({"type": "string"}), json!({"type": "integer"})), one("a", "type", Breaking));
    assert_eq!(case(json!({"type": "integer"}), json!({"type": "number"})), one("a", "type", Addition));
    assert_eq!(case(json!({"enum": ["s", "m"]}), json!({"enum": ["s"]})), one("a", "enum", Breaking));
    assert_eq!(case(json!({"enum": ["s"]}), json!({"enum": ["s", "m"]})), one("a", "enum", Addition));
    assert_eq!(
        case(json!({"type": "integer", "maximum": 9}), json!({"type": "integer", "maximum": 8})),
        one("a", "maximum", Breaking)
    );
    assert_eq!(
        case(json!({"type": "string"}), json!({"type": "string", "pattern": "^a"})),
        one("a", "pattern", Breaking)
    );
    assert_eq!(
        case(json!({"type": "string"}), json!({"type": "string", "format": "email"})),
        one("a", "format", Breaking)
    );
    assert_eq!(
        case(
            json!({"type": "array", "items": {"type": "string", "minLength": 1}}),
            json!({"type": "array", "items": {"type": "string", "minLength": 2}})
        ),
        one("a.*", "minLength", Breaking)
    );
    assert_eq!(
        case(json!({"type": "string"}), json!({"type": "string", "default": "x"})),
        one("a", "default", Addition)
    );
    assert_eq!(
        case(json!({"type": "string"}), json!({"type": "string", "allOf": [{"minLength": 2}]})),
        one("a", "allOf", Breaking)
    );
    assert_eq!(case(json!({"type": "string"}), json!({"type": "string", "title": "A", "description": "a"})), []);
    assert_eq!(
        case(json!({"type": "string"}), json!({"type": "string", "writeOnly": true})),
        one("a", "writeOnly", Breaking)
    );
    assert_eq!(
        case(json!({"type": "object"}), json!({"type": "object", "additionalProperties": false})),
        one("a", "additionalProperties", Breaking)
    );
}

#[test]
fn names_fields_that_come_and_go() {
    use Weight::{Addition, Breaking};
    let text = json!({"type": "string"});
    let none = object(json!({}), json!([]));
    let some = object(json!({"a": text}), json!([]));
    let needed = object(json!({"a": text}), json!(["a"]));
    assert_eq!(inputs(none.clone(), some.clone()), one("a", "field", Addition));
    assert_eq!(inputs(none.clone(), needed.clone()), one("a", "required", Breaking));
    assert_eq!(inputs(some.clone(), needed.clone()), one("a", "required", Breaking));
    assert_eq!(inputs(needed.clone(), some.clone()), one("a", "required", Addition));
    assert_eq!(inputs(some.clone(), none.clone()), one("a", "field", Breaking));
    // What has a default need not be given.
    let filled = object(json!({"a": {"type": "string", "default": "x"}}), json!(["a"]));
    assert_eq!(weight(&compare(&contract(none.clone(), json!({})), &contract(filled, json!({})))), Addition);
    let misfit = object(json!({"a": {"type": "string", "default": 1}}), json!(["a"]));
    assert!(inputs(none.clone(), misfit).contains(&("a".into(), "default-unfit".into(), Breaking)));
    assert_eq!(outputs(some.clone(), none.clone()), one("a", "field", Breaking));
    assert_eq!(outputs(none, some.clone()), one("a", "field", Addition));
    assert_eq!(outputs(needed.clone(), some.clone()), one("a", "required", Breaking));
    assert_eq!(outputs(some, needed), one("a", "required", Addition));
    let of = |list: Value| object(json!({"a": {"enum": list}}), json!([]));
    assert_eq!(outputs(of(json!(["x"])), of(json!(["x", "y"]))), one("a", "enum", Breaking));
    assert_eq!(outputs(of(json!(["x", "y"])), of(json!(["x"]))), one("a", "enum", Addition));
}

#[test]
fn follows_references_within_the_schema() {
    let schema = |size: Value| {
        json!({"type": "object", "$defs": {"size": size, "tree": {"type": "object", "properties":
            {"size": {"$ref": "#/$defs/size"}, "left": {"$ref": "#/$defs/tree"}}}},
            "properties": {"tree": {"$ref": "#/$defs/tree"}, "all": {"anyOf": [{"$ref": "#/$defs/size"}]}}})
    };
    let before = schema(json!({"type": "integer", "maximum": 9}));
    assert_eq!(inputs(before.clone(), before.clone()), []);
    let found = inputs(before, schema(json!({"type": "integer", "maximum": 8})));
    assert!(found.contains(&("tree.size".into(), "maximum".into(), Weight::Breaking)), "{found:?}");
    // The text of the combination is the same, and what it refers to is not.
    assert!(found.contains(&("all".into(), "anyOf".into(), Weight::Breaking)), "{found:?}");
}

#[test]
fn says_it_in_plain_words() {
    let before = contract(
        object(json!({"size": {"enum": ["s", "m"]}, "days": {"type": "integer", "minimum": 1}}), json!([])),
        object(json!({"url": {"type": "string"}}), json!([])),
    );
    let after = contract(
        object(json!({"days": {"type": "integer", "minimum": 7}, "zone": {"type": "string"}}), json!(["zone"])),
        json!({}),
    );
    let texts: Vec<String> = compare(&before, &after).into_iter().map(|change| change.text).collect();
    assert_eq!(
        texts,
        [
            "input days takes at least 7 now (before: at least 1)",
            "input size is not there any more",
            "input zone must be given now, and could be left out before",
            "output url is not there any more",
        ]
    );
}

#[test]
fn a_number_says_how_much_changed() {
    let fits = |versioning, before, after| {
        [Weight::None, Weight::Addition, Weight::Breaking]
            .map(|weight| judge(versioning, before, after, weight).is_ok())
    };
    assert_eq!(fits(Versioning::Semver, "1.4.0", "1.4.1"), [true, false, false]);
    assert_eq!(fits(Versioning::Semver, "1.4.0", "1.5.0"), [true, true, false]);
    assert_eq!(fits(Versioning::Semver, "1.4.0", "2.0.0"), [true, true, true]);
    assert_eq!(fits(Versioning::Semver, "1.4.0", "2.0.0-rc.1"), [true, true, true]);
    assert_eq!(fits(Versioning::Semver, "0.4.0", "0.4.1"), [true, true, false]);
    assert_eq!(fits(Versioning::Semver, "0.4.0", "0.5.0"), [true, true, true]);
    assert_eq!(fits(Versioning::Calver, "2026.04", "2026.04.1"), [true, true, false]);
    assert_eq!(fits(Versioning::Calver, "2026.04.2", "2026.05"), [true, true, true]);
    assert_eq!(fits(Versioning::Dated, "2026-04-30", "2026-05-01"), [true, true, true]);
    let mend = |before, weight| judge(Versioning::Semver, before, before, weight).unwrap_err().mend;
    assert_eq!(mend("1.4.0", Weight::Breaking), "Call it 2.0.0, or take the change back.");
    assert_eq!(mend("0.4.0", Weight::Breaking), "Call it 0.5.0, or take the change back.");
    assert_eq!(mend("1.4.0", Weight::Addition), "Call it 1.5.0, or take the change back.");
    let release = |version: &str, properties: Value| -> ReleaseSpec {
        serde_json::from_value(json!({"offering": "queue", "version": version, "recipe": {"driver": "noop"},
            "contract": {"inputs": object(properties, json!([]))}}))
        .unwrap()
    };
    let problem = lie(Versioning::Semver, &release("1.4.0", json!({"a": {}})), &release("1.5.0", json!({}))).unwrap();
    assert_eq!(
        problem.to_string(),
        "spec.version: the number 1.5.0 hides a breaking change since 1.4.0: input a is not \
        there any more (release.number). Call it 2.0.0, or take the change back."
    );
}
