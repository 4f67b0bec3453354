//! What Locations of a repository point to. All files of a repository are read anyway, so a Location adds nothing; but one
//! that points to nothing is a mistake, and Backstage would tell of it too.

use crate::record::prepare::Prepared;
use crate::source::read::{SourceFile, beside};
use loggia_model::{Document, Problem, glob};
use std::collections::HashMap;

/// A problem for each target beside a Location that is not there. Addresses elsewhere are not looked at.
pub(crate) fn missing(prepared: &[Prepared], files: &HashMap<&str, &SourceFile>) -> Vec<Problem> {
    let locations = prepared.iter().filter(|one| one.kind == "Location");
    let tell = |one: &Prepared| {
        let (at, location) = (one.path.split('#').next().unwrap_or_default(), one.document());
        // It may be away: Backstage says nothing of it either.
        let optional = location.spec_text("presence") == "optional";
        let named = if optional { Vec::new() } else { named(&location) };
        let lost = named.into_iter().filter(|(_, target)| !is_there(at, target, files));
        lost.map(|(field, target)| problem(&field, &target, &one.path)).collect::<Vec<_>>()
    };
    locations.flat_map(tell).collect()
}

/// The targets of a Location within its repository, with their fields.
fn named(location: &Document) -> Vec<(String, String)> {
    let one = Some(("spec.target".to_owned(), location.spec_text("target").to_owned()));
    let many = location.spec_list("targets").enumerate();
    let many = many.map(|(at, target)| (format!("spec.targets.{at}"), target.to_owned()));
    let inside =
        |(_, target): &(String, String)| !target.is_empty() && !target.contains("://") && !target.starts_with('/');
    one.into_iter().chain(many).filter(inside).collect()
}

/// Whether a target, or one file for its pattern, is there.
fn is_there(at: &str, target: &str, files: &HashMap<&str, &SourceFile>) -> bool {
    let Some(path) = beside(at, target) else { return false };
    match path.contains(['*', '?']) {
        // `**/` also stands for no folder at all.
        true => {
            let flat = path.replace("**/", "");
            files.keys().any(|file| glob::matches(&path, file) || glob::matches(&flat, file))
        }
        false => files.contains_key(path.as_str()),
    }
}

fn problem(field: &str, target: &str, path: &str) -> Problem {
    let what = if target.contains(['*', '?']) { "no file fits" } else { "there is no file" };
    let mend =
        "Correct it, or take it out: every YAML file of a repository is read, whether a Location names it or not.";
    let mut problem = Problem::new("location.target", field, format!("{what} {target} beside it"), mend);
    problem.file = Some(path.to_owned());
    problem
}
