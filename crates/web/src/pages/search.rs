//! Search: everything by words, and lists of each kind.

use super::entity;
use super::offer::Offer;
use super::team::RunRow;
use super::visit::{Answer, Visit};
use crate::design::OfferingCard;
use crate::shell::Shell;
use crate::state::WebState;
use askama::Template;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use loggia_app::estate::who_runs::WhoRunsRow;
use loggia_graph::{Hit, Matched, Predicate, Query};
use loggia_model::{Kind, Record};
use serde_json::json;
use std::sync::Arc;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/search", get(search)).route("/search.json", get(palette))
}

/// How many results one page has.
const PAGE: usize = 50;
/// What the address of a search begins with.
const START: &str = "/search?";
/// How many offerings are shown whole.
const CARDS: usize = 3;
/// How many the palette shows.
const FEW: usize = 8;

#[derive(Template)]
#[template(path = "search/page.html")]
struct SearchPage {
    shell: Shell,
    query: String,
    kind: String,
    heading: String,
    /// Kinds with how many there are.
    kinds: Vec<(String, u64, String, bool)>,
    /// What is offered under the words: first, and whole.
    cards: Vec<OfferingCard>,
    hits: Vec<HitLine>,
    previous: String,
    next: String,
    where_: String,
}

/// One result.
struct HitLine {
    title: String,
    href: String,
    kind: String,
    place: String,
    text: String,
}

fn hit(visit: &Visit, record: &Arc<Record>) -> HitLine {
    let (title, href, text) = entity::line(record);
    if let Some(row) = visit.app().row(&visit.graph, record) {
        return running(visit, record, &row);
    }
    let namespace = record.reference.namespace();
    HitLine {
        title,
        href,
        kind: entity::kind_word(record.reference.kind()),
        place: if namespace == "default" { String::new() } else { namespace.to_owned() },
        text,
    }
}

/// A running thing: what it is, at which version, where and whose.
fn running(visit: &Visit, record: &Arc<Record>, row: &WhoRunsRow) -> HitLine {
    let run = RunRow::of(visit, row, "");
    let version = match (run.version.as_str(), run.runs.as_str()) {
        ("–", "") => "at an unknown version".to_owned(),
        ("–", runs) => format!("(runs {runs})"),
        (version, "") => version.to_owned(),
        (version, runs) => format!("{version} (runs {runs})"),
    };
    HitLine {
        title: run.name,
        href: run.href,
        kind: entity::kind_word(record.reference.kind()),
        place: run.word.to_owned(),
        text: format!("{} {version} in {}, of {}.", run.offering, row.environment, row.team_title),
    }
}

async fn search(visit: Visit) -> Answer {
    visit.signed_in()?;
    let (query, kind) = (visit.param("q").to_owned(), visit.param("kind").to_lowercase());
    let offset: usize = visit.param("offset").parse().unwrap_or(0);
    let (hits, total) =
        if query.is_empty() { listed(&visit, &kind, offset) } else { found(&visit, &query, &kind, offset) };
    let offered = if offset == 0 { offered(&visit, &query, &kind) } else { Vec::new() };
    let at = |offset: usize| address(&query, &kind, offset);
    let last = offset + hits.len();
    let shell = Shell {
        own_search: true,
        query: query.clone(),
        command: if query.is_empty() {
            format!("loggia get {}", plural(&kind))
        } else {
            format!("loggia search '{}'", query.replace('\'', ""))
        },
        json_twin: format!("/search.json?{}", address(&query, &kind, 0).split_once('?').map_or("", |(_, q)| q)),
        ..visit.shell(None)
    };
    visit.page(&SearchPage {
        shell,
        heading: heading(&query, &kind),
        kinds: kinds(&visit, &query, &kind),
        previous: if offset > 0 { at(offset.saturating_sub(PAGE)) } else { String::new() },
        next: if (last as u64) < total { at(last) } else { String::new() },
        where_: if hits.is_empty() { String::new() } else { format!("{} to {last} of {total}", offset + 1) },
        hits: hits
            .iter()
            .filter(|record| !offered.iter().any(|offer| offer.record.reference == record.reference))
            .map(|record| hit(&visit, record))
            .collect(),
        cards: offered.iter().map(|offer| offer.whole_card(&visit)).collect(),
        query,
        kind,
    })
}

