//! `loggia kinds`: which things there are, and what the text of one says.

use super::output::{Output, Table, print};
use super::records::kind_of;
use anyhow::Result;
use clap::Args;
use loggia_model::{Kind, kinds};
use serde_json::{Value, json};

/// How deep fields within fields are shown.
const DEEP: usize = 3;

/// Arguments of `loggia kinds`.
#[derive(Args, Debug)]
pub struct KindsArgs {
    /// One of them: its fields, and a whole text as an example.
    #[arg(value_name = "KIND")]
    kind: Option<String>,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

/// `loggia kinds`
///
/// # Errors
/// When there is no such kind, or it cannot be printed.
pub fn kinds(args: &KindsArgs) -> Result<()> {
    match &args.kind {
        Some(name) => one(kind_of(name)?, args.output),
        None => all(args.output),
    }
}

fn all(output: Output) -> Result<()> {
    let mut table = Table::new(&["NAME", "PLURAL", "VERSIONS", "WHAT"]);
    for kind in kinds::ALL {
        let versions = kind.api_versions.join(", ");
        table.rows.push(vec![kind.lower(), kind.plural.to_owned(), versions, kind.summary.to_owned()]);
    }
    let names: Vec<String> = kinds::ALL.iter().map(|kind| kind.lower()).collect();
    let all: Vec<Value> = kinds::ALL.iter().map(|kind| about(kind)).collect();
    output.print(&json!({"items": all}), &names, &table)
}

fn about(kind: &Kind) -> Value {
    json!({"kind": kind.name, "plural": kind.plural, "apiVersions": kind.api_versions, "summary": kind.summary,
        "schema": (kind.schema)(), "example": kinds::example(kind.name)})
}

fn one(kind: &Kind, output: Output) -> Result<()> {
    let mut table = Table::new(&["FIELD", "FORM", "NEEDED", "WHAT"]);
    let schema = (kind.schema)();
    let mut fields = Vec::new();
    collect("spec", &schema, &schema, DEEP, &mut fields);
    for field in fields {
        let needed = if field.needed { "yes" } else { "" };
        table.rows.push(vec![field.path, field.form, needed.to_owned(), field.what]);
    }
    if output != Output::Table {
        let names: Vec<String> = table.rows.iter().map(|row| row[0].clone()).collect();
        return output.print(&about(kind), &names, &table);
    }
    print(&format!("{}: {}\n\n", kind.name, kind.summary))?;
    output.print(&Value::Null, &[], &table)?;
    print(&format!("\nFor example:\n\n{}\n", kinds::example(kind.name)))
}

/// One field of a text.
struct Field {
    path: String,
    form: String,
    needed: bool,
    what: String,
}

/// The fields below a schema, each before those within it.
fn collect(front: &str, schema: &Value, root: &Value, deep: usize, out: &mut Vec<Field>) {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let (inner, list) = within(field, root);
        let path = format!("{front}.{name}{}", if list { "[]" } else { "" });
        let what = [field, inner].iter().find_map(|one| one.get("description")?.as_str()).unwrap_or_default();
        let what = what.lines().next().unwrap_or_default().to_owned();
        out.push(Field { path: path.clone(), form: form(inner), needed: required.contains(&name.as_str()), what });
        if deep > 1 {
            collect(&path, inner, root, deep - 1, out);
        }
    }
}

/// What a field holds: through names, "or nothing", and lists; with whether it is a list.
fn within<'a>(field: &'a Value, root: &'a Value) -> (&'a Value, bool) {
    let (mut inner, mut list) = (field, false);
    // A schema that names itself would go on for ever.
    for _ in 0..8 {
        let named = inner.get("$ref").and_then(Value::as_str).and_then(|at| root.pointer(at.trim_start_matches('#')));
        let some = || inner.get("anyOf")?.as_array()?.iter().find(|one| one.get("type") != Some(&json!("null")));
        let items = || inner.get("items").filter(|_| !list && inner.get("properties").is_none());
        match named.or_else(some) {
            Some(next) => inner = next,
            None => match items() {
                Some(next) => (inner, list) = (next, true),
                None => break,
            },
        }
    }
    (inner, list)
}

/// A form in words.
fn form(schema: &Value) -> String {
    let words = |values: &Value| {
        let all = values.as_array().into_iter().flatten().filter_map(Value::as_str);
        all.filter(|word| *word != "null").collect::<Vec<_>>().join(" | ")
    };
    if let Some(choices) = schema.get("enum") {
        return words(choices);
    }
    let choices = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let choices: Vec<&str> = choices.filter_map(|one| one.get("const")?.as_str()).collect();
    match (choices.is_empty(), schema.get("type")) {
        (false, _) => choices.join(" | "),
        (true, Some(Value::String(one))) => one.clone(),
        (true, Some(many)) => words(many),
        (true, None) => "any".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loggia_app::record::prepare::prepare;

    #[test]
    fn each_kind_has_an_example_that_is_right_and_fields_with_words() {
        for kind in kinds::ALL {
            let mut parsed = loggia_model::yaml::parse(kinds::example(kind.name));
            assert_eq!(parsed.len(), 1, "{}", kind.name);
            let document = parsed.remove(0).document.unwrap();
            assert_eq!(document["kind"], kind.name);
            assert!(prepare(document, "").is_ok(), "{}", kind.name);
            let schema = (kind.schema)();
            let mut fields = Vec::new();
            collect("spec", &schema, &schema, DEEP, &mut fields);
            assert!(!fields.is_empty() && fields.iter().all(|field| !field.form.is_empty()), "{}", kind.name);
        }
        let schema = (kind_of("offering").unwrap().schema)();
        let mut fields = Vec::new();
        collect("spec", &schema, &schema, DEEP, &mut fields);
        let find = |path: &str| fields.iter().find(|field| field.path == path).unwrap();
        assert!(find("spec.promise").needed && !find("spec.docs").needed);
        assert!(!find("spec.match[].offering").what.is_empty());
    }
}
