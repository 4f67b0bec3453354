//! Clone and push over HTTP, with the real git on both sides.

use crate::Lines;
use crate::git::{git, golden};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::StreamExt;
use loggia_app::instance::driver::Driver;
use loggia_drivers::git::GitDriver;
use loggia_drivers::git::backend::{BackendError, GitRequest, serve};
use std::path::PathBuf;

async fn door(State(root): State<PathBuf>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let request = GitRequest {
        root,
        method: head.method.to_string(),
        path_info: head.uri.path().strip_prefix("/git").unwrap_or_default().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        content_type: header("content-type"),
        content_encoding: header("content-encoding"),
        content_length: header("content-length").and_then(|length| length.parse().ok()),
        protocol: header("git-protocol"),
        remote_user: Some("user:default/amara".to_owned()),
        body: body.into_data_stream().map(|chunk| chunk.map_err(std::io::Error::other)).boxed(),
    };
    match serve(request).await {
        Ok(answer) => {
            let mut response = Response::builder().status(answer.status);
            for (name, value) in answer.headers {
                response = response.header(name, value);
            }
            response.body(Body::from_stream(answer.body)).unwrap()
        }
        Err(BackendError::NotFound) => Response::builder().status(404).body(Body::empty()).unwrap(),
        Err(error) => Response::builder().status(502).body(Body::from(error.to_string())).unwrap(),
    }
}

async fn listen(root: PathBuf) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/git", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(door).with_state(root)).await.unwrap() });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clone_push_and_count() {
    let (root, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (driver, log, request) = (GitDriver::new(root.path()), Lines::default(), golden("quotes"));
    driver.apply(&request, &log).await.unwrap();
    let address = listen(root.path().to_owned()).await;
    let (folder, url) = (work.path().join("quotes"), format!("{address}/booking/quotes.git"));
    let large = "0123456789abcdef\n".repeat(200_000);
    let in_folder = folder.clone();
    tokio::task::spawn_blocking(move || {
        let top = in_folder.parent().unwrap();
        git(top, &["clone", "-q", &url, "quotes"]);
        std::fs::write(in_folder.join("large.txt"), large).unwrap();
        git(&in_folder, &["add", "-A"]);
        git(&in_folder, &["-c", "user.name=A", "-c", "user.email=a@x", "commit", "-q", "-m", "large"]);
        git(&in_folder, &["push", "-q", "origin", "main"]);
        git(&in_folder, &["push", "-q", "origin", "main"]);
        git(&in_folder, &["push", "-q", "origin", "main:refs/heads/other"]);
        git(top, &["-c", "protocol.version=0", "clone", "-q", &url, "again"]);
        assert_eq!(std::fs::metadata(top.join("again/large.txt")).unwrap().len(), 3_400_000);
    })
    .await
    .unwrap();
    let seen = driver.observe(&request, &log).await.unwrap();
    let ids: Vec<_> = seen.readings.iter().map(|reading| reading.id.as_str()).collect();
    assert_eq!(ids, ["key-quotes/push/0", "key-quotes/push/1"], "pushes that changed something");
    assert_eq!(seen.readings[0].principal.as_deref(), Some("user:default/amara"));
    let client = reqwest_get(&format!("{address}/booking/quotes.git/HEAD")).await;
    assert_eq!(client, 404);
    assert_eq!(reqwest_get(&format!("{address}/booking/none.git/info/refs?service=git-upload-pack")).await, 404);
}

async fn reqwest_get(url: &str) -> u16 {
    use loggia_drivers::http::{Get, GuardOptions, GuardedClient};
    let options = GuardOptions { allow: vec!["127.0.0.1".to_owned()], ..GuardOptions::default() };
    let client = GuardedClient::new(options).unwrap();
    client.get(&Get { url: url.to_owned(), ..Get::default() }).await.unwrap().status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hooks_and_settings_of_a_repository_do_nothing() {
    let (root, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (driver, log, request) = (GitDriver::new(root.path()), Lines::default(), golden("quotes"));
    driver.apply(&request, &log).await.unwrap();
    let repository = root.path().join("booking/quotes.git");
    let hooks = repository.join("hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    let trap = work.path().join("trap");
    let hook = hooks.join("pre-receive");
    std::fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", trap.display())).unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let address = listen(root.path().to_owned()).await;
    let (folder, url) = (work.path().to_owned(), format!("{address}/booking/quotes.git"));
    tokio::task::spawn_blocking(move || {
        git(&folder, &["clone", "-q", &url, "q"]);
        git(&folder.join("q"), &["push", "-q", "origin", "main:refs/heads/b"]);
    })
    .await
    .unwrap();
    assert!(!trap.exists(), "a hook ran");
    driver.destroy(&request, &log).await.unwrap();
}
