//! Passwords.

use super::session::{agent, begun, ended, within};
use crate::address::Address;
use crate::caller::{COOKIE, cookie};
use crate::pages::visit::Visit;
use crate::shell::Shell;
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use loggia_app::Error;
use loggia_app::access::login::Entry;
use loggia_app::instance::driver::Secret;
use serde::Deserialize;
use std::time::Duration;

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
pub async fn page(visit: Visit, Query(back): Query<Back>) -> Response {
    if visit.caller.is_signed_in() {
        return Redirect::to(back.path()).into_response();
    }
    show(&visit, StatusCode::OK, back.path(), "", "")
}

/// The form, with what went wrong.
pub fn show(visit: &Visit, status: StatusCode, back: &str, name: &str, wrong: &str) -> Response {
    let page = LoginPage {
        shell: visit.shell(None),
        back: back.to_owned(),
        name: name.to_owned(),
        wrong: wrong.to_owned(),
        provider: visit.state.provider.is_some(),
    };
    match page.render() {
        Ok(text) => (status, [(header::CACHE_CONTROL, "no-store")], Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the login page cannot be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page cannot be shown.").into_response()
        }
    }
}

/// Signs in.
pub async fn sign_in(
    visit: Visit,
    Extension(Address(address)): Extension<Address>,
    headers: HeaderMap,
    Form(typed): Form<SignIn>,
) -> Response {
    let state = &visit.state;
    let back = within(&typed.back);
    let attempt = match state.limiter.begin(&typed.name, address).await {
        Ok(attempt) => attempt,
        Err(wait) => return too_many(&visit, back, &typed.name, wait),
    };
    let entry = Entry { by: "password", agent: agent(&headers), request_id: &visit.caller.request_id };
    match state.app.sign_in(&typed.name, Secret::new(typed.password), entry).await {
        Ok((_, token)) => {
            attempt.passed();
            begun(state, &token, back)
        }
        Err(error) => {
            if !matches!(error, Error::Unauthenticated(_)) {
                attempt.untold();
            }
            show(&visit, crate::error::status(&error), back, &typed.name, &crate::error::public_text(&error))
        }
    }
}

fn too_many(visit: &Visit, back: &str, name: &str, wait: Duration) -> Response {
    let minutes = wait.as_secs().div_ceil(60);
    let text = format!("Too many wrong tries. Wait {minutes} minutes, then try again.");
    let mut response = show(visit, StatusCode::TOO_MANY_REQUESTS, back, name, &text);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    response
}

/// Signs out.
pub async fn sign_out(visit: Visit, headers: HeaderMap) -> Response {
    if let Some(token) = cookie(&headers, COOKIE)
        && let Err(error) = visit.app().sign_out(token, &visit.caller.request_id).await
    {
        return show(&visit, crate::error::status(&error), "/", "", &crate::error::public_text(&error));
    }
    ended(&visit.state)
}
