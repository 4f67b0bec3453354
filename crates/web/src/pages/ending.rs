//! What goes away: all of it, and the page of each.

use super::ending_acts::{Act, Sent, acts};
use super::ending_form::may_plan;
use super::visit::{Answer, Visit};
use super::words;
use super::{entity, instance, team};
use crate::design::{Fact, Input};
use crate::feeds::calendar_href;
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use loggia_app::ending::{EndingLine, EndingView, Left, LeftUse, title_of};
use loggia_model::ending::{Dates, Exemption};
use loggia_model::{Day, EndingState, Micros, Ref};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/endings", get(list)).route("/endings/{name}", get(show))
}

/// The page of an ending.
pub fn href(ending: &Ref) -> String {
    format!("/endings/{}", ending.name())
}

/// How one of the four words looks.
pub fn mark(state: EndingState) -> &'static str {
    match state {
        EndingState::Draft | EndingState::Cancelled => "off",
        EndingState::Announced | EndingState::Effective => "warn",
        EndingState::Proved => "ok",
        _ => "bad",
    }
}

#[derive(Template)]
#[template(path = "ending/list.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    /// Addresses of calendars: of my teams, and of the product for who runs it.
    calendars: Vec<Link>,
    may_plan: bool,
}

struct Row {
    title: String,
    href: String,
    mark: &'static str,
    word: String,
    planned: bool,
    off: String,
    running: usize,
    instead: String,
    instead_href: String,
}

async fn list(visit: Visit) -> Answer {
    visit.signed_in()?;
    let rows = visit.app().endings(&visit.caller).iter().map(row).collect();
    let shell = Shell {
        command: "loggia ending list".into(),
        json_twin: "/api/v1/endings:overview".into(),
        ..visit.shell(Some(Place::Studio).filter(|_| visit.caller.product_team || visit.caller.administrator))
    };
    let may_plan = may_plan(&visit, &visit.caller);
    visit.page(&ListPage { shell, rows, calendars: calendars(&visit), may_plan })
}

fn calendars(visit: &Visit) -> Vec<Link> {
    let product = super::visit::product(&visit.graph).filter(|_| visit.caller.product_team);
    let all = visit.my_teams().into_iter().chain(product);
    let link = |record: std::sync::Arc<loggia_model::Record>| {
        let address = calendar_href(visit.app(), &record.reference)?;
        Some(Link::new(entity::title(&record), address))
    };
    all.filter_map(link).collect()
}

fn row(line: &EndingLine) -> Row {
    let instead = line.replacement.as_ref();
    Row {
        title: title(line),
        href: href(&line.ending),
        mark: mark(line.state),
        word: line.standing.clone(),
        planned: line.state == EndingState::Draft,
        off: line.dates.off.words(),
        running: line.running,
        instead: line.replacement_title.clone(),
        instead_href: instead.map(place_of).unwrap_or_default(),
    }
}

fn title(line: &EndingLine) -> String {
    if line.part.is_empty() { line.title.clone() } else { format!("{}, {}", line.title, line.part) }
}

/// The page of what goes away or replaces it; of a version its place on the page of its offering.
fn place_of(name: &Ref) -> String {
    match loggia_model::kinds::ending::offering_of(name).filter(|_| name.kind() == "release") {
        Some(offering) => format!("{}#{}", super::offer::href(&offering), name.name()),
        None => entity::href(name),
    }
}

#[derive(Template)]
#[template(path = "ending/page.html")]
struct EndingPage {
    shell: Shell,
    crumbs: Vec<Link>,
    title: String,
    mark: &'static str,
    word: String,
    view: EndingView,
    facts: Vec<Fact>,
    when: Vec<When>,
    teams: Vec<TeamRow>,
    acts: Vec<Act>,
    /// Who asked for what waits for a second person.
    pending_by: String,
    exemptions: Vec<ExemptRow>,
    callers: Vec<(String, String)>,
    left: Vec<Link>,
}

/// Who may differ.
struct ExemptRow {
    who: String,
    until: String,
    reason: String,
    by: String,
    over: bool,
}

/// One day of the plan.
struct When {
    day: String,
    what: String,
    past: bool,
}

struct TeamRow {
    title: String,
    href: String,
    exempt: String,
    runs: Vec<Link>,
}

async fn show(visit: Visit, Path(name): Path<String>) -> Answer {
    visit.signed_in()?;
    page_of(&visit, &Ref::new("ending", "default", &name), None).await
}

/// The page, with what was sent and not done where it was filled in.
pub(super) async fn page_of(visit: &Visit, name: &Ref, sent: Sent<'_>) -> Answer {
    let view = visit.app().ending(&visit.caller, name).await?;
    let now = visit.app().now();
    let shell = Shell {
        command: format!("loggia ending show {}", name.name()),
        json_twin: format!("/api/v1/endings/default/{}/state", name.name()),
        ..visit.shell(None)
    };
    let left = view.left.clone().unwrap_or_default();
    visit.page(&EndingPage {
        shell,
        crumbs: vec![Link::new("What goes away", "/endings")],
        title: title(&view.line),
        mark: mark(view.line.state),
        word: view.line.standing.clone(),
        facts: facts(visit, &view),
        when: when(&view.line.dates, now),
        teams: view.concerned.iter().map(team_row).collect(),
        acts: acts(visit, &view, name, sent),
        pending_by: view.pending.as_ref().map(|pending| called(visit, &pending.by)).unwrap_or_default(),
        exemptions: view.exemptions.iter().map(|one| exemption(visit, one)).collect(),
        callers: left.callers.iter().map(|one| (called(visit, &one.who), used(one))).collect(),
        left: links(visit, &left),
        view,
    })
}

