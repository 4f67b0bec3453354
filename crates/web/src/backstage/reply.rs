//! Answers with JSON text.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// As many headers as an answer usually has.
const HEADERS: usize = 12;

/// JSON text, without a tag.
pub fn json(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    // Room for what every answer carries, so that the headers need not grow.
    *response.headers_mut() = HeaderMap::with_capacity(HEADERS);
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// JSON text with a weak tag; when the reader has it already (`known` are the headers of a GET), only that is said.
pub fn tagged(status: StatusCode, text: String, known: Option<&HeaderMap>) -> Response {
    let digest = Sha256::digest(text.as_bytes());
    let tag = format!("W/\"{:x}-{}\"", text.len(), STANDARD_NO_PAD.encode(&digest[..20]));
    let fresh = status == StatusCode::OK && known.is_some_and(|headers| has_tag(headers, &tag));
    let mut response = match fresh {
        true => empty(StatusCode::NOT_MODIFIED),
        false => json(status, text),
    };
    if let Ok(value) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

fn has_tag(headers: &HeaderMap, tag: &str) -> bool {
    let strong = tag.trim_start_matches("W/");
    let listed = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    listed
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.trim_start_matches("W/") == strong)
}

/// A status, and nothing else.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_tag_gets_an_empty_answer() {
        let first = tagged(StatusCode::OK, "{}".into(), None);
        let tag = first.headers()[header::ETAG].clone();
        let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, tag)]);
        assert_eq!(tagged(StatusCode::OK, "{}".into(), Some(&known)).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(tagged(StatusCode::OK, "[]".into(), Some(&known)).status(), StatusCode::OK);
        assert_eq!(tagged(StatusCode::BAD_REQUEST, "{}".into(), Some(&known)).status(), StatusCode::BAD_REQUEST);
    }
}
