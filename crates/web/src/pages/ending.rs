//! What goes away: all of it, and the page of each.

use super::form::Form;
use super::visit::{Answer, Visit};
use super::words;
use super::{entity, instance, team};
use crate::design::Fact;
use crate::feeds::calendar_href;
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use loggia_app::Error;
use loggia_app::ending::{Decide, EndingLine, EndingView, Verb};
use loggia_app::writing::may_write;
use loggia_model::ending::Dates;
use loggia_model::time::SECOND;
use loggia_model::{EndingState, Micros, Ref};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/endings", get(list))
        .route("/endings/{name}", get(show))
        .route("/endings/{name}/{verb}", post(step))
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
    let rows = visit.app().endings(&visit.caller).iter().map(|line| row(&visit, line)).collect();
    let shell = Shell {
        command: "loggia ending list".into(),
        json_twin: "/api/v1/endings:overview".into(),
        ..visit.shell(Some(Place::Studio).filter(|_| visit.caller.product_team || visit.caller.administrator))
    };
    visit.page(&ListPage { shell, rows, calendars: calendars(&visit) })
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

fn row(visit: &Visit, line: &EndingLine) -> Row {
    let instead = line.replacement.as_ref();
    Row {
        title: title(visit, line),
        href: href(&line.ending),
        mark: mark(line.state),
        word: line.standing.clone(),
        planned: line.state == EndingState::Draft,
        off: line.dates.off.to_string(),
        running: line.running,
        instead: instead.map(|name| named(visit, name)).unwrap_or_default(),
        instead_href: instead.map(entity::href).unwrap_or_default(),
    }
}

fn named(visit: &Visit, name: &Ref) -> String {
    let record = visit.graph.get(name).filter(|record| visit.graph.visible(visit.audience(), record));
    record.map_or_else(|| name.name().to_owned(), |record| entity::title(record))
}

fn title(visit: &Visit, line: &EndingLine) -> String {
    let name = named(visit, &line.subject);
    if line.part.is_empty() { name } else { format!("{name}, {}", line.part) }
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
    may: Vec<Button>,
    callers: Vec<(String, String)>,
    left: Vec<String>,
}

/// One day of the plan.
struct When {
    day: String,
    what: &'static str,
    past: bool,
}

struct TeamRow {
    title: String,
    href: String,
    exempt: String,
    runs: Vec<Link>,
}

/// Something that the caller may do now.
struct Button {
    word: &'static str,
    label: &'static str,
    asks: &'static str,
}

async fn show(visit: Visit, Path(name): Path<String>) -> Answer {
    visit.signed_in()?;
    let name = Ref::new("ending", "default", &name);
    let view = visit.app().ending(&visit.caller, &name).await?;
    let now = visit.app().now();
    let shell = Shell {
        command: format!("loggia ending show {}", name.name()),
        json_twin: format!("/api/v1/endings/default/{}/state", name.name()),
        ..visit.shell(None)
    };
    let left = view.left.clone().unwrap_or_default();
    let callers = left.callers.iter().map(|one| {
        let refused = if one.refused > 0 { format!(", {} refused", one.refused) } else { String::new() };
        (one.who.clone(), format!("last on {}, {} answered{refused}", loggia_model::Day::of(one.last), one.worked))
    });
    visit.page(&EndingPage {
        shell,
        crumbs: vec![Link::new("What goes away", "/endings")],
        title: title(&visit, &view.line),
        mark: mark(view.line.state),
        word: view.line.standing.clone(),
        facts: facts(&visit, &view),
        when: when(&view.line.dates, now),
        teams: view.concerned.iter().map(team_row).collect(),
        may: buttons(&visit, &view, &name),
        callers: callers.collect(),
        left: left.instances.iter().chain(&left.texts).map(ToString::to_string).collect(),
        view,
    })
}

