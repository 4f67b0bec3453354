//! What runs already comes in by itself: a plan without a server, proposals to commit, and a server that keeps reading.

use crate::platform::{commit, repository};
use crate::support::{BINARY, Database, Plan, folder, on_both, text, until, write};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What must never get into the data of a server.
const CANARY: &str = "canary-d41b7e";

/// A state with buckets and a database, as Terraform writes it.
fn state(lineage: &str, bucket: &str) -> String {
    let resource = |module: &str, kind: &str, version: &str| {
        json!({"module": module, "mode": "managed", "type": kind, "name": "this", "instances": [{"attributes": {
            "engine_version": version, "password": CANARY, "connection": {"password": CANARY}},
            "sensitive_attributes": [[{"type": "get_attr", "value": "password"}]]}]})
    };
    json!({"version": 4, "terraform_version": "1.9.8", "serial": 1, "lineage": lineage,
        "outputs": {"password": {"value": CANARY, "type": "string", "sensitive": true}}, "resources": [
        resource(bucket, "acme_bucket", "1.2.0"), resource("module.files", "acme_bucket", "2.0.0"),
        resource("module.cache", "old-cache", "0.9.1")]})
    .to_string()
}

fn states(folder: &Path) -> PathBuf {
    let states = folder.join("states");
    write(&states, "red/dev/terraform.tfstate", &state("l1", "module.logs"));
    write(&states, "red/dev/two.tfstate", &state("l2", "module.logs"));
    states
}

#[test]
fn a_plan_and_proposals_need_no_server() {
    let folder = folder();
    let states = states(folder.path());
    let run = |args: &[&str]| {
        let mut command = Command::new(BINARY);
        command.args(["adopt", "terraform", states.to_str().unwrap(), "--url", "http://127.0.0.1:1"]).args(args);
        command.env("XDG_CONFIG_HOME", folder.path()).env("LOGGIA_TOKEN", "x").output().unwrap()
    };
    let plan = run(&["--dry-run"]);
    let said = text(&plan.stdout);
    assert!(plan.status.success(), "{}", text(&plan.stderr));
    assert!(said.starts_with("6 module calls → 2 offerings proposed, 0 unmatched\n"), "{said}");
    assert!(text(&plan.stderr).contains("compared with nothing"), "{}", text(&plan.stderr));
    assert_eq!(run(&[]).status.code(), Some(3), "reporting needs one");
    let json: serde_json::Value = serde_json::from_slice(&run(&["--dry-run", "-o", "json"]).stdout).unwrap();
    assert_eq!(json["proposed"][0]["count"], 4);
    let to = folder.path().join("proposed");
    assert!(run(&["--propose", to.to_str().unwrap()]).status.success());
    let check = Command::new(BINARY).arg("check").arg(&to).output().unwrap();
    assert!(check.status.success(), "{}", text(&check.stdout));
    let bucket = std::fs::read_to_string(to.join("bucket.yaml")).unwrap();
    assert!(
        bucket.starts_with("# Proposed from 4 module calls that run already.\n# Versions: 1.2.0 (2), 2.0.0 (2)\n"),
        "{bucket}"
    );
    let again = run(&["--propose", to.to_str().unwrap()]);
    assert!(text(&again.stdout).contains("is there already"), "{}", text(&again.stdout));
}

