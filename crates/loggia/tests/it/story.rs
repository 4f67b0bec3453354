//! From a repository to something that runs, and who runs what: the main job, on both databases.

use crate::platform::{commit, drivers, repository};
use crate::support::{Database, Plan, Server, TOKEN, folder, git, on_both, text, until, write};
use serde_json::Value;
use std::path::Path;

fn server(folder: &Path, database: &Database, root: &Path) -> Server {
    let plan = Plan::new(folder, "data", database, &[root]);
    plan.with("--drivers", drivers(folder).to_str().unwrap()).ready()
}

#[test]
fn what_is_ordered_becomes_real_is_found_and_goes_again() {
    on_both("story", |database| {
        let folder = folder();
        let root = repository(folder.path());
        let server = server(folder.path(), database, &root);
        orders(&server, folder.path());
        estate(&server);
        let before = everything(&server);
        let server = server.stop().ready();
        assert_eq!(everything(&server), before, "a restart loses nothing and adds nothing");
        follows_the_repository(&server, &root);
        goes(&server);
        server.stop();
    });
}

/// By each driver, with what it made used for real.
fn orders(server: &Server, folder: &Path) {
    let steps = server.run(&["new", "path", "web", "--team", "red", "--env", "dev", "--wait"]);
    assert!(steps.status.success(), "{}", text(&steps.stderr));
    let said = text(&steps.stderr);
    let order: Vec<usize> = ["probe", "plan", "apply", "observe"].iter().map(|step| said.find(step).unwrap()).collect();
    assert!(order.is_sorted(), "{said}");
    let clone = format!("http://any:{TOKEN}@127.0.0.1:{}/git/red/web.git", server.plan.port);
    git(folder, &["clone", "-q", &clone, "cloned"]);
    let cloned = folder.join("cloned");
    assert_eq!(std::fs::read_to_string(cloned.join("README.md")).unwrap(), "# web of red\n");
    write(&cloned, "more.txt", "more");
    commit(&cloned, "More");
    git(&cloned, &["push", "-q"]);
    server.ok(&["new", "bucket", "files", "--team", "red", "--wait"]);
    let dry = server.json(&["new", "cache", "fast", "--team", "red", "--env", "dev", "--dry-run"]);
    assert_eq!(dry["release"], "cache-2.0.0");
    assert_eq!(server.fails(&["get", "instance/red/fast.dev"]).0, 1);
    server.ok(&["new", "cache", "fast", "--team", "red", "--env", "dev", "--release", "1.0.0", "--wait"]);
    let (code, said) = server.fails(&["new", "cache", "fast", "--team", "red", "--env", "dev"]);
    assert!(code == 1 && said.contains("already has fast"), "{said}");
}

/// What others made is reported, matched, confirmed by its owner, and counted with the rest.
fn estate(server: &Server) {
    let observe = |name: &str, version: &str| {
        let what = ["observe", "--offering", "old-cache", "--version", version, "--env", "dev", "--team", "red"];
        server.ok(&[what.as_slice(), &["--name", name, "--attribute", "host=h1"]].concat())
    };
    assert!(observe("aged", "0.9.1").contains("created"));
    assert!(observe("young", "2.0.0").contains("created"));
    let unknown = ["observe", "--offering", "unheard-of", "--version", "1", "--env", "dev", "--team", "red"];
    assert!(server.ok(&unknown).contains("No offering has a match rule"));
    assert!(server.ok(&["unmatched"]).contains("unheard-of"));
    assert!(server.ok(&["enrol", "red/aged.dev"]).contains("enrolled"));
    let names = |args: &[&str]| server.ok(args).lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        names(&["who-runs", "cache", "--below", "2", "-o", "name"]),
        ["instance:red/aged.dev", "instance:red/fast.dev"]
    );
    let rows = server.json(&["who-runs", "cache", "--below", "2"]);
    let aged = &rows["items"][0];
    assert_eq!((&aged["version"], &aged["step"]), (&Value::from("0.9.1"), &Value::from("enrolled")));
    assert!(aged["contact"] == "red@example.org" && !aged["lastSeen"].is_null(), "{aged}");
    let table = server.ok(&["who-runs", "cache"]);
    assert!(table.starts_with("TEAM") && table.ends_with("3 running\n"), "{table}");
}

/// Everything that people see, without what changes by itself.
fn everything(server: &Server) -> Vec<Value> {
    let mut all = Vec::new();
    for kind in ["groups", "users", "offerings", "releases", "environments", "instances"] {
        let list = server.json(&["get", kind]);
        all.extend(list["items"].as_array().unwrap().iter().map(|one| {
            serde_json::json!([one["ref"], one["uid"], one["etag"], one["status"]["phase"], one["document"]])
        }));
    }
    assert!(all.len() >= 12, "{}", all.len());
    all
}

