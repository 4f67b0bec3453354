//! All ways in beside the JSON API, as the running router and the catalog's own document tell them: so that a new page
//! cannot be forgotten.

use crate::world::World;
use axum::http::{Method, Request, header};
use loggia_model::Kind;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// One way in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    pub path: String,
    pub method: String,
}

/// Where the rest of a path is read by hand: the JSON API and the catalog have lists of their own, and Git is tested
/// with Git. The state of Terraform is behind `/api/v1`, too, and has tests of its own (`state`).
const BY_HAND: [&str; 3] = ["/api/v1", "/api/catalog", "/git/"];

/// Every path and method of the router and of the catalog.
pub async fn all(world: &World) -> Vec<Way> {
    let mut ways = BTreeSet::new();
    for path in paths(&format!("{:?}", world.doors.routes())) {
        if BY_HAND.iter().any(|start| path.starts_with(start)) {
            continue;
        }
        for method in methods(world, &path).await {
            ways.insert(Way { path: path.clone(), method });
        }
    }
    let document = world.get("admin", "/api/catalog/openapi.json").await.json();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            ways.insert(Way { path: format!("/api/catalog{path}"), method: method.to_uppercase() });
        }
    }
    ways.into_iter().collect()
}

/// The paths in what a router says of itself.
fn paths(told: &str) -> BTreeSet<String> {
    let each = told.split("RouteId(").skip(1).filter_map(|part| part.split_once("): \"")?.1.split('"').next());
    let found: BTreeSet<String> = each.filter(|path| !path.contains("__private")).map(str::to_owned).collect();
    assert!(found.len() > 50 && found.contains("/login"), "the router tells its paths otherwise by now: {found:?}");
    found
}

/// The methods of a path, as the refusal of an unknown one lists them.
async fn methods(world: &World, path: &str) -> Vec<String> {
    let request = Request::builder().method(Method::from_bytes(b"BREW").unwrap()).uri(filled(path));
    let said = world.send("admin", request, "").await;
    let allowed = said.headers.get(header::ALLOW).unwrap_or_else(|| panic!("{path}: {} {}", said.status, said.text));
    let names = allowed.to_str().unwrap().split(',').map(str::trim);
    names.filter(|name| *name != "HEAD").map(str::to_owned).collect()
}

/// A path with names that everybody of the company may see.
pub fn filled(path: &str) -> String {
    with_names(path, "component", "default", "orders", "main.dev")
}

/// Something that can be decided there.
fn verb_of(path: &str) -> &'static str {
    match path {
        path if path.starts_with("/endings/") => "announce",
        path if path.starts_with("/campaigns/") => "start",
        _ => "publish",
    }
}

/// A path with names put in; `name` is that of a record of the catalog, `instance` that of an instance of booking.
pub fn with_names(path: &str, kind: &str, namespace: &str, name: &str, instance: &str) -> String {
    let namespace = if path.contains("/instances/") { "booking" } else { namespace };
    let name = match path {
        path if path.starts_with("/get/") && name == "orders" => "postgres",
        path if path.starts_with("/api/eol/") && name == "orders" => "postgres",
        path if path.starts_with("/teams/") && name == "orders" => "booking",
        path if path.starts_with("/environments/") && name == "orders" => "dev",
        path if path.starts_with("/endings/") && name == "orders" => "postgres-end",
        path if path.starts_with("/standards/") && name == "orders" => "postgres-owned",
        path if path.starts_with("/campaigns/{name}/") && name == "orders" => "postgres-3",
        path if path.starts_with("/campaigns/") && name == "orders" => "postgres-2",
        path if path.contains("/instances/") => instance,
        _ => name,
    };
    let file = format!("{name}.json");
    let mut path = path.to_owned();
    for (key, value) in [
        ("{kind}", kind),
        ("{plural}", Kind::find(kind).map_or("components", |kind| kind.plural)),
        ("{offering}", if name == "orders" { "postgres" } else { name }),
        ("{release}", if name == "orders" || name == "postgres" { "postgres-1.0.0" } else { name }),
        ("{verb}", verb_of(&path)),
        ("{output}", "password"),
        ("{user}", if name == "orders" { "bob" } else { name }),
        ("{namespace}", namespace),
        ("{name}", name),
        ("{team}", "booking"),
        ("{page}", "words"),
        ("{*page}", "words"),
        ("{*path}", "logo.svg"),
        ("{file}", file.as_str()),
        ("{hash}", "0"),
        ("{id}", "00000000-0000-7000-8000-000000000000"),
        ("{uid}", "00000000-0000-7000-8000-000000000000"),
    ] {
        path = path.replace(key, value);
    }
    path
}

/// The query without which a way in has nothing to say.
pub fn query(path: &str) -> &'static str {
    match path {
        "/search" | "/search.json" => "?q=orders",
        "/who-runs.csv" => "?offering=postgres",
        "/api/catalog/entity-facets" => "?facet=metadata.name",
        _ => "",
    }
}

/// What is sent along, and its media type: what would pass for whoever may. `number` tells callers apart.
pub fn body(world: &World, way: &Way, number: usize) -> (&'static str, String) {
    if way.path.starts_with("/api/catalog") {
        return ("application/json", catalog(way, number).map_or_else(String::new, |body| body.to_string()));
    }
    if way.path.ends_with("/edit") {
        let orders = world.state.app.graph().get_text("component:default/orders").cloned().unwrap();
        let text: String = url::form_urlencoded::byte_serialize(orders.document.as_bytes()).collect();
        return ("application/x-www-form-urlencoded", format!("text={text}&seen={}", orders.etag));
    }
    let form = match way.path.as_str() {
        "/login" => "name=amara&password=wrong",
        "/demo/person" => "person=amara",
        "/theme" => "theme=dark",
        "/get/{name}/new" => "do=preview&team=booking&environment=dev&name=try&plan=small",
        "/sources/confirm" => "location=nowhere&commit=c1",
        "/sources/drop" => "location=nowhere",
        "/who-runs/unmatched/dismiss" => "key=nothing",
        "/me/tokens" => "name=laptop&days=1&scopes=read",
        // What would be refused to whoever may, so that nobody's session ends.
        "/me/password" => "old=x&password=short&again=short",
        "/instances/{team}/{name}/reveal" => "output=password",
        "/instances/{team}/{name}/destroy" => "confirmed=true",
        "/standards/{name}/exempt" => "team=booking&until=2035-01-01&reason=x",
        _ => "",
    };
    ("application/x-www-form-urlencoded", form.to_owned())
}

fn catalog(way: &Way, number: usize) -> Option<Value> {
    let place = json!({"type": "url", "target": format!("https://example.com/new/{number}.yaml")});
    let entity = json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": "x"},
        "spec": {"type": "service", "lifecycle": "production", "owner": "booking"}});
    Some(match (way.method.as_str(), way.path.trim_start_matches("/api/catalog")) {
        ("POST", "/entities/by-refs") => json!({"entityRefs": ["component:default/orders"]}),
        ("POST", "/entity-facets") => json!({"facets": ["metadata.name"]}),
        ("POST", "/refresh") => json!({"entityRef": "component:default/orders"}),
        ("POST", "/analyze-location") => json!({"location": place}),
        ("POST", "/validate-entity") => json!({"entity": entity, "location": "url:https://example.com/a.yaml"}),
        ("POST", "/locations") => place,
        ("PUT", _) => json!({"type": "url", "target": format!("https://example.com/moved/{number}.yaml")}),
        ("POST", _) => json!({}),
        _ => return None,
    })
}
