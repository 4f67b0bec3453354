//! The Backstage catalog API, for clients that know it (docs/backstage.md).
//!
//! Paths are matched by hand: the peer takes words in any case, a slash too many at the front and one at the end, and
//! answers nothing at all where no route is.

mod analyze;
mod body;
mod by_query;
mod cursor;
mod entity;
pub mod error;
mod facets;
mod fields;
mod info;
mod invalid;
mod list;
mod location_query;
mod locations;
mod openapi;
mod params;
mod predicate;
mod reply;
mod scope;
mod status;
mod syntax;
mod validate;

use crate::caller::{By, Known};
use crate::operating::gate::Inner;
use crate::state::WebState;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::get;
use error::{Fault, MOUNT};
use loggia_app::Caller;
use loggia_app::access::policy::{Action, Subject};
use loggia_graph::Graph;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What stands beside the API itself.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/.backstage/health/v1/liveness", get(alive))
        .route("/.backstage/health/v1/readiness", get(ready))
        .route("/catalog-info.yaml", get(info::answer))
}

/// The API itself, as a service: everything below its mount is matched by hand, so no router has to look at it.
#[derive(Clone)]
pub struct Catalog(pub WebState);

impl Catalog {
    /// Whether a path belongs to the API.
    pub fn has(path: &str) -> bool {
        path.strip_prefix(MOUNT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Inner for Catalog {
    async fn answer(self, request: Request, known: Option<Known>) -> Response {
        match known {
            Some(known) => door(self.0, request, known.caller).await,
            None => reply::empty(StatusCode::NOT_FOUND),
        }
    }
}

/// The words of a path; no place has more than six.
type Words<'p> = SmallVec<[&'p str; 8]>;

/// One request, without its body.
pub struct Call {
    state: WebState,
    caller: Caller,
    graph: Arc<Graph>,
    uri: Uri,
    headers: HeaderMap,
}

impl Call {
    fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// Whether a place may bring what gives rights when this caller registers it.
    fn vouches(&self) -> bool {
        self.state.app.require(&self.caller, Action::Administer, &Subject::default()).is_ok()
    }

    /// Passes unless the operator keeps everything as it is.
    fn writable(&self) -> Result<(), Fault> {
        match self.state.app.settings.read_only {
            true => Err(Fault::not_allowed("This server is read-only. Ask its operator.")),
            false => Ok(()),
        }
    }
}

/// A place in the API, with the parts of the path that it takes.
#[derive(Debug, PartialEq, Eq)]
enum Place<'p> {
    Analyze,
    Ancestry(&'p str, &'p str, &'p str),
    ByName(&'p str, &'p str, &'p str),
    ByQuery,
    ByRefs,
    ByUid(&'p str),
    Entities,
    Facets,
    Location(&'p str),
    LocationByEntity(&'p str, &'p str, &'p str),
    Locations,
    OpenApi,
    Refresh,
    Validate,
}

/// Finds the place of a path below the mount; none where nothing is.
fn find<'p>(words: &[&'p str]) -> Option<Place<'p>> {
    if words.contains(&"") {
        return None;
    }
    let is = |at: usize, word: &str| words.get(at).is_some_and(|given| given.eq_ignore_ascii_case(word));
    Some(match words {
        [_] if is(0, "entities") => Place::Entities,
        [_] if is(0, "entity-facets") => Place::Facets,
        [_] if is(0, "locations") => Place::Locations,
        [_] if is(0, "refresh") => Place::Refresh,
        [_] if is(0, "analyze-location") => Place::Analyze,
        [_] if is(0, "validate-entity") => Place::Validate,
        [_] if is(0, "openapi.json") => Place::OpenApi,
        [_, _] if is(0, "entities") && is(1, "by-query") => Place::ByQuery,
        [_, _] if is(0, "entities") && is(1, "by-refs") => Place::ByRefs,
        [_, _] if is(0, "locations") && is(1, "by-query") => Place::Location("by-query"),
        [_, id] if is(0, "locations") => Place::Location(id),
        [_, _, uid] if is(0, "entities") && is(1, "by-uid") => Place::ByUid(uid),
        [_, _, kind, namespace, name] if is(0, "entities") && is(1, "by-name") => Place::ByName(kind, namespace, name),
        [_, _, kind, namespace, name] if is(0, "locations") && is(1, "by-entity") => {
            Place::LocationByEntity(kind, namespace, name)
        }
        [_, _, kind, namespace, name, _] if is(0, "entities") && is(1, "by-name") && is(5, "ancestry") => {
            Place::Ancestry(kind, namespace, name)
        }
        _ => return None,
    })
}

/// The methods of a place, as the peer lists them.
fn methods(place: &Place<'_>) -> &'static str {
    match place {
        Place::Entities | Place::ByName(..) | Place::Ancestry(..) | Place::LocationByEntity(..) | Place::OpenApi => {
            "GET,HEAD"
        }
        Place::ByUid(_) => "GET,HEAD,DELETE",
        Place::ByQuery | Place::Facets => "GET,HEAD,POST",
        Place::Locations => "POST,GET,HEAD",
        Place::Location("by-query") => "POST,GET,HEAD,PUT,DELETE",
        Place::Location(_) => "GET,HEAD,PUT,DELETE",
        Place::ByRefs | Place::Refresh | Place::Analyze | Place::Validate => "POST",
    }
}

/// Everything below the mount.
async fn door(state: WebState, request: Request, caller: Caller) -> Response {
    let (head, body) = request.into_parts();
    let (method, uri) = (head.method, head.uri);
    let graph = state.app.graph();
    let call = Call { state, caller, graph, uri, headers: head.headers };
    let path = call.uri.path().strip_prefix(MOUNT).unwrap_or_default();
    let path = path.trim_start_matches('/');
    let words: Words<'_> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
    // Few paths have anything encoded.
    if !path.contains('%') {
        return entered(&call, method, &words, body).await;
    }
    match decoded(&words) {
        Ok(decoded) => {
            let words: Words<'_> = decoded.iter().map(|word| &**word).collect();
            Box::pin(entered(&call, method, &words, body)).await
        }
        Err(fault) => fault.answer(&method, &call.uri),
    }
}

/// What the words of a path lead to.
async fn entered(call: &Call, method: Method, words: &[&str], body: Body) -> Response {
    let Some(place) = find(words) else { return reply::empty(StatusCode::NOT_FOUND) };
    let method = if method == Method::HEAD { Method::GET } else { method };
    let allowed = methods(&place);
    if method == Method::OPTIONS {
        return options(allowed);
    }
    if !allowed.split(',').any(|one| one == method.as_str()) {
        return reply::empty(StatusCode::NOT_FOUND);
    }
    let is_verdict = place == Place::Validate;
    match answer(call, &method, place, body).await {
        Ok(response) => response,
        Err(fault) if is_verdict => validate::refused(&fault, &method, &call.uri),
        Err(fault) => fault.answer(&method, &call.uri),
    }
}

/// The parts of a path without their encoding. An empty part leads nowhere.
fn decoded<'p>(words: &[&'p str]) -> Result<Vec<Cow<'p, str>>, Fault> {
    let decode = |word: &&'p str| match word.contains('%') {
        true => params::percent(word).map(Cow::Owned),
        false => Some(Cow::Borrowed(*word)),
    };
    let wrong = |word: &str| Fault::input(format!("Failed to decode param '{word}'"));
    words.iter().map(|word| decode(word).ok_or_else(|| wrong(word))).collect()
}

