//! Contracts: what counts as a breaking change, and that a change that does not count breaks nothing.

use loggia_model::contract::{Side, Weight, compare, judge, lie, weight};
use loggia_model::kinds::release::{Contract, ReleaseSpec};
use loggia_model::version::Versioning;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use std::cell::Cell;

fn contract(inputs: Value, outputs: Value) -> Contract {
    let outputs = outputs.as_object().cloned().filter(|fields| !fields.is_empty());
    Contract { inputs: inputs.as_object().cloned().unwrap_or_default(), outputs }
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
    json!({"type": "object", "properties": properties, "required": required})
}

fn one(path: &str, what: &str, weight: Weight) -> Vec<(String, String, Weight)> {
    vec![(path.to_owned(), what.to_owned(), weight)]
}

#[test]
fn names_each_way_to_break_inputs() {
    use Weight::{Addition, Breaking};
    let case = |before: Value, after: Value| inputs(object(json!({"a": before}), json!([])), object(json!({"a": after}), json!([])));
    assert_eq!(case(json!({"type": "string"}), json!({"type": "integer"})), one("a", "type", Breaking));
    assert_eq!(case(json!({"type": "integer"}), json!({"type": "number"})), one("a", "type", Addition));
    assert_eq!(case(json!({"enum": ["s", "m"]}), json!({"enum": ["s"]})), one("a", "enum", Breaking));
    assert_eq!(case(json!({"enum": ["s"]}), json!({"enum": ["s", "m"]})), one("a", "enum", Addition));
    assert_eq!(case(json!({"type": "integer", "maximum": 9}), json!({"type": "integer", "maximum": 8})), one("a", "maximum", Breaking));
    assert_eq!(case(json!({"type": "string"}), json!({"type": "string", "pattern": "^a"})), one("a", "pattern", Breaking));
    assert_eq!(case(json!({"type": "string"}), json!({"type": "string", "format": "email"})), one("a", "format", Breaking));
    assert_eq!(case(json!({"type": "array", "items": {"type": "string", "minLength": 1}}),
        json!({"type": "array", "items": {"type": "string", "minLength": 2}})), one("a.*", "minLength", Breaking));
    assert_eq!(case(json!({"type": "string"}), json!({"type": "string", "default": "x"})), one("a", "default", Addition));
    assert_eq!(case(json!({"type": "string"}), json!({"type": "string", "allOf": [{"minLength": 2}]})), one("a", "allOf", Breaking));
    assert_eq!(case(json!({"type": "string"}), json!({"type": "string", "title": "A", "description": "a"})), []);
    assert_eq!(case(json!({"type": "string"}), json!({"type": "string", "writeOnly": true})), one("a", "writeOnly", Breaking));
    assert_eq!(case(json!({"type": "object"}), json!({"type": "object", "additionalProperties": false})),
        one("a", "additionalProperties", Breaking));
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
    let before = contract(object(json!({"size": {"enum": ["s", "m"]}, "days": {"type": "integer", "minimum": 1}}), json!([])),
        object(json!({"url": {"type": "string"}}), json!([])));
    let after = contract(object(json!({"days": {"type": "integer", "minimum": 7}, "zone": {"type": "string"}}), json!(["zone"])),
        json!({}));
    let texts: Vec<String> = compare(&before, &after).into_iter().map(|change| change.text).collect();
    assert_eq!(texts, [
        "input days takes at least 7 now (before: at least 1)",
        "input size is not there any more",
        "input zone must be given now, and could be left out before",
        "output url is not there any more",
    ]);
}

#[test]
fn a_number_says_how_much_changed() {
    let fits = |versioning, before, after| {
        [Weight::None, Weight::Addition, Weight::Breaking].map(|weight| judge(versioning, before, after, weight).is_ok())
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
            "contract": {"inputs": object(properties, json!([]))}})).unwrap()
    };
    let problem = lie(Versioning::Semver, &release("1.4.0", json!({"a": {}})), &release("1.5.0", json!({}))).unwrap();
    assert_eq!(problem.to_string(), "spec.version: the number 1.5.0 hides a breaking change since 1.4.0: input a is not \
        there any more (release.number). Call it 2.0.0, or take the change back.");
}

/// Choices of a generator; made by proptest, so that it can find a smaller case.
struct Choices {
    list: Vec<u16>,
    at: Cell<usize>,
}

impl Choices {
    fn below(&self, limit: usize) -> usize {
        let at = self.at.get();
        self.at.set(at + 1);
        // A list that is too short is gone through again, moved by one.
        let value = self.list[at % self.list.len()].wrapping_add((at / self.list.len()) as u16);
        usize::from(value) % limit
    }

