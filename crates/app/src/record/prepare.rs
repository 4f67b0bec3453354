//! Documents made ready to be decided about: checked, in normal form, in canonical text.
//!
//! This is the costly part of taking documents in. It needs no graph, so that many cores can share it before the
//! writer is asked.

use crate::record::files::FileEntry;
use crate::source::documents::broke_down;
use loggia_model::backstage::{LOCATION, ORIGIN_LOCATION};
use loggia_model::{Document, Kind, Problem, Record, Ref, canonical, kind};
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

/// A document that is right by itself.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The name of what it describes.
    pub reference: Ref,
    /// Its kind.
    pub kind: &'static str,
    /// The canonical text of the document in normal form. Only the text is kept: a parsed document is many times as
    /// large, and a source may have a hundred thousand.
    pub text: Arc<str>,
    /// The tag of the text: what the document brought along, else a digest.
    pub etag: Arc<str>,
    /// Where it came from: a path, and `#` with the number of the document in the file.
    pub path: String,
    /// Files that belong to it, found beside its own file.
    pub files: Vec<FileEntry>,
}

impl Prepared {
    /// The document, in normal form.
    pub fn document(&self) -> Document {
        Document(serde_json::from_str(&self.text).unwrap_or(Value::Null))
    }

    /// The same, sharing its texts with the record when that has the same document: whoever reads a source again holds
    /// only what is new.
    #[must_use]
    pub fn sharing(self, record: &Record) -> Prepared {
        if record.document != self.text {
            return self;
        }
        let etag = if record.etag == self.etag { Arc::clone(&record.etag) } else { self.etag };
        Prepared { reference: record.reference.clone(), text: Arc::clone(&record.document), etag, ..self }
    }
}

/// Brings a document into normal form and checks it.
///
/// # Errors
/// Everything that is wrong with it.
pub fn prepare(value: Value, path: &str) -> Result<Prepared, Vec<Problem>> {
    prepare_at(value, path, None)
}

/// As [`prepare`], with the place that the catalog's annotations name.
///
/// # Errors
/// Everything that is wrong with it.
pub fn prepare_at(value: Value, path: &str, location: Option<&str>) -> Result<Prepared, Vec<Problem>> {
    let place = location.map(|location| Place { location: location.to_owned(), origin: location.to_owned() });
    prepare_from(value, path, place.as_ref())
}

/// Where a document was found, as the catalog's annotations write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file: `url:https://…/catalog-info.yaml` or `file:/…/catalog-info.yaml`.
    pub location: String,
    /// The place that was registered, and led to the file.
    pub origin: String,
}

/// As [`prepare`], with the place that the catalog's annotations name.
///
/// # Errors
/// Everything that is wrong with it.
pub fn prepare_from(value: Value, path: &str, place: Option<&Place>) -> Result<Prepared, Vec<Problem>> {
    let mut document = Document(value);
    let problems = kind::check(&document);
    if !problems.is_empty() {
        return Err(problems);
    }
    if let Some(problem) = written_as_managed(&document) {
        return Err(vec![problem]);
    }
    let Some(kind) = Kind::find(document.kind()) else {
        let message = format!("There is no kind {:?}", document.kind());
        return Err(vec![Problem::new("kind", "kind", message, "Use one of the kinds that `loggia kinds` lists.")]);
    };
    (kind.normalise)(&mut document);
    if let Some(place) = place {
        document.annotate(LOCATION, &place.location);
        document.annotate(ORIGIN_LOCATION, &place.origin);
    }
    reject_scripts(&mut document);
    let brought = take_server_fields(&mut document);
    let text = document.canonical();
    let etag = brought.unwrap_or_else(|| canonical::etag(&text));
    Ok(Prepared {
        reference: document.reference(),
        kind: kind.name,
        text: text.into(),
        etag: etag.into(),
        path: path.to_owned(),
        files: Vec::new(),
    })
}

/// What is managed got there by an order, which checks the plan, the inputs and the rights. Writing it down would go
/// round all that.
fn written_as_managed(document: &Document) -> Option<Problem> {
    let managed = document.reference().kind() == "instance" && document.spec_text("step") == "managed";
    let mend = "Order it: loggia new OFFERING NAME. For what runs already, write `enrolled`.";
    managed.then(|| Problem::new("instance.managed", "spec.step", "What is managed is ordered, not written", mend))
}

/// Annotations that pages show as links: an address that would run a program is replaced, as Backstage does.
fn reject_scripts(document: &mut Document) {
    for key in ["backstage.io/view-url", "backstage.io/edit-url"] {
        let scheme = document.annotation(key).split(':').next().unwrap_or_default();
        let letters: String = scheme.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
        if letters.eq_ignore_ascii_case("javascript") {
            document.annotate(key, "https://backstage.io/annotation-rejected-for-security-reasons");
        }
    }
}

/// Takes out what the server says itself: the uid is ignored, the etag is kept beside the text.
fn take_server_fields(document: &mut Document) -> Option<String> {
    let metadata = document.0.get_mut("metadata")?.as_object_mut()?;
    metadata.remove("uid");
    metadata.remove("etag").and_then(|etag| etag.as_str().map(str::to_owned)).filter(|etag| !etag.is_empty())
}

/// Prepares many documents on all cores, in the order given.
pub fn prepare_all(values: Vec<(Value, String, Option<Place>)>) -> Vec<Result<Prepared, Vec<Problem>>> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let each = values.len().div_ceil(cores).max(1);
    if values.len() < 64 {
        return values.into_iter().map(prepare_one).collect();
    }
    let mut parts: Vec<Vec<_>> = Vec::with_capacity(cores);
    let mut values = values.into_iter();
    loop {
        let part: Vec<_> = values.by_ref().take(each).collect();
        if part.is_empty() {
            break;
        }
        parts.push(part);
    }
    std::thread::scope(|scope| {
        let running: Vec<_> = parts
            .into_iter()
            .map(|part| scope.spawn(move || part.into_iter().map(prepare_one).collect::<Vec<_>>()))
            .collect();
        // What a thread would lose must not pass for what is not there.
        running.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

fn prepare_one((value, path, place): (Value, String, Option<Place>)) -> Result<Prepared, Vec<Problem>> {
    let prepare = AssertUnwindSafe(|| prepare_from(value, &path, place.as_ref()));
    catch_unwind(prepare).unwrap_or_else(|_| Err(vec![broke_down()]))
}
