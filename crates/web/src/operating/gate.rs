//! The one layer that every request passes: its figures and its line in the log, who asks, and what the answer carries.
//!
//! It is one layer and not one for each task, because every layer of a router costs each request a copy of all layers
//! below it and a future on the heap; six of them took longer than most answers.

use super::Figure;
use super::layers::{self, Told};
use crate::address;
use crate::caller::{self, Known, RequestId};
use crate::ending::About;
use crate::error::{Reply, door_of};
use crate::state::WebState;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Response as Message, header};
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use loggia_app::Error;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tower::util::ServiceExt;
use tower::{Layer, Service, service_fn};
use tower_http::compression::Compression;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tracing::Instrument;

/// How long an answer may take to begin, where there is a limit.
const PATIENCE: Duration = Duration::from_secs(60);

/// The layer.
#[derive(Clone)]
pub struct Gate {
    state: WebState,
    /// Whether the caller must be found before anything else.
    closed: bool,
    /// How long an answer may take to begin.
    patience: Option<Duration>,
    /// What requests are counted as that no route has.
    name: &'static str,
    /// The figure of most of those.
    usual: Arc<OnceLock<Figure>>,
}

/// A request with what was found of it before anybody looked at it.
struct Asked {
    request: Request,
    id: RequestId,
    peer: Option<SocketAddr>,
}

impl Gate {
    /// For what needs no caller and no database.
    pub fn open(state: &WebState) -> Gate {
        Gate { state: state.clone(), closed: false, patience: None, name: "none", usual: Arc::default() }
    }

    /// For what needs a caller.
    pub fn closed(state: &WebState) -> Gate {
        Gate { closed: true, ..Gate::open(state) }
    }

    /// With a limit to the time until the answer begins.
    #[must_use]
    pub fn patient(self) -> Gate {
        Gate { patience: Some(PATIENCE), ..self }
    }

    /// With what requests are counted as that no route has.
    #[must_use]
    pub fn named(self, name: &'static str) -> Gate {
        Gate { name, usual: Arc::default(), ..self }
    }

    /// One request, from outside to outside.
    async fn pass<S: Inner>(self, request: Request, peer: Option<SocketAddr>, inner: S) -> Response {
        let told = Told::of(&self.state, &request, self.name);
        let asked = Asked { request, id: told.id.clone(), peer };
        let span = told.span.clone();
        let mut response = self.squeezed(asked, inner).instrument(span).await;
        layers::secure(&self.state, response.headers_mut());
        told.end(&self.state, &self.usual, &mut response);
        response
    }

    /// The answer, compressed when the client takes that.
    async fn squeezed<S: Inner>(&self, asked: Asked, inner: S) -> Response {
        if !asked.request.headers().contains_key(header::ACCEPT_ENCODING) {
            let mut response = self.answered(asked, inner).await;
            response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
            return response;
        }
        // Few programs ask for it, and the others shall not carry the state of this: it is copied for each request.
        Box::pin(self.pressed(asked, inner)).await
    }

    async fn pressed<S: Inner>(&self, asked: Asked, inner: S) -> Response {
        // Git packs are compressed already, and events must not wait for a full buffer.
        let suited = DefaultPredicate::new().and(NotForContentType::const_new("application/x-git"));
        let Asked { request, id, peer } = asked;
        let inside = service_fn(move |request| {
            let asked = Asked { request, id: id.clone(), peer };
            let (gate, inner) = (self.clone(), inner.clone());
            async move { Ok::<Message<Body>, Infallible>(gate.answered(asked, inner).await) }
        });
        let Ok(response) = Compression::new(inside).compress_when(suited).oneshot(request).await;
        response.map(Body::new)
    }

