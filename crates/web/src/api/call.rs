//! One request on its way to its handler, and helpers for answers.

use super::fault::Fault;
use super::parameter::Given;
use super::route::{Handled, Route};
use crate::state::WebState;
use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use loggia_app::{App, Caller, Error, Outcome};
use loggia_model::{Kind, Ref, Uid};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::net::IpAddr;

/// Header that tells the position of a write, and that a read may send to see at least that.
pub const POSITION: HeaderName = HeaderName::from_static("loggia-position");

/// One request, checked as far as it can be without knowing what it is about.
pub struct Call {
    /// What all handlers share.
    pub state: WebState,
    /// Who asks.
    pub caller: Caller,
    /// Where the request came from.
    pub address: IpAddr,
    /// The route.
    pub route: &'static Route,
    /// Segments of the path by name.
    pub path: Vec<(&'static str, String)>,
    /// Parameters of the query.
    pub given: Given,
    /// Headers.
    pub headers: HeaderMap,
    /// Media type of the body, without its parameters; empty without a body.
    pub media: String,
    /// The body.
    pub body: Bytes,
}

impl Call {
    /// The application.
    pub fn app(&self) -> &App {
        &self.state.app
    }

    /// A segment of the path; empty when the route has none of this name.
    pub fn segment(&self, name: &str) -> &str {
        self.path.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// A segment of the path that is an identity.
    ///
    /// # Errors
    /// 404: what is no identity is nobody's.
    pub fn uid(&self, name: &str) -> Result<Uid, Fault> {
        let missing = || Error::NotFound(format!("There is no {:?}, or you may not see it.", self.segment(name)));
        Ok(self.segment(name).parse().map_err(|_| missing())?)
    }

    /// The kind that the path names, by its name or plural.
    ///
    /// # Errors
    /// 404 for an unknown kind.
    pub fn kind(&self) -> Result<&'static Kind, Fault> {
        let text = if self.segment("kind").is_empty() { self.segment("plural") } else { self.segment("kind") };
        let missing = || Error::NotFound(format!("There is no kind {text:?}. See /api/v1/openapi.json."));
        Ok(Kind::find(text).ok_or_else(missing)?)
    }

    /// The name of what the path is about; an instance when the path names no kind.
    ///
    /// # Errors
    /// 404 for an unknown kind.
    pub fn reference(&self) -> Result<Ref, Fault> {
        let named = self.path.iter().any(|(name, _)| matches!(*name, "kind" | "plural"));
        let kind = if named { self.kind()?.name } else { "instance" };
        Ok(Ref::new(kind, self.segment("namespace"), self.segment("name")))
    }

    /// The body as a type; its schema was checked before.
    ///
    /// # Errors
    /// 400 when it does not fit all the same.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let mut value = if self.body.is_empty() { Value::Object(Map::new()) } else { self.value()? };
        integral(&mut value);
        serde_json::from_value(value).map_err(|error| wrong_body(&error).into())
    }

    /// The body as it is.
    ///
    /// # Errors
    /// 400 when it is no JSON.
    pub fn value(&self) -> Result<Value, Fault> {
        serde_json::from_slice(&self.body).map_err(|error| wrong_body(&error).into())
    }

    /// The tag that the request expects, without quotes; `*` for any.
    pub fn if_match(&self) -> Option<String> {
        self.header_tag(header::IF_MATCH).map(|tag| super::view::text_tag(&tag).to_owned())
    }

    /// The tag that the caller has already.
    pub fn if_none_match(&self) -> Option<String> {
        self.header_tag(header::IF_NONE_MATCH)
    }

    fn header_tag(&self, name: HeaderName) -> Option<String> {
        let text = self.headers.get(name)?.to_str().ok()?.trim();
        let text = text.strip_prefix("W/").unwrap_or(text);
        Some(text.trim_matches('"').to_owned())
    }
}

/// Writes whole numbers as such: to JSON Schema `1.0` is an integer, to types it is not.
pub fn integral(value: &mut Value) {
    match value {
        Value::Number(number) => {
            // Up to here every whole number is exact.
            const EXACT: f64 = 9_007_199_254_740_992.0;
            let float = number.as_f64().filter(|f| !number.is_i64() && !number.is_u64() && f.fract() == 0.0);
            if let Some(float) = float.filter(|f| f.abs() <= EXACT) {
                let whole: Result<i64, _> = format!("{float:.0}").parse();
                *value = whole.map_or(Value::Null, Value::from);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(integral),
        Value::Object(map) => map.values_mut().for_each(integral),
        _ => {}
    }
}

/// A body that cannot be read.
pub fn wrong_body(error: &serde_json::Error) -> Error {
    Error::invalid("body", "", format!("The body cannot be read: {error}"), "Send JSON as the API's document says.")
}

/// Answers with JSON.
///
/// # Errors
/// When the value cannot be written.
pub fn json(value: &impl Serialize) -> Handled {
    Ok(Json(serde_json::to_value(value)?).into_response())
}

/// Answers with JSON and a status.
///
/// # Errors
/// When the value cannot be written.
pub fn json_with(status: StatusCode, value: &impl Serialize) -> Handled {
    Ok((status, Json(serde_json::to_value(value)?)).into_response())
}

/// Answers with JSON text that was written already.
pub fn json_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
}

/// Answers with the outcome of a command: its answer, and the position at which it is seen.
pub fn outcome(status: StatusCode, outcome: &Outcome, body: Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(POSITION, HeaderValue::from(outcome.position));
    response
}

/// Answers without a body.
pub fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}
