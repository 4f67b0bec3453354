//! The page of what cannot happen names tests: each of them is there.

use std::path::{Path, PathBuf};

/// The rows of the table: the number, and what stands in the last column.
fn rows(page: &str) -> Vec<(usize, String)> {
    let cells = |line: &str| -> Vec<String> { line.split('|').map(|cell| cell.trim().to_owned()).collect() };
    let rows = page.lines().filter(|line| line.starts_with('|')).map(cells);
    rows.filter_map(|cells| Some((cells[1].parse().ok()?, cells[4].clone()))).collect()
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn every_promise_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/what-cannot-happen.md")).unwrap();
    let mut files = Vec::new();
    sources(&root.join("crates"), &mut files);
    let texts: Vec<String> = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let rows = rows(&page);
    assert_eq!(rows.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=15).collect::<Vec<_>>());
    for (number, shown) in rows {
        let names: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        assert_eq!(names.is_empty(), shown == "–", "row {number} names a test, or says why it cannot: {shown}");
        for name in names {
            let test = format!("fn {name}(");
            let there = texts.iter().any(|text| text.find(&test).is_some_and(|at| is_test(&text[..at])));
            assert!(there, "row {number}: there is no test {name}");
        }
    }
}

/// Whether what stands before a function makes it a test.
fn is_test(before: &str) -> bool {
    let mut lines = before.lines().rev().map(str::trim).skip_while(|line| line.is_empty() || *line == "async");
    lines.next().is_some_and(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
}
