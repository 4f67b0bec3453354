//! Checks inputs against the JSON Schema of a contract.

use loggia_model::Problem;
use serde_json::{Map, Value};

/// A schema that was compiled once, to be used many times.
pub struct Checker(jsonschema::Validator);

impl Checker {
    /// Compiles a schema of 2020-12; formats are checked too.
    ///
    /// # Errors
    /// The text of the fault.
    pub fn new(schema: &Value) -> Result<Checker, String> {
        let validator = jsonschema::draft202012::options().should_validate_formats(true).build(schema);
        validator.map(Checker).map_err(|error| error.to_string())
    }

    /// Checks a value; each problem has the path of the field, dotted, below `at`.
    pub fn check(&self, value: &Value, at: &str) -> Vec<Problem> {
        // Most values are right, and finding that out is cheaper than looking for faults.
        if self.0.is_valid(value) {
            return Vec::new();
        }
        self.0.iter_errors(value).map(|error| problem(&error, at)).collect()
    }
}

/// Checks a value; each problem has the path of the field, dotted, below `at`.
pub fn check(schema: &Value, value: &Value, at: &str) -> Vec<Problem> {
    let validator = match jsonschema::draft202012::new(schema) {
        Ok(validator) => validator,
        Err(error) => {
            let message = format!("The contract is not a valid JSON Schema: {error}");
            return vec![Problem::new("contract.schema", at, message, "Correct the contract of the release.")];
        }
    };
    validator.iter_errors(value).map(|error| problem(&error, at)).collect()
}

fn problem(error: &jsonschema::ValidationError<'_>, at: &str) -> Problem {
    let pointer = error.instance_path().to_string();
    let mut path = at.to_owned();
    for part in pointer.split('/').filter(|part| !part.is_empty()) {
        path = join(&path, part);
    }
    let keyword = error.schema_path().to_string().rsplit('/').next().unwrap_or_default().to_owned();
    if let jsonschema::error::ValidationErrorKind::Required { property } = error.kind() {
        let name = property.as_str().unwrap_or_default();
        let message = format!("{name} is missing");
        return Problem::new("contract.required", join(&path, name), message, "Fill it in.");
    }
    Problem::new(&format!("contract.{keyword}"), path, error.to_string(), "Change the value so that it fits.")
}

fn join(path: &str, part: &str) -> String {
    if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") }
}

/// Fills in the defaults of the top-level properties that are missing.
pub fn fill_defaults(schema: &Value, inputs: &mut Map<String, Value>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, property) in properties {
        if let Some(default) = property.get("default") {
            inputs.entry(name.clone()).or_insert_with(|| default.clone());
        }
    }
}

/// Names of the top-level properties that are secret (`writeOnly`).
pub fn secret_names(schema: &Value) -> Vec<String> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let secret = |property: &Value| property.get("writeOnly").and_then(Value::as_bool).unwrap_or(false);
    properties.into_iter().flatten().filter(|(_, p)| secret(p)).map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_the_field_of_each_problem() {
        let schema = json!({"type": "object", "required": ["name"], "additionalProperties": false,
            "properties": {"name": {"type": "string"}, "size": {"enum": ["s", "m"]},
                "nested": {"type": "object", "properties": {"n": {"type": "integer", "maximum": 3}}}}});
        let paths = |value| check(&schema, &value, "inputs").into_iter().map(|p| p.path).collect::<Vec<_>>();
        assert!(paths(json!({"name": "a", "size": "s"})).is_empty());
        assert_eq!(paths(json!({})), ["inputs.name"]);
        assert_eq!(paths(json!({"name": "a", "size": "x"})), ["inputs.size"]);
        assert_eq!(paths(json!({"name": "a", "nested": {"n": 4}})), ["inputs.nested.n"]);
        assert_eq!(paths(json!({"name": "a", "other": 1})), ["inputs"]);
    }

    #[test]
    fn fills_defaults_and_finds_secrets() {
        let schema = json!({"properties": {"a": {"default": 1}, "b": {"writeOnly": true}}});
        let mut inputs = Map::new();
        fill_defaults(&schema, &mut inputs);
        assert_eq!(inputs.get("a"), Some(&json!(1)));
        assert_eq!(secret_names(&schema), ["b"]);
    }
}