/// What is left, each with its page.
fn links(visit: &Visit, left: &Left) -> Vec<Link> {
    let thing = |name: &Ref, words: &str| Link::new(format!("{} {words}", name.name()), entity::href(name));
    let runs = left.instances.iter().map(|name| thing(name, "still runs"));
    let untold = left.untold.iter().map(|name| thing(name, "may be it: its version does not tell"));
    let texts = left.texts.iter().map(|name| {
        let title = title_of(&visit.graph, visit.audience(), name);
        Link::new(format!("{title} is still described"), place_of(name))
    });
    runs.chain(untold).chain(texts).collect()
}

/// Who used it, when last, and how often.
fn used(one: &LeftUse) -> String {
    let refused = if one.refused > 0 { format!(", {} refused", one.refused) } else { String::new() };
    format!("last on {}, {} answered{refused}", Day::of(one.last).words(), one.worked)
}

/// What people call somebody whom a text names.
fn called(visit: &Visit, name: &str) -> String {
    let found = name.parse::<Ref>().ok().and_then(|name| visit.graph.get(&name));
    let seen = found.filter(|record| visit.graph.visible(visit.audience(), record));
    seen.map_or_else(|| name.rsplit('/').next().unwrap_or(name).to_owned(), |record| entity::title(record))
}

fn exemption(visit: &Visit, one: &Exemption) -> ExemptRow {
    let team = called(visit, &one.team);
    let instance = one.instance.as_deref().map(|name| format!(", {} only", name.rsplit('/').next().unwrap_or(name)));
    ExemptRow {
        who: format!("{team}{}", instance.unwrap_or_default()),
        until: one.until.words(),
        reason: one.reason.clone(),
        by: called(visit, &one.by),
        over: one.until.start() <= visit.app().now(),
    }
}

fn facts(visit: &Visit, view: &EndingView) -> Vec<Fact> {
    let mut facts = Vec::new();
    let there = visit.graph.get(&view.line.subject).filter(|record| visit.graph.visible(visit.audience(), record));
    facts.push(match there {
        Some(_) => Fact::link("What", &view.line.title, place_of(&view.line.subject)),
        None => Fact::new("What", &view.line.title),
    });
    facts.push(match &view.line.replacement {
        Some(name) => Fact::link("Take instead", &view.line.replacement_title, place_of(name)),
        None => Fact::new("Take instead", "nothing replaces it"),
    });
    if let Some(guide) = &view.guide {
        facts.push(Fact::link("How to move", "the guide", guide));
    }
    facts.push(Fact::new("Rule", &view.preset));
    facts.push(Fact::new("Concerns (measured)", words::count(view.line.running, "running thing")));
    if let Some(emergency) = &view.emergency {
        let (asked, agreed) = (called(visit, &emergency.by), called(visit, &emergency.approved_by));
        let reason = emergency.reason.trim_end_matches('.');
        let who = format!("{reason}. Asked by {asked}, agreed by {agreed}.");
        facts.push(Fact::new("Emergency", who));
    }
    facts
}

fn when(dates: &Dates, now: Micros) -> Vec<When> {
    let days = [
        (dates.announced, "people are told"),
        (Some(dates.effective), "not to be chosen any more"),
        (dates.closed_to_new, "nobody new gets it"),
        (dates.closed_to_updates, "what runs is not changed any more"),
        (Some(dates.off), "off"),
    ];
    let mut all: Vec<(Micros, When)> = days
        .into_iter()
        .filter_map(|(day, what)| Some((day?, what)))
        .map(|(day, what)| (day.start(), When { day: day.words(), what: what.to_owned(), past: day.start() <= now }))
        .collect();
    for one in &dates.brownouts {
        let hour = |time: Micros| time.datetime().format("%H:%M").to_string();
        let what = match Day::of(one.from) == Day::of(one.to) {
            true => format!("off on trial from {} to {} (UTC)", hour(one.from), hour(one.to)),
            false => format!("off on trial {}", one.words()),
        };
        all.push((one.from, When { day: Day::of(one.from).words(), what, past: one.to <= now }));
    }
    all.sort_by_key(|(time, _)| *time);
    all.into_iter().map(|(_, when)| when).collect()
}

fn team_row(one: &loggia_app::ending::Concerned) -> TeamRow {
    let link = |row: &loggia_app::estate::who_runs::WhoRunsRow| {
        Link::new(format!("{} in {}", row.name, row.environment), instance::href(&row.instance))
    };
    TeamRow {
        title: one.title.clone(),
        href: team::href(&one.team),
        exempt: one.exempt_until.map(Day::words).unwrap_or_default(),
        runs: one.runs.iter().map(link).collect(),
    }
}
