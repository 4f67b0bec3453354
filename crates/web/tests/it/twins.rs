//! The twins of each page, enumerated from the router: the same as JSON, and the commands that it prints. Whether those are
//! commands is asked of the program, which reads `commands.txt`.

use crate::backend::Running;
use crate::doors;
use crate::roles::is_committed;
use crate::world::{Said, World, on_both};
use axum::http::{StatusCode, header};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Pages without the same as JSON, and why.
const WITHOUT: [(&str, &str); 4] = [
    ("/design", "it shows the parts of pages"),
    ("/ending/new", "it is filled in; what it sends is a command"),
    ("/help/{page}", "it is a text of the program"),
    ("/login", "it is for who has no right to read anything"),
];

fn is_page(said: &Said) -> bool {
    let media = said.headers.get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    said.status == StatusCode::OK && media.starts_with("text/html")
}

/// The address without the escapes of HTML.
fn plain(text: &str) -> String {
    let mut text = text.to_owned();
    for (escape, letter) in [("&#38;", "&"), ("&amp;", "&"), ("&#39;", "'"), ("&#34;", "\""), ("&quot;", "\"")] {
        text = text.replace(escape, letter);
    }
    text.replace("&#60;", "<").replace("&#62;", ">").replace("&lt;", "<").replace("&gt;", ">")
}

/// What stands between two texts, each time.
fn between<'a>(text: &'a str, start: &str, end: &'a str) -> impl Iterator<Item = String> {
    text.split(start).skip(1).filter_map(move |part| part.split_once(end)).map(|(found, _)| plain(found))
}

/// The addresses of the JSON twins in the foot of a page.
fn twins(page: &str) -> Vec<String> {
    let foot = page.rsplit_once("<ul class=\"foot-links\">").map_or("", |(_, foot)| foot);
    let links =
        foot.split("<li><a href=\"").skip(1).filter(|link| link.split("</a>").next().unwrap().ends_with("as JSON"));
    links.map(|link| plain(link.split('"').next().unwrap())).collect()
}

/// A page as somebody who may see it, with who that is.
async fn seen(world: &World, path: &str) -> Option<(&'static str, Said)> {
    for who in ["member", "product", "person-admin"] {
        let said = world.get(who, path).await;
        if is_page(&said) {
            return Some((who, said));
        }
    }
    None
}

#[tokio::test]
async fn each_page_has_its_twins() {
    on_both("twins", async |world| {
        let running = Running::start(&world);
        running.order(&world, "kept").await;
        let (mut table, mut commands) = ("page -> the same as JSON".to_owned(), BTreeSet::new());
        for way in doors::all(&world).await.into_iter().filter(|way| way.method == "GET") {
            let path = doors::filled(&way.path).replace("/main.dev", "/kept.dev") + doors::query(&way.path);
            let Some((who, page)) = seen(&world, &path).await else {
                // Named all the same: what is no page, and what is none in this company.
                let status = world.get("member", &path).await.status.as_u16();
                write!(table, "\n{} is no page here: {status}", way.path).unwrap();
                continue;
            };
            let twins = twins(&page.text);
            for twin in &twins {
                let said = world.get(who, twin).await;
                assert_eq!(said.status, StatusCode::OK, "{path} -> {twin}: {}", said.text);
                assert!(!said.json().is_null(), "{path} -> {twin}");
            }
            let without = WITHOUT.iter().any(|(page, _)| *page == way.path);
            assert!(twins.is_empty() == without, "{path}: give it a twin, or say above why it has none");
            write!(table, "\n{} -> {}", way.path, if twins.is_empty() { "-".to_owned() } else { twins.join(" ") })
                .unwrap();
            commands.extend(between(&page.text, "data-copy=\"", "\"").filter(|text| text.starts_with("loggia ")));
        }
        is_committed("twins.txt", &table);
        is_committed("commands.txt", &commands.into_iter().collect::<Vec<_>>().join("\n"));
    })
    .await;
}

/// What people see of home and what programs read of it are the same.
#[tokio::test]
async fn the_twin_of_home_says_what_home_says() {
    on_both("twin_of_home", async |world| {
        for who in ["member", "other", "product", "partner"] {
            let (page, twin) = (world.get(who, "/").await.text, world.get(who, "/api/v1/home").await.json());
            let page = plain(&page);
            for line in twin["lines"].as_array().unwrap().iter().take(3) {
                assert!(page.contains(line["title"].as_str().unwrap()), "{who}: {line}");
            }
            for run in twin["runs"].as_array().unwrap().iter().take(5) {
                assert!(page.contains(run["name"].as_str().unwrap()), "{who}: {run}");
            }
            for offer in twin["newest"].as_array().unwrap() {
                assert!(page.contains(offer["promise"].as_str().unwrap()), "{who}: {offer}");
            }
            for step in twin["start"].as_array().unwrap() {
                assert!(page.contains(step["title"].as_str().unwrap()), "{who}: {step}");
            }
        }
        let member = world.get("member", "/api/v1/home").await.json();
        assert!(!member["runs"].as_array().unwrap().is_empty() && !member["newest"].as_array().unwrap().is_empty());
        assert!(world.get("partner", "/api/v1/home").await.json()["runs"].as_array().unwrap().is_empty());
    })
    .await;
}
