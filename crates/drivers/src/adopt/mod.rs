//! Reads what runs from where others describe it: states of Terraform and OpenTofu, objects of Kubernetes.
//!
//! Read-only, and only names, types, versions and addresses are taken: what was filled in stays where it is.

mod calls;
mod helm;
mod kubernetes;
mod objects;
mod terraform;

use crate::http::{Get, GuardOptions, GuardedClient};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use loggia_app::estate::adopt::{Estate, EstateSource, Kind, Place};
use loggia_app::instance::driver::{Failure, Secret};
use loggia_model::Problem;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// Largest file that is read, in bytes.
const LARGEST: u64 = 256 << 20;
/// How deep folders are gone through.
const DEEPEST: usize = 16;
/// Most files that are looked at.
const MOST_FILES: usize = 100_000;

/// One file, by its path below the place that was named.
struct File {
    path: String,
    bytes: Vec<u8>,
}

/// Reads places that the operator, or whoever runs the command, named.
#[derive(Default)]
pub struct EstateReader {
    credentials: HashMap<String, (String, Secret)>,
}

impl EstateReader {
    /// Shows name and password to the addresses that have them.
    pub fn new(credentials: HashMap<String, (String, Secret)>) -> EstateReader {
        EstateReader { credentials }
    }

    /// Asks an HTTP backend for its state. There is none where it answers that there is none.
    async fn fetch(&self, location: &str) -> Result<Vec<File>, Failure> {
        let wrong = |why: String| Failure::yours(format!("{location} cannot be read: {why}."), "Correct the address.");
        let url = Url::parse(location).map_err(|error| wrong(error.to_string()))?;
        // Who named the address decided that it may be asked, also in the own network.
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let allow = vec![format!("{host}:{}", url.port_or_known_default().unwrap_or_default())];
        let limit = usize::try_from(LARGEST).unwrap_or(usize::MAX);
        let options = GuardOptions { allow, limit, timeout: Duration::from_secs(60), ..GuardOptions::default() };
        let client = GuardedClient::new(options).map_err(|error| wrong(error.to_string()))?;
        let authorization = self.credentials.get(location).map(|(name, password)| {
            // Revealed to sign in at the address that it belongs to.
            Secret::new(format!("Basic {}", STANDARD.encode(format!("{name}:{}", password.reveal()))))
        });
        let get = Get { url: location.to_owned(), authorization, ..Get::default() };
        let answer = client.get(&get).await;
        let answer = answer.map_err(|error| Failure::backend(format!("{error}."), "Check the address."))?;
        match answer.status {
            200 if !answer.bytes.is_empty() => {
                let path = url.path().trim_matches('/').to_owned();
                Ok(vec![File { path, bytes: answer.bytes }])
            }
            200 | 204 | 404 => Ok(Vec::new()),
            401 | 403 => Err(Failure::backend(
                format!("{location} wants another name and password."),
                "Give them in the address, as https://name:password@host/….",
            )),
            status => Err(Failure::backend(format!("{location} answered with status {status}."), "Try again later.")),
        }
    }
}

#[async_trait]
impl EstateSource for EstateReader {
    async fn read(&self, place: &Place) -> Result<Estate, Failure> {
        let web = place.location.starts_with("http://") || place.location.starts_with("https://");
        if web && place.kind == Kind::Kubernetes {
            return Err(Failure::yours(
                "A cluster is not asked by its address.",
                "Pipe it in: kubectl get … -A -o json | loggia adopt kubernetes -",
            ));
        }
        if web {
            let files = self.fetch(&place.location).await?;
            return Ok(estate(place.kind, &files, true));
        }
        let place = place.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let path = Path::new(&place.location);
            let files = files_below(path)?;
            Ok(estate(place.kind, &files, path.is_file()))
        });
        reading.await.map_err(|error| Failure::ours(error.to_string(), "Report this as a fault."))?
    }
}

/// What a text describes that was piped in.
pub fn read_text(kind: Kind, bytes: Vec<u8>) -> Estate {
    estate(kind, &[File { path: String::new(), bytes }], true)
}

/// `named` says that the file itself was named, so that it is worth a word when it is nothing that can be read.
fn estate(kind: Kind, files: &[File], named: bool) -> Estate {
    let mut estate = match kind {
        Kind::Terraform => terraform::estate(files, named),
        Kind::Kubernetes => kubernetes::estate(files),
    };
    estate.things.sort();
    estate.things.dedup();
    estate.problems.sort_by(|a, b| a.file.cmp(&b.file));
    estate
}

fn problem(rule: &str, path: &str, message: impl Into<String>, mend: &str) -> Problem {
    Problem { file: Some(path.to_owned()), ..Problem::new(rule, "", message, mend) }
}

/// Every file below a folder in order of paths, or the file itself by its name.
fn files_below(root: &Path) -> Result<Vec<File>, Failure> {
    let wrong = |error: std::io::Error, path: &Path| {
        Failure::yours(format!("{} cannot be read: {error}.", path.display()), "Check the path and its rights.")
    };
    let mut found: Vec<PathBuf> = Vec::new();
    if root.is_file() {
        found.push(root.to_owned());
    } else {
        let mut folders = vec![(root.to_owned(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            for entry in std::fs::read_dir(&folder).map_err(|error| wrong(error, &folder))? {
                let entry = entry.map_err(|error| wrong(error, &folder))?;
                // A link is not followed: it may lead out of the place, or round in a circle.
                let kind = entry.file_type().map_err(|error| wrong(error, &folder))?;
                if kind.is_dir() && depth < DEEPEST && is_read(&entry.path()) {
                    folders.push((entry.path(), depth + 1));
                } else if kind.is_file() && is_of_interest(&entry.path()) && found.len() < MOST_FILES {
                    found.push(entry.path());
                }
            }
        }
    }
    found.sort();
    let base = if root.is_file() { root.parent().unwrap_or(root) } else { root };
    let mut files = Vec::with_capacity(found.len());
    for path in found {
        if std::fs::metadata(&path).map_err(|error| wrong(error, &path))?.len() > LARGEST {
            continue;
        }
        let bytes = std::fs::read(&path).map_err(|error| wrong(error, &path))?;
        let path = path.strip_prefix(base).unwrap_or(&path).to_string_lossy().into_owned();
        files.push(File { path, bytes });
    }
    Ok(files)
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Hidden folders hold no states; `.terraform/modules` tells where modules come from, and what is below it is theirs.
fn is_read(folder: &Path) -> bool {
    let above = |levels: usize| folder.ancestors().nth(levels).map(name_of).unwrap_or_default();
    match (above(0), above(1), above(2)) {
        (_, "modules", ".terraform") => false,
        (name, ".terraform", _) => name == "modules",
        (name, _, _) => !name.starts_with('.') || name == ".terraform",
    }
}

fn is_of_interest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    matches!(extension, "tfstate" | "json" | "tf" | "tofu" | "yaml" | "yml")
}
