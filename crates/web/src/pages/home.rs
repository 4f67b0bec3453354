//! Home: what concerns me, what is new, and for newcomers how to begin.

use super::offer::{self, Offer};
use super::start::{StartStep, start};
use super::team::{self, RunRow};
use super::visit::{Answer, Visit};
use super::{agenda, words};
use crate::design::OfferingCard;
use crate::shell::{Place, Shell};
use crate::state::WebState;
use agenda::Line;
use askama::Template;
use axum::Router;
use axum::routing::get;
use loggia_app::estate::who_runs::WhoRunsRow;
use loggia_app::release::offered::Offered;
use loggia_model::Ref;
use loggia_model::instance::{Phase, Step};
use loggia_model::kinds::product::ProductSpec;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/", get(home))
}

/// How many lines concern me at most; the rest is one click away.
const LINES: usize = 3;
/// How much of what runs is shown; the rest is on the page of the team.
const RUNS: usize = 5;
/// How many offerings are shown as new.
const NEW: usize = 3;

#[derive(Template)]
#[template(path = "home/index.html")]
struct Home {
    shell: Shell,
    greeting: String,
    tagline: String,
    lines: Vec<Line>,
    more: usize,
    /// Steps of a newcomer; empty for everybody else.
    start: Vec<StartStep>,
    runs: Vec<RunRow>,
    runs_total: usize,
    newest: Vec<OfferingCard>,
    has_team: bool,
}

/// What home says.
#[derive(Serialize, JsonSchema)]
pub struct HomeView {
    /// What concerns you, the most urgent first.
    lines: Vec<Line>,
    /// How to begin, for who has nothing here yet; empty for everybody else.
    start: Vec<StartStep>,
    /// What your teams run.
    runs: Vec<WhoRunsRow>,
    /// What is offered since the shortest time.
    newest: Vec<Offered>,
}

/// What home says, before it is a page.
struct Told {
    lines: Vec<Line>,
    start: Vec<StartStep>,
    rows: Vec<WhoRunsRow>,
    offers: Vec<Offer>,
    has_team: bool,
}

async fn told(visit: &Visit) -> Result<Told, loggia_app::Error> {
    let teams = visit.my_teams();
    let mut rows: Vec<WhoRunsRow> =
        teams.iter().flat_map(|team| visit.app().runs_of_team(&visit.caller, &team.reference)).collect();
    rows.sort_by_key(attention);
    // What goes away comes before what was only not seen for long, or is being made.
    let (urgent, others): (Vec<&WhoRunsRow>, Vec<&WhoRunsRow>) = rows.iter().partition(|row| attention(row).0 < 2);
    let mut lines: Vec<Line> = urgent.into_iter().filter_map(line).collect();
    let names: Vec<Ref> = teams.iter().map(|team| team.reference.clone()).collect();
    lines.extend(agenda::lines(visit, &names).await?);
    lines.extend(others.into_iter().filter_map(line));
    lines.extend(product_lines(visit).await);
    let versions = team::newest_versions(visit, &rows);
    lines.extend(newer_lines(visit, &rows, &versions));
    let offers = offer::all(visit);
    let start = start(visit, &offers).await?;
    Ok(Told { lines, start, rows, offers, has_team: !teams.is_empty() })
}

/// The same for the API.
///
/// # Errors
/// When the database does not answer.
pub async fn view(visit: &Visit) -> Result<HomeView, loggia_app::Error> {
    let Told { lines, start, rows, offers, .. } = told(visit).await?;
    let newest = newest(offers).into_iter().map(|offer| offer.record);
    let newest = newest.filter_map(|record| visit.app().offered(&visit.graph, &visit.caller, &record)).collect();
    Ok(HomeView { lines, start, runs: rows, newest })
}

async fn home(visit: Visit) -> Answer {
    visit.signed_in()?;
    let Told { mut lines, start, rows, offers, has_team } = told(&visit).await?;
    let more = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    let product = super::visit::product(&visit.graph);
    let spec = product.and_then(|record| record.spec::<ProductSpec>().ok());
    let shell = Shell {
        command: "loggia get instances".into(),
        json_twin: "/api/v1/home".into(),
        own_search: true,
        ..visit.shell(Some(Place::Home))
    };
    let name = shell.person.as_ref().map(|p| p.name.split([',', ' ']).next().unwrap_or_default().to_owned());
    visit.page(&Home {
        greeting: name
            .filter(|name| !name.is_empty())
            .map_or_else(|| "Hello".to_owned(), |name| format!("Hello, {name}")),
        tagline: spec.and_then(|spec| spec.tagline).unwrap_or_default(),
        runs: rows.iter().take(RUNS).map(|row| RunRow::of(&visit, row, "")).collect(),
        runs_total: rows.len(),
        newest: newest(offers).iter().map(Offer::card).collect(),
        has_team,
        start,
        lines,
        more,
        shell,
    })
}

/// The order of what runs: what needs somebody first, then what the platform looks after.
fn attention(row: &WhoRunsRow) -> (u8, bool) {
    let urgency = match row.phase {
        Phase::Ready if !row.withdrawn.is_empty() => 0,
        Phase::Failed => 0,
        Phase::Deleting => 1,
        Phase::Unknown => 2,
        Phase::Pending | Phase::Progressing => 3,
        Phase::Ready | Phase::Gone => 4,
    };
    (urgency, row.step != Step::Managed)
}