    fn chance(&self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn of<'a, T>(&self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const TEXTS: [&str; 5] = ["", "x", "ab", "abc", "zebra"];
const PATTERNS: [&str; 3] = ["^a", "b", "^x?$"];

fn number(c: &Choices) -> Value {
    json!(c.of(&[-2, -1, 0, 1, 2, 3, 4, 6, 10]))
}

fn count(c: &Choices) -> Value {
    json!(c.below(4))
}

/// Any value of a small world. Names are such that no schema names.
fn value(c: &Choices, depth: usize) -> Value {
    match c.below(if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(c.chance(50)),
        2 => number(c),
        3 => json!(c.of(&[0.5, 1.5, 2.0])),
        4 => json!(c.of(&TEXTS)),
        5 => (0..c.below(4)).map(|_| value(c, depth - 1)).collect(),
        _ => Value::Object(["y", "z"].iter().take(c.below(3)).map(|n| ((*n).to_owned(), value(c, depth - 1))).collect()),
    }
}

fn schema(c: &Choices, depth: usize) -> Value {
    let mut made = Map::new();
    let kind = *c.of(&["string", "integer", "number", "boolean", "array", "object", "object", "mixed", "any", "ref"]);
    match kind {
        "mixed" => drop(made.insert("type".into(), json!(["string", "integer", "null"]))),
        "any" => {}
        "ref" => return json!({"$ref": c.of(&["#/$defs/p", "#/$defs/q"])}),
        kind => drop(made.insert("type".into(), json!(kind))),
    }
    for _ in 0..c.below(4) {
        keyword(c, &mut made, depth);
    }
    Value::Object(made)
}

/// Sets a keyword, or another value of it.
fn keyword(c: &Choices, made: &mut Map<String, Value>, depth: usize) {
    let inner = |c: &Choices| if depth == 0 { json!({"type": c.of(&["string", "integer"])}) } else { schema(c, depth - 1) };
    let name = *c.of(&[
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
        "items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "properties", "properties", "properties",
        "required", "required", "additionalProperties", "minProperties", "maxProperties", "enum", "const", "anyOf", "not",
        "default", "dependentRequired", "patternProperties", "type", "title", "propertyNames", "minContains", "if",
        "unevaluatedProperties",
    ]);
    let new = match name {
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => number(c),
        "multipleOf" => json!(c.of(&[json!(1), json!(2), json!(3), json!(4), json!(0.5)])),
        "pattern" => json!(c.of(&PATTERNS)),
        "uniqueItems" => json!(c.chance(70)),
        "items" | "contains" | "not" | "if" => inner(c),
        "unevaluatedProperties" => json!(c.chance(40)),
        "propertyNames" => json!({"maxLength": c.below(3)}),
        "patternProperties" => json!({*c.of(&["^a", "."]): inner(c)}),
        "prefixItems" | "anyOf" => (0..=c.below(2)).map(|_| inner(c)).collect(),
        "properties" => {
            let mut fields = made.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
            let field = (*c.of(&NAMES)).to_owned();
            if c.chance(25) { drop(fields.remove(&field)) } else { drop(fields.insert(field, inner(c))) }
            Value::Object(fields)
        }
        "required" => NAMES.iter().filter(|_| c.chance(25)).map(|name| json!(name)).collect(),
        "additionalProperties" => if c.chance(60) { json!(c.chance(30)) } else { inner(c) },
        "enum" => {
            let mut list: Vec<Value> = (0..=c.below(4)).map(|_| value(c, 1)).collect();
            list.dedup();
            json!(list)
        }
        "const" | "default" => value(c, 1),
        "dependentRequired" => json!({*c.of(&NAMES): [c.of(&NAMES)]}),
        "type" => json!(c.of(&["string", "integer", "number", "object", "array"])),
        "title" => json!("A"),
        _ => count(c),
    };
    made.insert(name.to_owned(), new);
}

/// Changes something, somewhere.
fn mutate(c: &Choices, schema: &mut Value, depth: usize) {
    let Some(made) = schema.as_object_mut() else { return };
    let below: Vec<String> = ["properties", "$defs"].iter().filter(|key| made.contains_key(**key)).map(|k| (*k).to_owned()).collect();
    if !below.is_empty() && c.chance(55) {
        let fields = made.get_mut(c.of(&below)).and_then(Value::as_object_mut).unwrap();
        let names: Vec<String> = fields.keys().cloned().collect();
        if let Some(inner) = names.is_empty().then_some(None).unwrap_or_else(|| fields.get_mut(c.of(&names))) {
            return mutate(c, inner, depth.saturating_sub(1));
        }
    }
    let names: Vec<String> = made.keys().filter(|key| !key.starts_with('$')).cloned().collect();
    if !names.is_empty() && c.chance(50) {
        made.remove(c.of(&names));
    } else {
        keyword(c, made, depth);
    }
}

/// A value that fits a schema more often than not.
fn fitting(c: &Choices, root: &Value, schema: &Value, depth: usize, strangers: bool) -> Value {
    let schema = schema.get("$ref").and_then(Value::as_str).and_then(|name| root.pointer(&name[1..])).unwrap_or(schema);
    if c.chance(8) || depth == 0 {
        return value(c, 1);
    }
    if let Some(list) = schema.get("enum").and_then(Value::as_array).filter(|list| !list.is_empty()) {
        return c.of(list).clone();
    }
    match schema.get("type").and_then(Value::as_str) {
        _ if schema.get("properties").is_some() => {
            let mut made = Map::new();
            for (name, inner) in schema["properties"].as_object().into_iter().flatten().filter(|_| c.chance(70)) {
                made.insert(name.clone(), fitting(c, root, inner, depth - 1, strangers));
            }
            if strangers && c.chance(15) {
                made.insert("z".to_owned(), value(c, 1));
            }
            Value::Object(made)
        }
        Some("object") if strangers => value(c, 1),
        Some("object") => json!({}),
        Some("string") => json!(c.of(&TEXTS)),
        Some("integer") => number(c),
        Some("boolean") => json!(c.chance(50)),
        Some("array") => {
            let item = schema.get("items").cloned().unwrap_or(json!({"type": "string"}));
            (0..c.below(4)).map(|_| fitting(c, root, &item, depth - 1, strangers)).collect()
        }
        _ => value(c, 1),
    }
}

/// What is accepted: a value with the defaults of the top filled in, as an order is.
fn filled(schema: &Value, value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(fields) = value.as_object_mut() {
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if let Some(default) = property.get("default") {
                fields.entry(name.clone()).or_insert_with(|| default.clone());
            }
        }
    }
    value
}

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::draft202012::options().should_validate_formats(true).build(schema).unwrap()
}

