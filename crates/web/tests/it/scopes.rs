//! What a token is good for holds for pages as it does for the API.

use crate::world::on_both;
use axum::http::{Request, StatusCode, header};
use serde_json::json;

#[tokio::test]
async fn pages_are_closed_to_tokens_that_are_not_good_for_looking() {
    on_both("page_scopes", async |mut world| {
        let said = world.post("member", "/api/v1/tokens", &json!({"name": "gateway", "scopes": ["usage"]})).await;
        world.tokens.insert("gateway", said.json()["token"].as_str().unwrap().to_owned());
        for path in [
            "/",
            "/get",
            "/search?q=orders",
            "/search.json?q=orders",
            "/who-runs",
            "/who-runs.csv?offering=postgres",
            "/team",
            "/sources",
            "/me",
            "/instances/booking/main.dev",
            "/catalog/component/default/orders",
        ] {
            for who in ["reporter", "gateway"] {
                let said = world.get(who, path).await;
                assert_eq!(said.status, StatusCode::FORBIDDEN, "{who} {path}");
                assert!(said.text.contains("scope"), "{who} {path}: {}", said.text);
            }
        }
        assert_eq!(world.get("reader", "/who-runs").await.status, StatusCode::OK);
    })
    .await;
}

/// What is wrong in a repository names things that not everybody may see; the page says so, and what to do instead.
#[tokio::test]
async fn everybody_may_look_at_the_page_of_sources() {
    on_both("page_sources", async |world| {
        for (who, told) in [("member", true), ("partner", true), ("product", false)] {
            let said = world.get(who, "/sources").await;
            assert_eq!(said.status, StatusCode::OK, "{who}: {}", said.text);
            assert_eq!(said.text.contains("loggia check PATH"), told, "{who}: {}", said.text);
        }
        let refresh =
            Request::post("/sources/refresh").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        assert_eq!(world.send("member", refresh, "").await.status, StatusCode::FORBIDDEN);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_good_for_looking_ends_no_session_and_revokes_nothing() {
    on_both("own_scopes", async |mut world| {
        let said = world.post("member", "/api/v1/tokens", &json!({"name": "screen", "scopes": ["read"]})).await;
        let id = said.json()["about"]["id"].as_str().unwrap().to_owned();
        world.tokens.insert("screen", said.json()["token"].as_str().unwrap().to_owned());
        assert_eq!(world.get("screen", "/").await.status, StatusCode::OK);
        let post = |path: String| Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for path in [format!("/me/tokens/{id}/revoke"), "/me/sessions/0/end".to_owned()] {
            let said = world.send("screen", post(path.clone()), "").await;
            assert_eq!(said.status, StatusCode::FORBIDDEN, "{path}");
        }
        assert_eq!(world.get("screen", "/me").await.status, StatusCode::FORBIDDEN);
        assert_eq!(world.get("screen", "/").await.status, StatusCode::OK);
        let said = world.send("member", post(format!("/me/tokens/{id}/revoke")), "").await;
        assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text);
        let said = world.get("screen", "/api/v1/me").await;
        assert_eq!(said.status, StatusCode::UNAUTHORIZED);
    })
    .await;
}
