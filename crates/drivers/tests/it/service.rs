//! The driver `http`: the example service, and services that do what they should not.

use crate::{Lines, object, project, request};
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use loggia_app::instance::driver::{Driver, Presence, Request, Secret, Whose};
use loggia_drivers::http::{GuardOptions, GuardedClient};
use loggia_drivers::service::HttpDriver;
use serde_json::json;
use std::net::TcpListener;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;

const TOKEN: &str = "token-of-the-shelf";

/// The service of the examples, running.
pub struct Shelf {
    child: Child,
    pub address: String,
    pub folder: TempDir,
}

impl Shelf {
    pub fn start() -> Shelf {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("python3");
        command.arg(project().join("examples/services/shelf.py"));
        command.env("PORT", port.to_string()).env("TOKEN", TOKEN).env("FOLDER", folder.path());
        let child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
        let address = format!("127.0.0.1:{port}");
        while std::net::TcpStream::connect(&address).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Shelf { child, address, folder }
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

pub fn driver(allow: &str) -> HttpDriver {
    let options = GuardOptions { allow: vec![allow.to_owned()], ..GuardOptions::default() };
    HttpDriver::new(GuardedClient::new(options).unwrap())
}

pub fn sample(shelf: &Shelf) -> Request {
    at(&shelf.address)
}

fn at(address: &str) -> Request {
    let mut request = request("quotes", json!({"driver": "http"}));
    request.backend.config = object(json!({"url": format!("http://{address}/")}));
    request.backend.secret = Some(Secret::new(TOKEN));
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_is_for_the_platform_to_mend() {
    let shelf = Shelf::start();
    let mut sample = sample(&shelf);
    sample.backend.secret = Some(Secret::new("another-token"));
    let failure = driver(&shelf.address).apply(&sample, &Lines::default()).await.unwrap_err();
    assert!(!failure.retry && failure.whose == Whose::Ours && failure.message.contains("401"), "{failure}");
    assert!(!format!("{failure:?}").contains("another-token"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_nobody_allowed_is_not_asked() {
    let shelf = Shelf::start();
    let failure = driver("10.0.0.1").apply(&sample(&shelf), &Lines::default()).await.unwrap_err();
    assert!(!failure.retry && failure.mend.contains("--allow-host"), "{failure:?}");
    // A recipe names no other place.
    let mut sneaky = sample(&shelf);
    sneaky.recipe.insert("url".to_owned(), json!("http://127.0.0.1:1"));
    driver(&shelf.address).apply(&sneaky, &Lines::default()).await.unwrap();
}

async fn listen(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_goes_on_is_asked_about_with_the_same_key() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let apply = move |headers: HeaderMap| async move {
        assert_eq!(headers["idempotency-key"], "key-quotes-apply");
        assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
        match count.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => (StatusCode::ACCEPTED, [("retry-after", "1")], String::new()).into_response(),
            _ => json!({"observation": {"presence": "present"}}).to_string().into_response(),
        }
    };
    let address = listen(Router::new().route("/apply", post(apply))).await;
    let seen = driver(&address).apply(&at(&address), &Lines::default()).await.unwrap();
    assert_eq!((seen.presence, asked.load(Ordering::SeqCst)), (Presence::Present, 3));
    asked.store(0, Ordering::SeqCst);
    let mut hasty = at(&address);
    hasty.recipe.insert("timeout".to_owned(), json!(1));
    let failure = driver(&address).apply(&hasty, &Lines::default()).await.unwrap_err();
    assert!(failure.retry && failure.message.contains("still at it"), "{failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_means_one_thing() {
    let told = json!({"failure": {"retry": true, "whose": "yours", "message": "no room", "mend": "less"}}).to_string();
    let done = json!({"done": true}).to_string();
    for (status, body, retry, whose) in [
        (500, "oops", true, Whose::Backend),
        (503, "", true, Whose::Backend),
        (429, "", true, Whose::Backend),
        (404, "", false, Whose::Ours),
        (403, "", false, Whose::Ours),
        (302, "", false, Whose::Ours),
        (200, "", false, Whose::Ours),
        (200, "{\"plan\": 3}", false, Whose::Ours),
        (200, &*done, false, Whose::Ours),
        (422, &*told, true, Whose::Yours),
        (200, &*told, true, Whose::Yours),
    ] {
        let text = body.to_owned();
        let code = StatusCode::from_u16(status).unwrap();
        let router =
            Router::new().route("/observe", post(move || async move { (code, [("location", "/other")], text) }));
        let address = listen(router).await;
        let failure = driver(&address).observe(&at(&address), &Lines::default()).await.unwrap_err();
        assert_eq!((failure.retry, failure.whose), (retry, whose), "{status} {body}: {failure}");
    }
}
