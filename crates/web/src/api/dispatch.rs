//! From a request to its handler: route, right, parameters, body, key, time.

use super::address::{Found, find};
use super::call::{Call, POSITION};
use super::fault::Fault;
use super::parameter::{Form, Given, Param, Place, check_headers};
use super::route::{Access, Handled, Media, Route};
use super::{cloudevents, idempotency, registry, schema};
use crate::address::Address;
use crate::state::WebState;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use loggia_app::access::policy::admit;
use loggia_app::{Caller, Error};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a body that is too large is listened to, and how much of it, in bytes.
const DRAIN: Duration = Duration::from_secs(3);
const MOST_DRAINED: usize = 100 << 20;
/// Parameter by which a read asks to see at least a write.
const AT_LEAST: Param =
    Param::query("position", Form::Number(0, i64::MAX), "See at least what was written at this position.");

/// The path of the route that a request took, for figures by route.
#[derive(Clone, Copy, Debug)]
pub struct MatchedRoute(pub &'static str);

/// Answers one request.
pub async fn dispatch(State(state): State<WebState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (route, path) = match find(registry::all(), &parts.method, parts.uri.path()) {
        Found::Route(route, path) => (route, path),
        Found::Methods(methods) => return wrong_method(&methods).into_response(),
        Found::Nothing => {
            let message = "There is no such address. See /api/v1/openapi.json for all there are.";
            return Fault::http(StatusCode::NOT_FOUND, message).into_response();
        }
    };
    let handled = answer(state, route, path, parts, body).await;
    let mut response = handled.unwrap_or_else(IntoResponse::into_response);
    response.extensions_mut().insert(MatchedRoute(route.path));
    response
}

fn wrong_method(methods: &[&str]) -> Fault {
    let allowed = methods.join(", ");
    let message = format!("This address takes {allowed} only.");
    Fault::Http(StatusCode::METHOD_NOT_ALLOWED, message, vec![(header::ALLOW, allowed)])
}

async fn answer(
    state: WebState,
    route: &'static Route,
    path: Vec<(&'static str, String)>,
    parts: Parts,
    body: Body,
) -> Handled {
    let caller = parts.extensions.get::<Caller>().cloned();
    let caller = caller.ok_or_else(|| Error::Internal("a route without the caller layer".into()))?;
    enter(route, &caller)?;
    let given = read_query(route, &parts)?;
    let key = route.takes_key().then_some(&idempotency::KEY);
    check_headers(&parts.headers, route.params.iter().chain(key))?;
    let position = given.number(AT_LEAST.name).or_else(|| number(&parts.headers, POSITION));
    if let Some(position) = position.filter(|_| route.method == Method::GET) {
        state.app.wait_for(position).await?;
    }
    let media = media(&parts.headers);
    let body = tokio::time::timeout(PATIENCE, read_body(route, &parts.headers, &media, body)).await;
    let body = body.map_err(|_| Fault::http(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time."))??;
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str()).to_owned();
    let address = parts.extensions.get::<Address>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.0);
    let call = Call { state, caller, address, route, path, given, headers: parts.headers, media, body };
    tokio::time::timeout(PATIENCE, idempotency::run(call, &target))
        .await
        .unwrap_or_else(|_| Err(Error::Unavailable("This took too long. Try again in a moment.".into()).into()))
}

/// What can be refused before it is known what the request is about.
fn enter(route: &Route, caller: &Caller) -> Result<(), Fault> {
    match route.access {
        Access::Public => Ok(()),
        Access::SignedIn if caller.is_signed_in() => Ok(()),
        Access::SignedIn => Err(Error::Unauthenticated("Sign in first, or send a token.".into()).into()),
        Access::May(action) => Ok(admit(caller, action)?),
    }
}

fn read_query(route: &Route, parts: &Parts) -> Result<Given, Fault> {
    let mut known: Vec<Param> = route.params.iter().filter(|p| p.place == Place::Query).cloned().collect();
    if route.method == Method::GET {
        known.push(AT_LEAST);
    }
    Ok(Given::read(parts.uri.query().unwrap_or_default(), &known)?)
}

fn number(headers: &HeaderMap, name: HeaderName) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// The media type of the body, without parameters, in lower case.
fn media(headers: &HeaderMap) -> String {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

async fn read_body(route: &Route, headers: &HeaderMap, media: &str, body: Body) -> Result<Bytes, Fault> {
    if route.bodies.is_empty() {
        return Ok(Bytes::new());
    }
    let too_large = || {
        let message = format!("The body is too large: at most {} bytes.", route.limit);
        Fault::http(StatusCode::PAYLOAD_TOO_LARGE, message)
    };
    let told = number(headers, header::CONTENT_LENGTH).and_then(|length| usize::try_from(length).ok());
    if told.is_some_and(|length| length > route.limit) {
        // Most clients look for an answer only when they have sent everything.
        drop(tokio::time::timeout(DRAIN, drop_rest(body)).await);
        return Err(too_large());
    }
    let collected = Limited::new(body, route.limit).collect().await.map_err(|_| too_large())?;
    let body = collected.to_bytes();
    if body.is_empty() && route.body_optional {
        return Ok(body);
    }
    let form = route.bodies.iter().find(|form| form.name == media);
    let form = form.ok_or_else(|| wrong_media(route, media))?;
    // The body of a binary CloudEvent is its data only, where events are taken at all; the command checks what it says.
    if !(cloudevents::is_binary(headers) && takes_events(route)) {
        check(form, &body)?;
    }
    Ok(body)
}

/// Whether a route reads CloudEvents, which may come with their attributes in headers.
fn takes_events(route: &Route) -> bool {
    route.bodies.iter().any(|form| form.name == "application/cloudevents+json")
}

/// Takes a body that nobody wants, up to a limit.
async fn drop_rest(mut body: Body) {
    let mut left = MOST_DRAINED;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

fn wrong_media(route: &Route, media: &str) -> Fault {
    let known: Vec<&str> = route.bodies.iter().map(|form| form.name).collect();
    let what =
        if media.is_empty() { "The body has no Content-Type.".into() } else { format!("{media} is not read here.") };
    let message = format!("{what} Send {}.", known.join(" or "));
    Fault::http(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
}

/// Checks bodies of JSON by their schema; other forms are checked by who reads them.
fn check(form: &Media, body: &[u8]) -> Result<(), Fault> {
    if form.name != "application/json" && !form.name.ends_with("+json") {
        return Ok(());
    }
    let value = serde_json::from_slice(body).map_err(|error| super::call::wrong_body(&error))?;
    Ok(schema::check(form.checker.get_or_init(|| schema::compile(form.shape)), &value)?)
}
