//! Who runs what, at which version, and who must be told.

use super::form::Form;
use super::visit::{Answer, Visit};
use super::words::{self, When};
use super::{entity, instance, team};
use crate::design::{Choice, Field, Input};
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use bytes::Bytes;
use loggia_app::Error;
use loggia_app::estate::who_runs::{WhoRunsQuery, WhoRunsRow};
use loggia_model::instance::Step;
use loggia_model::{Record, Ref};
use std::sync::Arc;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/who-runs", get(show))
        .route("/who-runs.csv", get(csv))
        .route("/who-runs/unmatched", get(unmatched))
        .route("/who-runs/unmatched/dismiss", post(dismiss))
}

/// The page for an offering.
pub fn href(offering: &str) -> String {
    format!("/who-runs?offering={offering}")
}

#[derive(Template)]
#[template(path = "who_runs/page.html")]
struct WhoRunsPage {
    shell: Shell,
    fields: Vec<Field>,
    heading: String,
    rows: Vec<RowView>,
    teams: usize,
    csv: String,
    problem: String,
    asked: bool,
    may_see_unmatched: bool,
}

/// One running thing, for people.
struct RowView {
    team: String,
    team_href: String,
    name: String,
    href: String,
    environment: String,
    version: String,
    release: String,
    /// Why its version was withdrawn.
    withdrawn: String,
    /// What becomes of it.
    ending: String,
    since: When,
    seen: When,
    contact: String,
    contact_href: String,
    known: String,
    step: &'static str,
    state: &'static str,
    word: &'static str,
}

fn query(visit: &Visit) -> WhoRunsQuery {
    let step = match visit.param("step") {
        "observed" => Some(Step::Observed),
        "enrolled" => Some(Step::Enrolled),
        "managed" => Some(Step::Managed),
        _ => None,
    };
    WhoRunsQuery {
        offering: visit.param("offering").to_owned(),
        below: visit.given("below"),
        release_below: visit.given("releaseBelow"),
        version: visit.given("version"),
        environment: visit.given("environment"),
        team: visit.given("team"),
        step,
    }
}

async fn show(visit: Visit) -> Answer {
    visit.signed_in()?;
    let query = query(&visit);
    let asked = !query.offering.is_empty();
    let mut fields = fields(&visit, &query);
    let mut problem = String::new();
    let rows = match visit.app().who_runs(&visit.caller, &query) {
        _ if !asked => Vec::new(),
        Ok(rows) => rows,
        Err(Error::Invalid(problems)) => {
            for one in problems {
                if let Some(field) = fields.iter_mut().find(|field| field.name == one.path) {
                    field.error = format!("{}. {}", one.message, one.mend);
                }
            }
            Vec::new()
        }
        Err(Error::NotFound(text)) => {
            problem = text;
            Vec::new()
        }
        Err(error) => return Err(error.into()),
    };
    let mut teams: Vec<&Ref> = rows.iter().filter(|row| !row.unknown_team).map(|row| &row.team).collect();
    teams.dedup();
    let shell = Shell {
        command: command(&query),
        json_twin: if asked { format!("/api/v1/who-runs?{}", parameters(&query)) } else { "/api/v1/offers".into() },
        ..visit.shell(Some(Place::Studio).filter(|_| visit.caller.product_team || visit.caller.administrator))
    };
    visit.page(&WhoRunsPage {
        heading: heading(&visit, &query.offering),
        teams: teams.len(),
        csv: format!("/who-runs.csv?{}", parameters(&query)),
        rows: rows.iter().map(|row| view(&visit, row)).collect(),
        may_see_unmatched: visit.caller.product_team || visit.caller.administrator,
        fields,
        problem,
        asked,
        shell,
    })
}

fn heading(visit: &Visit, name: &str) -> String {
    let record = visit.graph.get(&Ref::new("offering", "default", name));
    let seen = record.filter(|record| visit.graph.visible(visit.audience(), record));
    seen.map_or_else(|| "Who runs what".to_owned(), |record| format!("Who runs {}", record.parse().title()))
}

