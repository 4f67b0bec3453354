//! Who is asking: read from the request once, before any handler.
//!
//! A request carries a bearer token, or the cookie of a session. Nothing else identifies anybody. Changing requests
//! that rest on a cookie must come from our own pages.

use crate::address::{self, Address};
use crate::error::{Reply, door_of};
use crate::state::WebState;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::response::Response;
use loggia_app::access::token::ADMINISTRATOR;
use loggia_app::{App, Caller, Door, Error};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Name of the cookie that holds the session.
pub const COOKIE: &str = "loggia_session";
/// Name of the header that finds the log lines of a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The caller of a request, as an argument of a handler.
#[derive(Clone, Debug)]
pub struct By(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Reply;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Reply> {
        let missing = || Reply(Error::Internal("a route without the caller layer".into()));
        parts.extensions.get::<Caller>().cloned().map(By).ok_or_else(missing)
    }
}

/// Finds the log lines of a request; given to each before anything else looks at it.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

impl RequestId {
    /// The id that the caller brought along when it has only harmless characters, else a new one.
    pub fn of(app: &App, headers: &HeaderMap) -> RequestId {
        let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let harmless = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        match (8..=64).contains(&given.len()) && given.chars().all(harmless) {
            true => RequestId(given.into()),
            false => RequestId((&*app.new_id().0.simple().encode_lower(&mut [0; 32])).into()),
        }
    }
}

/// Who asks, and from where.
pub struct Known {
    /// The caller.
    pub caller: Caller,
    /// The address.
    pub address: Address,
}

/// Finds the caller; refuses what is not closed to nobody.
///
/// # Errors
/// The answer to a request whose caller cannot be found, in the form that its door speaks.
pub async fn identify(
    state: &WebState,
    // Alone with it: a body may go to another thread, but not be looked at from two.
    request: &mut Request,
    id: &RequestId,
    peer: Option<SocketAddr>,
) -> Result<Known, Box<Response>> {
    let door = door_of(request.uri().path());
    let address = Address(address::find(peer, request.headers(), &state.proxies));
    let found = caller(state, request.headers(), door, &id.0).await;
    let admitted = found.and_then(|caller| same_origin(request, &caller).map(|()| caller));
    let caller = admitted.map_err(|error| Box::new(Reply(error).into_response_for(door, request)))?;
    Ok(Known { caller, address })
}

/// The bearer token of a request. `None` without one; a Basic header is not for us.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|text| text.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

async fn caller(state: &WebState, headers: &HeaderMap, door: Door, id: &Arc<str>) -> Result<Caller, Error> {
    if let Some(token) = bearer(headers) {
        return by_token(state, token, door, id).await;
    }
    if let Some(token) = cookie(headers, COOKIE)
        && let Some(caller) = Box::pin(state.app.session_caller(token, door, id)).await?
    {
        return Ok(caller);
    }
    Ok(Caller::nobody(door, Arc::clone(id)))
}

/// The caller of an answer that goes on for long, looked at again: rights are what they are now.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session or token has ended meanwhile.
pub async fn again(state: &WebState, headers: &HeaderMap, before: &Caller) -> Result<Caller, Error> {
    let now = caller(state, headers, before.door, &before.request_id).await?;
    match before.is_signed_in() && !now.is_signed_in() {
        true => Err(Error::Unauthenticated("You were signed out meanwhile.".into())),
        false => Ok(now),
    }
}

/// The caller behind a bearer token.
///
/// # Errors
/// [`Error::Unauthenticated`] for a token that is not valid: it must not read as nobody.
pub async fn by_token(state: &WebState, token: &str, door: Door, id: &Arc<str>) -> Result<Caller, Error> {
    if let Some(admin) = &state.admin_token
        && bool::from(Sha256::digest(token).as_slice().ct_eq(admin.as_slice()))
    {
        return Ok(Caller::administrator(ADMINISTRATOR, door, Arc::clone(id)));
    }
    // Most of a request never comes here, so it shall not carry the state of this.
    let found = Box::pin(state.app.token_caller(token, door, id)).await?;
    found.ok_or_else(|| Error::Unauthenticated("This token is not valid: unknown, expired or revoked.".into()))
}

/// Refuses changing requests from foreign pages when they rest on a cookie.
fn same_origin(request: &Request, caller: &Caller) -> Result<(), Error> {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // Signing somebody in from elsewhere is an attack too, so forms are checked for nobody as well.
    let form = caller.door == Door::Page;
    if safe || (!caller.is_signed_in() && !form) || bearer(request.headers()).is_some() {
        return Ok(());
    }
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let fits = match header("sec-fetch-site") {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => match header("origin") {
            Some(origin) => header("host").is_some_and(|host| origin.split("://").nth(1) == Some(host)),
            None => true,
        },
    };
    if fits { Ok(()) } else { Err(Error::Forbidden("This came from another site and was not done.".into())) }
}
