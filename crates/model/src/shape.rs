//! The forms of JSON values that the Backstage catalog demands, declared as tables.
//!
//! One table gives both the check, whose words and order are those of the validator that Backstage uses (so that the
//! *first* fault is the same), and the JSON Schema that is published.

use serde_json::{Map, Value, json};
use std::fmt::Write;

/// The form of one value.
#[derive(Debug)]
pub enum Shape {
    /// A string.
    Text,
    /// A string that is not empty.
    Filled,
    /// A string of letters, digits and underscores.
    Word,
    /// A string or a boolean.
    TextOrBool,
    /// A number.
    Number,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// An object whose values are all of one form.
    MapOf(&'static Shape),
    /// A list whose items are all of one form.
    List(&'static Shape),
    /// An object with known fields.
    Object(&'static Fields),
    /// Any of several forms; when none fits, the faults are those of the first.
    Either(&'static [Shape]),
}

/// The fields of an object.
#[derive(Debug)]
pub struct Fields {
    /// Fields that must be there, in the order in which they are asked for.
    pub required: &'static [&'static str],
    /// Fields with a known form, in the order in which they are checked.
    pub known: &'static [(&'static str, Shape)],
    /// What other fields may be.
    pub rest: Rest,
}

/// What the fields that a table does not name may be.
#[derive(Debug)]
pub enum Rest {
    /// Anything.
    Any,
    /// There must be none.
    None,
    /// Of this form.
    Only(&'static Shape),
}

/// An object of which nothing is known.
pub const OPEN: Shape = Shape::Object(&Fields { required: &[], known: &[], rest: Rest::Any });

/// A list of strings that are not empty.
pub const FILLED_LIST: Shape = Shape::List(&Shape::Filled);

/// One step of a path into a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A field of an object.
    Key(&'a str),
    /// An item of a list, from 0.
    Index(usize),
}

/// Something that does not have its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, as a JSON pointer; empty for the root.
    pub pointer: String,
    /// Where, as a dotted path that includes the missing or unknown field.
    pub path: String,
    /// The broken keyword, such as `required`.
    pub keyword: &'static str,
    /// What is wrong, such as `must be string`.
    pub message: String,
    /// The parameters of the keyword, such as `type: string`.
    pub params: String,
}

impl Fault {
    /// The place as the validator of Backstage writes it.
    pub fn place(&self) -> &str {
        if self.pointer.is_empty() { "<root>" } else { &self.pointer }
    }
}

/// Appends every fault of a value, in the order of the validator of Backstage.
pub fn check<'a>(shape: &Shape, value: &'a Value, path: &mut Vec<Step<'a>>, out: &mut Vec<Fault>) {
    match shape {
        Shape::Text if value.is_string() => {}
        Shape::Filled | Shape::Word | Shape::Choice(_) if value.is_string() => text(shape, value, path, out),
        Shape::Text | Shape::Filled | Shape::Word => out.push(wrong_type(path, "string")),
        Shape::TextOrBool if value.is_string() || value.is_boolean() => {}
        Shape::TextOrBool => out.push(wrong_type(path, "string,boolean")),
        Shape::Choice(_) => text(shape, value, path, out),
        Shape::Number if value.is_number() => {}
        Shape::Number => out.push(wrong_type(path, "number")),
        Shape::MapOf(inner) => match value.as_object() {
            Some(map) => fields(map.iter().map(|(k, v)| (Step::Key(k), v)), inner, path, out),
            None => out.push(wrong_type(path, "object")),
        },
        Shape::List(inner) => match value.as_array() {
            Some(items) => fields(items.iter().enumerate().map(|(i, v)| (Step::Index(i), v)), inner, path, out),
            None => out.push(wrong_type(path, "array")),
        },
        Shape::Object(known) => match value.as_object() {
            Some(map) => object(known, map, path, out),
            None => out.push(wrong_type(path, "object")),
        },
        Shape::Either(shapes) => either(shapes, value, path, out),
    }
}

/// Checks many values against one form.
fn fields<'a>(
    values: impl Iterator<Item = (Step<'a>, &'a Value)>,
    shape: &Shape,
    path: &mut Vec<Step<'a>>,
    out: &mut Vec<Fault>,
) {
    for (step, value) in values {
        path.push(step);
        check(shape, value, path, out);
        path.pop();
    }
}

