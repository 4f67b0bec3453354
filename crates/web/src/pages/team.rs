//! What a team runs, by environment, and what it owns.

use super::agenda::{self, Line};
use super::visit::{Answer, Visit};
use super::words::{self, When};
use super::{entity, instance};
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use loggia_app::estate::who_runs::WhoRunsRow;
use loggia_app::release::offering::release_for;
use loggia_model::instance::Phase;
use loggia_model::version::Version;
use loggia_model::{Record, Ref, RelationType};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/team", get(mine))
        .route("/teams", get(all))
        .route("/teams/{name}", get(of_default))
        .route("/teams/{namespace}/{name}", get(of_namespace))
}

/// The page of a team.
pub fn href(team: &Ref) -> String {
    match team.namespace() {
        "default" => format!("/teams/{}", team.name()),
        namespace => format!("/teams/{namespace}/{}", team.name()),
    }
}

/// The page of an instance.
pub fn instance_href(record: &Record) -> String {
    instance::href(&record.reference)
}

#[derive(Template)]
#[template(path = "team/page.html")]
struct TeamPage {
    shell: Shell,
    title: String,
    description: String,
    /// My other teams, when this is one of mine.
    tabs: Vec<Link>,
    here: String,
    due: Vec<Line>,
    groups: Vec<PlaceGroup>,
    owns: Vec<(String, Vec<Link>)>,
    people: Vec<Link>,
    contact: String,
    entity: String,
    mine: bool,
}

/// What runs in one environment.
struct PlaceGroup {
    id: String,
    title: String,
    rows: Vec<RunRow>,
}

/// One running thing, for people.
pub struct RunRow {
    /// Its name.
    pub name: String,
    /// Its page.
    pub href: String,
    /// Title of the offering.
    pub offering: String,
    /// Page of the offering.
    pub offering_href: String,
    /// Its environment.
    pub environment: String,
    /// Its version of what is offered; a dash when it is none of those, or unknown.
    pub version: String,
    /// Version of what really runs, where it is counted otherwise; empty where it is not.
    pub runs: String,
    /// The version that could be got instead; empty when it is the newest, or unknown.
    pub newer: String,
    /// Observed, enrolled or managed.
    pub step: &'static str,
    /// Shape of its state.
    pub state: &'static str,
    /// Its state in words.
    pub word: &'static str,
    /// When it was last seen.
    pub seen: When,
}

impl RunRow {
    /// Of a row of who runs what, with the version that could be got instead.
    pub fn of(visit: &Visit, row: &WhoRunsRow, newer: &str) -> RunRow {
        let offering = offering_of(visit, row);
        let title = visit.graph.get(&Ref::new("offering", "default", &offering));
        let version = release_version(visit, row);
        let (state, word) = match row.phase {
            Phase::Ready if !row.withdrawn.is_empty() => ("bad", "version withdrawn"),
            phase => words::phase(phase),
        };
        RunRow {
            name: row.name.clone(),
            href: instance::href(&row.instance),
            offering: title.map_or_else(|| offering.clone(), |record| record.parse().title().to_owned()),
            offering_href: super::offer::href(&offering),
            environment: row.environment.clone(),
            runs: if row.version == version { String::new() } else { row.version.clone() },
            version: if version.is_empty() { "–".to_owned() } else { version },
            newer: newer.to_owned(),
            step: words::step(row.step),
            state,
            word,
            seen: When::ago(visit.app().now(), row.last_seen),
        }
    }
}

/// The version of what is offered that a row runs; empty when it is none of those.
fn release_version(visit: &Visit, row: &WhoRunsRow) -> String {
    let release = visit.graph.get(&Ref::new("release", "default", &row.release));
    release.map(|release| release.parse().spec_text("version").to_owned()).unwrap_or_default()
}

/// Name of what a row runs.
pub fn offering_of(visit: &Visit, row: &WhoRunsRow) -> String {
    let record = visit.graph.get(&row.instance);
    record.map(|record| record.parse().spec_text("offering").to_owned()).unwrap_or_default()
}

/// The version that one gets now, of everything that the rows run.
pub fn newest_versions(visit: &Visit, rows: &[WhoRunsRow]) -> BTreeMap<String, String> {
    let mut newest = BTreeMap::new();
    for row in rows {
        let offering = offering_of(visit, row);
        if !newest.contains_key(&offering)
            && let Ok(release) = release_for(&visit.graph, visit.audience(), &offering, None)
        {
            newest.insert(offering, release.parse().spec_text("version").to_owned());
        }
    }
    newest
}

/// The version that could be got instead of the one that runs; empty when that is unknown or not older.
pub fn newer<'a>(visit: &Visit, row: &WhoRunsRow, newest: &'a BTreeMap<String, String>) -> &'a str {
    let offering = offering_of(visit, row);
    let has = row.release.strip_prefix(&format!("{offering}-")).and_then(Version::parse);
    let could = newest.get(&offering);
    match (has, could.and_then(|text| Version::parse(text))) {
        (Some(has), Some(could_be)) if could_be > has => could.map_or("", String::as_str),
        _ => "",
    }
}

#[derive(Template)]
#[template(path = "team/list.html")]
struct TeamList {
    shell: Shell,
    title: &'static str,
    lede: &'static str,
    teams: Vec<TeamLine>,
}

/// One team in the list.
struct TeamLine {
    title: String,
    href: String,
    description: String,
    runs: u64,
}

