//! JSON bodies, read and refused as the peer does.

use super::error::Fault;
use super::syntax;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use loggia_model::shape::{self, Shape};
use serde_json::{Map, Value};

/// Most bytes of a body.
const LIMIT: usize = 102_400;

/// What a route demands of its body.
pub struct Wanted {
    /// The form of the body.
    pub shape: Shape,
    /// Whether there must be one.
    pub required: bool,
}

impl Wanted {
    /// The form, and whether there must be a body.
    pub const fn described(&'static self) -> (&'static Shape, bool) {
        (&self.shape, self.required)
    }
}

/// Reads a body. `None` when there is none and none is needed.
///
/// # Errors
/// An input error in the words of the peer.
pub async fn read(headers: &HeaderMap, body: Body, wanted: &Wanted) -> Result<Option<Value>, Fault> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = kind == "application/json";
    if !is_json && (wanted.required || !kind.is_empty()) {
        let media = if media.is_empty() { "undefined" } else { media };
        return Err(Fault::input(format!("unsupported media type {media}")));
    }
    if !is_json {
        return Ok(None);
    }
    charset(media)?;
    let bytes = match Limited::new(body, LIMIT).collect().await {
        Ok(bytes) => bytes.to_bytes(),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            return Err(Fault::input("request entity too large"));
        }
        Err(_) => return Err(Fault::input("request aborted")),
    };
    let value = parse(&bytes)?;
    check(&value, &wanted.shape)?;
    Ok(Some(value))
}

fn charset(media: &str) -> Result<(), Fault> {
    let parts = media.split(';').skip(1).filter_map(|part| part.split_once('='));
    let charset =
        parts.filter(|(key, _)| key.trim().eq_ignore_ascii_case("charset")).map(|(_, value)| value.trim()).next();
    match charset.map(|charset| charset.trim_matches('"').to_ascii_uppercase()) {
        Some(charset) if !charset.starts_with("UTF-8") => {
            Err(Fault::input(format!("unsupported charset \"{charset}\"")))
        }
        _ => Ok(()),
    }
}

/// An object or a list; nothing at all is an empty object.
fn parse(bytes: &[u8]) -> Result<Value, Fault> {
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    match serde_json::from_slice(bytes) {
        Ok(value) if matches!(first, Some(b'{' | b'[')) => Ok(value),
        _ => Err(Fault::input(syntax::fault(&String::from_utf8_lossy(bytes)))),
    }
}

/// Checks the form of a body.
fn check(value: &Value, wanted: &Shape) -> Result<(), Fault> {
    let mut faults = Vec::new();
    shape::check(wanted, value, &mut Vec::new(), &mut faults);
    let Some(fault) = faults.first() else { return Ok(()) };
    let mut message = format!("request/body{} {}", fault.pointer, fault.message);
    if let Some(allowed) = fault.params.strip_prefix("allowedValues: ") {
        message = format!("{message}: {}", allowed.replace(',', ", "));
    }
    Err(Fault::input(message))
}

/// The texts of a list in a body.
pub fn texts(body: &Value, key: &str) -> Option<Vec<String>> {
    let list = body.get(key)?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}
