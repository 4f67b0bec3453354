//! The page of any record of the catalog: facts, relations as a picture and as a list, history, source.

use super::changes::{Difference, Happened, differences, happened};
use super::edit::{self, WaitingLine};
use super::picture::{self, Node};
use super::visit::{Answer, Visit};
use super::words::{self, When};
use super::{instance, markdown, offer};
use crate::design::Fact;
use crate::shell::{Link, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use loggia_app::access::policy::Subject;
use loggia_app::access::visibility::told_status;
use loggia_app::access::writing::may_write;
use loggia_app::record::removal::SOURCE_GONE;
use loggia_app::release::offering::release_status;
use loggia_app::source::location::UNREADABLE;
use loggia_app::source::untaken::NOT_TAKEN;
use loggia_model::{Document, Kind, Publication, Record, Ref, RelationType};
use serde_json::Value;
use std::sync::Arc;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/catalog/{kind}/{namespace}/{name}", get(show))
        .route("/catalog/{kind}/{namespace}/{name}/history", get(history))
}

/// The same as JSON.
pub fn twin(reference: &Ref) -> String {
    format!("/api/v1/records/{}/{}/{}", reference.kind(), reference.namespace(), reference.name())
}

/// The address of the catalog page of a record.
pub fn page(reference: &Ref) -> String {
    format!("/catalog/{}/{}/{}", reference.kind(), reference.namespace(), reference.name())
}

/// The page on which people look for a record: that of its own kind where there is one.
pub fn href(reference: &Ref) -> String {
    match (reference.kind(), reference.namespace()) {
        ("offering", "default") => offer::href(reference.name()),
        ("campaign", "default") => super::campaign::href(reference),
        ("check", "default") => super::check::href(reference),
        ("ending", "default") => super::ending::href(reference),
        ("instance", _) => instance::href(reference),
        ("group", _) => super::team::href(reference),
        _ => page(reference),
    }
}

/// What people call a record.
pub fn title(record: &Record) -> String {
    let document = record.parse();
    let display = document.spec().and_then(|spec| spec.pointer("/profile/displayName")).and_then(Value::as_str);
    display.unwrap_or(document.title()).to_owned()
}

/// A kind in words, one of them.
pub fn kind_word(kind: &str) -> String {
    match kind {
        "group" => "team".to_owned(),
        "user" => "person".to_owned(),
        "api" => "interface".to_owned(),
        "instance" => "running copy".to_owned(),
        "release" => "version".to_owned(),
        "location" => "source".to_owned(),
        other => other.to_owned(),
    }
}

/// A kind in words, many of them.
pub fn kinds_word(kind: &str) -> String {
    match kind {
        "user" => "People".to_owned(),
        "instance" => "Running copies".to_owned(),
        _ => match Kind::find(kind) {
            Some(known) if kind_word(kind) == known.lower() => words::capital(known.plural),
            _ => words::capital(&format!("{}s", kind_word(kind))),
        },
    }
}

/// Everything that a record is connected with and the caller may see, by relation.
pub fn relations(visit: &Visit, reference: &Ref) -> Vec<(String, Vec<Link>)> {
    let of = |relation: RelationType| {
        let records = visit.graph.related(visit.audience(), reference, relation);
        let links: Vec<Link> = records.iter().map(|record| Link::new(title(record), href(&record.reference))).collect();
        (!links.is_empty()).then(|| (words::relation(relation).to_owned(), links))
    };
    RelationType::all().filter_map(of).collect()
}

/// What is at the other end of some relations.
pub fn neighbours(visit: &Visit, reference: &Ref, names: &[&str]) -> Vec<Link> {
    let types = names.iter().filter_map(|name| RelationType::find(name));
    let records = types.flat_map(|relation| visit.graph.related(visit.audience(), reference, relation));
    records.map(|record| Link::new(title(&record), href(&record.reference))).collect()
}

#[derive(Template)]
#[template(path = "entity/page.html")]
struct EntityPage {
    shell: Shell,
    crumbs: Vec<Link>,
    tabs: Vec<Link>,
    here: String,
    kind: String,
    meaning: &'static str,
    title: String,
    formerly: String,
    description: String,
    own_page: String,
    tags: Vec<String>,
    facts: Vec<Fact>,
    links: Vec<Link>,
    definition: String,
    svg: String,
    cut: bool,
    relations: Vec<(String, Vec<Link>)>,
    source: String,
    may_edit: bool,
    waiting: Vec<WaitingLine>,
    stale: Vec<String>,
    /// Why something at a registered place was not taken, line by line.
    not_taken: Vec<String>,
    updated: When,
    text: String,
    /// How a template is offered: the file to write, and what is in it.
    offer_at: String,
    offer: String,
}

