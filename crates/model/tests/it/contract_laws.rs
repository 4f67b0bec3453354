//! Laws of contracts: a change that does not count as breaking breaks nothing, as a validator of JSON Schema sees it.

use crate::contracts::contract;
use loggia_model::contract::{Side, Weight, compare, weight};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use std::cell::Cell;

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
        _ => {
            Value::Object(["y", "z"].iter().take(c.below(3)).map(|n| ((*n).to_owned(), value(c, depth - 1))).collect())
        }
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
    let inner =
        |c: &Choices| if depth == 0 { json!({"type": c.of(&["string", "integer"])}) } else { schema(c, depth - 1) };
    let name = *c.of(&[
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "uniqueItems",
        "contains",
        "properties",
        "properties",
        "properties",
        "required",
        "required",
        "additionalProperties",
        "minProperties",
        "maxProperties",
        "enum",
        "const",
        "anyOf",
        "not",
        "default",
        "dependentRequired",
        "patternProperties",
        "type",
        "title",
        "propertyNames",
        "minContains",
        "if",
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
            if c.chance(25) {
                drop(fields.remove(&field));
            } else {
                drop(fields.insert(field, inner(c)));
            }
            Value::Object(fields)
        }
        "required" => NAMES.iter().filter(|_| c.chance(25)).map(|name| json!(name)).collect(),
        "additionalProperties" => {
            if c.chance(60) {
                json!(c.chance(30))
            } else {
                inner(c)
            }
        }
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
    let below: Vec<String> =
        ["properties", "$defs"].iter().filter(|key| made.contains_key(**key)).map(|k| (*k).to_owned()).collect();
    if !below.is_empty() && c.chance(55) {
        let fields = made.get_mut(c.of(&below)).and_then(Value::as_object_mut).expect("it is right");
        let names: Vec<String> = fields.keys().cloned().collect();
        if let Some(inner) = if names.is_empty() { None } else { fields.get_mut(c.of(&names)) } {
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
    jsonschema::draft202012::options().should_validate_formats(true).build(schema).expect("it is right")
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
        keyword(c, before.as_object_mut().expect("it is right"), 2);
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
    run.expect("it is right");
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
            if given.is_object() && new.is_valid(&given) {
                tried += 1;
                prop_assert!(old.is_valid(&given), "{given}\nbefore {before}\nafter {after}");
            }
        }
        Ok(tried)
    });
    println!("{harmless} of 10000 pairs were no breaking change; {tried} outputs were tried on them");
    assert!(harmless > 2_000 && tried > 5_000, "{harmless} {tried}");
}
