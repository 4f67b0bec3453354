//! The parts of the house on one page, and the start of the product team's place.

use super::visit::{Answer, Visit};
use crate::shell::{Place, Shell};
use crate::specimen::DesignPage;
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::routing::get;
use loggia_app::access::policy::{Action, Subject};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/design", get(design)).route("/studio", get(studio))
}

async fn design(visit: Visit) -> Answer {
    visit.signed_in()?;
    visit.page(&DesignPage::new(visit.shell(None)))
}

#[derive(Template)]
#[template(path = "studio/index.html")]
struct Studio {
    shell: Shell,
    running: u64,
    offerings: u64,
    unmatched: usize,
    problems: usize,
}

async fn studio(visit: Visit) -> Answer {
    visit.signed_in()?;
    visit.app().require(&visit.caller, Action::Sync, &Subject::default())?;
    let count = |kind: &str| visit.graph.count(visit.audience(), &loggia_graph::Predicate::equals("kind", kind));
    let sources = visit.state.sources.list(&visit.caller).await?;
    visit.page(&Studio {
        shell: visit.shell(Some(Place::Studio)),
        running: count("instance"),
        offerings: count("offering"),
        unmatched: visit.app().unmatched(&visit.caller).await?.len(),
        problems: sources.iter().map(|source| source.state.report.problems.len()).sum(),
    })
}
