//! Sync and checks: where records come from, how far each source was read, and what is wrong in it.

use super::entity;
use super::form::Form;
use super::visit::{Answer, Visit};
use super::words::When;
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use loggia_app::access::policy::{Action, Subject};
use loggia_app::source::sources::SourceView;
use loggia_model::{Problem, Ref};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/sources", get(show))
        .route("/sources/confirm", post(confirm))
        .route("/sources/drop", post(drop_source))
        .route("/sources/refresh", post(refresh))
}

#[derive(Template)]
#[template(path = "source/page.html")]
struct SourcesPage {
    shell: Shell,
    sources: Vec<SourceCard>,
    may: bool,
}

/// One source.
struct SourceCard {
    id: String,
    location: String,
    state: &'static str,
    word: String,
    failure: String,
    commit: String,
    whole_commit: String,
    followed: bool,
    read: When,
    changed: When,
    documents: usize,
    problems: Vec<ProblemLine>,
    warnings: Vec<ProblemLine>,
    held: Vec<Link>,
    kept: Vec<Link>,
}

/// One thing that is wrong.
struct ProblemLine {
    place: String,
    rule: String,
    message: String,
    mend: String,
}

async fn show(visit: Visit) -> Answer {
    visit.signed_in()?;
    let may = visit.app().require(&visit.caller, Action::Sync, &Subject::default()).is_ok();
    let sources = visit.state.sources.list(&visit.caller).await?;
    let cards = sources.iter().enumerate().map(|(at, source)| card(&visit, at, source, may)).collect();
    let folder = sources.iter().map(|source| &source.row.location).find(|location| !location.contains("://"));
    let shell = Shell {
        command: folder.map(|folder| format!("loggia check {folder}")).unwrap_or_default(),
        json_twin: "/api/v1/sources".into(),
        ..visit.shell(may.then_some(Place::Studio))
    };
    visit.page(&SourcesPage { shell, sources: cards, may })
}

/// `all` says whether what is wrong may be told; otherwise it is not known here whether there is anything.
fn card(visit: &Visit, at: usize, source: &SourceView, all: bool) -> SourceCard {
    let report = &source.state.report;
    let (state, word) = match (source.state.failure.is_empty(), report.problems.len()) {
        _ if !source.followed => ("warn", "not read any more".to_owned()),
        (false, _) => ("bad", "cannot be read".to_owned()),
        (true, _) if !all => ("ok", "read".to_owned()),
        (true, 0) if !report.held.is_empty() => ("warn", "removals wait".to_owned()),
        (true, 0) => ("ok", "in step".to_owned()),
        (true, 1) => ("warn", "1 problem".to_owned()),
        (true, many) => ("warn", format!("{many} problems")),
    };
    let commit = source.row.last_commit.clone().unwrap_or_default();
    let link = |reference: &Ref| Link::new(reference.to_string(), entity::page(reference));
    SourceCard {
        id: format!("source-{at}"),
        location: source.row.location.clone(),
        state,
        word,
        failure: source.state.failure.clone(),
        commit: commit.chars().take(12).collect(),
        whole_commit: commit,
        followed: source.followed,
        read: When::ago(visit.app().now(), source.looked),
        changed: When::ago(visit.app().now(), source.row.last_ok),
        documents: source.state.documents,
        problems: report.problems.iter().map(problem).collect(),
        warnings: report.warnings.iter().map(|warning| problem(&warning.problem)).collect(),
        held: report.held.iter().map(link).collect(),
        kept: report.kept.iter().map(link).collect(),
    }
}

fn problem(problem: &Problem) -> ProblemLine {
    let place = match (&problem.file, problem.line, problem.column) {
        (Some(file), Some(line), Some(column)) => format!("{file}:{line}:{column}"),
        (Some(file), _, _) => file.clone(),
        (None, _, _) => problem.path.clone(),
    };
    ProblemLine { place, rule: problem.rule.clone(), message: problem.message.clone(), mend: problem.mend.clone() }
}

/// Does the removals that a source holds back.
async fn confirm(visit: Visit, body: Bytes) -> Answer {
    visit.signed_in()?;
    let form = Form::read(&body);
    visit.state.sources.confirm(&visit.caller, form.one("location"), form.one("commit")).await?;
    Ok(Redirect::to("/sources?done=confirmed").into_response())
}

/// Drops a source that is not read any more.
async fn drop_source(visit: Visit, body: Bytes) -> Answer {
    visit.signed_in()?;
    visit.state.sources.drop_source(&visit.caller, Form::read(&body).one("location")).await?;
    Ok(Redirect::to("/sources?done=dropped").into_response())
}

/// Reads all sources now.
async fn refresh(visit: Visit) -> Answer {
    visit.signed_in()?;
    visit.app().require(&visit.caller, Action::Sync, &Subject::default())?;
    visit.state.sources.refresh();
    Ok(Redirect::to("/sources?done=refreshed").into_response())
}
