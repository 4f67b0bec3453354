//! `POST /analyze-location`: what a place holds already, or what could be written there.

use super::Call;
use super::body::{self, Wanted};
use super::error::{Fault, Issue};
use super::locations::INPUT;
use super::params::Params;
use super::reply;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use loggia_app::source::location;
use loggia_model::shape::{self, Rest, Shape};
use serde_json::{Value, json};
use url::Url;

/// The body.
pub static BODY: Wanted = Wanted {
    shape: Shape::Object(&shape::Fields {
        required: &["location"],
        known: &[("location", INPUT), ("catalogFileName", Shape::Text)],
        rest: Rest::Any,
    }),
    required: true,
};

/// Answers with what was found, or with a first proposal.
pub async fn answer(call: &Call, body: Body) -> Result<Response, Fault> {
    Params::read(call.query(), &[])?;
    let body = body::read(&call.headers, body, &BODY).await?.unwrap_or_default();
    if let Some(name) = body.get("catalogFilename").filter(|name| !name.is_string()) {
        let received = if name.is_number() { "number" } else { "another type" };
        let message = format!("Expected string, received {received}");
        let (expected, received) = (Some("string"), Some(received));
        let issue =
            Issue { code: "invalid_type", expected, received, keys: None, path: vec!["catalogFilename"], message };
        return Err(Fault::input(format!("Malformed request: {}", issue.told())));
    }
    let target = body.pointer("/location/target").and_then(Value::as_str).unwrap_or_default();
    let url = Url::parse(target).map_err(|_| Fault::input("The given location.target is not a URL"))?;
    let existing = existing(call, &url).await;
    let proposed: Vec<Value> = if existing.is_empty() { vec![proposal(&url)] } else { Vec::new() };
    let found = json!({"existingEntityFiles": existing, "generateEntities": proposed});
    Ok(reply::tagged(StatusCode::OK, found.to_string(), None))
}

/// The entities of a file that can be read.
async fn existing(call: &Call, url: &Url) -> Vec<Value> {
    let is_file = url.path().ends_with(".yaml") || url.path().ends_with(".yml");
    if !is_file {
        return Vec::new();
    }
    let (places, vouches) = (&call.state.sources.places, call.vouches());
    let Ok(gathered) = places.gather("url", url.as_str(), vouches, &places.reach(&call.caller)).await else {
        return Vec::new();
    };
    let places = location::registered(&call.graph, &call.caller.audience);
    let registered = places.iter().any(|place| place.target == url.as_str());
    let shown = |document: &Value| json!({"location": {"type": "url", "target": url}, "isRegistered": registered, "entity": document});
    gathered.prepared.iter().map(|prepared| shown(&prepared.document().0)).collect()
}

/// A component with the name of the last part of the address.
fn proposal(url: &Url) -> Value {
    let last = url.path_segments().and_then(|mut parts| parts.rfind(|part| !part.is_empty()));
    let name = last.or(url.host_str()).unwrap_or("unknown").trim_end_matches(".git");
    json!({
        "entity": {
            "apiVersion": "backstage.io/v1alpha1",
            "kind": "Component",
            "metadata": {"name": name},
            "spec": {"type": "other", "lifecycle": "unknown"},
        },
        "fields": [],
    })
}
