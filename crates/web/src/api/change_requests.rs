//! Versions that wait for a team to merge them.

use super::call::{Call, json};
use super::route::{Access, Handled, Handler, Route};
use super::schema;
use axum::http::{HeaderValue, Method, header};
use axum::response::IntoResponse;
use loggia_app::access::policy::Action;
use loggia_app::instance::change_request::{Proposal, Seen};
use loggia_model::instance::{ChangeRequest, InstanceStatus};
use schemars::JsonSchema;
use serde::Serialize;

const ONE: &str = "/api/v1/instances/{namespace}/{name}/change";
const PATCH: &str = "/api/v1/instances/{namespace}/{name}/change/patch";
const MERGE: &str = "/api/v1/instances/{namespace}/{name}:merge-change";
const CLOSE: &str = "/api/v1/instances/{namespace}/{name}:close-change";

/// The routes.
pub fn routes() -> Vec<Route> {
    let get = |path, id, handler: Handler| Route::new(Method::GET, path, id, Access::May(Action::GitRead), handler);
    let post = |path, id, handler: Handler| {
        let route = Route::new(Method::POST, path, id, Access::May(Action::Operate), handler);
        route.gives::<InstanceStatus>(200, "The instance as it is now.").fails([422])
    };
    vec![
        get(ONE, "getChange", |call| Box::pin(one(call)))
            .does("Shows the change to another version that waits for its team to merge it.")
            .gives::<Change>(200, "The change.")
            .fails([422]),
        get(PATCH, "getChangePatch", |call| Box::pin(patch(call)))
            .does("The same as a patch for `git am`.")
            .gives_as(200, "The patch.", "text/x-patch", schema::any_text)
            .fails([422]),
        post(MERGE, "mergeChange", |call| Box::pin(merge(call)))
            .does("Merges what you saw, in your name. When a branch moved since, nothing is done.")
            .body::<Seen>(),
        post(CLOSE, "closeChange", |call| Box::pin(close(call)))
            .does("Gives the change up; the version that there is stays."),
    ]
}

/// A change that waits.
#[derive(Serialize, JsonSchema)]
pub struct Change {
    #[serde(flatten)]
    asked: ChangeRequest,
    /// What it is now.
    proposal: Proposal,
}

async fn one(call: Call) -> Handled {
    let (asked, proposal) = call.app().change_request(&call.caller, &call.reference()?).await?;
    json(&Change { asked, proposal })
}

async fn patch(call: Call) -> Handled {
    let bytes = call.app().change_patch(&call.caller, &call.reference()?).await?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("text/x-patch"))], bytes).into_response())
}

async fn merge(call: Call) -> Handled {
    let seen: Seen = call.json()?;
    json(&call.app().merge_change(&call.caller, &call.reference()?, &seen).await?)
}

async fn close(call: Call) -> Handled {
    json(&call.app().close_change(&call.caller, &call.reference()?).await?)
}
