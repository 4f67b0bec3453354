//! Single entities: by name, by uid, by a list of names, and where they come from.

use super::Call;
use super::body::{self, Wanted};
use super::error::Fault;
use super::fields::Fields;
use super::params::{Form, Params, Rules};
use super::{predicate, reply, scope, status};
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use loggia_app::source::location;
use loggia_graph::{Audience, Graph, Predicate};
use loggia_model::shape::{self, Rest, Shape};
use loggia_model::{Record, Uid};
use serde_json::Value;
use std::sync::Arc;

/// A list of texts that may be empty.
pub const TEXTS: Shape = Shape::List(&Shape::Text);

/// The parameters of a question for many names.
pub const RULES: Rules = &[("filter", Form::List)];

/// The body of a question for many names.
pub static REFS: Wanted = Wanted {
    shape: Shape::Object(&shape::Fields {
        required: &["entityRefs"],
        known: &[("entityRefs", TEXTS), ("fields", TEXTS), ("query", shape::OPEN)],
        rest: Rest::Any,
    }),
    required: false,
};

/// Appends an entity, or the parts of it that were asked for.
pub fn write(graph: &Graph, audience: &Audience, record: &Record, fields: Option<&Fields>, out: &mut String) {
    match fields {
        Some(fields) => fields.write(graph, audience, record, out),
        None => graph.write_entity(audience, record, status::of(record).as_deref(), out),
    }
}

fn one(call: &Call, record: &Record) -> Response {
    let mut text = String::new();
    write(&call.graph, &call.caller.audience, record, None, &mut text);
    reply::json(StatusCode::OK, text)
}

/// The complete name in lower case.
fn joined(kind: &str, namespace: &str, name: &str) -> String {
    let mut text = [kind, ":", namespace, "/", name].concat();
    if !text.is_ascii() {
        return text.to_lowercase();
    }
    text.make_ascii_lowercase();
    text
}

/// The entity of a complete name in lower case, when this API shows it to the caller.
pub fn find(call: &Call, name: &str) -> Option<Arc<Record>> {
    scope::by_text(&call.graph, &call.caller.audience, name).cloned()
}

/// `GET /entities/by-name/{kind}/{namespace}/{name}`.
pub fn by_name(call: &Call, kind: &str, namespace: &str, name: &str) -> Result<Response, Fault> {
    Params::read(call.query(), &[])?;
    let found = scope::by_text(&call.graph, &call.caller.audience, &joined(kind, namespace, name));
    found.map(|record| one(call, record)).ok_or_else(|| {
        Fault::not_found(format!("No entity named '{name}' found, with kind '{kind}' in namespace '{namespace}'"))
    })
}

/// The entity of a uid, when this API shows it to the caller.
fn find_uid(call: &Call, uid: &str) -> Option<Arc<Record>> {
    let record = call.graph.by_uid(uid.parse::<Uid>().ok()?)?;
    (scope::is_shown(record) && call.graph.visible(&call.caller.audience, record)).then(|| Arc::clone(record))
}

/// `GET /entities/by-uid/{uid}`.
pub fn by_uid(call: &Call, uid: &str) -> Result<Response, Fault> {
    Params::read(call.query(), &[])?;
    let found = find_uid(call, uid);
    found.map(|record| one(call, &record)).ok_or_else(|| Fault::not_found(format!("No entity with uid {uid}")))
}

/// `DELETE /entities/by-uid/{uid}`: what a source still describes comes back when the source is read again.
pub async fn delete(call: &Call, uid: &str) -> Result<Response, Fault> {
    Params::read(call.query(), &[])?;
    call.writable()?;
    if let Some(record) = find_uid(call, uid) {
        let command = location::Forget { uid: record.uid };
        call.state.app.run(&call.caller, command).await?;
        call.state.sources.read_again(&record).await?;
    }
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

/// `GET /entities/by-name/{kind}/{namespace}/{name}/ancestry`: the entity and the Locations that it came by.
pub fn ancestry(call: &Call, kind: &str, namespace: &str, name: &str) -> Result<Response, Fault> {
    Params::read(call.query(), &[])?;
    let (graph, audience) = (&call.graph, &call.caller.audience);
    let root = joined(kind, namespace, name);
    let first = scope::by_text(graph, audience, &root);
    let first = first.ok_or_else(|| Fault::not_found(format!("No such entity {root}")))?;
    let chain = location::ancestors(graph, audience, first);
    let mut text = format!("{{\"rootEntityRef\":{},\"items\":[", Value::from(first.reference.as_str()));
    for (at, record) in chain.iter().enumerate() {
        text.push_str(if at > 0 { ",{\"entity\":" } else { "{\"entity\":" });
        write(graph, audience, record, None, &mut text);
        let parents: Value = chain.get(at + 1).map(|parent| parent.reference.as_str()).into_iter().collect();
        text.push_str(&format!(",\"parentEntityRefs\":{parents}}}"));
    }
    text.push_str("]}");
    Ok(reply::tagged(StatusCode::OK, text, Some(&call.headers)))
}

/// `POST /entities/by-refs`: one answer for each name, in their order.
pub async fn by_refs(call: &Call, body: Body) -> Result<Response, Fault> {
    let params = Params::read(call.query(), RULES)?;
    let body = body::read(&call.headers, body, &REFS).await?.ok_or_else(|| {
        let hint = "did you remember to specify an application/json content type?";
        Fault::input(format!("Malformed request body ({hint}), Validation error: Required at \"entityRefs\""))
    })?;
    let fields = Fields::read(&body::texts(&body, "fields").unwrap_or_default())?;
    let mut condition = predicate::filter(params.texts("filter"))?.unwrap_or_default();
    if let Some(query) = body.get("query") {
        condition = predicate::query(query)?.and(condition);
    }
    let (graph, audience) = (&call.graph, &call.caller.audience);
    let names = body.get("entityRefs").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut records: Vec<Option<Arc<Record>>> =
        names.map(|name| scope::by_text(graph, audience, name).cloned()).collect();
    if condition != Predicate::Everything {
        graph.keep_matching(audience, &condition, &mut records);
    }
    let mut text = String::from("{\"items\":[");
    for (at, record) in records.iter().enumerate() {
        text.push_str(if at > 0 { "," } else { "" });
        match record {
            Some(record) => write(graph, audience, record, fields.as_ref(), &mut text),
            None => text.push_str("null"),
        }
    }
    text.push_str("]}");
    Ok(match fields {
        Some(_) => reply::tagged(StatusCode::OK, text, None),
        None => reply::json(StatusCode::OK, text),
    })
}
