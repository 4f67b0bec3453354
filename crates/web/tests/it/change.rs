//! Another plan, or other inputs, through the page and the API: the same form, the same answer, and no secret in either.

use crate::backend::Running;
use crate::world::{Said, World, on_both};
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use std::time::Duration;

const PAGE: &str = "/instances/booking/kept.dev/form";
const API: &str = "/api/v1/instances/booking/kept.dev";

async fn send(world: &World, role: &str, fields: &[(&str, &str)]) -> Said {
    let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post(PAGE).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    world.send(role, request, body).await
}

async fn form(world: &World) -> Value {
    world.get("member", &format!("{API}/form")).await.json()
}

/// Waits until nothing is being done to it any more.
async fn settled(world: &World) -> Value {
    for _ in 0..500 {
        let now = form(world).await;
        if now.get("blocked").is_none() {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never settles: {}", form(world).await);
}

#[tokio::test]
async fn what_runs_is_changed_on_its_page_and_through_the_api() {
    on_both("change", async |world| {
        let running = Running::start(&world);
        running.order(&world, "kept").await;
        assert!(
            world
                .get("member", "/instances/booking/kept.dev")
                .await
                .text
                .contains("href=\"/instances/booking/kept.dev/form\"")
        );
        assert!(!world.get("other", "/instances/booking/kept.dev").await.text.contains("kept.dev/form"));
        let page = world.get("member", PAGE).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        for text in [
            "Change kept",
            "value=\"small\" checked",
            "value=\"Data\"",
            "Left empty, it stays as it is.",
            "loggia change booking/kept.dev",
        ] {
            assert!(page.text.contains(text), "{text}: {}", page.text);
        }
        let same = [("plan", "small"), ("inputs.purpose", "Data"), ("inputs.seed", "")];
        let with = |change: &[(&'static str, &'static str)], act: &'static str| {
            let sent = same.iter().map(|(name, value)| {
                let other = change.iter().find(|(changed, _)| changed == name);
                (*name, other.map_or(*value, |(_, value)| *value))
            });
            sent.chain([("do", act)]).collect::<Vec<_>>()
        };
        // Nothing that differs is nothing to do.
        let nothing = send(&world, "member", &with(&[], "change")).await;
        assert_eq!(nothing.status, StatusCode::BAD_REQUEST);
        assert!(nothing.text.contains("It has all of this already."), "{}", nothing.text);
        let change = [("plan", "large"), ("inputs.purpose", "Trips"), ("inputs.seed", "hidden-seed")];
        let preview = send(&world, "member", &with(&change, "preview")).await;
        assert_eq!(preview.status, StatusCode::OK, "{}", preview.text);
        for text in [
            "10 connections",
            "100 connections",
            "Data → Trips",
            "another one",
            "Nothing was done yet.",
            "--plan large --set purpose=Trips --set seed=…",
        ] {
            assert!(preview.text.contains(text), "{text}: {}", preview.text);
        }
        assert!(!preview.text.contains("hidden-seed"), "a secret is not shown again");
        assert_eq!(form(&world).await["plan"]["name"], "small", "nothing was done");
        let wrong = send(
            &world,
            "member",
            &with(&[("inputs.purpose", "A purpose of far more than forty characters, which is too long")], "change"),
        )
        .await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
        assert!(wrong.text.contains("id=\"f-inputs-purpose-error\""), "{}", wrong.text);
        for (role, status) in [("other", StatusCode::FORBIDDEN), ("product", StatusCode::FORBIDDEN)] {
            assert_eq!(send(&world, role, &with(&change, "change")).await.status, status, "{role}");
            assert_eq!(world.get(role, PAGE).await.status, status, "{role}");
        }
        let done = send(&world, "member", &with(&change, "change")).await;
        assert_eq!(
            (done.status, done.headers[header::LOCATION].to_str().unwrap()),
            (StatusCode::SEE_OTHER, "/instances/booking/kept.dev")
        );
        let now = settled(&world).await;
        assert_eq!((now["plan"]["name"].as_str(), now["inputs"]["purpose"].as_str()), (Some("large"), Some("Trips")));
        // The API says the same, and what it was asked for once is done once.
        let dry = world
            .post(
                "member",
                &format!("{API}:change"),
                &json!({"plan": "small", "inputs": {"purpose": null}, "dryRun": true}),
            )
            .await;
        assert_eq!(dry.status, StatusCode::OK, "{}", dry.text);
        let dry = dry.json();
        assert_eq!((dry["before"]["name"].as_str(), dry["after"]["name"].as_str()), (Some("large"), Some("small")));
        assert_eq!(dry["inputs"], json!([{"path": "purpose", "before": "Trips", "after": "Data"}]));
        let done = world.post("member", &format!("{API}:change"), &json!({"plan": "small"})).await;
        assert_eq!(done.status, StatusCode::ACCEPTED, "{}", done.text);
        settled(&world).await;
        let again = world.post("member", &format!("{API}:change"), &json!({"inputs": {"purpose": "Trips"}})).await;
        assert_eq!(
            (again.status, again.json()["refusal"]["rule"].as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, Some("change.nothing"))
        );
        let history = world.get("member", "/instances/booking/kept.dev").await.text;
        assert!(history.contains("Changed, and seen to be there") && !history.contains("hidden-seed"), "{history}");
        for path in ["/api/v1/events?limit=1000", &format!("{API}/history"), &format!("{API}/form")] {
            assert!(!world.get("admin", path).await.text.contains("hidden-seed"), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_page_of_what_keeps_its_version_leads_to_the_newest_one() {
    on_both("kept_version", async |world| {
        let _running = Running::start(&world);
        world
            .add(
                "apiVersion: loggia.dev/v1\nkind: Release\nmetadata: {name: postgres-1.1.0}\nspec: {offering: postgres, version: 1.1.0, \
                 contract: {inputs: {type: object, additionalProperties: false, properties: {purpose: {type: string, maxLength: 40, \
                 default: Data, x-default-from: last}, seed: {type: string, writeOnly: true}}}, outputs: {type: object, properties: \
                 {password: {type: string, writeOnly: true}}}, access: {roles: [{name: read, summary: Reads.}]}}, recipe: {driver: postgres}, upgrade: {strategy: in-place}}\n",
            )
            .await;
        let order = json!({"offering": "postgres", "environment": "dev", "team": "booking", "name": "kept", "release": "1.0.0"});
        assert_eq!(world.post("member", "/api/v1/orders", &order).await.status, StatusCode::ACCEPTED);
        for _ in 0..500 {
            let now = world.get("member", API).await.json();
            if now["status"]["phase"] == "ready" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let page = world.get("member", "/instances/booking/kept.dev/upgrade").await.text;
        for text in ["Its team keeps 1.0.0; 1.1.0 is the newest version.", "href=\"/instances/booking/kept.dev/upgrade?to=1.1.0\""] {
            assert!(page.contains(text), "{text}: {page}");
        }
        let next = world.get("member", "/instances/booking/kept.dev/upgrade?to=1.1.0").await.text;
        assert!(next.contains("Upgrade to 1.1.0") && !next.contains("Not now."), "{next}");
    })
    .await;
}
