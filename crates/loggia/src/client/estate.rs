//! Who runs what, and reporting it.

use super::args::How;
use super::http::{Access, Api, Part, part};
use super::order::{instance, instance_path};
use super::output::{Output, Table, day, items, minute, print, text};
use crate::exit::{USAGE, failure, told};
use anyhow::{Context, Result};
use clap::Args;
use loggia_app::estate::usage::MOST;
use loggia_model::naming::shared;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

/// Arguments of `loggia who-runs`.
#[derive(Args, Debug)]
pub struct WhoRunsArgs {
    /// Name of the offering.
    #[arg(value_name = "OFFERING")]
    offering: String,
    /// Only versions below this one: of what runs, such as 15, or of the releases, such as 2.2.0.
    #[arg(long, value_name = "VERSION")]
    below: Option<String>,
    /// Only what runs of a release below this one, such as 2.2.0.
    #[arg(long, value_name = "VERSION")]
    release_below: Option<String>,
    /// Only versions in this range, such as ~2.1.
    #[arg(long, value_name = "RANGE")]
    version: Option<String>,
    /// Only this environment.
    #[arg(long, visible_alias = "env", value_name = "ENVIRONMENT")]
    environment: Option<String>,
    /// Only this team.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Only this step: observed, enrolled or managed.
    #[arg(long, value_name = "STEP", value_parser = ["observed", "enrolled", "managed"])]
    step: Option<String>,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia who-runs`
///
/// # Errors
/// With the words of the server.
pub async fn who_runs(args: WhoRunsArgs) -> Result<()> {
    let api = args.access.api()?;
    let asked = [
        ("below", &args.below),
        ("releaseBelow", &args.release_below),
        ("version", &args.version),
        ("environment", &args.environment),
        ("team", &args.team),
        ("step", &args.step),
    ];
    let query: Vec<(&str, String)> =
        asked.iter().filter_map(|(name, value)| Some((*name, (*value).clone()?))).collect();
    let answer = api.get(&format!("/api/v1/who-runs/{}", part(shared("offering", &args.offering))), &query).await?;
    let mut table = Table::new(&[
        "TEAM",
        "NAME",
        "ENVIRONMENT",
        "VERSION",
        "SINCE",
        "LAST SEEN",
        "CONTACT",
        "STEP",
        "KNOWN BY",
        "STATE",
    ]);
    for row in items(&answer) {
        let team = text(row, "/team");
        let contact = text(row, "/contact");
        let version = Some(text(row, "/version")).filter(|version| !version.is_empty());
        let ends = Some(text(row, "/ending")).filter(|word| !word.is_empty());
        let phase = ends.map_or_else(|| text(row, "/phase"), |word| format!("{}, {word}", text(row, "/phase")));
        let drifted = row["drifted"] == true;
        let phase = if drifted { format!("{phase}, drifted") } else { phase };
        let withdrawn = if text(row, "/withdrawn").is_empty() { "" } else { " (withdrawn)" };
        let mut cells = vec![
            team.rsplit('/').next().unwrap_or(&team).to_owned(),
            text(row, "/name"),
            text(row, "/environment"),
            version.unwrap_or_else(|| "unknown".to_owned()) + withdrawn,
        ];
        cells.extend([day(row, "/since"), day(row, "/lastSeen"), contact.replace("user:default/", "")]);
        cells.extend([text(row, "/step"), text(row, "/knownBy"), phase]);
        table.rows.push(cells);
    }
    let names: Vec<String> = items(&answer).map(|row| text(row, "/instance")).collect();
    if args.output == Output::Table {
        let count = table.rows.len();
        return print(&format!("{}\n{count} running\n", table.text()));
    }
    args.output.print(&answer, &names, &table)
}

/// Arguments of `loggia observe`.
#[derive(Args, Debug)]
pub struct ObserveArgs {
    /// What runs, as your pipeline calls it.
    #[arg(long, value_name = "NAME")]
    offering: String,
    /// Its version.
    #[arg(long, value_name = "VERSION", default_value = "")]
    version: String,
    /// Where it runs.
    #[arg(long, visible_alias = "env", value_name = "ENVIRONMENT")]
    environment: String,
    /// Whose it is.
    #[arg(long, value_name = "TEAM")]
    team: String,
    /// Its name within team and environment; the name of the offering when not given.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What else is known, such as image=…; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    attribute: Vec<String>,
    /// Who saw it.
    #[arg(long, value_name = "WORD", default_value = "pipeline")]
    how: String,
    /// It was taken away.
    #[arg(long)]
    removed: bool,
    /// Ends with 1 also when it is not known what this is, or something it names; a clash of names always does.
    #[arg(long)]
    strict: bool,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia observe`
///
/// # Errors
/// With the words of the server.
pub async fn observe(args: ObserveArgs) -> Result<()> {
    let mut attributes = Map::new();
    for one in &args.attribute {
        let wrong = || failure(USAGE, format!("{one:?} is no attribute. Write it as --attribute key=value."));
        let (key, value) = one.split_once('=').ok_or_else(wrong)?;
        attributes.insert(key.to_owned(), json!(value));
    }
    let mut report = json!({"offering": args.offering, "version": args.version, "environment": args.environment,
        "team": args.team, "attributes": attributes, "how": args.how, "removed": args.removed});
    if let Some(name) = &args.name {
        report["name"] = json!(name);
    }
    let answer = args.access.api()?.post("/api/v1/observe", &report).await?;
    let one = answer.pointer("/results/0").cloned().unwrap_or_default();
    let why = text(&one, "/why");
    let (instance, result) = (text(&one, "/instance"), text(&one, "/result"));
    let names: Vec<String> = Some(instance.clone()).filter(|name| !name.is_empty()).into_iter().collect();
    let name = if instance.is_empty() { args.offering.clone() } else { instance };
    let warnings = one.get("warnings").and_then(Value::as_array).cloned().unwrap_or_default();
    let warnings: String = warnings.iter().filter_map(Value::as_str).map(|line| format!("{line}\n")).collect();
    let line = format!("{}\n{warnings}", format!("{name} {result} {why}").trim_end());
    args.output.tell(&answer, &names, &line)?;
    // A pipeline that reports nothing has to know.
    let lost =
        result == "clash" || args.strict && (!warnings.is_empty() || result == "unmatched" || result == "unknown");
    if lost { Err(told()) } else { Ok(()) }
}

/// Arguments of `loggia enrol`.
#[derive(Args, Debug)]
pub struct EnrolArgs {
    /// The instance, such as booking/archive.production.
    #[arg(value_name = "INSTANCE")]
    what: String,
    /// Takes the confirmation back.
    #[arg(long)]
    withdraw: bool,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia enrol`
///
/// # Errors
/// With the words of the server.
pub async fn enrol(args: EnrolArgs) -> Result<()> {
    let api = args.access.api()?;
    let verb = if args.withdraw { "withdraw" } else { "enrol" };
    let path = format!("{}:{verb}", instance_path(&instance(&args.what)?));
    let answer = api.json(api.request(Method::POST, &path)).await?;
    let instance = text(&answer, "/instance");
    let line = format!("{instance} is {}\n", text(&answer, "/step"));
    args.output.tell(&answer, &[instance], &line)
}

/// Arguments of `loggia usage`.
#[derive(Args, Debug)]
pub struct UsageArgs {
    /// File with one reading a line, as JSON; - reads standard input.
    #[arg(long, short, value_name = "FILE")]
    file: PathBuf,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia usage`
///
/// # Errors
/// With the words of the server.
pub async fn usage(args: UsageArgs) -> Result<()> {
    let mut text_of = String::new();
    if args.file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text_of)?;
    } else {
        let read = std::fs::read_to_string(&args.file);
        text_of = read.with_context(|| format!("cannot read {}", args.file.display()))?;
    }
    let api = args.access.api()?;
    // Empty lines are sent too, so that the server counts lines as the file does.
    let lines: Vec<&str> = text_of.lines().collect();
    let (mut received, mut new) = (0, 0);
    let mut unknown: BTreeMap<(String, String), u64> = BTreeMap::new();
    for (at, some) in lines.chunks(MOST).enumerate() {
        let part = Part { file: args.file.display().to_string(), before: (at * MOST) as u64 };
        let request = api.request(Method::POST, "/api/v1/usage").header("content-type", "application/x-ndjson");
        let answer = api.json_of(request.body(some.join("\n")), &part).await?;
        received += answer["received"].as_u64().unwrap_or_default();
        new += answer["new"].as_u64().unwrap_or_default();
        for one in answer["unknown"].as_array().into_iter().flatten() {
            let count = unknown.entry((text(one, "/field"), text(one, "/name"))).or_default();
            *count += one["readings"].as_u64().unwrap_or_default();
        }
    }
    let line = |((field, name), count): (&(String, String), &u64)| {
        format!("There is no {field} {name}: {count} readings are kept, and shown when it is there.\n")
    };
    let told: String = unknown.iter().map(line).collect();
    let one =
        |((field, name), count): (&(String, String), &u64)| json!({"field": field, "name": name, "readings": count});
    let names: Vec<Value> = unknown.iter().map(one).collect();
    let line = format!("{received} readings, {new} of them new\n{told}");
    args.output.tell(&json!({"received": received, "new": new, "unknown": names}), &[], &line)
}

