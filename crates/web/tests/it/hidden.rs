//! What somebody may not see is not there: every address answers as it would if it had never been.
//!
//! Two companies are asked the same: one holds a hidden record of each kind, the other does not. To an outsider both
//! answer alike, letter for letter, with counts, facets, relations, order and search. And what is hidden is asked for by
//! name: it answers as a name that nobody ever gave. All addresses that can be read are asked, as the router and the
//! lists of both APIs tell them, so that a new one cannot be forgotten.

use crate::doors::{self, Way};
use crate::world::{Said, World, on_both};
use axum::http::{Method, Request, header};
use loggia_model::kinds::ALL;
use loggia_web::api::registry;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// In every word of what is hidden.
const CANARY: &str = "zebrafish";
/// As long, and nowhere.
const NOWHERE: &str = "xylophone";

const HIDDEN: &str = include_str!("hidden.yaml");

/// An instance that everybody may see, of a team that they may not.
const RUN: &str = "
apiVersion: loggia.dev/v1
kind: Instance
metadata: {name: quiet.dev, namespace: zebrafish-group}
spec: {offering: postgres, team: zebrafish-group, environment: dev, step: observed, contact: zebrafish@example.com}
";

/// Those who may see none of it.
const OUTSIDERS: [&str; 3] = ["other", "service", "partner"];

/// Asked of every address without a name in it. Most take only some of these; then the refusal is alike.
const QUERIES: [&str; 12] = [
    "",
    "?q=zebrafish",
    "?q=orders",
    "?kind=component",
    "?limit=2",
    "?offering=postgres",
    "?offering=zebrafish-offering",
    "?filter=metadata.name=zebrafish-component",
    "?filter=relations.dependencyof=component:default/zebrafish-component",
    "?facet=metadata.name&facet=metadata.tags&facet=relations.dependencyOf&facet=spec.category&facet=kind",
    "?orderField=metadata.name,desc&limit=3",
    "?fullTextFilterTerm=zebrafish",
];

/// Every address that is read by `GET`.
async fn addresses(world: &World) -> BTreeSet<String> {
    let mut all: BTreeSet<String> =
        doors::all(world).await.into_iter().filter(|way| way.method == "GET").map(|way| way.path).collect();
    all.extend(registry::all().iter().filter(|route| route.method == Method::GET).map(|route| route.path.to_owned()));
    // Figures count what there is, for those who run the platform; no name is among them.
    all.remove("/metrics");
    all
}

/// Without what differs by chance: identities, tags that hold them, times, and how long ago something was.
fn told(said: &Said) -> String {
    let mut text = String::new();
    for word in said.text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && !"-_:.+".contains(c)) {
        let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let number = bare.chars().filter(char::is_ascii_digit).count();
        // The address of a calendar is made from an identity.
        let key = bare.strip_suffix(".ics").unwrap_or(bare);
        let hex = key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
        let uid = bare.len() == 36 && bare.matches('-').count() == 4;
        let chance = hex || uid || (bare.starts_with("20") && number >= 8);
        text.push_str(if chance { "~" } else { word });
    }
    format!("{} {text}", said.status)
}

/// Fails with the first line in which two answers differ.
fn same(one: &str, other: &str, what: &str) {
    let (mut left, mut right) = (one.lines(), other.lines());
    loop {
        let (a, b) = (left.next(), right.next());
        assert_eq!(a, b, "{what}");
        if a.is_none() {
            return;
        }
    }
}

/// Asks two companies the same.
async fn alike(with: &World, without: &World, who: &str, address: &str) {
    let (one, other) = (with.get(who, address).await, without.get(who, address).await);
    // The history of everything has places for what happened, whatever that was; it tells no more of it.
    if address.starts_with("/api/v1/events") {
        return assert!(!one.text.contains(CANARY) || address.contains(CANARY), "{who} {address}");
    }
    same(&told(&one), &told(&other), &format!("{who} {address}"));
    assert!(!format!("{:?}", one.headers).contains(CANARY), "{who} {address}");
}

