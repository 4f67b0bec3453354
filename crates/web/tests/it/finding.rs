//! What a search finds: first what is offered, whole.

use crate::world::on_both;

#[tokio::test]
async fn what_is_offered_is_found_first_and_whole() {
    on_both("finding", async |world| {
        let page = world.get("member", "/search?q=postgres").await.text;
        let (card, rest) = page.split_once("<ul class=\"hits\">").unwrap();
        for part in [
            "A database in a minute",
            "href=\"/get/postgres/new\"",
            "<dt>Run by</dt><dd>data</dd>",
            "<dt>Used by</dt><dd>1 team</dd>",
            "<dt>Small</dt><dd>10 connections · free of charge</dd>",
            "<dt>Large</dt>",
            "<dt>Newest version</dt><dd>1.0.0</dd>",
        ] {
            assert!(card.contains(part), "{part}: {card}");
        }
        assert!(!rest.contains("href=\"/get/postgres\""), "it is there once: {rest}");
        // Where a word is only mentioned, and where another kind is asked for, nothing is pushed forward.
        for path in ["/search?q=minute", "/search?q=postgres&kind=release", "/search?q=postgres&offset=50"] {
            assert!(!world.get("member", path).await.text.contains("/get/postgres/new"), "{path}");
        }

        let found = world.get("member", "/api/v1/search?q=postgres").await.json();
        let offer = &found["items"][0]["offer"];
        assert_eq!(offer["promise"], "A database in a minute");
        assert_eq!((&offer["version"], &offer["teams"]), (&"1.0.0".into(), &1.into()));
        assert_eq!(offer["owner"]["title"], "data");
        assert_eq!(offer["plans"].as_array().unwrap().len(), 2);
        let others = found["items"].as_array().unwrap().iter().skip(1);
        assert!(others.clone().count() > 0 && others.clone().all(|hit| hit["offer"].is_null()));
        let twin = world.get("member", "/search.json?q=postgres").await.json();
        assert_eq!(twin["items"][0]["offer"], *offer);
        assert_eq!(world.get("member", "/api/v1/offers/postgres").await.json(), *offer);
        let all = world.get("member", "/api/v1/offers").await.json();
        assert!(all["items"].as_array().unwrap().contains(offer));
    })
    .await;
}
