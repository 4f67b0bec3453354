//! Puts the example platform into the program: writes a list of its files, with their bytes, for `demo/files.rs`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

const FOLDER: &str = "../../examples/fairway";

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&root).unwrap_or(file);
        let program = is_program(file);
        // Writing into a string does not fail.
        let _ = writeln!(list, "File {{ path: {name:?}, program: {program}, bytes: include_bytes!({file:?}) }},");
    }
    list.push(']');
    println!("cargo:rerun-if-changed={FOLDER}");
    match std::env::var_os("OUT_DIR") {
        Some(out) => write(&PathBuf::from(out).join("fairway.rs"), &list),
        None => println!("cargo:error=cargo named no folder for generated files"),
    }
}

fn write(path: &Path, text: &str) {
    if let Err(error) = std::fs::write(path, text) {
        println!("cargo:error={}: {error}", path.display());
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|facts| facts.permissions().mode() & 0o111 != 0)
}
