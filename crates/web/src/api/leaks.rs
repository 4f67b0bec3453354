//! What is left behind at backends.

use super::call::{Call, json};
use super::route::{Access, Handled, Route};
use axum::http::Method;
use loggia_app::access::policy::Action;
use loggia_app::estate::leaks::Leak;
use schemars::JsonSchema;
use serde::Serialize;

/// The routes.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/leaks", "listLeaks", Access::May(Action::Sync), |call| Box::pin(list(call)))
            .does("Lists what is left behind: things at backends that carry our mark and belong to no instance.")
            .gives::<Leaks>(200, "What is left behind."),
    ]
}

/// What is left behind.
#[derive(Serialize, JsonSchema)]
struct Leaks {
    /// In order of driver and key.
    items: Vec<Leak>,
}

async fn list(call: Call) -> Handled {
    json(&Leaks { items: call.app().leaks(&call.caller)? })
}
