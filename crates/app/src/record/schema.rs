//! Checks inputs against the JSON Schema of a contract.

use crate::instance::order_place;
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as ErrorKind};
use jsonschema::paths::Location;
use loggia_model::{Problem, naming};
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

    /// Compiles a schema as orders are checked: a format is a note there.
    ///
    /// # Errors
    /// The text of the fault.
    pub fn lenient(schema: &Value) -> Result<Checker, String> {
        jsonschema::draft202012::new(schema).map(Checker).map_err(|error| error.to_string())
    }

    /// Checks a value; each problem has the path of the field, dotted, below `at`.
    pub fn check(&self, value: &Value, at: &str) -> Vec<Problem> {
        // Most values are right, and finding that out is cheaper than looking for faults.
        if self.0.is_valid(value) {
            return Vec::new();
        }
        self.0.iter_errors(value).flat_map(|error| problems(&error, at)).collect()
    }
}

/// Checks a value; each problem has the path of the field, dotted, below `at`.
pub fn check(schema: &Value, value: &Value, at: &str) -> Vec<Problem> {
    match Checker::lenient(schema) {
        Ok(checker) => checker.check(value, at),
        Err(error) => {
            let message = format!("The contract is not a valid JSON Schema: {error}");
            vec![Problem::new("contract.schema", at, message, "Correct the contract of the release.")]
        }
    }
}

/// What an error says. Of a value that fits none of several forms: what keeps it from the form that it is meant to have.
fn problems(error: &ValidationError<'_>, at: &str) -> Vec<Problem> {
    let (ErrorKind::AnyOf { context } | ErrorKind::OneOfNotValid { context }) = error.kind() else {
        return vec![problem(error, at)];
    };
    let here = error.instance_path();
    if let Some(choices) = choices(context, here) {
        let message = format!("{} is not known here", plain(error.instance()));
        return vec![Problem::new("contract.enum", path_of(error, at), message, one_of(&choices))];
    }
    let typed = |form: &&Vec<ValidationError<'_>>| !form.iter().any(|error| misshapen(error, here));
    let mut forms: Vec<_> = context.iter().filter(typed).collect();
    if forms.is_empty() {
        forms = context.iter().collect();
    }
    let named: Vec<_> = forms.iter().filter(|form| constant(form).is_none()).collect();
    match named.iter().min_by_key(|form| form.len()) {
        Some(form) => form.iter().flat_map(|error| problems(error, at)).collect(),
        None => vec![unnamed(&forms, at).unwrap_or_else(|| problem(error, at))],
    }
}

