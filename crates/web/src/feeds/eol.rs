//! Offerings in the shape of endoflife.date: version 0 as a list of cycles, version 1 as a document of the product.
//!
//! Whoever is signed in may read them. Everybody may when the operator puts `end-of-life` on the list of what is public.

use crate::caller::By;
use crate::error::Reply;
use crate::pages::offer;
use crate::state::WebState;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use loggia_app::access::policy::{Action, admit};
use loggia_app::ending::feed::{Cycle, cycles};
use loggia_app::{Caller, Error};
use loggia_graph::Audience;
use loggia_model::{Day, Record, Scope};
use serde_json::{Value, json};
use std::sync::Arc;

/// The version of the shape (endoflife.date, API 1).
const SCHEMA_VERSION: &str = "1.2.1";

/// What a caller may read here; nobody reads what the company sees when the operator says so.
fn audience(state: &WebState, caller: &Caller) -> Result<Audience, Error> {
    match admit(caller, Action::Read) {
        Ok(()) => Ok(caller.audience.clone()),
        Err(_) if state.open_eol && !caller.is_signed_in() => {
            Ok(Audience::Scopes(Arc::new([Scope::Company].into_iter().collect())))
        }
        Err(error) => Err(error),
    }
}

fn found(state: &WebState, caller: &Caller, name: &str) -> Result<(Arc<Record>, Vec<Cycle>), Error> {
    let audience = audience(state, caller)?;
    cycles(&state.app.graph(), &audience, name, state.app.now())
}

/// Version 0: `/api/eol/postgres.json`.
pub async fn v0(State(state): State<WebState>, By(caller): By, Path(file): Path<String>) -> Response {
    let Some(name) = file.strip_suffix(".json") else {
        return Reply(Error::NotFound("There is no such address.".into())).into_response();
    };
    match found(&state, &caller, name) {
        Ok((_, cycles)) => Json(cycles.iter().map(cycle).collect::<Vec<Value>>()).into_response(),
        Err(error) => Reply(error).into_response(),
    }
}

fn cycle(one: &Cycle) -> Value {
    let eol = match one.over {
        Some(day) => json!(day),
        None => json!(one.withdrawn),
    };
    let discontinued = match one.closed_to_new {
        Some(day) => json!(day),
        None => json!(one.withdrawn),
    };
    json!({
        "cycle": one.version,
        "releaseDate": one.released,
        "support": one.effective.map_or_else(|| json!(!one.withdrawn), |day| json!(day)),
        "eol": eol,
        "discontinued": discontinued,
        "latest": one.version,
        "latestReleaseDate": one.released,
        "lts": false,
    })
}

/// Version 1: `/api/eol/v1/products/postgres`.
pub async fn v1(State(state): State<WebState>, By(caller): By, Path(name): Path<String>) -> Response {
    match found(&state, &caller, &name) {
        Ok((record, cycles)) => Json(product(&state, &record, &cycles)).into_response(),
        Err(error) => Reply(error).into_response(),
    }
}

fn product(state: &WebState, record: &Record, cycles: &[Cycle]) -> Value {
    let (document, today) = (record.parse(), Day::of(state.app.now()));
    let html = format!("{}{}", state.app.settings.public_url, offer::href(record.reference.name()));
    let releases: Vec<Value> = cycles.iter().map(|one| release(one, today, &html)).collect();
    let formerly: Vec<&str> = document.spec_list("formerly").collect();
    json!({
        "schema_version": SCHEMA_VERSION,
        "generated_at": state.app.now(),
        "last_modified": record.updated_at,
        "result": {
            "name": record.reference.name(),
            "label": document.title(),
            "aliases": formerly,
            "category": document.spec_text("category"),
            "tags": [document.spec_text("category")],
            "versionCommand": Value::Null,
            "identifiers": [],
            "labels": {"eoas": "Not everything new any more", "discontinued": "Closed to new", "eol": "Not looked after", "eoes": Value::Null},
            "links": {"icon": Value::Null, "html": html, "releasePolicy": Value::Null},
            "releases": releases,
        },
    })
}

fn release(one: &Cycle, today: Day, html: &str) -> Value {
    let passed = |day: Option<Day>| day.is_some_and(|day| day <= today);
    let over = one.withdrawn || passed(one.over);
    json!({
        "name": one.version,
        "codename": Value::Null,
        "label": one.version,
        "releaseDate": one.released,
        "isLts": false,
        "ltsFrom": Value::Null,
        "isEoas": one.withdrawn || passed(one.effective),
        "eoasFrom": one.effective,
        "isEol": over,
        "eolFrom": one.over,
        "isDiscontinued": one.withdrawn || passed(one.closed_to_new),
        "discontinuedFrom": one.closed_to_new,
        "isMaintained": !over,
        "latest": {"name": one.version, "date": one.released, "link": html},
        "custom": Value::Null,
    })
}
