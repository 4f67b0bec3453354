//! A server that is read-only: every way to change something is refused, as the router and the lists of the APIs tell
//! them, so that a new one cannot be forgotten.

use crate::doors::{self, Way};
use crate::git::Echo;
use crate::roles::sample;
use crate::world::{Said, World};
use axum::http::{Method, Request, StatusCode, header};
use loggia_web::api::registry;
use std::sync::Arc;

/// What is sent and changes nothing that the platform knows: questions, previews, and one's own way in and out.
const CHANGE_NOTHING: [&str; 26] = [
    "DELETE /api/v1/sessions/{id}",
    "DELETE /api/v1/tokens/{id}",
    "POST /api/catalog/analyze-location",
    "POST /api/catalog/entities/by-query",
    "POST /api/catalog/entities/by-refs",
    "POST /api/catalog/entity-facets",
    "POST /api/catalog/locations/by-query",
    "POST /api/catalog/refresh",
    "POST /api/catalog/validate-entity",
    "POST /api/v1/campaigns:plan",
    "POST /api/v1/edits/{id}:put-aside",
    "POST /api/v1/endings:propose",
    "POST /api/v1/instances/{namespace}/{name}/access/{id}:reveal",
    "POST /api/v1/instances/{namespace}/{name}/outputs/{output}:reveal",
    "POST /api/v1/sources:refresh",
    "POST /demo/person",
    "POST /ending/new",
    "POST /instances/{team}/{name}/access/show",
    "POST /instances/{team}/{name}/form",
    "POST /instances/{team}/{name}/reveal",
    "POST /login",
    "POST /logout",
    "POST /me/sessions/{hash}/end",
    "POST /me/tokens/{id}/revoke",
    "POST /sources/refresh",
    "POST /theme",
];

fn refused(said: &Said) -> bool {
    said.status == StatusCode::FORBIDDEN && said.text.contains("This server is read-only")
}

#[tokio::test]
async fn every_way_to_change_something_is_refused() {
    let world = World::read_only().await;
    let mut passed = Vec::new();
    for route in registry::all().iter().filter(|route| route.method != Method::GET) {
        let what = format!("{} {}", route.method, route.path);
        let (path, body) = sample(route);
        let body = body.map(|body| body.to_string().replace("\"dryRun\":true", "\"dryRun\":false")).unwrap_or_default();
        let request = Request::builder().method(route.method.clone()).uri(path.replace("?dryRun=true", ""));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        if !refused(&world.send("admin", request, body).await) {
            passed.push(what);
        }
    }
    for way in doors::all(&world).await.into_iter().filter(|way| way.method != "GET") {
        if !refused(&sent(&world, &way).await) {
            passed.push(format!("{} {}", way.method, way.path));
        }
    }
    passed.sort();
    assert_eq!(passed, CHANGE_NOTHING);
    let uses = world.get("admin", "/api/v1/uses").await;
    assert!(uses.text.contains("\"items\":[]"), "{}", uses.text);
}

async fn sent(world: &World, way: &Way) -> Said {
    let (media, body) = doors::body(world, way, 0);
    let body = body.replace("do=preview", "do=order");
    let request = Request::builder().method(way.method.as_str()).uri(doors::filled(&way.path));
    world.send("admin", request.header(header::CONTENT_TYPE, media), body).await
}

#[tokio::test]
async fn repositories_are_read_and_not_written() {
    let world = World::read_only().await.with(|state| state.with_git(Arc::new(Echo)));
    let at = |service: &str| format!("/git/booking/main.git/info/refs?service=git-{service}");
    assert_eq!(world.get("admin", &at("upload-pack")).await.status, StatusCode::OK);
    assert!(refused(&world.get("admin", &at("receive-pack")).await), "asking what to push");
    let push = Request::post("/git/booking/main.git/git-receive-pack");
    assert!(refused(&world.send("admin", push, "").await), "pushing");
}

#[tokio::test]
async fn the_refusal_is_not_kept_under_a_key() {
    let world = World::read_only().await;
    let request = || {
        let request = Request::post("/api/v1/orders").header(header::CONTENT_TYPE, "application/json");
        request.header("idempotency-key", "k")
    };
    let body = r#"{"offering": "postgres", "environment": "dev", "team": "booking", "name": "a"}"#;
    for _ in 0..2 {
        let said = world.send("admin", request(), body).await;
        assert!(refused(&said) && !said.headers.contains_key("idempotency-replayed"), "{}", said.text);
    }
}