/// What runs in a version that nobody gets any more.
fn withdrawn_line(row: &WhoRunsRow) -> Line {
    Line {
        state: "bad",
        word: "version withdrawn".to_owned(),
        title: row.name.clone(),
        href: super::instance::href(&row.instance),
        text: format!(" in {} runs {}, which was withdrawn: {}", row.environment, row.version, row.withdrawn),
    }
}

/// What runs and needs somebody.
fn line(row: &WhoRunsRow) -> Option<Line> {
    let text = match row.phase {
        Phase::Ready if !row.withdrawn.is_empty() => return Some(withdrawn_line(row)),
        Phase::Ready | Phase::Gone => return None,
        Phase::Failed => "failed; its page says why and what to do now.",
        Phase::Unknown => "was not seen for too long; nobody knows whether it still runs.",
        Phase::Pending | Phase::Progressing => "is being made; watch each step.",
        Phase::Deleting => "is being destroyed.",
    };
    let (state, word) = words::phase(row.phase);
    Some(Line {
        state,
        word: word.to_owned(),
        title: row.name.clone(),
        href: super::instance::href(&row.instance),
        text: format!(" in {} {text}", row.environment),
    })
}

/// Newer versions of what runs: one line for each thing that is offered, however many run it.
fn newer_lines(visit: &Visit, rows: &[WhoRunsRow], newest: &BTreeMap<String, String>) -> Vec<Line> {
    let mut behind: BTreeMap<String, (&str, Vec<RunRow>)> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.phase == Phase::Ready) {
        let run = RunRow::of(visit, row, team::newer(visit, row, newest));
        if let Some(version) = newest.get(&team::offering_of(visit, row)).filter(|_| !run.newer.is_empty()) {
            behind.entry(run.offering.clone()).or_insert((version, Vec::new())).1.push(run);
        }
    }
    let line = |(offering, (version, runs)): (String, (&str, Vec<RunRow>))| Line {
        state: "new",
        word: "newer version".to_owned(),
        title: format!("{offering} {version} can be got"),
        href: if let [one] = runs.as_slice() { one.href.clone() } else { "/team".to_owned() },
        text: match runs.as_slice() {
            [one] => format!("; {} in {} is older.", one.name, one.environment),
            many => format!("; {} of yours are older.", many.len()),
        },
    };
    behind.into_iter().map(line).collect()
}

/// What waits for the product team.
async fn product_lines(visit: &Visit) -> Vec<Line> {
    let mut lines = Vec::new();
    if !(visit.caller.product_team || visit.caller.administrator) {
        return lines;
    }
    let mut add = |state, word: &str, title: String, href: &str, text: &str| {
        lines.push(Line { state, word: word.to_owned(), title, href: href.to_owned(), text: format!(" {text}") });
    };
    let sources = visit.state.sources.list(&visit.caller).await.unwrap_or_default();
    let problems: usize = sources.iter().map(|source| source.state.report.problems.len()).sum();
    if problems > 0 {
        add("bad", "to mend", words::count(problems, "problem"), "/sources", "in what was read from the repositories.");
    }
    let held: usize = sources.iter().map(|source| source.state.report.held.len()).sum();
    if held > 0 {
        add("warn", "held", words::count(held, "removal"), "/sources", "will be done when somebody confirms them.");
    }
    let unmatched = visit.app().unmatched(&visit.caller).await.map_or(0, |rows| rows.len());
    if unmatched > 0 {
        let title = words::count(unmatched, "running thing");
        add("unknown", "unmatched", title, "/who-runs/unmatched", "match nothing that is offered; the list says why.");
    }
    lines
}

/// The offerings that came last, of those that can be got somewhere.
fn newest(mut offers: Vec<Offer>) -> Vec<Offer> {
    offers.retain(|offer| !offer.is_past());
    offers.sort_by_key(|offer| std::cmp::Reverse(offer.release.as_ref().map(|(record, _)| record.created_at)));
    offers.truncate(NEW);
    offers
}

#[cfg(test)]
mod tests {
    use super::{WhoRunsRow, attention};
    use serde_json::json;

    #[test]
    fn what_needs_somebody_stands_first() {
        let row = |(name, phase, step): (&str, &str, &str)| -> WhoRunsRow {
            serde_json::from_value(json!({"instance": "instance:red/a.dev", "name": name, "team": "group:default/red",
                "teamTitle": "Red", "environment": "dev", "version": "1", "release": "a-1", "contact": "",
                "step": step, "knownBy": "driver", "phase": phase}))
            .unwrap()
        };
        let mut rows: Vec<WhoRunsRow> = [
            ("seen", "ready", "observed"),
            ("well", "ready", "managed"),
            ("lost", "unknown", "observed"),
            ("going", "deleting", "managed"),
            ("broken", "failed", "managed"),
            ("new", "progressing", "managed"),
        ]
        .map(row)
        .into();
        rows.sort_by_key(attention);
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["broken", "going", "lost", "new", "well", "seen"]);
    }
}
