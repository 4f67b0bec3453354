//! `loggia doctor` beside a server that runs.

use crate::platform::{commit, repository};
use crate::support::{BINARY, Database, Plan, Server, TOKEN, folder, until, write};
use serde_json::Value;
use std::process::Command;

/// What it found, as `what state found`, and its exit code.
fn doctor(server: &Server, token: Option<&str>, more: &[&str]) -> (i32, Vec<(String, String, String)>) {
    let mut command = Command::new(BINARY);
    let listen = server.url().trim_start_matches("http://").to_owned();
    command.args(["doctor", "-o", "json", "--listen", &listen, "--data"]).arg(&server.plan.data).args(more);
    command.env_remove("LOGGIA_ADMIN_TOKEN").env_remove("LOGGIA_TOKEN").env_remove("LOGGIA_DATABASE_URL");
    command.envs(token.map(|token| ("LOGGIA_TOKEN", token)));
    let done = command.output().unwrap();
    let said: Value = serde_json::from_slice(&done.stdout).unwrap();
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    let found = said["items"].as_array().unwrap().iter();
    let found = found.map(|one| (text(one, "what"), text(one, "state"), text(one, "found"))).collect();
    (done.status.code().unwrap(), found)
}

fn is_told(found: &[(String, String, String)], what: &str, state: &str, part: &str) -> bool {
    found.iter().any(|(a, b, text)| a == what && b == state && text.contains(part))
}

#[test]
fn the_server_says_what_only_it_can_see() {
    let folder = folder();
    let root = repository(folder.path());
    let server = Plan::new(folder.path(), "server", &Database::Sqlite, &[&root]).ready();
    let place = root.display().to_string();
    let repositories = ["--repository", place.as_str()];
    until("drivers were asked", || {
        is_told(&doctor(&server, Some(TOKEN), &repositories).1, "driver", "ok", "can work in dev")
    });
    let (_, found) = doctor(&server, Some(TOKEN), &repositories);
    assert!(is_told(&found, "server", "ok", &server.url()), "{found:?}");
    assert!(is_told(&found, "source", "ok", &place), "{found:?}");
    assert!(is_told(&found, "source", "ok", "s ago"), "{found:?}");
    // The server that is named is asked, by option and by environment, wherever these settings would start one.
    for by_option in [true, false] {
        let mut command = Command::new(BINARY);
        command.args(["doctor", "-o", "json", "--listen", "127.0.0.1:9", "--data"]).arg(folder.path().join("nowhere"));
        command.env_remove("LOGGIA_ADMIN_TOKEN").env_remove("LOGGIA_URL").env("LOGGIA_TOKEN", TOKEN);
        match by_option {
            true => drop(command.args(["--url", &server.url()])),
            false => drop(command.env("LOGGIA_URL", server.url())),
        }
        let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
        assert!(said.contains(&format!("answers at {}", server.url())), "{said}");
        assert!(!said.contains("none runs at"), "{said}");
    }
    // Who gives no token, or one that is not an administrator's, hears what to give.
    for token in [None, Some("wrong")] {
        let (_, found) = doctor(&server, token, &repositories);
        assert!(is_told(&found, "server", "note", &server.url()), "{found:?}");
        assert!(is_told(&found, "source", "ok", &place), "from the database: {found:?}");
    }
    // A mistake in it is worth knowing; a repository that is away is bad.
    write(&root, "wrong.yaml", "kind: [broken");
    commit(&root, "A mistake");
    let seen = |state: &str, part: &str| is_told(&doctor(&server, Some(TOKEN), &repositories).1, "source", state, part);
    until("the mistake is told", || seen("note", "1 problems"));
    std::fs::rename(&root, folder.path().join("elsewhere")).unwrap();
    until("its absence is told", || seen("bad", &place));
    assert_eq!(doctor(&server, Some(TOKEN), &repositories).0, 1);
    let plan = server.stop();
    std::fs::rename(folder.path().join("elsewhere"), &root).unwrap();
    let server = plan.ready();
    until("it is read again", || seen_at(&server, &repositories));
    server.stop();
}

fn seen_at(server: &Server, repositories: &[&str]) -> bool {
    is_told(&doctor(server, Some(TOKEN), repositories).1, "source", "note", "1 problems")
}

/// A provider that is away, calls itself otherwise, or whose clock is wrong, is found before somebody cannot sign in.
#[test]
fn the_sign_in_provider_is_asked() {
    let folder = folder();
    let data = folder.path().join("data");
    let doctor = |issuer: &str| {
        let mut command = Command::new(BINARY);
        command.args(["doctor", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
        command.args(["--oidc-issuer", issuer, "--oidc-client-id", "loggia", "--public-url", "http://127.0.0.1:7400"]);
        let done = command.env_remove("LOGGIA_TOKEN").env_remove("LOGGIA_ADMIN_TOKEN").output().unwrap();
        (done.status.code().unwrap(), crate::support::text(&done.stdout))
    };
    let (code, said) = doctor("http://127.0.0.1:9");
    assert!(code == 1 && said.contains("http://127.0.0.1:9 does not answer"), "{said}");
    assert!(said.contains("people come back to http://127.0.0.1:7400/login/callback"), "{said}");
    for (name, status, date, part) in [
        ("{own}", 302, "", "begins logins that lead back"),
        ("{own}", 400, "", "Register there the client loggia"),
        ("http://other.example", 302, "", "calls itself http://other.example"),
        ("{own}", 302, "Mon, 02 Jan 2006 15:04:05 GMT", "s apart: logins fail"),
    ] {
        let issuer = provider(name, status, date);
        let (_, said) = doctor(&issuer);
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// What says it is a provider, and answers whoever begins a login with a status.
fn provider(name: &str, status: u16, date: &str) -> String {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    let (name, address) = (name.replace("{own}", &own), own.clone());
    let date = if date.is_empty() { String::new() } else { format!("date: {date}\r\n") };
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            let _ = lines.take_while(|line| !line.is_empty()).count();
            let (status, body) = match first.contains("openid-configuration") {
                true => (200, format!(r#"{{"issuer": "{name}", "authorization_endpoint": "{address}/auth"}}"#)),
                false => (status, String::new()),
            };
            let answer = format!(
                "HTTP/1.1 {status} X\r\n{date}content-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = (&stream).write_all(answer.as_bytes());
        }
    });
    own
}
