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
pub mod error;
pub mod git;
pub mod operating;
pub mod pages;
pub mod shell;
pub mod specimen;
pub mod state;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use operating::layers;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::timeout::TimeoutLayer;

pub use state::WebState;

/// How long a page or an answer of the catalog may take to begin.
const PATIENCE: Duration = Duration::from_secs(60);

/// All routes, with the layers that every request passes.
pub fn router(state: WebState) -> Router {
    let timeout = TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, PATIENCE);
    let doors = Router::new()
        .merge(auth::routes())
        .merge(backstage::routes())
        .merge(operating::closed_routes())
        .merge(pages::routes(&state))
        .layer(timeout)
        // These two have limits of their own: streams, and repositories of any size.
        .merge(api::routes())
        .merge(git::routes())
        .layer(from_fn_with_state(state.clone(), caller::identify));
    // Git packs are compressed already, and events must not wait for a full buffer.
    let compressed = DefaultPredicate::new().and(NotForContentType::const_new("application/x-git"));
    // Health and assets need no caller and no database.
    Router::new()
        .merge(operating::routes())
        .merge(pages::asset::routes())
        .merge(doors)
        .layer(CatchPanicLayer::new())
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(from_fn_with_state(state.clone(), layers::secure))
        .layer(from_fn_with_state(state.clone(), layers::observe))
        .with_state(state)
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
