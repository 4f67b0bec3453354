//! Every route as every role: the whole table, as it is committed in `roles.txt`.
//!
//! A new route fails here until its row is in the table: run the test with `LOGGIA_WRITE_TABLE=1` to write what is
//! answered now, and read the difference before it is committed.

use crate::backend::Running;
use crate::doors::{self, Way};
use crate::roles_things::own;
use crate::world::{World, on_both};
use axum::http::{Request, StatusCode, header};
use loggia_app::Caller;
use loggia_app::access::caller::Door;
use loggia_app::source::location::Register;
use loggia_model::Ref;
use loggia_web::api::{Route, registry};
use serde_json::{Value, json};
use std::fmt::Write;

const ROLES: [&str; 10] =
    ["nobody", "other", "member", "owner", "product", "person-admin", "admin", "service", "reader", "partner"];

/// A request that would pass for whoever may, so that only the right makes the difference.
pub fn sample(route: &Route) -> (String, Option<Value>) {
    let mut path = route.path.to_owned();
    let release = route.path.contains("/releases/");
    let name = if route.path.contains("instances") { "main.dev" } else { "orders" };
    let name = if release { "postgres-1.0.0" } else { name };
    let name = if route.path.contains("/endings/") { "postgres-end" } else { name };
    let name = if route.path.contains("/environments/") { "dev" } else { name };
    // The second one begins on a day to come: whoever may starts it first, and nothing moves.
    let campaign = if route.path.contains(':') { "postgres-3" } else { "postgres-2" };
    let name = if route.path.contains("/campaigns/") { campaign } else { name };
    let name = if route.path.contains("/products/") { "fairway" } else { name };
    let name = if route.path.contains("/checks/") { "postgres-owned" } else { name };
    let namespace = if route.path.contains("instances") { "booking" } else { "default" };
    for (key, value) in [
        ("{kind}", "component"),
        ("{plural}", "components"),
        ("{namespace}", namespace),
        ("{name}", name),
        ("{offering}", "postgres"),
        ("{output}", "password"),
        ("{user}", "bob"),
        ("{id}", "00000000-0000-7000-8000-000000000000"),
    ] {
        path = path.replace(key, value);
    }
    let component = json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": "orders"},
        "spec": {"type": "service", "lifecycle": "production", "owner": "booking"}});
    let body = match route.id {
        "putRecord" | "putByPlural" => component,
        "apply" => {
            json!({"apiVersion": "backstage.io/v1alpha1", "kind": "System", "metadata": {"name": "lake"}, "spec": {"owner": "data"}})
        }
        "order" => {
            json!({"offering": "postgres", "environment": "dev", "team": "booking", "name": "try", "dryRun": true})
        }
        "observe" => {
            json!({"offering": "postgres", "environment": "dev", "team": "booking", "name": "main", "version": "1"})
        }
        "adopt" => {
            json!({"things": [{"address": "a", "sort": "module", "what": "postgres", "name": "main", "teams": ["booking"]}]})
        }
        "reportUsage" => {
            json!({"id": "1", "time": "2026-01-01T00:00:00Z", "team": "booking", "offering": "postgres", "channel": "x"})
        }
        "createToken" => json!({"name": "x"}),
        "setPassword" => json!({"password": "correct horse battery"}),
        "setSecret" => json!({"value": "x"}),
        "grantAccess" => json!({"to": "component/orders"}),
        "dismissLeak" => json!({"driver": "replay", "key": "nothing", "reason": "x"}),
        "removeLeak" => json!({"driver": "replay", "key": "nothing", "confirmed": true}),
        "dismissUnmatched" => json!({"keys": ["nothing"]}),
        "confirmSource" => json!({"location": "nowhere", "commit": "c1"}),
        // What would be refused to whoever may, so that nothing ends.
        "proposeEnding" => json!({"subject": "offering:postgres", "preset": "kubernetes"}),
        "moveEnding" => json!({"dates": {"effective": "2035-01-01", "off": "2036-01-01"}}),
        "planCampaign" => json!({"purpose": "x", "offering": "postgres", "to": ">=2"}),
        "rollBackCampaign" => json!({"wave": "test", "reason": "x"}),
        "exemptFromCampaign" => json!({"team": "booking", "until": "2001-01-01", "reason": "x"}),
        "exemptFromCheck" => json!({"team": "booking", "until": "2035-01-01", "reason": "x"}),
        "snoozeInCampaign" => json!({"instance": "booking/main.dev", "until": "2001-01-01", "reason": "x"}),
        "startCampaign" | "pauseCampaign" | "resumeCampaign" | "endCampaign" => json!({}),
        "cancelEnding" => json!({"reason": " "}),
        "exemptFromEnding" => json!({"team": "booking", "until": "2036-01-01", "reason": "x"}),
        "approveInstance" => json!({"agree": true}),
        "mergeChange" => json!({"commit": "0", "base": "0"}),
        "deployWorkload" => {
            let score = "apiVersion: score.dev/v1b1\nmetadata: {name: web}\ncontainers: {main: {image: web}}\n";
            json!({"score": score, "environment": "dev", "team": "booking", "dryRun": true})
        }
        "promoteWorkload" => json!({"from": "dev"}),
        "rollbackWorkload" => json!({"environment": "dev"}),
        "yankRelease" => json!({"reason": "It loses data."}),
        "dropSource" => json!({"location": "nowhere"}),
        _ if route.bodies.is_empty() => return (with_query(route, path), None),
        _ => json!({}),
    };
    (with_query(route, path), Some(body))
}

