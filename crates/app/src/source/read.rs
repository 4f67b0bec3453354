//! From the files of a source to documents that are ready to be decided about, with a place for every problem.
//!
//! Used alike by `loggia check`, by repository synchronisation and by `apply`, so that what passes the one passes the
//! others.

use crate::record::files::{self, FileEntry, LARGEST};
use crate::record::prepare::{self, Prepared};
use crate::source::document_folders;
use crate::source::documents::{self, Found, Outcome, Surroundings, Text, is_ours};
use crate::source::ignored::Ignored;
use crate::source::placeholders::Contents;
use crate::source::targets;
use loggia_graph::Graph;
use loggia_model::canonical::hex;
use loggia_model::placeholder::placeholders;
use loggia_model::{Problem, file_of, yaml};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// One file of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path from the root of the source, with `/`.
    pub path: String,
    /// The bytes.
    pub bytes: Arc<[u8]>,
    /// Whether it is a program.
    pub executable: bool,
    /// How many bytes it has; `bytes` is empty when they are too many to read, or cannot be read.
    pub size: usize,
}

/// What was read from a source.
#[derive(Debug, Default)]
pub struct Reading {
    /// Documents that are right by themselves, in order of paths.
    pub prepared: Vec<Prepared>,
    /// What is wrong, with file, line and column.
    pub problems: Vec<Problem>,
    /// Paths of files with a problem.
    pub broken: HashSet<String>,
    /// Files that belong to records, by digest: bytes with media type.
    pub blobs: BTreeMap<String, (String, Arc<[u8]>)>,
    /// How many files were looked at.
    pub files: usize,
}

/// How the place of a file is written in the annotations of the catalog, such as `url:https://…/` or `file:/…/`.
pub type Place<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// What is known beside the files of a source.
#[derive(Default)]
pub struct Outside {
    /// The place that was registered; that of the file when absent.
    pub origin: Option<String>,
    /// The content of addresses that documents point to. Without it the address itself stands for the content.
    pub contents: Option<Contents>,
    /// What is known already; documents that are the same share their texts with it.
    pub known: Option<Arc<Graph>>,
    /// As what records name the source: what it brought before is no part of a folder that is named now.
    pub source: String,
}

/// Reads the documents of a source, without looking anywhere else.
pub fn read(source: &[SourceFile], place: Place<'_>) -> Reading {
    read_from(source, place, &Outside::default())
}

/// Reads the documents of a source.
pub fn read_from(source: &[SourceFile], place: Place<'_>, outside: &Outside) -> Reading {
    let by_path: HashMap<&str, &SourceFile> = source.iter().map(|file| (file.path.as_str(), file)).collect();
    let mut reading = Reading { files: source.len(), ..Reading::default() };
    let ignored = Ignored::of(source);
    for problem in ignored.problems() {
        reading.wrong(&problem.file.clone().unwrap_or_default(), problem);
    }
    let texts = texts(source, &ignored, &mut reading);
    let target = |file: &str, target: &str| content(&by_path, file, target, outside);
    let from = |file: &str| {
        let location = place(file)?;
        Some(prepare::Place { origin: outside.origin.clone().unwrap_or_else(|| location.clone()), location })
    };
    let share = |prepared: Prepared| match outside.known.as_deref().and_then(|known| known.get(&prepared.reference)) {
        Some(record) => prepared.sharing(record),
        None => prepared,
    };
    let found = documents::read_all(&texts, &Surroundings { target: &target, place: &from, share: &share });
    let is_live = |prepared: &Prepared| {
        let record = outside.known.as_deref().and_then(|known| known.get(&prepared.reference));
        record.is_some_and(|record| {
            *record.source.origin == *outside.source && file_of(&record.source.path) == file_of(&prepared.path)
        })
    };
    reading.sort_out(&texts, found, &is_live);
    reading.attach(source);
    let mut nowhere = targets::missing(&reading.prepared, &by_path);
    reading.locate_later(source, &mut nowhere);
    reading.problems.append(&mut nowhere);
    reading
}

