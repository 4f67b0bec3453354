//! The OpenAPI 3.1 document, made from the registry.

use super::call::{Call, json_text};
use super::fault::{MEDIA, ProblemDocument};
use super::parameter::{PLAIN, Place};
use super::route::{Access, Handled, Route, Shape, shape};
use super::schema::sharpen;
use super::{idempotency, registry};
use axum::http::{Method, StatusCode};
use loggia_model::Kind;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Names of the catalog.
const NAME: &str = r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
const NAMESPACE: &str = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";
/// What the document says before its paths.
const ABOUT: &str = "Every address but this document needs a bearer token or a session. Errors are problem documents \
(RFC 9457). A write answers with its position in `Loggia-Position`; a read that sends that header, or the parameter \
`position`, sees at least that write, or is refused with 503 after a second. POST takes an `Idempotency-Key`: the same \
request under the same key is done once, for a day; it is not kept where the answer holds a secret.";

static DOCUMENT: LazyLock<String> = LazyLock::new(|| build().to_string());

/// The document.
pub async fn document(_: Call) -> Handled {
    Ok(json_text(DOCUMENT.clone()))
}

/// Makes the document.
pub fn build() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| s.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in registry::all() {
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        item[route.method.as_str().to_lowercase()] = operation(route, &mut generator);
    }
    generator.subschema_for::<ProblemDocument>();
    let schemas = generator.take_definitions(true);
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {"title": "Loggia", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": crate::caller::COOKIE},
            },
        },
        "security": [{"token": []}, {"session": []}],
    });
    sharpen_bodies(&mut document["paths"]);
    let mut asked = BTreeSet::new();
    let bodies = document["paths"].as_object().into_iter().flat_map(Map::values);
    for operation in bodies.filter_map(Value::as_object).flat_map(Map::values) {
        references(&operation["requestBody"], &document["components"]["schemas"], &mut asked);
    }
    for name in &asked {
        sharpen(&mut document["components"]["schemas"][name.as_str()]);
    }
    document
}

/// The names of the schemas that a schema leads to: those of bodies are checked before anything is done.
fn references(schema: &Value, all: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            let name = map.get("$ref").and_then(Value::as_str).and_then(|text| text.rsplit('/').next());
            if let Some(name) = name.filter(|name| found.insert((*name).to_owned())) {
                references(&all[name], all, found);
            }
            map.values().for_each(|value| references(value, all, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, all, found)),
        _ => {}
    }
}

/// Schemas of bodies that stand in the paths themselves.
fn sharpen_bodies(paths: &mut Value) {
    let items = paths.as_object_mut().into_iter().flat_map(Map::values_mut);
    for operation in items.filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        let content = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut);
        for media in content.into_iter().flat_map(Map::values_mut) {
            sharpen(&mut media["schema"]);
        }
    }
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "parameters": parameters(route),
        "responses": responses(route, generator),
    });
    if route.access == Access::Public {
        operation["security"] = json!([]);
    } else if let Access::May(action) = route.access {
        operation["description"] = json!(format!("A token needs the scope `{}`.", action.scope()));
    }
    if !route.bodies.is_empty() {
        let content: Map<String, Value> =
            route.bodies.iter().map(|body| (body.name.to_owned(), media(body.shape, generator))).collect();
        operation["requestBody"] = json!({"required": !route.body_optional, "content": content});
    }
    operation
}

fn media(shape: Shape, generator: &mut SchemaGenerator) -> Value {
    json!({"schema": shape(generator)})
}

fn parameters(route: &Route) -> Vec<Value> {
    let mut list: Vec<Value> = route
        .path_names()
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": path_schema(name)}))
        .collect();
    for param in route.params.iter().chain(route.takes_key().then_some(&idempotency::KEY)) {
        let place = if param.place == Place::Query { "query" } else { "header" };
        let required = param.name == "offering" && route.id == "whoRunsOffering";
        list.push(json!({"name": param.name, "in": place, "required": required, "description": param.about, "schema": param.schema()}));
    }
    list
}

fn path_schema(name: &str) -> Value {
    let kinds = loggia_model::kinds::ALL.iter();
    match name {
        "kind" => json!({"type": "string", "enum": kinds.map(|kind| kind.lower()).collect::<Vec<_>>()}),
        "plural" => json!({"type": "string", "enum": kinds.map(|kind: &&Kind| kind.plural).collect::<Vec<_>>()}),
        "namespace" => json!({"type": "string", "pattern": NAMESPACE}),
        "id" => json!({"type": "string", "pattern": r"^[0-9a-f-]{36,64}$"}),
        "user" => json!({"type": "string", "pattern": NAME}),
        "name" | "offering" | "output" => json!({"type": "string", "pattern": NAME}),
        _ => json!({"type": "string", "pattern": PLAIN}),
    }
}

fn responses(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    for answer in &route.answers {
        let mut response = json!({"description": answer.about});
        if let Some((name, body)) = answer.body {
            response["content"] = json!({name: media(body, generator)});
        }
        responses.insert(answer.status.to_string(), response);
    }
    for status in errors(route) {
        let words = StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Error");
        let content = json!({MEDIA: media(shape::<ProblemDocument>, generator)});
        responses.insert(status.to_string(), json!({"description": words, "content": content}));
    }
    Value::Object(responses)
}

/// The errors that a route may give.
fn errors(route: &Route) -> Vec<u16> {
    let mut errors = route.errors.clone();
    if route.access != Access::Public {
        errors.extend([400, 401, 403, 404, 503]);
    }
    if route.method != Method::GET {
        errors.extend([409]);
    }
    if !route.bodies.is_empty() {
        errors.extend([408, 413, 415, 422]);
    }
    errors.sort_unstable();
    errors.dedup();
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_in_the_document_and_nothing_else() {
        let document = build();
        let mut written: Vec<String> = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            written.extend(item.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())));
        }
        let mut declared: Vec<String> =
            registry::all().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        written.sort();
        declared.sort();
        assert_eq!(written, declared);
    }

    #[test]
    fn every_route_has_its_own_name_a_sentence_and_an_answer() {
        let mut names = BTreeSet::new();
        for route in registry::all() {
            assert!(names.insert(route.id), "{} twice", route.id);
            assert!(route.summary.ends_with('.'), "{}", route.id);
            assert!(!route.answers.is_empty(), "{}", route.id);
        }
    }

    #[test]
    fn every_body_has_a_schema_that_compiles() {
        for body in registry::all().iter().flat_map(|route| &route.bodies) {
            if let Err(error) = super::super::schema::compile(body.shape) {
                panic!("{}: {error}", body.name);
            }
        }
    }
}
