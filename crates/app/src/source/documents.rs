//! The documents of text files: parsed, filled, checked and brought into normal form, on all cores.
//!
//! Each document goes all the way in one go, so that only its canonical text is held and never all parsed documents of
//! a source at once.

use crate::record::misspelt;
use crate::record::prepare::{Place, Prepared, prepare_from};
use crate::source::document_folders::{Claim, claims};
use crate::source::placeholders::{Unfilled, fill};
use loggia_model::{Document, Kind, Problem, frontmatter, yaml};
use serde_json::{Map, Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

/// A text file with a name that may hold documents.
pub(crate) struct Text<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
    pub(crate) markdown: bool,
}

/// Gives the content of what a file points to, or why there is none: path of the file, and the target in it.
type Content<'a> = dyn Fn(&str, &str) -> Result<Arc<[u8]>, String> + Sync + 'a;

/// What documents of a file may point to.
pub(crate) struct Surroundings<'a> {
    /// The content of the target of a placeholder, by the path of the file that has it.
    pub(crate) target: &'a Content<'a>,
    /// The place of a file, as the catalog's annotations name it.
    pub(crate) place: &'a (dyn Fn(&str) -> Option<Place> + Sync),
    /// The same document, sharing its texts with what is known already.
    pub(crate) share: &'a (dyn Fn(Prepared) -> Prepared + Sync),
}

/// What became of one document.
pub(crate) struct Found {
    /// Its file: place in the list of texts.
    pub(crate) text: usize,
    /// Its number in the file, from 0.
    pub(crate) index: usize,
    /// Folders that it names, whose files are no documents themselves.
    pub(crate) claims: Vec<Claim>,
    pub(crate) outcome: Outcome,
}

pub(crate) enum Outcome {
    /// It is not meant for us.
    Nothing,
    /// It is right by itself.
    Right(Box<Prepared>),
    /// It is no YAML.
    Unreadable(Box<Problem>),
    /// It is wrong; the problems have no line yet.
    Wrong(Vec<Problem>),
}

/// A part of a file that is read at once.
enum Part<'a> {
    Chunk(yaml::Chunk<'a>),
    Markdown,
}

