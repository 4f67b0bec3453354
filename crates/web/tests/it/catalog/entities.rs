//! Lists, pages, single entities, facets.

use super::world::{CATALOG, World};
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};

#[tokio::test]
async fn lists_leave_out_what_lacks_the_order_and_pages_do_not() {
    let world = World::new(CATALOG).await;
    assert_eq!(world.names("/entities?filter=kind%3Dcomponent&order=desc:metadata.title").await, ["beta", "Alpha"]);
    let paged = "/entities?filter=kind%3Dcomponent&order=desc:metadata.title&limit=9";
    assert_eq!(world.names(paged).await, ["beta", "Alpha", "gamma"]);
    assert_eq!(
        world.names("/entities?filter=kind=component,spec.lifecycle=PRODUCTION&limit=9").await,
        ["Alpha", "beta"]
    );
    let first = world.get("/entities?limit=2&offset=1&fields=kind&filter=kind%3Dcomponent").await;
    assert_eq!(first.json(), json!([{"kind": "Component"}, {"kind": "Component"}]));
    assert!(first.headers.get(header::LINK).is_none());
    let first = world.get("/entities?limit=2&offset=0&filter=kind%3Dcomponent&fields=kind").await;
    let link = first.headers[header::LINK].to_str().unwrap().to_owned();
    assert!(link.starts_with("</entities?limit=2&filter=kind%3Dcomponent&fields=kind&after="), "{link}");
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    assert_eq!(world.get(next).await.json(), json!([{"kind": "Component"}]));
}

#[tokio::test]
async fn cursors_lead_there_and_back() {
    let world = World::new(CATALOG).await;
    let first = world.get("/entities/by-query?filter=kind=component&orderField=metadata.name&limit=1").await.json();
    assert_eq!((&first["totalItems"], &first["items"][0]["metadata"]["name"]), (&json!(3), &json!("Alpha")));
    assert_eq!(first["pageInfo"]["prevCursor"], Value::Null);
    let next = first["pageInfo"]["nextCursor"].as_str().unwrap();
    // The older client goes on by GET, the newer one by POST.
    let by_get = world.get(&format!("/entities/by-query?cursor={next}&limit=1")).await.json();
    let by_post = world.post("/entities/by-query", json!({"cursor": next, "limit": 1})).await.json();
    assert_eq!(by_get, by_post);
    assert_eq!(by_get["items"][0]["metadata"]["name"], "beta");
    let previous = by_get["pageInfo"]["prevCursor"].as_str().unwrap();
    let back = world.post("/entities/by-query", json!({"cursor": previous, "limit": 1})).await.json();
    assert_eq!(back["items"], first["items"]);
    assert_eq!(back["pageInfo"]["prevCursor"], Value::Null);
    assert!(back["pageInfo"]["nextCursor"].is_string());
    let uncounted = world.get("/entities/by-query?limit=1&totalItems=exclude").await.json();
    assert_eq!(uncounted["totalItems"], 0);
}

