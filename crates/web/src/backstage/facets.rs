//! `GET` and `POST /entity-facets`: the values of keys, counted.

use super::Call;
use super::body::{self, Wanted};
use super::entity::TEXTS;
use super::error::Fault;
use super::params::{Form, Params, Rules};
use super::{predicate, reply, scope};
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use loggia_graph::Predicate;
use loggia_model::canonical::write_text;
use loggia_model::shape::{self, Rest, Shape};
use std::fmt::Write;

/// The parameters.
pub const RULES: Rules = &[("facet", Form::List), ("filter", Form::List)];

/// The body.
pub static BODY: Wanted = Wanted {
    shape: Shape::Object(&shape::Fields {
        required: &["facets"],
        known: &[("facets", TEXTS), ("query", shape::OPEN)],
        rest: Rest::Any,
    }),
    required: true,
};

/// `GET /entity-facets`.
pub fn get(call: &Call) -> Result<Response, Fault> {
    let params = Params::read(call.query(), RULES)?;
    if params.texts("facet").is_empty() {
        return Err(Fault::input("request/query must have required property 'facet'"));
    }
    let condition = predicate::filter(params.texts("filter"))?.unwrap_or_default();
    answer(call, params.texts("facet").to_vec(), condition)
}

/// `POST /entity-facets`.
pub async fn post(call: &Call, body: Body) -> Result<Response, Fault> {
    Params::read(call.query(), &[])?;
    let body = body::read(&call.headers, body, &BODY).await?.unwrap_or_default();
    let condition = body.get("query").map(predicate::query).transpose()?.unwrap_or_default();
    answer(call, body::texts(&body, "facets").unwrap_or_default(), condition)
}

fn answer(call: &Call, mut keys: Vec<String>, condition: Predicate) -> Result<Response, Fault> {
    let mut known = Vec::new();
    keys.retain(|key| {
        let fresh = !key.is_empty() && !known.contains(key);
        known.extend(fresh.then(|| key.clone()));
        fresh
    });
    if keys.is_empty() {
        return Err(Fault::input("Missing or empty facets parameter"));
    }
    let condition = scope::shown(&call.graph, condition);
    let facets = call.graph.facets(&call.caller.audience, &condition, &keys);
    let mut text = String::from("{\"facets\":{");
    for (at, (key, facet)) in keys.iter().zip(facets).enumerate() {
        text.push_str(if at > 0 { "," } else { "" });
        write_text(key, &mut text);
        text.push_str(":[");
        for (at, (value, count)) in facet.iter().enumerate() {
            text.push_str(if at > 0 { ",{\"value\":" } else { "{\"value\":" });
            write_text(value, &mut text);
            // Writing to a String does not fail.
            let _ = write!(text, ",\"count\":{count}}}");
        }
        text.push(']');
    }
    text.push_str("}}");
    Ok(reply::tagged(StatusCode::OK, text, Some(&call.headers)))
}
