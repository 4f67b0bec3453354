//! The one layer that every request passes: its figures and its line in the log, who asks, and what the answer carries.
//!
//! It is one layer and not one for each task, because every layer of a router costs each request a copy of all layers
//! below it and a future on the heap; six of them took longer than most answers.

use super::layers::{self, Told};
use crate::caller;
use crate::ending::About;
use crate::error::Reply;
use crate::state::WebState;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Response as Message, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use loggia_app::Error;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
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
}

impl Gate {
    /// For what needs no caller and no database.
    pub fn open(state: &WebState) -> Gate {
        Gate { state: state.clone(), closed: false, patience: None, name: "none" }
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
        Gate { name, ..self }
    }

    /// One request, from outside to outside.
    async fn pass<S: Inner>(self, mut request: Request, inner: S) -> Response {
        let told = Told::of(&self.state, &mut request, self.name);
        let span = told.span.clone();
        let state = self.state.clone();
        let mut response = self.squeezed(request, inner).instrument(span).await;
        layers::secure(&state, response.headers_mut());
        told.end(&state, &mut response);
        response
    }

    /// The answer, compressed when the client takes that.
    async fn squeezed<S: Inner>(self, request: Request, inner: S) -> Response {
        // Git packs are compressed already, and events must not wait for a full buffer.
        let suited = DefaultPredicate::new().and(NotForContentType::const_new("application/x-git"));
        if !request.headers().contains_key(header::ACCEPT_ENCODING) {
            let mut response = self.answered(request, inner).await;
            if suited.should_compress(&response) {
                response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
            }
            return response;
        }
        let inside = service_fn(move |request| {
            let answered = self.clone().answered(request, inner.clone());
            async { Ok::<Message<Body>, Infallible>(answered.await) }
        });
        let Ok(response) = Compression::new(inside).compress_when(suited).oneshot(request).await;
        response.map(Body::new)
    }

    /// The answer. A panic of a handler is an answer too: it must end neither the connection nor the server.
    async fn answered<S: Inner>(self, request: Request, inner: S) -> Response {
        let answer = AssertUnwindSafe(self.admitted(request, inner)).catch_unwind().await;
        answer.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Reply(Error::Internal(format!("a handler panicked: {text}"))).into_response()
        })
    }

    async fn admitted<S: Inner>(self, mut request: Request, mut inner: S) -> Response {
        if self.closed
            && let Err(refusal) = caller::identify(&self.state, &mut request).await
        {
            return *refusal;
        }
        let about = if self.closed { About::of(&self.state, &request) } else { None };
        if let Some(refusal) = about.as_ref().and_then(|about| about.refuses(&request)) {
            return refusal;
        }
        let mut response = self.timely(inner.call(request)).await;
        if let Some(about) = about {
            about.tell(&mut response);
        }
        response
    }

    /// The answer, or that it took too long.
    async fn timely<A: Future<Output = Result<Response, Infallible>>>(self, answer: A) -> Response {
        let Some(patience) = self.patience else {
            let Ok(response) = answer.await;
            return response;
        };
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(response)) => response,
            Err(_) => Reply(Error::Unavailable("This took too long. Try again.".into())).into_response(),
        }
    }
}

/// What a route is to this layer.
trait Inner: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static {}

impl<S> Inner for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
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

impl<S: Inner> Service<Request> for Gated<S> {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Routes of a router are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (gate, inner) = (self.gate.clone(), self.inner.clone());
        Box::pin(gate.pass(request, inner).map(Ok))
    }
}
