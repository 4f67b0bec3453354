//! Where an instance is in the repository of its environment, and what stands there.

use super::told::Told;
use crate::git::import::NewFile;
use crate::git::source::{EditError, Entry, EntryKind, Source, SourceError, SourceOptions};
use crate::git::{name_is_safe, path_is_safe, render};
use loggia_app::instance::driver::{Backend, Failure, Request, Secret};
use loggia_model::canonical;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Where an instance is when the backend does not say.
const FOLDER: &str = "{{ namespace }}/{{ name }}.{{ environment }}";
/// Where it is told how far things are, when the backend does not say.
const TOLD: &str = ".loggia/status";
/// The file that says whose a folder is.
pub(super) const MARK: &str = ".loggia.json";
/// How long somebody else has to make it so, when the backend does not say, in seconds.
const WAIT: u64 = 300;

/// The repository of a backend.
pub(super) fn source(backend: &Backend, cache: &Path, repositories: &Path) -> Result<Source, Failure> {
    let setting = |name: &str| backend.config.get(name).and_then(Value::as_str);
    let location = setting("repository").unwrap_or_default();
    let location = match location.strip_prefix("own:").map(|own| own.split_once('/')) {
        None => location.to_owned(),
        Some(Some((team, name))) if name_is_safe(team) && name_is_safe(name) => {
            repositories.join(team).join(format!("{name}.git")).to_string_lossy().into_owned()
        }
        Some(_) => String::new(),
    };
    let branch = setting("branch").unwrap_or("main").to_owned();
    let credentials = backend.secret.as_ref().map(|secret| {
        // Revealed to take name and token apart; a token alone needs no name.
        let (name, token) = secret.reveal().split_once(':').unwrap_or(("loggia", secret.reveal()));
        (name.to_owned(), Secret::new(token))
    });
    let cache = cache.join(canonical::etag(&format!("{location} {branch}")));
    let options = SourceOptions { location, cache, branch: Some(branch), credentials };
    Source::open(options).map_err(|error| away(&error))
}

/// How long somebody else has to make it so; none when nobody tells.
pub(super) fn wait(backend: &Backend) -> Option<Duration> {
    let told = backend.config.get("status").and_then(Value::as_str) == Some("file");
    let seconds = backend.config.get("wait").and_then(Value::as_u64).unwrap_or(WAIT);
    told.then(|| Duration::from_secs(seconds.min(3_600)))
}

/// A failure because the repository cannot be read.
pub(super) fn away(error: &SourceError) -> Failure {
    match error {
        SourceError::Location(why) => {
            Failure::ours(format!("{why}."), "Correct `repository` in the backend of the environment.")
        }
        SourceError::NoBranch(why) => {
            Failure::ours(format!("{why}."), "Make the branch with a first commit, or correct `branch`.")
        }
        _ => Failure::backend(
            format!("The repository of the environment cannot be reached: {error}."),
            "It is tried again by itself; when it stays so, look at its address and its secret.",
        ),
    }
}

/// A failure because the repository did not take a commit.
pub(super) fn refused(error: &EditError) -> Failure {
    match error {
        EditError::Source(error) => away(error),
        EditError::PushRejected(why) => Failure::backend(
            format!("The repository did not take the commit: {why}."),
            "It is tried again by itself; when the branch is protected, let this server write to it.",
        ),
        other => Failure::ours(format!("{other}."), "Use a repository that commits can be sent to."),
    }
}

/// What stands in the repository for an instance.
pub(super) struct Found {
    pub head: String,
    /// The files of its folder by path, without the mark.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The key in the mark, when there is one.
    pub key: Option<String>,
    /// The version in the mark.
    pub version: String,
    pub told: Option<Told>,
}

impl Found {
    pub(super) fn is_of(&self, key: &str) -> bool {
        self.key.as_deref() == Some(key)
    }
}

/// The folder of an instance.
pub(super) fn folder(request: &Request) -> Result<String, Failure> {
    let template = request.backend.config.get("path").and_then(Value::as_str).unwrap_or(FOLDER);
    let folder = render::line(request, "path", template)?;
    match path_is_safe(&folder) {
        true => Ok(folder),
        false => {
            Err(Failure::ours(format!("{folder} is no folder of a repository."), "Correct `path` of the backend."))
        }
    }
}