/// Arguments of `loggia unmatched`.
#[derive(Args, Debug)]
pub struct UnmatchedArgs {
    /// Puts one aside, by its name in `-o name`: it is not listed any more; may be given several times.
    #[arg(long, value_name = "NAME")]
    dismiss: Vec<String>,
    #[command(flatten)]
    list: How,
}

/// `loggia unmatched`
///
/// # Errors
/// With the words of the server.
pub async fn unmatched(args: UnmatchedArgs) -> Result<()> {
    let UnmatchedArgs { dismiss, list: args } = args;
    let api = args.access.api()?;
    if !dismiss.is_empty() {
        let answer = api.post("/api/v1/unmatched:dismiss", &json!({"keys": dismiss})).await?;
        return args.output.tell(&answer, &dismiss, &format!("{} put aside\n", answer["dismissed"]));
    }
    let answer = api.get("/api/v1/unmatched", &[]).await?;
    let mut table = Table::new(&["REPORTED AS", "VERSION", "TEAM", "ENVIRONMENT", "LAST SEEN", "WHY"]);
    for one in items(&answer) {
        let reported = |name: &str| text(one, &format!("/reported/{name}"));
        let last = day(one, "/lastSeen");
        let cells = [reported("offering"), reported("version"), reported("team"), reported("environment"), last];
        table.rows.push(cells.into_iter().chain([text(one, "/why")]).collect());
    }
    let names: Vec<String> = items(&answer).map(|one| text(one, "/key")).collect();
    args.output.print(&answer, &names, &table)
}

