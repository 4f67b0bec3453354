//! What goes away, at the doors: headers, brownouts, 410, and what other programs read.

use crate::world::{Said, World, on_both};
use axum::http::{HeaderMap, StatusCode, header};
use loggia_model::Day;
use serde_json::{Value, json};

const TERN: &str = "apiVersion: loggia.dev/v1
kind: Offering
metadata: {name: tern, title: Tern}
spec: {product: fairway, owner: data, category: data, promise: p, for: f, problem: x, stage: experimental, plans: [{name: small}]}
---
apiVersion: loggia.dev/v1
kind: Release
metadata: {name: tern-6.0.0}
spec: {offering: tern, version: 6.0.0, contract: {inputs: {type: object}}, recipe: {driver: postgres}}
---
apiVersion: loggia.dev/v1
kind: Instance
metadata: {name: cache.dev, namespace: booking}
spec: {offering: tern, team: booking, environment: dev, step: observed}
";

pub fn today(world: &World) -> Day {
    Day::of(world.state.app.now())
}

/// Plans the end of Tern, and tells people.
pub async fn ends(world: &World, dates: Value) {
    world.add(TERN).await;
    let spec = json!({"subject": "offering:tern", "reason": "Its makers end it.", "replacement": "offering:postgres",
        "guide": "https://example.com/moving", "preset": "kubernetes", "dates": dates});
    let document =
        json!({"apiVersion": "loggia.dev/v1", "kind": "Ending", "metadata": {"name": "tern-end"}, "spec": spec});
    let said = world.json("product", "PUT", "/api/v1/endings/default/tern-end", &document).await;
    assert_eq!(said.status, StatusCode::CREATED, "{}", said.text);
    assert_eq!(world.get("member", "/endings/tern-end").await.status, StatusCode::NOT_FOUND);
    let said = world.post("product", "/api/v1/endings/default/tern-end:announce", &json!({})).await;
    assert_eq!(said.status, StatusCode::OK, "{}", said.text);
}

