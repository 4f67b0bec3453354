//! `cargo xtask conformance`: the release binary against what a real Backstage answered, with the tools of the shared
//! folder. Each tool gets a server of its own.

use crate::postgres::{self, Cluster};
use crate::report::{Outcome, Report, option};
use crate::server::{self, Plan, Server};
use crate::{install, process, relations};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const READY: Duration = Duration::from_secs(60);
const NO_SHARED: &str = "no shared data: set LOGGIA_SHARED to its folder";

/// The checks that look at answers: no fault of the server, and what the document says.
const ANSWERS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                       response_headers_conformance,response_schema_conformance";

struct Setting {
    binary: PathBuf,
    shared: PathBuf,
    /// A repository folder with the one file over which the answers were recorded.
    fixture: PathBuf,
    scratch: PathBuf,
}

/// The check that needs no shared data.
const REPLICAS: &str = "replicas";

type Check = fn(&Setting) -> Result<Outcome>;

const CHECKS: &[(&str, &str, &str, Check)] = &[
    ("client", "35 of 35 methods", "35", client),
    ("replay", "all but what docs/backstage.md argues", "680 of 680", replay),
    ("verdicts", "all but what docs/backstage.md argues", "–", verdicts),
    ("relations", "all but what docs/backstage.md argues", "–", compare_relations),
    ("schemathesis", "no failure in our document, all checks", "–", own_document),
    ("schemathesis-catalog", "no failure in our document of the catalog", "–", catalog_document),
    (
        "schemathesis-backstage",
        "no failure in the Backstage document, entities with `fields` as docs/backstage.md says",
        "14 failures",
        backstage_document,
    ),
];

/// Runs all checks, or the one that `--only` names. True when every bar is met.
pub fn run(arguments: &[String]) -> Result<bool> {
    let only = option(arguments, "--only");
    let mut report = Report::default();
    if only.is_none_or(|only| only == REPLICAS) {
        report.check(REPLICAS, "outcomes as if nobody had died", "–", replicas);
    }
    let chosen = CHECKS.iter().filter(|(name, ..)| only.is_none_or(|only| only == *name));
    let Some(shared) = process::shared() else {
        chosen.for_each(|(name, bar, peer, _)| report.add(name, bar, peer, Outcome::Skipped(NO_SHARED.into())));
        return Ok(report.is_good());
    };
    let scratch = process::scratch("conformance")?;
    let fixture = scratch.path().join("fixture");
    std::fs::create_dir_all(&fixture)?;
    std::fs::copy(shared.join("data/golden/fixture.yaml"), fixture.join("fixture.yaml"))?;
    let setting = Setting { binary: server::release(arguments)?, shared, fixture, scratch: scratch.path().into() };
    for (name, bar, peer, check) in chosen {
        report.check(name, bar, peer, || check(&setting));
    }
    report.end("Conformance", arguments)?;
    println!("What the tools printed is in {}.", process::target().join("xtask").display());
    Ok(report.is_good())
}

/// Three servers on one PostgreSQL, one of them killed again and again for a minute.
fn replicas() -> Result<Outcome> {
    if let Err(why) = install::program(install::Program::Postgres) {
        return Ok(Outcome::Skipped(why.to_string()));
    }
    let cluster = Cluster::start()?;
    let mut command = process::cargo();
    command.args(["test", "--workspace", "--test", "it", "three_servers_outlive_each_other", "--", "--nocapture"]);
    command.env(postgres::URL, cluster.url()).env("LOGGIA_REPLICAS_SECONDS", "60");
    let (text, good) = process::output(&mut command)?;
    keep(REPLICAS, &text)?;
    let sum = text.lines().find(|line| line.contains(" ordered, ")).unwrap_or("no result");
    Ok(Outcome::Figure(sum.to_owned(), good))
}

impl Setting {
    fn tool(&self, name: &str) -> PathBuf {
        self.shared.join("tools").join(name)
    }

    /// A fresh server over a repository folder, and its token.
    fn serve(&self, name: &str, repository: &Path) -> Result<(Server, String)> {
        let plan = Plan::new(&self.binary, "serve")?.repository(repository);
        let server = plan.ready(&self.scratch.join(name), READY)?;
        Ok((server, plan.token().into()))
    }
}

/// Keeps what a tool printed, for reading.
fn keep(name: &str, text: &str) -> Result<()> {
    Ok(std::fs::write(process::target().join("xtask").join(format!("{name}.txt")), text)?)
}

fn argued() -> String {
    std::fs::read_to_string(process::root().join("docs/backstage.md")).unwrap_or_default()
}

/// The figure of a tool that prints a line `differs WHAT …` for each difference and a last line with the sum.
fn with_exceptions(name: &str, text: &str, what: fn(&str) -> Option<&str>) -> Result<Outcome> {
    let argued = argued();
    let differing: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("differs ")).collect();
    let open = differing.iter().filter(|line| !what(line).is_some_and(|what| argued.contains(what))).count();
    let sum = text.lines().rev().find(|line| line.ends_with("agree")).context("the tool did not come to its end")?;
    keep(name, text)?;
    let exceptions = differing.len() - open;
    Ok(Outcome::Figure(format!("{sum}, {exceptions} argued, {open} open"), open == 0))
}

