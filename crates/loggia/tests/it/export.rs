//! An export starts as its own Loggia and knows the same.

use crate::platform::repository;
use crate::support::{Database, Plan, Server, folder, write};
use serde_json::Value;
use std::collections::BTreeMap;

const ALL: [&str; 12] = [
    "components",
    "apis",
    "resources",
    "systems",
    "domains",
    "groups",
    "users",
    "templates",
    "products",
    "offerings",
    "releases",
    "environments",
];

/// Documents and files by name, without what each reader of a source writes itself.
fn documents(server: &Server) -> BTreeMap<String, (Value, Value)> {
    let mut all = BTreeMap::new();
    for kind in ALL {
        for one in server.json(&["get", kind])["items"].as_array().unwrap() {
            let mut document = one["document"].clone();
            let metadata = document["metadata"].as_object_mut().unwrap();
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.retain(|name, _| !name.starts_with("backstage.io/managed-by"));
                if annotations.is_empty() {
                    metadata.remove("annotations");
                }
            }
            all.insert(one["ref"].as_str().unwrap().to_owned(), (document, one["status"]["files"].clone()));
        }
    }
    all
}

#[test]
fn an_export_starts_as_its_own_loggia() {
    let folder = folder();
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/fairway");
    let server = Plan::new(folder.path(), "first", &Database::Sqlite, &[&example]).ready();
    write(
        folder.path(),
        "own.yaml",
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: kept-here, description: \"a: b\\nc\"}\nspec: {type: website, lifecycle: production, owner: booking}\n",
    );
    server.ok(&["apply", "-f", folder.path().join("own.yaml").to_str().unwrap()]);
    let exported = folder.path().join("exported");
    let said = server.ok(&["export", exported.to_str().unwrap()]);
    assert!(said.contains("loggia serve --repository"), "{said}");
    assert_eq!(server.fails(&["export", exported.to_str().unwrap()]).0, 2, "what is there is not written over");
    let before = documents(&server);
    assert!(before.len() > 200, "{}", before.len());
    server.stop();
    let again = Plan::new(folder.path(), "second", &Database::Sqlite, &[&exported]).ready();
    let after = documents(&again);
    for (name, one) in &before {
        assert_eq!(after.get(name), Some(one), "{name}");
    }
    assert_eq!(before.len(), after.len());
    again.ok(&["check", exported.to_str().unwrap()]);
    again.stop();
}

#[test]
fn releases_are_exported_as_far_as_they_are() {
    let folder = folder();
    let root = repository(folder.path());
    let server = Plan::new(folder.path(), "first", &Database::Sqlite, &[&root]).ready();
    let release = |version: &str, begins: &str| {
        format!(
            "apiVersion: loggia.dev/v1\nkind: Release\nmetadata:\n  name: cache-{version}\n  annotations: \
             {{loggia.dev/publication: {begins}}}\nspec:\n  offering: cache\n  version: {version}\n  contract: {{inputs: \
             {{type: object}}}}\n  recipe: {{driver: replay}}\n"
        )
    };
    let versions = [("7.1.0", "draft"), ("7.2.0", "draft"), ("7.3.0", "draft"), ("7.4.0", "draft")];
    let texts: Vec<String> = versions.iter().map(|(version, begins)| release(version, begins)).collect();
    write(folder.path(), "own.yaml", &texts.join("---\n"));
    server.ok(&["apply", "-f", folder.path().join("own.yaml").to_str().unwrap()]);
    let command = |verb: &str, version: &str, more: Option<&Value>| {
        let path = format!("/api/v1/releases/default/cache-{version}:{verb}");
        let (status, answer) = server.http("POST", &path, Some(more.unwrap_or(&Value::Object(Default::default()))));
        assert_eq!(status, 200, "{answer}");
    };
    command("candidate", "7.2.0", None);
    command("publish", "7.3.0", None);
    command("publish", "7.4.0", None);
    command("yank", "7.4.0", Some(&serde_json::json!({"reason": "It loses data."})));
    let exported = folder.path().join("exported");
    server.ok(&["export", exported.to_str().unwrap()]);
    server.stop();
    let again = Plan::new(folder.path(), "second", &Database::Sqlite, &[&exported]).ready();
    let state = |version: &str| {
        let status = again.json(&["get", &format!("release/cache-{version}")])["status"].clone();
        (status["publication"].as_str().unwrap().to_owned(), status["reason"].as_str().unwrap_or_default().to_owned())
    };
    let reasons = ["7.1.0", "7.2.0", "7.3.0", "7.4.0"].map(state);
    let wanted = [("draft", ""), ("candidate", ""), ("published", ""), ("yanked", "It loses data.")];
    assert_eq!(reasons, wanted.map(|(state, reason)| (state.to_owned(), reason.to_owned())));
    again.ok(&["check", exported.to_str().unwrap()]);
    again.stop();
}

