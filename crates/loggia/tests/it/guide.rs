//! The page that tells how a platform is written holds one, and it is right.

use crate::platform::commit;
use crate::support::{BINARY, Database, Plan, folder, git, text, write};
use std::path::Path;
use std::process::Command;

/// The files that the page shows, each below its name.
fn files() -> Vec<(String, String)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/platform-repository.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("**`").and_then(|rest| rest.strip_suffix("`**")) else { continue };
        let body = lines.by_ref().skip_while(|line| !line.starts_with("```")).skip(1);
        let body: Vec<&str> = body.take_while(|line| !line.starts_with("```")).collect();
        found.push((name.to_owned(), body.join("\n") + "\n"));
    }
    found
}

fn platform(folder: &Path) -> std::path::PathBuf {
    let root = folder.join("quay");
    for (name, text) in files() {
        write(&root, &name, &text);
    }
    write(&root, "drafts/broken.yaml", "kind: [\n");
    git(&root, &["init", "-q"]);
    commit(&root, "First");
    root
}

fn check(path: &Path) -> (i32, String) {
    let done = Command::new(BINARY).arg("check").arg(path).output().unwrap();
    (done.status.code().unwrap(), text(&done.stdout) + &text(&done.stderr))
}

#[test]
fn the_platform_of_the_page_is_right_and_runs() {
    let folder = folder();
    let root = platform(folder.path());
    let (code, said) = check(&root);
    assert!(code == 0 && said.contains("nothing wrong\n"), "{said}");
    let server = Plan::new(folder.path(), "server", &Database::Sqlite, &[&root]).ready();
    let sources = server.ok(&["sources"]);
    assert!(sources.contains("in step"), "{sources}");
    let new = ["new", "notebook", "plans", "--env", "dev", "--team", "cranes", "--input", "title=Our plans", "--wait"];
    server.ok(&new);
    let seen = [
        "observe",
        "--offering",
        "notes-cranes",
        "--version",
        "1.0.0",
        "--env",
        "dev",
        "--team",
        "cranes",
        "--name",
        "wall",
    ];
    server.ok(&seen);
    let rows = server.json(&["who-runs", "notebook"])["items"].as_array().unwrap().len();
    assert_eq!(rows, 2);
    let said = server.fails(&["new", "logbook", "x", "--env", "dev", "--team", "cranes"]).1;
    assert!(!said.is_empty());
    server.stop();
}

/// A file is right by itself when it is right in its repository, and what is wrong elsewhere is not its fault.
#[test]
fn a_file_is_judged_in_its_repository() {
    let folder = folder();
    let root = platform(folder.path());
    for (name, _) in files().iter().filter(|(name, _)| name.ends_with(".yaml") || name == "offerings/notebook/1.0.0.md")
    {
        let (code, said) = check(&root.join(name));
        assert!(code == 0 && said.starts_with("1 file, ") && said.contains("nothing wrong\n"), "{name}: {said}");
    }
    write(&root, "other.yaml", "apiVersion: loggia.dev/v1\nkind: Product\nmetadata: {name: x}\nspec: {team: nobody}\n");
    assert_eq!(check(&root.join("environments.yaml")).0, 0);
    let (code, said) = check(&root.join("other.yaml"));
    let place = format!("{}:4:", root.join("other.yaml").display());
    assert!(code == 1 && said.contains(&place) && said.contains("group:default/nobody"), "{said}");
    assert_eq!(check(&root).0, 1);
}
