//! Registered places, and having an entity read anew.

use super::Call;
use super::body::{self, Wanted};
use super::entity;
use super::error::{Fault, Issue};
use super::params::{Form, Params, Rules};
use super::{reply, scope};
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use loggia_app::Door;
use loggia_app::access::policy::{Action, Subject};
use loggia_app::source::location::{self, Register, Registered, Unregister};
use loggia_model::backstage::{LOCATION, ORIGIN_LOCATION};
use loggia_model::shape::{self, Rest, Shape};
use loggia_model::{Record, Uid};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The parameters.
pub const RULES: Rules = &[("dryRun", Form::Text), ("onConflict", Form::Choice(&["refresh", "reject"]))];

/// The body.
pub static NEW: Wanted = Wanted {
    shape: Shape::Object(&shape::Fields {
        required: &["target", "type"],
        known: &[("target", Shape::Text), ("type", Shape::Text)],
        rest: Rest::Any,
    }),
    required: true,
};

/// A place, and nothing beside it.
pub const INPUT: Shape = Shape::Object(&shape::Fields {
    required: &["type", "target"],
    known: &[("type", Shape::Text), ("target", Shape::Text)],
    rest: Rest::None,
});

/// The body.
pub static CHANGED: Wanted = Wanted { shape: INPUT, required: true };

/// The body.
pub static REFRESH: Wanted = Wanted {
    shape: Shape::Object(&shape::Fields {
        required: &["entityRef"],
        known: &[("authorizationToken", Shape::Text), ("entityRef", Shape::Text)],
        rest: Rest::None,
    }),
    required: true,
};

/// A place as the catalog tells it.
pub fn shown(place: &Registered) -> Value {
    json!({"id": place.id, "type": place.kind, "target": place.target, "entityRef": place.reference})
}

fn answer(call: &Call, status: StatusCode, value: &Value) -> Response {
    reply::tagged(status, value.to_string(), Some(&call.headers))
}

/// `GET /locations`.
pub fn list(call: &Call) -> Result<Response, Fault> {
    Params::read(call.query(), &[])?;
    let places = location::registered(&call.graph, &call.caller.audience);
    let list: Value = places.iter().map(|place| json!({"data": shown(place)})).collect();
    Ok(answer(call, StatusCode::OK, &list))
}

/// `GET /locations/{id}`.
pub fn get(call: &Call, id: &str) -> Result<Response, Fault> {
    Params::read(call.query(), &[])?;
    let place = location::find(&call.graph, &call.caller.audience, id)?;
    Ok(answer(call, StatusCode::OK, &shown(&place)))
}

/// A text that says yes or no; anything else says no.
fn is_yes(text: Option<&str>) -> bool {
    text.is_some_and(|text| ["y", "yes", "true", "1", "on"].contains(&text.trim().to_ascii_lowercase().as_str()))
}

/// Type and target of a body whose form was checked.
fn target(body: &Value) -> Result<(String, String), Fault> {
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, target) = (text("type"), text("target"));
    if kind != "url" {
        return Err(Fault::input("Registered locations must be of an allowed type [\"url\"]"));
    }
    if target.is_empty() {
        return Err(Fault::input("Unable to stringify location ref, empty target"));
    }
    Ok((kind, target))
}

/// `POST /locations`.
pub async fn add(call: &Call, body: Body) -> Result<Response, Fault> {
    let params = Params::read(call.query(), RULES)?;
    let body = body::read(&call.headers, body, &NEW).await?.unwrap_or_default();
    only_known(&body)?;
    let (kind, target) = target(&body)?;
    if is_yes(params.text("dryRun")) {
        call.state.app.require(&call.caller, Action::Register, &Subject::default())?;
        return dry_run(call, &kind, &target).await;
    }
    call.writable()?;
    let known_is_fine = params.text("onConflict") == Some("refresh");
    let place = register(call, Register { id: None, kind, target, known_is_fine }).await?;
    Ok(answer(call, StatusCode::CREATED, &json!({"location": shown(&place), "entities": []})))
}

/// Refuses fields that a place does not have.
fn only_known(body: &Value) -> Result<(), Fault> {
    let malformed = |code: &'static str, keys: Option<Vec<String>>, path: &[&'static str], message: String| {
        let issue = Issue { code, expected: None, received: None, keys, path: path.to_vec(), message };
        Err(Fault::input(format!("Malformed request: {}", issue.told())))
    };
    let known = ["type", "target", "presence"];
    let keys = body.as_object().into_iter().flatten().map(|(key, _)| key);
    let unknown: Vec<String> = keys.filter(|key| !known.contains(&key.as_str())).cloned().collect();
    if !unknown.is_empty() {
        let names = unknown.iter().map(|key| format!("'{key}'")).collect::<Vec<_>>().join(", ");
        let message = format!("Unrecognized key(s) in object: {names}");
        return malformed("unrecognized_keys", Some(unknown), &[], message);
    }
    match body.get("presence") {
        None => Ok(()),
        Some(Value::String(word)) if ["required", "optional"].contains(&word.as_str()) => Ok(()),
        Some(_) => malformed("invalid_union", None, &["presence"], "Invalid input".to_owned()),
    }
}

