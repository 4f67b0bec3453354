//! Every HTTP door: pages, the JSON API, the Backstage catalog API, signing in, Git, and operating.
//!
//! Doors translate: a request into a command or a query with its caller, an outcome into an answer. They decide
//! nothing.

pub mod address;
pub mod api;
pub mod assets;
pub mod auth;
pub mod backstage;
pub mod brand;
pub mod caller;
pub mod design;
pub mod ending;
pub mod error;
pub mod feeds;
pub mod git;
pub mod operating;
pub mod pages;
mod prefix;
pub mod shell;
pub mod specimen;
pub mod state;
pub mod terraform;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use axum::serve::IncomingStream;
use backstage::Catalog;
use futures_util::future::{BoxFuture, Either};
use operating::gate::{Gate, Gated};
use prefix::Prefix;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpListener;
use tower::{Layer, Service};

pub use state::WebState;

/// All doors as one service, each behind the layer that every request passes.
#[derive(Clone)]
pub struct Doors {
    routes: Router,
    catalog: Gated<Catalog>,
    /// The other end of the connection.
    peer: Option<SocketAddr>,
    /// The path of the public address, where it has one.
    prefix: Option<Prefix>,
}

type Answer = Either<<Gated<Catalog> as Service<Request>>::Future, <Router as Service<Request>>::Future>;

impl Doors {
    /// For a server.
    pub fn new(state: WebState) -> Doors {
        let doors = Router::new()
            .merge(auth::routes())
            .merge(backstage::routes())
            .merge(feeds::routes())
            .merge(operating::closed_routes())
            .merge(pages::routes(&state))
            .layer(Gate::closed(&state).patient());
        // These two have limits of their own: streams, and repositories of any size.
        let streams = Router::new()
            .merge(api::routes())
            .merge(git::routes())
            .merge(terraform::routes())
            .layer(Gate::closed(&state));
        let open = Router::new().merge(operating::routes()).merge(pages::asset::routes()).layer(Gate::open(&state));
        let catalog = Gate::closed(&state).patient().named("/api/catalog").layer(Catalog(state.clone()));
        let prefix = Prefix::of(&state.app.settings.public_url);
        let routes = Router::new().merge(open).merge(streams).merge(doors).with_state(state);
        Doors { routes, catalog, peer: None, prefix }
    }

    /// The routes of the router, which does not have those of the catalog.
    pub fn routes(&self) -> &Router {
        &self.routes
    }

    fn answer(&mut self, mut request: Request) -> Answer {
        if Catalog::has(request.uri().path()) {
            return Either::Left(self.catalog.answer(request, self.peer));
        }
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        Either::Right(self.routes.call(request))
    }
}

impl Service<Request> for Doors {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Answer, BoxFuture<'static, Result<Response, Infallible>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Some(prefix) = self.prefix.clone() else { return Either::Left(self.answer(request)) };
        let answer = self.answer(prefix.inward(request));
        Either::Right(Box::pin(async move { Ok(prefix.outward(answer.await?).await) }))
    }
}

/// Gives each connection its doors, which know where it comes from.
struct Connections(Doors);

impl Service<IncomingStream<'_, TcpListener>> for Connections {
    type Response = Doors;
    type Error = Infallible;
    type Future = Ready<Result<Doors, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, stream: IncomingStream<'_, TcpListener>) -> Self::Future {
        ready(Ok(Doors { peer: Some(*stream.remote_addr()), ..self.0.clone() }))
    }
}

/// Serves until `ended`, then lets open requests finish.
///
/// # Errors
/// When the listener fails.
pub async fn run(
    listener: TcpListener,
    state: WebState,
    ended: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let stopping = Arc::clone(&state.stopping);
    let ended = async move {
        ended.await;
        // Streams that would never end by themselves.
        stopping.send_replace(true);
    };
    axum::serve(listener, Connections(Doors::new(state))).with_graceful_shutdown(ended).await
}

/// Serves one empty answer and nothing else: what a request costs without Loggia, as a measure.
///
/// # Errors
/// When the listener fails.
pub async fn serve_empty(listener: TcpListener) -> std::io::Result<()> {
    let router = Router::new().route("/", axum::routing::get(|| async {}));
    axum::serve(listener, router).await
}