fn view(visit: &Visit, row: &WhoRunsRow) -> RowView {
    let now = visit.app().now();
    let (state, word) = words::phase(row.phase);
    let person = Ref::parse(&row.contact, Some("user"), "default").ok().filter(|_| row.contact.contains(':'));
    let known = person.as_ref().and_then(|person| visit.graph.get(person));
    RowView {
        team: row.team_title.clone(),
        team_href: if row.unknown_team { String::new() } else { team::href(&row.team) },
        withdrawn: row.withdrawn.clone(),
        ending: row.ending.clone(),
        name: row.name.clone(),
        href: instance::href(&row.instance),
        environment: row.environment.clone(),
        version: if row.version.is_empty() { "unknown".to_owned() } else { row.version.clone() },
        release: row.release.clone(),
        since: When::day(row.since),
        seen: When::ago(now, row.last_seen),
        contact: known.map_or_else(|| row.contact.clone(), |record| entity::title(record)),
        contact_href: match &person {
            Some(person) => entity::href(person),
            None if row.contact.contains('@') => format!("mailto:{}", row.contact),
            None => String::new(),
        },
        known: words::known_by(&row.known_by),
        step: words::step(row.step),
        state,
        word,
    }
}

fn choices(records: &[Arc<Record>], chosen: &str, none: &str) -> Vec<Choice> {
    let first = Choice { title: none.to_owned(), chosen: chosen.is_empty(), ..Choice::default() };
    let one = |record: &Arc<Record>| {
        let value = record.reference.short(record.reference.kind());
        Choice { chosen: value == chosen, title: entity::title(record), value, note: String::new() }
    };
    std::iter::once(first).chain(records.iter().map(one)).collect()
}

fn field(name: &str, label: &str, input: Input) -> Field {
    Field { id: format!("f-{name}"), name: name.into(), label: label.into(), input, ..Field::default() }
}

fn fields(visit: &Visit, query: &WhoRunsQuery) -> Vec<Field> {
    let audience = visit.audience();
    let offerings = loggia_app::release::offering::offerings(&visit.graph, audience);
    let environments = loggia_app::instance::availability::environments(&visit.graph, audience);
    let teams: Vec<Arc<Record>> = visit
        .graph
        .of_kind(audience, "group")
        .filter(|g| loggia_app::record::team::is_team(&visit.graph, audience, &g.reference))
        .collect();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let step = query.step.map(words::step).unwrap_or_default();
    let steps = [("", "any"), ("observed", "observed"), ("enrolled", "enrolled"), ("managed", "managed")];
    let option = |(value, title): (&str, &str)| Choice {
        value: value.into(),
        title: title.into(),
        chosen: value == step,
        ..Choice::default()
    };
    vec![
        Field {
            options: choices(&offerings, &query.offering, "Choose"),
            required: true,
            ..field("offering", "What", Input::Select)
        },
        Field { value: text(&query.below), required: false, ..field("below", "Below version", Input::Text) },
        Field {
            options: choices(&environments, &text(&query.environment), "everywhere"),
            required: true,
            ..field("environment", "Environment", Input::Select)
        },
        Field {
            options: choices(&teams, &text(&query.team), "everybody"),
            required: true,
            ..field("team", "Team", Input::Select)
        },
        Field {
            options: steps.into_iter().map(option).collect(),
            required: true,
            ..field("step", "How held", Input::Select)
        },
    ]
}

fn pairs(query: &WhoRunsQuery) -> Vec<(&'static str, String)> {
    let mut pairs = Vec::new();
    let optional = [
        ("below", &query.below),
        ("releaseBelow", &query.release_below),
        ("version", &query.version),
        ("environment", &query.environment),
        ("team", &query.team),
    ];
    pairs.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    pairs.extend(query.step.map(|step| ("step", words::step(step).to_owned())));
    pairs
}

fn parameters(query: &WhoRunsQuery) -> String {
    let mut out = url::form_urlencoded::Serializer::new(String::new());
    out.append_pair("offering", &query.offering);
    for (name, value) in pairs(query) {
        out.append_pair(name, &value);
    }
    out.finish()
}

