//! Reading records: one, lists, history.

use super::call::{Call, json, json_text};
use super::fault::{Fault, page_gone};
use super::route::Handled;
use super::view::{self, RecordView};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use loggia_app::Error;
use loggia_app::access::audit::Revision;
use loggia_graph::{Graph, OrderKey, Position, Predicate, Query, Resolved, TextFilter, Turn};
use loggia_model::{Micros, Record, Ref};
use schemars::JsonSchema;
use serde::Serialize;

/// A page of a list.
#[derive(Serialize, JsonSchema)]
pub struct RecordList {
    /// The things, in order; only the fields that were asked for.
    pub items: Vec<serde_json::Map<String, serde_json::Value>>,
    /// How many there are in all that you may see.
    pub total: u64,
    /// Send it as `cursor` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A page of the history of one thing.
#[derive(Serialize, JsonSchema)]
pub struct History {
    /// Revisions, newest first.
    pub items: Vec<Revision>,
    /// Send it as `before` to get older ones; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

/// One record, now or at a time.
pub async fn get(call: Call) -> Handled {
    let reference = call.reference()?;
    if let Some(time) = call.given.time("at") {
        return at(&call, &reference, time).await;
    }
    let graph = call.app().graph();
    match graph.resolve(&call.caller.audience, &reference) {
        Resolved::Found(record) => Ok(found(&call, &graph, &record)),
        Resolved::Moved(name) => Ok(moved(&call, &name)),
        Resolved::Unknown => Err(call.app().missing(&call.caller, &reference).into()),
    }
}

fn found(call: &Call, graph: &Graph, record: &Record) -> Response {
    let mut text = String::with_capacity(record.document.len() + 512);
    write_now(call, graph, record, &mut text);
    let tag = view::answer_tag(&record.etag, &text);
    if call.if_none_match().as_deref() == Some(tag.trim_matches('"')) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    let mut response = json_text(text);
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

/// Appends a record as it is now.
fn write_now(call: &Call, graph: &Graph, record: &Record, out: &mut String) {
    let status = call.app().status_now(graph, record);
    view::write(graph, &call.caller.audience, record, status.as_deref(), out);
}

/// The way to where it is called now; the rest of the address stays.
fn moved(call: &Call, name: &Ref) -> Response {
    let front = if call.segment("kind").is_empty() {
        call.segment("plural").to_owned()
    } else {
        format!("records/{}", name.kind())
    };
    let rest = if call.route.path.ends_with("/history") { "/history" } else { "" };
    let location = format!("/api/v1/{front}/{}/{}{rest}", name.namespace(), name.name());
    let body = serde_json::json!({"movedTo": name});
    (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)], axum::Json(body)).into_response()
}

async fn at(call: &Call, reference: &Ref, time: Micros) -> Handled {
    let record = call.app().record_at(&call.caller, reference, time).await?;
    let mut text = String::new();
    view::write(&call.app().graph(), &call.caller.audience, &record, record.status.as_deref(), &mut text);
    Ok(json_text(text))
}

/// Records of one kind.
pub async fn list(call: Call) -> Handled {
    let kind = call.kind()?;
    let query = Query {
        predicate: Predicate::equals("kind", kind.lower()).and(Predicate::filters(call.given.all("filter"))),
        text: call.given.text("q").map(text_filter),
        order: order(call.given.text("order").unwrap_or_default()),
        limit: usize::try_from(call.given.number("limit").unwrap_or(100)).ok(),
        from: cursor(&call)?.map(Turn::After),
        total: true,
        ..Query::default()
    };
    let graph = call.app().graph();
    let page = graph.query(&call.caller.audience, &query);
    let mut text = String::from("{\"items\":[");
    for (at, record) in page.records.iter().enumerate() {
        text.push_str(if at > 0 { "," } else { "" });
        write_item(&call, &graph, record, &mut text)?;
    }
    text.push_str("],\"total\":");
    text.push_str(&page.total.unwrap_or_default().to_string());
    if let Some(next) = page.next() {
        text.push_str(",\"next\":\"");
        text.push_str(&URL_SAFE_NO_PAD.encode(serde_json::to_vec(next)?));
        text.push('"');
    }
    text.push('}');
    Ok(json_text(text))
}

fn write_item(call: &Call, graph: &Graph, record: &Record, out: &mut String) -> Result<(), Fault> {
    let Some(fields) = call.given.text("fields") else {
        write_now(call, graph, record, out);
        return Ok(());
    };
    let fields: Vec<Vec<&str>> = fields.split(',').map(path).collect();
    let mut text = String::new();
    write_now(call, graph, record, &mut text);
    out.push_str(&view::pick(&text, &fields)?.to_string());
    Ok(())
}

/// The parts of a field. What filters call `spec.owner` stands in the document.
fn path(field: &str) -> Vec<&str> {
    let own = ["apiVersion", "kind", "metadata", "spec"].contains(&field.split('.').next().unwrap_or_default());
    own.then_some("document").into_iter().chain(field.split('.')).collect()
}

fn text_filter(term: &str) -> TextFilter {
    let fields = ["metadata.name", "metadata.title", "metadata.description", "spec.profile.displayName"];
    TextFilter { term: term.to_owned(), fields: fields.map(str::to_owned).to_vec() }
}

fn order(text: &str) -> Vec<OrderKey> {
    let keys = text.split(',').filter(|key| !key.is_empty());
    keys.map(|key| match key.strip_prefix('-') {
        Some(key) => OrderKey::descending(key),
        None => OrderKey::ascending(key),
    })
    .collect()
}

fn cursor(call: &Call) -> Result<Option<Position>, Fault> {
    let Some(text) = call.given.text("cursor") else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| page_gone())?;
    let position: Position = serde_json::from_slice(&bytes).map_err(|_| page_gone())?;
    let keys = order(call.given.text("order").unwrap_or_default()).len();
    if position.values.len() == keys { Ok(Some(position)) } else { Err(page_gone()) }
}

/// The history of one record, also of one that has gone.
pub async fn history(call: Call) -> Handled {
    let reference = call.reference()?;
    if let Resolved::Moved(name) = call.app().graph().resolve(&call.caller.audience, &reference) {
        return Ok(moved(&call, &name));
    }
    let limit = limit(&call);
    let items = call.app().revisions(&call.caller, &reference, call.given.number("before"), limit).await?;
    page_of(items, limit)
}

/// The history of what has an identity: what went leaves its name to others, but not its identity.
pub async fn history_of(call: Call) -> Handled {
    let limit = limit(&call);
    let wrong = || Error::NotFound("An identity is a UUID, such as `loggia get -o json` shows as uid.".into());
    let uid = call.segment("uid").parse().map_err(|_| wrong())?;
    let items = call.app().revisions_of(&call.caller, uid, call.given.number("before"), limit).await?;
    page_of(items, limit)
}

fn limit(call: &Call) -> i64 {
    call.given.number("limit").unwrap_or(50)
}

fn page_of(items: Vec<Revision>, limit: i64) -> Handled {
    let full = i64::try_from(items.len()).unwrap_or(i64::MAX) == limit;
    let next = items.last().filter(|last| full && last.revision > 1).map(|last| last.position);
    json(&History { items, next })
}

/// What an answer to a read of one record looks like.
pub type One = RecordView;
