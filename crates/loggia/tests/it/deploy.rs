//! A workload from its Score file: deployed, again, on to the next environment, back, and what differs.

use crate::platform::{commit, repository};
use crate::support::{Plan, Server, folder, http, on_both, write};
use serde_json::Value;
use std::path::Path;

const SCORE: &str = "apiVersion: score.dev/v1b1
metadata: {name: plan}
containers:
  main:
    image: .
    variables: {SAYS: 'WORD from ${resources.files.url}'}
resources:
  files: {type: files}
";

/// Answers with what it was told.
const PROGRAM: &str = "import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(os.environ.get('SAYS', '')).encode()
        self.send_response(200)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), Handler).serve_forever()
";

/// An environment after the first, repositories, and what runs one of them.
const PLATFORM: &str = "apiVersion: loggia.dev/v1
kind: Environment
metadata: {name: test}
spec:
  product: yard
  type: test
  owner: yard-team
  backends:
    git: {driver: git}
    process: {driver: process, config: {ports: PORTS}}
---
apiVersion: loggia.dev/v1
kind: Offering
metadata: {name: hull, title: Hull}
spec:
  product: yard
  owner: yard-team
  category: data
  promise: A repository.
  for: Everybody.
  problem: Waiting.
  plans: [{name: small}]
---
apiVersion: loggia.dev/v1
kind: Release
metadata: {name: hull-1.0.0}
spec:
  offering: hull
  version: \"1.0.0\"
  contract:
    inputs: {type: object}
    outputs: {type: object, properties: {clone_url: {type: string}, default_branch: {type: string}}}
  recipe: {driver: git, template: hull}
---
apiVersion: loggia.dev/v1
kind: Offering
metadata: {name: beacon, title: Beacon}
spec:
  product: yard
  owner: yard-team
  category: data
  promise: It answers.
  for: Everybody.
  problem: Waiting.
  plans: [{name: small}]
  provides: [{type: files}]
---
apiVersion: loggia.dev/v1
kind: Release
metadata: {name: beacon-1.0.0}
spec:
  offering: beacon
  version: \"1.0.0\"
  contract:
    inputs: {type: object}
    outputs: {type: object, properties: {url: {type: string}}}
  recipe: {driver: process, template: live, command: [python3, live.py], health: /}
---
apiVersion: loggia.dev/v1
kind: Offering
metadata: {name: dock, title: Dock}
spec:
  product: yard
  owner: yard-team
  category: data
  promise: It runs.
  for: Everybody.
  problem: Waiting.
  plans: [{name: small}]
  provides: [{type: workload}]
---
apiVersion: loggia.dev/v1
kind: Release
metadata: {name: dock-1.0.0}
spec:
  offering: dock
  version: \"1.0.0\"
  contract:
    inputs:
      type: object
      required: [image]
      properties:
        image: {type: string}
        variables: {type: object, writeOnly: true}
    outputs: {type: object, properties: {url: {type: string}, commit: {type: string}}}
  recipe:
    driver: process
    repository: \"{{ inputs.image }}\"
    command: [python3, program.py]
    health: /
    variables: variables
";

fn status(server: &Server, name: &str) -> Value {
    match server.http("GET", &format!("/api/v1/records/instance/red/{name}"), None) {
        (200, record) => record["status"].clone(),
        _ => Value::Null,
    }
}

/// What the program in an environment says.
fn said(server: &Server, name: &str) -> String {
    let url = status(server, name)["outputs"]["url"].as_str().unwrap().to_owned();
    http(url.trim_end_matches('/'), "GET", "/", None).1.to_string()
}

fn platform(folder: &Path) -> std::path::PathBuf {
    let root = repository(folder);
    // The second half of the ports that the first environment has.
    let first = 25_000 + std::process::id() % 200 * 100;
    write(&root, "deploy.yaml", &PLATFORM.replace("PORTS", &format!("{}-{}", first + 50, first + 99)));
    write(&root, "hull/program.py", PROGRAM);
    commit(&root, "What is deployed");
    root
}

#[test]
fn a_workload_goes_out_again_on_and_back() {
    on_both("deploy", |database| {
        let folder = folder();
        let root = platform(folder.path());
        let server = Plan::new(folder.path(), "data", database, &[&root]).ready();
        server.ok(&["new", "hull", "web", "--team", "red", "--env", "dev", "--wait"]);
        let file = folder.path().join("score.yaml");
        let path = file.to_str().unwrap().to_owned();
        let deploy = |word: &str, more: &[&str]| {
            std::fs::write(&file, SCORE.replace("WORD", word)).unwrap();
            let usual = ["deploy", "-f", &path, "--env", "dev", "--team", "red", "--image", "web"];
            server.ok(&[&usual[..], more].concat())
        };
        let dry = deploy("one", &["--dry-run"]);
        assert!(dry.contains("would be deployed") && dry.contains("beacon provides files"), "{dry}");
        assert_eq!(status(&server, "plan.dev"), Value::Null);
        let done = deploy("one", &["--wait"]);
        assert!(done.contains("is ready"), "{done}");
        assert!(said(&server, "plan.dev").contains("one from http"), "{}", said(&server, "plan.dev"));
        assert!(deploy("one", &["--wait"]).contains("is as it was"));
        assert!(deploy("two", &["--wait"]).contains("deployment 2"));
        assert!(said(&server, "plan.dev").contains("two from http"));
        onward(&server);
        back(&server);
        server.stop();
    });
}

/// On to the next environment: the very commit that runs in the first.
fn onward(server: &Server) {
    let dry = server.ok(&["promote", "plan", "--from", "dev", "--to", "test", "--dry-run"]);
    assert!(dry.contains("would be deployed") && status(server, "plan.test").is_null(), "{dry}");
    server.ok(&["promote", "plan", "--from", "dev", "--to", "test", "--wait"]);
    let commit = status(server, "plan.dev")["outputs"]["commit"].as_str().unwrap().to_owned();
    assert_eq!(status(server, "plan.test")["outputs"]["commit"], commit.as_str());
    assert!(said(server, "plan.test").contains("two from http"));
    let places = server.ok(&["workload", "plan"]);
    assert!(places.contains(&format!("web@{commit}")), "{places}");
}

/// Back to what was before, and what differs then.
fn back(server: &Server) {
    server.ok(&["rollback", "plan", "--env", "dev", "--wait"]);
    assert!(said(server, "plan.dev").contains("one from http"));
    let past = server.ok(&["workload", "plan", "--history", "dev"]);
    assert!(past.lines().count() == 4 && past.contains("deployment 1"), "{past}");
    let differs = server.ok(&["diff", "env", "dev", "test", "--team", "red"]);
    assert!(differs.contains("~ red/plan") && differs.contains("instance.reshaped"), "{differs}");
    let since = server.ok(&["diff", "--at", "2020-01-01", "--team", "red"]);
    assert!(since.contains("+ instance:red/plan.dev") && since.contains("dependsOn"), "{since}");
    let why = server.ok(&["why", "instance/red/plan.dev"]);
    assert!(why.contains("made of files: beacon-1.0.0"), "{why}");
    let (code, kept) = server.fails(&["delete", "instance/red/plan-files.dev", "--yes"]);
    assert!(code == 1 && kept.contains("needed by plan.dev"), "{kept}");
}
