//! Bad input: each a clear error, nothing lost, the server stays up.

use crate::platform::{commit, drivers, repository};
use crate::support::{Database, PATIENCE, Plan, Server, folder, git, on_both, on_postgres, until, until_within, write};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

const COMPONENT: &str = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: NAME}\nspec: {type: service, lifecycle: production, owner: red}\n";

fn component(name: &str) -> String {
    COMPONENT.replace("NAME", name)
}

/// A repository in which everything that can be wrong in a file is wrong, each in a file of its own.
#[test]
fn wrong_files_are_named_and_take_nothing_along() {
    on_both("bad_files", |database| {
        let folder = folder();
        let root = repository(folder.path());
        let server = Plan::new(folder.path(), "data", database, &[&root]).ready();
        let mut nested = String::from("a: ");
        nested.push_str(&"[".repeat(5_000));
        let mut aliases = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for at in 1..30 {
            aliases.push_str(&format!("a{at}: &a{at} [{}]\n", vec![format!("*a{}", at - 1); 10].join(", ")));
        }
        write(&root, "wrong/aliases.yaml", &aliases);
        write(&root, "wrong/depth.yaml", &nested);
        write(&root, "wrong/large.yaml", &format!("# {}\n{}", "x".repeat(50 << 20), component("large")));
        write(&root, "wrong/syntax.yaml", "kind: {\n");
        write(
            &root,
            "wrong/types.yaml",
            "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: 12}\nspec: []\n",
        );
        write(&root, "wrong/twice.yaml", &format!("{}---\n{0}", component("twice")));
        std::fs::write(root.join("wrong/latin.yaml"), b"kind: Component # caf\xe9\n").unwrap();
        write(&root, "right.yaml", &component("right"));
        commit(&root, "All kinds of wrong");
        until("what is right is there", || server.run(&["get", "component/right"]).status.success());
        let (code, said) = server.fails(&["sources"]);
        assert_eq!(code, 1);
        for file in ["aliases", "depth", "large", "syntax", "types", "twice", "latin"] {
            assert!(said.contains(&format!("wrong/{file}.yaml:")), "{file} in {said}");
        }
        assert_eq!(server.ok(&["get", "groups", "-o", "name"]).lines().count(), 2, "nothing else is lost");
        let (code, said) = server.fails(&["check", root.to_str().unwrap()]);
        assert!(code == 1 && said.contains("wrong/depth.yaml:"), "{said}");
        server.stop();
    });
}

/// A repository that breaks and heals.
#[test]
fn a_broken_repository_keeps_what_it_gave() {
    on_both("bad_repository", |database| {
        let folder = folder();
        let root = repository(folder.path());
        let server = Plan::new(folder.path(), "data", database, &[&root]).ready();
        std::fs::rename(root.join(".git/objects"), root.join(".git/away")).unwrap();
        write(&root, ".git/refs/heads/main", "0123456789012345678901234567890123456789\n");
        until("it is told", || !server.run(&["sources"]).status.success());
        server.ok(&["get", "group/red"]);
        let server = server.kill().ready();
        server.ok(&["get", "group/red"]);
        std::fs::remove_dir_all(root.join(".git")).unwrap();
        git(&root, &["init", "-q"]);
        write(&root, "more.yaml", &component("more"));
        commit(&root, "Anew");
        until("it is read again", || server.run(&["get", "component/more"]).status.success());
        server.stop();
    });
}

/// Groups that are their own grandparents, and offerings that name each other.
#[test]
fn cycles_end() {
    on_both("bad_cycles", |database| {
        let folder = folder();
        let root = repository(folder.path());
        for (name, parent) in [("a", "b"), ("b", "c"), ("c", "a")] {
            let text = format!(
                "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {{name: {name}}}\nspec: {{type: team, children: [], parent: {parent}}}\n"
            );
            write(&root, &format!("{name}.yaml"), &text);
        }
        write(
            &root,
            "user.yaml",
            "apiVersion: backstage.io/v1alpha1\nkind: User\nmetadata: {name: loop}\nspec: {memberOf: [a]}\n",
        );
        commit(&root, "In a circle");
        let server = Plan::new(folder.path(), "data", database, &[&root]).ready();
        server.ok(&["describe", "group/a"]);
        server.ok(&["describe", "user/loop"]);
        server.stop();
    });
}