#[tokio::test]
async fn conditions_are_read_and_refused() {
    let world = World::new(CATALOG).await;
    let find = async |query: Value| {
        let body = json!({"query": query, "fields": ["metadata.name"], "orderBy": [{"field": "metadata.name", "order": "asc"}]});
        world.post("/entities/by-query", body).await
    };
    let owned = find(json!({"relations": {"$contains": {"type": "OWNEDBY", "targetRef": "Group:default/Booking"}},
        "kind": "component", "metadata.tags": {"$contains": "WEB"}}))
    .await;
    assert_eq!(owned.json()["items"], json!([{"metadata": {"name": "Alpha"}}]));
    assert_eq!(
        find(json!({"$all": [{"kind": "component"}, {"$not": {"spec.type": {"$in": ["service", "library"]}}}]}))
            .await
            .json()["totalItems"],
        1
    );
    let wrong = find(json!({"kind": "component", "$any": []})).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(wrong.message(), "Invalid query: Validation error: Unrecognized key(s) in object: 'kind'");
    let negative = world.post("/entities/by-query", json!({"limit": -1})).await;
    assert_eq!(negative.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn one_entity_is_found_by_every_name_it_has() {
    let world = World::new(CATALOG).await;
    let named = world.get("/entities/by-name/component/default/alpha").await.json();
    let uid = named["metadata"]["uid"].as_str().unwrap();
    assert_eq!(world.get(&format!("/entities/by-uid/{uid}")).await.json(), named);
    let annotations = &named["metadata"]["annotations"];
    assert_eq!(annotations["backstage.io/managed-by-origin-location"], "file:/repo/catalog.yaml");
    assert_eq!(named["relations"][1], json!({"type": "ownedBy", "targetRef": "group:default/booking"}));
    let missing = world.get("/entities/by-name/Component/Default/None").await;
    assert_eq!(missing.message(), "No entity named 'None' found, with kind 'Component' in namespace 'Default'");
    // Names in lists are taken as they are.
    let refs = json!({"entityRefs": ["component:default/beta", "component:default/Beta", "x"], "fields": ["kind"]});
    assert_eq!(world.post("/entities/by-refs", refs).await.json()["items"], json!([{"kind": "Component"}, null, null]));
    let refs = json!({"entityRefs": ["component:default/beta", "group:default/booking"], "fields": ["kind"]});
    let groups = world.post("/entities/by-refs?filter=kind%3Dgroup", refs).await.json();
    assert_eq!(groups["items"], json!([null, {"kind": "Group"}]));
    let chain = world.get("/entities/by-name/component/default/alpha/ancestry").await.json();
    assert_eq!(chain["items"][1]["entity"]["spec"]["target"], "/repo/catalog.yaml");
    assert_eq!(chain["items"][0]["parentEntityRefs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn kinds_that_backstage_does_not_know_are_not_shown() {
    let world = World::new(CATALOG).await;
    let facets = world.get("/entity-facets?facet=kind&facet=Spec.Lifecycle").await.json();
    let kinds: Vec<&str> =
        facets["facets"]["kind"].as_array().unwrap().iter().map(|one| one["value"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Component", "Group", "Instance", "Location", "Offering"]);
    let lifecycles = json!([{"value": "Production", "count": 1}, {"value": "experimental", "count": 1},
        {"value": "production", "count": 1}]);
    assert_eq!(facets["facets"]["Spec.Lifecycle"], lifecycles);
    for path in ["/entities/by-name/product/default/fairway", "/entities/by-name/environment/default/prod"] {
        assert_eq!(world.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(world.names("/entities?filter=kind=product&filter=kind=environment").await, Vec::<String>::new());
    assert_eq!(world.get("/entities/by-query?limit=0").await.json()["totalItems"], 7);
}

#[tokio::test]
async fn what_is_taken_away_comes_back_with_its_source() {
    let world = World::new(CATALOG).await;
    let uid = async |world: &World| {
        let said = world.get("/entities/by-name/component/default/gamma").await;
        (said.status == StatusCode::OK).then(|| said.json()["metadata"]["uid"].as_str().unwrap().to_owned())
    };
    let before = uid(&world).await.unwrap();
    let delete = |uid: &str| format!("/entities/by-uid/{uid}");
    assert_eq!(world.send(Method::DELETE, &delete(&before), None).await.status, StatusCode::NO_CONTENT);
    world.until("it is back", async |world| uid(world).await.is_some_and(|now| now == before)).await;
    assert_eq!(world.send(Method::DELETE, &delete("none"), None).await.status, StatusCode::NO_CONTENT);
    // What runs is not removed by forgetting it.
    let running = world.get("/entities/by-name/instance/booking/orders.prod").await.json();
    let path = delete(running["metadata"]["uid"].as_str().unwrap());
    assert_eq!(world.send(Method::DELETE, &path, None).await.status, StatusCode::FORBIDDEN);
}
