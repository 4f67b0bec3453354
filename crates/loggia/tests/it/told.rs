//! What commands say: their results for programs, and what to do when something is refused.

use crate::platform;
use crate::support::{BINARY, Database, Plan, Server, folder, text, until, write};
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

/// Runs a command as somebody, with something on standard input; gives what it said.
fn say(server: &Server, token: &str, args: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new(BINARY)
        .args(args)
        .env("LOGGIA_URL", server.url())
        .env("LOGGIA_TOKEN", token)
        .env("XDG_CONFIG_HOME", server.plan.data.join("config"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that was refused before has not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let done = child.wait_with_output().unwrap();
    (done.status.success(), text(&done.stderr) + &text(&done.stdout))
}

fn server(name: &str) -> (tempfile::TempDir, Server) {
    let folder = folder();
    let root = platform::repository(folder.path());
    let server = Plan::new(folder.path(), name, &Database::Sqlite, &[&root]).ready();
    (folder, server)
}

#[test]
fn every_refusal_of_a_secret_names_the_next_step() {
    let (_folder, server) = server("secrets");
    let service = |scope: &str| {
        let name = format!("svc-{}", scope.len());
        server.ok(&["token", "create", &name, "--service", &name, "--scope", scope]).trim().to_owned()
    };
    let (reader, admin) = (service("read"), service("admin"));
    for (token, args, input, step) in [
        ("", ["secret", "set", "pg"].as_slice(), "s\n", "loggia login"),
        ("wrong", &["secret", "set", "pg"], "s\n", "loggia login"),
        (&reader, &["secret", "set", "pg"], "s\n", "make another token"),
        (&admin, &["secret", "set", "pg"], "s\n", "Ask one, or sign in as one"),
        ("token-of-the-administrator", &["secret", "set", "pg"], "", "standard input"),
        ("token-of-the-administrator", &["secret", "set", "p g"], "s\n", "Use letters"),
        ("token-of-the-administrator", &["secret", "allow", "pg"], "", "loggia secret set pg"),
    ] {
        let (worked, said) = say(&server, token, args, input);
        assert!(!worked && said.contains(step), "{args:?} as {token:?}: {said}");
    }
    let (worked, said) = say(&server, "token-of-the-administrator", &["secret", "set", "pg", "-o", "name"], "s\n");
    assert!(worked && said == "pg\n", "{said}");
    server.stop();
}

#[test]
fn acts_answer_programs_too_and_what_went_is_remembered() {
    let (folder, server) = server("acts");
    let seen = ["observe", "--offering", "old-cache", "--version", "1.0.0", "--env", "dev", "--team", "red"];
    let reported = server.json(&seen);
    assert_eq!(reported["results"][0]["instance"], "instance:red/cache.dev", "{reported}");
    assert_eq!(server.json(&["enrol", "red/cache.dev"])["step"], "enrolled");
    let described = server.json(&["describe", "instance/red/cache.dev"]);
    let uid = described["uid"].as_str().unwrap();
    assert_eq!(server.ok(&["describe", "instance/red/cache.dev", "-o", "name"]), "instance:red/cache.dev\n");
    let (code, said) = server.fails(&["describe", "group/red", "-o", "csv"]);
    assert!(code == 2 && said.contains("-o json"), "{said}");
    write(
        folder.path(),
        "use.jsonl",
        "{\"id\":\"1\",\"time\":\"2026-03-20T14:27:05Z\",\"team\":\"red\",\"offering\":\"cache\",\"channel\":\"request\"}\n\n{\"id\":\"2\"}\n",
    );
    let file = folder.path().join("use.jsonl");
    let (_, said) = server.fails(&["usage", "-f", file.to_str().unwrap()]);
    assert!(said.contains("use.jsonl:3: "), "{said}");
    write(
        folder.path(),
        "web.yaml",
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: web}\nspec: {type: website, lifecycle: production, owner: red}\n",
    );
    server.ok(&["apply", "-f", folder.path().join("web.yaml").to_str().unwrap()]);
    assert_eq!(server.json(&["delete", "component/web", "--yes"])["result"], "deleted");
    let past = server.json(&["history", "component/web"]);
    assert_eq!((past["items"].as_array().unwrap().len(), past["items"][0]["removed"].as_bool()), (2, Some(true)));
    let revisions = |what: &str| -> Vec<Value> { server.json(&["history", what])["items"].as_array().unwrap().clone() };
    assert_eq!(revisions(uid).len(), revisions("instance/red/cache.dev").len());
    for wrong in ["nonsense/cache-1.0.0", "offering/cache"] {
        let (code, said) = server.fails(&["publish", wrong]);
        assert!(code == 2, "{said}");
    }
    server.stop();
}

#[test]
fn a_database_that_is_away_is_named_without_its_password() {
    let folder = folder();
    let file = folder.path().join("all.backup");
    let url = "postgres://app:hush@127.0.0.1:1/platform";
    let done = Command::new(BINARY).args(["backup", file.to_str().unwrap(), "--database-url", url]).output().unwrap();
    let said = text(&done.stderr);
    assert_eq!(done.status.code(), Some(3), "{said}");
    assert!(said.contains("127.0.0.1:1, database platform") && said.contains("refused"), "{said}");
    assert!(!said.contains("hush"), "{said}");
    until("nothing was written", || !file.exists());
}
