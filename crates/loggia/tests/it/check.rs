//! `loggia check`, and what the command line says about itself.

use crate::support::{BINARY, Database, Plan, folder, text, write};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

fn check(path: &Path) -> (i32, String) {
    let done = Command::new(BINARY).arg("check").arg(path).output().unwrap();
    (done.status.code().unwrap(), text(&done.stdout) + &text(&done.stderr))
}

#[test]
fn the_example_platform_has_no_problem() {
    let (code, said) = check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/fairway"));
    assert_eq!(code, 0, "{said}");
}

#[test]
fn every_problem_has_a_place_a_rule_and_a_mend() {
    let folder = folder();
    write(
        folder.path(),
        "a.yaml",
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: has spaces\nspec: {type: s, lifecycle: l, owner: o}\n",
    );
    write(folder.path(), "b.yaml", "kind: [\n");
    let (code, said) = check(folder.path());
    assert_eq!(code, 1);
    assert!(said.contains("a.yaml:4:3: metadata.name"), "{said}");
    assert!(said.contains("b.yaml:"), "{said}");
    let done = Command::new(BINARY).arg("check").arg(folder.path()).args(["-o", "json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    for problem in report["problems"].as_array().unwrap() {
        for field in ["file", "line", "column", "rule", "message", "mend"] {
            assert!(!problem[field].is_null() && problem[field] != "", "{field} of {problem}");
        }
    }
    assert_eq!(check(Path::new("/nowhere/at/all")).0, 2);
}

/// Names of the catalog that lead nowhere are warned of where they stand, and refuse nothing.
#[test]
fn names_that_lead_nowhere_are_warned_of() {
    let folder = folder();
    let head =
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: a\nspec:\n  type: s\n  lifecycle: l\n";
    let text = format!("{head}  owner: crew\n  system: crew\n  dependsOn:\n    - component:a\n    - resource:moon\n");
    write(folder.path(), "a.yaml", &text);
    let (code, said) = check(folder.path());
    assert_eq!(code, 0, "{said}");
    for line in ["a.yaml:8:3: warning: spec.owner:", "a.yaml:9:3: warning: spec.system:", "a.yaml:12:7: warning: spec."]
    {
        assert!(said.contains(line), "{line} in {said}");
    }
    assert!(said.ends_with("1 file, 1 documents, nothing wrong, 3 warnings\n"), "{said}");
    let done = Command::new(BINARY).arg("check").arg(folder.path()).args(["-o", "json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((report["problems"].as_array().unwrap().len(), done.status.code()), (0, Some(0)));
    assert!(report["warnings"].as_array().unwrap().iter().all(|one| one["severity"] == "warning"), "{report}");
}

/// A thousand files under a second, in a release build.
#[test]
fn a_thousand_files_take_no_time() {
    let folder = folder();
    for at in 0..1_000 {
        let text = format!(
            "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {{name: c-{at}, description: One of many}}\nspec: {{type: service, lifecycle: production, owner: team-{}}}\n",
            at % 30
        );
        write(folder.path(), &format!("{}/c-{at}.yaml", at % 40), &text);
    }
    let started = Instant::now();
    let (code, said) = check(folder.path());
    let time = started.elapsed();
    println!("check of 1,000 files: {time:?}");
    assert!(said.ends_with("1000 files, 1000 documents, nothing wrong, 1000 warnings\n"), "{code} {said}");
    assert_eq!(code, 0);
    assert!(cfg!(debug_assertions) || time.as_millis() < 1_000, "{time:?}");
}

#[test]
fn nobody_there_is_exit_code_3_and_wrong_use_2() {
    let ask = |args: &[&str]| {
        let home = folder();
        let mut command = Command::new(BINARY);
        command.args(args).env("XDG_CONFIG_HOME", home.path()).env_remove("LOGGIA_TOKEN").env_remove("LOGGIA_URL");
        let done = command.output().unwrap();
        (done.status.code().unwrap(), text(&done.stderr))
    };
    let (code, said) = ask(&["get", "offerings", "--url", "http://127.0.0.1:9"]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("cannot be reached") && said.contains("--url"), "{said}");
    assert_eq!(ask(&["get", "unicorns"]).0, 2);
    assert_eq!(ask(&["who-runs"]).0, 2);
    assert_eq!(ask(&["get", "offerings", "--url", "ftp://x"]).0, 2);
    let (code, said) = ask(&["config", "check", "--public-url", "example.org"]);
    assert_eq!(code, 1, "{said}");
    assert_eq!(ask(&["completion", "bash"]).0, 0);
}

#[test]
fn doctor_names_what_is_wrong() {
    let folder = folder();
    let doctor = |args: &[&str]| {
        let done = Command::new(BINARY).arg("doctor").args(args).output().unwrap();
        (done.status.code().unwrap(), text(&done.stdout))
    };
    let data = folder.path().join("data");
    let (_, said) = doctor(&["--data", data.to_str().unwrap()]);
    assert!(said.contains("note   database"), "{said}");
    assert!(!data.exists(), "looking changes nothing");
    let (code, said) = doctor(&["--data", data.to_str().unwrap(), "--database-url", "postgres://x:y@127.0.0.1:9/z"]);
    assert_eq!(code, 1);
    assert!(said.contains("bad    database"), "{said}");
    let (code, said) = doctor(&["--data", data.to_str().unwrap(), "--repository", "/nowhere/at/all"]);
    assert!(code == 1 && said.contains("/nowhere/at/all"), "{said}");
}

/// A variable that is empty is not set; a key that is missed is not made anew.
#[test]
fn empty_variables_are_not_set_and_a_missed_key_is_not_made_anew() {
    let folder = folder();
    let plan = Plan::new(folder.path(), "data", &Database::Sqlite, &[]);
    let empty = ["LOGGIA_READ_ONLY", "LOGGIA_OPEN_METRICS", "LOGGIA_LISTEN", "LOGGIA_LOG_FORMAT", "LOGGIA_SECRET_KEY"];
    empty.iter().fold(plan.clone(), |plan, name| plan.env(name, "")).ready().stop();
    let key = plan.data.join("secret.key");
    std::fs::remove_file(&key).unwrap();
    let run = |verb: &str| {
        let done =
            Command::new(BINARY).args([verb, "--data"]).arg(&plan.data).args(["--listen", "127.0.0.1:0"]).output();
        let done = done.unwrap();
        assert_eq!(done.status.code(), Some(1), "{verb}");
        text(&done.stdout) + &text(&done.stderr)
    };
    for verb in ["doctor", "serve"] {
        let said = run(verb);
        assert!(said.contains("this database has a secret key, and it is not here"), "{verb}: {said}");
        assert!(!key.exists(), "{verb}");
    }
}

/// A number that lies is told with its place, and what it should be called.
#[test]
fn a_number_that_hides_a_breaking_change_has_a_place() {
    let folder = folder();
    let release = |version: &str, properties: &str| {
        format!(
            "apiVersion: loggia.dev/v1\nkind: Release\nmetadata: {{name: queue-{version}}}\nspec:\n  offering: queue\n  version: {version}\n  \
             recipe: {{driver: replay}}\n  contract:\n    inputs: {{type: object, properties: {properties}}}\n"
        )
    };
    write(
        folder.path(),
        "offering.yaml",
        "apiVersion: loggia.dev/v1\nkind: Offering\nmetadata: {name: queue}\nspec: {product: p, owner: o, category: data, \
         promise: p, for: f, problem: x, plans: [{name: small}]}\n---\napiVersion: loggia.dev/v1\nkind: Product\nmetadata: \
         {name: p}\nspec: {team: o}\n---\napiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: o}\nspec: \
         {type: team, children: []}\n",
    );
    write(folder.path(), "r/1.4.0.yaml", &release("1.4.0", "{size: {type: string}}"));
    write(folder.path(), "r/1.5.0.yaml", &release("1.5.0", "{}"));
    write(folder.path(), "r/2.0.0.yaml", &release("2.0.0", "{size: {type: string}}"));
    let (code, said) = check(folder.path());
    assert_eq!(code, 1);
    assert_eq!(
        said,
        "r/1.5.0.yaml:6:3: spec.version: the number 1.5.0 hides a breaking change since 1.4.0: input size is not there any \
         more (release.number). Call it 2.0.0, or take the change back.\n4 files, 6 documents, 1 problem\n"
    );
}

/// A recipe that no server could run is found at its line; a driver that only a server may have is a note.
#[test]
fn recipes_that_cannot_run_are_told() {
    let check_with = |recipe: &str, backends: &str| {
        let folder = folder();
        let texts = format!(
            "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {{name: core}}\nspec: {{type: team, children: []}}\n---\n\
             apiVersion: loggia.dev/v1\nkind: Product\nmetadata: {{name: yard}}\nspec: {{tagline: A yard, team: core}}\n---\n\
             apiVersion: loggia.dev/v1\nkind: Environment\nmetadata: {{name: dev}}\nspec: {{product: yard, type: test, owner: \
             core, backends: {backends}}}\n---\n\
             apiVersion: loggia.dev/v1\nkind: Offering\nmetadata: {{name: cache}}\nspec: {{product: yard, owner: core, \
             category: data, promise: Fast, for: All, problem: Slow, plans: [{{name: small, default: true}}]}}\n---\n\
             apiVersion: loggia.dev/v1\nkind: Release\nmetadata: {{name: cache-1.0.0}}\nspec:\n  offering: cache\n  version: \
             1.0.0\n  contract: {{inputs: {{type: object}}}}\n  recipe: {recipe}\n"
        );
        write(folder.path(), "all.yaml", &texts);
        check(folder.path())
    };
    for (recipe, backends, code, told) in [
        ("{driver: command, program: hello}", "{}", 0, "nothing wrong"),
        ("{driver: command, settings: {program: hello}}", "{}", 1, "spec.recipe"),
        ("{driver: command}", "{}", 1, "program"),
        ("{driver: command}", "{c: {driver: command, config: {program: hello}}}", 0, "nothing wrong"),
        ("{driver: command, program: hello, timeout: soon}", "{}", 1, "spec.recipe.timeout"),
        ("{driver: command, program: ../sh}", "{}", 1, "spec.recipe.program"),
        ("{driver: git, scaffolder: maybe}", "{}", 1, "spec.recipe.scaffolder"),
        ("{driver: git, on_destroy: keep}", "{}", 1, "spec.recipe.on_destroy"),
        ("{driver: postgres, backup: 3}", "{}", 1, "spec.recipe.backup"),
        ("{driver: unheard-of}", "{}", 0, "No driver of this program is called unheard-of"),
    ] {
        let (found, said) = check_with(recipe, backends);
        assert_eq!(found, code, "{recipe}: {said}");
        assert!(said.contains(told) && (code == 0 || said.contains("all.yaml:2")), "{recipe}: {said}");
    }
}