/// Asks for what is hidden, and for what is nowhere.
async fn as_nowhere(world: &World, who: &str, address: &str) {
    let (hidden, nowhere) = (world.get(who, address).await, world.get(who, &address.replace(CANARY, NOWHERE)).await);
    same(&told(&hidden).replace(CANARY, NOWHERE), &told(&nowhere), &format!("{who} {address}"));
}

async fn both(world: &World) -> World {
    let without = World::alone().await;
    world.add(HIDDEN).await;
    used(world).await;
    // Among what moves is something hidden: neither counts nor curve tell of it.
    for world in [world, &without] {
        let said = world.post("admin", "/api/v1/campaigns/default/postgres-2:start", &json!({})).await;
        assert!(said.status.is_success(), "{}", said.text);
    }
    without
}

/// A hidden team uses what everybody sees.
async fn used(world: &World) {
    let reading = json!({"id": "1", "time": "2026-01-01T00:00:00Z", "team": "zebrafish-group", "offering": "postgres",
        "release": "postgres-1.0.0", "channel": "x"});
    let said = world.post("admin", "/api/v1/usage", &reading).await;
    assert!(said.status.is_success(), "{}", said.text);
    assert!(world.get("admin", "/api/v1/uses").await.text.contains(CANARY));
}

/// Of an instance that everybody sees and a hidden team runs, nobody is told the team's title, contact, or that it
/// runs something.
#[tokio::test]
async fn what_a_hidden_team_runs_is_told_to_nobody_else() {
    on_both("hidden_team", async |world| {
        world.add(HIDDEN).await;
        world.add(RUN).await;
        let paths = [
            "/api/v1/who-runs?offering=postgres",
            "/who-runs?offering=postgres",
            "/who-runs.csv?offering=postgres",
            "/get/postgres",
        ];
        for path in paths {
            assert!(world.get("admin", path).await.text.to_lowercase().contains(CANARY), "{path}");
            for who in OUTSIDERS {
                assert!(!world.get(who, path).await.text.to_lowercase().contains(CANARY), "{who} {path}");
            }
        }
        let asked = world.get("other", "/api/v1/who-runs?offering=postgres&team=zebrafish-group").await;
        let nowhere = world.get("other", "/api/v1/who-runs?offering=postgres&team=xylophone-group").await;
        assert_eq!(told(&asked).replace(CANARY, NOWHERE), told(&nowhere));
    })
    .await;
}

#[tokio::test]
async fn every_address_answers_as_if_it_were_not_there() {
    on_both("hidden", async |world| {
        let without = both(&world).await;
        let mut told_to_admin = 0;
        for path in addresses(&world).await {
            let open = world.get("admin", &doors::filled(&path)).await.text.contains(CANARY);
            told_to_admin += usize::from(open);
            let named = path.contains('{');
            for query in QUERIES.iter().filter(|query| !named || query.is_empty()) {
                let address = format!("{}{query}", doors::filled(&path));
                for who in OUTSIDERS {
                    alike(&world, &without, who, &address).await;
                }
            }
        }
        assert!(told_to_admin >= 15, "it is there for who may see it, at {told_to_admin} addresses only");
    })
    .await;
}

/// The names of what is hidden, one of each kind: kind, namespace, name.
fn names() -> Vec<(String, &'static str, String)> {
    ALL.iter()
        .map(|kind| kind.name.to_lowercase())
        .map(|kind| match kind.as_str() {
            "instance" => (kind, "booking", format!("{CANARY}.dev")),
            "release" => (kind, "default", format!("{CANARY}-offering-1.0.0")),
            _ => {
                let name = format!("{CANARY}-{kind}");
                (kind, "default", name)
            }
        })
        .collect()
}

