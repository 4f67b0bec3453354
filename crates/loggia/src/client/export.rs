//! `loggia export`: everything that you may see as a folder of files, which starts as a Loggia of its own.

mod registered;
mod whole;

use super::http::{Access, Api};
use super::output::{print, text};
use super::place::inside;
use crate::exit::{USAGE, failure};
use anyhow::{Context, Result};
use clap::Args;
use loggia_app::estate::exported_status::{EXPORTED_STATUS, ExportedStatus};
use loggia_app::record::files::{FileEntry, wanted};
use loggia_app::source::read::beside;
use loggia_model::yaml;
use loggia_model::{Document, PUBLICATION, PUBLICATION_REASON, Publication, Ref, kinds};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Annotations that every reader of a source writes anew.
const DERIVED: [&str; 2] = ["backstage.io/managed-by-location", "backstage.io/managed-by-origin-location"];

/// Arguments of `loggia export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Folder to write to; it must be empty or new.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    access: Access,
}

/// One document on its way to a file.
struct Exported {
    document: Document,
    /// The file, below the folder.
    path: String,
    /// Its place in the file.
    index: usize,
    files: Vec<FileEntry>,
}

/// `loggia export`
///
/// # Errors
/// When the folder is not empty, or with the words of the server.
pub async fn export(args: ExportArgs) -> Result<()> {
    let folder = &args.folder;
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(failure(USAGE, format!("{} is not empty. Name a new folder.", folder.display())));
    }
    let api = args.access.api()?;
    let mut all = Vec::new();
    for kind in kinds::ALL {
        all.extend(api.list(kind.plural, &[]).await?);
    }
    let placeless = placeless(&all);
    all.retain(|one| !placeless.contains(&text(one, "/ref")));
    let origins = origins(&all);
    let places = registered::Places::of(&all);
    let mut all: Vec<Exported> = all.iter().filter_map(|one| exported(one, &origins, &places)).collect();
    let mended = whole::complete(&mut all);
    for one in &all {
        for file in &one.files {
            fetch(&api, one, file, folder).await?;
        }
    }
    let count = all.len();
    write_documents(all, folder)?;
    write(&folder.join("README.md"), readme(&api.url, &placeless, &mended, &places).as_bytes(), false)?;
    let left: String =
        placeless.iter().map(|name| format!("left out {name}: its team or environment is unknown\n")).collect();
    let mended: String = mended.iter().map(|line| format!("{line}\n")).collect();
    print(&format!("{left}{mended}{count} documents in {}\n", folder.display()))?;
    whole::checked(folder)?;
    print(&format!("loggia serve --repository {}\n", folder.display()))
}

/// What was reported to run for a team or in an environment that nobody described: as files it would be wrong.
fn placeless(all: &[Value]) -> BTreeSet<String> {
    let known: BTreeSet<String> = all.iter().map(|one| text(one, "/ref")).collect();
    let names = |one: &Value, field: &str, kind: &str| {
        Ref::parse(&text(one, field), Some(kind), "default").is_ok_and(|name| known.contains(name.as_str()))
    };
    let lost = |one: &&Value| {
        text(one, "/document/kind") == "Instance"
            && !(names(one, "/document/spec/team", "group") && names(one, "/document/spec/environment", "environment"))
    };
    all.iter().filter(lost).map(|one| text(one, "/ref")).collect()
}

/// The folder of each repository; one alone needs none.
fn origins(all: &[Value]) -> BTreeMap<String, String> {
    let found: BTreeSet<String> =
        all.iter().map(|one| text(one, "/source/origin")).filter(|origin| origin.starts_with("repository:")).collect();
    let alone = found.len() == 1;
    let name = |at: usize| if alone { String::new() } else { format!("repository-{}/", at + 1) };
    found.into_iter().enumerate().map(|(at, origin)| (origin, name(at))).collect()
}

fn exported(one: &Value, origins: &BTreeMap<String, String>, places: &registered::Places) -> Option<Exported> {
    let mut document = Document(one.get("document")?.clone());
    // Locations of sources are made by whoever reads the source.
    if document.kind() == "Location" && document.name().starts_with("generated-") {
        return None;
    }
    places.whole(&mut document, one);
    if document.kind() == "Release" {
        say_publication(&mut document, one);
    }
    if let Some(annotations) = document.0.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        for name in DERIVED {
            annotations.remove(name);
        }
        if annotations.is_empty() {
            document.0["metadata"].as_object_mut()?.remove("annotations");
        }
    }
    // What a driver of this server holds cannot be held by another server too.
    if document.spec_text("step") == "managed" {
        document.0["spec"]["step"] = json!("enrolled");
    }
    if document.kind() == "Instance" {
        say_running(&mut document, one);
    }
    let files = one.pointer("/status/files").and_then(|files| serde_json::from_value(files.clone()).ok());
    let (path, index) = place(one, origins, places);
    Some(Exported { document, path, index, files: files.unwrap_or_default() })
}

