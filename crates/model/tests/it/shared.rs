//! Where the shared data lies, when it is there.

use serde_json::Value;
use std::path::PathBuf;

/// A file or folder of the shared data; says that the test is skipped when it is absent.
pub fn data(test: &str, path: &str) -> Option<PathBuf> {
    let beside = || {
        let checkout = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().ok()?;
        Some(checkout.parent()?.join("shared"))
    };
    let root = std::env::var_os("LOGGIA_SHARED").map(PathBuf::from).or_else(beside);
    let found = root.map(|root| root.join("data").join(path)).filter(|path| path.exists());
    if found.is_none() {
        println!("skipped: {test}: no shared data");
    }
    found
}

/// The lines of a file of JSON lines.
pub fn json_lines(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("readable");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