/// Asks every address for one hidden thing, by its name and by its identity.
async fn asked_for(world: &World, kind: &str, namespace: &str, name: &str, uid: &str) {
    for path in addresses(world).await.iter().filter(|path| path.contains('{')) {
        let address = doors::with_names(path, kind, namespace, name, name);
        for who in OUTSIDERS {
            as_nowhere(world, who, &address).await;
            if path.contains("{uid}") {
                let hidden = world.get(who, &path.replace("{uid}", uid)).await;
                let nowhere = world.get(who, &doors::filled(path)).await;
                same(&told(&hidden), &told(&nowhere), &format!("{who} {path} {kind}"));
            }
        }
    }
}

#[tokio::test]
async fn what_is_hidden_answers_as_what_never_was() {
    on_both("hidden_names", async |world| {
        world.add(HIDDEN).await;
        let (mut removed, mut kept) = (0, 0);
        for (kind, namespace, name) in names() {
            let path = format!("/api/v1/records/{kind}/{namespace}/{name}");
            let own = world.get("admin", &path).await;
            assert!(own.status.is_success() && own.text.contains(CANARY), "{kind} {name}: {}", own.text);
            let uid = own.json()["uid"].as_str().unwrap().to_owned();
            asked_for(&world, &kind, namespace, &name, &uid).await;
            // What was hidden stays so when it is gone.
            let gone = world.json("admin", "DELETE", &path, &json!({})).await;
            if gone.status.is_success() {
                removed += 1;
                asked_for(&world, &kind, namespace, &name, &uid).await;
            } else {
                kept += 1;
            }
        }
        assert!(removed >= 10, "{removed} of {} were removed", removed + kept);
    })
    .await;
}

/// Questions that are sent, to the catalog.
fn questions() -> Vec<(&'static str, Value)> {
    let named = json!({"metadata.name": "zebrafish-component"});
    vec![
        ("/entities/by-query", json!({})),
        ("/entities/by-query", json!({"limit": 1, "orderFields": [{"field": "metadata.name", "order": "desc"}]})),
        ("/entities/by-query", json!({"query": named})),
        ("/entities/by-query", json!({"query": {"relations.dependencyof": "component:default/zebrafish-component"}})),
        ("/entities/by-query", json!({"fullTextFilter": {"term": "zebrafish"}})),
        ("/entity-facets", json!({"facets": ["metadata.name", "metadata.tags", "relations.dependencyof", "kind"]})),
        ("/entity-facets", json!({"facets": ["kind"], "query": named})),
        ("/entities/by-refs", json!({"entityRefs": ["component:default/orders"], "fields": ["relations"]})),
        ("/entities/by-refs", json!({"entityRefs": ["component:default/zebrafish-component", "group:default/gate"]})),
        ("/entities/by-refs", json!({"entityRefs": ["component:default/orders"], "query": named})),
        ("/locations/by-query", json!({})),
        ("/refresh", json!({"entityRef": "component:default/zebrafish-component"})),
        (
            "/validate-entity",
            json!({"location": "url:https://example.com/a.yaml", "entity": {
            "apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": "zebrafish-component"},
            "spec": {"type": "service", "lifecycle": "x", "owner": "group:zebrafish-group"}}}),
        ),
    ]
}

#[tokio::test]
async fn questions_that_are_sent_are_answered_alike() {
    on_both("hidden_questions", async |world| {
        let without = both(&world).await;
        let asked: BTreeSet<String> = questions().iter().map(|(path, _)| format!("/api/catalog{path}")).collect();
        let writes = ["/api/catalog/locations", "/api/catalog/analyze-location"];
        for Way { path, method } in doors::all(&world).await {
            let known = asked.contains(&path) || writes.contains(&path.as_str());
            assert!(method != "POST" || !path.starts_with("/api/catalog") || known, "nobody asks {path}");
        }
        for (path, question) in questions() {
            for who in OUTSIDERS {
                let ask = async |world: &World| {
                    let request = Request::post(format!("/api/catalog{path}"));
                    let request = request.header(header::CONTENT_TYPE, "application/json");
                    told(&world.send(who, request, question.to_string()).await)
                };
                assert_eq!(ask(&world).await, ask(&without).await, "{who} {path} {question}");
            }
        }
    })
    .await;
}