/// Nothing is written where it can be avoided, so that the order of the table does not matter.
fn with_query(route: &Route, path: String) -> String {
    let takes = |name: &str| route.params.iter().any(|param| param.name == name);
    match route.id {
        "listUsage" | "whoRunsOffering" => path + "?offering=postgres",
        "search" => path + "?q=orders",
        "listDifferences" => path + "?at=2020-01-01",
        _ if takes("dryRun") => path + "?dryRun=true",
        _ => path,
    }
}

/// An address with what has to be there for it: an operation that ended, a thing with a secret, and for what ends or
/// changes a thing one for each role.
async fn prepared(world: &World, running: &Running, path: &str, role: &str) -> String {
    let instance = |name: &str| path.replace("/main.dev", &format!("/{name}.dev"));
    let verb = path.rsplit(':').next().unwrap_or_default();
    let name = match verb {
        "destroy" | "look" => format!("{verb}-{role}"),
        "retry" => format!("broken-{role}"),
        "reveal" => "kept".to_owned(),
        _ => {
            let orders = world.state.app.graph().get_text("component:default/orders").unwrap().uid.to_string();
            let operation = running.known("kept");
            return path.replace("{uid}", &orders).replace("00000000-0000-7000-8000-000000000000", &operation);
        }
    };
    if verb != "reveal" {
        running.order(world, &name).await;
    }
    instance(&name)
}

async fn row(world: &World, running: &Running, route: &Route) -> String {
    let (sample, body) = sample(route);
    let mut row = format!("{:<68}", format!("{} {}", route.method, route.path));
    for role in ROLES {
        let about = ["/operations/{id}", "/instances/", "/history/{uid}"].iter().any(|part| route.path.contains(part));
        let own = own(world, running, route, role, &sample).await;
        let (path, body) = match own {
            Some((path, own)) => (path, own.or_else(|| body.clone())),
            None if about => (prepared(world, running, &sample, role).await, body.clone()),
            None => (sample.clone(), body.clone()),
        };
        let request = Request::builder().method(route.method.clone()).uri(&path);
        let said = match &body {
            Some(body) => {
                let request = request.header(header::CONTENT_TYPE, "application/json");
                world.send(role, request, body.to_string()).await
            }
            None => world.send(role, request, "").await,
        };
        assert!(!said.status.is_server_error(), "{} {path} as {role}: {}", route.method, said.text);
        write!(row, " {:>5}", said.status.as_u16()).unwrap();
    }
    row
}

#[tokio::test]
async fn the_table_of_routes_and_roles_is_the_committed_one() {
    on_both("roles", async |world| {
        let running = Running::start(&world);
        running.order(&world, "kept").await;
        let mut table = heading();
        for route in registry::all() {
            let row = row(&world, &running, route).await;
            makes_a_difference(route, &row);
            table.push('\n');
            table.push_str(&row);
        }
        is_committed("roles.txt", &table);
    })
    .await;
}

