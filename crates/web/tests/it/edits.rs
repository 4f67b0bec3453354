//! Changing a text on its page, and the changes that wait: for people who know nothing of Git.

use crate::world::{ADMIN, World, on_both};
use async_trait::async_trait;
use axum::http::{Request, StatusCode, header};
use loggia_app::instance::driver::Failure;
use loggia_app::source::edit::digest;
use loggia_app::source::read::SourceFile;
use loggia_app::source::{Delivery, Edit, Landed, Reader, Sources, Tree};
use loggia_web::WebState;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const PLACE: &str = "/texts";
const TEXT: &str = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: kiosk\nspec:\n  type: service\n  \
                    lifecycle: production\n  owner: booking\n";
const PAGE: &str = "/catalog/component/default/kiosk";
/// Words that say something only to those who use Git.
const WORDS: [&str; 12] =
    ["git", "commit", "branch", "merge", "push", "pull", "rebase", "repo", "fork", "checkout", "squash", "diff"];

/// One component, and changes that are proposed, saved, or only given as a file.
#[derive(Default)]
struct Texts {
    delivery: Mutex<Delivery>,
    made: AtomicUsize,
}

#[async_trait]
impl Reader for Texts {
    async fn read(&self, _: &str, known: Option<&str>) -> Result<Option<Tree>, Failure> {
        let bytes: Arc<[u8]> = TEXT.as_bytes().into();
        let file = SourceFile { path: "kiosk.yaml".into(), size: bytes.len(), bytes, executable: false };
        let tree = Tree { commit: "c1".into(), files: vec![file], place: "file:/texts/".into(), ..Tree::default() };
        Ok((known != Some("c1")).then_some(tree))
    }

    async fn delivery(&self, _: &str) -> Delivery {
        *self.delivery.lock().unwrap()
    }

    async fn commit(&self, _: &str, _: &Edit) -> Result<Landed, Failure> {
        let number = self.made.fetch_add(1, Ordering::AcqRel);
        let link = format!("https://example.org/compare/kiosk-{number}");
        Ok(Landed { commit: format!("p{number}"), branch: format!("loggia/kiosk-{number}"), link })
    }
}

