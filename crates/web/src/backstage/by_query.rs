//! `GET` and `POST /entities/by-query`: pages with cursors.

use super::Call;
use super::body::{self, Wanted};
use super::cursor::{self, Cursor, Text};
use super::entity::{self, TEXTS};
use super::error::Fault;
use super::fields::Fields;
use super::params::{Form, Params, Rules};
use super::{predicate, reply, scope};
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use loggia_graph::{Missing, OrderKey, Page, Query, TextFilter, Turn};
use loggia_model::shape::{self, Rest, Shape};
use serde_json::Value;
use std::fmt::Write;

/// How many entities a page has when nobody says it.
const PAGE: usize = 200;

/// The parameters.
pub const RULES: Rules = &[
    ("fields", Form::Commas),
    ("limit", Form::Whole),
    ("offset", Form::Whole),
    ("orderField", Form::List),
    ("cursor", Form::Text),
    ("filter", Form::List),
    ("totalItems", Form::Choice(&["include", "exclude"])),
    ("fullTextFilterTerm", Form::Text),
    ("fullTextFilterFields", Form::Commas),
];

const ORDER: Shape = Shape::Object(&shape::Fields {
    required: &["field", "order"],
    known: &[("field", Shape::Text), ("order", Shape::Choice(&["asc", "desc"]))],
    rest: Rest::Any,
});

const FULL_TEXT: Shape = Shape::Object(&shape::Fields {
    required: &[],
    known: &[("term", Shape::Text), ("fields", TEXTS)],
    rest: Rest::Any,
});

/// The body.
pub static BODY: Wanted = Wanted {
    shape: Shape::Object(&shape::Fields {
        required: &[],
        known: &[
            ("cursor", Shape::Text),
            ("limit", Shape::Number),
            ("offset", Shape::Number),
            ("orderBy", Shape::List(&ORDER)),
            ("fullTextFilter", FULL_TEXT),
            ("fields", TEXTS),
            ("totalItems", Shape::Choice(&["include", "exclude"])),
            ("query", shape::OPEN),
        ],
        rest: Rest::Any,
    }),
    required: false,
};

/// What is asked for.
#[derive(Debug, Default)]
struct Asked {
    cursor: Cursor,
    /// Whether the question goes on from a former page.
    goes_on: bool,
    offset: usize,
    limit: usize,
    fields: Option<Fields>,
    /// Whether nobody wants to know how many there are.
    uncounted: bool,
}

impl Asked {
    /// Whether the entities are counted: only for a first page. A cursor holds what was counted then, and one that holds
    /// nothing is not counted for again (as the peer has it).
    fn counts(&self) -> bool {
        !self.uncounted && !self.goes_on
    }
}

/// `GET /entities/by-query`.
pub fn get(call: &Call) -> Result<Response, Fault> {
    let params = Params::read(call.query(), RULES)?;
    let mut asked = Asked {
        limit: params.whole("limit").unwrap_or(PAGE),
        fields: Fields::read(params.texts("fields"))?,
        uncounted: params.text("totalItems") == Some("exclude"),
        ..Asked::default()
    };
    if let Some(cursor) = params.text("cursor") {
        asked.cursor = Cursor::decode(cursor)?;
        asked.goes_on = true;
    } else {
        let mut order = params.texts("orderField").iter().filter(|text| !text.is_empty()).map(|text| order(text));
        let fields = params.texts("fullTextFilterFields");
        let text = params
            .text("fullTextFilterTerm")
            .map(|term| Text { term: term.to_owned(), fields: (!fields.is_empty()).then(|| fields.to_vec()) });
        asked.cursor.order = order.next().transpose()?;
        // The others count for nothing, but must be right.
        order.collect::<Result<Vec<_>, _>>()?;
        asked.cursor.predicate = predicate::filter(params.texts("filter"))?;
        asked.cursor.text = text;
        asked.offset = params.whole("offset").unwrap_or(0);
    }
    Ok(answer(call, asked))
}

/// Reads `field,order`.
fn order(text: &str) -> Result<OrderKey, Fault> {
    let mut parts = text.split(',');
    let key = parts.next().unwrap_or_default();
    match parts.next() {
        None | Some("asc") => Ok(OrderKey::ascending(key)),
        Some("desc") => Ok(OrderKey::descending(key)),
        Some(_) => Err(Fault::input("Invalid order field order, must be asc or desc")),
    }
}