/// Reads all documents on all cores; the order of files stays. Large files are cut into their documents, so that one
/// file of 10,000 uses all cores too.
pub(crate) fn read_all(texts: &[Text<'_>], around: &Surroundings<'_>) -> Vec<Found> {
    let mut parts: Vec<(usize, Part<'_>)> = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        match text.markdown {
            true => parts.push((at, Part::Markdown)),
            false => parts.extend(yaml::split(text.text).into_iter().map(|chunk| (at, Part::Chunk(chunk)))),
        }
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let each = parts.len().div_ceil(cores).max(1);
    let read = |parts: &[(usize, Part<'_>)]| -> Vec<Found> {
        parts.iter().filter_map(|(at, part)| read_or_tell(*at, &texts[*at], part, around)).collect()
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = parts.chunks(each).map(|some| scope.spawn(move || read(some))).collect();
        // What a thread would lose must not pass for what is not there.
        running.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

/// As [`read_one`]. A document that the reader breaks down on is a problem of its file, which keeps what it described.
fn read_or_tell(at: usize, text: &Text<'_>, part: &Part<'_>, around: &Surroundings<'_>) -> Option<Found> {
    let read = AssertUnwindSafe(|| read_one(at, text, part, around));
    catch_unwind(read).unwrap_or_else(|_| {
        let outcome = Outcome::Unreadable(Box::new(broke_down()));
        Some(Found { text: at, index: 0, claims: Vec::new(), outcome })
    })
}

/// A fault of this program, told at the document that brought it out.
pub(crate) fn broke_down() -> Problem {
    let message = "Loggia broke down while reading this";
    Problem::new("document.fault", "", message, "Report it with the file; what it described stays as it was.")
}

fn read_one(at: usize, text: &Text<'_>, part: &Part<'_>, around: &Surroundings<'_>) -> Option<Found> {
    let (index, document, unread) = match part {
        Part::Chunk(chunk) => {
            let parsed = yaml::parse_chunk(chunk, &yaml::Limits::default())?;
            (parsed.index, parsed.document, None)
        }
        Part::Markdown => {
            let (head, unread) = markdown(text.text)?;
            (0, Ok(head), unread)
        }
    };
    let found = |claims, outcome| Some(Found { text: at, index, claims, outcome });
    let mut document = match document {
        Ok(value) => Document(value),
        Err(problem) => return found(Vec::new(), Outcome::Unreadable(Box::new(problem))),
    };
    let claims = claims(&document, text.path);
    if !is_ours(&document.0) {
        let problem = misspelt::problem(&document.0, text.path);
        return found(claims, problem.map_or(Outcome::Nothing, |problem| Outcome::Wrong(vec![problem])));
    }
    let unfilled = fill(&mut document.0, |target| (around.target)(text.path, target));
    if !unfilled.is_empty() {
        return found(claims, Outcome::Wrong(unfilled.into_iter().map(Unfilled::problem).collect()));
    }
    let place = (around.place)(text.path);
    let outcome = match (prepare_from(document.0, &format!("{}#{index}", text.path), place.as_ref()), unread) {
        (Ok(prepared), None) => Outcome::Right(Box::new((around.share)(prepared))),
        (Ok(_), Some(unread)) => Outcome::Wrong(vec![unread]),
        (Err(problems), unread) => Outcome::Wrong(problems.into_iter().chain(unread).collect()),
    };
    found(claims, outcome)
}

/// The document in the head of a Markdown file, with what is wrong about the text below it; that is its notes. A head that
/// describes no record, or none at all, is just prose.
fn markdown(text: &str) -> Option<(Value, Option<Problem>)> {
    let parsed = frontmatter::parse(text).ok()??;
    let mut head = parsed.head;
    if !is_ours(&head) && misspelt::problem(&head, "").is_none() {
        return None;
    }
    let unread = add_notes(&mut head, parsed.body).map(|problem| {
        let above = parsed.body.lines().take_while(|line| line.trim().is_empty()).count();
        let line = parsed.body_line.saturating_add(u32::try_from(above).unwrap_or(u32::MAX));
        Problem { line: Some(line), column: Some(1), ..problem }
    });
    Some((head, unread))
}

/// The text below the head of a Markdown file is the notes of what the head describes; a problem for a kind that has none.
pub(crate) fn add_notes(head: &mut Value, body: &str) -> Option<Problem> {
    if body.trim().is_empty() {
        return None;
    }
    let kind = Kind::find(head.get("kind").and_then(Value::as_str).unwrap_or_default());
    if let Some(kind) = kind.filter(|kind| !takes_notes(kind)) {
        let article = if kind.name.starts_with(['A', 'E', 'I', 'O', 'U']) { "An" } else { "A" };
        let message = format!("{article} {} takes no text below its head", kind.name);
        let mend =
            "Put the text into a file under docs/ beside it, and name that folder in `spec.docs` where there is one.";
        let mend = if has_field(kind, "docs") { mend } else { "Put it into metadata.description, or take it out." };
        return Some(Problem::new("markdown.body", "", message, mend));
    }
    keep_notes(head, body);
    None
}

fn keep_notes(head: &mut Value, body: &str) {
    let Some(head) = head.as_object_mut() else { return };
    let spec = head.entry("spec").or_insert_with(|| Value::Object(Map::new()));
    if let Some(spec) = spec.as_object_mut() {
        spec.entry("notes").or_insert_with(|| json!(body.trim()));
    }
}

/// Whether documents of a kind may have notes. Those of the catalog may have any field.
fn takes_notes(kind: &Kind) -> bool {
    !kind.api_versions.iter().any(|version| version.starts_with("loggia.dev/")) || has_field(kind, "notes")
}

/// Whether the `spec` of a kind has a field.
fn has_field(kind: &Kind, field: &str) -> bool {
    (kind.schema)().pointer("/properties").and_then(|all| all.get(field)).is_some()
}

/// Whether a document is meant for us: it says a kind, and a version of a group that we read.
pub(crate) fn is_ours(value: &Value) -> bool {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let group = text("apiVersion").split('/').next().unwrap_or_default();
    let ours = misspelt::GROUPS.contains(&group);
    ours || (Kind::find(text("kind")).is_some() && value.get("metadata").is_some() && group.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_on_which_the_reader_breaks_down_is_a_problem_of_its_file() {
        let document = |name: &str| {
            format!(
                "kind: Component\napiVersion: backstage.io/v1alpha1\nmetadata: {{name: {name}}}\nspec: {{type: service, lifecycle: production, owner: red}}\n"
            )
        };
        let (good, bad) = (document("good"), document("bad"));
        let texts: Vec<Text<'_>> = (0..40)
            .map(|at| match at % 5 {
                0 => Text { path: "bad.yaml", text: &bad, markdown: false },
                _ => Text { path: "good.yaml", text: &good, markdown: false },
            })
            .collect();
        let around = Surroundings {
            target: &|_, _| Err(String::new()),
            place: &|path| {
                assert!(path != "bad.yaml", "it breaks down");
                None
            },
            share: &|prepared| prepared,
        };
        let found = read_all(&texts, &around);
        assert_eq!(found.iter().map(|one| one.text).collect::<Vec<_>>(), (0..40).collect::<Vec<_>>());
        for one in found {
            match (texts[one.text].path, one.outcome) {
                ("good.yaml", Outcome::Right(_)) => {}
                ("bad.yaml", Outcome::Unreadable(problem)) => assert_eq!(problem.rule, "document.fault"),
                (path, _) => panic!("{path}"),
            }
        }
    }
}
