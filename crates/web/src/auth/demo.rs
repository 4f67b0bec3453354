//! In the demo, anybody at this machine may look through other eyes, and elsewhere whoever the operator lets.
//!
//! The name by which a browser came here counts too: a page of elsewhere whose name was made to lead to this machine
//! would pass for a page of ours.

use super::session::{agent, begun, within};
use crate::address::Address;
use crate::caller::{By, COOKIE, cookie};
use crate::error::Reply;
use crate::state::WebState;
use axum::Extension;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use loggia_app::Error;
use loggia_app::access::login::Entry;
use loggia_app::settings::Demo;
use loggia_model::Ref;
use serde::Deserialize;
use std::net::IpAddr;

/// Who to become.
#[derive(Deserialize)]
pub struct Become {
    person: String,
    #[serde(default)]
    back: String,
}

/// Begins a session as a person, without a password. Only where the operator runs the demo.
pub async fn become_person(
    State(state): State<WebState>,
    By(caller): By,
    Extension(address): Extension<Address>,
    headers: HeaderMap,
    Form(wish): Form<Become>,
) -> Result<Response, Reply> {
    if state.app.settings.demo == Demo::No {
        return Err(Error::NotFound("There is nothing at this address.".into()).into());
    }
    if !lends(&state, Some(&address), &headers) {
        let url = &state.app.settings.public_url;
        let text =
            format!("Persons are switched on the demo's own machine only. Open {url} there, or start it with --open.");
        return Err(Error::Forbidden(text).into());
    }
    let missing = || Error::NotFound(format!("There is no person {:?}.", wish.person));
    let user = Ref::parse(&wish.person, Some("user"), "default").map_err(|_| missing())?;
    if user.kind() != "user" || state.app.graph().get(&user).is_none() {
        return Err(missing().into());
    }
    if let Some(before) = cookie(&headers, COOKIE) {
        state.app.sign_out(before, &caller.request_id).await?;
    }
    let entry = Entry { by: "demo", agent: agent(&headers), request_id: &caller.request_id };
    let token = state.app.begin_session(&user, entry).await?;
    Ok(begun(&state, &token, within(&wish.back)))
}

/// Whether a request may look through other eyes.
pub(crate) fn lends(state: &WebState, address: Option<&Address>, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let here = |address: &Address| address.0.is_loopback() && is_ours(host, &state.app.settings.public_url);
    match state.app.settings.demo {
        Demo::No => false,
        Demo::Here => address.is_some_and(here),
        Demo::Open => true,
    }
}

/// Whether a name is one of this machine for itself, or the one that the operator gave.
fn is_ours(host: &str, public_url: &str) -> bool {
    let name = without_port(host);
    let named = public_url.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    let itself = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let local = name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost");
    itself || local || (!name.is_empty() && name.eq_ignore_ascii_case(without_port(named)))
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn names_of_elsewhere_that_lead_here_are_none_of_ours() {
        let url = "https://demo.example.org/x";
        for ours in
            ["localhost", "LOCALHOST:7400", "127.0.0.1:7400", "[::1]:7400", "a.localhost", "demo.example.org:80"]
        {
            assert!(is_ours(ours, url), "{ours}");
        }
        for other in
            ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7400", "10.0.0.7", "[fd00::1]"]
        {
            assert!(!is_ours(other, url), "{other}");
        }
        assert!(!is_ours("", "nonsense"));
    }
}
