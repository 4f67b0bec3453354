//! What is hidden takes no place in a list: whoever asks for one gets one, when there is one that they may see.

use crate::backend::Running;
use crate::roles::sample;
use crate::world::{World, on_both};
use axum::http::Method;
use loggia_web::api::registry;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const HIDDEN: &str = include_str!("hidden.yaml");

/// Rows of an answer, whatever their field is called.
fn rows(answer: &Value) -> usize {
    answer.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_array()).map(Vec::len).max().unwrap_or(0)
}

/// Something of everything that is listed, with what is hidden as the newest.
async fn filled(world: &World) -> (Running, String) {
    let running = Running::start(world);
    let operation = running.order(world, "seen").await;
    for version in ["1", "2"] {
        let seen = json!({"offering": "postgres", "environment": "dev", "team": "booking", "name": "main", "version": version});
        assert!(world.post("admin", "/api/v1/observe", &seen).await.status.is_success());
    }
    let reading = |id: String, time: &str, team: &str| json!({"id": id, "time": time, "team": team, "offering": "postgres", "channel": "request"});
    let mut readings: Vec<Value> =
        (0..5).map(|at| reading(format!("seen-{at}"), "2026-01-01T00:00:00Z", "booking")).collect();
    world.add(HIDDEN).await;
    readings.extend((0..700).map(|at| reading(format!("hidden-{at}"), "2026-01-02T00:00:00Z", "zebrafish-group")));
    let said = world.post("admin", "/api/v1/usage", &Value::Array(readings)).await;
    assert!(said.status.is_success(), "{}", said.text);
    (running, operation)
}

#[tokio::test]
async fn what_is_hidden_takes_no_place_in_any_list() {
    on_both("limits", async |world| {
        let (_running, operation) = filled(&world).await;
        let mut told = BTreeSet::new();
        for route in registry::all() {
            let limited = route.params.iter().any(|param| param.name == "limit");
            if route.method != Method::GET || !limited {
                continue;
            }
            let path = sample(route).0.replace("00000000-0000-7000-8000-000000000000", &operation);
            let path = path.replace("main.dev", "seen.dev");
            let mark = if path.contains('?') { '&' } else { '?' };
            for who in ["other", "member", "product", "service", "admin"] {
                let all = world.get(who, &format!("{path}{mark}limit=50")).await;
                if !all.status.is_success() {
                    continue;
                }
                let all = rows(&all.json());
                for limit in [1, 2, 5] {
                    let some = world.get(who, &format!("{path}{mark}limit={limit}")).await;
                    assert_eq!(rows(&some.json()), all.min(limit), "{who} {path} {limit}: {}", some.text);
                }
                if all > 0 {
                    told.insert(route.id);
                }
            }
        }
        for wanted in ["listUsage", "list", "listEvents", "search", "getRecordHistory"] {
            assert!(told.contains(wanted), "{wanted} has nothing to list: {told:?}");
        }
    })
    .await;
}