#[test]
fn what_ran_is_exported_as_enrolled() {
    let folder = folder();
    let root = repository(folder.path());
    let server = Plan::new(folder.path(), "first", &Database::Sqlite, &[&root]).ready();
    server.ok(&["new", "cache", "fast", "--team", "red", "--env", "dev", "--wait"]);
    let seen =
        ["observe", "--offering", "cache", "--version", "1.0.0", "--env", "dev", "--team", "red", "--name", "seen"];
    server.ok(&seen);
    let run = |server: &Server, name: &str| {
        let rows = server.json(&["who-runs", "cache"])["items"].as_array().unwrap().clone();
        let row = rows.into_iter().find(|row| row["name"] == name).unwrap();
        ["version", "since", "lastSeen", "release", "phase"].map(|field| row[field].clone())
    };
    let (seen, fast_before) = (run(&server, "seen"), run(&server, "fast"));
    let exported = folder.path().join("exported");
    server.ok(&["export", exported.to_str().unwrap()]);
    server.stop();
    let again = Plan::new(folder.path(), "second", &Database::Sqlite, &[&exported]).ready();
    let fast = again.json(&["get", "instance/red/fast.dev"]);
    assert_eq!(fast["document"]["spec"]["step"], "enrolled");
    assert_eq!(run(&again, "seen"), seen);
    assert_eq!(run(&again, "fast")[0], fast_before[0]);
    assert_ne!(run(&again, "fast")[4], "pending");
    assert_eq!(again.fails(&["delete", "instance/red/fast.dev", "--yes"]).0, 1, "another server's driver holds it");
    again.stop();
}

/// Whatever a group may be called, what it runs is exported so that it starts.
#[test]
fn what_any_team_runs_starts_again() {
    let folder = folder();
    let root = repository(folder.path());
    let teams = ["data_platform", "acme.search", "eu/team-a", "Big"];
    let group = |team: &str| {
        let (space, name) = team.split_once('/').unwrap_or(("default", team));
        format!(
            "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {{name: {name}, namespace: {space}}}\nspec: {{type: team, children: []}}\n"
        )
    };
    write(&root, "more-teams.yaml", &teams.map(group).join("---\n"));
    crate::platform::commit(&root, "more teams");
    let server = Plan::new(folder.path(), "first", &Database::Sqlite, &[&root]).ready();
    for team in teams {
        let report = [
            "observe",
            "--offering",
            "offering:default/cache",
            "--version",
            "1.0.0",
            "--env",
            "environment:default/dev",
        ];
        server.ok(&[&report[..], &["--team", team, "--name", "seen"]].concat());
        server.ok(&["new", "offering/cache", "fast", "--team", team, "--env", "dev", "--wait"]);
    }
    let names = |server: &Server| {
        let rows = server.json(&["who-runs", "offering:default/cache"])["items"].as_array().unwrap().clone();
        rows.iter().map(|row| format!("{} {}", row["team"], row["name"])).collect::<Vec<_>>()
    };
    let before = names(&server);
    assert_eq!((before.len(), names(&server)), (8, before.clone()));
    let exported = folder.path().join("exported");
    server.ok(&["export", exported.to_str().unwrap()]);
    server.ok(&["check", exported.to_str().unwrap()]);
    server.stop();
    let again = Plan::new(folder.path(), "second", &Database::Sqlite, &[&exported]).ready();
    assert_eq!(names(&again), before);
    again.stop();
}

/// Serves two files, until the test ends: a Location, and what it names beside it.
fn host() -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut asked) = (stream.unwrap(), [0; 4096]);
            let length = stream.read(&mut asked).unwrap();
            let meta = "apiVersion: backstage.io/v1alpha1\nmetadata: {name: there}\n";
            let text = match String::from_utf8_lossy(&asked[..length]).contains("/all.yaml") {
                true => format!("{meta}kind: Location\nspec: {{targets: [./parts/web.yaml]}}\n"),
                false => format!("{meta}kind: Component\nspec: {{type: service, lifecycle: production, owner: red}}\n"),
            };
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", text.len());
            stream.write_all((head + &text).as_bytes()).unwrap();
        }
    });
    address
}