fn command(query: &WhoRunsQuery) -> String {
    if query.offering.is_empty() {
        return String::new();
    }
    let mut text = format!("loggia who-runs {}", query.offering);
    for (name, value) in pairs(query) {
        let harmless = value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/".contains(c));
        let value = if harmless { value } else { format!("'{}'", value.replace('\'', "")) };
        // As options are written in a terminal.
        let option = if name == "releaseBelow" { "release-below" } else { name };
        text.push_str(&format!(" --{option} {value}"));
    }
    text
}

/// The same as a table for programs.
async fn csv(visit: Visit) -> Answer {
    visit.signed_in()?;
    let query = query(&visit);
    let rows = visit.app().who_runs(&visit.caller, &query)?;
    let mut out =
        String::from("team,name,environment,version,release,since,last_seen,contact,how_known,step,state\r\n");
    for row in &rows {
        let time = |at: Option<loggia_model::Micros>| at.map(|at| at.to_string()).unwrap_or_default();
        let cells = [
            row.team.name(),
            &row.name,
            &row.environment,
            &row.version,
            &row.release,
            &time(row.since),
            &time(row.last_seen),
            &row.contact,
            &row.known_by,
            words::step(row.step),
            words::phase(row.phase).1,
        ];
        out.push_str(&cells.map(cell).join(","));
        out.push_str("\r\n");
    }
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    let name = format!(
        "attachment; filename=\"who-runs-{}.csv\"",
        query.offering.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "")
    );
    let name = HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"));
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], out).into_response())
}

/// A cell: quoted where needed, and never read as a formula by a spreadsheet.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[derive(Template)]
#[template(path = "who_runs/unmatched.html")]
struct UnmatchedPage {
    shell: Shell,
    crumbs: Vec<Link>,
    rows: Vec<UnmatchedRow>,
}

/// One thing that matched nothing.
struct UnmatchedRow {
    key: String,
    offering: String,
    version: String,
    team: String,
    team_href: String,
    environment: String,
    why: String,
    seen: When,
    times: i64,
}

async fn unmatched(visit: Visit) -> Answer {
    visit.signed_in()?;
    let rows = visit.app().unmatched(&visit.caller).await?;
    let text = |value: &serde_json::Value, name: &str| value.get(name).map(words::plain).unwrap_or_default();
    let view = |row: &loggia_app::estate::unmatched::UnmatchedThing| UnmatchedRow {
        key: row.key.clone(),
        offering: text(&row.attributes, "offering"),
        version: text(&row.attributes, "version"),
        team: team_title(&visit, &text(&row.attributes, "team")).0,
        team_href: team_title(&visit, &text(&row.attributes, "team")).1,
        environment: text(&row.attributes, "environment"),
        why: row.why.clone(),
        seen: When::ago(visit.app().now(), Some(row.last_seen)),
        times: row.count,
    };
    visit.page(&UnmatchedPage {
        shell: Shell { json_twin: "/api/v1/unmatched".into(), ..visit.shell(Some(Place::Studio)) },
        crumbs: vec![Link::new("Who runs what", "/who-runs")],
        rows: rows.iter().map(view).collect(),
    })
}

/// Puts one thing aside.
async fn dismiss(visit: Visit, body: Bytes) -> Answer {
    visit.signed_in()?;
    visit.app().dismiss(&visit.caller, vec![Form::read(&body).one("key").to_owned()]).await?;
    Ok(Redirect::to("/who-runs/unmatched?done=dismissed").into_response())
}

/// Title and page of a team as a report named it; a name that is no team here stays as it is.
fn team_title(visit: &Visit, name: &str) -> (String, String) {
    let team = Ref::parse(name, Some("group"), "default").ok();
    let known = team.and_then(|team| visit.graph.get(&team));
    match known.filter(|record| visit.graph.visible(visit.audience(), record)) {
        Some(record) => (entity::title(record), team::href(&record.reference)),
        None => (name.to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_safe() {
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("say \"x\""), "\"say \"\"x\"\"\"");
        assert_eq!(cell("plain"), "plain");
    }

    #[test]
    fn the_command_says_what_the_page_says() {
        let query = WhoRunsQuery { offering: "postgres".into(), below: Some("15".into()), ..WhoRunsQuery::default() };
        assert_eq!(command(&query), "loggia who-runs postgres --below 15");
        assert_eq!(parameters(&query), "offering=postgres&below=15");
    }
}