/// Writes what ran, since when, and when it was seen last into the text of a running thing.
fn say_running(document: &mut Document, one: &Value) {
    let time = |field: &str| one.pointer(field).and_then(|at| serde_json::from_value(at.clone()).ok());
    let carried = ExportedStatus {
        version: text(one, "/status/version"),
        since: time("/status/since"),
        last_seen: time("/status/lastSeen"),
        applied: text(one, "/status/applied"),
        known_by: text(one, "/status/knownBy"),
    };
    let Ok(said) = serde_json::to_string(&carried) else { return };
    let Some(metadata) = document.0.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(EXPORTED_STATUS.to_owned(), said.into());
    }
}

/// Writes how far a release is into its text: commands decided that, and another server knows nothing of them.
fn say_publication(document: &mut Document, one: &Value) {
    let Some(metadata) = document.0.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    let Some(annotations) = annotations.as_object_mut() else { return };
    annotations.remove(PUBLICATION);
    annotations.remove(PUBLICATION_REASON);
    let said = text(one, "/status/publication");
    if !said.is_empty() && said != Publication::Published.word() {
        annotations.insert(PUBLICATION.to_owned(), said.into());
        let reason = text(one, "/status/reason");
        if !reason.is_empty() {
            annotations.insert(PUBLICATION_REASON.to_owned(), reason.into());
        }
    }
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
}

/// Where it was kept in a repository; a file of its own for everything else.
fn place(one: &Value, origins: &BTreeMap<String, String>, places: &registered::Places) -> (String, usize) {
    let name = text(one, "/ref").replace([':', '/'], "-");
    let folder = places.folder(one).unwrap_or_else(|| "kept-on-the-server".to_owned());
    let own = || (format!("{folder}/{name}.yaml"), 0);
    let Some(folder) = origins.get(&text(one, "/source/origin")) else { return own() };
    let at = text(one, "/source/path");
    let (path, index) = at.rsplit_once('#').unwrap_or((&at, "0"));
    let safe = !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !safe {
        return own();
    }
    // The head of a Markdown file becomes a document of its own, with the text below it in a field.
    let path = if path.ends_with(".md") { format!("{path}.yaml") } else { path.to_owned() };
    (format!("{folder}{path}"), index.parse().unwrap_or(0))
}

/// Reads a file of something and writes it where its document names it.
async fn fetch(api: &Api, one: &Exported, file: &FileEntry, folder: &Path) -> Result<()> {
    let names = wanted(&one.document);
    let plain = |name: &String| name.trim_start_matches("./") == file.path;
    let single = names.iter().find(|name| plain(name));
    // A file that is not named itself lies in the folder that is.
    let below = || names.iter().find(|name| !name.rsplit('/').next().unwrap_or_default().contains(".svg"));
    let Some(at) = single.or_else(below).and_then(|name| beside(&one.path, name)) else { return Ok(()) };
    let at = if single.is_some() { at } else { format!("{at}/{}", file.path) };
    // Before anything is asked: a path may lead anywhere on the server, too.
    inside(folder, &at)?;
    inside(folder, &file.path)?;
    let reference = one.document.reference();
    let (kind, namespace, name) = (reference.kind(), reference.namespace(), reference.name());
    let path = format!("/files/{kind}/{namespace}/{name}/{}", file.path);
    let response = api.send(api.request(Method::GET, &path)).await?;
    let bytes = response.bytes().await.with_context(|| format!("cannot read {path}"))?;
    write(&inside(folder, &at)?, &bytes, file.executable)
}

fn write_documents(mut all: Vec<Exported>, folder: &Path) -> Result<()> {
    all.sort_by(|a, b| (&a.path, a.index).cmp(&(&b.path, b.index)));
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for one in all {
        let file = files.entry(one.path).or_default();
        if !file.is_empty() {
            file.push_str("---\n");
        }
        file.push_str(&yaml::write(&one.document.0));
    }
    for (path, text) in files {
        write(&inside(folder, &path)?, text.as_bytes(), false)?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8], program: bool) -> Result<()> {
    let place = || format!("cannot write {}", path.display());
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(place)?;
    }
    std::fs::write(path, bytes).with_context(place)?;
    if program {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).with_context(place)?;
    }
    Ok(())
}

fn readme(url: &str, placeless: &BTreeSet<String>, mended: &[String], places: &registered::Places) -> String {
    let mut left = String::new();
    if !placeless.is_empty() {
        left.push_str("\nLeft out, because nobody described the team or environment that they were reported for:\n\n");
        placeless.iter().for_each(|name| left.push_str(&format!("- {name}\n")));
    }
    if !mended.is_empty() {
        left.push_str("\nSo that it starts although not everything was seen:\n\n");
        mended.iter().for_each(|line| left.push_str(&format!("- {line}\n")));
    }
    left.push_str(&places.told());
    format!(
        "# Exported from {url}

Everything that the exporting person or service could see, as files. It starts as a Loggia of its own:

    loggia check .
    loggia serve --repository .

What ran there is written as *enrolled*: only that server's drivers hold it. Passwords, tokens, secrets, use and history
are not in it; `loggia backup` has them.
{left}"
    )
}