fn client(setting: &Setting) -> Result<Outcome> {
    let clients = match install::npm() {
        Ok(dir) => dir,
        Err(why) => return Ok(Outcome::Skipped(why.to_string())),
    };
    let (server, token) = setting.serve("client", &setting.fixture)?;
    let mut tool = Command::new("node");
    tool.arg(setting.tool("catalog_client_suite.mjs")).args([&server.base(), &token]).env("CLIENTS", &clients);
    let (text, _) = process::output(&mut tool)?;
    keep("client", &text)?;
    let sum = text.lines().rev().find(|line| line.contains(" passed, ")).unwrap_or("no result");
    Ok(Outcome::Figure(sum.into(), sum == "35 passed, 0 failed"))
}

fn replay(setting: &Setting) -> Result<Outcome> {
    let (server, token) = setting.serve("replay", &setting.fixture)?;
    let mut tool = Command::new("python3");
    tool.arg(setting.tool("replay_http.py")).args([&server.base(), &token]);
    let (text, _) = process::output(&mut tool)?;
    with_exceptions("replay", &text, |line| line.split_whitespace().next())
}

fn verdicts(setting: &Setting) -> Result<Outcome> {
    let python = match install::python() {
        Ok(bin) => bin.join("python"),
        Err(why) => return Ok(Outcome::Skipped(why.to_string())),
    };
    let (server, token) = setting.serve("verdicts", &setting.fixture)?;
    let mut tool = Command::new(python);
    tool.arg(setting.tool("validate_corpus.py")).arg(server.base()).arg(setting.scratch.join("verdicts.jsonl"));
    tool.arg(token).arg("--compare").arg(setting.shared.join("data/golden/validate-entity.jsonl"));
    let (text, _) = process::output(&mut tool)?;
    with_exceptions("verdicts", &text, |line| line.split('\'').nth(1))
}

fn compare_relations(setting: &Setting) -> Result<Outcome> {
    let wanted = relations::recorded(&std::fs::read_to_string(setting.shared.join("data/golden/relations.json"))?)?;
    let (server, _) = setting.serve("relations", &setting.shared.join("data/catalog"))?;
    let fields = "/api/catalog/entities?fields=kind,metadata.name,metadata.namespace,relations";
    let got = relations::answered(&server.connect()?.get(fields)?.json()?)?;
    let found = relations::differences(&wanted, &got);
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    keep("relations", &told.join("\n"))?;
    let argued = argued();
    let open = found.iter().filter(|one| !one.is_argued(&argued)).count();
    let (equal, exceptions) = (wanted.len() - found.len(), found.len() - open);
    let sum = format!("{equal} of {} equal, {exceptions} argued, {open} open", wanted.len());
    Ok(Outcome::Figure(sum, open == 0))
}

fn own_document(setting: &Setting) -> Result<Outcome> {
    let (server, token) = setting.serve("schemathesis", &setting.fixture)?;
    let document = format!("{}/api/v1/openapi.json", server.base());
    schemathesis("schemathesis", &token, &["--checks", "all", &document])
}

fn catalog_document(setting: &Setting) -> Result<Outcome> {
    let (server, token) = setting.serve("schemathesis-catalog", &setting.fixture)?;
    let document = format!("{}/api/catalog/openapi.json", server.base());
    // Not all checks: the door has the habits of the peer, such as 404 for a method that is not there.
    schemathesis("schemathesis-catalog", &token, &["--checks", ANSWERS, &document])
}

fn backstage_document(setting: &Setting) -> Result<Outcome> {
    let (server, token) = setting.serve("schemathesis-backstage", &setting.fixture)?;
    let text = std::fs::read_to_string(setting.shared.join("data/golden/backstage-catalog-4.0.0-openapi.json"))?;
    let mut document: serde_json::Value = serde_json::from_str(&text)?;
    // With `fields`, which the document itself gives an example of, an entity has the parts that were asked for and no
    // others. The document demands all of every entity, and the peer breaks it too: docs/backstage.md.
    if let Some(entity) = document.pointer_mut("/components/schemas/Entity").and_then(|one| one.as_object_mut()) {
        entity.remove("required");
    }
    let file = setting.scratch.join("backstage-openapi.json");
    std::fs::write(&file, document.to_string())?;
    let document = file.display().to_string();
    // The paths of the document begin with the mount.
    let base = server.base();
    schemathesis("schemathesis-backstage", &token, &["--checks", ANSWERS, "--url", &base, &document])
}

fn schemathesis(name: &str, token: &str, arguments: &[&str]) -> Result<Outcome> {
    let bin = match install::python() {
        Ok(bin) => bin,
        Err(why) => return Ok(Outcome::Skipped(why.to_string())),
    };
    let folder = process::target().join("xtask");
    let mut tool = Command::new("timeout");
    tool.arg("900").arg(bin.join("schemathesis")).current_dir(folder).args(["run", "--max-examples", "25"]);
    tool.args(["--seed", "1", "--header", &format!("Authorization: Bearer {token}")]).args(arguments);
    let (text, good) = process::output(&mut tool)?;
    keep(name, &text)?;
    let sum = text.lines().find(|line| line.contains(" generated, ")).unwrap_or("no result");
    Ok(Outcome::Figure(format!("requests: {}", sum.trim()), good))
}
