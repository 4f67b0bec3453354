//! The start of the product team's place.

use super::visit::{Answer, Visit};
use crate::shell::{Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::routing::get;
use loggia_app::access::policy::{Action, Subject};
use loggia_graph::Predicate;
use schemars::JsonSchema;
use serde::Serialize;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/studio", get(studio))
}

#[derive(Template)]
#[template(path = "studio/index.html")]
struct Studio {
    shell: Shell,
    overview: Overview,
}

/// How much runs, and what waits.
#[derive(Serialize, JsonSchema)]
pub struct Overview {
    /// How many things run.
    running: u64,
    /// How many things are offered.
    offerings: u64,
    /// How many running things match nothing that is offered.
    unmatched: usize,
    /// How many problems were found in what was read from repositories.
    problems: usize,
}

/// Counts what runs and what waits.
///
/// # Errors
/// [`loggia_app::Error::Forbidden`] for who is not of the product team.
pub async fn overview(visit: &Visit) -> Result<Overview, loggia_app::Error> {
    visit.app().require(&visit.caller, Action::Sync, &Subject::default())?;
    let count = |kind: &str| visit.graph.count(visit.audience(), &Predicate::equals("kind", kind));
    let sources = visit.state.sources.list(&visit.caller).await?;
    Ok(Overview {
        running: count("instance"),
        offerings: count("offering"),
        unmatched: visit.app().unmatched(&visit.caller).await?.len(),
        problems: sources.iter().map(|source| source.state.report.problems.len()).sum(),
    })
}

async fn studio(visit: Visit) -> Answer {
    visit.signed_in()?;
    let overview = overview(&visit).await?;
    let shell = Shell {
        command: "loggia unmatched".into(),
        json_twin: "/api/v1/studio".into(),
        ..visit.shell(Some(Place::Studio))
    };
    visit.page(&Studio { shell, overview })
}
