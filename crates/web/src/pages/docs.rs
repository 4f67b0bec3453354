//! Documentation beside the thing, as its owner keeps it in the repository.
//!
//! A folder below the docs whose name is a version (`1`, `1.4`, `1.4.0`) holds the pages of those versions; pages
//! beside such folders are for the version that one gets.

use super::offer;
use super::visit::{Answer, Visit};
use super::{files, markdown};
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use loggia_app::record::files::FileEntry;
use loggia_app::{App, Error};
use loggia_model::frontmatter;
use loggia_model::{Record, Ref};
use schemars::JsonSchema;
use serde::Serialize;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/get/{name}/docs", get(first)).route("/get/{name}/docs/{*page}", get(page))
}

#[derive(Template)]
#[template(path = "docs/page.html")]
struct DocsPage {
    shell: Shell,
    crumbs: Vec<Link>,
    title: String,
    of: String,
    pages: Vec<Link>,
    here: String,
    html: String,
    headings: Vec<(String, String)>,
    versions: Vec<Link>,
}

/// One page of documentation.
#[derive(Clone, Debug)]
pub struct DocPage {
    /// Its title: of its head, else its first heading, else its file.
    pub title: String,
    /// Its address.
    pub href: String,
    /// The version folder that it is in; empty for the newest.
    pub version: String,
    path: String,
    order: i64,
    body: String,
}

/// The pages of an offering for the version that one gets, in the order that they say.
pub async fn pages(visit: &Visit, record: &Record) -> Vec<DocPage> {
    let mut pages = all(visit.app(), record).await;
    pages.retain(|page| page.version.is_empty());
    pages
}

/// A page of documentation as its owner wrote it.
#[derive(Serialize, JsonSchema)]
pub struct DocText {
    /// Its title.
    title: String,
    /// The file, as it is kept.
    path: String,
    /// The version that it is for; empty for the newest.
    version: String,
    /// The page for people.
    href: String,
    /// What it says, as Markdown.
    text: String,
}

/// All pages of an offering as they were written, those of the newest version first.
pub async fn texts(app: &App, record: &Record) -> Vec<DocText> {
    let text = |DocPage { title, href, version, path, body, .. }| DocText { title, path, version, href, text: body };
    all(app, record).await.into_iter().map(text).collect()
}

async fn all(app: &App, record: &Record) -> Vec<DocPage> {
    let mut pages = Vec::new();
    for entry in loggia_app::record::files::of(record) {
        if entry.path.ends_with(".md")
            && let Ok((_, blob)) = app.file_of(record, &entry.path).await
        {
            pages.push(read(record, &entry, &String::from_utf8_lossy(&blob.bytes)));
        }
    }
    pages.sort_by(|a, b| (&a.version, a.order, &a.path).cmp(&(&b.version, b.order, &b.path)));
    pages
}

fn read(record: &Record, entry: &FileEntry, text: &str) -> DocPage {
    let parsed = frontmatter::parse(text).ok().flatten();
    let (head, body) = parsed.map_or((serde_json::Value::Null, text.to_owned()), |p| (p.head, p.body.to_owned()));
    let stem = entry.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".md");
    let heading = body.lines().find_map(|line| line.strip_prefix("# ")).map(str::trim);
    let title = head.get("title").and_then(|t| t.as_str()).or(heading).unwrap_or(stem).to_owned();
    let folder = entry.path.split_once('/').map_or("", |(folder, _)| folder);
    let is_version =
        folder.starts_with(|c: char| c.is_ascii_digit()) && folder.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    DocPage {
        title,
        href: format!("{}/docs/{}", offer::href(record.reference.name()), entry.path.trim_end_matches(".md")),
        version: if is_version { folder.to_owned() } else { String::new() },
        order: head.get("order").and_then(serde_json::Value::as_i64).unwrap_or(i64::MAX),
        path: entry.path.clone(),
        body,
    }
}

async fn first(visit: Visit, Path(name): Path<String>) -> Answer {
    let record = record(&visit, &name)?;
    let all = all(visit.app(), &record).await;
    let page = all.iter().find(|page| page.version.is_empty()).or(all.first());
    match page {
        Some(page) => show(&visit, &record, &all, page),
        None => Err(Error::NotFound(format!("{name} has no documentation yet.")).into()),
    }
}

async fn page(visit: Visit, Path((name, wanted)): Path<(String, String)>) -> Answer {
    let record = record(&visit, &name)?;
    let all = all(visit.app(), &record).await;
    let file = format!("{}.md", wanted.trim_end_matches(".md"));
    match all.iter().find(|page| page.path == file) {
        Some(page) => show(&visit, &record, &all, page),
        None => Err(Error::NotFound(format!("The documentation of {name} has no page {wanted}.")).into()),
    }
}

fn record(visit: &Visit, name: &str) -> Result<std::sync::Arc<Record>, super::error::Wrong> {
    visit.record(&Ref::new("offering", "default", name), |now| format!("{}/docs", offer::href(now.name())))
}

fn show(visit: &Visit, record: &Record, all: &[DocPage], page: &DocPage) -> Answer {
    let name = record.reference.name();
    let title = record.parse().title().to_owned();
    let entries = loggia_app::record::files::of(record);
    let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let done = markdown::render(&page.body, |address| resolve(record, &entries, folder, address));
    let mut versions: Vec<&str> = all.iter().map(|page| page.version.as_str()).collect();
    versions.dedup();
    let link = |version: &&str| {
        let first = all.iter().find(|page| page.version == *version)?;
        let words = if version.is_empty() { "newest".to_owned() } else { format!("version {version}") };
        Some(Link::new(words, &first.href))
    };
    visit.page(&DocsPage {
        shell: Shell { json_twin: format!("/api/v1/docs/{name}"), ..visit.shell(Some(Place::Get)) },
        crumbs: vec![Link::new("Get", "/get"), Link::new(&title, offer::href(name))],
        title: page.title.clone(),
        of: title,
        pages: all.iter().filter(|p| p.version == page.version).map(|p| Link::new(&p.title, &p.href)).collect(),
        here: page.href.clone(),
        headings: done
            .headings
            .into_iter()
            .filter(|(level, ..)| *level == 2)
            .map(|(_, anchor, text)| (anchor, text))
            .collect(),
        html: done.html,
        versions: if versions.len() > 1 { versions.iter().filter_map(link).collect() } else { Vec::new() },
    })
}

/// An address within a page: another page, or a picture of the same folder.
fn resolve(record: &Record, entries: &[FileEntry], folder: &str, address: &str) -> Option<String> {
    if address.contains(':') || address.starts_with(['/', '#']) {
        return address.strip_prefix('#').map(|anchor| format!("#d-{anchor}"));
    }
    let (path, anchor) = address.split_once('#').unwrap_or((address, ""));
    let own = if folder.is_empty() { "page".to_owned() } else { format!("{folder}/page") };
    let path = loggia_app::source::read::beside(&own, path)?;
    let entry = entries.iter().find(|entry| entry.path == path)?;
    if !path.ends_with(".md") {
        return Some(files::href(record, entry));
    }
    let anchor = if anchor.is_empty() { String::new() } else { format!("#d-{anchor}") };
    Some(format!("{}/docs/{}{anchor}", offer::href(record.reference.name()), path.trim_end_matches(".md")))
}