/// Arguments of `loggia sources`.
#[derive(Args, Debug)]
pub struct SourcesArgs {
    /// Drop this source, which the server does not read any more, with what came from it.
    #[arg(long, value_name = "SOURCE")]
    drop: Option<String>,
    /// Do the removals that this source holds back.
    #[arg(long, value_name = "SOURCE", conflicts_with = "drop")]
    confirm: Option<String>,
    #[command(flatten)]
    list: How,
}

/// Says yes to the removals of a source, at the commit at which they were found.
async fn confirm_removals(api: &Api, sources: &Value, location: String, output: Output) -> Result<()> {
    let source = items(sources).find(|one| text(one, "/location") == location);
    let missing = || failure(USAGE, format!("There is no source {location}. See them: loggia sources"));
    let commit = text(source.ok_or_else(missing)?, "/commit");
    let body = json!({"location": location, "commit": commit});
    let answer = api.post("/api/v1/sources:confirm", &body).await?;
    let line = format!("{} removed\n", text(&answer, "/report/removed"));
    output.tell(&answer, &[location], &line)
}

/// `loggia sources`
///
/// # Errors
/// With the words of the server; when a source has a problem, after all were listed.
pub async fn sources(args: SourcesArgs) -> Result<()> {
    let SourcesArgs { drop, confirm, list: args } = args;
    if let Some(location) = drop {
        let answer = args.access.api()?.post("/api/v1/sources:drop", &json!({"location": location})).await?;
        let kept = answer.pointer("/report/kept").and_then(Value::as_array).map_or(0, Vec::len);
        let removed = text(&answer, "/report/removed");
        let line = format!("{removed} removed, {kept} kept because something runs on them\n");
        return args.output.tell(&answer, &[location], &line);
    }
    let api = args.access.api()?;
    let answer = api.get("/api/v1/sources", &[]).await?;
    if let Some(location) = confirm {
        return confirm_removals(&api, &answer, location, args.output).await;
    }
    let mut table = Table::new(&["SOURCE", "KIND", "DOCUMENTS", "LOOKED AT", "CHANGED", "STATE"]);
    let mut problems = String::new();
    for one in items(&answer) {
        let found = one.pointer("/report/problems").and_then(Value::as_array).cloned().unwrap_or_default();
        let held = one.pointer("/report/held").and_then(Value::as_array).map_or(0, Vec::len);
        let state = match (text(one, "/failure"), found.len(), held) {
            (failure, _, _) if !failure.is_empty() => failure,
            _ if one.get("followed") == Some(&Value::Bool(false)) => "not read any more".to_owned(),
            (_, 0, 0) => "in step".to_owned(),
            (_, 0, held) => format!("{held} removals wait for a yes"),
            (_, count, _) => format!("{count} problems"),
        };
        let (looked, changed) = (minute(one, "/lookedAt"), minute(one, "/lastOk"));
        let cells = [text(one, "/location"), text(one, "/kind"), text(one, "/documents"), looked, changed, state];
        table.rows.push(cells.to_vec());
        for name in one.pointer("/report/held").and_then(Value::as_array).into_iter().flatten() {
            problems.push_str(&format!("removal waits: {}\n", text(name, "")));
        }
        let warnings = one.pointer("/report/warnings").and_then(Value::as_array).cloned().unwrap_or_default();
        for problem in found.into_iter().chain(warnings) {
            if let Ok(problem) = serde_json::from_value::<loggia_model::Problem>(problem) {
                problems.push_str(&format!("{problem}\n"));
            }
        }
    }
    let names: Vec<String> = table.rows.iter().map(|row| row[0].clone()).collect();
    args.output.print(&answer, &names, &table)?;
    if args.output == Output::Table && !problems.is_empty() {
        print(&format!("\n{problems}"))?;
    }
    let good = table.rows.iter().all(|row| row.last().is_some_and(|state| state == "in step"));
    if good { Ok(()) } else { Err(told()) }
}
