//! Workloads: each in its environments, side by side, what was deployed, and what differs.

use super::instance::href as instance_href;
use super::visit::{Answer, Visit};
use super::words::{self, When};
use super::{entity, team};
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use loggia_app::Error;
use loggia_app::instance::availability::environments;
use loggia_app::instance::order::{namespace_for, team_of};
use loggia_app::workload::differ::{Cause, Row, Which};
use loggia_app::workload::history::{Deployment, Place as Deployed};
use loggia_model::{Micros, Ref};
use serde_json::Value;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/workloads", get(list))
        .route("/workloads/{team}/{name}", get(show))
        .route("/differences", get(differences))
}

/// The page of a workload.
pub fn href(team: &Ref, name: &str) -> String {
    format!("/workloads/{}/{name}", namespace_for(team))
}

#[derive(Template)]
#[template(path = "workload/list.html")]
struct ListPage {
    shell: Shell,
    workloads: Vec<(Link, Link)>,
}

async fn list(visit: Visit) -> Answer {
    visit.signed_in()?;
    let one = |(of, name): (Ref, String)| (Link::new(&name, href(&of, &name)), Link::new(of.name(), team::href(&of)));
    let workloads = visit.app().workloads(&visit.caller).into_iter().map(one).collect();
    visit.page(&ListPage {
        shell: Shell {
            command: "loggia workload".to_owned(),
            json_twin: "/api/v1/workloads".to_owned(),
            ..visit.shell(Some(Place::Team))
        },
        workloads,
    })
}

#[derive(Template)]
#[template(path = "workload/page.html")]
struct WorkloadPage {
    shell: Shell,
    crumbs: Vec<Link>,
    title: String,
    places: Vec<Column>,
    /// The names of all resources.
    resources: Vec<String>,
    history: Vec<HistoryLine>,
    differences: Vec<Link>,
}

/// One environment.
struct Column {
    environment: String,
    link: Option<Link>,
    state: (&'static str, &'static str),
    artifact: String,
    number: u64,
    from: String,
    runs_on: String,
    url: String,
    /// The release of each resource.
    resources: Vec<(String, String)>,
    /// What brings it to the next one.
    promote: String,
}

/// One deployment.
struct HistoryLine {
    environment: String,
    number: u64,
    when: When,
    by: String,
    artifact: String,
    from: String,
}

async fn show(visit: Visit, Path((of, name)): Path<(String, String)>) -> Answer {
    visit.signed_in()?;
    let of = team_of(&of);
    let places = visit.app().workload(&visit.caller, &of, &name)?;
    let mut resources: Vec<String> = places.iter().flat_map(|place| place.resources.keys().cloned()).collect();
    resources.sort();
    resources.dedup();
    let mut history = Vec::new();
    for place in &places {
        let Some(instance) = &place.instance else { continue };
        let all = visit.app().deployments(&visit.caller, instance).await?;
        history.extend(all.into_iter().map(|one| (one.time, line(&visit, &place.environment, one))));
    }
    history.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    let there: Vec<&Deployed> = places.iter().filter(|place| place.instance.is_some()).collect();
    let differences = there.windows(2).map(|pair| {
        let (from, to) = (&pair[0].environment, &pair[1].environment);
        let to_page = format!("/differences?from={from}&to={to}&team={}", of.name());
        Link::new(&format!("What differs between {from} and {to}"), to_page)
    });
    visit.page(&WorkloadPage {
        shell: Shell {
            command: format!("loggia workload {name} --team {}", of.name()),
            json_twin: format!("/api/v1/workloads/{}/{name}", namespace_for(&of)),
            ..visit.shell(Some(Place::Team))
        },
        crumbs: vec![Link::new("My team", "/team"), Link::new("Workloads", "/workloads")],
        differences: differences.collect(),
        places: places.iter().map(|place| column(place, &name, &resources)).collect(),
        history: history.into_iter().map(|(_, line)| line).collect(),
        title: name,
        resources,
    })
}

