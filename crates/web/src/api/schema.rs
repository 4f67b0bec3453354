//! Schemas of bodies: made from types, sharpened, compiled, and checked before a body is read.

use super::route::Shape;
use loggia_app::Error;
use loggia_app::record::schema;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// A compiled schema of a body.
pub type Checker = Result<schema::Checker, String>;

/// Compiles the schema of a body.
pub fn compile(shape: Shape) -> Checker {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut root = shape(&mut generator).to_value();
    let definitions = generator.take_definitions(true);
    if let Some(map) = root.as_object_mut() {
        map.insert("$defs".to_owned(), Value::Object(definitions));
    }
    sharpen(&mut root);
    schema::Checker::new(&root)
}

/// Checks a body.
///
/// # Errors
/// [`Error::Invalid`] names every field that does not fit.
pub fn check(checker: &Checker, body: &Value) -> Result<(), Error> {
    let checker = checker.as_ref().map_err(|text| Error::Internal(format!("a schema does not compile: {text}")))?;
    let problems = checker.check(body, "");
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}

/// Says in a schema what holds for every value here: texts without the character 0, which PostgreSQL cannot keep,
/// and whole numbers of 64 bits.
pub fn sharpen(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            sharpen_one(map);
            for (key, value) in map.iter_mut() {
                // Values, not schemas.
                if !matches!(key.as_str(), "enum" | "const" | "default" | "examples" | "required") {
                    sharpen(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(sharpen),
        _ => {}
    }
}

fn sharpen_one(map: &mut Map<String, Value>) {
    let is = |map: &Map<String, Value>, word: &str| match map.get("type") {
        Some(Value::String(text)) => text == word,
        Some(Value::Array(list)) => list.iter().any(|item| item == word),
        _ => false,
    };
    if is(map, "string") && !["pattern", "format", "enum", "const"].iter().any(|key| map.contains_key(*key)) {
        map.insert("pattern".to_owned(), json!(r"^[^\u0000]*$"));
    }
    if is(map, "integer") && map.get("format").and_then(Value::as_str) == Some("int64") {
        map.entry("minimum").or_insert_with(|| json!(i64::MIN));
        map.entry("maximum").or_insert_with(|| json!(i64::MAX));
    }
}

/// Compiled patterns of parameters.
static PATTERNS: LazyLock<Mutex<HashMap<&'static str, Checker>>> = LazyLock::new(Mutex::default);

/// Whether a text fits a pattern of a parameter.
pub fn fits(pattern: &'static str, text: &str) -> bool {
    let mut patterns = PATTERNS.lock().unwrap_or_else(PoisonError::into_inner);
    let compiled = patterns.entry(pattern).or_insert_with(|| schema::Checker::new(&json!({"pattern": pattern})));
    compiled.as_ref().is_ok_and(|checker| checker.check(&json!(text), "").is_empty())
}

/// Any JSON object.
pub fn any_object(_: &mut schemars::SchemaGenerator) -> Schema {
    schemars::json_schema!({"type": "object"})
}

/// Any text.
pub fn any_text(_: &mut schemars::SchemaGenerator) -> Schema {
    schemars::json_schema!({"type": "string"})
}
