//! Registered places: registering, reading, changing, taking out.

use super::world::{CATALOG, TOKEN, World};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

const ROOT: &str = "https://example.com/a/catalog-info.yaml";

const FILE: &str = "
apiVersion: backstage.io/v1alpha1
kind: Location
metadata: {name: more}
spec: {targets: [./more.yaml]}
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: orders}
spec: {type: openapi, lifecycle: production, owner: booking, definition: {$text: ./openapi.yaml}}
";

const MORE: &str = "
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: delta}
spec: {type: service, lifecycle: production, owner: booking}
";

fn url(target: &str) -> Value {
    json!({"type": "url", "target": target})
}

fn fill(world: &World) {
    let mut web = world.web.0.lock().unwrap();
    web.insert(ROOT.into(), FILE.into());
    web.insert("https://example.com/a/more.yaml".into(), MORE.into());
    web.insert("https://example.com/a/openapi.yaml".into(), "openapi: 3.1.0\n".into());
}

async fn is_there(world: &World, name: &str) -> bool {
    world.get(&format!("/entities/by-name/{name}")).await.status == StatusCode::OK
}

#[tokio::test]
async fn a_place_is_read_with_all_that_it_leads_to() {
    let world = World::new(CATALOG).await;
    fill(&world);
    let added = world.post("/locations", url(ROOT)).await;
    assert_eq!((added.status, &added.json()["entities"]), (StatusCode::CREATED, &json!([])));
    let place = added.json()["location"].clone();
    let name = place["entityRef"].as_str().unwrap().trim_start_matches("location:default/").to_owned();
    world.until("it is read", async |world| is_there(world, "component/default/delta").await).await;
    let orders = world.get("/entities/by-name/api/default/orders").await.json();
    assert_eq!(orders["spec"]["definition"], "openapi: 3.1.0\n");
    world.until("it is shown", async |world| is_there(world, &format!("location/default/{name}")).await).await;
    let chain = world.get("/entities/by-name/component/default/delta/ancestry").await.json();
    let names: Vec<&Value> =
        chain["items"].as_array().unwrap().iter().map(|one| &one["entity"]["metadata"]["name"]).collect();
    assert_eq!(names, [&json!("delta"), &json!("more"), &json!(name)]);
    assert_eq!(world.get("/locations/by-entity/component/default/delta").await.json(), place);
    assert_eq!(world.get("/locations").await.json(), json!([{"data": place}]));
    let path = format!("/locations/{}", place["id"].as_str().unwrap());
    assert_eq!(world.send(Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    assert!(!is_there(&world, "component/default/delta").await);
    assert!(!is_there(&world, &format!("location/default/{name}")).await);
    assert_eq!(world.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_place_that_cannot_be_read_waits_and_says_why_later() {
    let world = World::new(CATALOG).await;
    let place = world.post("/locations", url(ROOT)).await.json()["location"].clone();
    let name = place["entityRef"].as_str().unwrap().replace(':', "/");
    let by_entity = world.get(&format!("/locations/by-entity/{name}")).await;
    assert!(by_entity.message().starts_with("found no origin annotation for ref"), "{}", by_entity.text);
    assert!(!is_there(&world, &name).await);
    assert_eq!(world.get("/entities/by-query?limit=0").await.json()["totalItems"], 7);
    fill(&world);
    // Asking for the same place again has it read now.
    let again = world.post("/locations?onConflict=refresh", url(ROOT)).await;
    assert_eq!(again.json()["location"], place);
    world.until("it is read", async |world| is_there(world, &name).await).await;
    world.web.0.lock().unwrap().clear();
    let refresh = json!({"entityRef": place["entityRef"]});
    assert_eq!(world.post("/refresh", refresh).await.status, StatusCode::OK);
    let told = async |world: &World| {
        world.get(&format!("/entities/by-name/{name}")).await.json()["status"]["items"][0].clone()
    };
    world.until("it says why", async |world| told(world).await["level"] == "error").await;
    // What was read before is still served.
    assert!(is_there(&world, "api/default/orders").await);
}

#[tokio::test]
async fn the_page_of_a_place_says_what_was_not_taken_and_what_to_do() {
    let world = World::new(CATALOG).await;
    let product = "apiVersion: loggia.dev/v1\nkind: Product\nmetadata: {name: mine}\nspec: {team: booking}\n";
    world.web.0.lock().unwrap().insert(ROOT.into(), format!("{MORE}---\n{product}"));
    let place = world.post("/locations", url(ROOT)).await.json()["location"].clone();
    let name = place["entityRef"].as_str().unwrap().replace(':', "/");
    let page = async |world: &World| {
        let request = Request::get(format!("/catalog/{name}"));
        let request = request.header("authorization", format!("Bearer {TOKEN}"));
        world.raw(request.body(Body::empty()).unwrap()).await.text
    };
    let told = "The Product mine was not taken: no registered place brings that.";
    world.until("it says why", async |world| page(world).await.contains(told)).await;
    assert!(page(&world).await.contains("ask an administrator to add it"));
    assert!(is_there(&world, "component/default/delta").await);
}

#[tokio::test]
async fn places_clash_move_and_are_found() {
    let world = World::new(CATALOG).await;
    let place = world.post("/locations", url(ROOT)).await.json()["location"].clone();
    assert_eq!(world.post("/locations", url(ROOT)).await.message(), format!("Location url:{ROOT} already exists"));
    let other = world.post("/locations", url("https://example.com/b.yaml")).await.json()["location"].clone();
    let path = format!("/locations/{}", place["id"].as_str().unwrap());
    let taken = world.send(Method::PUT, &path, Some(url("https://example.com/b.yaml"))).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    let moved = world.send(Method::PUT, &path, Some(url("https://example.com/c.yaml"))).await.json();
    assert_eq!((&moved["entityRef"], &moved["target"]), (&place["entityRef"], &json!("https://example.com/c.yaml")));
    // The first address is free again, and its name is not.
    let third = world.post("/locations", url(ROOT)).await.json()["location"].clone();
    assert_ne!(third["entityRef"], place["entityRef"]);
    let page = world.post("/locations/by-query", json!({"limit": 2})).await.json();
    assert_eq!((page["totalItems"].as_u64(), page["items"].as_array().map(Vec::len)), (Some(3), Some(2)));
    let next = world.post("/locations/by-query", json!({"cursor": page["pageInfo"]["nextCursor"]})).await.json();
    assert_eq!(next["items"], json!([third]));
    let found =
        world.post("/locations/by-query", json!({"query": {"target": {"$hasPrefix": "HTTPS://EXAMPLE.COM/B"}}})).await;
    assert_eq!(found.json()["items"], json!([other]));
    assert_eq!(world.post("/locations/by-query", json!({"query": {"$all": []}})).await.json()["totalItems"], 0);
    assert_eq!(
        world.post("/locations", json!({"type": "file", "target": "/etc"})).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(world.post("/locations", url("")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_dry_run_reads_and_keeps_nothing() {
    let world = World::new(CATALOG).await;
    fill(&world);
    let said = world.post("/locations?dryRun=true", url(ROOT)).await;
    assert_eq!(said.status, StatusCode::CREATED);
    assert_eq!(said.json()["exists"], false);
    let kinds: Vec<Value> = said.json()["entities"].as_array().unwrap().iter().map(|one| one["kind"].clone()).collect();
    assert_eq!(kinds, ["Location", "API", "Component"]);
    assert_eq!(world.get("/locations").await.json(), json!([]));
    let analysed = world.post("/analyze-location", json!({"location": url(ROOT)})).await.json();
    assert_eq!(analysed["existingEntityFiles"].as_array().map(Vec::len), Some(3));
    let proposed = world.post("/analyze-location", json!({"location": url("https://example.com/x/shop.git")})).await;
    assert_eq!(proposed.json()["generateEntities"][0]["entity"]["metadata"]["name"], "shop");
}

#[tokio::test]
async fn a_read_only_server_takes_no_writes() {
    let world = World::open(CATALOG, true).await;
    fill(&world);
    let gamma = world.get("/entities/by-name/component/default/gamma").await.json();
    let path = format!("/entities/by-uid/{}", gamma["metadata"]["uid"].as_str().unwrap());
    for said in [
        world.post("/locations", url(ROOT)).await,
        world.send(Method::DELETE, "/locations/none", None).await,
        world.send(Method::DELETE, &path, None).await,
    ] {
        assert_eq!(
            (said.status, said.json()["error"]["name"].as_str()),
            (StatusCode::FORBIDDEN, Some("NotAllowedError"))
        );
    }
    assert_eq!(world.post("/locations?dryRun=yes", url(ROOT)).await.status, StatusCode::CREATED);
}