/// What is committed is there within seconds; a mistake is told with its place and takes nothing along.
fn follows_the_repository(server: &Server, root: &Path) {
    write(
        root,
        "later.yaml",
        "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: blue}\nspec: {type: team, children: []}\n",
    );
    commit(root, "Blue");
    until("the new team is there", || server.run(&["get", "group/blue"]).status.success());
    write(
        root,
        "later.yaml",
        "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: blue}\nspec: {type: 7}\n",
    );
    commit(root, "Wrong");
    until("the problem is told", || !server.run(&["sources"]).status.success());
    assert!(server.fails(&["sources"]).1.contains("later.yaml:4:"));
    server.ok(&["get", "group/blue"]);
    std::fs::remove_file(root.join("later.yaml")).unwrap();
    commit(root, "Not blue");
    until("the team is gone", || !server.run(&["get", "group/blue"]).status.success());
}

fn goes(server: &Server) {
    let (code, said) = server.fails(&["delete", "instance/red/web.dev"]);
    assert!(code == 2 && said.contains("--yes"), "{said}");
    for name in ["web", "files", "fast"] {
        assert!(server.ok(&["delete", &format!("instance/red/{name}.dev"), "--yes"]).ends_with("is gone\n"));
    }
    assert_eq!(server.ok(&["get", "instances", "-o", "name"]), "instance:red/aged.dev\ninstance:red/young.dev\n");
    let empty = |path: &Path| std::fs::read_dir(path).map_or(0, Iterator::count) == 0;
    assert!(empty(&server.plan.data.join("replay")));
    assert!(empty(&server.plan.data.join("driver-state/bucket")));
}

/// Files are written, changed with what differs shown, read back, and taken away.
#[test]
fn things_are_applied_shown_and_deleted() {
    on_both("apply", |database| {
        let folder = folder();
        let root = repository(folder.path());
        let server = server(folder.path(), database, &root);
        let file = folder.path().join("own.yaml");
        let apply = |owner: &str, more: &[&str]| {
            let text = format!(
                "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {{name: web}}\nspec: {{type: website, lifecycle: production, owner: {owner}}}\n"
            );
            std::fs::write(&file, text).unwrap();
            server.ok(&[["apply", "-f", file.to_str().unwrap()].as_slice(), more].concat())
        };
        assert_eq!(apply("red", &["--dry-run"]), "component:default/web would be created\n");
        assert_eq!(apply("red", &[]), "component:default/web created\n");
        assert_eq!(apply("red", &[]), "component:default/web unchanged\n");
        let diff = apply("yard-team", &["--dry-run", "--diff"]);
        assert!(diff.contains("- spec.owner:") && diff.contains("+ spec.owner:"), "{diff}");
        assert!(apply("yard-team", &["--diff"]).starts_with("component:default/web changed\n"));
        assert!(server.ok(&["get", "component/web", "-o", "yaml"]).contains("owner: "));
        assert!(server.ok(&["describe", "component/web"]).contains("ownedBy"));
        let history = server.json(&["history", "component/web"]);
        assert_eq!(history["items"].as_array().unwrap().len(), 2);
        assert!(server.ok(&["search", "web"]).contains("component:default/web"));
        let (code, said) = server.fails(&["delete", "group/red", "--yes"]);
        assert!(code == 1 && said.contains("people.yaml"), "{said}");
        assert_eq!(server.ok(&["delete", "component/web", "--yes"]), "component:default/web is gone\n");
        let backup = folder.path().join("all.backup");
        assert!(server.ok(&backup_args("backup", &backup, &server.plan, database)).contains("rows"));
        server.stop();
    });
}

fn backup_args<'a>(verb: &'a str, file: &'a Path, plan: &'a Plan, database: &'a Database) -> Vec<&'a str> {
    let mut args = vec![verb, file.to_str().unwrap(), "--data", plan.data.to_str().unwrap()];
    if let Database::Postgres(url) = database {
        args.extend(["--database-url", url]);
    }
    args
}

/// A backup of a running server becomes another server that knows the same.
#[test]
fn a_backup_starts_as_the_same_server() {
    let folder = folder();
    let root = repository(folder.path());
    let server = server(folder.path(), &Database::Sqlite, &root);
    server.ok(&["new", "cache", "fast", "--team", "red", "--env", "dev", "--wait"]);
    let before = everything(&server);
    let file = folder.path().join("all.backup");
    server.ok(&backup_args("backup", &file, &server.plan, &Database::Sqlite));
    let (code, said) = server.fails(&backup_args("restore", &file, &server.plan, &Database::Sqlite));
    assert!(code == 1 && said.contains("not empty"), "{said}");
    let other = Plan::new(folder.path(), "other", &Database::Sqlite, &[&root]);
    server.ok(&backup_args("restore", &file, &other, &Database::Sqlite));
    std::fs::copy(server.plan.data.join("secret.key"), other.data.join("secret.key")).unwrap();
    // What the drivers made stays where it is; this one keeps it beside the server.
    std::fs::rename(server.plan.data.join("replay"), other.data.join("replay")).unwrap();
    server.stop();
    let other = other.ready();
    assert_eq!(everything(&other), before);
    other.stop();
}

/// One folder has one server on SQLite.
#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let folder = folder();
    let root = repository(folder.path());
    let server = server(folder.path(), &Database::Sqlite, &root);
    let data = server.plan.data.to_str().unwrap();
    let (code, said) = server.fails(&["serve", "--listen", "127.0.0.1:0", "--data", data]);
    assert!(code == 1 && said.contains("another Loggia"), "{said}");
    server.stop();
}