/// What nobody is let do here, because there is nothing to do it to: only that others are refused is seen.
const NOTHING_THERE: [&str; 25] = [
    "putEditAside",
    "rollBackCampaign",
    "exemptFromCampaign",
    "snoozeInCampaign",
    "confirmSource",
    "dropSource",
    "endSession",
    "announceEnding",
    "approveEnding",
    "cancelEnding",
    "exemptFromEnding",
    "removeEnding",
    "takeOverInstance",
    "upgradeInstance",
    "getUpgradePatch",
    "getChange",
    "getChangePatch",
    "mergeChange",
    "closeChange",
    "letGoInstance",
    "approveInstance",
    "deployWorkload",
    "readWorkload",
    "promoteWorkload",
    "rollbackWorkload",
];

/// A row says something only when one role is let in, and another is not.
fn makes_a_difference(route: &Route, row: &str) {
    let told: Vec<&str> = row[68..].split_whitespace().collect();
    let passes = told.iter().any(|status| status.starts_with('2'));
    assert!(passes != NOTHING_THERE.contains(&route.id), "{}: {row}", route.id);
    let refused = told.iter().any(|status| ["401", "403"].contains(status));
    assert!(refused || route.id == "openapi", "{}: {row}", route.id);
}

fn heading() -> String {
    let names = ROLES.iter().map(|role| format!(" {:>5}", role.chars().take(5).collect::<String>()));
    format!("{:<68}{}", "route", names.collect::<String>())
}

/// Compares a table with the committed one.
pub fn is_committed(file: &str, table: &str) {
    let file = format!("{}/tests/it/{file}", env!("CARGO_MANIFEST_DIR"));
    let table = format!("{table}\n");
    if std::env::var("LOGGIA_WRITE_TABLE").is_ok() {
        std::fs::write(&file, &table).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    for (now, then) in table.lines().zip(committed.lines()) {
        assert_eq!(now, then);
    }
    assert_eq!(table.lines().count(), committed.lines().count(), "a route without a row, or a row without a route");
}

/// The path of a way in: for what is changed or taken out, something that is there for each caller anew.
async fn ready(world: &World, way: &Way, number: usize) -> String {
    let mut path = doors::filled(&way.path);
    if way.method != "GET" {
        world.restore().await;
    }
    if way.path.ends_with("/by-uid/{uid}") {
        let orders = world.state.app.graph().get_text("component:default/orders").unwrap().uid;
        path = format!("/api/catalog/entities/by-uid/{orders}");
    }
    if way.path.ends_with("/locations/{id}") {
        let graph = world.state.app.graph();
        let ines = Caller::person(&graph, Ref::new("user", "default", "ines"), Door::Api, "test");
        let target = format!("https://example.com/{}/{number}.yaml", way.method);
        let place = Register { id: None, kind: "url".into(), target, known_is_fine: true };
        let place = world.state.app.run(&ines, place).await.unwrap().answer;
        path = format!("/api/catalog/locations/{}", place.as_str().unwrap());
    }
    if way.method == "GET" { path + doors::query(&way.path) } else { path }
}

/// What somebody is told: a status, or that they have to sign in first.
async fn told(world: &World, way: &Way, number: usize) -> String {
    let path = ready(world, way, number).await;
    let (media, body) = doors::body(world, way, number);
    let request = Request::builder().method(way.method.as_str()).uri(&path).header(header::CONTENT_TYPE, media);
    let said = world.send(ROLES[number], request, body).await;
    assert!(!said.status.is_server_error(), "{way:?} as {}: {}", ROLES[number], said.text);
    let to = said.headers.get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
    match said.status {
        StatusCode::SEE_OTHER if to.starts_with("/login?") => "login".to_owned(),
        status => status.as_u16().to_string(),
    }
}

/// Pages and the catalog, read and written, enumerated from the router itself: the whole table, in `doors.txt`.
#[tokio::test]
async fn the_table_of_pages_and_catalog_is_the_committed_one() {
    on_both("doors", async |world| {
        let mut table = heading();
        for way in doors::all(&world).await {
            write!(table, "\n{:<68}", format!("{} {}", way.method, way.path)).unwrap();
            for number in 0..ROLES.len() {
                write!(table, " {:>5}", told(&world, &way, number).await).unwrap();
            }
        }
        is_committed("doors.txt", &table);
    })
    .await;
}