/// `POST /entities/by-query`.
pub async fn post(call: &Call, body: Body) -> Result<Response, Fault> {
    Params::read(call.query(), &[])?;
    let body = body::read(&call.headers, body, &BODY).await?.unwrap_or_default();
    let mut asked = Asked {
        limit: count(&body, "limit")?.unwrap_or(PAGE),
        fields: Fields::read(&body::texts(&body, "fields").unwrap_or_default())?,
        uncounted: body.get("totalItems").and_then(Value::as_str) == Some("exclude"),
        ..Asked::default()
    };
    match body.get("cursor").and_then(Value::as_str) {
        Some("") => return Err(Fault::input("Cursor cannot be empty")),
        Some(cursor) => {
            asked.cursor = Cursor::decode(cursor)?;
            asked.goes_on = true;
        }
        None => {
            let order = body.get("orderBy").and_then(|list| list.get(0));
            asked.cursor.order = order.map(|order| OrderKey {
                key: order.get("field").and_then(Value::as_str).unwrap_or_default().to_owned(),
                descending: order.get("order").and_then(Value::as_str) == Some("desc"),
            });
            asked.cursor.predicate = body.get("query").map(predicate::query).transpose()?;
            asked.cursor.text = body.get("fullTextFilter").map(|filter| Text {
                term: filter.get("term").and_then(Value::as_str).unwrap_or_default().to_owned(),
                fields: body::texts(filter, "fields"),
            });
            asked.offset = count(&body, "offset")?.unwrap_or(0);
        }
    }
    Ok(answer(call, asked))
}

/// A number of a body that counts something; fractions are cut off.
fn count(body: &Value, name: &str) -> Result<Option<usize>, Fault> {
    let Some(number) = body.get(name).and_then(Value::as_f64) else { return Ok(None) };
    if number < 0.0 {
        return Err(Fault::input(format!("request/body/{name} must be >= 0")));
    }
    // Beyond what the machine counts, the greatest is meant.
    Ok(Some(number as usize))
}

/// The question as the snapshot understands it.
fn question(call: &Call, asked: &Asked) -> Query {
    let Asked { cursor, goes_on, .. } = asked;
    let turn = |place| if cursor.backwards { Turn::Before(place) } else { Turn::After(place) };
    let from = goes_on.then(|| cursor.position()).flatten().map(turn);
    let text = cursor.text.as_ref().map(|text| TextFilter {
        term: text.term.clone(),
        fields: text.fields.clone().unwrap_or_else(|| {
            vec![cursor.order.as_ref().map_or_else(|| "metadata.uid".to_owned(), |order| order.key.to_lowercase())]
        }),
    });
    Query {
        predicate: scope::shown(&call.graph, cursor.predicate.clone().unwrap_or_default()),
        text,
        order: cursor.order.iter().cloned().collect(),
        missing: Missing::Omitted,
        offset: asked.offset,
        limit: Some(asked.limit),
        from,
        total: asked.counts(),
    }
}

fn answer(call: &Call, asked: Asked) -> Response {
    let page = call.graph.query(&call.caller.audience, &question(call, &asked));
    let total = if asked.uncounted { None } else { asked.cursor.total.or(page.total) }.unwrap_or(0);
    let mut text = String::with_capacity(1024 * page.records.len() + 64);
    text.push_str("{\"items\":[");
    for (at, record) in page.records.iter().enumerate() {
        text.push_str(if at > 0 { "," } else { "" });
        entity::write(&call.graph, &call.caller.audience, record, asked.fields.as_ref(), &mut text);
    }
    // Writing to a String does not fail.
    let _ = write!(text, "],\"totalItems\":{total},\"pageInfo\":{{");
    let (has_fields, cursors) = (asked.fields.is_some(), cursors(asked, &page, total));
    for (at, (name, cursor)) in cursors.iter().enumerate() {
        let _ = write!(text, "{}\"{name}\":\"{}\"", if at > 0 { "," } else { "" }, cursor.encode());
    }
    text.push_str("}}");
    match has_fields {
        true => reply::tagged(StatusCode::OK, text, Some(&call.headers)),
        false => reply::json(StatusCode::OK, text),
    }
}

/// The cursors to the pages before and behind.
fn cursors(asked: Asked, page: &Page, total: u64) -> Vec<(&'static str, Cursor)> {
    let (Some(first), Some(last)) = (&page.first, &page.last) else { return Vec::new() };
    let begin = asked.cursor.first.clone();
    let made = Cursor {
        backwards: false,
        first: Some(begin.clone().unwrap_or_else(|| cursor::place(first))),
        total: Some(total),
        place: cursor::place(last),
        ..asked.cursor
    };
    let before = begin.is_some_and(|begin| begin != cursor::place(first));
    let before = before.then(|| Cursor { backwards: true, place: cursor::place(first), ..made.clone() });
    let next = page.more_after.then_some(made);
    next.map(|next| ("nextCursor", next)).into_iter().chain(before.map(|before| ("prevCursor", before))).collect()
}
