//! `POST /validate-entity`: the verdict on a document, with the words of Backstage.

use super::Call;
use super::body::{self, Wanted};
use super::error::Fault;
use super::params::Params;
use super::reply;
use axum::body::Body;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use loggia_app::source::fetch;
use loggia_app::source::location;
use loggia_app::source::placeholders;
use loggia_model::Document;
use loggia_model::backstage::{self, BackstageError};
use loggia_model::shape::{self, Rest, Shape};
use serde_json::{Value, json};

/// The body.
pub static BODY: Wanted = Wanted {
    shape: Shape::Object(&shape::Fields {
        required: &["location", "entity"],
        known: &[("location", Shape::Text), ("entity", shape::OPEN)],
        rest: Rest::Any,
    }),
    required: true,
};

/// A request that is wrong itself, also in the shape of a verdict: that is the only one that clients read.
pub fn refused(fault: &Fault, method: &Method, uri: &Uri) -> Response {
    if fault.status != StatusCode::BAD_REQUEST {
        return fault.answer(method, uri);
    }
    let mut body = fault.body(method, uri);
    body["errors"] = json!([{"name": fault.name, "message": fault.message}]);
    reply::tagged(fault.status, body.to_string(), None)
}

/// Answers with nothing when the document is right, else with what is wrong.
pub async fn answer(call: &Call, body: Body) -> Result<Response, Fault> {
    Params::read(call.query(), &[])?;
    let body = body::read(&call.headers, body, &BODY).await?.unwrap_or_default();
    let entity = body.get("entity").cloned().unwrap_or_default();
    let place = body.get("location").and_then(Value::as_str).unwrap_or_default();
    let errors = match verdict(call, entity, place).await {
        Ok(errors) => errors,
        Err(error) => vec![error],
    };
    if errors.is_empty() {
        return Ok(reply::empty(StatusCode::OK));
    }
    let text = json!({"errors": errors}).to_string();
    Ok(reply::tagged(StatusCode::BAD_REQUEST, text, None))
}

async fn verdict(call: &Call, mut entity: Value, place: &str) -> Result<Vec<BackstageError>, BackstageError> {
    backstage::envelope(&entity)?;
    let target = backstage::location(place)?;
    let reach = call.state.sources.places.reach(&call.caller);
    let unfilled = placeholders::fetch_and_fill(&mut entity, target, &reach).await;
    if let Some(one) = unfilled.into_iter().next() {
        let cause = BackstageError::new("Error", one.message);
        let message = "Processor PlaceholderProcessor threw an error while preprocessing";
        return Err(BackstageError::caused("InputError", message, cause));
    }
    backstage::process(&entity)?;
    let document = Document(entity);
    let mut errors = Vec::new();
    if document.kind() != "Location" || document.spec_text("presence") == "optional" {
        return Ok(errors);
    }
    for named in location::targets(&document) {
        let read = match fetch::beside(target, named) {
            Some(url) => reach.fetch(&url).await.map(drop).map_err(|failure| failure.message),
            None => Err("Invalid URL".to_owned()),
        };
        errors.extend(read.err().map(|why| BackstageError::new("Error", format!("Unable to read url, {why}"))));
    }
    Ok(errors)
}