type At = Path<(String, String, String)>;

/// How far the picture reaches, and how many records it shows at most.
const HOPS: u32 = 1;
const MOST: usize = 30;

async fn show(visit: Visit, Path((kind, namespace, name)): At) -> Answer {
    let record = visit.record(&Ref::new(&kind, &namespace, &name), page)?;
    let reference = &record.reference;
    let document = record.parse();
    let types: Vec<RelationType> = RelationType::all().collect();
    let walked = visit.graph.walk(visit.audience(), reference, &types, HOPS, MOST);
    let describe = |reference: &Ref| Node {
        title: visit.graph.get(reference).map_or_else(|| reference.name().to_owned(), |record| title(record)),
        kind: kind_word(reference.kind()),
        href: page(reference),
    };
    let (own, may) = (title(&record), may_edit(&visit, &record));
    let svg = picture::draw(&walked, reference, &format!("What {own} is connected with"), describe);
    let known = Kind::find(reference.kind());
    let shell = Shell {
        command: format!("loggia describe {}/{}", reference.kind(), reference.short(reference.kind())),
        json_twin: twin(reference),
        ..visit.shell(None)
    };
    let (offer_at, offer) = offer::of_template(&visit, &record);
    visit.page(&EntityPage {
        offer_at,
        offer,
        shell,
        crumbs: crumbs(reference),
        tabs: tabs(reference),
        here: page(reference),
        kind: words::capital(&kind_word(reference.kind())),
        meaning: known.map_or("", |kind| kind.summary),
        formerly: document.spec_list("formerly").collect::<Vec<_>>().join(", "),
        description: markdown::render(document.meta_text("description"), |_| None).html,
        own_page: if href(reference) == page(reference) { String::new() } else { href(reference) },
        tags: document.meta("tags").and_then(Value::as_array).into_iter().flatten().map(words::plain).collect(),
        facts: facts(&record, &document),
        links: links(&document),
        definition: document.spec_text("definition").to_owned(),
        svg: svg.unwrap_or_default(),
        cut: walked.cut,
        relations: relations(&visit, reference),
        source: edit::place(&record),
        may_edit: may,
        waiting: edit::waiting(&visit, &record, may).await?,
        stale: [SOURCE_GONE, NOT_TAKEN].map(|kind| condition(&record, kind)).into(),
        not_taken: condition(&record, UNREADABLE).lines().map(str::to_owned).collect(),
        updated: When::ago(visit.app().now(), Some(record.updated_at)),
        text: format!("{:#}", document.0),
        title: own,
    })
}

/// Whether the page of a record shows "change it".
fn may_edit(visit: &Visit, record: &Record) -> bool {
    let text = record.parse();
    let may = |action, subject: &Subject| visit.app().require(&visit.caller, action, subject);
    let read_only = visit.app().settings.read_only;
    let kept = record.reference.kind() != "instance" && !record.source.origin.starts_with("catalog:");
    !read_only && kept && may_write(&visit.app().graph(), Some(&text), Some(&text), may).is_ok()
}

/// What the record says about itself: that its file is not there any more, or that a part of it cannot be read.
fn condition(record: &Record, kind: &str) -> String {
    let status = record.parse_status();
    let conditions = status.get("conditions").and_then(Value::as_array);
    let found = conditions.into_iter().flatten().find(|c| c.get("type").and_then(Value::as_str) == Some(kind));
    found.and_then(|c| c.get("message")?.as_str()).unwrap_or_default().to_owned()
}

/// Names of fields that the page shows in their own way.
const ELSEWHERE: [&str; 19] = [
    "owner",
    "system",
    "domain",
    "parent",
    "memberOf",
    "subcomponentOf",
    "subdomainOf",
    "members",
    "definition",
    "dependsOn",
    "dependencyOf",
    "providesApis",
    "consumesApis",
    "formerly",
    "children",
    "contract",
    "recipe",
    "plans",
    "match",
];

