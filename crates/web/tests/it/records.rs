//! Reading and writing records over the API.

use crate::world::on_both;
use axum::http::{Request, StatusCode, header};
use serde_json::json;

fn component(name: &str, title: &str) -> serde_json::Value {
    json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": name, "title": title},
        "spec": {"type": "service", "lifecycle": "production", "owner": "data"}})
}

#[tokio::test]
async fn a_record_is_written_read_changed_and_taken_away() {
    on_both("records", async |world| {
        let path = "/api/v1/components/default/web";
        let made = world.json("owner", "PUT", path, &component("web", "Web")).await;
        assert_eq!((made.status, made.json()["result"].as_str()), (StatusCode::CREATED, Some("created")));
        let position = made.headers["loggia-position"].to_str().unwrap().to_owned();
        let read = world.get("other", &format!("{path}?position={position}")).await;
        assert_eq!(read.json()["document"]["metadata"]["title"], "Web");
        assert!(read.json()["relations"].as_array().unwrap().iter().any(|r| r["type"] == "ownedBy"));
        let tag = read.headers[header::ETAG].clone();
        let same = world.send("other", Request::get(path).header(header::IF_NONE_MATCH, &tag), "").await;
        assert_eq!((same.status, same.text.as_str()), (StatusCode::NOT_MODIFIED, ""));

        let put = || Request::put(path).header(header::CONTENT_TYPE, "application/json");
        let text = component("web", "Webb").to_string();
        let changed = world.send("owner", put().header(header::IF_MATCH, &tag), text.clone()).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
        let diff = changed.json()["diff"].clone();
        assert_eq!(diff, json!([{"path": "metadata.title", "before": "Web", "after": "Webb"}]));
        let stale = world.send("owner", put().header(header::IF_MATCH, &tag), component("web", "W").to_string()).await;
        assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(stale.json()["diff"][0]["before"], "Webb");

        let history = world.get("other", &format!("{path}/history")).await.json();
        assert_eq!(history["items"][0]["changes"][0]["after"], "Webb");
        assert_eq!(history["items"][1]["principal"], "user:default/olga");
        let first = history["items"][1]["time"].as_str().unwrap().to_owned();
        let then = world.get("other", &format!("{path}?at={first}")).await;
        assert_eq!(then.json()["document"]["metadata"]["title"], "Web");

        let dry = world.json("owner", "DELETE", &format!("{path}?dryRun=true"), &json!({})).await;
        assert_eq!(dry.status, StatusCode::OK);
        assert_eq!(world.get("other", path).await.status, StatusCode::OK);
        assert_eq!(world.json("owner", "DELETE", path, &json!({})).await.status, StatusCode::OK);
        assert_eq!(world.get("other", path).await.status, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn the_past_of_what_went_is_told_by_its_last_name_and_by_its_identity() {
    on_both("past", async |world| {
        let path = "/api/v1/components/default/short-lived";
        for title in ["One", "Two"] {
            world.json("owner", "PUT", path, &component("short-lived", title)).await;
        }
        let uid = world.get("owner", path).await.json()["uid"].as_str().unwrap().to_owned();
        let by_uid = format!("/api/v1/history/{uid}");
        let revisions = async |who: &str, path: &str| {
            let said = world.get(who, path).await;
            (said.status, said.json()["items"].as_array().map_or(0, Vec::len))
        };
        assert_eq!(revisions("other", &by_uid).await, (StatusCode::OK, 2));
        assert_eq!(world.json("owner", "DELETE", path, &json!({})).await.status, StatusCode::OK);
        assert_eq!(world.get("other", path).await.status, StatusCode::NOT_FOUND);
        for path in [&by_uid, &format!("{path}/history")] {
            let said = world.get("other", path).await;
            assert_eq!(
                (said.status, said.json()["items"][0]["removed"].as_bool()),
                (StatusCode::OK, Some(true)),
                "{path}"
            );
            assert_eq!(revisions("other", path).await, (StatusCode::OK, 3));
            assert_eq!(
                revisions("partner", path).await.0,
                StatusCode::NOT_FOUND,
                "what went is no more seen than before"
            );
        }
        // The name is free for another; what went keeps its identity.
        world.json("owner", "PUT", path, &component("short-lived", "New")).await;
        assert_eq!(revisions("other", &format!("{path}/history")).await, (StatusCode::OK, 1));
        assert_eq!(revisions("other", &by_uid).await, (StatusCode::OK, 3));
        for nothing in ["/api/v1/history/00000000-0000-7000-8000-000000000000", "/api/v1/history/nonsense"] {
            assert_eq!(world.get("admin", nothing).await.status, StatusCode::NOT_FOUND);
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_edit_with_a_second_document_is_refused_and_nothing_is_lost() {
    on_both("two", async |world| {
        let (path, text) = ("/api/v1/components/default/single", |title: &str| component("single", title).to_string());
        world.json("owner", "PUT", path, &component("single", "Before")).await;
        let tag = world.state.app.graph().get_text("component:default/single").unwrap().etag.clone();
        let send = async |text: String| {
            let text: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            let request = Request::post("/catalog/component/default/single/edit");
            let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            world.send("owner", request, format!("text={text}&seen={tag}")).await
        };
        let title = async || world.get("owner", path).await.json()["document"]["metadata"]["title"].clone();
        let said = send(format!("{}\n---\n{}\n", text("After"), component("second", "Second"))).await;
        assert_eq!(said.status, StatusCode::BAD_REQUEST);
        assert!(
            said.text.contains("There are 2 documents") && said.text.contains("Keep exactly one."),
            "{}",
            said.text
        );
        assert_eq!(title().await, "Before");
        assert!(send(text("After")).await.status.is_redirection());
        assert_eq!(title().await, "After");
    })
    .await;
}

#[tokio::test]
async fn a_text_alone_withdraws_no_release_and_says_so() {
    on_both("said", async |world| {
        let path = "/api/v1/releases/default/postgres-1.0.0";
        let mut document = world.get("product", path).await.json()["document"].clone();
        let put = async |document: &serde_json::Value| world.json("product", "PUT", path, document).await.json();
        assert_eq!(put(&document).await["warnings"], serde_json::Value::Null);
        document["metadata"]["annotations"] = json!({"loggia.dev/publication": "yanked"});
        for _ in ["changed", "unchanged"] {
            let said = put(&document).await;
            assert!(said["warnings"][0]["mend"].as_str().unwrap().contains("loggia yank postgres-1.0.0"), "{said}");
        }
        assert_eq!(world.get("product", path).await.json()["status"]["publication"], "published");
    })
    .await;
}

#[tokio::test]
async fn many_documents_come_as_yaml_or_json_and_all_or_none_are_written() {
    on_both("apply", async |world| {
        let yaml = Request::post("/api/v1/records:apply").header(header::CONTENT_TYPE, "application/yaml");
        let text = format!("{}\n---\n{}\n", component("one", "One"), component("two", "Two"));
        let said = world.send("owner", yaml, text).await;
        assert_eq!(said.status, StatusCode::OK, "{}", said.text);
        assert_eq!(said.json()["results"][1]["result"], "created");
        let mut broken = component("four", "");
        broken["spec"]["type"] = json!(7);
        let said = world.post("owner", "/api/v1/records:apply", &json!([component("three", "x"), broken])).await;
        assert_eq!(said.status, StatusCode::BAD_REQUEST);
        assert_eq!(world.get("owner", "/api/v1/components/default/three").await.status, StatusCode::NOT_FOUND);
        let said = world.post("owner", "/api/v1/records:apply?dryRun=true", &component("five", "Five")).await;
        assert_eq!((said.status, said.json()["dryRun"].as_bool()), (StatusCode::OK, Some(true)));
        assert_eq!(world.get("owner", "/api/v1/components/default/five").await.status, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn lists_filter_order_and_turn_pages() {
    on_both("lists", async |world| {
        for at in 0..7 {
            let path = format!("/api/v1/components/default/c{at}");
            world.json("owner", "PUT", &path, &component(&format!("c{at}"), &format!("T{}", 9 - at))).await;
        }
        let (mut names, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!(
                "/api/v1/components?filter=spec.owner=data&order=-metadata.title&limit=3&fields=document.metadata.name{cursor}"
            );
            let said = world.get("member", &path).await;
            assert_eq!(said.status, StatusCode::OK, "{}", said.text);
            let page = said.json();
            assert_eq!(page["total"], 7);
            names.extend(page["items"].as_array().unwrap().iter().map(|i| i["document"]["metadata"]["name"].clone()));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(names, ["c0", "c1", "c2", "c3", "c4", "c5", "c6"]);
        let said = world.get("member", "/api/v1/components?limit=1&fields=ref,metadata.name").await.json();
        assert_eq!(said["items"][0]["document"]["metadata"]["name"], said["items"][0]["ref"].as_str().unwrap().split('/').next_back().unwrap());
        let said = world.get("member", "/api/v1/components?fields=nosuch").await;
        assert!(said.status == StatusCode::BAD_REQUEST && said.text.contains("nosuch"), "{}", said.text);
        let found = world.get("member", "/api/v1/components?q=taKes").await.json();
        assert_eq!((found["total"].as_i64(), found["items"][0]["ref"].as_str()), (Some(1), Some("component:default/orders")));
    })
    .await;
}

#[tokio::test]
async fn wrong_requests_are_told_what_would_be_right() {
    on_both("wrong", async |world| {
        let said = world.get("member", "/api/v1/components?limt=3").await;
        assert_eq!(said.status, StatusCode::BAD_REQUEST);
        assert_eq!(said.headers[header::CONTENT_TYPE], "application/problem+json");
        assert!(said.json()["problems"][0]["mend"].as_str().unwrap().contains("limit"), "{}", said.text);
        assert_eq!(world.get("member", "/api/v1/components?limit=0").await.status, StatusCode::BAD_REQUEST);
        assert_eq!(world.get("member", "/api/v1/nothings").await.status, StatusCode::NOT_FOUND);
        let said = world.json("member", "PATCH", "/api/v1/orders", &json!({})).await;
        assert_eq!(
            (said.status, said.headers[header::ALLOW].as_bytes()),
            (StatusCode::METHOD_NOT_ALLOWED, &b"POST"[..])
        );
        let said = world.send("member", Request::post("/api/v1/orders"), "x=1").await;
        assert_eq!(said.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let long = "x".repeat(1_000_001);
        let request = Request::post("/api/v1/orders").header(header::CONTENT_TYPE, "application/json");
        assert_eq!(world.send("member", request, long).await.status, StatusCode::PAYLOAD_TOO_LARGE);
        let said = world.post("member", "/api/v1/orders", &json!({"offering": "postgres", "oops": 1})).await;
        assert_eq!(said.status, StatusCode::BAD_REQUEST);
        assert!(said.text.contains("oops") && said.text.contains("environment"), "{}", said.text);
        assert_eq!(world.get("member", "/api/v1/me?position=99999999").await.status, StatusCode::SERVICE_UNAVAILABLE);
    })
    .await;
}