/// Orders one thing; gives the address of its operation.
fn ordered(server: &Server, offering: &str, name: &str) -> String {
    let order = json!({"offering": offering, "environment": "dev", "team": "red", "name": name, "inputs": {}});
    let (status, body) = server.http("POST", "/api/v1/orders", Some(&order));
    assert_eq!(status, 202, "{body}");
    format!("/api/v1/operations/{}", body["operation"].as_str().unwrap())
}

/// Waits for the end of an operation.
fn ended(server: &Server, operation: &str, patience: Duration) -> Value {
    let mut found = Value::Null;
    until_within(patience, "the operation ends", || {
        let (status, body) = server.http("GET", operation, None);
        assert_eq!(status, 200, "{body}");
        found = body;
        matches!(found["state"].as_str(), Some("failed" | "succeeded"))
    });
    found
}

/// Orders one thing and waits for the end of its operation.
fn order(server: &Server, offering: &str, name: &str) -> Value {
    ended(server, &ordered(server, offering, name), PATIENCE)
}

#[test]
fn a_template_that_loops_fails_and_nothing_else() {
    on_both("bad_template", |database| {
        let folder = folder();
        let root = repository(folder.path());
        write(
            &root,
            "template/loop.txt",
            "{% for a in range(100000) %}{% for b in range(100000) %}{{ a * b }}{% endfor %}{% endfor %}",
        );
        commit(&root, "For ever");
        let server = Plan::new(folder.path(), "data", database, &[&root]).ready();
        let operation = order(&server, "path", "endless");
        assert_eq!(operation["state"], "failed", "{operation}");
        assert!(!operation["message"].as_str().unwrap().is_empty() && !operation["mend"].as_str().unwrap().is_empty());
        assert_eq!(order(&server, "cache", "fine")["state"], "succeeded");
        server.stop();
    });
}

/// Strange programs, and what they do.
const STRANGE: [(&str, &str); 6] = [
    ("hangs", "sleep 1000"),
    ("rubbish", "head -c 100000 /dev/urandom | tee /dev/stderr"),
    ("noise", "printf 'a\\000b\\033[31m\\n' >&2; echo '{\"presence\": \"a\\u0000b\"}'"),
    ("dies", "echo last words >&2; kill -9 $$"),
    ("endless", "while true; do echo '{\"a\": 1}'; done"),
    ("empty", "true"),
];
/// How long it takes until something was tried often enough.
const TRIES: Duration = Duration::from_secs(300);

#[test]
fn drivers_that_hang_lie_or_die_end_their_operation_only() {
    strange(&Database::Sqlite);
}

#[test]
fn drivers_that_hang_lie_or_die_end_their_operation_only_on_postgres() {
    on_postgres("strange", strange);
}

fn strange(database: &Database) {
    let folder = folder();
    let root = repository(folder.path());
    let programs = drivers(folder.path());
    let bucket = std::fs::read_to_string(root.join("bucket.yaml")).unwrap();
    for (name, does) in STRANGE {
        let program = programs.join(name);
        let text = format!("#!/bin/sh\nif test \"$1\" = probe; then echo '{{\"done\":true}}'; exit; fi\n{does}\n");
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let (recipe, limited) = (format!("program: {name}}}"), format!("program: {name}, timeout: 1}}"));
        write(&root, &format!("{name}.yaml"), &bucket.replace("bucket", name).replace(&recipe, &limited));
    }
    commit(&root, "Strange programs");
    let plan = Plan::new(folder.path(), "data", database, &[&root]).with("--drivers", programs.to_str().unwrap());
    let server = plan.ready();
    let all = STRANGE.map(|(name, _)| (name, ordered(&server, name, &format!("strange-{name}"))));
    assert_eq!(order(&server, "bucket", "fine")["state"], "succeeded");
    for (name, operation) in all {
        let operation = ended(&server, &operation, TRIES);
        assert_eq!(operation["state"], "failed", "{name}: {operation}");
        let (message, mend) = (operation["message"].as_str().unwrap(), operation["mend"].as_str().unwrap());
        assert!(!message.is_empty() && !mend.is_empty(), "{name}: {operation}");
        let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        assert!(!message.chars().chain(mend.chars()).any(odd), "{name}: {operation}");
    }
    assert_eq!(order(&server, "bucket", "fine-too")["state"], "succeeded");
    server.kill();
}

