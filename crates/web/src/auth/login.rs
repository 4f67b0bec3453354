//! Passwords.

use super::session::{agent, begun, ended, within};
use crate::assets;
use crate::caller::{By, COOKIE, cookie};
use crate::shell::{Person, Shell};
use crate::state::WebState;
use askama::Template;
use axum::extract::{ConnectInfo, Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use loggia_app::Error;
use loggia_app::driver::Secret;
use loggia_graph::{Audience, Predicate};
use loggia_model::Record;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

/// Where to go afterwards.
#[derive(Deserialize, Default)]
pub struct Back {
    #[serde(default, alias = "return_to")]
    back: String,
}

impl Back {
    /// The address, within this server.
    pub fn path(&self) -> &str {
        within(&self.back)
    }
}

/// What a person typed in.
#[derive(Deserialize)]
pub struct SignIn {
    name: String,
    password: String,
    #[serde(default)]
    back: String,
}

#[derive(Template)]
#[template(path = "auth/login.html")]
struct LoginPage {
    shell: Shell,
    back: String,
    name: String,
    wrong: String,
    provider: bool,
}

/// The form.
pub async fn page(State(state): State<WebState>, By(caller): By, Query(back): Query<Back>) -> Response {
    if caller.is_signed_in() {
        return Redirect::to(back.path()).into_response();
    }
    show(&state, StatusCode::OK, back.path(), "", "")
}

/// The form, with what went wrong.
pub fn show(state: &WebState, status: StatusCode, back: &str, name: &str, wrong: &str) -> Response {
    let page = LoginPage {
        shell: shell(state),
        back: back.to_owned(),
        name: name.to_owned(),
        wrong: wrong.to_owned(),
        provider: state.provider.is_some(),
    };
    match page.render() {
        Ok(text) => (status, [(header::CACHE_CONTROL, "no-store")], Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the login page cannot be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page cannot be shown.").into_response()
        }
    }
}

fn shell(state: &WebState) -> Shell {
    let graph = state.app.graph();
    let product = graph.of_kind(&Audience::All, "product").next();
    Shell {
        product_title: product.map_or_else(|| "Loggia".to_owned(), |record| record.parse().title().to_owned()),
        asset_version: assets::version().to_owned(),
        people: if state.app.settings.demo { people(state) } else { Vec::new() },
        path: "/login".to_owned(),
        ..Shell::default()
    }
}

/// The people of the demo: those who are introduced.
fn people(state: &WebState) -> Vec<Person> {
    let introduced =
        Predicate::equals("kind", "user").and(Predicate::exists("metadata.annotations.loggia.dev/persona"));
    state.app.graph().select(&Audience::All, &introduced).iter().map(|record| person(record)).collect()
}

fn person(record: &Record) -> Person {
    let document = record.parse();
    let shown = document.spec().and_then(|spec| spec.pointer("/profile/displayName")?.as_str().map(str::to_owned));
    Person {
        handle: record.reference.short("user"),
        name: shown.unwrap_or_else(|| document.title().to_owned()),
        line: document.annotation("loggia.dev/persona").to_owned(),
    }
}

/// Where a request came from; requests of tests come from nowhere.
fn address(peer: Option<ConnectInfo<SocketAddr>>) -> IpAddr {
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip())
}

/// Signs in.
pub async fn sign_in(
    State(state): State<WebState>,
    peer: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Form(typed): Form<SignIn>,
) -> Response {
    let (address, now) = (address(peer.map(|axum::Extension(peer)| peer)), Instant::now());
    let back = within(&typed.back);
    if let Some(wait) = state.limiter.wait(&typed.name, address, now) {
        let minutes = wait.as_secs().div_ceil(60);
        let text = format!("Too many wrong tries. Wait {minutes} minutes, then try again.");
        let mut response = show(&state, StatusCode::TOO_MANY_REQUESTS, back, &typed.name, &text);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        return response;
    }
    match state.app.sign_in(&typed.name, Secret::new(typed.password), agent(&headers)).await {
        Ok((_, token)) => {
            state.limiter.passed(&typed.name, address);
            begun(&state, &token, back)
        }
        Err(error) => {
            if matches!(error, Error::Unauthenticated(_)) {
                state.limiter.failed(&typed.name, address, now);
            }
            show(&state, crate::error::status(&error), back, &typed.name, &crate::error::public_text(&error))
        }
    }
}

/// Signs out.
pub async fn sign_out(State(state): State<WebState>, headers: HeaderMap) -> Response {
    if let Some(token) = cookie(&headers, COOKIE)
        && let Err(error) = state.app.sign_out(token).await
    {
        return show(&state, crate::error::status(&error), "/", "", &crate::error::public_text(&error));
    }
    ended(&state)
}