/// What was read at a registered place comes along and starts, and the export says where it came from.
#[test]
fn what_was_read_at_a_registered_place_starts_again() {
    let folder = folder();
    let root = repository(folder.path());
    let target = format!("{}/all.yaml", host());
    let server =
        Plan::new(folder.path(), "first", &Database::Sqlite, &[&root]).with("--allow-host", "127.0.0.1").ready();
    let (status, said) =
        server.http("POST", "/api/catalog/locations", Some(&serde_json::json!({"type": "url", "target": target})));
    assert_eq!(status, 201, "{said}");
    let there = |server: &Server| server.run(&["get", "component/there"]).status.success();
    crate::support::until("it was read", || there(&server));
    assert!(server.ok(&["sources"]).contains(&target), "a registered place is a source");
    let exported = folder.path().join("exported");
    server.ok(&["export", exported.to_str().unwrap()]);
    server.ok(&["check", exported.to_str().unwrap()]);
    let location = std::fs::read_to_string(exported.join("registered/1/location-default-there.yaml")).unwrap();
    assert!(location.contains(&target.replace("all.yaml", "parts/web.yaml")), "{location}");
    let readme = std::fs::read_to_string(exported.join("README.md")).unwrap();
    assert!(readme.contains(&format!("- registered/1: {target}")), "{readme}");
    server.stop();
    let again = Plan::new(folder.path(), "second", &Database::Sqlite, &[&exported]).ready();
    assert!(there(&again));
    again.stop();
}

#[test]
fn what_was_reported_for_an_unknown_place_is_left_out() {
    let folder = folder();
    let root = repository(folder.path());
    let server = Plan::new(folder.path(), "first", &Database::Sqlite, &[&root]).ready();
    server.ok(&["observe", "--offering", "cache", "--env", "dev", "--team", "red", "--name", "known"]);
    let said = server.ok(&["observe", "--offering", "cache", "--env", "mars", "--team", "red", "--name", "odd"]);
    assert!(said.contains("There is no environment mars"), "{said}");
    let exported = folder.path().join("exported");
    let said = server.ok(&["export", exported.to_str().unwrap()]);
    assert!(said.contains("left out instance:red/odd.mars"), "{said}");
    server.ok(&["check", exported.to_str().unwrap()]);
    assert!(exported.join("kept-on-the-server/instance-red-known.dev.yaml").exists());
    let readme = std::fs::read_to_string(exported.join("README.md")).unwrap();
    assert!(readme.contains("- instance:red/odd.mars"), "{readme}");
    server.stop();
}

/// A token of a person, made by themselves.
fn token_of(server: &Server, name: &str) -> String {
    let password = "a sentence to sign in with";
    let path = format!("/api/v1/logins/{}", name.replace('/', "%2F"));
    let (status, said) = server.http("PUT", &path, Some(&serde_json::json!({"password": password})));
    assert_eq!(status, 204, "{said}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let plain = reqwest::Client::builder().tls_certs_only([]).redirect(reqwest::redirect::Policy::none());
        let client = plain.build().unwrap();
        let post = |path: &str| client.post(format!("{}{path}", server.url())).header("sec-fetch-site", "same-origin");
        let form = format!("name={}&password={}", name.replace('/', "%2F"), password.replace(' ', "+"));
        let form = post("/login").header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer = form.send().await.unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let made = post("/api/v1/tokens").header("cookie", cookie).json(&serde_json::json!({"name": "export"}));
        let made: Value = made.send().await.unwrap().json().await.unwrap();
        made["token"].as_str().unwrap().to_owned()
    })
}

/// A partner, a developer, a product manager, a sponsor and an administrator: none sees the same, and each export starts.
#[test]
fn whoever_exports_gets_a_folder_that_starts() {
    let folder = folder();
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/fairway");
    let server = Plan::new(folder.path(), "first", &Database::Sqlite, &[&example]).ready();
    for name in ["keelworks/li", "amara", "ines", "sofia", "tomasz"] {
        let exported = folder.path().join(name.replace('/', "-"));
        let mut command = std::process::Command::new(crate::support::BINARY);
        command.args(["export", exported.to_str().unwrap()]).env("LOGGIA_URL", server.url());
        let done = command.env("LOGGIA_TOKEN", token_of(&server, name)).output().unwrap();
        let said = crate::support::text(&done.stdout) + &crate::support::text(&done.stderr);
        assert!(done.status.success(), "{name}: {said}");
        server.ok(&["check", exported.to_str().unwrap()]);
        let partner = name == "keelworks/li";
        assert_eq!(said.contains("wrote a stand-in for product:default/fairway"), partner, "{name}: {said}");
        if partner {
            let again = Plan::new(folder.path(), "partner", &Database::Sqlite, &[&exported]).ready();
            let sources = again.ok(&["sources"]);
            assert!(sources.contains("in step"), "{sources}");
            assert!(again.json(&["get", "offerings"])["items"].as_array().is_some_and(|all| !all.is_empty()));
            again.stop();
        }
    }
    server.stop();
}
