//! One service through its life, as pipelines tell it in CDEvents.

use crate::world::{World, on_both};
use serde_json::{Value, json};

/// An event in the shape of the specification's own examples: a subject without a slash, its source beside it.
fn event(kind: &str, second: u32, subject: &str, artifact: Option<&str>, own: &Value) -> Value {
    let time = format!("2026-03-20T14:27:{second:02}.315384Z");
    let mut content = json!({"environment": {"id": "dev"}});
    if let Some(artifact) = artifact {
        content["artifactId"] = artifact.into();
    }
    json!({
        "context": {"specversion": "0.5.0", "id": format!("{subject}-{second}"), "source": "/event/source/123",
            "type": format!("dev.cdevents.service.{kind}.0.2.0"), "timestamp": time,
            "schemaUri": "https://example.org/schema", "links": []},
        "subject": {"id": subject, "source": "/event/source/123", "content": content},
        "customData": own
    })
}

async fn tell(world: &World, event: Value) -> Value {
    let said = world.post("reporter", "/api/v1/observe", &event).await;
    said.json()["results"][0].clone()
}

#[tokio::test]
async fn what_is_known_by_its_name_is_upgraded_and_removed_without_saying_again_what_it_is() {
    on_both("cdevents_life", async |world| {
        let (whose, both) = (json!({"team": "booking"}), json!({"team": "booking", "offering": "postgres"}));
        let at = |said: &Value| (said["result"].as_str().map(str::to_owned), said["offering"].clone());
        let answer = |result: &str| (Some(result.to_owned()), json!("postgres"));
        let said = tell(&world, event("deployed", 1, "cesvc2", Some("pkg:oci/postgres@15.3"), &both)).await;
        assert_eq!(at(&said), answer("created"), "{said}");
        let said = tell(&world, event("upgraded", 2, "cesvc2", Some("pkg:oci/another@15.4"), &whose)).await;
        assert_eq!(at(&said), answer("changed"), "{said}");
        let known = world.get("member", "/api/v1/instances/booking/cesvc2.dev").await.json();
        assert_eq!(known["status"]["version"], "15.4", "{known}");
        let said = tell(&world, event("removed", 3, "cesvc2", None, &whose)).await;
        assert_eq!(at(&said), answer("gone"), "{said}");
        let said = tell(&world, event("removed", 4, "cesvc2", None, &whose)).await;
        assert_eq!(said["result"], "unknown", "{said}");
    })
    .await;
}

#[tokio::test]
async fn what_is_new_is_known_by_the_package_of_its_artifact() {
    on_both("cdevents_package", async |world| {
        let whose = json!({"team": "booking"});
        let said = tell(&world, event("upgraded", 1, "manifests", Some("pkg:oci/postgres@15.4"), &whose)).await;
        assert_eq!((said["result"].as_str(), said["offering"].as_str()), (Some("created"), Some("postgres")), "{said}");
        let said = tell(&world, event("deployed", 1, "other", Some("pkg:oci/unheard-of@15.4"), &whose)).await;
        let why = said["why"].as_str().unwrap_or_default();
        assert!(said["result"] == "unmatched" && why.contains("\"other\""), "the name of the service is told: {said}");
    })
    .await;
}

#[tokio::test]
async fn a_service_without_a_team_is_its_components_or_is_listed() {
    on_both("cdevents_whose", async |world| {
        let what = json!({"offering": "postgres"});
        let said = tell(&world, event("deployed", 1, "orders", Some("pkg:oci/postgres@15.3"), &what)).await;
        assert_eq!(
            (said["result"].as_str(), said["instance"].as_str()),
            (Some("created"), Some("instance:booking/orders.dev"))
        );
        // Nobody knows whose: it is kept with why, once, until somebody says it.
        for second in [2, 3] {
            let said = tell(&world, event("deployed", second, "lonely", Some("pkg:oci/postgres@15.3"), &what)).await;
            let why = said["why"].as_str().unwrap_or_default();
            assert!(
                said["result"] == "unmatched" && why.contains("whose it is") && why.contains("customData.team"),
                "{said}"
            );
        }
        let names = async || {
            let listed = world.get("admin", "/api/v1/unmatched").await.json();
            let items = listed["items"].as_array().unwrap().clone();
            items.iter().map(|one| one["reported"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names().await, ["lonely"]);
        let both = json!({"team": "booking", "offering": "postgres"});
        let said = tell(&world, event("deployed", 4, "lonely", Some("pkg:oci/postgres@15.3"), &both)).await;
        assert_eq!(said["result"], "created", "{said}");
        assert!(names().await.is_empty(), "what is known now is not listed any more");
    })
    .await;
}
