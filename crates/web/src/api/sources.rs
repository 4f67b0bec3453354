//! Where records are read from.

use super::call::{Call, json};
use super::route::Handled;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use loggia_app::access::policy::{Action, Subject};
use loggia_app::source::sync::SyncReport;
use loggia_model::Micros;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// All sources.
#[derive(Serialize, JsonSchema)]
pub struct SourceList {
    /// In the order in which they were given.
    pub items: Vec<SourceView>,
}

/// One source.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceView {
    /// Where it is.
    pub location: String,
    /// `repository`, `catalog` or `estate`.
    pub kind: String,
    /// The commit that was taken over last.
    pub commit: Option<String>,
    /// When this server looked at it last and could read it.
    pub looked_at: Option<Micros>,
    /// When something of it was taken over last, or could not be read.
    pub last_sync: Option<Micros>,
    /// When something of it was taken over without an error last.
    pub last_ok: Option<Micros>,
    /// Whether this server still reads it.
    pub followed: bool,
    /// How many documents it has.
    pub documents: usize,
    /// Why it could not be read; empty when it could.
    pub failure: String,
    /// What the last synchronisation did and found.
    pub report: Map<String, Value>,
}

/// Which removals.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmInput {
    /// Where it is.
    #[schemars(length(min = 1, max = 2000))]
    pub location: String,
    /// The commit at which the removals were shown.
    #[schemars(length(min = 1, max = 200))]
    pub commit: String,
}

/// Which source.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropInput {
    /// Where it is.
    #[schemars(length(min = 1, max = 2000))]
    pub location: String,
}

/// What a synchronisation did.
#[derive(Serialize, JsonSchema)]
pub struct Confirmed {
    /// What it did and found.
    pub report: Map<String, Value>,
}

fn object(report: &SyncReport) -> Map<String, Value> {
    serde_json::to_value(report).ok().and_then(|value| value.as_object().cloned()).unwrap_or_default()
}

/// All sources.
pub async fn list(call: Call) -> Handled {
    let rows = call.state.sources.list(&call.caller).await?;
    let view = rows.into_iter().map(|view| SourceView {
        location: view.row.location,
        kind: view.row.kind,
        commit: view.row.last_commit,
        looked_at: view.looked,
        last_sync: view.row.last_sync,
        last_ok: view.row.last_ok,
        followed: view.followed,
        documents: view.state.documents,
        report: object(&view.state.report),
        failure: view.state.failure,
    });
    json(&SourceList { items: view.collect() })
}

/// Confirms removals that are held back.
pub async fn confirm(call: Call) -> Handled {
    let input: ConfirmInput = call.json()?;
    let report = call.state.sources.confirm(&call.caller, &input.location, &input.commit).await?;
    json(&Confirmed { report: object(&report) })
}

/// Drops a source that is not read any more.
pub async fn drop_source(call: Call) -> Handled {
    let input: DropInput = call.json()?;
    let report = call.state.sources.drop_source(&call.caller, &input.location).await?;
    json(&Confirmed { report: object(&report) })
}

/// Looks at all sources now.
pub async fn refresh(call: Call) -> Handled {
    call.app().require(&call.caller, Action::Sync, &Subject::default())?;
    call.state.sources.refresh();
    Ok(StatusCode::ACCEPTED.into_response())
}