/// My team; the list when there is none, or no one.
async fn mine(visit: Visit) -> Answer {
    visit.signed_in()?;
    match visit.my_teams().first() {
        Some(team) => Ok(Redirect::to(&href(&team.reference)).into_response()),
        None => list(&visit, "Your team", "You belong to no team here yet. These are the teams there are."),
    }
}

async fn all(visit: Visit) -> Answer {
    visit.signed_in()?;
    list(&visit, "Teams", "Everybody who builds on the platform, and whoever runs it.")
}

fn list(visit: &Visit, title: &'static str, lede: &'static str) -> Answer {
    let line = |record: &Arc<Record>| {
        let document = record.parse();
        let runs = loggia_graph::Predicate::equals("kind", "instance")
            .and(loggia_graph::Predicate::equals("spec.team", record.reference.as_str()));
        TeamLine {
            title: document.title().to_owned(),
            href: href(&record.reference),
            description: document.meta_text("description").to_owned(),
            runs: visit.graph.count(visit.audience(), &runs),
        }
    };
    let groups: Vec<Arc<Record>> = visit
        .graph
        .of_kind(visit.audience(), "group")
        .filter(|group| loggia_app::record::team::is_team(&visit.graph, visit.audience(), &group.reference))
        .collect();
    let mut teams: Vec<TeamLine> = groups.iter().map(line).collect();
    teams.sort_by_cached_key(|team| team.title.to_lowercase());
    let shell = Shell {
        command: "loggia get groups".into(),
        json_twin: "/api/v1/groups".into(),
        ..visit.shell(Some(Place::Team))
    };
    visit.page(&TeamList { shell, title, lede, teams })
}

async fn of_default(visit: Visit, Path(name): Path<String>) -> Answer {
    show(&visit, &Ref::new("group", "default", &name)).await
}

async fn of_namespace(visit: Visit, Path((namespace, name)): Path<(String, String)>) -> Answer {
    show(&visit, &Ref::new("group", &namespace, &name)).await
}

async fn show(visit: &Visit, team: &Ref) -> Answer {
    let record = visit.record(team, href)?;
    let team = &record.reference;
    let document = record.parse();
    let mine = visit.my_teams();
    let is_mine = mine.iter().any(|own| own.reference == *team);
    let rows = visit.app().runs_of_team(&visit.caller, team);
    let contact = document.spec().and_then(|spec| spec.pointer("/profile/email")).and_then(|v| v.as_str());
    let link = |record: &Arc<Record>| Link::new(record.parse().title(), href(&record.reference));
    let shell = Shell {
        command: format!("loggia get instances --filter spec.team={team}"),
        json_twin: format!("/api/v1/instances?filter=spec.team={team}"),
        ..visit.shell(if is_mine { Some(Place::Team) } else { None })
    };
    visit.page(&TeamPage {
        shell,
        title: document.title().to_owned(),
        description: document.meta_text("description").to_owned(),
        tabs: if is_mine && mine.len() > 1 { mine.iter().map(link).collect() } else { Vec::new() },
        here: href(team),
        due: agenda::lines(visit, std::slice::from_ref(team)).await?,
        groups: groups(visit, &rows),
        owns: owns(visit, team),
        people: people(visit, team),
        contact: contact.unwrap_or_default().to_owned(),
        entity: entity::page(team),
        mine: is_mine,
    })
}

/// Rows by environment, in the order of the environments.
fn groups(visit: &Visit, rows: &[WhoRunsRow]) -> Vec<PlaceGroup> {
    let known = loggia_app::instance::availability::environments(&visit.graph, visit.audience());
    let place = |name: &str| known.iter().position(|record| record.reference.name() == name).unwrap_or(known.len());
    let mut by_place: BTreeMap<(usize, &str), Vec<&WhoRunsRow>> = BTreeMap::new();
    for row in rows {
        by_place.entry((place(&row.environment), &row.environment)).or_default().push(row);
    }
    let newest = newest_versions(visit, rows);
    let group = |((at, name), mut rows): ((usize, &str), Vec<&WhoRunsRow>)| {
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        PlaceGroup {
            id: format!("in-{name}"),
            title: known.get(at).map_or_else(|| name.to_owned(), |record| record.parse().title().to_owned()),
            rows: rows.into_iter().map(|row| RunRow::of(visit, row, newer(visit, row, &newest))).collect(),
        }
    };
    by_place.into_iter().map(group).collect()
}

/// What a group owns beside what it runs, by kind.
fn owns(visit: &Visit, team: &Ref) -> Vec<(String, Vec<Link>)> {
    let mut by_kind: BTreeMap<String, Vec<Link>> = BTreeMap::new();
    for record in visit.graph.related(visit.audience(), team, RelationType::OWNER_OF) {
        if record.reference.kind() != "instance" {
            let title = record.parse().title().to_owned();
            by_kind
                .entry(entity::kinds_word(record.reference.kind()))
                .or_default()
                .push(Link::new(title, entity::href(&record.reference)));
        }
    }
    by_kind.into_iter().collect()
}

fn people(visit: &Visit, team: &Ref) -> Vec<Link> {
    let people = visit.graph.related(visit.audience(), team, RelationType::HAS_MEMBER);
    people.iter().map(|record| Link::new(entity::title(record), entity::href(&record.reference))).collect()
}
