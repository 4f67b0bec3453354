//! Reads the sources of records for the application: Git repositories, plain folders, single files.

use crate::git::Signature;
use crate::git::source::{
    Edit as GitEdit, EditError, Entry, EntryKind, LARGEST, Source, SourceError, SourceOptions, folder,
};
use async_trait::async_trait;
use loggia_app::instance::driver::{Failure, Secret};
use loggia_app::source::read::{SourceFile, beside};
use loggia_app::source::{Delivery, Edit, Landed, Proposed, Reader, Standing, Tree, Written};
use loggia_model::canonical::hex;
use loggia_model::{Document, yaml};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Most files that a single file may name as its parts.
const PARTS: usize = 10_000;

/// What people do where nothing can be pushed.
const BY_HAND: &str = "Download the change as a patch, and bring it in yourself.";

/// Reads sources; what is fetched is kept below a folder of the server's data.
pub struct SourceReader {
    cache: PathBuf,
    credentials: HashMap<String, (String, Secret)>,
    deliveries: HashMap<String, Delivery>,
}

impl SourceReader {
    /// Keeps what it fetches below `cache`; shows name and password to the repositories that have them.
    pub fn new(cache: PathBuf, credentials: HashMap<String, (String, Secret)>) -> SourceReader {
        SourceReader { cache, credentials, deliveries: HashMap::new() }
    }

    /// With how edits reach the repositories that take them in another way than by a push.
    #[must_use]
    pub fn delivering(self, deliveries: HashMap<String, Delivery>) -> SourceReader {
        SourceReader { deliveries, ..self }
    }

    fn open(&self, location: &str) -> Result<Source, Failure> {
        let name = hex(&Sha256::digest(location.as_bytes())[..12]);
        let options = SourceOptions {
            location: location.to_owned(),
            cache: self.cache.join(name),
            branch: None,
            credentials: self.credentials.get(location).cloned(),
        };
        Source::open(options).map_err(|error| unreadable(&error))
    }
}

#[async_trait]
impl Reader for SourceReader {
    async fn read(&self, location: &str, known: Option<&str>) -> Result<Option<Tree>, Failure> {
        let path = Path::new(location);
        if path.is_file() {
            return single(path, known);
        }
        let source = self.open(location)?;
        let commit = source.fetch().await.map_err(|error| unreadable(&error))?;
        if known == Some(commit.as_str()) {
            return Ok(None);
        }
        let entries = source.tree(&commit).await.map_err(|error| unreadable(&error))?;
        let entries: Vec<Entry> =
            entries.into_iter().filter(|e| matches!(e.kind, EntryKind::File | EntryKind::Program)).collect();
        let contents = source.read(&entries).await.map_err(|error| unreadable(&error))?;
        let files = entries.into_iter().zip(contents).map(|(entry, bytes)| file(entry, bytes));
        let files = files.collect();
        let written = source.written(known, &commit).await;
        Ok(Some(Tree { commit, files, place: place(location), single: false, written }))
    }

    async fn delivery(&self, location: &str) -> Delivery {
        let named = self.deliveries.get(location).copied().unwrap_or_default();
        let Ok(source) = self.open(location) else { return named };
        // What would be refused is not offered.
        let refused = named == Delivery::Push && !source.is_folder() && !source.takes_pushes().await;
        if refused { Delivery::Patch } else { named }
    }

    async fn commit(&self, location: &str, edit: &Edit) -> Result<Landed, Failure> {
        let source = self.open(location)?;
        let made = of(&source, edit).await;
        match self.delivery(location).await {
            Delivery::Push => {
                let commit = source.commit_edit(&made, true).await.map_err(|error| uncommitted(&error))?;
                return Ok(Landed { commit, ..Landed::default() });
            }
            Delivery::Patch => return Err(Failure::yours("This source takes no commits from here.", BY_HAND)),
            Delivery::Request => {}
        }
        let crate::git::source::Proposed { commit, branch, link } =
            source.propose_edit(&made, &edit.about).await.map_err(|error| uncommitted(&error))?;
        Ok(Landed { commit, branch, link })
    }