/// A schema and what became of it.
fn pair(c: &Choices) -> (Value, Value) {
    let mut before = json!({"type": "object", "$defs": {"p": schema(c, 1), "q": schema(c, 1)}});
    // A definition that is nothing but a reference to itself has no meaning.
    for name in ["p", "q"] {
        if before["$defs"][name].get("$ref").is_some() {
            before["$defs"][name] = json!({"type": "string"});
        }
    }
    for _ in 0..c.below(7) {
        keyword(c, before.as_object_mut().unwrap(), 2);
    }
    before["type"] = json!("object");
    let mut after = before.clone();
    for _ in 0..=c.below(3) {
        mutate(c, &mut after, 2);
    }
    (before, after)
}

/// Runs 10,000 cases; gives how many of them were no breaking change, and how many values were tried on those.
fn cases(side: Side, holds: impl Fn(&Choices, &Value, &Value) -> Result<usize, TestCaseError>) -> (usize, usize) {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) };
    let (harmless, tried) = (Cell::new(0), Cell::new(0));
    let choices = prop::collection::vec(any::<u16>(), 40..160);
    let run = TestRunner::new_with_rng(config, proptest::test_runner::TestRng::deterministic_rng(Default::default()))
        .run(&choices, |list| {
            let c = Choices { list, at: Cell::new(0) };
            let (before, after) = pair(&c);
            let of = |schema: &Value| match side {
                Side::Input => contract(schema.clone(), json!({})),
                Side::Output => contract(json!({}), schema.clone()),
            };
            let changes = compare(&of(&before), &of(&after));
            if weight(&changes) < Weight::Breaking {
                harmless.set(harmless.get() + 1);
                tried.set(tried.get() + holds(&c, &before, &after)?);
            }
            Ok(())
        });
    run.unwrap();
    (harmless.get(), tried.get())
}

#[test]
fn what_is_not_breaking_takes_every_input_of_before() {
    let (harmless, tried) = cases(Side::Input, |c, before, after| {
        let (old, new) = (validator(before), validator(after));
        let mut tried = 0;
        for _ in 0..16 {
            let given = fitting(c, before, before, 4, true);
            let kept = filled(before, &given);
            if old.is_valid(&kept) {
                tried += 1;
                // As a new order, and as what runs already and is moved.
                for given in [&given, &kept] {
                    prop_assert!(new.is_valid(&filled(after, given)), "{given}\nbefore {before}\nafter {after}");
                }
            }
        }
        Ok(tried)
    });
    println!("{harmless} of 10000 pairs were no breaking change; {tried} inputs were tried on them");
    assert!(harmless > 2_000 && tried > 5_000, "{harmless} {tried}");
}

#[test]
fn what_is_not_breaking_gives_only_outputs_as_before() {
    let (harmless, tried) = cases(Side::Output, |c, before, after| {
        let (old, new) = (validator(before), validator(after));
        let mut tried = 0;
        for _ in 0..16 {
            let given = fitting(c, before, before, 4, false);
            if new.is_valid(&given) {
                tried += 1;
                prop_assert!(old.is_valid(&given), "{given}\nbefore {before}\nafter {after}");
            }
        }
        Ok(tried)
    });
    println!("{harmless} of 10000 pairs were no breaking change; {tried} outputs were tried on them");
    assert!(harmless > 2_000 && tried > 5_000, "{harmless} {tried}");
}
