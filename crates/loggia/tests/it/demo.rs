//! The demo, as a newcomer starts it.

use crate::support::{BINARY, folder, free_port, git, http, text, until, write};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

struct Demo {
    child: Child,
    url: String,
}

impl Drop for Demo {
    fn drop(&mut self) {
        // So that it stops its PostgreSQL; it may have ended already.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn start(folder: &Path) -> Demo {
    let port = free_port();
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    let mut command = Command::new(BINARY);
    command.args(["demo", "--listen", &format!("127.0.0.1:{port}"), "--data"]).arg(folder.join("demo"));
    command.env("XDG_CONFIG_HOME", folder.join("config")).stdin(Stdio::null());
    let started = Instant::now();
    let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let demo = Demo { child, url: format!("http://127.0.0.1:{port}") };
    until("the demo is ready", || http(&demo.url, "GET", "/readyz", None).0 == 200);
    println!("demo ready after {:?}", started.elapsed());
    demo
}

/// As the person whom the demo signed the command line in for.
fn run(demo: &Demo, folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(args).args(["--url", &demo.url]).env("XDG_CONFIG_HOME", folder.join("config"));
    command.env_remove("LOGGIA_TOKEN").env_remove("LOGGIA_URL").stdin(Stdio::null()).output().unwrap()
}

fn doctor(folder: &Path) -> String {
    text(&Command::new(BINARY).args(["doctor", "--data"]).arg(folder.join("demo")).output().unwrap().stdout)
}

#[test]
fn one_command_shows_a_whole_platform() {
    let folder = folder();
    let demo = start(folder.path());
    until("today's state is shown", || doctor(folder.path()).contains("shows today's state"));
    let asked = Instant::now();
    let answer = run(&demo, folder.path(), &["who-runs", "postgres", "--below", "15", "-o", "json"]);
    println!("who-runs answered after {:?}", asked.elapsed());
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let rows = answer["items"].as_array().unwrap();
    assert!(rows.len() > 8, "{answer}");
    for step in ["observed", "enrolled", "managed"] {
        assert!(rows.iter().any(|row| row["step"] == step), "{step}");
    }
    let unknown = rows.iter().filter(|row| row["phase"] == "unknown").count();
    assert!((1..rows.len()).contains(&unknown), "some were not seen for long");
    steps_are_right(&demo, folder.path());
    endings_are_told(&demo, folder.path());
    a_campaign_is_in_its_second_wave(&demo, folder.path());
    real_things(&demo, folder.path());
    takes_commits(&demo, folder.path());
    let count = |demo: &Demo| {
        let all = text(&run(demo, folder.path(), &["get", "instances", "-o", "name"]).stdout);
        all.lines().filter(|name| !is_late(name)).count()
    };
    let before = count(&demo);
    drop(demo);
    let again = start(folder.path());
    assert_eq!(count(&again), before, "starting again makes nothing twice");
}

/// What the demo deploys at the end comes when its database does, where there is one.
fn is_late(instance: &str) -> bool {
    ["booking/tides", "booking/berth"].iter().any(|name| instance.contains(name))
}

fn steps_are_right(demo: &Demo, folder: &Path) {
    let instances = run(demo, folder, &["get", "instances", "-o", "json"]);
    let instances: Value = serde_json::from_slice(&instances.stdout).unwrap();
    let first = |one: &&Value| !is_late(one["ref"].as_str().unwrap());
    let all: Vec<&Value> = instances["items"].as_array().unwrap().iter().filter(first).collect();
    let of = |step: &str| all.iter().filter(|one| one["document"]["spec"]["step"] == step).count();
    assert_eq!((of("managed"), of("enrolled")), (140, 60));
    assert!(of("observed") > 60, "{}", of("observed"));
    // What a report told of long ago is unknown; all else is well.
    let strange = all.iter().find(|one| {
        let (phase, step) = (&one["status"]["phase"], &one["document"]["spec"]["step"]);
        phase != "ready" && (phase != "unknown" || step == "managed")
    });
    assert!(strange.is_none(), "{strange:?}");
    let offerings = run(demo, folder, &["get", "offerings", "-o", "name"]);
    assert_eq!(text(&offerings.stdout).lines().count(), 16);
}

/// As the story tells it: 19 of 31, halted by Fleet Reports, which is still served by 6; one team is exempt.
fn a_campaign_is_in_its_second_wave(demo: &Demo, folder: &Path) {
    let status = || -> Value {
        serde_json::from_slice(&run(demo, folder, &["campaign", "status", "tern-7", "-o", "json"]).stdout).unwrap()
    };
    let now = status();
    let counts = &now["counts"];
    assert_eq!((&now["state"], &counts["total"], &counts["done"]), (&"halted".into(), &31.into(), &19.into()), "{now}");
    assert_eq!((&now["wave"], &now["halt"]["wave"]), (&"first in production".into(), &1.into()));
    assert_eq!(now["halt"]["instance"], "instance:fleet-reports/noon.production");
    assert!(now["halt"]["lines"].to_string().contains("4.6 GiB"), "{now}");
    assert_eq!((now["days"].as_array().unwrap().len(), &counts["exempt"]), (22, &1.into()));
    let noon = run(demo, folder, &["get", "instance/fleet-reports/noon.production", "-o", "json"]);
    let noon: Value = serde_json::from_slice(&noon.stdout).unwrap();
    assert_eq!((&noon["status"]["applied"], &noon["status"]["phase"]), (&"tern-cache-6.2.0".into(), &"ready".into()));
    let resumed = run(demo, folder, &["campaign", "resume", "tern-7", "--reason", "Keys of last year are gone"]);
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    until("it goes on, into the last wave", || status()["counts"]["done"] == 23 && status()["wave"] == "production");
}

/// What goes away is planned, agreed to and differed from by people of the house, as anybody would.
fn endings_are_told(demo: &Demo, folder: &Path) {
    let show = |name: &str| -> Value {
        serde_json::from_slice(&run(demo, folder, &["ending", "show", name, "-o", "json"]).stdout).unwrap()
    };
    let tern = show("tern-6");
    assert_eq!((&tern["title"], &tern["standing"]), (&"Tern cache 6.2.0".into(), &"going away".into()), "{tern}");
    assert_eq!(tern["emergency"]["by"], "user:default/ines");
    assert_eq!(tern["emergency"]["approvedBy"], "user:default/tomasz");
    assert_eq!(tern["dates"]["brownouts"].as_array().map(Vec::len), Some(1));
    assert!(tern["concerned"].as_array().is_some_and(|teams| teams.len() > 5), "{tern}");
    let books = show("postgres-1.5");
    assert_eq!(books["exemptions"][0]["instance"], "instance:finance-systems/books.production");
    let table = text(&run(demo, folder, &["versions", "postgres"]).stdout);
    assert!(table.contains("maintenance") && table.contains("extended"), "{table}");
}

/// What is pushed to the repository of the demo, as pages do, is taken, lies in its folder, and is shown.
fn takes_commits(demo: &Demo, folder: &Path) {
    let (fairway, clone) = (folder.join("demo/fairway"), folder.join("clone"));
    git(folder, &["clone", "-q", fairway.to_str().unwrap(), clone.to_str().unwrap()]);
    let file = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: pushed}\nspec: {type: website, lifecycle: production, owner: booking}\n";
    write(&clone, "pushed.yaml", file);
    git(&clone, &["add", "-A"]);
    git(&clone, &["commit", "-qm", "Push it"]);
    git(&clone, &["push", "-q", "origin", "HEAD"]);
    assert!(fairway.join("pushed.yaml").exists());
    until("it is shown", || run(demo, folder, &["get", "component/pushed"]).status.success());
}

/// Where PostgreSQL is installed a database that is got can be used; elsewhere this is said before.
fn real_things(demo: &Demo, folder: &Path) {
    let path = run(demo, folder, &["whoami", "-o", "json"]);
    let me: Value = serde_json::from_slice(&path.stdout).unwrap();
    assert_eq!(me["user"], "user:default/tomasz");
    let form =
        run(demo, folder, &["new", "postgres", "trial", "--env", "dev", "--team", "platform-engineering", "--wait"]);
    if !form.status.success() {
        let said = text(&form.stderr);
        println!("skipped: a real database: {said}");
        assert!(!said.is_empty());
        return;
    }
    let reveal = |name: &str| text(&run(demo, folder, &["reveal", "platform-engineering/trial.dev", name]).stdout);
    let url = reveal("url");
    let asked = Command::new("psql").args([url.trim(), "-Atc", "select 40 + 2"]).output().unwrap();
    assert_eq!(text(&asked.stdout).trim(), "42", "{}", text(&asked.stderr));
    let gone = run(demo, folder, &["delete", "instance/platform-engineering/trial.dev", "--yes"]);
    assert!(gone.status.success(), "{}", text(&gone.stderr));
}