    async fn standing(&self, location: &str, edits: &[Proposed]) -> Result<Vec<Standing>, Failure> {
        self.open(location)?.standing(edits).await.map_err(|error| uncommitted(&error))
    }

    async fn patch(&self, location: &str, edit: &Edit) -> Result<Vec<u8>, Failure> {
        let source = self.open(location)?;
        source.patch_of(&of(&source, edit).await).await.map_err(|error| uncommitted(&error))
    }
}

/// An edit as Git makes it.
async fn of(source: &Source, edit: &Edit) -> GitEdit {
    let seen = source.file_at(&edit.base, &edit.path).await.ok();
    let author = Signature { name: edit.author.0.clone(), email: edit.author.1.clone() };
    let (message, path) = (edit.message.clone(), edit.path.clone());
    GitEdit { author, message, path, bytes: Some(edit.bytes.clone()), seen }
}

/// Reads the files of a folder as they are now, committed or not; or a single file.
///
/// # Errors
/// When it cannot be read.
pub fn read_folder(path: &Path) -> Result<Vec<SourceFile>, Failure> {
    if path.is_file() {
        return Ok(single(path, None)?.unwrap_or_default().files);
    }
    let wrong = |error: SourceError| Failure::yours(format!("{}: {error}.", path.display()), "Check the path.");
    let entries = folder::walk(path).map_err(wrong)?;
    let contents = folder::read(path, &entries).map_err(wrong)?;
    let readable = entries
        .into_iter()
        .zip(contents)
        .filter(|(entry, _)| matches!(entry.kind, EntryKind::File | EntryKind::Program));
    Ok(readable.map(|(entry, bytes)| file(entry, bytes)).collect())
}

/// Most files and bytes around a file that is looked at by itself, where no repository says what belongs to it.
const AROUND: (usize, u64) = (5_000, 64 << 20);

/// A file with what belongs to it: its repository, or else the folder that it lies in, unless that is somebody's whole disk.
/// Gives the files, and which of them it is.
///
/// # Errors
/// When it cannot be read.
pub fn read_around(path: &Path) -> Result<(Vec<SourceFile>, String), Failure> {
    let wrong = |error: std::io::Error| Failure::yours(format!("{}: {error}.", path.display()), "Check the path.");
    let real = path.canonicalize().map_err(wrong)?;
    let repository = real.ancestors().skip(1).find(|folder| folder.join(".git").exists());
    let root = repository.or(real.parent()).unwrap_or(Path::new("/"));
    let own = real.strip_prefix(root).ok().and_then(Path::to_str).unwrap_or_default().to_owned();
    let fits = repository.is_some() || is_small(root);
    if let Some(files) = fits.then(|| read_folder(root).ok()).flatten()
        && files.iter().any(|file| file.path == own)
    {
        return Ok((files, own));
    }
    let name = real.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    Ok((single(path, None)?.unwrap_or_default().files, name))
}

/// Whether a folder is small enough to be read for the sake of one of its files.
fn is_small(root: &Path) -> bool {
    let (mut count, mut size, mut folders) = (0, 0, vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { return false };
        for entry in entries.filter_map(Result::ok) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => size += entry.metadata().map_or(0, |facts| facts.len()),
                _ => {}
            }
            count += 1;
            if count > AROUND.0 || size > AROUND.1 {
                return false;
            }
        }
    }
    true
}

fn file(entry: Entry, bytes: Option<Vec<u8>>) -> SourceFile {
    SourceFile {
        executable: entry.kind == EntryKind::Program,
        size: usize::try_from(entry.size).unwrap_or(usize::MAX),
        bytes: bytes.unwrap_or_default().into(),
        path: entry.path,
    }
}

