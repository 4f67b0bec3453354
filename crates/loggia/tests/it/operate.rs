//! What operators decide about drivers, and what becomes of what drivers make.

use crate::platform;
use crate::support::{BINARY, Database, Plan, Server, folder, on_both, text, until, write};
use std::process::Command;

const CATALOG: &str = "apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: '{{ name }}'}
spec: {type: service, lifecycle: production, owner: '{{ team }}'}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: intruder}
spec: {memberOf: [yard-team]}
";

#[test]
fn a_golden_path_is_in_the_catalog_until_it_goes() {
    on_both("golden_path", |database| {
        let folder = folder();
        let root = platform::repository(folder.path());
        write(&root, "template/catalog-info.yaml", CATALOG);
        platform::commit(&root, "A catalog file");
        let server = Plan::new(folder.path(), "followed", database, &[&root]).ready();
        server.ok(&["new", "path", "quotes", "--team", "red", "--env", "dev", "--wait"]);
        let component = || server.http("GET", "/api/v1/components/default/quotes", None);
        until("it is in the catalog", || component().0 == 200);
        let (_, body) = component();
        assert_eq!(body["document"]["spec"]["owner"], "red", "{body}");
        let intruder = server.http("GET", "/api/v1/users/default/intruder", None);
        assert_eq!(intruder.0, 404, "a team describes its own things, not people");
        assert_eq!(server.http("GET", "/git/red/quotes/blob/main/catalog-info.yaml", None).0, 200);
        assert_eq!(server.http("GET", "/git/red/quotes/blob/main/nothing.yaml", None).0, 404);
        server.ok(&["delete", "instance/red/quotes.dev", "--yes"]);
        until("it is gone from the catalog", || component().0 == 404);
        server.stop();
    });
}

#[test]
fn a_new_public_address_takes_along_what_was_made_under_the_old_one() {
    on_both("new_address", |database| {
        let folder = folder();
        let root = platform::repository(folder.path());
        write(&root, "template/catalog-info.yaml", CATALOG);
        platform::commit(&root, "A catalog file");
        let server = Plan::new(folder.path(), "moved", database, &[&root]).ready();
        server.ok(&["new", "path", "quotes", "--team", "red", "--env", "dev", "--wait"]);
        let component = "/api/v1/components/default/quotes";
        until("it is in the catalog", || server.http("GET", component, None).0 == 200);
        let places = |server: &Server| server.http("GET", "/api/catalog/locations", None).1.to_string();
        assert!(places(&server).contains("/git/red/quotes/blob/"));
        let server = server.stop().with("--public-url", "http://new.example.org").ready();
        let said = places(&server);
        assert!(said.contains("http://new.example.org/git/red/quotes/blob/") && !said.contains("127.0.0.1"), "{said}");
        let instance = server.http("GET", "/api/v1/instances/red/quotes.dev", None).1;
        assert_eq!(instance["status"]["outputs"]["clone_url"], "http://new.example.org/git/red/quotes.git");
        let origin = || server.http("GET", component, None).1["document"].to_string();
        until("it is read at the new address", || origin().contains("url:http://new.example.org/git/red/quotes/"));
        server.ok(&["delete", "instance/red/quotes.dev", "--yes"]);
        until("it is gone from the catalog", || server.http("GET", component, None).0 == 404);
        assert!(!places(&server).contains("quotes"));
        server.stop();
    });
}

/// What was read before is shown although its folder is away; a first start without it is a mistake in writing.
#[test]
fn a_server_starts_although_a_repository_is_away() {
    on_both("away", |database| {
        let folder = folder();
        let root = platform::repository(folder.path());
        let nowhere = root.with_file_name("nowhere");
        let first = Plan::new(folder.path(), "away", database, &[&root, &nowhere]);
        let (code, said) = first.refused();
        assert!(code != 0 && said.contains("which is not there"), "{code} {said}");
        let server = Plan::new(folder.path(), "away", database, &[&root]).ready();
        let offerings = |server: &Server| server.http("GET", "/api/v1/offerings", None).1["total"].clone();
        let before = offerings(&server);
        let plan = server.stop();
        let aside = root.with_file_name("aside");
        std::fs::rename(&root, &aside).unwrap();
        let server = plan.ready();
        assert_eq!(offerings(&server), before);
        let failure = || failure_of(&server);
        until("the sources say it", || failure().contains("there is no such folder"));
        let plan = server.stop();
        std::fs::rename(&aside, &root).unwrap();
        let server = plan.ready();
        until("it is read again", || failure_of(&server).is_empty());
        server.stop();
    });
}

/// What the first source could not do; a failure is also the exit of the command.
fn failure_of(server: &Server) -> String {
    let done = server.run(&["sources", "-o", "json"]);
    let list: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    list["items"][0]["failure"].as_str().unwrap_or("").to_owned()
}

