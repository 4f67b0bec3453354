//! The versions of an offering: how long each is looked after, who runs it, and the way to the newest one.

use super::visit::{Answer, Visit};
use super::{offer, team, words};
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use loggia_app::ending::title_of;
use loggia_app::release::versions::{Share, VersionRow};
use loggia_model::support::{Severity, SupportPhase};
use loggia_model::{Publication, Ref};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/get/{name}/versions", get(show))
}

#[derive(Template)]
#[template(path = "offering/versions.html")]
struct VersionsPage {
    shell: Shell,
    crumbs: Vec<Link>,
    heading: String,
    rows: Vec<Row>,
    others: u64,
    who_runs: String,
    fixes: Vec<FixRow>,
    /// Versions that run and from which there is no way to the newest.
    stuck: Vec<(String, String)>,
}

/// One version.
struct Row {
    version: String,
    href: String,
    channels: String,
    mark: &'static str,
    word: String,
    ending_href: String,
    until: String,
    end: String,
    running: u64,
    runs_href: String,
    who: Vec<Link>,
    more: u64,
    way: String,
}

/// How soon something is mended, in each phase.
struct FixRow {
    severity: String,
    days: Vec<String>,
}

async fn show(visit: Visit, Path(name): Path<String>) -> Answer {
    visit.signed_in()?;
    let record =
        visit.record(&Ref::new("offering", "default", &name), |now| format!("{}/versions", offer::href(now.name())))?;
    let name = record.reference.name().to_owned();
    let view = visit.app().versions(&visit.caller, &name)?;
    let stuck = view.versions.iter().filter(|row| row.running > 0 && !row.no_way.is_empty());
    visit.page(&VersionsPage {
        shell: Shell {
            command: format!("loggia versions {name}"),
            json_twin: format!("/api/v1/versions/{name}"),
            ..visit.shell(Some(Place::Get))
        },
        crumbs: vec![Link::new("Get", "/get"), Link::new(&view.title, offer::href(&name))],
        heading: format!("Versions of {}", view.title),
        stuck: stuck.map(|row| (row.version.clone(), row.no_way.clone())).collect(),
        rows: view.versions.iter().map(|one| row(&visit, &name, one)).collect(),
        others: view.others,
        who_runs: super::who_runs::href(&name),
        fixes: view
            .fixes
            .iter()
            .map(|(severity, days)| FixRow {
                severity: severity_words(*severity).to_owned(),
                days: SupportPhase::ALL[..3].iter().map(|phase| within(days.within(*phase))).collect(),
            })
            .collect(),
    })
}

fn row(visit: &Visit, offering: &str, one: &VersionRow) -> Row {
    let (mark, word) = mark(one);
    let who = one.who.iter().take(5).filter_map(|share| named(visit, share));
    let who: Vec<Link> = who.collect();
    let day = |day: Option<loggia_model::Day>| day.map(loggia_model::Day::words).unwrap_or_default();
    Row {
        href: format!("{}#{}", offer::href(offering), one.release.name()),
        channels: one.channels.join(", "),
        ending_href: one.ending.as_ref().map(super::ending::href).unwrap_or_default(),
        until: day(one.until),
        end: day(one.end),
        running: one.running,
        runs_href: format!("{}&version={}", super::who_runs::href(offering), one.version),
        more: one.teams.saturating_sub(who.len() as u64),
        who,
        way: way(one),
        version: one.version.clone(),
        mark,
        word,
    }
}

fn named(visit: &Visit, share: &Share) -> Option<Link> {
    let team = Ref::parse(&share.name, Some("group"), "default").ok()?;
    let title = format!("{} {}", title_of(&visit.graph, visit.audience(), &team), share.running);
    Some(Link::new(title, team::href(&team)))
}

fn mark(one: &VersionRow) -> (&'static str, String) {
    match one.publication {
        Publication::Published => {}
        other => return ("off", words::publication(other).to_owned()),
    }
    let mark = match one.phase {
        SupportPhase::Active => "ok",
        SupportPhase::Maintenance => "busy",
        SupportPhase::Extended => "warn",
        SupportPhase::Ended => "bad",
    };
    (mark, one.phase.word().to_owned())
}

fn way(one: &VersionRow) -> String {
    match (one.no_way.is_empty(), one.way.as_slice()) {
        (false, _) => "no way".to_owned(),
        (true, []) => String::new(),
        (true, [_]) => "one step".to_owned(),
        (true, all) => format!("over {}", all.join(", ")),
    }
}

fn within(days: Option<u32>) -> String {
    days.map_or_else(|| "not".to_owned(), |days| words::count(days as usize, "day"))
}

fn severity_words(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "Critical: it is used against us, or data is lost",
        Severity::High => "High: it can be used against us, or many cannot work",
        Severity::Medium => "Medium: some cannot work, and there is a way around",
        Severity::Low => "Low: it disturbs",
    }
}
