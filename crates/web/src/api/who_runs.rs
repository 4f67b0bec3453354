//! Who runs what, and what was reported and belongs to nothing.

use super::call::{Call, json};
use super::route::{Access, Handled, Handler, Route};
use axum::http::Method;
use loggia_app::access::policy::Action;
use loggia_app::estate::who_runs::{WhoRunsQuery, WhoRunsRow};
use loggia_model::Micros;
use loggia_model::instance::Step;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The routes of what was reported and belongs to nothing.
pub fn unmatched_routes() -> Vec<Route> {
    let route = |method, path, id, handler: Handler| Route::new(method, path, id, Access::May(Action::Sync), handler);
    vec![
        route(Method::GET, "/api/v1/unmatched", "listUnmatched", |call| Box::pin(unmatched(call)))
            .does("Lists what was reported and belongs to nothing that is offered, with why.")
            .gives::<Unmatched>(200, "What belongs to nothing."),
        route(Method::POST, "/api/v1/unmatched:dismiss", "dismissUnmatched", |call| Box::pin(dismiss(call)))
            .does("Puts such things aside: they are not listed any more, however often they are reported.")
            .body::<Dismissal>()
            .gives::<Dismissed>(200, "How many."),
    ]
}

/// Who runs it.
#[derive(Serialize, JsonSchema)]
pub struct WhoRuns {
    /// By team, environment and name.
    pub items: Vec<WhoRunsRow>,
    /// How many there are.
    pub total: usize,
}

/// What belongs to nothing that is offered.
#[derive(Serialize, JsonSchema)]
pub struct Unmatched {
    /// The newest sighting first.
    pub items: Vec<UnmatchedView>,
}

/// One thing that belongs to nothing that is offered.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnmatchedView {
    /// What makes it the same thing when it is seen again.
    pub key: String,
    /// What the reporter said.
    pub reported: Map<String, Value>,
    /// Why it belongs to nothing.
    pub why: String,
    /// When it was seen first.
    pub first_seen: Micros,
    /// When it was seen last.
    pub last_seen: Micros,
    /// How often.
    pub count: i64,
}

/// What is put aside.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dismissal {
    /// Keys of the list.
    #[schemars(length(min = 1, max = 1_000))]
    keys: Vec<String>,
}

/// What was put aside.
#[derive(Serialize, JsonSchema)]
pub struct Dismissed {
    /// How many.
    pub dismissed: usize,
}

/// Puts things aside that belong to nothing.
async fn dismiss(call: Call) -> Handled {
    let input: Dismissal = call.json()?;
    json(&Dismissed { dismissed: call.app().dismiss(&call.caller, input.keys).await? })
}

/// Who runs an offering.
pub async fn who_runs(call: Call) -> Handled {
    let named = call.segment("offering");
    let query = WhoRunsQuery {
        offering: if named.is_empty() { call.given.owned("offering").unwrap_or_default() } else { named.to_owned() },
        below: call.given.owned("below"),
        release_below: call.given.owned("releaseBelow"),
        version: call.given.owned("version"),
        environment: call.given.owned("environment"),
        team: call.given.owned("team"),
        step: match call.given.text("step") {
            Some("observed") => Some(Step::Observed),
            Some("enrolled") => Some(Step::Enrolled),
            Some("managed") => Some(Step::Managed),
            _ => None,
        },
    };
    let items = call.app().who_runs(&call.caller, &query)?;
    json(&WhoRuns { total: items.len(), items })
}

/// What was reported and belongs to nothing.
async fn unmatched(call: Call) -> Handled {
    let rows = call.app().unmatched(&call.caller).await?;
    let view = rows.into_iter().map(|row| UnmatchedView {
        key: row.key,
        reported: row.attributes.as_object().cloned().unwrap_or_default(),
        why: row.why,
        first_seen: row.first_seen,
        last_seen: row.last_seen,
        count: row.count,
    });
    json(&Unmatched { items: view.collect() })
}
