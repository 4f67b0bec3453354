//! Files of records: logos, and pictures in documentation.

use super::visit::{Answer, Visit};
use crate::state::WebState;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use loggia_app::record::files::{Blob, FileEntry};
use loggia_model::{Record, Ref};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/files/{kind}/{namespace}/{name}/{*path}", get(file))
}

/// The address of a file; it changes with the content, so that browsers may keep it.
pub fn href(record: &Record, entry: &FileEntry) -> String {
    let reference = &record.reference;
    let version = entry.sha256.get(..12).unwrap_or_default();
    format!("/files/{}/{}/{}/{}?v={version}", reference.kind(), reference.namespace(), reference.name(), entry.path)
}

/// The address of a record's logo, as its annotation names it; empty when there is none.
pub fn logo(record: &Record) -> String {
    let document = record.parse();
    let path = document.annotation("loggia.dev/logo").trim_start_matches("./");
    let files = loggia_app::record::files::of(record);
    files.iter().find(|entry| entry.path == path).map(|entry| href(record, entry)).unwrap_or_default()
}

/// One file of a record that the caller may see.
async fn file(visit: Visit, Path((kind, namespace, name, path)): Path<(String, String, String, String)>) -> Answer {
    visit.signed_in()?;
    let reference = Ref::new(&kind, &namespace, &name);
    let (entry, blob) = visit.app().file(&visit.caller, &reference, &path).await?;
    let versioned = entry.sha256.starts_with(visit.param("v")) && !visit.param("v").is_empty();
    Ok(send(blob, versioned))
}

/// The bytes, as something that can do nothing in a browser but be looked at.
pub fn send(blob: Blob, keep: bool) -> Response {
    let picture = blob.media.starts_with("image/");
    let media = if picture { HeaderValue::from_str(&blob.media).ok() } else { None };
    let media = media.unwrap_or(HeaderValue::from_static("text/plain; charset=utf-8"));
    let cache = if keep { "private, max-age=31536000, immutable" } else { "private, no-cache" };
    let headers = [
        (header::CONTENT_TYPE, media),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
        // A picture from a repository may hold a script; here it cannot run.
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox"),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, blob.bytes).into_response()
}