fn column(place: &Deployed, name: &str, resources: &[String]) -> Column {
    let phase = place.phase.map(|phase| words::phase(phase, loggia_model::instance::Step::Managed));
    let next = place.promotes_to.as_ref().filter(|_| place.instance.is_some());
    let release = |name: &String| place.resources.get(name).cloned().unwrap_or_default();
    Column {
        link: place.instance.as_ref().map(|instance| Link::new(instance.name(), instance_href(instance))),
        state: phase.unwrap_or(("off", "not deployed")),
        artifact: place.artifact.clone(),
        number: place.number,
        from: place.from.clone().unwrap_or_default(),
        runs_on: place.release.clone(),
        url: place.url.clone().filter(|url| url.starts_with("http")).unwrap_or_default(),
        resources: resources.iter().map(|name| (name.clone(), release(name))).collect(),
        promote: next
            .map(|to| format!("loggia promote {name} --from {} --to {to}", place.environment))
            .unwrap_or_default(),
        environment: place.environment.clone(),
    }
}

fn line(visit: &Visit, environment: &str, one: Deployment) -> HistoryLine {
    HistoryLine {
        environment: environment.to_owned(),
        number: one.number,
        when: When::ago(visit.app().now(), Some(one.time)),
        by: one.by.rsplit('/').next().unwrap_or_default().to_owned(),
        artifact: one.artifact,
        from: one.from.unwrap_or_default(),
    }
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

async fn differences(visit: Visit) -> Answer {
    visit.signed_in()?;
    let given = |name: &str| visit.given(name).filter(|text| !text.is_empty());
    let team = given("team").and_then(|text| Ref::parse(&text, Some("group"), "default").ok());
    let (from, to, at, until) = (given("from"), given("to"), given("at"), given("until"));
    let rows = match (&from, &to, &at) {
        (_, _, Some(day)) => {
            let end = until.as_deref().and_then(time).unwrap_or(visit.app().now());
            let begin = time(day).ok_or_else(|| {
                let mend = "Write it like 2026-04-30.";
                Error::invalid("diff.time", "at", format!("{day:?} is no day"), mend)
            })?;
            visit.app().differ_times(&visit.caller, begin, end, team.as_ref()).await?
        }
        (Some(from), Some(to), None) => visit.app().differ_environments(&visit.caller, from, to, team.as_ref()).await?,
        _ => Vec::new(),
    };
    let title = match (&at, &from, &to) {
        (Some(day), ..) => format!("What changed since {day}"),
        (None, Some(from), Some(to)) => format!("{from} and {to}"),
        _ => "What differs".to_owned(),
    };
    let places = from.as_deref().zip(to.as_deref()).filter(|_| at.is_none());
    let all = environments(&visit.graph, visit.audience());
    let is = |chosen: &Option<String>, name: &str| chosen.as_deref() == Some(name);
    let named = all.iter().map(|record| record.reference.name().to_owned());
    let mine = visit.my_teams();
    // Whoever looks at another team's keeps it.
    let other = team.as_ref().filter(|team| mine.iter().all(|one| one.reference != **team));
    let named_team: Vec<_> = other.and_then(|team| visit.graph.get(team).cloned()).into_iter().collect();
    visit.page(&DifferencesPage {
        shell: Shell { command: command(&from, &to, &at, &until, team.as_ref()), ..visit.shell(None) },
        environments: named.map(|name| (name.clone(), is(&from, &name), is(&to, &name))).collect(),
        teams: mine
            .iter()
            .chain(&named_team)
            .map(|one| (one.reference.name().to_owned(), entity::title(one), team.as_ref() == Some(&one.reference)))
            .collect(),
        asked: at.is_some() || (from.is_some() && to.is_some()),
        rows: rows.into_iter().map(|row| different(&visit, row, places)).collect(),
        at: at.clone().unwrap_or_default(),
        until: until.unwrap_or_default(),
        title,
    })
}

fn command(
    from: &Option<String>,
    to: &Option<String>,
    at: &Option<String>,
    until: &Option<String>,
    team: Option<&Ref>,
) -> String {
    let team = team.map(|team| format!(" --team {}", team.name())).unwrap_or_default();
    match (at, from, to) {
        (Some(at), ..) => {
            let until = until.as_ref().map(|until| format!(" --at {until}")).unwrap_or_default();
            format!("loggia diff --at {at}{until}{team}")
        }
        (None, Some(from), Some(to)) => format!("loggia diff env {from} {to}{team}"),
        _ => "loggia diff env dev test".to_owned(),
    }
}

fn time(text: &str) -> Option<Micros> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    Micros::parse(&whole)
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
    let what = cause.event.replace('.', " ").replace('-', " ");
    format!("{what} by {by}, {when}{}{reason}", commit.unwrap_or_default())
}
