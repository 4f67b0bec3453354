//! Templates of Backstage that are offered: a template is taken in as a text of the catalog, and is got by nobody until an
//! offering and a release say for whom it is, what it asks and where it lies.

use loggia_graph::{Audience, Graph, Predicate};
use loggia_model::{Document, Record, Ref, file_of};
use serde_json::{Map, Value, json};

/// The template that somebody meant who asked for an offering of its name.
pub(crate) fn meant(graph: &Graph, audience: &Audience, name: &str) -> Option<Ref> {
    let templates = Predicate::equals("kind", "template").and(Predicate::equals("metadata.name", name));
    graph.select(audience, &templates).first().map(|record| record.reference.clone())
}

/// What is said to whoever asks for an offering that is a template only; none when there is no such template.
pub(crate) fn instead(graph: &Graph, audience: &Audience, name: &str) -> Option<(String, String)> {
    let template = meant(graph, audience, name)?;
    let message = format!("{name} is a template, and not offered yet");
    let page = format!("/catalog/template/{}/{}", template.namespace(), template.name());
    Some((message, format!("Offer it by two documents beside it; its page has them ready: {page}")))
}

/// The two documents that offer a template, to be written beside its folder: where, and what. None for one that is offered
/// already.
pub fn documents(graph: &Graph, audience: &Audience, template: &Record) -> Option<(String, Vec<Value>)> {
    let name = template.reference.name();
    if graph.get(&Ref::new("offering", "default", name)).is_some_and(|record| graph.visible(audience, record)) {
        return None;
    }
    let document = template.parse();
    let (folder, at) = place(template);
    Some((at, vec![offering(graph, audience, name, &document), release(name, &document, &folder)]))
}

/// The folder of a template as seen from the file that offers it, and that file.
fn place(template: &Record) -> (String, String) {
    let name = template.reference.name();
    let file = file_of(&template.source.path);
    let folders: Vec<&str> = file.split('/').collect();
    match folders.as_slice() {
        [before @ .., folder, _] => {
            let front: String = before.iter().map(|one| format!("{one}/")).collect();
            ((*folder).to_owned(), format!("{front}{name}.yaml"))
        }
        // A recipe holds a folder, and that of the whole repository would hold everything.
        _ => ("template".to_owned(), format!("{name}.yaml")),
    }
}

fn offering(graph: &Graph, audience: &Audience, name: &str, template: &Document) -> Value {
    let product = graph.of_kind(audience, "product").next();
    let product = product.as_ref().map_or("the name of your product", |record| record.reference.name());
    let owner = Some(template.spec_text("owner")).filter(|owner| !owner.is_empty()).unwrap_or("the team that owns it");
    let promise = Some(template.meta_text("description")).filter(|text| !text.is_empty());
    let promise = promise.unwrap_or("What one gets, in one sentence.");
    json!({
        "apiVersion": "loggia.dev/v1", "kind": "Offering",
        "metadata": {"name": name, "title": template.title()},
        "spec": {"product": product, "owner": owner, "category": "path", "promise": promise,
            "for": "Teams that begin something new.", "problem": "What was laborious without it.",
            "plans": [{"name": "standard", "default": true}]},
    })
}

fn release(name: &str, template: &Document, folder: &str) -> Value {
    json!({
        "apiVersion": "loggia.dev/v1", "kind": "Release",
        "metadata": {"name": format!("{name}-1.0.0")},
        "spec": {"offering": name, "version": "1.0.0", "contract": {"inputs": inputs(template)},
            "recipe": {"driver": "git", "template": folder, "scaffolder": true}},
    })
}

/// The pages of the template's form as one schema. Where the repository goes is known already, and how a field is drawn is
/// the form's own affair.
fn inputs(template: &Document) -> Value {
    let pages = match template.spec().and_then(|spec| spec.get("parameters")) {
        Some(Value::Array(pages)) => pages.iter().collect(),
        Some(page) => vec![page],
        None => Vec::new(),
    };
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for page in pages {
        let fields = page.get("properties").and_then(Value::as_object);
        for (field, schema) in fields.into_iter().flatten().filter(|(_, schema)| !is_repository(schema)) {
            properties.insert(field.clone(), plain(schema));
        }
        let named = page.get("required").and_then(Value::as_array).into_iter().flatten();
        required.extend(named.filter(|name| name.as_str().is_some_and(|name| properties.contains_key(name))).cloned());
    }
    let mut schema = json!({"type": "object", "additionalProperties": false, "properties": properties});
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

fn is_repository(schema: &Value) -> bool {
    schema.get("ui:field").and_then(Value::as_str) == Some("RepoUrlPicker")
}

fn plain(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| !key.starts_with("ui:"))
            .map(|(key, value)| (key.clone(), plain(value)))
            .collect(),
        other => other.clone(),
    }
}
