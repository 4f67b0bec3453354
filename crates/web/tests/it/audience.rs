//! What somebody may not see is told by no route: no list, count, facet, search, relation, history, event or error.

use crate::world::{World, on_both};
use axum::http::{Request, StatusCode, header};
use serde_json::json;

/// Words of things that only the team booking may see: a component and an instance.
const HIDDEN: [&str; 3] = ["shadow", "Shadowplan", "ledger"];

async fn tells_nothing(world: &World, who: &str, path: &str) {
    let said = world.get(who, path).await;
    // An error may repeat what was asked for, and must be the same for what does not exist.
    if said.status == StatusCode::NOT_FOUND {
        let mut other = path.to_owned();
        for word in ["shadow", "ledger"] {
            other = other.replace(word, "nothere");
        }
        let unknown = world.get(who, &other).await;
        let mut text = said.text.clone();
        for word in ["shadow", "ledger"] {
            text = text.replace(word, "nothere");
        }
        assert_eq!((unknown.status, unknown.text), (said.status, text), "{path} as {who}");
        return;
    }
    for word in HIDDEN {
        assert!(!said.text.contains(word), "{path} tells {who} of {word}: {}", said.text);
    }
}

#[tokio::test]
async fn what_a_team_keeps_to_itself_is_told_to_nobody_else() {
    on_both("audience", async |world| {
        let own = world.get("member", "/api/v1/components/default/shadow").await;
        assert_eq!(own.status, StatusCode::OK);
        assert_eq!(world.get("member", "/api/v1/components").await.json()["total"], 2);
        let paths = [
            "/api/v1/components",
            "/api/v1/components?q=shadow",
            "/api/v1/components?filter=metadata.name=shadow",
            "/api/v1/components?order=-metadata.name&limit=1",
            "/api/v1/instances",
            "/api/v1/components/default/shadow",
            "/api/v1/records/component/default/shadow",
            "/api/v1/records/component/default/shadow/history",
            "/api/v1/records/component/default/shadow?at=2999-01-01T00:00:00Z",
            "/api/v1/components/default/orders",
            "/api/v1/instances/booking/ledger.dev",
            "/api/v1/instances/booking/ledger.dev/operations",
            "/api/v1/groups/default/booking",
            "/api/v1/offerings/default/postgres",
            "/api/v1/environments/default/dev",
            "/api/v1/search?q=shadow",
            "/api/v1/search?q=shadowplan",
            "/api/v1/search?q=ledger",
            "/api/v1/who-runs/postgres",
            "/api/v1/forms/postgres?team=booking",
            "/api/v1/uses",
            "/api/v1/usage?offering=postgres",
        ];
        for who in ["other", "product", "service", "owner"] {
            for path in paths {
                tells_nothing(&world, who, path).await;
            }
        }
        assert_eq!(world.get("other", "/api/v1/components").await.json()["total"], 1);
        for path in ["/api/v1/events", "/api/v1/events?after=0", "/api/v1/events?subject=component:default/shadow"] {
            tells_nothing(&world, "product", path).await;
        }
    })
    .await;
}

#[tokio::test]
async fn errors_of_writes_tell_nothing_either() {
    on_both("audience_writes", async |world| {
        let shadow = json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": "shadow"},
            "spec": {"type": "service", "lifecycle": "production", "owner": "data"}});
        let said = world.json("owner", "PUT", "/api/v1/components/default/shadow", &shadow).await;
        assert_eq!(said.status, StatusCode::CONFLICT);
        assert!(!said.text.contains("booking"), "{}", said.text);
        let request = Request::put("/api/v1/components/default/shadow")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::IF_MATCH, "\"x\"");
        assert_eq!(world.send("owner", request, shadow.to_string()).await.status, StatusCode::NOT_FOUND);
        let hidden = world.json("owner", "DELETE", "/api/v1/components/default/shadow", &json!({})).await;
        let missing = world.json("owner", "DELETE", "/api/v1/components/default/nothing", &json!({})).await;
        assert_eq!((hidden.status, hidden.text.replace("shadow", "nothing")), (missing.status, missing.text));
        for verb in ["enrol", "withdraw", "destroy", "retry", "look"] {
            let hidden = world.post("other", &format!("/api/v1/instances/booking/ledger.dev:{verb}"), &json!({})).await;
            let missing =
                world.post("other", &format!("/api/v1/instances/booking/nothing.dev:{verb}"), &json!({})).await;
            assert_eq!((hidden.status, hidden.text.replace("ledger", "nothing")), (missing.status, missing.text));
        }
        // The offering is in use, by something that its owner may not see.
        let said = world.json("owner", "DELETE", "/api/v1/offerings/default/postgres", &json!({})).await;
        assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!said.text.contains("ledger"), "{}", said.text);
    })
    .await;
}

#[tokio::test]
async fn a_partner_sees_what_was_granted_and_nothing_else() {
    on_both("partner", async |world| {
        for path in ["/api/v1/components", "/api/v1/offerings", "/api/v1/groups", "/api/v1/instances"] {
            assert_eq!(world.get("partner", path).await.json()["total"], 0, "{path}");
        }
        let path = "/api/v1/components/default/shared";
        let shared = json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Component",
            "metadata": {"name": "shared", "annotations": {"loggia.dev/partner": "keelworks"}},
            "spec": {"type": "service", "lifecycle": "production", "owner": "data"}});
        assert_eq!(world.json("owner", "PUT", path, &shared).await.status, StatusCode::CREATED);
        assert_eq!(world.get("partner", path).await.status, StatusCode::OK);
        assert_eq!(world.get("partner", "/api/v1/components").await.json()["total"], 1);
        assert_eq!(world.get("partner", "/api/v1/who-runs/postgres").await.status, StatusCode::NOT_FOUND);
    })
    .await;
}
