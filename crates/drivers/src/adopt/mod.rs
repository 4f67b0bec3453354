//! Reads what runs from where others describe it: states of Terraform and OpenTofu, objects of Kubernetes.
//!
//! Read-only, and only names, types, versions and addresses are taken: what was filled in stays where it is.

mod calls;
mod cluster;
mod folder;
mod helm;
mod kubernetes;
mod objects;
mod resource;
mod state;
mod terraform;
mod text;
mod version;

use crate::http::{Get, GuardOptions, GuardedClient};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use loggia_app::estate::adopt::{Estate, EstateSource, Kind, Place};
use loggia_app::instance::driver::{Failure, Secret};
use loggia_model::{Micros, Problem};
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;
use url::Url;

/// Largest file that is read, in bytes.
const LARGEST: u64 = 256 << 20;
/// One file.
#[derive(Default)]
struct File {
    /// Its path below the place that was named.
    path: String,
    /// What tells it from files of the same path elsewhere; empty when nobody said.
    source: String,
    /// Whether somebody gave it its name, so that it is no path.
    named: bool,
    /// When it was written, as far as that is known.
    time: Option<Micros>,
    bytes: Vec<u8>,
}

/// Reads places that the operator, or whoever runs the command, named.
#[derive(Default)]
pub struct EstateReader {
    credentials: HashMap<String, (String, Secret)>,
    source: Option<String>,
}

impl EstateReader {
    /// Shows name and password to the addresses that have them.
    pub fn new(credentials: HashMap<String, (String, Secret)>) -> EstateReader {
        EstateReader { credentials, source: None }
    }

    /// Calls what is read by this name, wherever it lies.
    #[must_use]
    pub fn called(self, source: Option<String>) -> EstateReader {
        EstateReader { source, ..self }
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
                let whole = format!("{}/{path}", url.host_str().unwrap_or_default());
                let source = self.source.clone().unwrap_or(whole);
                let time = answer.last_modified;
                Ok(vec![File { path, source, named: false, time, bytes: answer.bytes }])
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
        let (place, source) = (place.clone(), self.source.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let path = Path::new(&place.location);
            let (files, mut problems) = folder::files_below(path, source.as_deref())?;
            let mut estate = estate(place.kind, &files, path.is_file());
            problems.append(&mut estate.problems);
            problems.sort_by(|a, b| a.file.cmp(&b.file));
            Ok(Estate { problems, ..estate })
        });
        reading.await.map_err(|error| Failure::ours(error.to_string(), "Report this as a fault."))?
    }
}

/// What a text describes that was piped in, by the name that its source was given. Without one, what does not say itself
/// where it comes from has no key.
pub fn read_text(kind: Kind, source: Option<&str>, bytes: Vec<u8>) -> Estate {
    let source = source.unwrap_or_default().to_owned();
    estate(kind, &[File { path: source.clone(), named: true, source, time: None, bytes }], true)
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