async fn with_texts(world: World) -> (World, Arc<Texts>) {
    let texts = Arc::new(Texts::default());
    let sources = Sources::new(Arc::clone(&world.state.app), Arc::clone(&texts) as Arc<dyn Reader>, vec![PLACE.into()]);
    let sources = Arc::new(sources);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(Arc::clone(&sources).follow(|| (), stopped));
    let world = world.with(|state| WebState::new(Arc::clone(&state.app), Some(ADMIN), sources));
    for _ in 0..200 {
        if world.state.app.graph().get_text("component:default/kiosk").is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // It is read as long as anybody could stop it.
    drop(stop);
    (world, texts)
}

/// What a page says to people in its main part, without the text that is changed and the names of things.
fn said(page: &str) -> String {
    let main = page.split("<main").nth(1).unwrap().split("</main>").next().unwrap();
    let main =
        main.split("<textarea").next().unwrap().to_owned() + main.split("</textarea>").nth(1).unwrap_or_default();
    let (mut text, mut inside) = (String::new(), false);
    for part in main.split_inclusive(['<', '>']) {
        if !inside {
            text.push_str(part.trim_end_matches('<'));
            text.push(' ');
        }
        inside = part.ends_with('<');
    }
    text.to_lowercase().replace("repository", "").replace("/texts", "")
}

fn has_no_words_of_git(page: &str) {
    let text = said(page);
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
    for word in WORDS {
        assert!(!words.iter().any(|one| one.starts_with(word)), "{word}: {text}");
    }
}

async fn send(world: &World, who: &str, path: &str, fields: &[(&str, &str)]) -> crate::world::Said {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    world.send(who, request, body).await
}

#[tokio::test]
async fn the_page_for_changing_a_text_speaks_without_the_words_of_git() {
    on_both("edit_words", async |world| {
        let (world, texts) = with_texts(world).await;
        for delivery in [Delivery::Push, Delivery::Request, Delivery::Patch] {
            *texts.delivery.lock().unwrap() = delivery;
            let page = world.get("member", &format!("{PAGE}/edit")).await;
            assert_eq!(page.status, StatusCode::OK, "{}", page.text);
            has_no_words_of_git(&page.text);
            // Refusals too.
            for text in [TEXT, "kind: [", "kind: A\n---\nkind: B\n", &TEXT.replace("kiosk", "other")] {
                let fields = [("text", text), ("seen", &digest(TEXT)), ("why", "x")];
                let page = send(&world, "member", &format!("{PAGE}/edit"), &fields).await;
                assert_eq!(page.status, StatusCode::BAD_REQUEST, "{delivery:?}: {}", page.text);
                has_no_words_of_git(&page.text);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn every_change_that_waits_stands_on_the_page_and_may_be_put_aside() {
    on_both("edits_wait", async |world| {
        let (world, texts) = with_texts(world).await;
        *texts.delivery.lock().unwrap() = Delivery::Request;
        for (number, who) in ["member", "member", "admin"].into_iter().enumerate() {
            let text = TEXT.replace("type: service", &format!("type: t{number}"));
            let why = format!("Reason {number}");
            let fields = [("text", text.as_str()), ("seen", &digest(TEXT)), ("why", &why)];
            let done = send(&world, who, &format!("{PAGE}/edit"), &fields).await;
            assert_eq!(done.headers[header::LOCATION], format!("{PAGE}?done=branched"), "{}", done.text);
        }
        let list = async || -> Vec<Value> {
            let said = world.get("reader", "/api/v1/components/default/kiosk/edits").await.json();
            said["items"].as_array().unwrap().clone()
        };
        let open = list().await;
        assert_eq!(
            open.iter().map(|one| one["why"].as_str().unwrap()).collect::<Vec<_>>(),
            ["Reason 2", "Reason 1", "Reason 0"]
        );
        let page = world.get("member", PAGE).await.text;
        assert!(page.contains("3 changes wait") && (0..3).all(|n| page.contains(&format!("Reason {n}"))), "{page}");
        // Who may neither change it nor made the change sees it, and no button.
        let page = world.get("other", PAGE).await.text;
        assert!(page.contains("3 changes wait") && !page.contains("put-aside"), "{page}");
        let one = format!("{PAGE}/edits/{}/put-aside", open[1]["id"].as_str().unwrap());
        assert_eq!(send(&world, "other", &one, &[("reason", "x")]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(send(&world, "member", &one, &[("reason", "")]).await.status, StatusCode::BAD_REQUEST);
        let done = send(&world, "member", &one, &[("reason", "Not this year")]).await;
        assert_eq!(done.headers[header::LOCATION], format!("{PAGE}?done=put-aside"), "{}", done.text);
        assert_eq!(send(&world, "member", &one, &[("reason", "again")]).await.status, StatusCode::CONFLICT);
        let two = format!("/api/v1/edits/{}:put-aside", open[0]["id"].as_str().unwrap());
        let done = world.post("admin", &two, &json!({"reason": "Nor this"})).await;
        assert_eq!(done.json()["state"], "put-aside", "{}", done.text);
        let states: Vec<Value> = list().await.into_iter().map(|one| one["state"].clone()).collect();
        assert_eq!(states, ["open", "put-aside", "put-aside"]);
        let page = world.get("member", PAGE).await.text;
        assert!(page.contains("A change waits") && page.contains("Reason 0") && !page.contains("Reason 1"), "{page}");
        let history = world.get("member", &format!("{PAGE}/history")).await.text;
        assert!(history.contains("A proposed change was put aside") && history.contains("Not this year"), "{history}");
    })
    .await;
}
