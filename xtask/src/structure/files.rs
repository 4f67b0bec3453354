//! Files that the project must have, and places and hosts that none may name. The names are put together here, so that
//! this file does not contain them itself.

use crate::process;
use std::os::unix::fs::PermissionsExt;

const WANTED: &[&str] =
    &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "bench/RESULTS.md", ".ci/run"];

/// Folders of one machine, and hosts of package registries.
const FOREIGN: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("bash", "_jobs"),
    concat!("crates", ".io"),
    concat!("npmjs", ".org"),
    concat!("npmjs", ".com"),
    concat!("pypi", ".org"),
    concat!("debian", ".org"),
];

/// Written by tools, which name their registry in them.
const LOCKS: &[&str] = &["Cargo.lock", "package-lock.json"];

pub fn problems(files: &[(String, String)]) -> Vec<String> {
    let mut found: Vec<String> = WANTED
        .iter()
        .filter(|wanted| !process::root().join(wanted).is_file())
        .map(|wanted| format!("{wanted} is missing"))
        .collect();
    let ci = std::fs::metadata(process::root().join(".ci/run"));
    if ci.is_ok_and(|meta| meta.permissions().mode() & 0o111 == 0) {
        found.push(".ci/run is not executable".into());
    }
    for (path, text) in files.iter().filter(|(path, _)| !LOCKS.iter().any(|lock| path.ends_with(lock))) {
        for (number, line) in text.lines().enumerate() {
            if let Some(foreign) = FOREIGN.iter().find(|foreign| line.contains(**foreign)) {
                found.push(format!("{path}:{}: names {foreign}", number + 1));
            }
        }
    }
    found
}
