//! What differs: two environments beside each other, or two times.

use super::changes::what;
use super::entity;
use super::visit::{Answer, Visit};
use super::words::When;
use crate::shell::Shell;
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::routing::get;
use loggia_app::Error;
use loggia_app::instance::availability::environments;
use loggia_app::workload::differ::{Cause, Row, Which};
use loggia_model::{Micros, Ref};
use serde_json::Value;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/differences", get(show))
}

#[derive(Template)]
#[template(path = "workload/differences.html")]
struct DifferencesPage {
    shell: Shell,
    title: String,
    environments: Vec<(String, bool, bool)>,
    teams: Vec<(String, String, bool)>,
    at: String,
    until: String,
    asked: bool,
    rows: Vec<DifferentLine>,
}

/// One thing that differs.
struct DifferentLine {
    name: String,
    link: String,
    word: String,
    cause: String,
    lines: Vec<String>,
}

/// What is compared.
struct Asked {
    /// Two environments, unless times are asked for.
    pair: Option<(String, String)>,
    /// The earlier time.
    at: Option<String>,
    /// The later one.
    until: Option<String>,
    team: Option<Ref>,
}

impl Asked {
    fn of(visit: &Visit) -> Asked {
        let given = |name: &str| visit.given(name).filter(|text| !text.is_empty());
        let at = given("at");
        let pair = || given("from").zip(given("to")).or_else(|| visit.app().usual_pair(&visit.caller));
        Asked {
            pair: if at.is_none() { pair() } else { None },
            team: given("team").and_then(|text| Ref::parse(&text, Some("group"), "default").ok()),
            until: given("until"),
            at,
        }
    }

    async fn rows(&self, visit: &Visit) -> Result<Vec<Row>, Error> {
        if let Some(day) = &self.at {
            let end = self.until.as_deref().map(|day| time("until", day)).transpose()?.unwrap_or(visit.app().now());
            return visit.app().differ_times(&visit.caller, time("at", day)?, end, self.team.as_ref()).await;
        }
        match &self.pair {
            Some((from, to)) => visit.app().differ_environments(&visit.caller, from, to, self.team.as_ref()).await,
            None => Ok(Vec::new()),
        }
    }

    fn title(&self) -> String {
        match (&self.at, &self.pair) {
            (Some(day), _) => format!("What changed since {day}"),
            (None, Some((from, to))) => format!("What differs between {from} and {to}"),
            _ => "What differs".to_owned(),
        }
    }

    /// The same question to a terminal.
    fn command(&self) -> String {
        let team = self.team.as_ref().map(|team| format!(" --team {}", team.name())).unwrap_or_default();
        match (&self.at, &self.pair) {
            (Some(at), _) => {
                let until = self.until.as_ref().map(|until| format!(" --at {until}")).unwrap_or_default();
                format!("loggia diff --at {at}{until}{team}")
            }
            (None, Some((from, to))) => format!("loggia diff env {from} {to}{team}"),
            _ => String::new(),
        }
    }

    /// The same question to the API.
    fn twin(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some((from, to)) = &self.pair {
            query.append_pair("from", from).append_pair("to", to);
        }
        let rest = [("at", self.at.clone()), ("until", self.until.clone().filter(|_| self.at.is_some()))];
        let team = ("team", self.team.as_ref().map(ToString::to_string));
        for (name, value) in rest.into_iter().chain([team]) {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
        let query = query.finish();
        if query.is_empty() { "/api/v1/differences".to_owned() } else { format!("/api/v1/differences?{query}") }
    }

    /// The teams to choose from: whoever looks at another team's keeps it.
    fn teams(&self, visit: &Visit) -> Vec<(String, String, bool)> {
        let mut all = visit.my_teams();
        let other = self.team.as_ref().filter(|team| all.iter().all(|one| one.reference != **team));
        let other = other.and_then(|team| visit.graph.get(team).cloned());
        all.extend(other.filter(|team| visit.graph.visible(visit.audience(), team)));
        let is = |name: &Ref| self.team.as_ref() == Some(name);
        all.iter().map(|one| (one.reference.name().to_owned(), entity::title(one), is(&one.reference))).collect()
    }
}

async fn show(visit: Visit) -> Answer {
    visit.signed_in()?;
    let asked = Asked::of(&visit);
    let rows = asked.rows(&visit).await?;
    // The form proposes two environments also where times are asked about.
    let pair = asked.pair.clone().or_else(|| visit.app().usual_pair(&visit.caller));
    let is = |name: &str| pair.as_ref().map_or((false, false), |(from, to)| (from == name, to == name));
    let all = environments(&visit.graph, visit.audience());
    let named = all.iter().map(|record| record.reference.name().to_owned());
    let places = asked.pair.as_ref().map(|(from, to)| (from.as_str(), to.as_str()));
    visit.page(&DifferencesPage {
        shell: Shell { command: asked.command(), json_twin: asked.twin(), ..visit.shell(None) },
        environments: named.map(|name| (is(&name), name)).map(|((from, to), name)| (name, from, to)).collect(),
        teams: asked.teams(&visit),
        asked: asked.at.is_some() || asked.pair.is_some(),
        rows: rows.into_iter().map(|row| different(&visit, row, places)).collect(),
        at: asked.at.clone().unwrap_or_default(),
        until: asked.until.clone().unwrap_or_default(),
        title: asked.title(),
    })
}

/// A day or a moment.
fn time(field: &str, text: &str) -> Result<Micros, Error> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let wrong = || Error::invalid("diff.time", field, format!("{text:?} is no day"), "Write it like 2026-04-30.");
    Micros::parse(&whole).ok_or_else(wrong)
}

fn different(visit: &Visit, row: Row, places: Option<(&str, &str)>) -> DifferentLine {
    let value = |value: Option<&Value>| match value {
        None | Some(Value::Null) => "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let fields = row
        .fields
        .iter()
        .map(|field| format!("{}: {} → {}", field.path, value(field.before.as_ref()), value(field.after.as_ref())));
    let edges = row.edges.iter().map(|edge| {
        let sign = if edge.which == Which::Added { "now" } else { "no more" };
        let cause = edge.cause.as_ref().map(|cause| format!(" ({})", caused(visit, cause))).unwrap_or_default();
        format!("{sign} {} {}{cause}", edge.relation, edge.target)
    });
    let newest = row.records.last();
    DifferentLine {
        link: newest.filter(|name| visit.graph.get(name).is_some()).map(entity::page).unwrap_or_default(),
        word: match (row.which, places) {
            (Which::Added, None) => "added".to_owned(),
            (Which::Removed, None) => "taken away".to_owned(),
            (Which::Changed, None) => "changed".to_owned(),
            (Which::Added, Some((_, to))) => format!("only in {to}"),
            (Which::Removed, Some((from, _))) => format!("only in {from}"),
            (Which::Changed, Some(_)) => "is another".to_owned(),
        },
        cause: row.cause.as_ref().map(|cause| caused(visit, cause)).unwrap_or_default(),
        lines: fields.chain(edges).collect(),
        name: row.name,
    }
}

fn caused(visit: &Visit, cause: &Cause) -> String {
    let when = When::ago(visit.app().now(), Some(cause.time)).words;
    let by = cause.by.rsplit('/').next().unwrap_or_default();
    let commit =
        cause.commit.as_deref().map(|commit| format!(", commit {}", commit.chars().take(8).collect::<String>()));
    let reason = cause.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{} by {by}, {when}{}{reason}", what(&cause.event), commit.unwrap_or_default())
}
