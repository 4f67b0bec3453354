//! Signing in and out: passwords, the provider of the company, and the people of the demo.

mod demo;
mod examine;
mod limiter;
mod login;
pub mod provider;
mod session;

use crate::state::WebState;
use axum::Router;
use axum::routing::{get, post};

pub(crate) use demo::lends;
pub use limiter::Limiter;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/login", get(login::page).post(login::sign_in))
        .route("/login/provider", get(provider::begin))
        .route("/login/callback", get(provider::callback))
        .route("/logout", post(login::sign_out))
        .route("/demo/person", post(demo::become_person))
}
