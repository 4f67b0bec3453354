//! Forms of what is offered.

use super::call::{Call, json};
use super::route::Handled;
use loggia_app::instance::form::FormQuery;

/// The form of an offering.
pub async fn form(call: Call) -> Handled {
    let query = FormQuery {
        offering: call.segment("offering").to_owned(),
        team: call.given.owned("team"),
        environment: call.given.owned("environment"),
        release: call.given.owned("release"),
    };
    json(&call.app().form(&call.caller, &query)?)
}