/// What a placeholder of a file points to.
fn content(
    files: &HashMap<&str, &SourceFile>,
    file: &str,
    target: &str,
    outside: &Outside,
) -> Result<Arc<[u8]>, String> {
    if target.contains("://") {
        return match &outside.contents {
            Some(contents) => contents.get(target).cloned().unwrap_or_else(|| Err("Invalid URL".to_owned())),
            None => Ok(target.as_bytes().into()),
        };
    }
    let found = beside(file, target).and_then(|path| files.get(path.as_str()));
    found.map(|file| Arc::clone(&file.bytes)).ok_or_else(|| format!("there is no file {target} beside it"))
}

/// The addresses that placeholders of a source point to, each once.
pub fn addresses(source: &[SourceFile]) -> BTreeSet<String> {
    let may = |file: &&SourceFile| {
        let document = file.path.ends_with(".yaml") || file.path.ends_with(".yml");
        document && file.bytes.windows(2).any(|pair| pair[0] == b'$' && pair[1].is_ascii_lowercase())
    };
    let texts = source.iter().filter(may).filter_map(|file| std::str::from_utf8(&file.bytes).ok());
    let texts = texts.filter(|text| text.contains("://"));
    let documents = texts.flat_map(yaml::parse).filter_map(|parsed| parsed.document.ok());
    let targets = documents.filter(is_ours).flat_map(|document| placeholders(&document)).map(|one| one.target);
    targets.filter(|target| target.contains("://")).collect()
}

fn texts<'a>(source: &'a [SourceFile], ignored: &Ignored, reading: &mut Reading) -> Vec<Text<'a>> {
    let mut texts = Vec::new();
    for file in source.iter().filter(|file| !ignored.holds(&file.path)) {
        let markdown = file.path.ends_with(".md");
        let documents = file.path.ends_with(".yaml") || file.path.ends_with(".yml");
        if !(markdown || documents) {
            continue;
        }
        let limit = yaml::Limits::default().bytes;
        if file.size > limit {
            let problem = yaml::too_large(file.size, &yaml::Limits::default());
            reading.wrong(&file.path, problem);
            continue;
        }
        if file.bytes.is_empty() && file.size > 0 {
            let mend = "Check its rights; it is tried again by itself.";
            reading.wrong(&file.path, Problem::new("file.unreadable", "", "the file cannot be read", mend));
            continue;
        }
        match std::str::from_utf8(&file.bytes) {
            Ok(text) => texts.push(Text { path: &file.path, text, markdown }),
            Err(_) if markdown => {}
            Err(error) => {
                let message = format!("the file is not UTF-8: byte {} begins no character", error.valid_up_to());
                reading.wrong(&file.path, Problem::new("file.encoding", "", message, "Save it as UTF-8."));
            }
        }
    }
    texts
}

/// A path beside a file; none when it would leave the source.
pub fn beside(file: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    if name.starts_with('/') {
        return None;
    }
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            other => parts.push(other),
        }
    }
    Some(parts.join("/"))
}

impl Reading {
    fn wrong(&mut self, path: &str, mut problem: Problem) {
        problem.file = Some(path.to_owned());
        problem.line = problem.line.or(Some(1));
        problem.column = problem.column.or(Some(1));
        self.broken.insert(path.to_owned());
        self.problems.push(problem);
    }

