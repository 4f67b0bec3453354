//! Terraform or OpenTofu with the state on the server, through the whole program.

use crate::platform::repository;
use crate::support::{Database, Plan, folder, on_both, until};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The program, when this machine has one.
fn program(test: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .flat_map(|folder| ["tofu", "terraform"].map(|name| folder.join(name)))
        .find(|file| file.is_file());
    if found.is_none() {
        println!("skipped: {test}: no terraform and no tofu");
    }
    found
}

/// Whether a text stands in any file of the database.
fn is_readable(data: &Path, text: &str) -> bool {
    let all = std::fs::read_dir(data).unwrap().flatten().filter(|entry| entry.path().is_file());
    let has = |bytes: Vec<u8>| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    all.filter(|entry| entry.file_name().to_string_lossy().starts_with("loggia.sqlite"))
        .any(|entry| has(std::fs::read(entry.path()).unwrap()))
}

#[test]
fn a_module_is_made_kept_and_taken_away() {
    let Some(program) = program("terraform::a_module_is_made_kept_and_taken_away") else { return };
    on_both("terraform", |database| {
        let folder = folder();
        let root = repository(folder.path());
        let plan = Plan::new(folder.path(), "data", database, &[&root]);
        let server = plan.with("--terraform", program.to_str().unwrap()).ready();
        server.ok(&["new", "disk", "logs", "--env", "dev", "--team", "red", "--wait"]);
        let one = server.json(&["get", "instance/red/logs.dev"]);
        assert_eq!(one["status"]["outputs"], json!({"place": "disk of red-logs"}), "{one}");
        let secret = server.ok(&["reveal", "red/logs.dev", "key", "--reason", "a test"]);
        assert!(secret.trim().starts_with("very-secret-"), "{secret}");
        if let Database::Sqlite = database {
            assert!(!is_readable(&server.plan.data, secret.trim()), "the state lies there sealed");
        }
        let (_, all) = server.http("GET", "/api/v1/instances/red/logs.dev/operations", None);
        let steps = all["items"][0]["steps"].as_array().unwrap();
        let planned = steps.iter().find(|step| step["name"] == "plan").unwrap();
        assert!(planned["message"].as_str().unwrap().contains("make terraform_data.disk"), "{planned}");
        let (_, lines) =
            server.http("GET", &format!("/api/v1/operations/{}/log", all["items"][0]["id"].as_str().unwrap()), None);
        assert!(lines.to_string().contains("1 added, 0 changed, 0 destroyed"), "{lines}");
        assert!(!lines.to_string().contains(secret.trim()));
        server.ok(&["delete", "instance/red/logs.dev", "--yes"]);
        until("it is gone", || server.http("GET", "/api/v1/instances?limit=10", None).1["total"] == 0);
        server.stop();
    });
}

#[test]
fn a_run_that_was_killed_is_taken_up_and_makes_nothing_twice() {
    let Some(program) = program("terraform::a_run_that_was_killed_is_taken_up_and_makes_nothing_twice") else { return };
    let folder = folder();
    let root = repository(folder.path());
    let plan = Plan::new(folder.path(), "data", &Database::Sqlite, &[&root]);
    let mut server = plan.with("--terraform", program.to_str().unwrap()).ready();
    let order = json!({"offering": "disk", "environment": "dev", "team": "red", "name": "logs", "inputs": {}});
    assert_eq!(server.http("POST", "/api/v1/orders", Some(&order)).0, 202);
    for millis in [400, 1_500, 2_600] {
        std::thread::sleep(Duration::from_millis(millis));
        server = server.kill().ready();
    }
    let phase = |server: &crate::support::Server| -> Value {
        server.json(&["get", "instance/red/logs.dev"])["status"]["phase"].clone()
    };
    until("it is ready", || phase(&server) == "ready");
    let (_, all) = server.http("GET", "/api/v1/instances/red/logs.dev/operations", None);
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "{all}");
    server.stop();
}
