//! What is left behind at backends.

use super::call::{Call, json, nothing};
use super::route::{Access, Handled, Route};
use axum::http::Method;
use loggia_app::access::policy::Action;
use loggia_app::estate::leak_decision::LeakName;
use loggia_app::estate::leaks::Leak;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The routes.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/leaks", "listLeaks", Access::May(Action::Sync), |call| Box::pin(list(call)))
            .does("Lists what is left behind: things at backends that carry our mark and belong to no instance.")
            .gives::<Leaks>(200, "What is left behind."),
        Route::new(Method::POST, "/api/v1/leaks:dismiss", "dismissLeak", Access::May(Action::Sync), |call| {
            Box::pin(dismiss(call))
        })
        .does("Puts something aside that is left behind, with a reason.")
        .body::<DismissInput>()
        .gives_nothing(204, "It is put aside.")
        .fails([422]),
        Route::new(Method::POST, "/api/v1/leaks:remove", "removeLeak", Access::May(Action::Administer), |call| {
            Box::pin(remove(call))
        })
        .does("Takes away what is left behind, and looks that it is gone.")
        .body::<RemoveInput>()
        .gives_nothing(204, "It is gone.")
        .fails([422]),
    ]
}

/// What is put aside.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DismissInput {
    /// The driver that marked it.
    #[schemars(length(min = 1, max = 100))]
    driver: String,
    /// The key that it carries.
    #[schemars(length(min = 1, max = 300))]
    key: String,
    /// Why it may stay.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

/// What is taken away.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RemoveInput {
    /// The driver that marked it.
    #[schemars(length(min = 1, max = 100))]
    driver: String,
    /// The key that it carries.
    #[schemars(length(min = 1, max = 300))]
    key: String,
    /// You know that what is in it is lost.
    #[serde(default)]
    confirmed: bool,
}

async fn dismiss(call: Call) -> Handled {
    let DismissInput { driver, key, reason } = call.json()?;
    call.app().dismiss_leak(&call.caller, &LeakName { driver, key }, &reason).await?;
    Ok(nothing())
}

async fn remove(call: Call) -> Handled {
    let RemoveInput { driver, key, confirmed } = call.json()?;
    call.app().remove_leak(&call.caller, &LeakName { driver, key }, confirmed).await?;
    Ok(nothing())
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
