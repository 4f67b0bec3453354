//! The server may read the repository of every team; who has it read something gets no more than they may read.

use crate::world::{ADMIN, Said, World, on_both};
use async_trait::async_trait;
use axum::http::{Request, StatusCode, header};
use loggia_app::instance::driver::Failure;
use loggia_app::instance::git_http::GitAddress;
use loggia_app::source::Sources;
use loggia_app::source::fetch::{Fetch, not_allowed};
use loggia_app::source::reach::missing;
use loggia_web::WebState;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const OWN: &str = "http://127.0.0.1:7400/git";
/// In the files of the repository that only its team may read.
const SECRET: &str = "zebrafish";
/// What describes itself in repositories, and elsewhere.
const NAMES: [&str; 4] = ["own", "open", "taken", "led"];

/// Repositories of teams: `ledger` is hidden, `main` and `site` are not. And a place elsewhere.
struct Host;

fn component(name: &str, text: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n  description: {{$text: {text}}}\n\
         spec: {{type: service, lifecycle: production, owner: booking}}\n"
    )
}

fn file(url: &str) -> Option<String> {
    let ledger = format!("{OWN}/booking/ledger/blob/main");
    let lead = |target: &str| {
        format!(
            "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {{name: lead}}\nspec: {{target: \"{target}\"}}\n"
        )
    };
    Some(match url.strip_prefix(OWN).unwrap_or(url) {
        "/booking/ledger/blob/main/secret.txt" | "/booking/main/blob/main/open.txt" => format!("{SECRET} of {url}"),
        "/booking/ledger/blob/main/own.yaml" => component("own", "./secret.txt"),
        "/booking/ledger/blob/main/led.yaml" => component("led", "./secret.txt"),
        "/booking/main/blob/main/open.yaml" => component("open", "./open.txt"),
        "https://elsewhere.example/taken.yaml" => component("taken", &format!("{ledger}/secret.txt")),
        "https://elsewhere.example/open.yaml" => component("open", &format!("{OWN}/booking/main/blob/main/open.txt")),
        "https://elsewhere.example/led.yaml" => lead(&format!("{ledger}/led.yaml")),
        _ => return None,
    })
}

#[async_trait]
impl Fetch for Host {
    async fn fetch(&self, url: &str) -> Result<Arc<[u8]>, Failure> {
        let none = || if self.is_own(url) { missing(url) } else { Failure::yours(not_allowed(url), "Allow it.") };
        Ok(file(url).ok_or_else(none)?.into_bytes().into())
    }

    fn own(&self, url: &str) -> Option<GitAddress> {
        let mut parts = url.strip_prefix(OWN)?.strip_prefix('/')?.split('/');
        let (team, name) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some(GitAddress { team, name, write: false })
    }
}

/// The company with these repositories.
fn reading(world: World) -> World {
    world.with(|state| {
        let sources = Sources::new(Arc::clone(&state.app), Arc::new(crate::world::NoSources), Vec::new());
        WebState::new(Arc::clone(&state.app), Some(ADMIN), Arc::new(sources.reading_with(Arc::new(Host))))
    })
}

async fn ask(world: &World, who: &str, path: &str, body: &Value) -> Said {
    let request = Request::post(format!("/api/catalog{path}")).header(header::CONTENT_TYPE, "application/json");
    world.send(who, request, body.to_string()).await
}

#[tokio::test]
async fn a_private_repository_answers_as_none_to_who_may_not_read_it() {
    on_both("reach_asked", async |world| {
        let world = reading(world);
        let secret = format!("{OWN}/booking/ledger/blob/main/secret.txt");
        let nowhere = format!("{OWN}/booking/nothing/blob/main/secret.txt");
        // The text is said not to be JSON, to who may read it.
        let entity = |target: &str| {
            json!({"location": "url:https://elsewhere.example/a.yaml", "entity": {
            "apiVersion": "backstage.io/v1alpha1", "kind": "Component",
            "metadata": {"name": "a", "annotations": {"$json": target}},
            "spec": {"type": "service", "lifecycle": "x", "owner": "booking"}}})
        };
        let own = format!("{OWN}/booking/ledger/blob/main/own.yaml");
        for (who, may) in [("member", true), ("admin", true), ("other", false), ("product", false), ("service", false)]
        {
            let (said, none) = (
                ask(&world, who, "/validate-entity", &entity(&secret)).await,
                ask(&world, who, "/validate-entity", &entity(&nowhere)).await,
            );
            assert_eq!(said.text.contains("failed to parse"), may, "{who}: {}", said.text);
            assert!(may || said.text.replace("ledger", "nothing") == none.text, "{who}: {} {}", said.text, none.text);
            let place = json!({"location": {"type": "url", "target": own}});
            let found = ask(&world, who, "/analyze-location", &place).await;
            assert_eq!(found.text.contains(SECRET), may, "{who}: {}", found.text);
        }
        let place = json!({"type": "url", "target": own});
        for (who, may) in [("admin", true), ("product", false), ("service", false)] {
            let tried = ask(&world, who, "/locations?dryRun=true", &place).await;
            assert_eq!(tried.text.contains(SECRET), may, "{who}: {}", tried.text);
        }
        for who in ["product", "service"] {
            assert_eq!(ask(&world, who, "/locations", &place).await.status, StatusCode::NOT_FOUND, "{who}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_place_brings_only_what_its_owner_may_read() {
    on_both("reach_places", async |world| {
        let world = reading(world);
        for target in [
            "https://elsewhere.example/taken.yaml",
            "https://elsewhere.example/open.yaml",
            "https://elsewhere.example/led.yaml",
        ] {
            let said = ask(&world, "product", "/locations", &json!({"type": "url", "target": target})).await;
            assert_eq!(said.status, StatusCode::CREATED, "{}", said.text);
        }
        // A team describes itself by what is in its own repository.
        let own = json!({"type": "url", "target": format!("{OWN}/booking/ledger/blob/main/own.yaml")});
        assert_eq!(ask(&world, "admin", "/locations", &own).await.status, StatusCode::CREATED);
        let (stop, stopping) = tokio::sync::watch::channel(false);
        let sources = Arc::clone(&world.state.sources);
        let following = tokio::spawn(async move { sources.places.follow(stopping).await });
        let is_there = |name: &str| {
            let graph = world.state.app.graph();
            graph.get_text(&format!("component:default/{name}")).map(|record| record.document.contains(SECRET))
        };
        for _ in 0..200 {
            let unreadable =
                world.get("admin", "/api/v1/records/location?limit=50").await.text.matches("could not read").count();
            if is_there("own").is_some() && is_there("open").is_some() && unreadable > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let found: Vec<Option<bool>> = NAMES.iter().map(|name| is_there(name)).collect();
        assert_eq!(found, [Some(true), Some(true), None, None], "{NAMES:?}");
        stop.send_replace(true);
        following.await.unwrap();
    })
    .await;
}
