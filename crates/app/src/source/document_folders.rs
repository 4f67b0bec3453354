//! Folders whose files belong to a document and are no documents themselves: skeletons, templates and docs.
//!
//! A folder takes the files below it, and never the document itself, nor what stands for itself: a name that is a
//! little too short (`./`, `..`) would make everything around it vanish.

use crate::record::files;
use crate::record::prepare::Prepared;
use crate::source::documents::{Found, Outcome, Text};
use crate::source::read::beside;
use loggia_model::{Document, Problem};
use serde_json::Value;

/// A folder that a document names.
pub(crate) struct Claim {
    /// The field that names it, as a dotted path.
    field: String,
    /// As it is written.
    name: String,
    /// The folder from the root of the source, without a slash at its end; empty for the root itself.
    folder: String,
}

/// The folders that a document names beside its file.
pub(crate) fn claims(document: &Document, path: &str) -> Vec<Claim> {
    let names = match document.kind() {
        "Template" => skeletons(document),
        _ => files::named(document).into_iter().map(|(field, name)| (field.to_owned(), name)).collect(),
    };
    let claim = |(field, name): (String, String)| Some(Claim { folder: beside(path, &name)?, field, name });
    names.into_iter().filter_map(claim).collect()
}

/// Folders that a Backstage template fetches from beside itself.
fn skeletons(document: &Document) -> Vec<(String, String)> {
    let steps = document.spec().and_then(|spec| spec.get("steps")).and_then(Value::as_array);
    let steps = steps.into_iter().flatten().enumerate();
    let url = |(at, step): (usize, &Value)| {
        Some((format!("spec.steps.{at}.input.url"), step.pointer("/input/url")?.as_str()?.to_owned()))
    };
    steps.filter_map(url).filter(|(_, url)| url == "." || url.starts_with("./")).collect()
}

/// What becomes of the folders that documents name.
pub(crate) struct Judged {
    /// For each text, whether it belongs to a document and is none itself.
    pub(crate) taken: Vec<bool>,
    /// What is wrong with a folder: place of the document in the list, and the problem.
    pub(crate) problems: Vec<(usize, Problem)>,
}

/// Judges all folders at once. `is_live` says whether a document stands for something that is there by now.
pub(crate) fn judge(texts: &[Text<'_>], found: &[Found], is_live: &dyn Fn(&Prepared) -> bool) -> Judged {
    let mut good: Vec<(&Claim, &str)> = Vec::new();
    let mut problems = Vec::new();
    for (at, one) in found.iter().enumerate() {
        for claim in &one.claims {
            match refusal(claim, one, texts, found, is_live) {
                None => good.push((claim, texts[one.text].path)),
                Some(_) if matches!(one.outcome, Outcome::Nothing) => {}
                Some(problem) => problems.push((at, problem)),
            }
        }
    }
    // What lies in the folder of another says nothing about folders.
    let within = |path: &str| good.iter().any(|(claim, owner)| *owner != path && holds(&claim.folder, path));
    let folders: Vec<&str> =
        good.iter().filter(|(_, owner)| !within(owner)).map(|(claim, _)| claim.folder.as_str()).collect();
    let taken = |text: &Text<'_>| folders.iter().any(|folder| *folder != text.path && holds(folder, text.path));
    Judged { taken: texts.iter().map(taken).collect(), problems }
}

/// Why a folder cannot belong to a document.
fn refusal(
    claim: &Claim,
    one: &Found,
    texts: &[Text<'_>],
    found: &[Found],
    is_live: &dyn Fn(&Prepared) -> bool,
) -> Option<Problem> {
    let (own, name) = (texts[one.text].path, &claim.name);
    let problem = |message: String, mend: String| Some(Problem::new("file.folder", &claim.field, message, mend));
    if holds(&claim.folder, own) {
        let mend = "Name a folder beside it that holds nothing else, such as ./skeleton or docs.";
        return problem(format!("{name} holds this file itself"), mend.to_owned());
    }
    let beside_it = holds(own.rsplit_once('/').map_or("", |(folder, _)| folder), &claim.folder);
    // Below a document lie examples and templates; what names files of its own, or was there before, is neither.
    let for_itself = |other: &&Found| {
        let path = texts[other.text].path;
        let Outcome::Right(prepared) = &other.outcome else { return false };
        // A golden path may be a template of Backstage, with its text in the folder.
        let recipe = claim.field == files::RECIPE && prepared.kind == "Template";
        other.text != one.text
            && !recipe
            && path != claim.folder
            && holds(&claim.folder, path)
            && (!beside_it || !other.claims.is_empty() || is_live(prepared))
    };
    let other = found.iter().find(for_itself)?;
    let (path, Outcome::Right(prepared)) = (texts[other.text].path, &other.outcome) else { return None };
    problem(
        format!("{name} holds {path}, which describes {}", prepared.reference),
        format!("Name a folder that holds only files of its own, or move {path} out of it."),
    )
}

/// Whether a path is a folder itself or lies below it.
fn holds(folder: &str, path: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
