//! The OpenAPI document of this API. Bodies come from the tables by which they are checked.

use super::params::{Form, Rules};
use super::{analyze, by_query, entity, facets, list, location_query, locations, reply, validate};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use loggia_model::shape::{self, Shape};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());

/// Answers with the document.
pub fn answer(headers: &HeaderMap) -> Response {
    reply::tagged(StatusCode::OK, TEXT.clone(), Some(headers))
}

/// One operation.
struct Operation {
    path: &'static str,
    method: &'static str,
    summary: &'static str,
    rules: Rules,
    body: Option<(&'static Shape, bool)>,
    /// Status and schema of success; no schema where there is no content.
    success: (&'static str, Option<&'static str>),
}

const fn read(path: &'static str, summary: &'static str, rules: Rules, schema: &'static str) -> Operation {
    Operation { path, method: "get", summary, rules, body: None, success: ("200", Some(schema)) }
}

const fn post(
    path: &'static str,
    summary: &'static str,
    rules: Rules,
    body: (&'static Shape, bool),
    success: (&'static str, Option<&'static str>),
) -> Operation {
    Operation { path, method: "post", summary, rules, body: Some(body), success }
}

const NONE: Rules = &[];

fn operations() -> Vec<Operation> {
    let by_name = "/entities/by-name/{kind}/{namespace}/{name}";
    let page = ("200", Some("Page"));
    let batch = ("200", Some("Batch"));
    vec![
        read("/entities", "Entities as a plain list.", list::RULES, "Entities"),
        read("/entities/by-query", "A page of entities, with cursors.", by_query::RULES, "Page"),
        post("/entities/by-query", "A page of entities by a condition.", NONE, by_query::BODY.described(), page),
        post("/entities/by-refs", "One answer for each name.", entity::RULES, entity::REFS.described(), batch),
        read(by_name, "An entity by its name.", NONE, "Entity"),
        read("/entities/by-name/{kind}/{namespace}/{name}/ancestry", "Where an entity comes from.", NONE, "Ancestry"),
        read("/entities/by-uid/{uid}", "An entity by its uid.", NONE, "Entity"),
        Operation {
            path: "/entities/by-uid/{uid}",
            method: "delete",
            summary: "Removes an entity; what a source still describes comes back.",
            rules: NONE,
            body: None,
            success: ("204", None),
        },
        read("/entity-facets", "The values of keys, counted.", facets::RULES, "Facets"),
        post("/entity-facets", "The values of keys, counted.", NONE, facets::BODY.described(), ("200", Some("Facets"))),
        post("/refresh", "Reads the source of an entity now.", NONE, locations::REFRESH.described(), ("200", None)),
        read("/locations", "Registered places.", NONE, "Locations"),
        post("/locations", "Registers a place.", locations::RULES, locations::NEW.described(), ("201", Some("Added"))),
        post(
            "/locations/by-query",
            "Registered places by a condition.",
            NONE,
            location_query::BODY.described(),
            ("200", Some("LocationPage")),
        ),
        read("/locations/{id}", "A registered place.", NONE, "Location"),
        Operation {
            method: "put",
            ..post(
                "/locations/{id}",
                "Gives a place another address.",
                NONE,
                locations::CHANGED.described(),
                ("200", Some("Location")),
            )
        },
        Operation {
            path: "/locations/{id}",
            method: "delete",
            summary: "Takes a place out, with all that was read there.",
            rules: NONE,
            body: None,
            success: ("204", None),
        },
        read("/locations/by-entity/{kind}/{namespace}/{name}", "The place an entity came by.", NONE, "Location"),
        post(
            "/analyze-location",
            "What a place holds, or could hold.",
            NONE,
            analyze::BODY.described(),
            ("200", Some("Analysis")),
        ),
        post("/validate-entity", "The verdict on a document.", NONE, validate::BODY.described(), ("200", None)),
    ]
}

fn document() -> Value {
    let mut paths = Map::new();
    for operation in operations() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = described(&operation);
    }
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Catalog of Loggia",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The catalog as clients of Backstage know it. Kinds of Loggia appear beside those of Backstage.",
            "license": {"name": "Apache-2.0"},
        },
        "servers": [{"url": "/api/catalog"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": schemas(), "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    })
}