fn told_path(request: &Request) -> String {
    let folder = request.backend.config.get("statuses").and_then(Value::as_str).unwrap_or(TOLD);
    format!("{}/{}.json", folder.trim_matches('/'), request.key)
}

/// Gets what is new, and looks.
pub(super) async fn look(source: &Source, request: &Request) -> Result<Found, Failure> {
    let broken = |error: SourceError| away(&error);
    if source.is_folder() {
        return Err(Failure::ours("The repository of the environment is a plain folder.", "Name a Git repository."));
    }
    let (head, folder) = (source.fetch().await.map_err(broken)?, folder(request)?);
    let entries = source.below(&head, &folder).await.map_err(broken)?;
    let texts = source.read(&entries).await.map_err(broken)?;
    let read = |(entry, bytes): (Entry, Option<Vec<u8>>)| match entry.kind {
        EntryKind::File | EntryKind::Program => Some((entry.path, bytes?)),
        // A link or another repository is nothing that we wrote.
        EntryKind::Link | EntryKind::Submodule => Some((entry.path, Vec::new())),
    };
    let mut files: BTreeMap<String, Vec<u8>> = entries.into_iter().zip(texts).filter_map(read).collect();
    let mark = files.remove(&format!("{folder}/{MARK}")).unwrap_or_default();
    let mark: Value = serde_json::from_slice(&mark).unwrap_or_default();
    let text = |name: &str| mark[name].as_str().map(str::to_owned);
    let told = match source.file_at(&head, &told_path(request)).await {
        Ok(bytes) => Told::read(&bytes),
        Err(SourceError::NotFound(_)) => None,
        Err(error) => return Err(broken(error)),
    };
    Ok(Found { head, files, key: text("key"), version: text("version").unwrap_or_default(), told })
}

/// The keys of all folders of the repository that carry one.
pub(super) async fn keys(source: &Source) -> Result<Vec<String>, Failure> {
    let broken = |error: SourceError| away(&error);
    let head = source.fetch().await.map_err(broken)?;
    let end = format!("/{MARK}");
    let all = source.tree(&head).await.map_err(broken)?;
    let marks: Vec<Entry> = all.into_iter().filter(|entry| entry.path.ends_with(&end)).collect();
    let texts = source.read(&marks).await.map_err(broken)?;
    let key = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).ok()?["key"].as_str().map(str::to_owned);
    Ok(texts.into_iter().flatten().filter_map(key).collect())
}

/// The files that are wanted, by path in the repository, without the mark.
pub(super) fn wanted(request: &Request) -> Result<Vec<NewFile>, Failure> {
    if !request.secret_inputs.is_empty() {
        let message = "A repository is no place for secrets, and this release asks for some.";
        return Err(Failure::ours(message, "Let it name a secret that the cluster has, and publish a new version."));
    }
    let (folder, files) = (folder(request)?, render::files(request)?);
    if files.is_empty() {
        return Err(render::wrong("the recipe has no files: name the folder in `template`"));
    }
    Ok(files.into_iter().map(|file| NewFile { path: format!("{folder}/{}", file.path), ..file }).collect())
}

/// The file that says whose the folder is.
pub(super) fn mark(request: &Request) -> Result<NewFile, Failure> {
    let Request { key, instance, offering, version, .. } = request;
    let mark = json!({"key": key, "instance": instance, "offering": offering, "version": version});
    let bytes = format!("{mark:#}\n").into_bytes();
    Ok(NewFile { path: format!("{}/{MARK}", folder(request)?), bytes: Some(bytes), executable: false })
}

/// What has to change so that the folder is as wanted: files to write, and files without content to remove.
pub(super) fn difference(found: &Found, wanted: &[NewFile]) -> Vec<NewFile> {
    let changed = wanted.iter().filter(|file| found.files.get(&file.path) != file.bytes.as_ref());
    let gone = found.files.keys().filter(|path| !wanted.iter().any(|file| file.path == **path));
    let removed = gone.map(|path| NewFile { path: path.clone(), bytes: None, executable: false });
    changed.cloned().chain(removed).collect()
}
