//! Who may read and write the repositories of a team. Git itself is played by the test; the real one is tested with
//! the drivers and with the whole program.

use crate::world::{World, on_both};
use async_trait::async_trait;
use axum::http::{Request, StatusCode, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::TryStreamExt;
use loggia_app::instance::driver::Request as Asked;
use loggia_app::instance::driver::{Backend, Driver, Failure, Observation, Plan, Presence, RunLog};
use loggia_app::instance::git_http::{GitAddress, GitAnswer, GitBackend, GitRequest};
use loggia_app::instance::worker;
use serde_json::json;
use std::sync::Arc;

/// Says who asked for what.
pub struct Echo;

#[async_trait]
impl GitBackend for Echo {
    fn address(&self, _: &str, path: &str, query: &str) -> Option<GitAddress> {
        let (team, rest) = path.strip_prefix('/')?.split_once('/')?;
        let (name, service) = rest.split_once(".git/")?;
        let write = query.contains("receive") || service.contains("receive");
        Some(GitAddress { team: team.into(), name: name.into(), write })
    }

    fn file_address(&self, path: &str) -> Option<GitAddress> {
        let mut parts = path.strip_prefix('/')?.split('/');
        let (team, name) = (parts.next()?, parts.next()?);
        (parts.next()? == "blob").then(|| GitAddress { team: team.into(), name: name.into(), write: false })
    }

    async fn file(&self, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok((!path.ends_with("missing.yaml")).then(|| b"<script>kind: Component</script>".to_vec()))
    }

    async fn serve(&self, request: GitRequest) -> Result<Option<GitAnswer>, Failure> {
        let asked: Vec<_> = request.body.try_collect().await.unwrap();
        let mut text = format!("{} {} {}", request.user, request.method, request.path);
        // Git asks for the branches first, and then for the objects.
        if asked.concat() == b"0012command=fetch" {
            text += " 0031\u{1}PACK";
        }
        let body = futures_util::stream::once(async { Ok(text.into()) });
        Ok(Some(GitAnswer { status: 200, headers: vec![("Content-Type".into(), "x".into())], body: Box::pin(body) }))
    }
}

async fn status(world: &World, who: &str, path: &str) -> u16 {
    world.get(who, path).await.status.as_u16()
}

#[tokio::test]
async fn a_team_writes_its_own_repositories_and_others_read_what_they_see() {
    on_both("git", async |world| {
        let world = world.with(|state| state.with_git(Arc::new(Echo)));
        let read = "/git/booking/main.git/info/refs?service=git-upload-pack";
        let write = "/git/booking/main.git/info/refs?service=git-receive-pack";
        let hidden = "/git/booking/ledger.git/info/refs?service=git-upload-pack";
        let missing = "/git/booking/nothing.git/info/refs?service=git-upload-pack";
        for (who, rights) in [
            ("nobody", [401, 401, 401, 401]),
            ("member", [200, 200, 200, 404]),
            ("other", [200, 403, 404, 404]),
            ("product", [200, 403, 404, 404]),
            ("partner", [404, 404, 404, 404]),
            ("reader", [403, 403, 403, 403]),
            ("service", [200, 200, 404, 404]),
            ("admin", [200, 200, 200, 404]),
        ] {
            for (path, wanted) in [read, write, hidden, missing].into_iter().zip(rights) {
                assert_eq!(status(&world, who, path).await, wanted, "{who} {path}");
            }
        }
        let asked = world.get("nobody", read).await;
        assert!(asked.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic "));

        let basic = |token: &str| format!("Basic {}", STANDARD.encode(format!("anything:{token}")));
        let request = Request::post("/git/booking/main.git/git-upload-pack");
        let said =
            world.send("nobody", request.header(header::AUTHORIZATION, basic(&world.tokens["member"])), "").await;
        assert_eq!(said.text, "user:default/amara POST /booking/main.git/git-upload-pack");
        let wrong = Request::get(read).header(header::AUTHORIZATION, basic("lgt_wrong"));
        assert_eq!(world.send("nobody", wrong, "").await.status, StatusCode::UNAUTHORIZED);

        // A clone counts as one use, written beside the answer.
        for (time, command) in ["0014command=ls-refs\n", "0012command=fetch"].into_iter().enumerate() {
            let request = Request::post("/git/booking/main.git/git-upload-pack");
            let request = request.header(header::AUTHORIZATION, basic(&world.tokens["other"]));
            assert_eq!(world.send("nobody", request, command).await.text.contains("PACK"), time == 1);
        }
        for _ in 0..50 {
            let uses = world.get("member", "/api/v1/usage?offering=postgres").await.json();
            let items = uses["items"].as_array().unwrap();
            if !items.is_empty() {
                assert_eq!((items.len(), items[0]["channel"].as_str()), (1, Some("fetch")));
                assert_eq!(items[0]["team"], "group:default/booking", "{uses}");
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("the fetch was not counted");
    })
    .await;
}

#[tokio::test]
async fn a_file_of_a_repository_is_shown_as_text_to_who_may_read_it() {
    on_both("git_file", async |world| {
        let world = world.with(|state| state.with_git(Arc::new(Echo)));
        let (file, hidden) = ("/git/booking/main/blob/main/a.yaml", "/git/booking/ledger/blob/main/a.yaml");
        let missing = "/git/booking/main/blob/main/missing.yaml";
        for (who, rights) in [
            ("nobody", [401, 401, 401]),
            ("member", [200, 200, 404]),
            ("other", [200, 404, 404]),
            ("partner", [404, 404, 404]),
        ] {
            for (path, wanted) in [file, hidden, missing].into_iter().zip(rights) {
                assert_eq!(status(&world, who, path).await, wanted, "{who} {path}");
            }
        }
        let said = world.get("member", file).await;
        assert_eq!(said.headers[header::CONTENT_TYPE], "text/plain; charset=utf-8");
        assert_eq!(said.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    })
    .await;
}

/// Makes repositories that are nowhere.
struct Repositories;

impl Repositories {
    fn seen() -> Observation {
        let outputs = json!({"clone_url": "http://127.0.0.1:7400/git/booking/quotes.git"});
        Observation {
            presence: Presence::Present,
            version: String::new(),
            conditions: Vec::new(),
            outputs: outputs.as_object().cloned().unwrap(),
            secret_outputs: Vec::new(),
            readings: Vec::new(),
        }
    }
}

#[async_trait]
impl Driver for Repositories {
    fn name(&self) -> &str {
        "postgres"
    }

    async fn probe(&self, _: &Backend) -> Result<(), Failure> {
        Ok(())
    }

    async fn plan(&self, _: &Asked, _: &dyn RunLog) -> Result<Plan, Failure> {
        Ok(Plan::default())
    }

    async fn apply(&self, _: &Asked, _: &dyn RunLog) -> Result<Observation, Failure> {
        Ok(Repositories::seen())
    }

    async fn observe(&self, _: &Asked, _: &dyn RunLog) -> Result<Observation, Failure> {
        Ok(Repositories::seen())
    }

    async fn destroy(&self, _: &Asked, _: &dyn RunLog) -> Result<(), Failure> {
        Ok(())
    }
}

#[tokio::test]
async fn the_page_that_says_clone_gives_what_git_asks_for() {
    on_both("git_token", async |world| {
        let world = world.with(|state| state.with_git(Arc::new(Echo)));
        let driver: Arc<dyn Driver> = Arc::new(Repositories);
        let drivers = Arc::new([("postgres".to_owned(), driver)].into());
        let stop = tokio::sync::watch::channel(false).0;
        drop(worker::start(&world.state.app, &drivers, 1, &stop.subscribe()));
        let wish = json!({"offering": "postgres", "environment": "dev", "team": "booking", "name": "quotes"});
        let ordered = world.post("member", "/api/v1/orders", &wish).await;
        assert_eq!(ordered.status, StatusCode::ACCEPTED, "{}", ordered.text);
        let path = "/instances/booking/quotes.dev";
        let mut page = world.get("member", path).await;
        for _ in 0..200 {
            if page.text.contains("git clone") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            page = world.get("member", path).await;
        }
        assert!(page.text.contains("action=\"/instances/booking/quotes.dev/token\""), "{}", page.text);
        let made = world.send("member", Request::post(format!("{path}/token")), "").await;
        assert_eq!((made.status, made.headers[header::CACHE_CONTROL].to_str().unwrap()), (StatusCode::OK, "no-store"));
        let at = made.text.find("<code>lgt_").unwrap() + "<code>".len();
        let token = made.text[at..].split('<').next().unwrap();
        let basic = format!("Basic {}", STANDARD.encode(format!("amara:{token}")));
        let clone = Request::post("/git/booking/quotes.git/git-receive-pack").header(header::AUTHORIZATION, basic);
        assert_eq!(world.send("nobody", clone, "").await.status, StatusCode::OK);
        let other = Request::get("/api/v1/offerings").header(header::AUTHORIZATION, format!("Bearer {token}"));
        assert_eq!(world.send("nobody", other, "").await.status, StatusCode::FORBIDDEN, "it is good for Git only");
        stop.send_replace(true);
    })
    .await;
}