/// What a value may be, when the forms are values and types and nothing else; none when they are more.
fn choices(forms: &[Vec<ValidationError<'_>>], here: &Location) -> Option<Vec<String>> {
    let (mut all, mut named) = (Vec::new(), false);
    for form in forms {
        let [error] = form.as_slice() else { return None };
        if error.instance_path() != here {
            return None;
        }
        match error.kind() {
            ErrorKind::Type { kind } => all.push(types(kind)),
            _ => {
                all.extend(values(error)?);
                named = true;
            }
        }
    }
    named.then_some(all)
}

/// The values that a keyword allows; none for a keyword that names no values.
fn values(error: &ValidationError<'_>) -> Option<Vec<String>> {
    match error.kind() {
        ErrorKind::Enum { options } => Some(options.as_array()?.iter().map(written).collect()),
        ErrorKind::Constant { expected_value } => Some(vec![written(expected_value)]),
        _ => None,
    }
}

/// Types in the words of the contract.
fn types(kind: &TypeKind) -> String {
    let all: Vec<String> = match kind {
        TypeKind::Single(one) => vec![one.to_string()],
        TypeKind::Multiple(many) => many.iter().map(|one| one.to_string()).collect(),
    };
    all.iter().map(|one| format!("any {one}")).collect::<Vec<_>>().join(", ")
}

/// A value as people write it.
fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn one_of(choices: &[String]) -> String {
    format!("Write one of: {}.", choices.join(", "))
}

/// Whether an error is that the value is of another type: of another form altogether.
fn misshapen(error: &ValidationError<'_>, here: &Location) -> bool {
    let of_here = error.instance_path() == here;
    match error.kind() {
        ErrorKind::Type { .. } => of_here,
        ErrorKind::AnyOf { context } | ErrorKind::OneOfNotValid { context } => {
            of_here && context.iter().all(|form| form.iter().any(|error| misshapen(error, here)))
        }
        _ => false,
    }
}

/// The constant of a form that a value does not have, such as the kind of a document.
fn constant<'a>(form: &'a [ValidationError<'static>]) -> Option<(&'a ValidationError<'static>, &'a Value)> {
    form.iter().find_map(|error| match error.kind() {
        ErrorKind::Constant { expected_value } => Some((error, &**expected_value)),
        _ => None,
    })
}

/// The constant of none of the forms.
fn unnamed(forms: &[&Vec<ValidationError<'static>>], at: &str) -> Option<Problem> {
    let (error, _) = constant(forms.first()?)?;
    let mut known: Vec<String> = forms.iter().filter_map(|form| Some(written(constant(form)?.1))).collect();
    known.dedup();
    let message = format!("{} is not known here", plain(error.instance()));
    Some(Problem::new("contract.const", path_of(error, at), message, one_of(&known)))
}

fn plain(value: &Value) -> String {
    if value.is_object() || value.is_array() { "The value".to_owned() } else { value.to_string() }
}

fn path_of(error: &ValidationError<'_>, at: &str) -> String {
    let pointer = error.instance_path().to_string();
    pointer.split('/').filter(|part| !part.is_empty()).fold(at.to_owned(), |path, part| join(&path, part))
}

fn problem(error: &ValidationError<'_>, at: &str) -> Problem {
    let path = path_of(error, at);
    let keyword = error.schema_path().to_string().rsplit('/').next().unwrap_or_default().to_owned();
    if let ErrorKind::Required { property } = error.kind() {
        let name = property.as_str().unwrap_or_default();
        let message = format!("{name} is missing");
        return Problem::new("contract.required", join(&path, name), message, "Fill it in.");
    }
    if let Some(known) = values(error) {
        let mend = if let [only] = known.as_slice() { format!("Write {only}.") } else { one_of(&known) };
        let message = format!("{} is not known here", plain(error.instance()));
        return Problem::new(&format!("contract.{keyword}"), path, message, mend);
    }
    if let Some((message, mend)) = in_words(error) {
        return Problem::new(&format!("contract.{keyword}"), path, message, mend);
    }
    // Of what is large, only what is wrong with it is told.
    let message = match error.instance().is_object() || error.instance().is_array() {
        true => error.masked_with("The value").to_string(),
        false => error.to_string(),
    };
    Problem::new(&format!("contract.{keyword}"), path, message, "Change the value so that it fits.")
}

/// What is wrong with a text, and what to do, in words: a pattern is not for people, and a text that is too long would only
/// be long again.
fn in_words(error: &ValidationError<'_>) -> Option<(String, String)> {
    let length = error.instance().as_str()?.chars().count();
    match error.kind() {
        ErrorKind::MaxLength { limit } => {
            let message = format!("It has {length} characters, and may have {limit}");
            Some((message, "Make it shorter.".to_owned()))
        }
        ErrorKind::MinLength { limit } => {
            let mend = format!("Write at least {limit}.");
            Some((format!("It has {}", count(length, "character")), mend))
        }
        ErrorKind::Pattern { pattern } => patterned(pattern, error.instance().as_str()?),
        _ => None,
    }
}

/// What is said of a text that does not fit a pattern of ours.
fn patterned(pattern: &str, text: &str) -> Option<(String, String)> {
    if pattern == order_place::NAME {
        return order_place::refusal(text);
    }
    if let Some(unfit) = naming::words(pattern, text) {
        return Some((unfit.message, unfit.mend));
    }
    let plain = text.chars().any(char::is_control) && pattern.starts_with(r"^[^\u0000");
    plain.then(|| ("There are control characters in it".to_owned(), "Leave them out.".to_owned()))
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
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
    fn names_what_keeps_a_value_from_the_form_that_it_is_meant_to_have() {
        let kind = |name: &str, field: &str| {
            json!({"type": "object", "required": ["kind", field],
            "properties": {"kind": {"const": name}, field: {"type": "string"}}})
        };
        let one = json!({"anyOf": [kind("Cat", "fur"), kind("Fish", "fins")]});
        let schema = json!({"anyOf": [one, {"type": "array", "items": one, "maxItems": 2}]});
        let said = |value| {
            let found = check(&schema, &value, "");
            found.into_iter().map(|p| format!("{}: {}", p.path, p.message)).collect::<Vec<_>>()
        };
        assert!(said(json!([{"kind": "Cat", "fur": "grey"}])).is_empty());
        assert_eq!(said(json!({"kind": "Fish", "fins": 2})), ["fins: 2 is not of type \"string\""]);
        assert_eq!(said(json!([{"kind": "Cat", "fur": "grey"}, {"kind": "Fish"}])), ["1.fins: fins is missing"]);
        assert_eq!(said(json!([{"kind": "Dog"}])), ["0.kind: \"Dog\" is not known here"]);
        assert_eq!(check(&schema, &json!({"kind": "Dog"}), "")[0].mend, "Write one of: Cat, Fish.");
        let cat = json!({"kind": "Cat", "fur": "grey"});
        let many = said(json!([cat, cat, cat]));
        assert!(many.len() == 1 && !many[0].contains("grey"), "{many:?}");
    }

    #[test]
    fn names_every_value_that_is_allowed() {
        let many: Vec<String> = (0..20).map(|at| format!("v{at}")).collect();
        let of = |schema: Value| check(&json!({"properties": {"size": schema}}), &json!({"size": "x"}), "inputs");
        for (schema, mend) in [
            (json!({"enum": ["s", "m", 3]}), "Write one of: s, m, 3.".to_owned()),
            (json!({"enum": many}), format!("Write one of: {}.", many.join(", "))),
            (json!({"const": "s"}), "Write s.".to_owned()),
            (json!({"oneOf": [{"const": "s"}, {"const": "m"}]}), "Write one of: s, m.".to_owned()),
            (json!({"oneOf": [{"enum": ["s", "m"]}, {"enum": ["l"]}]}), "Write one of: s, m, l.".to_owned()),
            (json!({"anyOf": [{"type": "integer"}, {"const": "auto"}]}), "Write one of: any integer, auto.".to_owned()),
        ] {
            let [problem] = of(schema.clone()).try_into().unwrap();
            assert_eq!((problem.path.as_str(), problem.mend), ("inputs.size", mend), "{schema}");
            assert_eq!(problem.message, "\"x\" is not known here");
        }
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
