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
pub mod shell;
pub mod specimen;
pub mod state;

use axum::Router;
use operating::gate::Gate;
use std::net::SocketAddr;
use std::sync::Arc;

pub use state::WebState;

/// All routes, each behind the layer that every request passes.
pub fn router(state: WebState) -> Router {
    let doors = Router::new()
        .merge(auth::routes())
        .merge(backstage::routes())
        .merge(feeds::routes())
        .merge(operating::closed_routes())
        .merge(pages::routes(&state))
        .layer(Gate::closed(&state).patient());
    // These two have limits of their own: streams, and repositories of any size.
    let streams = Router::new().merge(api::routes()).merge(git::routes()).layer(Gate::closed(&state));
    let open = Router::new().merge(operating::routes()).merge(pages::asset::routes()).layer(Gate::open(&state));
    Router::new().merge(open).merge(streams).merge(doors).with_state(state)
}

/// Serves until `ended`, then lets open requests finish.
///
/// # Errors
/// When the listener fails.
pub async fn run(
    listener: tokio::net::TcpListener,
    state: WebState,
    ended: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let stopping = Arc::clone(&state.stopping);
    let ended = async move {
        ended.await;
        // Streams that would never end by themselves.
        stopping.send_replace(true);
    };
    let service = router(state).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(ended).await
}

/// Serves one empty answer and nothing else: what a request costs without Loggia, as a measure.
///
/// # Errors
/// When the listener fails.
pub async fn serve_empty(listener: tokio::net::TcpListener) -> std::io::Result<()> {
    let router = Router::new().route("/", axum::routing::get(|| async {}));
    axum::serve(listener, router).await
}
