//! Taking in what runs already, as it was found in states and clusters.

use super::call::{Call, json};
use super::parameter::{Form, Param};
use super::route::{Access, Handled, Route};
use axum::http::Method;
use loggia_app::access::policy::Action;
use loggia_app::estate::adopt::{AdoptInput, Adoption};

const DRY_RUN: Param = Param::query("dryRun", Form::Flag, "Only tell what it would mean; nothing is reported.");

/// The routes.
pub fn routes() -> Vec<Route> {
    let route =
        Route::new(Method::POST, "/api/v1/adopt", "adopt", Access::May(Action::Observe), |call| Box::pin(adopt(call)));
    vec![
        route
            .does(
                "Takes in what was found in states and clusters: recognises it, proposes offerings, says what is left.",
            )
            .takes([DRY_RUN])
            .body::<AdoptInput>()
            .up_to(64_000_000)
            .gives::<Adoption>(200, "What it means."),
    ]
}

async fn adopt(call: Call) -> Handled {
    let input: AdoptInput = call.json()?;
    json(&call.app().adopt(&call.caller, &input, call.given.flag("dryRun")).await?)
}
