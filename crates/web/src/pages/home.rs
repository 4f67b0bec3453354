//! Home: what concerns me, what is new, and for newcomers how to begin.

use super::offer::{self, Offer};
use super::team::{self, RunRow};
use super::visit::{Answer, Visit};
use super::{agenda, me, words};
use crate::design::OfferingCard;
use crate::shell::{Place, Shell};
use crate::state::WebState;
use agenda::Line;
use askama::Template;
use axum::Router;
use axum::routing::get;
use loggia_app::access::policy::{Action, within};
use loggia_app::estate::who_runs::WhoRunsRow;
use loggia_graph::Predicate;
use loggia_model::instance::{InstanceStatus, Phase, Step};
use loggia_model::kinds::product::ProductSpec;
use loggia_model::{Record, Ref, time};
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// One step of the start.
struct StartStep {
    title: String,
    href: String,
    text: String,
    done: bool,
    /// The category of offerings without which the step makes no sense; empty for any other step.
    category: &'static str,
}

async fn home(visit: Visit) -> Answer {
    visit.signed_in()?;
    let teams = visit.my_teams();
    let mut rows: Vec<WhoRunsRow> =
        teams.iter().flat_map(|team| visit.app().runs_of_team(&visit.caller, &team.reference)).collect();
    rows.sort_by_key(attention);
    // What goes away comes before what was only not seen for long, or is being made.
    let (urgent, others): (Vec<&WhoRunsRow>, Vec<&WhoRunsRow>) = rows.iter().partition(|row| attention(row).0 < 2);
    let mut lines: Vec<Line> = urgent.into_iter().filter_map(line).collect();
    let names: Vec<Ref> = teams.iter().map(|team| team.reference.clone()).collect();
    lines.extend(agenda::lines(&visit, &names).await?);
    lines.extend(others.into_iter().filter_map(line));
    lines.extend(product_lines(&visit).await);
    let versions = team::newest_versions(&visit, &rows);
    lines.extend(newer_lines(&visit, &rows, &versions));
    let more = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    let product = super::visit::product(&visit.graph);
    let spec = product.and_then(|record| record.spec::<ProductSpec>().ok());
    let shell = Shell { command: "loggia get instances".into(), own_search: true, ..visit.shell(Some(Place::Home)) };
    let name = shell.person.as_ref().map(|p| p.name.split([',', ' ']).next().unwrap_or_default().to_owned());
    let offers = offer::all(&visit);
    let start = start(&visit, &offers).await?;
    visit.page(&Home {
        greeting: name
            .filter(|name| !name.is_empty())
            .map_or_else(|| "Hello".to_owned(), |name| format!("Hello, {name}")),
        tagline: spec.and_then(|spec| spec.tagline).unwrap_or_default(),
        runs: rows.iter().take(RUNS).map(|row| RunRow::of(&visit, row, "")).collect(),
        runs_total: rows.len(),
        newest: newest(offers),
        has_team: !teams.is_empty(),
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
    let (state, word) = words::phase(row.phase, row.step);
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

/// The steps of somebody who has got nothing here yet; none for others. What is done is seen, not ticked.
async fn start(visit: &Visit, offers: &[Offer]) -> Result<Vec<StartStep>, loggia_app::Error> {
    let Some(user) = visit.caller.user().filter(|_| !visit.caller.product_team) else { return Ok(Vec::new()) };
    let mine = Predicate::equals("kind", "instance").and(Predicate::equals("spec.contact", user.as_str()));
    let mine = visit.graph.select(visit.audience(), &mine);
    let got = |category: &str| {
        let names: Vec<&str> = offers.iter().filter(|o| o.spec.category == category).map(Offer::name).collect();
        mine.iter().any(|record| names.contains(&record.parse().spec_text("offering")))
    };
    let (path, data) = (got("path"), got("data"));
    let first = |category: &str| {
        let found = offers.iter().find(|o| o.spec.category == category && o.can_be_got());
        found.map_or_else(|| format!("/get?category={category}"), Offer::href)
    };
    // A token that is only good for looking does not tell which others there are.
    let own = within(&visit.caller, Action::OwnTokens);
    let token = own && !visit.app().my_tokens(&visit.caller).await?.is_empty();
    let mut steps = vec![
        step(
            "path",
            "Get a repository",
            first("path"),
            "It builds, tests and reports its health from the first minute.",
            path,
        ),
        step("", "Make a token", me::TOKENS.to_owned(), "Your password for Git and for the command line.", token),
        step(
            "path",
            "Clone it and push",
            newest_of(&mine, offers, "path"),
            "The address stands on the page of your repository.",
            false,
        ),
        step("data", "Get a database", first("data"), "Connect to it as soon as its page says ready.", data),
        step("", "See what you run", "/team".to_owned(), "Everything of your team, by environment.", false),
    ];
    steps.retain(|step| leads_somewhere(step, offers));
    // Who has both knows the way. A push cannot be seen from here, so it is not asked for.
    let knows = path && data && token;
    let works_here = mine.iter().any(|record| has_run_for_a_week(visit, record));
    if knows || works_here || visit.my_teams().is_empty() {
        steps.clear();
    }
    Ok(steps)
}

/// Whether a step can be taken: nobody is sent to what they cannot get.
fn leads_somewhere(step: &StartStep, offers: &[Offer]) -> bool {
    let here = |offer: &&Offer| !offer.elsewhere && !offer.is_past();
    step.category.is_empty() || offers.iter().filter(here).any(|offer| offer.spec.category == step.category)
}

/// Whether something of mine is no news any more: then I know my way.
fn has_run_for_a_week(visit: &Visit, record: &Record) -> bool {
    let since = record.typed_status::<InstanceStatus>().ok().and_then(|status| status.since);
    since.is_some_and(|since| visit.app().now().0 - since.0 > 7 * time::DAY)
}

fn step(category: &'static str, title: &str, href: String, text: &str, done: bool) -> StartStep {
    StartStep { title: title.to_owned(), href, text: text.to_owned(), done, category }
}

/// The newest thing of mine of a category; the shop without one.
fn newest_of(mine: &[Arc<Record>], offers: &[Offer], category: &str) -> String {
    let of = |name: &str| offers.iter().any(|o| o.spec.category == category && o.name() == name);
    let found = mine.iter().filter(|r| of(r.parse().spec_text("offering"))).max_by_key(|r| r.created_at);
    found.map_or_else(|| format!("/get?category={category}"), |record| team::instance_href(record))
}

/// The offerings that came last, of those that can be got somewhere.
fn newest(mut offers: Vec<Offer>) -> Vec<OfferingCard> {
    offers.retain(|offer| !offer.is_past());
    offers.sort_by_key(|offer| std::cmp::Reverse(offer.release.as_ref().map(|(record, _)| record.created_at)));
    offers.iter().take(NEW).map(Offer::card).collect()
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
