//! Golden paths and templates.

use crate::{Lines, request};
use loggia_app::instance::driver::{Driver, Presence, RecipeFile, Request, Whose};
use loggia_drivers::git::GitDriver;
use serde_json::json;
use std::path::Path;
use std::process::Command;

pub fn file(path: &str, text: &str) -> RecipeFile {
    RecipeFile { path: path.to_owned(), bytes: text.as_bytes().to_vec(), executable: path.ends_with(".sh") }
}

/// A request for a repository from a golden path.
pub fn golden(name: &str) -> Request {
    let mut request = request(name, json!({ "driver": "git", "template": "path", "raw": ["*.raw"] }));
    request.inputs = crate::object(json!({ "language": "go", "docs": false }));
    request.files = vec![
        file("path/README.md", "# {{ name }} of {{ team }}\n"),
        file("path/src/{{ inputs.language }}/main.txt", "{{ clone_url }}\n"),
        file("path/{% if inputs.docs %}docs.md{% endif %}", "documentation"),
        file("path/kept.raw", "{{ not touched }}"),
        file("path/run.sh", "#!/bin/sh\n"),
        file("other/file", "not part of the template"),
        RecipeFile {
            path: "path/logo.png".to_owned(),
            bytes: vec![0x89, b'P', 0xff, 0, b'{', b'{'],
            executable: false,
        },
    ];
    request
}

pub fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git").args(args).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

#[tokio::test]
async fn golden_path_becomes_the_first_commit() {
    let root = tempfile::tempdir().unwrap();
    let (driver, log) = (GitDriver::new(root.path()), Lines::default());
    let seen = driver.apply(&golden("quotes"), &log).await.unwrap();
    assert_eq!(seen.presence, Presence::Present);
    assert_eq!(seen.version, "1.0.0");
    assert_eq!(seen.outputs["clone_url"], "http://loggia.example/git/booking/quotes.git");
    assert_eq!(seen.outputs["default_branch"], "main");
    let repository = root.path().join("booking/quotes.git");
    let tree = git(&repository, &["ls-tree", "-r", "--format=%(objectmode) %(path)", "main"]);
    let wanted = ["100644 README.md", "100644 kept.raw", "100644 logo.png", "100755 run.sh", "100644 src/go/main.txt"];
    assert_eq!(tree.lines().collect::<Vec<_>>(), wanted);
    assert_eq!(git(&repository, &["show", "main:README.md"]), "# quotes of booking");
    assert_eq!(git(&repository, &["show", "main:kept.raw"]), "{{ not touched }}");
    assert_eq!(git(&repository, &["log", "--format=%an %ae"]), "amara amara@loggia.example");
    git(&repository, &["fsck", "--strict"]);
}

/// The team is an owner as Backstage writes it, whatever folder its repositories are in.
#[tokio::test]
async fn a_team_outside_the_own_organisation_owns_what_it_gets() {
    let root = tempfile::tempdir().unwrap();
    let (driver, log) = (GitDriver::new(root.path()), Lines::default());
    let files = vec![file("path/catalog-info.yaml", "owner: {{ team }}\nin: {{ namespace }}\n")];
    let request = Request { team: "eu/team-a".into(), namespace: "eu-team-a-1".into(), files, ..golden("quotes") };
    let seen = driver.apply(&request, &log).await.unwrap();
    assert_eq!(seen.outputs["clone_url"], "http://loggia.example/git/eu-team-a-1/quotes.git");
    let repository = root.path().join("eu-team-a-1/quotes.git");
    assert_eq!(git(&repository, &["show", "main:catalog-info.yaml"]), "owner: eu/team-a\nin: eu-team-a-1");
}

#[tokio::test]
async fn a_name_belongs_to_whoever_has_it() {
    let root = tempfile::tempdir().unwrap();
    let (driver, log) = (GitDriver::new(root.path()), Lines::default());
    driver.apply(&golden("quotes"), &log).await.unwrap();
    let other = Request { key: "another".to_owned(), ..golden("quotes") };
    let failure = driver.apply(&other, &log).await.unwrap_err();
    assert_eq!(failure.whose, Whose::Yours);
    assert!(failure.message.contains("already has a repository"), "{failure}");
    assert_eq!(driver.observe(&other, &log).await.unwrap().presence, Presence::Absent);
    driver.destroy(&other, &log).await.unwrap();
    assert_eq!(driver.observe(&golden("quotes"), &log).await.unwrap().presence, Presence::Present);
}

#[tokio::test]
async fn what_is_taken_away_can_come_back() {
    let root = tempfile::tempdir().unwrap();
    let (driver, log) = (GitDriver::new(root.path()), Lines::default());
    driver.apply(&golden("quotes"), &log).await.unwrap();
    driver.destroy(&golden("quotes"), &log).await.unwrap();
    let trash: Vec<_> = std::fs::read_dir(root.path().join(".trash")).unwrap().flatten().map(|e| e.path()).collect();
    let bundle = trash.iter().find(|path| path.extension().is_some_and(|e| e == "bundle")).unwrap();
    let target = root.path().join("again");
    git(root.path(), &["clone", "-q", &bundle.to_string_lossy(), &target.to_string_lossy()]);
    assert!(target.join("README.md").is_file());
}

