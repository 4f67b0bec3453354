//! The files of a place, with when each was written.

use super::{File, LARGEST, problem};
use loggia_app::instance::driver::Failure;
use loggia_model::{Micros, Problem};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// How deep folders are gone through.
const DEEPEST: usize = 16;
/// Most files that are looked at.
const MOST_FILES: usize = 100_000;

/// Every file below a folder in order of paths, or the file itself by its name; and what is left out, with why.
/// `source` is how the place is called from then on.
pub(super) fn files_below(root: &Path, source: Option<&str>) -> Result<(Vec<File>, Vec<Problem>), Failure> {
    let (alone, mut problems) = (root.is_file(), Vec::new());
    let found = if alone { vec![root.to_owned()] } else { walk(root, &mut problems)? };
    let whole = std::fs::canonicalize(root).map_err(|error| unreadable(&error, root))?;
    let base = if alone { root.parent().unwrap_or(root) } else { root };
    let above = if alone { whole.parent().unwrap_or(&whole) } else { &whole };
    let above = above.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut files = Vec::with_capacity(found.len());
    for path in found {
        let below = path.strip_prefix(base).unwrap_or(&path).to_string_lossy().into_owned();
        let (below, origin) = match source {
            Some(name) if alone => (name.to_owned(), name.to_owned()),
            Some(name) => (below.clone(), format!("{name}/{below}")),
            None => (below.clone(), format!("{above}/{below}").trim_start_matches('/').to_owned()),
        };
        match read(&path) {
            Ok((bytes, time)) => {
                files.push(File { path: below, source: origin, named: alone && source.is_some(), time, bytes });
            }
            Err(why) => problems.push(problem("adopt.file", &below, why, "Give it in a form that can be read.")),
        }
    }
    Ok((files, problems))
}

/// Bytes of a file, and when it was written.
fn read(path: &Path) -> Result<(Vec<u8>, Option<Micros>), String> {
    let wrong = |error: std::io::Error| format!("it cannot be read: {error}");
    let about = std::fs::metadata(path).map_err(wrong)?;
    if about.len() > LARGEST {
        return Err(format!("it has {} MB, and at most {} are read", about.len() >> 20, LARGEST >> 20));
    }
    let since = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let time = since.and_then(|since| i64::try_from(since.as_micros()).ok()).map(Micros);
    Ok((std::fs::read(path).map_err(wrong)?, time))
}

fn walk(root: &Path, problems: &mut Vec<Problem>) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut folders = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|error| unreadable(&error, &folder))? {
            let entry = entry.map_err(|error| unreadable(&error, &folder))?;
            // A link is not followed: it may lead out of the place, or round in a circle.
            let kind = entry.file_type().map_err(|error| unreadable(&error, &folder))?;
            let path = entry.path();
            if kind.is_dir() && is_read(&path) && depth == DEEPEST {
                let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                let why = format!("it lies more than {DEEPEST} folders deep");
                problems.push(problem("adopt.file", &name, why, "Name a folder nearer to it."));
            } else if kind.is_dir() && is_read(&path) {
                folders.push((path, depth + 1));
            } else if kind.is_file() && is_of_interest(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    if let Some(first) = found.get(MOST_FILES) {
        let name = first.strip_prefix(root).unwrap_or(first).to_string_lossy().into_owned();
        let why = format!("it and {} files after it are too many", found.len() - MOST_FILES - 1);
        problems.push(problem("adopt.file", &name, why, "Name a folder with fewer files."));
    }
    found.truncate(MOST_FILES);
    Ok(found)
}

fn unreadable(error: &std::io::Error, path: &Path) -> Failure {
    Failure::yours(format!("{} cannot be read: {error}.", path.display()), "Check the path and its rights.")
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Hidden folders hold no states; `.terraform/modules` tells where modules come from, and what is below it is theirs.
fn is_read(folder: &Path) -> bool {
    let above = |levels: usize| folder.ancestors().nth(levels).map(name_of).unwrap_or_default();
    match (above(0), above(1), above(2)) {
        (_, "modules", ".terraform") => false,
        (name, ".terraform", _) => name == "modules",
        (name, _, _) => !name.starts_with('.') || name == ".terraform",
    }
}

fn is_of_interest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    matches!(extension, "tfstate" | "json" | "tf" | "tofu" | "yaml" | "yml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_or_too_deep_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let huge = std::fs::File::create(folder.path().join("huge.json")).unwrap();
        huge.set_len(LARGEST + 1).unwrap();
        let deep: PathBuf = (0..=DEEPEST).map(|at| format!("d{at}")).collect();
        std::fs::create_dir_all(folder.path().join(&deep)).unwrap();
        std::fs::write(folder.path().join(&deep).join("a.json"), "{}").unwrap();
        std::fs::write(folder.path().join("ok.json"), "{}").unwrap();
        let (files, problems) = files_below(folder.path(), Some("here")).unwrap();
        let told: Vec<_> = problems.iter().map(|one| one.file.as_deref().unwrap()).collect();
        assert_eq!(told, [deep.to_str().unwrap(), "huge.json"]);
        let read: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.source.as_str())).collect();
        assert_eq!(read, [("ok.json", "here/ok.json")]);
        assert!(files[0].time.is_some());
    }
}
