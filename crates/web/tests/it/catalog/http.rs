//! How the door answers whatever comes.

use super::world::{CATALOG, World};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::json;

#[tokio::test]
async fn paths_are_read_generously() {
    let world = World::new(CATALOG).await;
    for path in ["//entities?limit=1", "/Entities/?limit=1", "/ENTITIES/BY-NAME/Component/default/alpha/"] {
        assert_eq!(world.get(path).await.status, StatusCode::OK, "{path}");
    }
    for (method, path) in [
        (Method::GET, ""),
        (Method::GET, "/nosuch"),
        (Method::GET, "/entities/by-name/component/default"),
        (Method::GET, "/entities//by-query"),
        (Method::PUT, "/entities/by-query"),
        (Method::POST, "/entities"),
    ] {
        let said = world.send(method, path, None).await;
        assert_eq!((said.status, said.text.as_str()), (StatusCode::NOT_FOUND, ""), "{path}");
    }
    for probe in ["liveness", "readiness"] {
        let request = Request::get(format!("/.backstage/health/v1/{probe}"));
        let said = world.raw(request.body(Body::empty()).unwrap()).await;
        assert_eq!((said.status, said.text.as_str()), (StatusCode::OK, "{\"status\":\"ok\"}"), "{probe}");
    }
    let options = world.send(Method::OPTIONS, "/entities", None).await;
    assert_eq!((options.text.as_str(), &options.headers[header::ALLOW]), ("GET,HEAD", &"GET,HEAD".parse().unwrap()));
    assert_eq!(world.get("/entities/by-name/a/b/%E0%A4%A").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(world.get("/openapi.json").await.json()["openapi"], "3.0.3");
}

#[tokio::test]
async fn what_is_nowhere_is_told_in_the_form_that_is_asked_for() {
    let world = World::new(CATALOG).await;
    for (path, accept, expected) in [
        ("/api/nosuch/entities", "", None),
        ("/entities", "", None),
        ("/entities", "application/json", None),
        ("/entities", "text/html,*/*;q=0.8", Some("text/html; charset=utf-8")),
        ("/api/v1/nosuch", "", Some("application/problem+json")),
    ] {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {}", super::world::TOKEN));
        let said = world.raw(request.header(header::ACCEPT, accept).body(Body::empty()).unwrap()).await;
        let form = said.headers.get(header::CONTENT_TYPE).map(|form| form.to_str().unwrap());
        assert_eq!((said.status, form), (StatusCode::NOT_FOUND, expected), "{path} {accept}");
        assert_eq!(said.text.is_empty(), expected.is_none(), "{path} {accept}");
    }
}

#[tokio::test]
async fn nobody_sees_nothing() {
    let world = World::new(CATALOG).await;
    for token in ["", "Basic eDp5", "Bearer nonsense"] {
        let request = Request::get("/api/catalog/entities").header(header::AUTHORIZATION, token);
        let said = world.raw(request.body(Body::empty()).unwrap()).await;
        assert_eq!(said.status, StatusCode::UNAUTHORIZED, "{token}");
        assert_eq!(said.json()["error"]["name"], "AuthenticationError");
        assert_eq!(said.json()["request"], json!({"method": "GET", "url": "/entities"}));
    }
}

#[tokio::test]
async fn tags_spare_what_is_known() {
    let world = World::new(CATALOG).await;
    let first = world.get("/entity-facets?facet=kind").await;
    let tag = first.headers[header::ETAG].clone();
    let again = Request::get("/api/catalog/entity-facets?facet=kind")
        .header(header::AUTHORIZATION, format!("Bearer {}", super::world::TOKEN))
        .header(header::IF_NONE_MATCH, tag);
    assert_eq!(world.raw(again.body(Body::empty()).unwrap()).await.status, StatusCode::NOT_MODIFIED);
    let named = world.get("/entities/by-name/component/default/beta").await;
    assert!(named.headers.get(header::ETAG).is_none());
    assert_eq!(named.headers[header::CONTENT_TYPE], "application/json; charset=utf-8");
}

#[tokio::test]
async fn bodies_are_refused_in_the_words_of_the_peer() {
    let world = World::new(CATALOG).await;
    let send = async |media: &str, body: String| {
        let request = Request::post("/api/catalog/entities/by-refs").header(header::CONTENT_TYPE, media);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {}", super::world::TOKEN));
        world.raw(request.body(body.into()).unwrap()).await
    };
    for (media, body, message) in [
        ("text/plain", "{}".to_owned(), "unsupported media type text/plain"),
        ("application/json; charset=latin1", "{}".to_owned(), "unsupported charset \"LATIN1\""),
        ("application/json", "[1".to_owned(), "Expected ',' or ']' after array element in JSON at position 2"),
        ("application/json", "[]".to_owned(), "request/body must be object"),
        ("application/json", "{}".to_owned(), "request/body must have required property 'entityRefs'"),
        ("application/json", " ".repeat(200_000), "request entity too large"),
    ] {
        let said = send(media, body).await;
        assert_eq!((said.status, said.message().as_str()), (StatusCode::BAD_REQUEST, message));
    }
    let right = send("APPLICATION/JSON; charset=utf-8", r#"{"entityRefs": []}"#.into()).await;
    assert_eq!(right.json(), json!({"items": []}));
}

#[tokio::test]
async fn verdicts_have_the_shape_that_the_client_reads() {
    let world = World::new(CATALOG).await;
    let mut entity = json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": "ok"},
        "spec": {"type": "service", "lifecycle": "production", "owner": "me"}});
    let ask = async |entity: &serde_json::Value| {
        world.post("/validate-entity", json!({"entity": entity, "location": "url:https://example.com/a.yaml"})).await
    };
    let right = ask(&entity).await;
    assert_eq!((right.status, right.text.as_str()), (StatusCode::OK, ""));
    entity["kind"] = "component".into();
    let wrong = ask(&entity).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(wrong.json()["errors"].as_array().unwrap().len(), 1);
    entity["kind"] = "Component".into();
    entity["spec"]["readme"] = json!({"$text": "./README"});
    let unread = ask(&entity).await.json();
    assert!(unread["errors"][0]["message"].as_str().unwrap().contains("could not read location ./README"));
    world.web.0.lock().unwrap().insert("https://example.com/README".into(), "hello".into());
    assert_eq!(ask(&entity).await.status, StatusCode::OK);
}