/// A disk that is full: what cannot be written is refused, what is known is answered, and later all goes on.
#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    let folder = folder();
    let root = repository(folder.path());
    let plan = Plan::new(folder.path(), "data", &Database::Sqlite, &[&root]);
    let server = plan.ready();
    server.http("POST", "/api/v1/records:apply", Some(&json!([one("before")])));
    let plan = server.stop();
    let size = |name: &str| plan.data.join(name).metadata().map_or(0, |facts| facts.len());
    let limited = Plan { file_limit: Some(size("loggia.sqlite") / 512 + 64), ..plan.clone() };
    let server = limited.ready();
    let mut written = Vec::new();
    let refused = (0..500).find_map(|at| {
        let name = format!("c-{at}");
        let (status, body) = server.http("POST", "/api/v1/records:apply", Some(&json!([large(&name)])));
        if status == 200 {
            written.push(name);
            return None;
        }
        Some((status, body))
    });
    let (status, body) = refused.expect("the limit is reached");
    assert!(status == 503, "{status} {body}");
    assert_eq!(server.http("GET", "/readyz", None).0, 200);
    assert_eq!(server.http("GET", "/api/v1/components/default/before", None).0, 200);
    server.kill();
    let server = plan.ready();
    for name in written.iter().map(String::as_str).chain(["before"]) {
        assert_eq!(server.http("GET", &format!("/api/v1/components/default/{name}"), None).0, 200, "{name}");
    }
    assert_eq!(server.http("POST", "/api/v1/records:apply", Some(&json!([one("after")]))).0, 200);
    server.stop();
}

fn one(name: &str) -> Value {
    json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": name},
        "spec": {"type": "service", "lifecycle": "production", "owner": "red"}})
}

fn large(name: &str) -> Value {
    let mut one = one(name);
    let noise: String = (0..600).map(|at| format!("{name}{at} ")).collect();
    one["metadata"]["description"] = json!(noise);
    one
}

/// A wrong key refuses to start; the right one starts again.
#[test]
fn a_wrong_key_is_refused() {
    on_both("bad_key", |database| {
        let folder = folder();
        let root = repository(folder.path());
        let plan = Plan::new(folder.path(), "data", database, &[&root]);
        plan.ready().stop();
        let key = plan.data.join("secret.key");
        let right = std::fs::read_to_string(&key).unwrap();
        std::fs::write(&key, "0".repeat(64)).unwrap();
        let said = refused(&plan);
        assert!(said.contains("secret key does not fit"), "{said}");
        std::fs::write(&key, "nonsense").unwrap();
        assert!(refused(&plan).contains("64 hexadecimal digits"));
        std::fs::write(&key, right).unwrap();
        plan.ready().stop();
    });
}

fn refused(plan: &Plan) -> String {
    let (code, said) = plan.refused();
    assert_eq!(code, 1, "{said}");
    said
}

/// What people send that is too much, or is no document.
#[test]
fn wrong_requests_are_answered() {
    on_both("bad_requests", |database| {
        let folder = folder();
        let root = repository(folder.path());
        let server = Plan::new(folder.path(), "data", database, &[&root]).ready();
        let file = folder.path().join("bad.yaml");
        for text in ["kind: [", "just text", "apiVersion: x\nkind: Component\nmetadata: {name: a}\n", "- 1\n- 2\n"] {
            std::fs::write(&file, text).unwrap();
            assert!(matches!(server.fails(&["apply", "-f", file.to_str().unwrap()]).0, 1 | 2), "{text}");
        }
        let (status, _) = server.http("POST", "/api/v1/records:apply", Some(&json!("x".repeat(25_000_000))));
        assert_eq!(status, 413);
        for input in [
            json!({}),
            json!({"offering": 1}),
            json!([]),
            json!({"offering": "cache", "environment": "dev", "team": "red", "name": "../x"}),
        ] {
            let (status, body) = server.http("POST", "/api/v1/orders", Some(&input));
            assert_eq!(status, 400, "{body}");
        }
        let time = until("it is still up", || server.http("GET", "/readyz", None).0 == 200);
        assert!(time < Duration::from_secs(2));
        server.stop();
    });
}
