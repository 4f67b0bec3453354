//! Every route as every role: the whole table, as it is committed in `roles.txt`.
//!
//! A new route fails here until its row is in the table: run the test with `LOGGIA_WRITE_TABLE=1` to write what is
//! answered now, and read the difference before it is committed.

use crate::world::{World, on_both};
use axum::http::{Request, header};
use loggia_web::api::{Route, registry};
use serde_json::{Value, json};
use std::fmt::Write;

const ROLES: [&str; 10] =
    ["nobody", "other", "member", "owner", "product", "person-admin", "admin", "service", "reader", "partner"];
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/roles.txt");

/// A request that would pass for whoever may, so that only the right makes the difference.
fn sample(route: &Route) -> (String, Option<Value>) {
    let mut path = route.path.to_owned();
    let release = route.path.contains("/releases/");
    let name = if route.path.contains("instances") { "main.dev" } else { "orders" };
    let name = if release { "postgres-1.0.0" } else { name };
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
        "reportUsage" => {
            json!({"id": "1", "time": "2026-01-01T00:00:00Z", "team": "booking", "offering": "postgres", "channel": "x"})
        }
        "createToken" => json!({"name": "x"}),
        "setPassword" => json!({"password": "correct horse battery"}),
        "setSecret" => json!({"value": "x"}),
        "dismissUnmatched" => json!({"keys": ["nothing"]}),
        "confirmSource" => json!({"location": "nowhere", "commit": "c1"}),
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
        _ if takes("dryRun") => path + "?dryRun=true",
        _ => path,
    }
}

async fn row(world: &World, route: &Route) -> String {
    let (path, body) = sample(route);
    let mut row = format!("{:<68}", format!("{} {}", route.method, route.path));
    for role in ROLES {
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
        let mut table = format!("{:<68}", "route");
        for role in ROLES {
            write!(table, " {:>5}", role.chars().take(5).collect::<String>()).unwrap();
        }
        for route in registry::all() {
            table.push('\n');
            table.push_str(&row(&world, route).await);
        }
        table.push('\n');
        if std::env::var("LOGGIA_WRITE_TABLE").is_ok() {
            std::fs::write(TABLE, &table).unwrap();
        }
        let committed = std::fs::read_to_string(TABLE).unwrap_or_default();
        for (now, then) in table.lines().zip(committed.lines()) {
            assert_eq!(now, then);
        }
        assert_eq!(table.lines().count(), committed.lines().count(), "a route without a row, or a row without a route");
    })
    .await;
}
