//! Files of a source that are no documents: what `.loggiaignore` names, in the words of `.gitignore`, and the templates of
//! Helm charts, which look like YAML and are none. They may still be parts of what a document names.

use crate::source::read::SourceFile;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use loggia_model::Problem;
use std::collections::BTreeSet;

/// The file with the patterns; it counts for its folder and all below.
const NAME: &str = ".loggiaignore";
/// The file that makes a folder a chart.
const CHART: &str = "Chart.yaml";

/// What is left out of a source.
pub(crate) struct Ignored {
    /// Patterns with the folder in which they stand, the deepest first.
    patterns: Vec<(String, Gitignore)>,
    /// Folders of charts.
    charts: BTreeSet<String>,
    problems: Vec<Problem>,
}

impl Ignored {
    /// As the files of a source say.
    pub(crate) fn of(source: &[SourceFile]) -> Ignored {
        let (mut patterns, mut charts, mut problems) = (Vec::new(), BTreeSet::new(), Vec::new());
        for file in source {
            match split(&file.path) {
                (folder, NAME) => patterns.push((folder.to_owned(), read(file, &mut problems))),
                (folder, CHART) => drop(charts.insert(folder.to_owned())),
                _ => {}
            }
        }
        patterns.sort_by_key(|(folder, _)| std::cmp::Reverse(folder.len()));
        Ignored { patterns, charts, problems }
    }

    /// Patterns that are none.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        self.problems.clone()
    }

    /// Whether a file is left out. The last word has the pattern that stands nearest.
    pub(crate) fn holds(&self, path: &str) -> bool {
        let said = self.patterns.iter().find_map(|(folder, patterns)| {
            match patterns.matched_path_or_any_parents(below(folder, path)?, false) {
                Match::None => None,
                Match::Ignore(_) => Some(true),
                Match::Whitelist(_) => Some(false),
            }
        });
        said.unwrap_or_else(|| self.is_of_chart(path))
    }

    /// Whether a file is a part of a chart; what is called `catalog-info` there speaks of the chart itself.
    fn is_of_chart(&self, path: &str) -> bool {
        let (mut folder, name) = split(path);
        if self.charts.is_empty() || name.starts_with("catalog-info.") {
            return false;
        }
        loop {
            if self.charts.contains(folder) {
                return true;
            }
            if folder.is_empty() {
                return false;
            }
            folder = split(folder).0;
        }
    }
}

/// Folder and name of a path.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn below<'p>(folder: &str, path: &'p str) -> Option<&'p str> {
    match folder {
        "" => Some(path),
        folder => path.strip_prefix(folder)?.strip_prefix('/'),
    }
}

fn read(file: &SourceFile, problems: &mut Vec<Problem>) -> Gitignore {
    let mut builder = GitignoreBuilder::new("");
    let text = String::from_utf8_lossy(&file.bytes);
    for (number, line) in (1..).zip(text.lines()) {
        if builder.add_line(None, line).is_err() {
            problems.push(wrong(&file.path, number, line));
        }
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

fn wrong(path: &str, line: u32, pattern: &str) -> Problem {
    let message = format!("{pattern:?} is no pattern");
    let problem =
        Problem::new("ignore.pattern", "", message, "Write it as in a .gitignore, such as `charts/` or `*.tmpl.yaml`.");
    Problem { file: Some(path.to_owned()), line: Some(line), column: Some(1), ..problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), bytes: text.as_bytes().into(), executable: false, size: text.len() }
    }

    #[test]
    fn patterns_are_those_of_git_and_the_nearest_wins() {
        let source = [
            file(".loggiaignore", "# old things\n/old/\n*.tmpl.yaml\n!keep.tmpl.yaml\nany/**/deep.yaml\n"),
            file("sub/.loggiaignore", "a.yaml\n!b.tmpl.yaml\n"),
        ];
        let ignored = Ignored::of(&source);
        for out in [
            "old/a.yaml",
            "old/deep/a.yaml",
            "x.tmpl.yaml",
            "new/x.tmpl.yaml",
            "any/a/b/deep.yaml",
            "sub/a.yaml",
            "sub/x/a.yaml",
        ] {
            assert!(ignored.holds(out), "{out}");
        }
        for inside in ["new/old/a.yaml", "keep.tmpl.yaml", "a.yaml", "sub/b.tmpl.yaml", "subway/a.yaml"] {
            assert!(!ignored.holds(inside), "{inside}");
        }
        assert!(ignored.problems().is_empty());
    }

    #[test]
    fn a_pattern_that_is_none_is_told_at_its_line() {
        let ignored = Ignored::of(&[file("x/.loggiaignore", "fine/\n[z-a]\n")]);
        let places: Vec<_> = ignored.problems().into_iter().map(|one| (one.file, one.line)).collect();
        assert_eq!(places, [(Some("x/.loggiaignore".to_owned()), Some(2))]);
        assert!(ignored.holds("x/fine/a.yaml"));
    }

    #[test]
    fn charts_are_left_out_but_for_what_speaks_of_them() {
        let ignored = Ignored::of(&[file("deploy/Chart.yaml", "name: x")]);
        assert!(ignored.holds("deploy/Chart.yaml") && ignored.holds("deploy/templates/a.yaml"));
        assert!(
            !ignored.holds("deploy/catalog-info.yaml") && !ignored.holds("a.yaml") && !ignored.holds("deployed/a.yaml")
        );
    }
}