    /// The answer. A panic of a handler is an answer too: it must end neither the connection nor the server.
    async fn answered<S: Inner>(&self, asked: Asked, inner: S) -> Response {
        let answer = AssertUnwindSafe(self.admitted(asked, inner)).catch_unwind().await;
        answer.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Reply(Error::Internal(format!("a handler panicked: {text}"))).into_response()
        })
    }

    async fn admitted<S: Inner>(&self, asked: Asked, inner: S) -> Response {
        let Asked { mut request, id, peer } = asked;
        let mut known = None;
        if has_control(request.uri().path()) {
            let door = door_of(request.uri().path());
            let nothing =
                Error::NotFound("There is no such address: nothing has control characters in its name.".into());
            return Reply(nothing).into_response_for(door, &request);
        }
        if self.closed {
            match caller::identify(&self.state, &mut request, &id, peer).await {
                Ok(found) => known = Some(found),
                Err(refusal) => return *refusal,
            }
        }
        let about = known.as_ref().and_then(|known| About::of(&self.state, &request, &known.caller));
        if let Some(refusal) = about.as_ref().and_then(|about| about.refuses(&request)) {
            return refusal;
        }
        let mut response = self.timely(pin!(inner.answer(request, known))).await;
        if let Some(about) = about {
            about.tell(&mut response);
        }
        response
    }

    /// The answer, or that it took too long.
    async fn timely(&self, mut answer: Pin<&mut (impl Future<Output = Response> + Send)>) -> Response {
        let Some(patience) = self.patience else { return answer.await };
        // Most answers are there at once, and need no clock.
        if let Poll::Ready(response) = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await {
            return response;
        }
        match tokio::time::timeout(patience, answer).await {
            Ok(response) => response,
            Err(_) => Reply(Error::Unavailable("This took too long. Try again.".into())).into_response(),
        }
    }
}

/// Whether there are control characters in a path: no name has any, and not every database can be asked for one.
fn has_control(path: &str) -> bool {
    let mut digits = path.split('%').skip(1).map(|part| part.get(..2).and_then(|two| u8::from_str_radix(two, 16).ok()));
    let mut before = None;
    digits.any(|byte| {
        let late = before == Some(0xc2) && byte.is_some_and(|byte| (0x80..0xa0).contains(&byte));
        before = byte;
        late || byte.is_some_and(|byte| byte.is_ascii_control())
    })
}

/// What answers behind this layer.
pub trait Inner: Clone + Send + Sync + 'static {
    /// Answers a request; `known` where a caller had to be found.
    fn answer(self, request: Request, known: Option<Known>) -> impl Future<Output = Response> + Send;
}

impl Inner for Route {
    async fn answer(mut self, mut request: Request, known: Option<Known>) -> Response {
        if let Some(Known { caller, address }) = known {
            request.extensions_mut().insert(address);
            request.extensions_mut().insert(caller);
        }
        let Ok(response) = self.call(request).await;
        response
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { gate: self.clone(), inner }
    }
}

/// A route behind the layer.
#[derive(Clone)]
pub struct Gated<S> {
    gate: Gate,
    inner: S,
}

impl<S: Inner> Gated<S> {
    /// Answers a request that came from there.
    pub fn answer(
        &self,
        request: Request,
        peer: Option<SocketAddr>,
    ) -> BoxFuture<'static, Result<Response, Infallible>> {
        let (gate, inner) = (self.gate.clone(), self.inner.clone());
        Box::pin(gate.pass(request, peer, inner).map(Ok))
    }
}

impl<S: Inner> Service<Request> for Gated<S> {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Routes of a router are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let peer = address::peer(request.extensions());
        self.answer(request, peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backstage::Catalog;

    fn size<A, B, C, D, F>(_: impl FnOnce(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn control_characters_are_found_in_a_path() {
        for code in 0..0xa0_u32 {
            let c = char::from_u32(code).unwrap();
            let encoded: String = c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
            assert_eq!(has_control(&format!("/a/x{encoded}y")), c.is_control(), "{code:x}");
        }
        assert!(!has_control("/a%C3%84%zz%1") && !has_control("/plain"));
    }

    /// The state of a request is put on the heap as a whole, for each of them.
    #[test]
    fn a_request_carries_little_state() {
        let (catalog, routes) = (size(Gate::pass::<Catalog>), size(Gate::pass::<Route>));
        assert!(catalog < 8_192 && routes < 8_192, "{catalog} and {routes} bytes");
    }
}
