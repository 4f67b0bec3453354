//! Who may read and write the repositories of a team. Git itself is played by the test; the real one is tested with
//! the drivers and with the whole program.

use crate::world::{World, on_both};
use async_trait::async_trait;
use axum::http::{Request, StatusCode, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::TryStreamExt;
use loggia_app::driver::Failure;
use loggia_app::git_http::{GitAddress, GitAnswer, GitBackend, GitRequest};
use std::sync::Arc;

/// Says who asked for what.
struct Echo;

#[async_trait]
impl GitBackend for Echo {
    fn address(&self, _: &str, path: &str, query: &str) -> Option<GitAddress> {
        let (team, rest) = path.strip_prefix('/')?.split_once('/')?;
        let (name, service) = rest.split_once(".git/")?;
        let write = query.contains("receive") || service.contains("receive");
        Some(GitAddress { team: team.into(), name: name.into(), write })
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