async fn register(call: &Call, command: Register) -> Result<Registered, Fault> {
    call.state.app.require(&call.caller, Action::Register, &Subject::default())?;
    call.state.sources.places.admit(&call.caller, &command.target)?;
    let outcome = call.state.app.run(&call.caller, command).await?;
    let id: Uid = serde_json::from_value(outcome.answer).map_err(loggia_app::Error::from)?;
    call.state.sources.places.read_again(id).await;
    Ok(location::find(&call.state.app.graph(), &call.caller.audience, &id.to_string())?)
}

/// Reads a place with all that it leads to, and registers nothing.
async fn dry_run(call: &Call, kind: &str, target: &str) -> Result<Response, Fault> {
    if url::Url::parse(target).is_err() {
        return Err(Fault::input("Error: Unable to read url, Invalid URL"));
    }
    let (places, vouches) = (&call.state.sources.places, call.vouches());
    let gathered = places.gather(kind, target, vouches, &places.reach(&call.caller)).await;
    let gathered =
        gathered.map_err(|failure| Fault::input(format!("Error: Unable to read url, {}", failure.message)))?;
    if let Some(error) = gathered.errors.first() {
        return Err(Fault::input(format!("Error: {error}")));
    }
    let mut met = BTreeMap::new();
    for prepared in &gathered.prepared {
        if met.insert(&prepared.reference, ()).is_some() {
            return Err(Fault::input(format!("Error: Duplicate nested entity: {}", prepared.reference)));
        }
    }
    let entities: Value = gathered.prepared.iter().map(|prepared| prepared.document().0).collect();
    let places = location::registered(&call.graph, &call.caller.audience);
    let exists = places.iter().any(|place| place.kind == kind && place.target == target);
    let name = format!("location:default/{}", location::generated_name(kind, target));
    let id = format!("{kind}:{target}");
    let place = json!({"id": id, "type": kind, "target": target, "entityRef": name});
    Ok(answer(call, StatusCode::CREATED, &json!({"location": place, "entities": entities, "exists": exists})))
}

/// `PUT /locations/{id}`.
pub async fn change(call: &Call, id: &str, body: Body) -> Result<Response, Fault> {
    Params::read(call.query(), &[])?;
    let body = body::read(&call.headers, body, &CHANGED).await?.unwrap_or_default();
    call.writable()?;
    let (kind, target) = target(&body)?;
    let place = register(call, Register { id: Some(id.to_owned()), kind, target, known_is_fine: false }).await?;
    Ok(answer(call, StatusCode::OK, &shown(&place)))
}

/// `DELETE /locations/{id}`.
pub async fn remove(call: &Call, id: &str) -> Result<Response, Fault> {
    Params::read(call.query(), &[])?;
    call.writable()?;
    call.state.app.run(&call.caller, Unregister { id: id.to_owned() }).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

/// `GET /locations/by-entity/{kind}/{namespace}/{name}`: the registered place that an entity came by.
pub fn by_entity(call: &Call, kind: &str, namespace: &str, name: &str) -> Result<Response, Fault> {
    Params::read(call.query(), &[])?;
    let audience = &call.caller.audience;
    let wanted = format!("{kind}:{namespace}/{name}").to_lowercase();
    let record = call.graph.get_text(&wanted).filter(|record| call.graph.visible(audience, record));
    let record = record.ok_or_else(|| Fault::not_found(format!("found no entity for ref {wanted}")))?;
    let origin = origin(record).filter(|_| scope::is_shown(record));
    let origin = origin.ok_or_else(|| Fault::not_found(format!("found no origin annotation for ref {wanted}")))?;
    let (kind, target) = origin.split_once(':').unwrap_or_default();
    let places = location::registered(&call.graph, audience);
    let found = places.iter().find(|place| place.kind == kind && place.target == target);
    let found =
        found.ok_or_else(|| Fault::not_found(format!("Found no location with type {kind} and target {target}")))?;
    Ok(answer(call, StatusCode::OK, &shown(found)))
}

fn origin(record: &Record) -> Option<String> {
    let document = record.parse();
    let found = [ORIGIN_LOCATION, LOCATION].map(|key| document.annotation(key).to_owned());
    found.into_iter().find(|text| !text.is_empty())
}

/// `POST /refresh`: reads the source of an entity now.
pub async fn refresh(call: &Call, body: Body) -> Result<Response, Fault> {
    Params::read(call.query(), &[])?;
    let body = body::read(&call.headers, body, &REFRESH).await?.unwrap_or_default();
    if let Some(token) = body.get("authorizationToken").and_then(Value::as_str) {
        let known = crate::caller::by_token(&call.state, token, Door::Backstage, &call.caller.request_id).await;
        known.map_err(|_| Fault::unauthenticated("Illegal token"))?;
    }
    let name = body.get("entityRef").and_then(Value::as_str).unwrap_or_default();
    let found = entity::find(call, &name.to_lowercase());
    let record = found.ok_or_else(|| Fault::not_found(format!("Entity {name} not found")))?;
    call.state.sources.look(&record).await;
    Ok(reply::empty(StatusCode::OK))
}