fn described(operation: &Operation) -> Value {
    let content =
        |schema: &str| json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}});
    let error = json!({"description": "Why not.", "content": content("Error")});
    let (status, schema) = operation.success;
    let mut success = json!({"description": operation.summary});
    if let Some(schema) = schema {
        success["content"] = content(schema);
    }
    let mut responses = json!({"401": error, "403": error, "default": error});
    // A verdict that is no has a form of its own.
    responses["400"] = match operation.path {
        "/validate-entity" => json!({"description": "What is wrong.", "content": content("Verdict")}),
        _ => error,
    };
    responses[status] = success;
    let named = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = named
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}}))
        .collect();
    parameters.extend(operation.rules.iter().map(|(name, form)| parameter(name, *form)));
    let mut out = json!({"summary": operation.summary, "parameters": parameters, "responses": responses});
    if let Some((body, required)) = operation.body {
        out["requestBody"] =
            json!({"required": required, "content": {"application/json": {"schema": shape::schema(body)}}});
    }
    out
}

fn parameter(name: &str, form: Form) -> Value {
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let schema = match form {
        Form::Text => json!({"type": "string", "minLength": 1}),
        Form::Choice(words) => json!({"type": "string", "enum": words}),
        Form::Whole => json!({"type": "integer", "minimum": 0}),
        Form::List | Form::Commas => texts,
    };
    let mut out =
        json!({"name": name, "in": "query", "allowReserved": true, "required": name == "facet", "schema": schema});
    if matches!(form, Form::Commas) {
        out["explode"] = false.into();
        out["style"] = "form".into();
    }
    out
}

fn schemas() -> Value {
    let of = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let list = |items: Value| json!({"type": "array", "items": items});
    let text = || json!({"type": "string"});
    let count = || json!({"type": "integer", "minimum": 0});
    let object = |required: &[&str], properties: Value| json!({"type": "object", "required": required, "properties": properties});
    let cursors = || json!({"type": "object", "properties": {"nextCursor": text(), "prevCursor": text()}});
    let relation = object(&["type", "targetRef"], json!({"type": text(), "targetRef": text()}));
    let ancestor =
        object(&["entity", "parentEntityRefs"], json!({"entity": of("Entity"), "parentEntityRefs": list(text())}));
    let value = object(&["value", "count"], json!({"value": text(), "count": count()}));
    let failure = object(&["name", "message"], json!({"name": text(), "message": text()}));
    json!({
        "Entity": {"type": "object", "description": "An entity, or the parts of it that were asked for.", "properties": {
            "apiVersion": text(), "kind": text(), "metadata": {"type": "object"}, "spec": {"type": "object"},
            "relations": list(relation), "status": {"type": "object"}}},
        "Entities": list(of("Entity")),
        "Page": object(&["items", "totalItems", "pageInfo"],
            json!({"items": list(of("Entity")), "totalItems": count(), "pageInfo": cursors()})),
        "Batch": object(&["items"], json!({"items": list(json!({"nullable": true, "allOf": [of("Entity")]}))})),
        "Ancestry": object(&["rootEntityRef", "items"], json!({"rootEntityRef": text(), "items": list(ancestor)})),
        "Facets": object(&["facets"], json!({"facets": {"type": "object", "additionalProperties": list(value)}})),
        "Location": object(&["id", "type", "target", "entityRef"],
            json!({"id": text(), "type": text(), "target": text(), "entityRef": text()})),
        "Locations": list(object(&["data"], json!({"data": of("Location")}))),
        "LocationPage": object(&["items", "totalItems", "pageInfo"],
            json!({"items": list(of("Location")), "totalItems": count(), "pageInfo": cursors()})),
        "Added": object(&["location", "entities"],
            json!({"location": of("Location"), "entities": list(of("Entity")), "exists": {"type": "boolean"}})),
        "Analysis": object(&["existingEntityFiles", "generateEntities"],
            json!({"existingEntityFiles": list(json!({"type": "object"})), "generateEntities": list(json!({"type": "object"}))})),
        "Verdict": {"type": "object", "properties": {"errors": list(failure.clone()), "error": failure}},
        "Error": object(&["error", "request", "response"], json!({"error": failure_of_request(),
            "request": object(&["method", "url"], json!({"method": text(), "url": text()})),
            "response": object(&["statusCode"], json!({"statusCode": count()}))})),
    })
}

fn failure_of_request() -> Value {
    json!({"type": "object", "required": ["name", "message"],
        "properties": {"name": {"type": "string"}, "message": {"type": "string"}}})
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_reference_leads_somewhere() {
        let text = &*super::TEXT;
        let document: serde_json::Value = serde_json::from_str(text).unwrap();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}
