//! Asking the server what only it can look at, while it runs; what can be looked at without it otherwise.

use super::{Verdict, bad, note, ok};
use crate::client::http::{Access, Api};
use crate::client::output::{items, text};
use crate::settings::ServeSettings;
use loggia_app::checks::doctor::{Finding, State};
use loggia_drivers::exchange::for_provider;
use loggia_model::Micros;
use loggia_web::auth::provider::Provider;
use reqwest::Method;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

/// How long the server may take: it asks others.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it may take to say that it lives.
const ALIVE: Duration = Duration::from_secs(5);

/// What the server found.
pub(super) enum Asked {
    /// It runs, and said this.
    Found(Vec<Verdict>),
    /// It was not asked, and why.
    Not(Verdict),
}

/// Asks the server that is named, else the one that these settings start.
pub(super) async fn ask(settings: &ServeSettings, access: &Access) -> Asked {
    let (address, token) = match access.url.as_deref().map(|url| url.trim_end_matches('/')) {
        // The administrator's token of these settings is not for whatever server somebody names.
        Some(url) => (url.to_owned(), access.token_of(url).unwrap_or_default()),
        None => {
            let own = settings.admin_token.clone().or_else(|| access.token.clone());
            (format!("http://{}", reachable(settings)), own)
        }
    };
    let Ok(api) = Api::new(address.clone(), token.clone()) else {
        return Asked::Not(note("server", format!("{address} is no address")));
    };
    let alive = tokio::time::timeout(ALIVE, api.send(api.request(Method::GET, "/healthz"))).await;
    if !matches!(alive, Ok(Ok(_))) {
        return Asked::Not(note("server", format!("none runs at {address}: sources and drivers were not asked")));
    }
    if token.is_none() {
        let text =
            format!("runs at {address}. Give LOGGIA_TOKEN, that of an administrator, and it is asked what it sees.");
        return Asked::Not(note("server", text));
    }
    match tokio::time::timeout(PATIENCE, api.get("/api/v1/doctor", &[])).await {
        Ok(Ok(answer)) => {
            let found =
                items(&answer).map(|one| verdict(text(one, "/what"), &text(one, "/state"), text(one, "/found")));
            Asked::Found(std::iter::once(ok("server", format!("answers at {address}"))).chain(found).collect())
        }
        Ok(Err(error)) => Asked::Not(note("server", format!("runs at {address}, and says: {error:#}"))),
        Err(_) => Asked::Not(bad("server", format!("runs at {address}, and does not answer. Look at its log."))),
    }
}

/// Where this machine reaches the server.
fn reachable(settings: &ServeSettings) -> String {
    let mut listen = settings.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listen.to_string()
}

fn verdict(what: String, state: &str, found: String) -> Verdict {
    match state {
        "ok" => ok(what, found),
        "note" => note(what, found),
        _ => bad(what, found),
    }
}

/// Asks the sign-in provider from here, when the server was not asked.
pub(super) async fn sign_in(settings: &ServeSettings, now: Micros) -> Vec<Verdict> {
    let Some(oidc) = settings.oidc.clone() else { return Vec::new() };
    let http = match for_provider(&oidc.issuer, &settings.allow_hosts) {
        Ok(http) => Arc::new(http),
        Err(error) => return vec![bad("sign-in", format!("{error}. Correct --oidc-issuer."))],
    };
    let provider = Provider::new(oidc, &settings.public_url, http);
    let found = provider.examine(&settings.public_url, now).await;
    let each = |Finding { what, state, found }| match state {
        State::Ok => ok(what, found),
        State::Note => note(what, found),
        State::Bad => bad(what, found),
    };
    found.into_iter().map(each).collect()
}