    /// Keeps what is right and tells what is wrong, but for what lies in the folders of documents.
    fn sort_out(&mut self, texts: &[Text<'_>], found: Vec<Found>, is_live: &dyn Fn(&Prepared) -> bool) {
        let judged = document_folders::judge(texts, &found, is_live);
        let mut amiss: HashMap<usize, Vec<Problem>> = HashMap::new();
        for (at, problem) in judged.problems {
            amiss.entry(at).or_default().push(problem);
        }
        for (at, one) in found.into_iter().enumerate().filter(|(_, one)| !judged.taken[one.text]) {
            let text = &texts[one.text];
            let outcome = match (amiss.remove(&at), one.outcome) {
                (Some(problems), Outcome::Right(_)) => Outcome::Wrong(problems),
                (Some(problems), Outcome::Wrong(others)) => Outcome::Wrong([others, problems].concat()),
                (_, outcome) => outcome,
            };
            match outcome {
                Outcome::Nothing => {}
                Outcome::Right(prepared) => self.prepared.push(*prepared),
                Outcome::Unreadable(problem) => self.wrong(text.path, *problem),
                Outcome::Wrong(problems) => self.locate(text, one.index, problems),
            }
        }
    }

    /// Gives the problems of one document their places.
    fn locate(&mut self, text: &Text<'_>, index: usize, mut problems: Vec<Problem>) {
        yaml::place(text.text, index, &mut problems);
        for problem in problems {
            self.wrong(text.path, problem);
        }
    }

    /// Places for problems that were found later, when all documents were known together.
    pub fn locate_later(&self, source: &[SourceFile], problems: &mut [Problem]) {
        for problem in problems {
            let Some(at) = problem.file.clone() else { continue };
            let (path, index) = split_at(&at);
            problem.file = Some(path.to_owned());
            let file = source.iter().find(|file| file.path == path);
            if let Some(text) = file.and_then(|file| std::str::from_utf8(&file.bytes).ok()) {
                yaml::place(text, index, std::slice::from_mut(problem));
            }
            problem.line = problem.line.or(Some(1));
            problem.column = problem.column.or(Some(1));
        }
    }

    /// Finds the files that records name, and keeps their bytes.
    fn attach(&mut self, source: &[SourceFile]) {
        let by_path: HashMap<&str, &SourceFile> = source.iter().map(|file| (file.path.as_str(), file)).collect();
        let mut found = Vec::new();
        for (at, prepared) in self.prepared.iter().enumerate() {
            if !files::HOLDERS.contains(&prepared.kind) {
                continue;
            }
            let (own, _) = split_at(&prepared.path);
            for name in files::wanted(&prepared.document()) {
                match beside(own, &name).map(|path| matching(source, &by_path, &path, &name)) {
                    Some(files) if !files.is_empty() => found.push((at, Ok(files))),
                    _ => found.push((at, Err(missing(&name, &prepared.path)))),
                }
            }
        }
        let mut missing = Vec::new();
        for (at, result) in found {
            match result {
                Ok(files) => {
                    for (path, file) in files {
                        self.keep(at, path, file);
                    }
                }
                Err(problem) => missing.push(problem),
            }
        }
        self.locate_later(source, &mut missing);
        self.problems.append(&mut missing);
    }

    fn keep(&mut self, at: usize, path: String, file: &SourceFile) {
        if file.size > LARGEST {
            let message = format!("{} has {} bytes, and at most {LARGEST} are kept", file.path, file.size);
            let mut problem = Problem::new("file.too-large", "", message, "Make it smaller.");
            problem.file = Some(file.path.clone());
            self.problems.push(problem);
            return;
        }
        let sha256 = hex(&Sha256::digest(&file.bytes));
        self.blobs.insert(sha256.clone(), (media(&file.path).to_owned(), Arc::clone(&file.bytes)));
        self.prepared[at].files.push(FileEntry { path, sha256, executable: file.executable });
    }
}

/// The file of that path, or all files below it, with their paths below the folder.
fn matching<'a>(
    source: &'a [SourceFile],
    by_path: &HashMap<&str, &'a SourceFile>,
    path: &str,
    name: &str,
) -> Vec<(String, &'a SourceFile)> {
    if let Some(file) = by_path.get(path) {
        return vec![(name.trim_start_matches("./").to_owned(), *file)];
    }
    let folder = format!("{path}/");
    let below = |file: &'a SourceFile| Some((file.path.strip_prefix(&folder)?.to_owned(), file));
    source.iter().filter_map(below).collect()
}

fn missing(name: &str, at: &str) -> Problem {
    let message = format!("there is no file or folder {name} beside it");
    let mut problem = Problem::new("file.missing", "", message, "Add it, or correct the name.");
    problem.file = Some(at.to_owned());
    problem
}

/// Path and number of the document.
fn split_at(at: &str) -> (&str, usize) {
    match at.rsplit_once('#') {
        Some((path, index)) => (path, index.parse().unwrap_or(0)),
        None => (at, 0),
    }
}

/// The media type of a file, by its name.
pub fn media(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "md" => "text/markdown; charset=utf-8",
        "html" | "css" | "js" | "txt" | "sh" | "py" | "yaml" | "yml" | "toml" => "text/plain; charset=utf-8",
        "json" => "application/json",
        _ => "application/octet-stream",
    }
}
