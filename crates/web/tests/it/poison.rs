//! What no database keeps is refused by itself, whatever the way in, and takes nothing else along.

use crate::doors;
use crate::world::{World, on_both};
use axum::http::{Request, StatusCode, header};
use futures_util::future::join_all;
use loggia_web::api::registry;
use serde_json::json;
use std::collections::BTreeSet;

/// How many events are sent at once.
const AT_ONCE: usize = 64;

/// What the event of this number calls the offering.
fn offering(at: usize) -> String {
    match at % 8 {
        3 => "post\0gres".to_owned(),
        5 => "x".repeat(5_000),
        _ => "postgres".to_owned(),
    }
}

async fn send(world: &World, at: usize) -> StatusCode {
    let event = json!({
        "subject": {"id": format!("booking/svc-{at}"), "content": {"environment": {"id": "dev"}}},
        "customData": {"offering": offering(at), "version": "1"},
    });
    let request = Request::post("/api/v1/observe").header(header::CONTENT_TYPE, "application/json");
    let request = request.header("ce-specversion", "1.0").header("ce-id", at.to_string()).header("ce-source", "ci");
    let request = request.header("ce-type", "dev.cdevents.service.deployed.0.2.0");
    world.send("reporter", request, event.to_string()).await.status
}

#[tokio::test]
async fn a_bad_event_spoils_no_other() {
    on_both("poison", async |world| {
        let said = join_all((0..AT_ONCE).map(|at| send(&world, at))).await;
        for (at, status) in said.into_iter().enumerate() {
            let wanted = if offering(at) == "postgres" { StatusCode::OK } else { StatusCode::BAD_REQUEST };
            assert_eq!(status, wanted, "{at}");
        }
    })
    .await;
}

/// Whoever calls a request an event gets its body past no check where no events are taken.
#[tokio::test]
async fn only_events_are_checked_as_such() {
    on_both("no_event", async |world| {
        let request = Request::post("/api/v1/orders").header(header::CONTENT_TYPE, "application/json");
        let order =
            json!({"offering": "postgres", "environment": "dev", "team": "booking", "name": "a\0b", "inputs": {}});
        let said = world.send("member", request.header("ce-specversion", "1.0"), order.to_string()).await;
        assert_eq!(said.status, StatusCode::BAD_REQUEST, "{}", said.text);
        assert_eq!(said.json()["problems"][0]["path"], "name", "{}", said.text);
    })
    .await;
}

#[tokio::test]
async fn no_address_has_control_characters() {
    on_both("control", async |world| {
        let api = registry::all().iter().map(|route| (route.path.to_owned(), route.method.to_string()));
        let others = doors::all(&world).await.into_iter().map(|way| (way.path, way.method));
        let all: BTreeSet<(String, String)> = api.chain(others).filter(|(path, _)| path.contains('{')).collect();
        assert!(all.len() > 100);
        for (path, method) in all {
            for character in ["%00", "%1f", "%7F", "%C2%85"] {
                let open = path.rfind('{').unwrap();
                let close = open + path[open..].find('}').unwrap();
                let address = format!("{}a{character}b{}", &path[..open], &path[close + 1..]);
                let said = world.json("admin", &method, &doors::filled(&address), &json!({})).await;
                assert_eq!(said.status, StatusCode::NOT_FOUND, "{method} {address}: {}", said.text);
            }
        }
    })
    .await;
}
