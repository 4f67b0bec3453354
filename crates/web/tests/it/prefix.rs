//! A server below a path of its host: whatever a browser follows from its pages leads back to it.

use crate::backend::Running;
use crate::world::World;
use axum::http::{Request, StatusCode, header};
use serde_json::json;
use std::collections::{BTreeSet, VecDeque};

const PATH: &str = "/portal/of/fairway";
const PUBLIC: &str = "https://example.org/portal/of/fairway";

/// The addresses that a page has browsers follow, as they stand in it.
fn followed(page: &str) -> impl Iterator<Item = String> {
    let attributes = [" href=\"", " src=\"", " action=\"", " formaction=\"", " data-live=\""];
    let values =
        attributes.into_iter().flat_map(|name| page.split(name).skip(1)).filter_map(|rest| rest.split('"').next());
    values.map(|value| value.replace("&#38;", "&").replace("&amp;", "&")).collect::<Vec<_>>().into_iter()
}

#[tokio::test]
async fn every_link_of_every_page_leads_below_the_path() {
    let world = World::at(PUBLIC).await;
    let running = Running::start(&world);
    running.order(&world, "kept").await;
    for who in ["member", "admin"] {
        let (mut seen, mut next) = (BTreeSet::new(), VecDeque::from([format!("{PATH}/")]));
        while let Some(path) = next.pop_front() {
            // Enough to meet every kind of page.
            if seen.len() >= 250 || !seen.insert(path.clone()) {
                continue;
            }
            let said = world.get(who, &path).await;
            if said.status.is_redirection() {
                let location = said.headers[header::LOCATION].to_str().unwrap().to_owned();
                assert!(location.starts_with(PATH), "{path} leads to {location}");
                next.push_back(location);
                continue;
            }
            assert!(
                // Forms are only sent.
                [StatusCode::OK, StatusCode::FORBIDDEN, StatusCode::METHOD_NOT_ALLOWED].contains(&said.status),
                "{who} {path}: {}",
                said.status
            );
            if !said
                .headers
                .get(header::CONTENT_TYPE)
                .is_some_and(|media| media.to_str().unwrap().starts_with("text/html"))
            {
                continue;
            }
            for link in followed(&said.text) {
                let elsewhere = link.is_empty() || link.starts_with('#') || link.starts_with('?') || link.contains(':');
                assert!(elsewhere || link.starts_with(PATH), "{path} leads to {link}");
                let page = link.split('#').next().unwrap().to_owned();
                if !elsewhere && !page.contains("/events") && !page.contains("logout") {
                    next.push_back(page);
                }
            }
        }
        assert!(seen.len() > 60, "{who} saw {} pages", seen.len());
        println!("{who} saw {} pages", seen.len());
    }
}

#[tokio::test]
async fn redirects_cookies_and_addresses_have_the_path() {
    let world = World::at(PUBLIC).await;
    // With the path before it, as some proxies leave it, and without, as others do.
    for front in [PATH, ""] {
        let out = world.get("nobody", &format!("{front}/get")).await;
        assert_eq!(out.status, StatusCode::SEE_OTHER, "{}", out.text);
        let location = out.headers[header::LOCATION].to_str().unwrap();
        assert!(location.starts_with("/portal/of/fairway/login"), "{location}");
        let form =
            Request::post(format!("{front}/theme")).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let said = world.send("nobody", form, "theme=dark&back=%2Fget").await;
        assert_eq!(said.headers[header::LOCATION], "/portal/of/fairway/get");
        let cookie = said.headers[header::SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains("; Path=/portal/of/fairway;") && cookie.contains("; Secure"), "{cookie}");
        let said = world.get("admin", &format!("{front}/api/v1/offerings/default/postgres")).await;
        assert_eq!(said.json()["document"]["metadata"]["name"], json!("postgres"));
        assert_eq!(world.get("admin", &format!("{front}/healthz")).await.status, StatusCode::OK);
        let entities =
            world.get("admin", &format!("{front}/api/catalog/entities/by-name/offering/default/postgres")).await;
        assert_eq!(entities.status, StatusCode::OK, "{}", entities.text);
        let info = world.get("admin", &format!("{front}/catalog-info.yaml")).await;
        assert!(!info.text.contains("https://example.org/offerings"), "{}", info.text);
        let asset = world.get("nobody", &format!("{front}/assets/app.css")).await;
        assert_eq!(asset.status, StatusCode::OK);
    }
    // What only begins alike is not ours.
    assert_eq!(world.get("admin", "/portal/of/fairways/get").await.status, StatusCode::NOT_FOUND);
}