fn texts(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

async fn order(world: &World) -> Said {
    let input = json!({"offering": "tern", "environment": "dev", "team": "booking", "name": "one", "dryRun": true});
    world.post("member", "/api/v1/orders", &input).await
}

#[tokio::test]
async fn every_answer_about_it_says_when_it_goes() {
    on_both("ending_headers", async |world| {
        let day = today(&world);
        ends(&world, json!({"effective": day, "closedToNew": day, "off": day.plus(40)})).await;
        for path in [
            "/api/v1/offerings/default/tern",
            "/api/v1/releases/default/tern-6.0.0",
            "/api/v1/instances/booking/cache.dev",
            "/api/v1/who-runs/tern",
            "/get/tern",
            "/instances/booking/cache.dev",
        ] {
            let said = world.get("member", path).await;
            assert_eq!(said.status, StatusCode::OK, "{path} {}", said.text);
            let seconds = day.start().0 / 1_000_000;
            assert_eq!(texts(&said.headers, "deprecation"), [format!("@{seconds}")], "{path}");
            let sunset = day.plus(40).start().datetime().format("%a, %d %b %Y 00:00:00 GMT").to_string();
            assert_eq!(texts(&said.headers, "sunset"), [sunset]);
            assert_eq!(
                texts(&said.headers, "link"),
                [
                    "<https://example.com/moving>; rel=\"deprecation\"",
                    "<http://127.0.0.1:7400/endings/tern-end>; rel=\"sunset\"",
                    "<http://127.0.0.1:7400/get/postgres>; rel=\"successor-version\"",
                ]
            );
        }
        let refused = order(&world).await;
        assert_eq!(
            (refused.status, refused.json()["refusal"]["rule"].as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, Some("ending.closed"))
        );
        assert_eq!(refused.json()["refusal"]["mend"], "Take PostgreSQL instead.");
        assert_eq!(texts(&refused.headers, "deprecation").len(), 1);
        assert!(texts(&world.get("member", "/api/v1/offerings/default/postgres").await.headers, "sunset").is_empty());
        for path in ["/", "/get/tern", "/endings", "/endings/tern-end", "/who-runs?offering=tern"] {
            let page = world.get("member", path).await;
            assert!(page.text.contains(&format!("off on {}", day.plus(40).words())), "{path}: {}", page.text);
        }
    })
    .await;
}

/// What an existing Backstage reads of an offering and of what runs of it.
async fn in_backstage(world: &World, name: &str) -> Value {
    let text = world.get("member", "/catalog-info.yaml").await.text;
    let documents = text.split("---\n").skip(1).map(|part| serde_json::from_str::<Value>(part).unwrap());
    documents.into_iter().find(|document| document["metadata"]["name"] == name).unwrap()
}

#[tokio::test]
async fn an_existing_backstage_reads_what_becomes_of_it_and_which_version_runs() {
    on_both("ending_backstage", async |world| {
        assert_eq!(in_backstage(&world, "postgres").await["spec"]["lifecycle"], "production");
        world.add(TERN).await;
        assert_eq!(in_backstage(&world, "tern").await["spec"]["lifecycle"], "experimental");
        let seen =
            json!({"offering": "tern", "version": "6.0.0", "environment": "dev", "team": "booking", "name": "cache"});
        assert_eq!(world.post("admin", "/api/v1/observe", &seen).await.status, StatusCode::OK);
        let day = today(&world);
        ends(&world, json!({"effective": day, "closedToNew": day, "off": day.plus(40)})).await;
        let standing = format!("off on {}", day.plus(40).words());
        let tern = in_backstage(&world, "tern").await;
        assert_eq!(tern["spec"]["lifecycle"], "deprecated");
        assert_eq!(tern["metadata"]["annotations"]["loggia.dev/ending"], standing);
        let cache = in_backstage(&world, "booking.cache.dev").await;
        assert_eq!(cache["metadata"]["annotations"]["loggia.dev/version"], "6.0.0");
        assert_eq!(cache["metadata"]["annotations"]["loggia.dev/ending"], standing);
        assert_eq!(cache["metadata"]["description"], "Tern 6.0.0 in dev");
    })
    .await;
}

#[tokio::test]
async fn a_brownout_is_no_limit_and_no_fault() {
    on_both("ending_brownout", async |world| {
        let day = today(&world);
        let window = json!([{"from": day.start(), "to": day.plus(2).start()}]);
        ends(&world, json!({"effective": day, "closedToNew": day, "brownouts": window, "off": day.plus(40)})).await;
        for said in [order(&world).await, world.get("member", "/api/v1/offerings/default/tern").await] {
            let body = said.json();
            assert_eq!(said.status, StatusCode::SERVICE_UNAVAILABLE, "{}", said.text);
            assert_eq!(
                (body["type"].as_str(), body["refusal"]["rule"].as_str()),
                (Some("urn:loggia:problem:brownout"), Some("ending.brownout"))
            );
            assert_eq!(body["successor"], "offering:default/postgres");
            assert!(said.headers.contains_key(header::RETRY_AFTER) && said.headers.contains_key("sunset"));
        }
        // People still read what it is, and teams see what they run.
        assert_eq!(world.get("member", "/get/tern").await.status, StatusCode::OK);
        assert_eq!(world.get("member", "/api/v1/instances/booking/cache.dev").await.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn what_was_taken_away_answers_gone_with_its_successor() {
    on_both("ending_gone", async |world| {
        let day = today(&world);
        ends(&world, json!({"effective": day, "off": day})).await;
        let remove = async || world.post("product", "/api/v1/endings/default/tern-end:remove", &json!({})).await;
        assert_eq!(remove().await.json()["refusal"]["rule"], "ending.in-use");
        assert_eq!(order(&world).await.status, StatusCode::GONE);
        let gone = world.json("admin", "DELETE", "/api/v1/records/instance/booking/cache.dev", &json!({})).await;
        assert_eq!(gone.status, StatusCode::UNPROCESSABLE_ENTITY);
        let exempt = json!({"team": "booking", "until": day.plus(30), "reason": "The quarter ends."});
        let said = world.post("product", "/api/v1/endings/default/tern-end:exempt", &exempt).await;
        assert_eq!(said.status, StatusCode::OK, "{}", said.text);
        assert_eq!(remove().await.status, StatusCode::OK);
        for path in
            ["/api/v1/offerings/default/tern", "/api/v1/forms/tern", "/get/tern", "/api/v1/releases/default/tern-6.0.0"]
        {
            let said = world.get("other", path).await;
            assert_eq!(said.status, StatusCode::GONE, "{path} {}", said.text);
            assert!(said.text.contains("PostgreSQL") && !texts(&said.headers, "link").is_empty(), "{path}");
        }
        let body = world.get("other", "/api/v1/offerings/default/tern").await.json();
        assert_eq!(
            (body["type"].as_str(), body["successor"].as_str()),
            (Some("urn:loggia:problem:gone"), Some("offering:default/postgres"))
        );
        // Who asked is listed; what is left too.
        for _ in 0..100 {
            let left = world.get("product", "/api/v1/endings/default/tern-end/state").await.json()["left"].clone();
            if left["callers"].as_array().is_some_and(|all| !all.is_empty()) {
                assert_eq!(
                    (left["callers"][0]["who"].as_str(), left["instances"][0].as_str()),
                    (Some("user:default/bob"), Some("instance:booking/cache.dev"))
                );
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("who asked is not listed");
    })
    .await;
}

/// Also when nothing of it is left here: its old addresses know what to take instead.
#[tokio::test]
async fn what_is_proved_gone_answers_gone_when_its_texts_are_no_more() {
    on_both("ending_no_more", async |world| {
        let day = today(&world);
        world
            .add(
                &TERN
                    .split("---")
                    .take(2)
                    .collect::<Vec<_>>()
                    .join("---")
                    .replace("tern", "swift")
                    .replace("Tern", "Swift"),
            )
            .await;
        let spec = json!({"subject": "offering:swift", "reason": "Nobody has it.", "replacement": "offering:postgres",
            "preset": "kubernetes", "dates": {"effective": day, "off": day}});
        let document =
            json!({"apiVersion": "loggia.dev/v1", "kind": "Ending", "metadata": {"name": "swift-end"}, "spec": spec});
        let said = world.json("product", "PUT", "/api/v1/endings/default/swift-end", &document).await;
        assert_eq!(said.status, StatusCode::CREATED, "{}", said.text);
        for verb in ["announce", "remove"] {
            let said = world.post("product", &format!("/api/v1/endings/default/swift-end:{verb}"), &json!({})).await;
            assert_eq!(said.status, StatusCode::OK, "{}", said.text);
        }
        for name in ["release/default/swift-6.0.0", "offering/default/swift"] {
            let said = world.json("admin", "DELETE", &format!("/api/v1/records/{name}"), &json!({})).await;
            assert!(said.status.is_success(), "{}", said.text);
        }
        for path in ["/api/v1/offerings/default/swift", "/get/swift", "/api/v1/forms/swift"] {
            let said = world.get("member", path).await;
            assert_eq!(said.status, StatusCode::GONE, "{path} {}", said.text);
            assert!(said.text.contains("PostgreSQL") && !texts(&said.headers, "link").is_empty(), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn offerings_have_the_shape_of_endoflife_date() {
    on_both("ending_eol", async |world| {
        let day = today(&world);
        ends(&world, json!({"effective": day, "closedToNew": day.plus(10), "off": day.plus(40)})).await;
        assert_eq!(world.get("nobody", "/api/eol/tern.json").await.status, StatusCode::UNAUTHORIZED);
        let list = world.get("member", "/api/eol/tern.json").await.json();
        let expected = json!([{"cycle": "6.0.0", "latest": "6.0.0", "releaseDate": day, "latestReleaseDate": day,
            "support": day, "eol": day.plus(40), "discontinued": day.plus(10), "lts": false}]);
        assert_eq!(list, expected);
        let product = world.get("member", "/api/eol/v1/products/tern").await.json();
        let release = &product["result"]["releases"][0];
        assert_eq!((release["isEol"].as_bool(), release["isEoas"].as_bool()), (Some(false), Some(true)));
        assert_eq!(release["eolFrom"], json!(day.plus(40)));
        let world = world.with(|state| state.with_open_eol(true));
        assert_eq!(world.get("nobody", "/api/eol/tern.json").await.json(), expected);
        assert_eq!(world.get("nobody", "/api/eol/nothing.json").await.status, StatusCode::NOT_FOUND);
        assert_eq!(world.get("nobody", "/api/v1/offerings/default/tern").await.status, StatusCode::UNAUTHORIZED);
    })
    .await;
}

#[tokio::test]
async fn a_calendar_moves_with_the_plan() {
    on_both("ending_calendar", async |world| {
        let day = today(&world);
        ends(&world, json!({"effective": day, "off": day.plus(40)})).await;
        let page = world.get("member", "/endings").await.text;
        let address = page.split("http://127.0.0.1:7400/calendar/group/").nth(1).unwrap();
        let path = format!("/calendar/group/{}", address.split('"').next().unwrap());
        let off = |text: &str| -> (String, String) {
            let event = text.split("BEGIN:VEVENT").find(|event| event.contains("Tern is off\r\n")).unwrap();
            let field =
                |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
            assert!(event.contains(&format!("DTSTART;VALUE=DATE:{}", field("DTSTART;VALUE=DATE:"))));
            (field("UID:"), field("SEQUENCE:") + " " + &field("DTSTART;VALUE=DATE:"))
        };
        let before = world.get("nobody", &path).await;
        assert_eq!(before.status, StatusCode::OK, "{}", before.text);
        assert!(before.text.starts_with("BEGIN:VCALENDAR\r\n") && before.text.contains("BEGIN:VALARM"));
        let dates = json!({"dates": {"effective": day, "off": day.plus(50)}});
        let said = world.post("product", "/api/v1/endings/default/tern-end:move", &dates).await;
        assert_eq!(said.status, StatusCode::OK, "{}", said.text);
        let after = world.get("nobody", &path).await;
        let ((uid, first), (same, second)) = (off(&before.text), off(&after.text));
        assert_eq!(uid, same);
        let (sequence, _) = first.split_once(' ').unwrap();
        assert_eq!(second, format!("{} {}", sequence.parse::<i64>().unwrap() + 1, day.plus(50).basic()));
        // Nobody guesses it, and another team's key opens nothing.
        for wrong in [path.replace("/booking/", "/gate/"), path.replace(".ics", "0.ics"), path.replace(".ics", "")] {
            assert_eq!(world.get("nobody", &wrong).await.status, StatusCode::NOT_FOUND, "{wrong}");
        }
    })
    .await;
}
