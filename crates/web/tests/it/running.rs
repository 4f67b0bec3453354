//! Getting things, what runs, who uses what.

use crate::world::on_both;
use axum::http::{Request, StatusCode, header};
use loggia_app::{Caller, Door};
use loggia_model::Ref;
use serde_json::{Value, json};
use std::time::Duration;

fn order(name: &str) -> Value {
    json!({"offering": "postgres", "environment": "dev", "team": "booking", "name": name, "inputs": {"seed": "hidden-seed"}})
}

#[tokio::test]
async fn an_order_is_taken_once_under_a_key_and_its_secret_is_nowhere() {
    on_both("orders", async |world| {
        let post = || {
            let request = Request::post("/api/v1/orders").header(header::CONTENT_TYPE, "application/json");
            request.header("idempotency-key", "k-1")
        };
        let first = world.send("member", post(), order("fresh").to_string()).await;
        assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.text);
        let again = world.send("member", post(), order("fresh").to_string()).await;
        assert_eq!((again.status, again.json()), (StatusCode::ACCEPTED, first.json()));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        let other = world.send("member", post(), order("second").to_string()).await;
        assert_eq!(other.status, StatusCode::CONFLICT);
        let taken = world.post("member", "/api/v1/orders", &order("fresh")).await;
        assert_eq!((taken.status, taken.json()["problems"][0]["path"].as_str()), (StatusCode::CONFLICT, Some("name")));

        let id = first.json()["operation"].as_str().unwrap().to_owned();
        let operation = world.get("member", &format!("/api/v1/operations/{id}")).await.json();
        assert_eq!((operation["state"].as_str(), operation["verb"].as_str()), (Some("queued"), Some("apply")));
        for path in
            ["/api/v1/instances/booking/fresh.dev", "/api/v1/events", "/api/v1/instances/booking/fresh.dev/history"]
        {
            let said = world.get("admin", path).await;
            assert_eq!(said.status, StatusCode::OK);
            assert!(!said.text.contains("hidden-seed"), "{path}");
        }
        let form = world.get("member", "/api/v1/forms/postgres").await.json();
        assert_eq!(form["defaults"]["inputs.purpose"]["why"], "as in fresh.dev, the last time");
        assert_eq!(form["defaults"]["team"]["value"], "booking");
    })
    .await;
}

#[tokio::test]
async fn a_stream_tells_an_operation_and_ends_with_the_server() {
    on_both("stream", async |world| {
        let id = world.post("member", "/api/v1/orders", &order("watched")).await.json()["operation"].clone();
        let stopping = world.state.stopping.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            stopping.send_replace(true);
        });
        let said = world.get("member", &format!("/api/v1/operations/{}/events", id.as_str().unwrap())).await;
        assert_eq!(said.headers[header::CONTENT_TYPE], "text/event-stream");
        assert!(said.text.contains("event: operation") && said.text.contains("\"state\":\"queued\""), "{}", said.text);
    })
    .await;
}

