//! What Locations of a repository point to. All files of a repository are read anyway, so a Location adds nothing; but one
//! that points to nothing is a mistake, and Backstage would tell of it too.

use crate::record::prepare::Prepared;
use crate::source::read::{SourceFile, beside};
use globset::{Glob, GlobBuilder};
use loggia_model::{Document, Problem};
use std::collections::HashMap;

/// The endings of files that are read.
pub(crate) const READ: [&str; 3] = [".yaml", ".yml", ".md"];
/// What makes a target a pattern.
const PATTERN: [char; 5] = ['*', '?', '[', '{', '('];

/// A problem for each target beside a Location that is not there, or is not read. Addresses elsewhere are not looked at.
pub(crate) fn missing(prepared: &[Prepared], files: &HashMap<&str, &SourceFile>) -> Vec<Problem> {
    let locations = prepared.iter().filter(|one| one.kind == "Location");
    let tell = |one: &Prepared| {
        let (at, location) = (one.path.split('#').next().unwrap_or_default(), one.document());
        // It may be away: Backstage says nothing of it either.
        let optional = location.spec_text("presence") == "optional";
        let named = named(&location).into_iter();
        let told = named.filter_map(|(field, target)| Some((found(at, &target, files)?, field, target)));
        let told = told.filter(|(wrong, ..)| !optional || *wrong == Wrong::Unread);
        told.map(|(wrong, field, target)| wrong.problem(&field, &target, &one.path)).collect::<Vec<_>>()
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

/// What is wrong with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// There is no such file.
    Absent,
    /// No file fits the pattern.
    NoneFits,
    /// It is there, and its ending is none that is read.
    Unread,
}

/// What is wrong with a target; none for one that is there, and for a pattern that only its reader understands.
fn found(at: &str, target: &str, files: &HashMap<&str, &SourceFile>) -> Option<Wrong> {
    // Written as a path of the file it is the same one.
    let target = target.strip_prefix("file:").unwrap_or(target);
    let path = beside(at, target);
    if !target.contains(PATTERN) {
        let Some(path) = path.filter(|path| files.contains_key(path.as_str())) else { return Some(Wrong::Absent) };
        return (!READ.iter().any(|ending| path.ends_with(ending))).then_some(Wrong::Unread);
    }
    let Some(path) = path else { return Some(Wrong::NoneFits) };
    let pattern = pattern(&path)?.compile_matcher();
    (!files.keys().any(|file| pattern.is_match(file))).then_some(Wrong::NoneFits)
}

/// The pattern as Backstage means it; none where it is one of those that only its own library knows.
fn pattern(path: &str) -> Option<Glob> {
    let choices = path.replace("@(", "{");
    // `@(a|b)` is one of them, as `{a,b}` is; other groups count, and are not read here.
    let text = match choices == path {
        true => choices,
        false => choices.replace('|', ",").replace(')', "}"),
    };
    if text.contains(['(', ')', '|']) {
        return None;
    }
    GlobBuilder::new(&text).literal_separator(true).build().ok()
}

impl Wrong {
    fn problem(self, field: &str, target: &str, path: &str) -> Problem {
        let read = "every YAML file of a repository is read, whether a Location names it or not";
        let (message, mend) = match self {
            Wrong::Absent => {
                (format!("there is no file {target} beside it"), format!("Correct it, or take it out: {read}."))
            }
            Wrong::NoneFits => {
                (format!("no file fits {target} beside it"), format!("Correct it, or take it out: {read}."))
            }
            Wrong::Unread => {
                let message = format!("{target} is there and is not read, because of its ending");
                (message, format!("Name it with one of {}; JSON is YAML too.", READ.join(", ")))
            }
        };
        let mut problem = Problem::new("location.target", field, message, mend);
        problem.file = Some(path.to_owned());
        problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_backstage_reads_them() {
        let file = SourceFile { path: String::new(), bytes: [].into(), executable: false, size: 0 };
        let paths =
            ["all.yaml", "a/catalog-info.yaml", "a/b/catalog-info.yml", "b/catalog-info.yaml", "c.json", "d.md"];
        let files: HashMap<&str, &SourceFile> = paths.into_iter().map(|path| (path, &file)).collect();
        for target in [
            "./a/catalog-info.yaml",
            "a/../d.md",
            "file:./a/catalog-info.yaml",
            "./*/catalog-info.yaml",
            "./**/catalog-info.yml",
            "**/all.yaml",
            "./*/catalog-info.{yml,yaml}",
            "./*/catalog-info.@(yml|yaml)",
            "./[ab]/catalog-info.y*ml",
            "./?/catalog-info.yaml",
            // What only its own library knows is not judged.
            "./!(a)/catalog-info.yaml",
            "./+(a|b)/catalog-info.yaml",
        ] {
            assert_eq!(found("all.yaml", target, &files), None, "{target}");
        }
        for (target, wrong) in [
            ("./no.yaml", Wrong::Absent),
            ("../../up.yaml", Wrong::Absent),
            ("./*/no.yaml", Wrong::NoneFits),
            ("./*.yml", Wrong::NoneFits),
            ("./[xyz]/catalog-info.yaml", Wrong::NoneFits),
            ("./c.json", Wrong::Unread),
        ] {
            assert_eq!(found("all.yaml", target, &files), Some(wrong), "{target}");
        }
    }
}
