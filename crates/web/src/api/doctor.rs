//! How everything stands that only this server can look at.

use super::call::{Call, json};
use super::route::{Access, Handled, Route};
use axum::http::Method;
use loggia_app::access::policy::Action;
use loggia_app::checks::doctor::Finding;
use schemars::JsonSchema;
use serde::Serialize;

/// The routes.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/doctor", "doctor", Access::May(Action::Administer), |call| {
            Box::pin(doctor(call))
        })
        .does("Looks at sources, the sign-in provider, files of releases and drivers, and says what to do.")
        .gives::<Findings>(200, "What was found."),
    ]
}

/// What was found.
#[derive(Serialize, JsonSchema)]
struct Findings {
    /// One for each thing that was looked at.
    items: Vec<Finding>,
}

async fn doctor(call: Call) -> Handled {
    let mut items = call.state.sources.doctor(&call.caller).await?;
    if let Some(provider) = &call.state.provider {
        items.extend(provider.examine(&call.app().settings.public_url, call.app().now()).await);
    }
    json(&Findings { items })
}