/// Checks the content of a string.
fn text(shape: &Shape, value: &Value, path: &[Step<'_>], out: &mut Vec<Fault>) {
    let text = value.as_str();
    match shape {
        Shape::Choice(allowed) if !text.is_some_and(|t| allowed.contains(&t)) => {
            let params = format!("allowedValues: {}", allowed.join(","));
            out.push(fault(path, None, "enum", "must be equal to one of the allowed values".into(), params));
        }
        Shape::Filled | Shape::Word if text == Some("") => {
            let message = "must NOT have fewer than 1 characters".into();
            out.push(fault(path, None, "minLength", message, "limit: 1".into()));
        }
        Shape::Word if !text.is_some_and(|t| t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')) => {
            let message = "must match pattern \"^\\w+$\"".into();
            out.push(fault(path, None, "pattern", message, "pattern: ^\\w+$".into()));
        }
        _ => {}
    }
}

/// Checks an object: missing fields first, then unknown ones, then the known ones.
fn object<'a>(known: &Fields, map: &'a Map<String, Value>, path: &mut Vec<Step<'a>>, out: &mut Vec<Fault>) {
    for name in known.required {
        if !map.contains_key(*name) {
            let message = format!("must have required property '{name}'");
            out.push(fault(path, Some(name), "required", message, format!("missingProperty: {name}")));
        }
    }
    if !matches!(known.rest, Rest::Any) {
        for (name, value) in map.iter().filter(|(name, _)| !known.known.iter().any(|(k, _)| k == name)) {
            if let Rest::Only(shape) = known.rest {
                fields(std::iter::once((Step::Key(name), value)), shape, path, out);
            } else {
                let message = "must NOT have additional properties".into();
                let params = format!("additionalProperty: {name}");
                out.push(fault(path, Some(name), "additionalProperties", message, params));
            }
        }
    }
    for (name, shape) in known.known {
        if let Some(value) = map.get(*name) {
            fields(std::iter::once((Step::Key(name), value)), shape, path, out);
        }
    }
}

/// Checks alternatives.
fn either<'a>(shapes: &[Shape], value: &'a Value, path: &mut Vec<Step<'a>>, out: &mut Vec<Fault>) {
    let mut first = None;
    for shape in shapes {
        let mut faults = Vec::new();
        check(shape, value, path, &mut faults);
        if faults.is_empty() {
            return;
        }
        first.get_or_insert(faults);
    }
    out.extend(first.into_iter().flatten());
}

/// A fault of type.
fn wrong_type(path: &[Step<'_>], expected: &str) -> Fault {
    fault(path, None, "type", format!("must be {expected}"), format!("type: {expected}"))
}

/// A fault at a path, or at a field below it.
fn fault(path: &[Step<'_>], field: Option<&str>, keyword: &'static str, message: String, params: String) -> Fault {
    let mut pointer = String::new();
    for step in path {
        pointer.push('/');
        match step {
            Step::Key(key) => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Step::Index(at) => {
                let _ = write!(pointer, "{at}");
            }
        }
    }
    Fault { pointer, path: dotted(path, field), keyword, message, params }
}

/// A path as people write it, `spec.plans.0.name`.
pub fn dotted(path: &[Step<'_>], field: Option<&str>) -> String {
    let mut text = String::new();
    for step in path.iter().copied().chain(field.map(Step::Key)) {
        if !text.is_empty() {
            text.push('.');
        }
        match step {
            Step::Key(key) => text.push_str(key),
            Step::Index(at) => {
                let _ = write!(text, "{at}");
            }
        }
    }
    text
}

/// The JSON Schema of a form.
pub fn schema(shape: &Shape) -> Value {
    match shape {
        Shape::Text => json!({"type": "string"}),
        Shape::Filled => json!({"type": "string", "minLength": 1}),
        Shape::Word => json!({"type": "string", "pattern": "^\\w+$"}),
        Shape::TextOrBool => json!({"type": ["string", "boolean"]}),
        Shape::Number => json!({"type": "number"}),
        Shape::Choice(allowed) => json!({"type": "string", "enum": allowed}),
        Shape::MapOf(inner) => json!({"type": "object", "additionalProperties": schema(inner)}),
        Shape::List(inner) => json!({"type": "array", "items": schema(inner)}),
        Shape::Object(known) => object_schema(known),
        Shape::Either(shapes) => json!({"oneOf": shapes.iter().map(schema).collect::<Vec<_>>()}),
    }
}

/// The JSON Schema of an object.
pub fn object_schema(known: &Fields) -> Value {
    let properties: Map<String, Value> = known.known.iter().map(|(n, s)| ((*n).to_owned(), schema(s))).collect();
    let mut out = json!({"type": "object", "properties": properties});
    if !known.required.is_empty() {
        out["required"] = json!(known.required);
    }
    match known.rest {
        Rest::Any => {}
        Rest::None => out["additionalProperties"] = Value::Bool(false),
        Rest::Only(shape) => out["additionalProperties"] = schema(shape),
    }
    out
}