/// How places in a source are written in the annotations of the catalog.
fn place(location: &str) -> String {
    match Path::new(location).canonicalize() {
        Ok(folder) => format!("file:{}/", folder.display()),
        Err(_) => format!("url:{}/", location.trim_end_matches('/')),
    }
}

/// A single file, with the parts beside it that its Locations name.
fn single(path: &Path, known: Option<&str>) -> Result<Option<Tree>, Failure> {
    let wrong = |error: std::io::Error| {
        Failure::backend(format!("{} cannot be read: {error}.", path.display()), "Check the path and its rights.")
    };
    let path = path.canonicalize().map_err(wrong)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let mut files: Vec<SourceFile> = Vec::new();
    let mut next = vec![name];
    while let Some(name) = next.pop() {
        if files.len() >= PARTS || files.iter().any(|file| file.path == name) {
            continue;
        }
        let real = match folder.join(&name).canonicalize() {
            // What a Location names and is not there is told at the Location.
            Err(_) if !files.is_empty() => continue,
            real => real.map_err(wrong)?,
        };
        if !real.starts_with(folder) || !real.is_file() {
            continue;
        }
        let size = real.metadata().map_err(wrong)?.len();
        let bytes = if size <= LARGEST { std::fs::read(&real).map_err(wrong)? } else { Vec::new() };
        next.extend(parts(&name, &bytes));
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        files.push(SourceFile { path: name, bytes: bytes.into(), executable: false, size });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut digest = Sha256::new();
    for file in &files {
        digest.update(file.path.as_bytes());
        digest.update(&file.bytes);
    }
    let commit = hex(&digest.finalize());
    if known == Some(commit.as_str()) {
        return Ok(None);
    }
    let alone = files.len() == 1;
    let place = if alone { format!("file:{}", path.display()) } else { format!("file:{}/", folder.display()) };
    Ok(Some(Tree { commit, files, place, single: alone, written: Written::default() }))
}

/// The files beside a file that its Locations name with `./…`.
fn parts(name: &str, bytes: &[u8]) -> Vec<String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Vec::new() };
    if !text.contains("kind: Location") {
        return Vec::new();
    }
    let documents = yaml::parse(text).into_iter().filter_map(|parsed| parsed.document.ok()).map(Document);
    let locations = documents.filter(|document| document.kind() == "Location");
    let targets = locations.flat_map(|location| {
        let one = Some(location.spec_text("target").to_owned()).filter(|target| !target.is_empty());
        location.spec_list("targets").map(str::to_owned).chain(one).collect::<Vec<_>>()
    });
    targets.filter(|target| target.starts_with("./")).filter_map(|target| beside(name, &target)).collect()
}

fn unreadable(error: &SourceError) -> Failure {
    let mend = match error {
        SourceError::Location(_) => "Correct the address.",
        SourceError::NoBranch(_) => "Push a first commit.",
        _ => "Check the address and the rights; it is tried again by itself.",
    };
    Failure::backend(format!("{error}."), mend)
}

fn uncommitted(error: &EditError) -> Failure {
    let mend = match error {
        EditError::NotARepository => "Change the file where it is, or make the folder a Git repository.",
        EditError::Changed(_) => "Read it again, then make your change.",
        EditError::PushRejected(_) => BY_HAND,
        EditError::Unclean(_) => "Commit that first, or download your change as a patch.",
        EditError::Path(_) | EditError::Source(_) => "Try again in a moment.",
    };
    // What git says of it is for the operator; people get a sentence.
    if let EditError::PushRejected(why) = error {
        tracing::warn!(%why, "a repository did not take a commit");
    }
    match error {
        EditError::Source(why) => {
            tracing::warn!(%why, "an edit could not be made");
            Failure::yours("The repository cannot be reached now.", mend)
        }
        error => Failure::yours(format!("{error}."), mend),
    }
}
