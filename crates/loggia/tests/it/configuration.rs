//! One configuration for all commands of an operator: flags over environment over file.

use crate::platform::repository;
use crate::support::{BINARY, Database, Plan, folder, text, write};
use serde_json::{Value, json};
use std::process::{Command, Output, Stdio};

fn run(args: &[&str], config: &str) -> Output {
    let mut command = Command::new(BINARY);
    command.args(args).env("LOGGIA_CONFIG", config).env_remove("LOGGIA_DATA").stdin(Stdio::null()).output().unwrap()
}

#[test]
fn the_file_of_the_server_serves_its_other_commands_too() {
    let folder = folder();
    let root = repository(folder.path());
    let file = folder.path().join("loggia.toml");
    let data = folder.path().join("data");
    write(folder.path(), "loggia.toml", &format!("data = {:?}\nread-only = true\n", data.display().to_string()));
    let config = file.to_str().unwrap();
    let plan = Plan::new(folder.path(), "data", &Database::Sqlite, &[&root]).env("LOGGIA_CONFIG", config);
    let component = json!([{"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": "c"},
        "spec": {"type": "service", "lifecycle": "production", "owner": "red"}}]);
    let server = plan.ready();
    let refused = server.http("POST", "/api/v1/records:apply", Some(&component));
    assert_eq!(refused.0, 403, "the file says read-only: {}", refused.1);
    let server = server.stop().env("LOGGIA_READ_ONLY", "off").ready();
    let written = server.http("POST", "/api/v1/records:apply", Some(&component));
    assert_eq!(written.0, 200, "the environment wins: {}", written.1);
    let backup = folder.path().join("backup.sqlite");
    let done = run(&["backup", backup.to_str().unwrap()], config);
    assert!(done.status.success(), "{}", text(&done.stderr));
    server.stop();
    let said = run(&["doctor", "-o", "json"], config);
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    let of = |what: &str| said["items"].as_array().unwrap().iter().find(|one| one["what"] == what).cloned().unwrap();
    assert!(of("data folder")["found"].as_str().unwrap().contains(data.to_str().unwrap()), "{said}");
    let other = folder.path().join("other");
    write(folder.path(), "other.toml", &format!("data = {:?}\n", other.display().to_string()));
    let done = run(&["restore", backup.to_str().unwrap(), "--config"], "");
    assert_eq!(done.status.code(), Some(2), "a file must be named");
    let done = run(&["restore", backup.to_str().unwrap()], folder.path().join("other.toml").to_str().unwrap());
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(other.join("loggia.sqlite").exists());
}

#[test]
fn names_that_nobody_knows_are_told_with_what_is_near() {
    let folder = folder();
    let root = repository(folder.path());
    let server = Plan::new(folder.path(), "near", &Database::Sqlite, &[&root]).ready();
    server.ok(&["who-runs", "cache", "--environment", "dev", "--team", "red"]);
    for (args, near) in [
        (["cache", "--environment", "devv"], "There is no environment \"devv\". Did you mean dev?"),
        (["cache", "--team", "redd"], "There is no team \"redd\". Did you mean red?"),
        (["cachet", "--team", "red"], "There is no offering \"cachet\". Did you mean cache?"),
    ] {
        let (code, said) = server.fails(&[&["who-runs"], &args[..]].concat());
        assert!(code == 1 && said.contains(near), "{code}: {said}");
    }
    let long = "a".repeat(46);
    for (args, told) in [
        (["cachet", "a", "--team", "red"], "There is no offering \"cachet\". Did you mean cache?"),
        (["cache", "a", "--team", "redd"], "There is no team \"redd\". Did you mean red?"),
        (["cache", "a", "--env", "devv"], "There is no environment \"devv\" that offers cache. Did you mean dev?"),
        (["cache", "a", "--plan", "smal"], "There is no plan \"smal\". Did you mean small?"),
        (["cache", &long, "--plan", "small"], "The name has 46 characters, and may have 40. Choose a shorter one."),
        (["cache", "My cache", "--plan", "small"], "The name \"My cache\" has a capital letter, M."),
    ] {
        let (code, said) =
            server.fails(&[&["new"], &args[..], &["--team", "red"][..2 * usize::from(args[2] != "--team")]].concat());
        assert!(code == 1 && said.contains(told), "{code}: {said}");
    }
    // What was reported from somewhere else can be asked for by that name.
    let seen = ["--offering", "old-cache", "--version", "1.0.0", "--environment", "attic", "--team", "red"];
    server.ok(&[&["observe"], &seen[..]].concat());
    assert!(server.ok(&["who-runs", "cache", "--environment", "attic"]).contains("1 running"));
    // What is not known is told, and refused where that was asked for; what clashes always is.
    let unknown = ["observe", "--offering", "unheard-of", "--environment", "dev", "--team", "red"];
    server.ok(&unknown);
    assert_eq!(server.fails(&[&unknown[..], &["--strict"]].concat()).0, 1);
    assert!(server.ok(&["sources"]).contains("LOOKED AT"));
    server.stop();
}

#[test]
fn a_taken_port_is_told_with_another_one_and_nothing_else() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    let data = folder.path().join("data");
    let serve = ["serve", "--listen", &at.to_string(), "--data", data.to_str().unwrap()].map(str::to_owned);
    let demo = ["demo", "--listen", &at.to_string(), "--data", data.to_str().unwrap()].map(str::to_owned);
    for args in [serve, demo] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let done = run(&args, "");
        let said = text(&done.stderr);
        let told = format!("Port {} is taken; say --listen 127.0.0.1:{}", at.port(), at.port() + 1);
        assert!(!done.status.success() && said.contains(&told), "{said}");
        assert!(!said.contains("broke down") && !said.contains("ERROR"), "{said}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    for args in ["kinds -o json", "completion bash", "help", "check . -o json", "who-runs --help"] {
        let script = format!("\"{BINARY}\" {args} 2>&1 >&3 | cat >&2");
        let script = format!("{{ {script}; }} 3>&1 | true");
        let done = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).output().unwrap();
        assert_eq!(text(&done.stderr), "", "{args}");
    }
}