/// The offerings that carry the words in name, title or tags; elsewhere a word is only mentioned.
fn offered(visit: &Visit, query: &str, kind: &str) -> Vec<Offer> {
    if query.is_empty() || !["", "offering"].contains(&kind) {
        return Vec::new();
    }
    let hits = visit.graph.search(visit.audience(), query, PAGE);
    let named = |hit: &Hit| matches!(hit.field, Matched::Name | Matched::Title | Matched::Tag);
    let offerings = hits.iter().filter(|hit| hit.record.reference.kind() == "offering" && named(hit));
    offerings.filter_map(|hit| Offer::read(visit, &hit.record)).take(CARDS).collect()
}

fn heading(query: &str, kind: &str) -> String {
    match (query, kind) {
        ("", "") => "Catalog".to_owned(),
        ("", kind) => entity::kinds_word(kind),
        (query, _) => format!("“{query}”"),
    }
}

fn plural(kind: &str) -> &str {
    Kind::find(kind).map_or("components", |kind| kind.plural)
}

/// Everything, or everything of a kind, in order of names.
fn listed(visit: &Visit, kind: &str, offset: usize) -> (Vec<Arc<Record>>, u64) {
    let predicate = if kind.is_empty() { Predicate::Everything } else { Predicate::equals("kind", kind) };
    let query = Query { predicate, offset, limit: Some(PAGE), total: true, ..Query::default() };
    let page = visit.graph.query(visit.audience(), &query);
    (page.records, page.total.unwrap_or(0))
}

/// What contains all the words, best first.
fn found(visit: &Visit, query: &str, kind: &str, offset: usize) -> (Vec<Arc<Record>>, u64) {
    let hits = visit.graph.search(visit.audience(), query, 1000);
    let fits = |record: &Arc<Record>| kind.is_empty() || record.reference.kind() == kind;
    let all: Vec<Arc<Record>> = hits.into_iter().map(|hit| hit.record).filter(fits).collect();
    let total = all.len() as u64;
    (all.into_iter().skip(offset).take(PAGE).collect(), total)
}

/// Kinds with the number of records that the caller may see.
fn kinds(visit: &Visit, query: &str, chosen: &str) -> Vec<(String, u64, String, bool)> {
    let counts: Vec<(String, u64)> = if query.is_empty() {
        visit.graph.facets(visit.audience(), &Predicate::Everything, &["kind".to_owned()]).pop().unwrap_or_default()
    } else {
        let mut counts = std::collections::BTreeMap::new();
        for hit in visit.graph.search(visit.audience(), query, 1000) {
            *counts.entry(hit.record.reference.kind().to_owned()).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    };
    let one = |(kind, count): (String, u64)| {
        let kind = kind.to_lowercase();
        (entity::kinds_word(&kind), count, address(query, &kind, 0), kind == chosen)
    };
    counts.into_iter().map(one).collect()
}

fn address(query: &str, kind: &str, offset: usize) -> String {
    let mut out = url::form_urlencoded::Serializer::for_suffix(String::from(START), START.len());
    if !query.is_empty() {
        out.append_pair("q", query);
    }
    if !kind.is_empty() {
        out.append_pair("kind", kind);
    }
    if offset > 0 {
        out.append_pair("offset", &offset.to_string());
    }
    out.finish()
}

/// The few best results, for the palette.
async fn palette(visit: Visit) -> Answer {
    visit.signed_in()?;
    let (records, total) = match visit.param("q") {
        "" => listed(&visit, &visit.param("kind").to_lowercase(), 0),
        query => found(&visit, query, &visit.param("kind").to_lowercase(), 0),
    };
    let limit = visit.param("limit").parse::<usize>().unwrap_or(FEW).min(PAGE);
    let item = |record: &Arc<Record>| {
        let HitLine { title, href, kind, text, .. } = hit(&visit, record);
        let offer = visit.app().offered(&visit.graph, &visit.caller, record);
        json!({"title": title, "kind": kind, "href": href, "text": text, "ref": record.reference, "offer": offer})
    };
    let items: Vec<_> = records.iter().take(limit).map(item).collect();
    Ok(Json(json!({"items": items, "total": total})).into_response())
}