fn options(allowed: &'static str) -> Response {
    let mut response = Response::new(Body::from(allowed));
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

async fn answer(call: &Call, method: &Method, place: Place<'_>, body: Body) -> Result<Response, Fault> {
    if place != Place::OpenApi {
        call.state.app.require(&call.caller, Action::Read, &Subject::default())?;
    }
    match *method {
        Method::GET => read(call, &place),
        Method::DELETE => Box::pin(delete(call, place)).await,
        // The state of these is large; a read shall not have to carry it.
        _ => Box::pin(write(call, method, place, body)).await,
    }
}

/// What a GET answers, from the snapshot and without waiting for anything.
fn read(call: &Call, place: &Place<'_>) -> Result<Response, Fault> {
    match place {
        Place::Entities => list::answer(call),
        Place::ByName(kind, namespace, name) => entity::by_name(call, kind, namespace, name),
        Place::Ancestry(kind, namespace, name) => entity::ancestry(call, kind, namespace, name),
        Place::ByUid(uid) => entity::by_uid(call, uid),
        Place::ByQuery => by_query::get(call),
        Place::Facets => facets::get(call),
        Place::Locations => locations::list(call),
        Place::Location(id) => locations::get(call, id),
        Place::LocationByEntity(kind, namespace, name) => locations::by_entity(call, kind, namespace, name),
        Place::OpenApi => Ok(openapi::answer(&call.headers)),
        Place::Analyze | Place::ByRefs | Place::Refresh | Place::Validate => Ok(reply::empty(StatusCode::NOT_FOUND)),
    }
}

/// What a DELETE does.
async fn delete(call: &Call, place: Place<'_>) -> Result<Response, Fault> {
    match place {
        Place::ByUid(uid) => entity::delete(call, uid).await,
        Place::Location(id) => locations::remove(call, id).await,
        _ => Ok(reply::empty(StatusCode::NOT_FOUND)),
    }
}

/// What a POST or PUT does.
async fn write(call: &Call, method: &Method, place: Place<'_>, body: Body) -> Result<Response, Fault> {
    match place {
        Place::ByRefs => entity::by_refs(call, body).await,
        Place::ByQuery => by_query::post(call, body).await,
        Place::Facets => facets::post(call, body).await,
        Place::Refresh => locations::refresh(call, body).await,
        Place::Locations => locations::add(call, body).await,
        Place::Location(id) if method == Method::PUT => locations::change(call, id, body).await,
        Place::Location(_) => location_query::answer(call, body).await,
        Place::Analyze => analyze::answer(call, body).await,
        Place::Validate => validate::answer(call, body).await,
        _ => Ok(reply::empty(StatusCode::NOT_FOUND)),
    }
}

/// That the program runs, where a Backstage tells it.
async fn alive(_: By) -> Response {
    reply::tagged(StatusCode::OK, "{\"status\":\"ok\"}".into(), None)
}

/// That the program can answer, where a Backstage tells it.
async fn ready(State(state): State<WebState>, _: By) -> Response {
    match state.ready.load(Ordering::Acquire) {
        true => reply::tagged(StatusCode::OK, "{\"status\":\"ok\"}".into(), None),
        false => {
            let text = "{\"message\":\"Backend has not started yet\",\"status\":\"error\"}";
            reply::json(StatusCode::SERVICE_UNAVAILABLE, text.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_in_any_case() {
        assert_eq!(find(&["ENTITIES", "By-Name", "A", "b", "C"]), Some(Place::ByName("A", "b", "C")));
        assert_eq!(find(&["locations", "by-query"]), Some(Place::Location("by-query")));
        for none in [&["entities", "nosuch"][..], &["entities", "by-name", "k", "ns"], &[""], &["nosuch"]] {
            assert_eq!(find(none), None, "{none:?}");
        }
    }
}
