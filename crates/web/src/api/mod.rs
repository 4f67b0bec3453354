//! The JSON API, `/api/v1`. Routes are declared once, in [`registry`]; routing, the OpenAPI document and the table of who
//! may follow from that.

mod address;
mod adopt;
mod agenda;
mod call;
mod campaigns;
mod change;
mod change_requests;
mod checks;
mod cloudevents;
mod differ;
mod dispatch;
mod doctor;
mod edits;
mod endings;
mod environments;
mod events;
mod fault;
mod forms;
mod home;
mod idempotency;
mod instance_access;
mod instances;
mod leaks;
mod logins;
mod me;
mod observe;
mod offers;
mod openapi;
mod operations;
mod orders;
mod parameter;
mod records;
pub mod registry;
mod releases;
mod route;
mod schema;
mod search;
mod secrets;
mod sessions;
mod sources;
mod stream;
mod tokens;
mod upgrades;
mod usage;
mod versions;
mod view;
mod who_runs;
mod workloads;
mod write;

use crate::state::WebState;
use axum::Router;
use axum::routing::any;

pub use dispatch::MatchedRoute;
pub use route::{Access, Route};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/api/v1", any(dispatch::dispatch)).route("/api/v1/{*rest}", any(dispatch::dispatch))
}