#[test]
fn a_server_takes_in_what_runs_and_keeps_no_secret() {
    on_both("adopt", |database| {
        let folder = folder();
        let root = repository(folder.path());
        let states = states(folder.path());
        let path = states.to_str().unwrap();
        let server = Plan::new(folder.path(), "data", database, &[&root]);
        let claim = format!(
            "apiVersion: acme.org/v1\nkind: Queue\nmetadata: {{name: jobs, namespace: red-dev}}\nspec: {{compositionRef: {{name: x}}, password: {CANARY}}}\n"
        );
        write(folder.path(), "cluster/claims.yaml", &claim);
        let cluster = format!("kubernetes={}", folder.path().join("cluster").display());
        let server = server.with("--adopt", &format!("terraform={path}")).with("--adopt", &cluster).ready();
        until("everything is reported", || {
            server.run(&["sources"]).status.success() && server.ok(&["sources"]).contains("estate")
        });
        until("it is listed", || server.ok(&["unmatched"]).contains("types:acme_bucket"));
        until("of the cluster, too", || server.ok(&["unmatched"]).contains("Queue.acme.org"));
        let plan = server.ok(&["adopt", "terraform", path, "--dry-run"]);
        assert!(plan.starts_with("6 module calls → 2 offerings proposed, 0 unmatched\n"), "{plan}");
        let proposed = root.join("adopted");
        server.ok(&["adopt", "terraform", path, "--propose", proposed.to_str().unwrap()]);
        server.ok(&["check", root.to_str().unwrap()]);
        commit(&root, "What runs already");
        until("what is offered now is taken in", || {
            server.ok(&["get", "instances", "-o", "name"]).lines().count() == 6
        });
        let table = server.ok(&["who-runs", "bucket-module", "-o", "csv"]);
        assert!(table.contains("1.2.0") && table.contains("terraform") && table.contains("red"), "{table}");
        let revisions = || -> Vec<serde_json::Value> {
            let all = server.json(&["get", "instances"]);
            all["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| json!([one["ref"], one["revision"], one["etag"]]))
                .collect()
        };
        let before = revisions();
        let said = server.ok(&["adopt", "terraform", path]);
        assert!(said.contains("6 of what you offer") && said.contains("Reported: 6 seen"), "{said}");
        assert_eq!(revisions(), before, "adopting twice changes nothing");
        let (status, page) = server.http("GET", "/api/v1/sources", None);
        assert!(status == 200 && page.to_string().contains("terraform="), "{page}");
        let plan = server.stop();
        clean(&plan.data);
        if let Database::Sqlite = database {
            let grep = Command::new("grep").args(["-rac", "types:acme_bucket"]).arg(&plan.data).output().unwrap();
            assert!(text(&grep.stdout).lines().any(|line| !line.ends_with(":0")), "the search finds what is there");
        }
    });
}

/// Nothing of the server's data holds the secret.
fn clean(data: &Path) {
    let grep = Command::new("grep").args(["-ral", CANARY]).arg(data).output().unwrap();
    assert_eq!(text(&grep.stdout), "");
}

#[test]
fn what_is_let_go_runs_on_and_is_taken_over_again_when_nothing_changes() {
    on_both("orphan", |database| {
        let folder = folder();
        let root = repository(folder.path());
        let server = Plan::new(folder.path(), "data", database, &[&root]).ready();
        server.ok(&["new", "cache", "fast", "--team", "red", "--env", "dev", "--release", "1.0.0", "--wait"]);
        let kept = || std::fs::read_dir(server.plan.data.join("replay")).unwrap().count();
        assert_eq!(server.ok(&["orphan", "red/fast.dev"]), "instance:red/fast.dev is enrolled and runs on\n");
        assert_eq!(kept(), 1);
        let (code, said) = server.fails(&["delete", "instance/red/fast.dev", "--yes"]);
        assert!(code == 1 && said.contains("no driver"), "{said}");
        let (code, said) = server.fails(&["take-over", "red/fast.dev", "--release", "2.0.0"]);
        assert!(code == 1 && said.contains("would change it: change instance:red/fast.dev"), "{said}");
        let step = || server.json(&["get", "instance/red/fast.dev"])["document"]["spec"]["step"].clone();
        assert_eq!(step(), "enrolled");
        assert_eq!(server.ok(&["take-over", "red/fast.dev"]), "instance:red/fast.dev is managed\n");
        assert_eq!(step(), "managed");
        assert!(server.ok(&["history", "instance/red/fast.dev"]).contains("taken-over"));
        server.ok(&["delete", "instance/red/fast.dev", "--yes"]);
        assert_eq!(kept(), 0);
        server.stop();
    });
}

/// What cannot be read ends in 1 with what could; what does not say where it comes from is not reported.
#[test]
fn what_cannot_be_read_is_no_success() {
    let folder = folder();
    let states = states(folder.path());
    write(&states, "red/cut.tfstate", "{\"version\": 4, \"terraform_ver");
    let run = |kind: &str, from: &str, input: Option<&str>, more: &[&str]| {
        let mut command = Command::new(BINARY);
        command.args(["adopt", kind, from, "--url", "http://127.0.0.1:1"]).args(more);
        command.env("XDG_CONFIG_HOME", folder.path()).env("LOGGIA_TOKEN", "x");
        let piped = folder.path().join("input");
        std::fs::write(&piped, input.unwrap_or_default()).unwrap();
        let done = command.stdin(std::fs::File::open(&piped).unwrap()).output().unwrap();
        (done.status.code().unwrap(), text(&done.stdout), text(&done.stderr))
    };
    for form in
        [&["--dry-run"][..], &["--dry-run", "-o", "json"], &["--propose", folder.path().join("p").to_str().unwrap()]]
    {
        let (code, said, told) = run("terraform", states.to_str().unwrap(), None, form);
        assert_eq!(code, 1, "{form:?} {told}");
        assert!(told.contains("red/cut.tfstate") && !said.is_empty(), "{form:?} {said} {told}");
    }
    let (_, said, _) = run("terraform", states.to_str().unwrap(), None, &["--dry-run"]);
    assert!(said.contains("As of 20") && said.contains("red/dev/two.tfstate"), "{said}");
    let claim = "apiVersion: acme.org/v1\nkind: Queue\nmetadata: {name: jobs, namespace: red-dev}\n";
    let (code, _, told) = run("kubernetes", "-", Some(claim), &[]);
    assert!(code == 2 && told.contains("--source NAME"), "{told}");
    assert_eq!(run("kubernetes", "-", Some(claim), &["--dry-run"]).0, 0);
    assert_eq!(run("kubernetes", "-", Some(claim), &["--source", "c"]).0, 3, "only the server is missing then");
    assert_eq!(run("terraform", "-", Some(&state("l1", "module.logs")), &[]).0, 3, "a state says which one it is");
    let cut = &state("l1", "module.logs")[..300];
    assert_eq!(run("terraform", "-", Some(cut), &["--dry-run"]).0, 1);
}