#[test]
fn network_is_given_only_where_the_operator_says_so() {
    let folder = folder();
    let root = platform::repository(folder.path());
    let bucket = std::fs::read_to_string(root.join("bucket.yaml")).unwrap();
    let net =
        bucket.replace("program: bucket}", "program: bucket, network: true}").replace("bucket-1.0.0", "net-1.0.0");
    let net = net
        .replace("name: bucket", "name: net")
        .replace("offering: bucket", "offering: net")
        .replace("old-bucket", "old-net");
    write(&root, "net.yaml", &net);
    platform::commit(&root, "A program that needs the network");
    let drivers = platform::drivers(folder.path());
    let plan =
        Plan::new(folder.path(), "net", &Database::Sqlite, &[&root]).with("--drivers", drivers.to_str().unwrap());
    let server = plan.ready();
    let (_, said) = server.fails(&["new", "net", "files", "--team", "red", "--env", "dev", "--wait"]);
    assert!(said.contains("--drivers-network"), "{said}");
    let mut allowed = server.stop();
    allowed.args.push("--drivers-network".to_owned());
    let server = allowed.ready();
    server.ok(&["new", "net", "more", "--team", "red", "--env", "dev", "--wait"]);
    server.stop();
}

#[test]
fn a_driver_program_is_tried_in_everything() {
    let folder = folder();
    let drivers = platform::drivers(folder.path());
    let check = |more: &[&str]| {
        let mut command = Command::new(BINARY);
        command.args(["driver", "check", "bucket", "--rounds", "2", "--drivers"]).arg(&drivers);
        command.arg("--data").arg(folder.path().join("data")).args(more);
        let done = command.output().unwrap();
        (done.status.success(), text(&done.stdout))
    };
    let (passed, said) =
        check(&["--lose", "rm -r \"$LOGGIA_STATE/$LOGGIA_KEY\"", "--role", "read", "--change", "days=3"]);
    assert!(passed && said.contains("15 of 16 checks passed, 0 failed, 1 skipped."), "{said}");
    for tried in
        ["ok       a lost resource is seen", "ok       no secret in logs", "skipped  a backend that does not answer"]
    {
        assert!(said.contains(tried), "{tried}: {said}");
    }
    assert!(folder.path().join("data/driver-state/bucket").is_dir(), "what a program keeps lies with the data");
    let (passed, said) = check(&["-o", "json"]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(passed && report["passed"] == true && report["checks"].as_array().unwrap().len() == 16, "{said}");
    let (passed, said) = check(&["--lose", "true"]);
    assert!(!passed && said.contains("failed   a lost resource"), "nothing was taken away: {said}");
}

#[test]
fn what_driver_programs_kept_beside_them_is_brought_to_the_data() {
    let folder = folder();
    let root = platform::repository(folder.path());
    let drivers = platform::drivers(folder.path());
    let plan = Plan::new(folder.path(), "kept", &Database::Sqlite, &[&root]);
    write(&drivers.parent().unwrap().join("driver-state"), "bucket/old/file", "kept");
    let server = plan.with("--drivers", drivers.to_str().unwrap()).ready();
    assert!(!drivers.parent().unwrap().join("driver-state").exists());
    let kept = server.plan.data.join("driver-state/bucket/old/file");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "kept");
    server.stop();
}

#[test]
fn what_runs_is_changed_from_the_command_line() {
    on_both("change", |database| {
        let folder = folder();
        let root = platform::repository(folder.path());
        let server = Plan::new(folder.path(), "data", database, &[&root]).ready();
        server.ok(&["new", "cache", "one", "--team", "red", "--env", "dev", "--release", "1.0.0", "--wait"]);
        server.ok(&["new", "path", "two", "--team", "red", "--env", "dev", "--wait"]);
        let has = server.ok(&["change", "red/one.dev"]);
        assert!(has.contains("instance:red/one.dev has cache 1.0.0") && has.contains("plan: small"), "{has}");
        let change = |more: &[&'static str]| {
            [&["change", "instance/red/one.dev", "--set", "note=two", "--set", "days=3"], more].concat()
        };
        let said = server.ok(&change(&["--dry-run"]));
        assert!(said.contains("note: nothing becomes two") && said.contains("days: nothing becomes 3"), "{said}");
        assert!(server.json(&["change", "red/one.dev"])["inputs"].get("note").is_none(), "nothing was done");
        let said = server.ok(&change(&["--wait"]));
        assert!(said.contains("instance:red/one.dev is changed, with the plan small"), "{said}");
        assert_eq!(server.json(&["change", "red/one.dev"])["inputs"], serde_json::json!({"note": "two", "days": 3}));
        for (wish, why) in [
            (change(&["--dry-run"]), "It has all of this already"),
            (vec!["change", "red/one.dev", "--plan", "huge"], "There is no plan"),
            (vec!["change", "red/two.dev", "--set", "note=two"], "Change the files in the repository"),
            (vec!["change", "red/nothing.dev", "--plan", "small"], "There is no"),
        ] {
            let (_, said) = server.fails(&wish);
            assert!(said.contains(why), "{why}: {said}");
        }
        server.ok(&["change", "red/one.dev", "--unset", "note", "--wait"]);
        assert_eq!(server.json(&["change", "red/one.dev"])["inputs"], serde_json::json!({"days": 3}));
        // What its team keeps at a version is told with the way to the newest one.
        let said = server.ok(&["upgrade", "red/one.dev", "--dry-run"]);
        let kept = "Its team keeps 1.0.0; 2.0.0 is the newest version. Take it when you want it: loggia upgrade red/one.dev --to 2.0.0.";
        assert!(said.contains(kept), "{said}");
        server.ok(&["upgrade", "red/one.dev", "--to", "2.0.0", "--yes"]);
        server.stop();
    });
}
