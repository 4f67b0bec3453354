//! What is offered, as people look at it before they get it.

use super::call::{Call, json};
use super::route::{Access, Handled, Route};
use axum::http::Method;
use loggia_app::access::policy::Action;
use loggia_app::release::offered::Offered;
use schemars::JsonSchema;
use serde::Serialize;

/// Everything that is offered.
#[derive(Serialize, JsonSchema)]
pub struct Offers {
    /// In order of titles.
    pub items: Vec<Offered>,
}

/// The routes.
pub fn routes() -> Vec<Route> {
    let read = Access::May(Action::Read);
    vec![
        Route::new(Method::GET, "/api/v1/offers", "listOffers", read, |call| Box::pin(list(call)))
            .does("Lists what is offered: promise, owner, plans, who uses it, the newest version, where one gets it.")
            .gives::<Offers>(200, "In order of titles."),
        Route::new(Method::GET, "/api/v1/offers/{offering}", "getOffer", read, |call| Box::pin(one(call)))
            .does("Tells the same of one offering.")
            .gives::<Offered>(200, "What is offered."),
    ]
}

async fn list(call: Call) -> Handled {
    json(&Offers { items: call.app().offers(&call.caller) })
}

async fn one(call: Call) -> Handled {
    json(&call.app().offer(&call.caller, call.segment("offering"))?)
}