fn facts(visit: &Visit, view: &EndingView) -> Vec<Fact> {
    let mut facts = Vec::new();
    if visit.graph.get(&view.line.subject).is_some() {
        facts.push(Fact::link("What", named(visit, &view.line.subject), entity::href(&view.line.subject)));
    }
    facts.push(match &view.line.replacement {
        Some(name) => Fact::link("Take instead", named(visit, name), entity::href(name)),
        None => Fact::new("Take instead", "nothing replaces it"),
    });
    if let Some(guide) = &view.guide {
        facts.push(Fact::link("How to move", "the guide", guide));
    }
    facts.push(Fact::new("Rule", &view.preset));
    facts.push(Fact::new("Concerns (measured)", words::count(view.line.running, "running thing")));
    if let Some(emergency) = &view.emergency {
        let who = format!("{} Asked by {}, agreed by {}.", emergency.reason, emergency.by, emergency.approved_by);
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
        .map(|(day, what)| (day.start(), When { day: day.to_string(), what, past: day.start() <= now }))
        .collect();
    for one in &dates.brownouts {
        let minutes = |time: Micros| time.datetime().format("%Y-%m-%d %H:%M").to_string();
        let hours = (one.to.0 - one.from.0) / SECOND / 3_600;
        let what = if hours > 24 { "off on trial, for days (UTC)" } else { "off on trial, for some hours (UTC)" };
        all.push((one.from, When { day: minutes(one.from), what, past: one.to <= now }));
    }
    all.sort_by_key(|(time, _)| *time);
    all.into_iter().map(|(_, when)| when).collect()
}

fn team_row(one: &loggia_app::ending::Concerned) -> TeamRow {
    let link = |row: &loggia_app::who_runs::WhoRunsRow| {
        Link::new(format!("{} in {}", row.name, row.environment), instance::href(&row.instance))
    };
    TeamRow {
        title: one.title.clone(),
        href: team::href(&one.team),
        exempt: one.exempt_until.map(|day| day.to_string()).unwrap_or_default(),
        runs: one.runs.iter().map(link).collect(),
    }
}

fn buttons(visit: &Visit, view: &EndingView, name: &Ref) -> Vec<Button> {
    let Some(text) = visit.graph.get(name).map(|record| record.parse()) else { return Vec::new() };
    let may = |action, subject: &_| visit.app().require(&visit.caller, action, subject);
    if visit.app().settings.read_only || may_write(&visit.graph, Some(&text), Some(&text), may).is_err() {
        return Vec::new();
    }
    let announce = Button { word: "announce", label: "Announce it", asks: "" };
    let urgent = Button { word: "announce", label: "Announce it as an emergency", asks: "Why it is one" };
    let cancel = Button { word: "cancel", label: "Give it up", asks: "Why" };
    let mut all = match view.line.state {
        EndingState::Draft if view.too_short.is_empty() => vec![announce, cancel],
        EndingState::Draft => vec![urgent, cancel],
        EndingState::Announced => vec![cancel],
        EndingState::Off => vec![Button { word: "remove", label: "It was taken away", asks: "" }],
        _ => Vec::new(),
    };
    if view.pending.as_ref().is_some_and(|pending| pending.by != visit.caller.name()) {
        all.insert(0, Button { word: "approve", label: "Agree as the second person", asks: "" });
    }
    all
}

async fn step(visit: Visit, Path((name, verb)): Path<(String, String)>, body: Bytes) -> Answer {
    visit.signed_in()?;
    let reason = Form::read(&body).one("reason").trim().to_owned();
    let (verb, done) = match verb.as_str() {
        "announce" => (Verb::Announce { emergency: Some(reason).filter(|text| !text.is_empty()) }, "told"),
        "approve" => (Verb::Approve, "agreed"),
        "cancel" => (Verb::Cancel { reason }, "cancelled"),
        "remove" => (Verb::Remove, "taken"),
        _ => return Err(Error::NotFound("There is no such page.".into()).into()),
    };
    let ending = Ref::new("ending", "default", &name);
    visit.app().run(&visit.caller, Decide { ending: ending.clone(), verb }).await?;
    Ok(Redirect::to(&format!("{}?done={done}", href(&ending))).into_response())
}