#[tokio::test]
async fn a_report_makes_an_instance_that_its_owner_enrols() {
    on_both("observe", async |world| {
        let seen = json!({"offering": "postgres", "version": "1.0.0", "environment": "dev", "team": "booking", "name": "seen"});
        let said = world.post("reporter", "/api/v1/observe", &seen).await;
        assert_eq!((said.status, said.json()["results"][0]["result"].as_str()), (StatusCode::OK, Some("created")));
        let odd = json!([{"offering": "unheard-of", "environment": "dev", "team": "booking"}]);
        let said = world.post("reporter", "/api/v1/observe", &odd).await.json();
        assert_eq!(said["results"][0]["result"], "unmatched");
        assert_eq!(world.get("product", "/api/v1/unmatched").await.json()["items"].as_array().unwrap().len(), 1);
        let said = world.post("member", "/api/v1/instances/booking/seen.dev:enrol", &json!({})).await;
        assert_eq!((said.status, said.json()["step"].as_str()), (StatusCode::OK, Some("enrolled")));
        let rows = world.get("other", "/api/v1/who-runs/postgres?below=2").await.json();
        let row = rows["items"].as_array().unwrap().iter().find(|row| row["name"] == "seen").cloned().unwrap();
        assert_eq!((row["version"].as_str(), row["step"].as_str()), (Some("1.0.0"), Some("enrolled")));
        assert_eq!(row["contact"], "user:default/amara");
        let rows = world.get("other", "/api/v1/who-runs?offering=postgres&below=1.0").await.json();
        assert!(rows["items"].as_array().unwrap().iter().all(|row| row["name"] != "seen"));
        assert_eq!(world.get("other", "/api/v1/who-runs/nothing").await.status, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn an_instance_tells_when_it_was_seen_and_an_odd_report_what_is_odd() {
    on_both("seen", async |world| {
        let seen = |environment: &str| json!({"offering": "postgres", "version": "1.0.0", "environment": environment, "team": "booking", "name": "old", "time": "2020-01-01T00:00:00Z"});
        let said = world.post("service", "/api/v1/observe", &seen("dev")).await.json();
        assert_eq!(said["results"][0]["warnings"], Value::Null);
        let said = world.post("service", "/api/v1/observe", &seen("mars")).await.json();
        assert!(said["results"][0]["warnings"][0].as_str().unwrap().starts_with("There is no environment mars"), "{said}");
        for path in ["/api/v1/instances/booking/old.dev", "/api/v1/records/instance/booking/old.dev"] {
            let status = world.get("member", path).await.json()["status"].clone();
            assert_eq!(status["phase"], "unknown", "{status}");
            assert!(status["lastSeen"].as_str().unwrap().starts_with("2020-01-01T00:00:00"), "{status}");
        }
        let list = world.get("member", "/api/v1/instances?filter=metadata.name=old.dev").await.json();
        assert_eq!(list["items"][0]["status"]["phase"], "unknown", "{list}");
        let odd = json!({"offering": "unheard-of", "environment": "dev", "team": "booking"});
        world.post("service", "/api/v1/observe", &odd).await;
        let key = world.get("product", "/api/v1/unmatched").await.json()["items"][0]["key"].clone();
        let said = world.post("product", "/api/v1/unmatched:dismiss", &json!({"keys": [key]})).await;
        assert_eq!((said.status, said.json()["dismissed"].as_i64()), (StatusCode::OK, Some(1)));
        assert_eq!(world.get("product", "/api/v1/unmatched").await.json()["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_wrong_item_among_many_is_named_by_its_place() {
    on_both("places", async |world| {
        let report = |time: &str| json!({"offering": "postgres", "environment": "dev", "team": "booking", "time": time});
        let reading = |id: &str| json!({"id": id, "time": "2026-03-20T14:27:05Z", "team": "booking", "offering": "postgres", "channel": "request"});
        let system = |spec: Value| json!({"apiVersion": "backstage.io/v1alpha1", "kind": "System", "metadata": {"name": "lake"}, "spec": spec});
        let good = "2026-03-20T14:27:05Z";
        for (path, body, place) in [
            ("/api/v1/observe", json!([report(good), report("yesterday")]), "1.time"),
            ("/api/v1/observe", report("yesterday"), "time"),
            ("/api/v1/usage", json!([reading("a"), reading("")]), "1.id"),
            ("/api/v1/records:apply", json!([system(json!({"owner": "data"})), system(json!({"owner": 3}))]), "1.spec.owner"),
            ("/api/v1/records:apply", json!([{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {}}]), "0.kind"),
        ] {
            let said = world.post("admin", path, &body).await;
            assert_eq!(said.status, StatusCode::BAD_REQUEST, "{path} {}", said.text);
            let problems = said.json()["problems"].as_array().unwrap().clone();
            assert_eq!(problems[0]["path"], place, "{path} {}", said.text);
            assert!(problems.len() == 1 && !said.text.contains("anyOf") && said.text.len() < 1_500, "{}", said.text);
        }
    })
    .await;
}

#[tokio::test]
async fn cdevents_come_structured_batched_and_binary() {
    on_both("cdevents", async |world| {
        let data = |service: &str, kind: &str| {
            json!({"context": {"type": format!("dev.cdevents.service.{kind}.0.3.0"), "timestamp": "2026-03-20T14:27:05Z"},
                "subject": {"id": format!("booking/{service}"), "content": {"environment": {"id": "dev"},
                    "artifactId": "pkg:deb/postgresql@15.4"}}, "customData": {"offering": "postgres"}})
        };
        let event = |service: &str, kind: &str| {
            json!({"specversion": "1.0", "id": service, "source": "ci", "type": format!("dev.cdevents.service.{kind}.0.3.0"),
                "data": data(service, kind)})
        };
        let send = async |media: &str, body: &Value| {
            let request = Request::post("/api/v1/observe").header(header::CONTENT_TYPE, media);
            world.send("reporter", request, body.to_string()).await
        };
        let said = send("application/cloudevents+json", &event("a", "deployed")).await;
        assert_eq!((said.status, said.json()["results"][0]["result"].as_str()), (StatusCode::OK, Some("created")));
        let batch = json!([event("b", "upgraded"), event("a", "removed"), event("c", "started")]);
        let said = send("application/cloudevents-batch+json", &batch).await.json();
        let results: Vec<&str> = said["results"].as_array().unwrap().iter().filter_map(|r| r["result"].as_str()).collect();
        assert_eq!(results, ["created", "gone", "ignored"]);
        let request = Request::post("/api/v1/observe")
            .header(header::CONTENT_TYPE, "application/json")
            .header("ce-specversion", "1.0")
            .header("ce-id", "9")
            .header("ce-source", "ci")
            .header("ce-type", "dev.cdevents.service.rolledback.0.3.0");
        let said = world.send("reporter", request, data("b", "rolledback").to_string()).await;
        assert_eq!((said.status, said.json()["results"][0]["result"].as_str()), (StatusCode::OK, Some("seen")));
    })
    .await;
}

/// As a tool for CDEvents writes it to a file: without an envelope.
#[tokio::test]
async fn a_cdevent_by_itself_is_taken_and_a_broken_one_is_told_as_one() {
    on_both("cdevent", async |world| {
        let event = |service: &str| {
            json!({"context": {"version": "0.4.1", "id": service, "source": "/ci", "type": "dev.cdevents.service.deployed.0.1.1",
                "timestamp": "2026-03-20T14:27:05Z"},
                "subject": {"id": format!("booking/{service}"), "content": {"environment": {"id": "dev"},
                    "artifactId": "pkg:deb/postgresql@15.4"}}, "customData": {"offering": "postgres"}})
        };
        let said = world.post("reporter", "/api/v1/observe", &event("plain")).await;
        assert_eq!((said.status, said.json()["results"][0]["result"].as_str()), (StatusCode::OK, Some("created")));
        let ours = json!({"offering": "postgres", "version": "1.0.0", "environment": "dev", "team": "booking", "name": "mine"});
        let said = world.post("reporter", "/api/v1/observe", &json!([ours, event("listed")])).await.json();
        let results: Vec<&str> = said["results"].as_array().unwrap().iter().filter_map(|r| r["result"].as_str()).collect();
        assert_eq!(results, ["created", "created"]);
        for (field, path) in [("id", "context.id"), ("source", "context.source"), ("type", "context.type")] {
            let mut broken = event("broken");
            broken["context"].as_object_mut().unwrap().remove(field);
            let said = world.post("reporter", "/api/v1/observe", &broken).await;
            assert_eq!((said.status, said.json()["problems"][0]["path"].as_str()), (StatusCode::BAD_REQUEST, Some(path)));
        }
        let mut broken = event("broken");
        broken["subject"].as_object_mut().unwrap().remove("id");
        let said = world.post("reporter", "/api/v1/observe", &broken).await;
        assert_eq!(said.json()["problems"][0]["path"], "0.data.subject.id", "{}", said.text);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_line_is_told_by_its_number_whatever_is_wrong() {
    on_both("lines", async |world| {
        let good = json!({"id": "1", "time": "2026-03-20T14:27:05Z", "team": "booking", "offering": "postgres", "channel": "request"});
        let without = |field: &str, value: Value| {
            let mut reading = good.clone();
            reading[field] = value;
            reading.to_string()
        };
        for wrong in [
            "{".to_owned(),
            without("time", json!("yesterday")),
            without("id", json!("")),
            without("count", json!(-1)),
            without("outcome", json!("maybe")),
            without("team", json!("user:default/amara")),
        ] {
            let lines = format!("{good}\n\n{wrong}\n");
            let request = Request::post("/api/v1/usage").header(header::CONTENT_TYPE, "application/x-ndjson");
            let said = world.send("reporter", request, lines).await;
            assert_eq!(said.status, StatusCode::BAD_REQUEST, "{wrong}");
            assert_eq!(said.json()["problems"][0]["line"], 3, "{wrong}: {}", said.text);
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_team_the_ways_of_everything_that_one_sees_are_told() {
    on_both("ways", async |world| {
        assert_eq!(world.post("member", "/api/v1/orders", &order("ways")).await.status, StatusCode::ACCEPTED);
        let of = async |who: &str, query: &str| world.get(who, &format!("/api/v1/upgrades{query}")).await;
        let (all, team) = (of("admin", "").await, of("admin", "?team=booking").await);
        assert_eq!(all.status, StatusCode::OK, "{}", all.text);
        let items = |said: &Value| said["items"].as_array().unwrap().clone();
        assert!(items(&team.json()).iter().all(|item| items(&all.json()).contains(item)));
        assert!(items(&of("partner", "").await.json()).is_empty());
    })
    .await;
}

#[tokio::test]
async fn use_counts_once_by_source_and_id() {
    on_both("usage", async |world| {
        let reading = |id: &str| json!({"id": id, "time": "2026-03-20T14:27:05Z", "team": "booking", "offering": "postgres", "channel": "request"});
        let said = world.post("reporter", "/api/v1/usage", &json!([reading("1"), reading("2")])).await;
        assert_eq!((said.status, said.json()["new"].as_i64()), (StatusCode::OK, Some(2)), "{}", said.text);
        let lines = format!("{}\n\n{}\n", reading("2"), reading("3"));
        let request = Request::post("/api/v1/usage").header(header::CONTENT_TYPE, "application/x-ndjson");
        let said = world.send("reporter", request, lines).await;
        assert_eq!((said.json()["received"].as_i64(), said.json()["new"].as_i64()), (Some(2), Some(1)));
        let event = json!([{"specversion": "1.0", "id": "4", "source": "gateway", "type": "dev.loggia.usage.reported.v1", "time": "2026-03-20T14:27:05Z",
            "data": {"team": "booking", "offering": "postgres", "channel": "request", "count": 5}}]);
        let request = Request::post("/api/v1/usage").header(header::CONTENT_TYPE, "application/cloudevents-batch+json");
        assert_eq!(world.send("reporter", request, event.to_string()).await.json()["new"], 1);
        // Whatever else a stream holds counts for nothing, alone and among readings, in every form.
        let other = |id: &str| json!({"specversion": "1.0", "id": id, "source": "gateway", "type": "com.example.sold",
            "data": {"team": "booking", "offering": "postgres", "channel": "request", "time": "2026-03-20T14:27:05Z"}});
        for (media, body) in [("application/cloudevents+json", other("5")), ("application/cloudevents-batch+json", json!([other("6"), event[0]]))] {
            let request = Request::post("/api/v1/usage").header(header::CONTENT_TYPE, media);
            let said = world.send("reporter", request, body.to_string()).await;
            assert_eq!((said.status, said.json()["new"].as_i64()), (StatusCode::OK, Some(0)), "{}", said.text);
            let why = said.json()["ignored"][0]["why"].as_str().unwrap_or_default().to_owned();
            assert!(why.contains("dev.loggia.usage.reported.v1"), "{}", said.text);
        }
        let uses = world.get("other", "/api/v1/uses?offering=postgres").await.json();
        assert_eq!((uses["items"][0]["byChoice"].as_i64(), uses["items"][0]["team"].as_str()), (Some(8), Some("group:default/booking")));
        let rows = world.get("other", "/api/v1/usage?offering=postgres").await.json();
        assert_eq!(rows["items"].as_array().unwrap().len(), 4);
        let mut odd = reading("9");
        odd["offering"] = "nothing".into();
        let said = world.post("reporter", "/api/v1/usage", &odd).await.json();
        assert_eq!(said["unknown"], json!([{"field": "offering", "name": "nothing", "readings": 1}]));
        let wrong = world.post("reporter", "/api/v1/usage", &json!({"id": "", "time": "now"})).await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    })
    .await;
}

#[tokio::test]
async fn tokens_are_shown_once_and_good_for_nothing_after_revoking() {
    on_both("tokens", async |world| {
        let said = world.post("member", "/api/v1/tokens", &json!({"name": "laptop", "scopes": ["read"]})).await;
        assert_eq!(said.status, StatusCode::CREATED, "{}", said.text);
        let token = said.json()["token"].as_str().unwrap().to_owned();
        let id = said.json()["about"]["id"].as_str().unwrap().to_owned();
        let me = || Request::get("/api/v1/me").header(header::AUTHORIZATION, format!("Bearer {token}"));
        let said = world.send("nobody", me(), "").await;
        assert_eq!(
            (said.json()["principal"].as_str(), said.json()["scopes"][0].as_str()),
            (Some("user:default/amara"), Some("read"))
        );
        assert!(!world.get("member", "/api/v1/tokens").await.text.contains(&token));
        assert_eq!(
            world.json("other", "DELETE", &format!("/api/v1/tokens/{id}"), &json!({})).await.status,
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            world.json("member", "DELETE", &format!("/api/v1/tokens/{id}"), &json!({})).await.status,
            StatusCode::NO_CONTENT
        );
        assert_eq!(world.send("nobody", me(), "").await.status, StatusCode::UNAUTHORIZED);
        let said = world.json("admin", "PUT", "/api/v1/secrets/pg-admin", &json!({"value": "very secret"})).await;
        assert_eq!(said.status, StatusCode::OK, "{}", said.text);
        let nowhere = json!({"environments": [], "drivers": [], "hosts": [], "settings": []});
        let listed = world.get("admin", "/api/v1/secrets").await.json();
        assert_eq!(listed["items"], json!([{"name": "pg-admin", "allowed": nowhere}]));
        // What is left out stays as it is.
        let uses = json!({"environments": ["dev"], "drivers": ["postgres"], "hosts": ["db.example.com"], "settings": ["region"]});
        let said = world.json("admin", "PUT", "/api/v1/secrets/pg-admin", &json!({"allowed": uses})).await;
        assert_eq!(said.status, StatusCode::OK, "{}", said.text);
        world.json("admin", "PUT", "/api/v1/secrets/pg-admin", &json!({"value": "very secret too"})).await;
        assert_eq!(world.get("admin", "/api/v1/secrets").await.json()["items"][0]["allowed"], uses);
        let unknown = world.json("admin", "PUT", "/api/v1/secrets/nothing", &json!({"allowed": uses})).await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND, "{}", unknown.text);
        assert!(!world.get("admin", "/api/v1/events").await.text.contains("very secret"));
    })
    .await;
}

#[tokio::test]
async fn whoever_runs_a_withdrawn_version_is_told_on_every_page() {
    on_both("withdrawn", async |world| {
        let seen = json!({"offering": "postgres", "version": "1.0.0", "environment": "dev", "team": "booking", "name": "seen"});
        world.post("reporter", "/api/v1/observe", &seen).await;
        let before = world.get("member", "/").await.text;
        assert!(!before.contains("withdrawn"), "{before}");
        for release in world.get("admin", "/api/v1/releases").await.json()["items"].as_array().unwrap() {
            if release["document"]["spec"]["offering"] == "postgres" {
                let name = release["ref"].as_str().unwrap().trim_start_matches("release:").to_owned();
                let said = json!({"reason": "It loses data."});
                let said = world.post("admin", &format!("/api/v1/releases/{name}:yank"), &said).await;
                assert_eq!(said.status, StatusCode::OK, "{}", said.text);
            }
        }
        let home = world.get("member", "/").await.text;
        assert!(home.contains("runs 1.0.0, which was withdrawn: It loses data."), "{home}");
        let team = world.get("member", "/teams/booking").await.text;
        assert!(team.contains("version withdrawn"), "{team}");
        let release = world.get("member", "/catalog/release/default/postgres-1.0.0").await.text;
        assert!(release.contains("withdrawn: It loses data."), "{release}");
        let shop = world.get("member", "/get").await.text;
        assert!(shop.contains("no version to get"), "{shop}");
    })
    .await;
}

#[tokio::test]
async fn a_stream_ends_when_the_token_is_taken_back() {
    on_both("stream_revoked", async |world| {
        let id = world.post("member", "/api/v1/orders", &order("watched")).await.json()["operation"].clone();
        let app = world.state.app.clone();
        let amara = Ref::new("user", "default", "amara");
        let amara = Caller::person(&app.graph(), amara, Door::Api, "test");
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            for token in app.my_tokens(&amara).await.unwrap() {
                app.revoke_token(&amara, token.id).await.unwrap();
            }
        });
        let path = format!("/api/v1/operations/{}/events", id.as_str().unwrap());
        // The server does not stop and the operation does not end: only the token does.
        let said = tokio::time::timeout(Duration::from_secs(20), world.get("member", &path)).await.unwrap();
        assert!(said.text.contains("event: operation") && !said.text.contains("event: end"), "{}", said.text);
    })
    .await;
}

#[tokio::test]
async fn the_same_request_many_times_at_once_is_done_once() {
    on_both("keys_at_once", async |world| {
        for round in 0..3 {
            let (key, body) = (format!("r-{round}"), order(&format!("r-{round}")).to_string());
            let post = || {
                let request = Request::post("/api/v1/orders").header(header::CONTENT_TYPE, "application/json");
                world.send("member", request.header("idempotency-key", &key), body.clone())
            };
            let said = futures_util::future::join_all((0..8).map(|_| post())).await;
            for one in &said {
                assert_eq!((one.status, one.json()), (StatusCode::ACCEPTED, said[0].json()), "{}", one.text);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_for_now_is_not_kept_under_its_key() {
    on_both("keys_later", async |world| {
        let post = || {
            let request = Request::post("/api/v1/orders").header(header::CONTENT_TYPE, "application/json");
            request.header("idempotency-key", "k-9")
        };
        world.post("member", "/api/v1/orders", &order("later")).await;
        let taken = world.send("member", post(), order("later").to_string()).await;
        assert_eq!(taken.status, StatusCode::CONFLICT);
        let again = world.send("member", post(), order("later").to_string()).await;
        assert!(again.status == StatusCode::CONFLICT && !again.headers.contains_key("idempotency-replayed"));
        let wrong = || {
            world.send(
                "member",
                post(),
                json!({"offering": "none", "environment": "dev", "team": "booking",
            "name": "x"})
                .to_string(),
            )
        };
        assert_eq!(wrong().await.status, StatusCode::NOT_FOUND);
        assert_eq!(wrong().await.headers["idempotency-replayed"], "true");
    })
    .await;
}
