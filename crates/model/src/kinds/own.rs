//! What our kinds have in common: a typed `spec` from which schema and check follow.

use super::link::{self, Link};
use super::{catalog, visibility};
use crate::{Document, Problem, Ref, Relation, reference::DEFAULT_NAMESPACE};
use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The `apiVersion` of our kinds.
pub const API_VERSIONS: &[&str] = &["loggia.dev/v1"];

/// A compiled schema; the text of the error when it does not compile, which a test excludes.
pub type Compiled = Result<Validator, String>;

/// The JSON Schema of a type.
pub fn schema<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value()
}

/// Compiles the schema of a type.
pub fn compile<T: JsonSchema>() -> Compiled {
    jsonschema::validator_for(&schema::<T>()).map_err(|error| error.to_string())
}

/// Checks `spec` by its schema and gives it as a typed value when it fits.
pub fn spec<T: DeserializeOwned>(document: &Document, schema: &Compiled, out: &mut Vec<Problem>) -> Option<T> {
    visibility::check(document, out);
    let Some(spec) = document.spec() else {
        out.push(Problem::new("schema.required", "spec", "must have required property 'spec'", "Add `spec`."));
        return None;
    };
    let before = out.len();
    match schema {
        Ok(schema) => schema.iter_errors(spec).for_each(|error| problems("spec", &error, out)),
        Err(error) => out.push(Problem::new("schema", "spec", error.as_str(), "Report this as a fault of Loggia.")),
    }
    if out.len() > before {
        return None;
    }
    match T::deserialize(spec) {
        Ok(typed) => Some(typed),
        Err(error) => {
            out.push(Problem::new("schema", "spec", error.to_string(), "Mend the field that is named."));
            None
        }
    }
}

/// A dotted path from a root and a JSON pointer.
fn below(root: &str, pointer: &str) -> String {
    pointer
        .split('/')
        .skip(1)
        .fold(root.to_owned(), |path, step| path + "." + &step.replace("~1", "/").replace("~0", "~"))
}

/// Adds what a schema says of a value as problems with plain words. `root` is the path of the value.
pub fn problems(root: &str, error: &ValidationError<'_>, out: &mut Vec<Problem>) {
    let path = below(root, error.instance_path().as_str());
    let field = path.rsplit('.').next().unwrap_or_default().to_owned();
    let rule = format!("schema.{}", error.kind().keyword());
    let mut add = |path: String, message: String, mend: String| out.push(Problem::new(&rule, path, message, mend));
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            add(format!("{path}.{name}"), format!("must have required property '{name}'"), format!("Add `{name}`."));
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            for name in unexpected {
                let mend = "Take it out, or look for a spelling mistake.".into();
                add(format!("{path}.{name}"), format!("{path} has no field {name:?}"), mend);
            }
        }
        ValidationErrorKind::Enum { options } => {
            let all: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            add(
                path,
                "must be equal to one of the allowed values".into(),
                format!("Write one of: {}.", all.join(", ")),
            );
        }
        ValidationErrorKind::MinLength { .. } | ValidationErrorKind::MinItems { .. } => {
            add(path, "must not be empty".into(), format!("Write a value for `{field}`."));
        }
        ValidationErrorKind::Pattern { pattern } => {
            add(
                path,
                format!("{} does not have the right form", error.instance()),
                format!("Write it like {pattern}."),
            );
        }
        _ => {
            let shown: String = error.to_string().chars().take(200).collect();
            add(path, shown, format!("Change `{field}` so that it fits."));
        }
    }
}

/// A problem for every text that is no name; our records name shared ones without a namespace.
pub fn check_links(document: &Document, links: &'static [Link], out: &mut Vec<Problem>) {
    link::check(document, links, DEFAULT_NAMESPACE, out);
}

/// The relations that the document states. Missing namespaces are `default`: teams, offerings, releases and
/// environments are shared by the company, also when the record itself is in the namespace of a team.
pub fn relations(document: &Document, links: &'static [Link]) -> Vec<Relation> {
    link::relations(document, links, DEFAULT_NAMESPACE)
}

/// The stored form: the namespace is written out, and the fields in `complete` hold complete names.
pub fn normalise(document: &mut Document, complete: &[(&str, &str)]) {
    catalog::namespace(document);
    for (field, kind) in complete {
        match document.0.get_mut("spec").and_then(|spec| spec.get_mut(*field)) {
            Some(Value::Array(items)) => items.iter_mut().for_each(|item| complete_name(item, kind)),
            Some(one) => complete_name(one, kind),
            None => {}
        }
    }
}

/// Completes one name; what is none stays.
fn complete_name(slot: &mut Value, kind: &str) {
    if let Some(name) = slot.as_str().and_then(|text| Ref::parse(text, Some(kind), DEFAULT_NAMESPACE).ok()) {
        *slot = Value::String(name.to_string());
    }
}

/// Writes a default into `spec` where the field is missing.
pub fn default(document: &mut Document, field: &str, value: &str) {
    if let Some(spec) = document.0.get_mut("spec").and_then(Value::as_object_mut) {
        spec.entry(field).or_insert_with(|| value.into());
    }
}
