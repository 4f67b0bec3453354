//! The guarded client against a server of this test.

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use loggia_app::instance::driver::Secret;
use loggia_drivers::http::{FetchError, Get, GuardOptions, GuardedClient};
use std::time::Duration;

async fn listen() -> String {
    let seen = |headers: HeaderMap| async move {
        headers.get("authorization").map(|value| value.to_str().unwrap_or_default().to_owned()).unwrap_or_default()
    };
    let cached = |headers: HeaderMap| async move {
        match headers.get("if-none-match").is_some_and(|value| value == "\"1\"") {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false => ([("etag", "\"1\"")], "content").into_response(),
        }
    };
    let router = Router::new()
        .route("/seen", get(seen))
        .route("/cached", get(cached))
        .route("/large", get(|| async { "x".repeat(5000) }))
        .route("/slow", get(|| async { tokio::time::sleep(Duration::from_secs(30)).await }))
        .route("/to-seen", get(|| async { Redirect::temporary("/seen") }))
        .route("/to-inside", get(|| async { Redirect::temporary("http://169.254.169.254/latest") }))
        .route("/to-file", get(|| async { Redirect::temporary("file:///etc/passwd") }))
        .route("/round", get(|| async { Redirect::temporary("/round") }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

fn client(allow: &[String]) -> GuardedClient {
    let timeout = Duration::from_secs(2);
    GuardedClient::new(GuardOptions { allow: allow.to_vec(), timeout, limit: 1000, redirects: 3 }).unwrap()
}

fn to(url: String) -> Get {
    Get { url, ..Get::default() }
}

#[tokio::test]
async fn only_what_the_operator_allows_is_asked() {
    let address = listen().await;
    let port = address.rsplit_once(':').unwrap().1.to_owned();
    let (guarded, open) = (client(&[]), client(std::slice::from_ref(&address)));
    let by_name = client(&[format!("localhost:{port}")]);
    for url in [
        format!("http://{address}/seen"),
        format!("http://localhost:{port}/seen"),
        format!("http://2130706433:{port}/seen"),
        format!("http://[::1]:{port}/seen"),
        "http://169.254.169.254/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "not an address".to_owned(),
    ] {
        let answer = guarded.get(&to(url.clone())).await;
        assert!(matches!(answer, Err(FetchError::Refused(_))), "{url}: {answer:?}");
    }
    assert_eq!(open.get(&to(format!("http://{address}/cached"))).await.unwrap().bytes, b"content");
    assert_eq!(by_name.get(&to(format!("http://localhost:{port}/cached"))).await.unwrap().status, 200);
    let other_port = by_name.get(&to("http://localhost:1/".to_owned())).await;
    assert!(matches!(other_port, Err(FetchError::Refused(_))), "{other_port:?}");
}

#[tokio::test]
async fn redirects_are_checked_and_get_no_credentials() {
    let address = listen().await;
    let open = client(std::slice::from_ref(&address));
    let signed = |path: &str| Get {
        url: format!("http://{address}{path}"),
        authorization: Some(Secret::new("Bearer token")),
        ..Get::default()
    };
    assert_eq!(open.get(&signed("/seen")).await.unwrap().bytes, b"Bearer token");
    assert_eq!(open.get(&signed("/to-seen")).await.unwrap().bytes, b"");
    for path in ["/to-inside", "/to-file"] {
        assert!(matches!(open.get(&signed(path)).await, Err(FetchError::Refused(_))), "{path}");
    }
    assert!(matches!(open.get(&signed("/round")).await, Err(FetchError::Redirects(_))));
}

#[tokio::test]
async fn time_and_size_have_limits() {
    let address = listen().await;
    let open = client(std::slice::from_ref(&address));
    assert!(matches!(open.get(&to(format!("http://{address}/large"))).await, Err(FetchError::TooLarge(..))));
    assert!(matches!(open.get(&to(format!("http://{address}/slow"))).await, Err(FetchError::Unreachable(..))));
    let again = Get { etag: Some("\"1\"".to_owned()), ..to(format!("http://{address}/cached")) };
    assert_eq!(open.get(&again).await.unwrap().status, 304);
}
