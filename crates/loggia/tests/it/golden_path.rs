//! A repository from a golden path, gone on with by its team, is brought to the next version by a change to merge.

use crate::platform::{commit, repository};
use crate::support::{Plan, Server, TOKEN, folder, git, on_both, until, until_within, write};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The second version of the golden path, from another folder of files.
const SECOND: &str = "apiVersion: loggia.dev/v1
kind: Release
metadata: {name: path-1.1.0}
spec:
  offering: path
  version: \"1.1.0\"
  contract: {inputs: {type: object}}
  recipe: {driver: git, template: second}
  upgrade: {from: \"1\", strategy: change-request, rollback: supported}
";

fn instance(server: &Server) -> Value {
    let record = server.http("GET", "/api/v1/records/instance/red/web.dev", None).1;
    json!([record["status"]["applied"], record["document"]["spec"]["target"], record["status"]["change"]["made"]])
}

fn cloned(server: &Server, folder: &Path, name: &str) -> PathBuf {
    let clone = format!("http://any:{TOKEN}@127.0.0.1:{}/git/red/web.git", server.plan.port);
    git(folder, &["clone", "-q", &clone, name]);
    folder.join(name)
}

#[test]
fn a_team_merges_the_next_version_of_its_golden_path() {
    on_both("golden_path", |database| {
        let folder = folder();
        let root = repository(folder.path());
        write(&root, "template/run.sh", "#!/bin/sh\necho one\n");
        commit(&root, "More");
        let server = Plan::new(folder.path(), "data", database, &[&root]).ready();
        server.ok(&["new", "path", "web", "--team", "red", "--env", "dev", "--wait"]);
        let work = cloned(&server, folder.path(), "work");
        write(&work, "own.txt", "of the team\n");
        commit(&work, "Own");
        git(&work, &["push", "-q"]);
        write(&root, "second/README.md", "# {{ name }} of {{ team }}, at {{ version }}\n");
        write(&root, "second/run.sh", "#!/bin/sh\necho two\n");
        write(&root, "path-1.1.0.yaml", SECOND);
        commit(&root, "Second");
        until("the release is there", || server.run(&["get", "release/path-1.1.0"]).status.success());
        // A dry run names the files, and makes nothing.
        let dry = server.ok(&["upgrade", "red/web.dev", "--dry-run"]);
        assert!(dry.contains("file README.md") && dry.contains("file run.sh") && !dry.contains("own.txt"), "{dry}");
        elsewhere(&server, folder.path());
        closed(&server);
        merged(&server, &work);
        // Back again: its team merges that by itself, and sends it.
        let said = server.ok(&["upgrade", "red/web.dev", "--back", "--yes"]);
        assert!(said.contains("loggia/path-1.0.0"), "{said}");
        git(&work, &["pull", "-q"]);
        git(&work, &["merge", "-q", "--no-edit", "origin/loggia/path-1.0.0"]);
        git(&work, &["push", "-q"]);
        until("the merge was seen", || instance(&server) == json!(["path-1.0.0", "path-1.0.0", null]));
        // What the platform does not look after any more gets its patch all the same.
        server.ok(&["orphan", "red/web.dev"]);
        assert!(server.ok(&["upgrade", "red/web.dev", "--patch"]).contains("+echo two"));
        server.stop();
    });
}

/// A repository that is kept elsewhere, and was gone on with there, takes the next version as a patch.
fn elsewhere(server: &Server, folder: &Path) {
    let work = cloned(server, folder, "elsewhere");
    write(&work, "README.md", "# web of red\n\nOur own words.\n");
    commit(&work, "Words");
    let patch = server.ok(&["upgrade", "red/web.dev", "--patch", "--to", "1.1.0"]);
    assert!(patch.contains("Subject: [PATCH] Bring path to 1.1.0"), "{patch}");
    write(&work, "../next.patch", &patch);
    let (name, mail) = ("user.name=Rosa", "user.email=rosa@example.org");
    git(&work, &["-c", name, "-c", mail, "am", "-q", "--3way", "--exclude=README.md", "../next.patch"]);
    let read = |name: &str| std::fs::read_to_string(work.join(name)).unwrap();
    assert_eq!((read("run.sh"), read("own.txt")), ("#!/bin/sh\necho two\n".into(), "of the team\n".into()));
    assert!(read("README.md").contains("Our own words."));
    assert_eq!(instance(server), json!(["path-1.0.0", "path-1.0.0", null]), "nothing is done by it");
}

/// Given up, the version that there is stays.
fn closed(server: &Server) {
    let said = server.ok(&["upgrade", "red/web.dev", "--yes"]);
    assert!(said.contains("waits on the branch loggia/path-1.1.0") && said.contains("--merge"), "{said}");
    assert_eq!(instance(server), json!(["path-1.0.0", "path-1.0.0", true]));
    let (code, said) = server.fails(&["upgrade", "red/web.dev", "--yes"]);
    assert!(code == 1 && said.contains("waits on the branch"), "{said}");
    server.ok(&["upgrade", "red/web.dev", "--close"]);
    assert_eq!(instance(server), json!(["path-1.0.0", "path-1.0.0", null]));
    let past = server.ok(&["history", "instance/red/web.dev"]);
    assert!(past.contains("change-closed"), "{past}");
}

/// Asked for again and merged, with what the team did kept.
fn merged(server: &Server, work: &Path) {
    server.ok(&["upgrade", "red/web.dev", "--yes"]);
    let patch = server.ok(&["upgrade", "red/web.dev", "--patch"]);
    assert!(patch.contains("+echo two"), "{patch}");
    let stale = json!({"commit": "0".repeat(40), "base": "0".repeat(40)});
    let refused = server.http("POST", "/api/v1/instances/red/web.dev:merge-change", Some(&stale));
    assert_eq!(refused.0, 422, "{refused:?}");
    server.ok(&["upgrade", "red/web.dev", "--merge", "--yes"]);
    assert_eq!(instance(server), json!(["path-1.1.0", "path-1.1.0", null]));
    git(work, &["pull", "-q"]);
    let read = |name: &str| std::fs::read_to_string(work.join(name)).unwrap();
    assert_eq!(read("README.md"), "# web of red, at 1.1.0\n");
    assert_eq!((read("run.sh"), read("own.txt")), ("#!/bin/sh\necho two\n".into(), "of the team\n".into()));
}

/// What a repository says of itself is read when somebody sends commits, not only when its time comes.
#[test]
fn what_a_team_sends_is_in_the_catalog_at_once() {
    on_both("golden_catalog", |database| {
        let folder = folder();
        let root = repository(folder.path());
        let component = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: web, description: TEXT}\n\
            spec: {type: service, lifecycle: production, owner: red}\n";
        write(&root, "template/catalog-info.yaml", &component.replace("TEXT", "first"));
        commit(&root, "It says what it is");
        let server = Plan::new(folder.path(), "data", database, &[&root]).ready();
        server.ok(&["new", "path", "web", "--team", "red", "--env", "dev", "--wait"]);
        let said = || server.http("GET", "/api/v1/components/default/web", None).1.to_string();
        until("it is in the catalog", || said().contains("first"));
        let work = cloned(&server, folder.path(), "work");
        for text in ["second", "third"] {
            write(&work, "catalog-info.yaml", &component.replace("TEXT", text));
            commit(&work, text);
            git(&work, &["push", "-q"]);
            until_within(Duration::from_secs(10), "what was sent is in the catalog", || said().contains(text));
        }
        server.stop();
    });
}