#[tokio::test]
async fn bad_templates_are_clear_errors() {
    let root = tempfile::tempdir().unwrap();
    let (driver, log) = (GitDriver::new(root.path()), Lines::default());
    let endless = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}";
    let large = "{% set x = 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' %}\
                 {% for a in range(99999) %}{{ x }}{{ x }}{{ x }}{{ x }}{% endfor %}";
    for (path, text, words) in [
        ("t/a", endless, "out of fuel"),
        ("t/a", large, "larger than"),
        ("t/a", "one\n{{ inputs.nothing.deep }}", "a line 2"),
        ("t/a", "{% if %}", "cannot be rendered"),
        ("t/{{ '..' }}/a", "x", "not a path within a repository"),
        ("t/.git/config", "x", "not a path within a repository"),
        ("x/a", "x", "no files in its template folder"),
    ] {
        let mut request = request("quotes", json!({ "driver": "git", "template": "t" }));
        request.files = vec![file(path, text)];
        let failure = driver.apply(&request, &log).await.unwrap_err();
        assert!(failure.message.contains(words) && !failure.retry, "{path}: {failure}");
        assert_eq!(driver.observe(&request, &log).await.unwrap().presence, Presence::Absent);
    }
    for name in ["../x", "a/b", "A", ".x", "x.git", "x..y", ""] {
        let mut request = golden("quotes");
        request.name = name.to_owned();
        assert_eq!(driver.apply(&request, &log).await.unwrap_err().whose, Whose::Yours, "{name}");
    }
}

const TEMPLATE: &str = r"
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: { name: service }
spec:
  parameters:
    - properties:
        port: { type: number, default: 8080 }
        component_id: { type: string }
  steps:
    - id: fetch
      name: Fetch
      action: fetch:template
      input:
        url: ./skeleton
        copyWithoutTemplating: ['.github/**']
        values:
          component_id: ${{ parameters.component_id }}
          owner: ${{ (parameters.repoUrl | parseRepoUrl).owner }}
          port: ${{ parameters.port }}
    - id: docs
      name: Docs
      if: ${{ parameters.component_id === 'other' || parameters.docs }}
      action: fetch:plain
      input: { url: ./docs, targetPath: docs }
    - id: publish
      name: Publish
      action: publish:github
      input: { repoUrl: '${{ parameters.repoUrl }}' }
    - id: register
      name: Register
      action: catalog:register
      input: { repoContentsUrl: '${{ steps.publish.output.repoContentsUrl }}', catalogInfoPath: /catalog-info.yaml }
    - id: log
      name: Log
      action: debug:log
      input: { message: 'made ${{ steps.register.output.entityRef }} for ${{ user.entity.metadata.name }}' }
";

fn scaffolded(template: &str) -> Request {
    let mut request = request("quotes", json!({ "driver": "git", "scaffolder": true }));
    request.inputs = crate::object(json!({ "component_id": "quotes-api" }));
    request.files = vec![
        file("template.yaml", template),
        file(
            "skeleton/catalog-info.yaml",
            "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: ${{ values.component_id | dump }}\n\
             spec:\n  owner: ${{ values.owner }}\n  port: ${{ values.port + 1 }}\n",
        ),
        file("skeleton/.github/ci.yaml", "run: ${{ github.sha }}\n"),
        file("skeleton/${{ values.component_id }}/main.txt", "{% if values.port === 8080 %}default{% endif %}\n"),
        file("docs/index.md", "# Docs\n"),
    ];
    request
}

#[tokio::test]
async fn backstage_templates_run() {
    let root = tempfile::tempdir().unwrap();
    let (driver, log) = (GitDriver::new(root.path()), Lines::default());
    let seen = driver.apply(&scaffolded(TEMPLATE), &log).await.unwrap();
    assert_eq!(seen.outputs["catalog_info_path"], "catalog-info.yaml");
    let repository = root.path().join("booking/quotes.git");
    let tree = git(&repository, &["ls-tree", "-r", "--name-only", "main"]);
    let wanted = [".github/ci.yaml", "README.md", "catalog-info.yaml", "quotes-api/main.txt"];
    assert_eq!(tree.lines().collect::<Vec<_>>(), wanted);
    let info = git(&repository, &["show", "main:catalog-info.yaml"]);
    assert!(
        info.contains("name: \"quotes-api\"") && info.contains("owner: booking") && info.contains("port: 8081"),
        "{info}"
    );
    assert_eq!(git(&repository, &["show", "main:.github/ci.yaml"]), "run: ${{ github.sha }}");
    assert_eq!(git(&repository, &["show", "main:quotes-api/main.txt"]), "default");
    let lines = log.text();
    assert!(lines.contains("Docs: left out"), "{lines}");
    assert!(lines.contains("made component:default/quotes-api for amara"), "{lines}");
}

#[tokio::test]
async fn templates_that_cannot_run_say_why() {
    let root = tempfile::tempdir().unwrap();
    let (driver, log) = (GitDriver::new(root.path()), Lines::default());
    for (from, to, words) in [
        ("debug:log", "argocd:create", "argocd:create"),
        ("url: ./skeleton", "url: https://example.com/x", "fetch nothing from elsewhere"),
        ("url: ./skeleton", "url: ../skeleton", "leaves the files"),
        ("url: ./skeleton", "url: ./nothing", "no files at"),
        ("/v1beta3", "/v1beta2", "not of version"),
        ("kind: Template", "kind: [", "template.yaml"),
    ] {
        let failure = driver.apply(&scaffolded(&TEMPLATE.replace(from, to)), &log).await.unwrap_err();
        assert_eq!(failure.whose, Whose::Ours);
        assert!(failure.message.contains(words), "{to}: {failure}");
    }
}
