//! Changes that were made on pages and that a repository has to take in.

use super::call::{Call, json};
use super::route::{Access, Handled, Handler, Route};
use axum::http::Method;
use loggia_app::access::policy::Action;
use loggia_app::source::waiting::Waiting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const OF: &str = "/api/v1/records/{kind}/{namespace}/{name}/edits";
const BY_PLURAL: &str = "/api/v1/{plural}/{namespace}/{name}/edits";
const PUT_ASIDE: &str = "/api/v1/edits/{id}:put-aside";

/// The routes.
pub fn routes() -> Vec<Route> {
    let of = |path, id| {
        let handler: Handler = |call| Box::pin(list(call));
        Route::new(Method::GET, path, id, Access::May(Action::Read), handler)
            .does("Lists the changes of one thing that were made on pages and wait for its repository, and what became of others.")
            .gives::<EditList>(200, "The changes.")
    };
    vec![
        of(OF, "listEdits"),
        of(BY_PLURAL, "listEditsByPlural"),
        Route::new(Method::POST, PUT_ASIDE, "putEditAside", Access::May(Action::Apply), |call| {
            Box::pin(put_aside(call))
        })
        .does("Puts a change aside that waits: nothing waits for it here any more. Its branch stays in the repository.")
        .body::<PutAside>()
        .gives::<Waiting>(200, "The change as it is now.")
        .fails([409]),
    ]
}

/// Changes of one thing.
#[derive(Serialize, JsonSchema)]
struct EditList {
    /// Those that are open first, the newest first.
    items: Vec<Waiting>,
}

/// Why a change is put aside.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PutAside {
    /// In a line.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

async fn list(call: Call) -> Handled {
    json(&EditList { items: call.app().page_edits(&call.caller, &call.reference()?).await? })
}

async fn put_aside(call: Call) -> Handled {
    let input: PutAside = call.json()?;
    json(&call.app().put_edit_aside(&call.caller, call.uid("id")?, &input.reason).await?)
}