fn facts(record: &Record, document: &Document) -> Vec<Fact> {
    let mut facts: Vec<Fact> = publication(record).into_iter().collect();
    for (name, value) in document.spec().and_then(Value::as_object).into_iter().flatten() {
        if ELSEWHERE.contains(&name.as_str()) {
            continue;
        }
        let label = words::label(name);
        match value {
            Value::Object(map) => {
                let inside = map.iter().filter(|(_, v)| !v.is_object() && !v.is_array());
                facts.extend(inside.map(|(key, v)| Fact::new(words::label(key), words::plain(v))));
            }
            Value::Array(list) if list.iter().any(Value::is_object) => {}
            other => facts.push(Fact::new(label, words::plain(other))),
        }
    }
    facts.retain(|fact| !fact.text.is_empty());
    facts
}

/// How far a release is in its publication, and why.
fn publication(record: &Record) -> Option<Fact> {
    let status = (record.reference.kind() == "release").then(|| release_status(record))?;
    let text = match status.publication {
        Publication::Draft => "a draft; its owners and the product team see it".to_owned(),
        Publication::Candidate => "a candidate; its owners and the product team see it".to_owned(),
        Publication::Published => "published".to_owned(),
        Publication::Yanked => format!("withdrawn: {}", status.reason),
    };
    Some(Fact::new("Publication", text))
}

/// The links of a record; only those that lead to a page.
fn links(document: &Document) -> Vec<Link> {
    let list = document.meta("links").and_then(Value::as_array);
    let link = |value: &Value| {
        let url = value.get("url")?.as_str()?;
        let safe = url.starts_with("https://") || url.starts_with("http://") || url.starts_with("mailto:");
        let title = value.get("title").and_then(Value::as_str).unwrap_or(url);
        safe.then(|| Link::new(title, url))
    };
    list.into_iter().flatten().filter_map(link).collect()
}

fn crumbs(reference: &Ref) -> Vec<Link> {
    vec![
        Link::new("Catalog", "/search"),
        Link::new(kinds_word(reference.kind()), format!("/search?kind={}", reference.kind())),
    ]
}

fn tabs(reference: &Ref) -> Vec<Link> {
    vec![Link::new("Overview", page(reference)), Link::new("History", format!("{}/history", page(reference)))]
}

#[derive(Template)]
#[template(path = "entity/history.html")]
struct HistoryPage {
    shell: Shell,
    crumbs: Vec<Link>,
    tabs: Vec<Link>,
    here: String,
    title: String,
    removed: bool,
    history: Vec<Happened>,
    /// The two revisions that are compared.
    between: Option<(i64, i64)>,
    differences: Vec<Difference>,
    base: String,
}

/// How many entries of the past are shown.
const PAST: i64 = 200;

async fn history(visit: Visit, Path((kind, namespace, name)): At) -> Answer {
    visit.signed_in()?;
    let past = visit.app().past(&visit.caller, &Ref::new(&kind, &namespace, &name), PAST).await?;
    let number = |name: &str| visit.param(name).parse::<i64>().ok();
    let to = number("to");
    let from = number("from").or(to.map(|to| to - 1));
    let between = from.zip(to).filter(|(from, to)| *from >= 1 && from < to);
    let differences = match between {
        Some((from, to)) => {
            let before = visit.app().revision(&visit.caller, past.record.uid, from).await?;
            let after = visit.app().revision(&visit.caller, past.record.uid, to).await?;
            differences(&whole(&visit, &before), &whole(&visit, &after))
        }
        None => Vec::new(),
    };
    let reference = &past.record.reference;
    let base = format!("{}/history", page(reference));
    let shell = Shell {
        command: format!("loggia history {}/{}", reference.kind(), reference.short(reference.kind())),
        json_twin: format!("{}/history", twin(reference)),
        ..visit.shell(None)
    };
    visit.page(&HistoryPage {
        shell,
        crumbs: crumbs(reference),
        tabs: tabs(reference),
        here: base.clone(),
        title: title(&past.record),
        removed: past.removed,
        history: happened(&visit, &past),
        between,
        differences,
        base,
    })
}

/// Text and status of a record together, for comparing.
fn whole(visit: &Visit, record: &Record) -> Value {
    let mut value = record.parse().0;
    let status = told_status(&visit.graph, visit.audience(), record.reference.kind(), record.parse_status());
    if !status.is_null() {
        value["status"] = status;
    }
    value
}

/// A record of the catalog as a line of a list.
pub fn line(record: &Arc<Record>) -> (String, String, String) {
    let document = record.parse();
    let text = match document.meta_text("description") {
        "" => document.spec_text("promise"),
        text => text,
    };
    (title(record), href(&record.reference), text.to_owned())
}
