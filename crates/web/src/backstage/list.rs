//! `GET /entities`: the list without pages, and the list with numbered ones.

use super::Call;
use super::error::{Fault, MOUNT};
use super::fields::Fields;
use super::params::{Form, Params, Rules};
use super::{cursor, entity, predicate, reply, scope};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use loggia_graph::{Missing, OrderKey, Query};
use serde_json::{Value, json};
use url::form_urlencoded;

/// The parameters.
pub const RULES: Rules = &[
    ("fields", Form::Commas),
    ("limit", Form::Whole),
    ("filter", Form::List),
    ("offset", Form::Whole),
    ("after", Form::Text),
    ("order", Form::List),
];

/// Which part of the list is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Window {
    limit: Option<i64>,
    offset: i64,
}

/// Answers with entities, as a plain list.
pub fn answer(call: &Call) -> Result<Response, Fault> {
    let params = Params::read(call.query(), RULES)?;
    let fields = Fields::read(params.texts("fields"))?;
    let order = order(params.texts("order"))?;
    let condition = predicate::filter(params.texts("filter"))?.unwrap_or_default();
    let window = window(&params)?;
    let limit = window.and_then(|window| window.limit);
    let (order, missing) = match window {
        // Without pages only the first counts, and in any case of letters; see docs/backstage.md.
        None => (order.into_iter().take(1).collect(), Missing::Omitted),
        Some(_) => (order.into_iter().filter(|key| !key.key.chars().any(char::is_uppercase)).collect(), Missing::Last),
    };
    let query = Query {
        predicate: scope::shown(&call.graph, condition),
        order,
        missing,
        offset: window.map_or(0, |window| usize::try_from(window.offset).unwrap_or(0)),
        limit: limit.map(|limit| usize::try_from(limit).unwrap_or(0)),
        ..Query::default()
    };
    let page = call.graph.query(&call.caller.audience, &query);
    let mut text = String::from("[");
    for (at, record) in page.records.iter().enumerate() {
        text.push_str(if at > 0 { "," } else { "" });
        entity::write(&call.graph, &call.caller.audience, record, fields.as_ref(), &mut text);
    }
    text.push(']');
    let is_small = page.records.is_empty() || (window.is_some() && fields.is_some());
    let mut response = match is_small {
        true => reply::tagged(StatusCode::OK, text, Some(&call.headers)),
        false => reply::json(StatusCode::OK, text),
    };
    if let (Some(window), Some(limit), true) = (window, limit, page.more_after) {
        let link = link(call, limit, window.offset.saturating_add(limit));
        response.headers_mut().extend(HeaderValue::from_str(&link).ok().map(|link| (header::LINK, link)));
    }
    Ok(response)
}

fn order(texts: &[String]) -> Result<Vec<OrderKey>, Fault> {
    let read = |text: &String| {
        let key = match text.split_once(':') {
            Some(("asc", key)) if !key.is_empty() => OrderKey::ascending(key),
            Some(("desc", key)) if !key.is_empty() => OrderKey::descending(key),
            _ => {
                let expected = "expected \"<asc or desc>:<field name>\"";
                return Err(Fault::input(format!("Invalid order parameter \"{text}\", {expected}")));
            }
        };
        Ok(key)
    };
    texts.iter().filter(|text| !text.is_empty()).map(read).collect()
}

/// The part of the list that the parameters name; what `after` says wins.
fn window(params: &Params) -> Result<Option<Window>, Fault> {
    let whole = |name| params.whole(name).map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    let (mut limit, mut offset) = (whole("limit"), whole("offset"));
    if limit == Some(0) {
        return Err(Fault::input("Invalid limit, must be greater than zero"));
    }
    let Some(after) = params.text("after") else {
        let any = limit.is_some() || offset.is_some();
        return Ok(any.then_some(Window { limit, offset: offset.unwrap_or(0) }));
    };
    let value: Value = serde_json::from_str(&cursor::loosely(after)).unwrap_or_default();
    if value.is_null() {
        return Err(Fault::input("Malformed after cursor, could not be parsed"));
    }
    for (name, slot) in [("limit", &mut limit), ("offset", &mut offset)] {
        if let Some(value) = value.get(name) {
            // `2.0` is a whole number too.
            let whole = value.as_f64().filter(|number| number.fract() == 0.0).map(|number| number as i64);
            let article = if name == "limit" { "an" } else { "a" };
            let wrong = || Fault::input(format!("Malformed after cursor, {name} was not {article} number"));
            *slot = Some(whole.ok_or_else(wrong)?);
        }
    }
    if offset.is_some_and(|offset| offset < 0) {
        return Err(Fault::input("Malformed after cursor, offset must not be negative"));
    }
    Ok(Some(Window { limit, offset: offset.unwrap_or(0) }))
}

/// The header that leads to the next page: the same address, but for where it begins.
fn link(call: &Call, limit: i64, offset: i64) -> String {
    let after = STANDARD.encode(json!({"limit": limit, "offset": offset}).to_string());
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut put = false;
    for (key, value) in form_urlencoded::parse(call.query().unwrap_or_default().as_bytes()) {
        match &*key {
            "offset" => {}
            "after" if put => {}
            "after" => {
                query.append_pair("after", &after);
                put = true;
            }
            _ => {
                query.append_pair(&key, &value);
            }
        }
    }
    if !put {
        query.append_pair("after", &after);
    }
    let path = call.uri.path().strip_prefix(MOUNT).unwrap_or_default();
    format!("<{path}?{}>; rel=\"next\"", query.finish())
}
