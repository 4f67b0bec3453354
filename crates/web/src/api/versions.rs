//! The versions of an offering: how long each is looked after, and who runs it.

use super::call::{Call, json};
use super::route::{Access, Handled, Route};
use axum::http::Method;
use loggia_app::access::policy::Action;
use loggia_app::release::versions::Versions;

/// The routes.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/versions/{offering}", "listVersions", Access::May(Action::Read), |call| {
            Box::pin(versions(call))
        })
        .does("Tells how long each version of an offering is looked after, who runs it, and the way to the newest one.")
        .gives::<Versions>(200, "The newest version stands first."),
    ]
}

async fn versions(call: Call) -> Handled {
    json(&call.app().versions(&call.caller, call.segment("offering"))?)
}
