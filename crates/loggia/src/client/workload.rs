//! Workloads: deploying them, on to the next environment, back, and what differs.

use super::follow::follow;
use super::http::{Access, Api};
use super::output::{Output, Table, print, text};
use crate::exit::{USAGE, failure};
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Arguments of `loggia deploy`.
#[derive(Args, Debug)]
pub struct DeployArgs {
    /// The Score file.
    #[arg(long, short, value_name = "FILE", default_value = "score.yaml")]
    file: PathBuf,
    /// Environment.
    #[arg(long, visible_alias = "environment", value_name = "ENVIRONMENT")]
    env: String,
    /// Team; the one that the file names, else your only one.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Image, in place of what the file says.
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Takes away what the file names no more, with the data in it.
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    how: How,
}

/// What all of them take.
#[derive(Args, Debug)]
struct How {
    /// Waits until it is ready, and shows each step.
    #[arg(long)]
    wait: bool,
    /// Tells what would happen; nothing is done.
    #[arg(long)]
    dry_run: bool,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `loggia promote`.
#[derive(Args, Debug)]
pub struct PromoteArgs {
    /// Name of the workload.
    #[arg(value_name = "NAME")]
    what: String,
    /// The environment that it comes from.
    #[arg(long, value_name = "ENVIRONMENT")]
    from: String,
    /// The environment that it goes to; the next one when not given.
    #[arg(long, value_name = "ENVIRONMENT")]
    to: Option<String>,
    /// Team; the one of the workload when only one has that name.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Takes away what it does not need any more there, with the data in it.
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    how: How,
}

/// Arguments of `loggia rollback`.
#[derive(Args, Debug)]
pub struct RollbackArgs {
    /// Name of the workload.
    #[arg(value_name = "NAME")]
    what: String,
    /// The environment.
    #[arg(long, visible_alias = "environment", value_name = "ENVIRONMENT")]
    env: String,
    /// The number of a deployment; the one before this when not given.
    #[arg(long, value_name = "NUMBER")]
    to: Option<u64>,
    /// Team; the one of the workload when only one has that name.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    #[command(flatten)]
    how: How,
}

/// Arguments of `loggia workload`.
#[derive(Args, Debug)]
pub struct WorkloadArgs {
    /// Name of the workload; all are listed when not given.
    #[arg(value_name = "NAME")]
    what: Option<String>,
    /// Team; the one of the workload when only one has that name.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// The deployments in this environment.
    #[arg(long, value_name = "ENVIRONMENT", requires = "what")]
    history: Option<String>,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `loggia diff`.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct DiffArgs {
    /// env, and the two environments.
    #[arg(value_name = "env FROM TO", num_args = 0..=3, conflicts_with = "at")]
    what: Vec<String>,
    /// A time, such as 2026-04-30; twice for two times, once for since then.
    #[arg(long, value_name = "TIME")]
    at: Vec<String>,
    /// Only what this team has.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia deploy`
///
/// # Errors
/// With the words of the server.
pub async fn deploy(args: DeployArgs) -> Result<()> {
    let score = std::fs::read_to_string(&args.file)
        .map_err(|error| failure(USAGE, format!("cannot read {}: {error}", args.file.display())))?;
    let api = args.how.access.api()?;
    let body = json!({"score": score, "environment": args.env, "team": args.team, "image": args.image,
        "prune": args.prune, "dryRun": args.how.dry_run});
    let answer = api.post("/api/v1/workloads:deploy", &body).await?;
    told(&api, &answer, &args.how).await
}

/// `loggia promote`
///
/// # Errors
/// With the words of the server.
pub async fn promote(args: PromoteArgs) -> Result<()> {
    let api = args.how.access.api()?;
    let path = path(&api, &args.what, args.team.as_deref()).await?;
    let body = json!({"from": args.from, "to": args.to, "prune": args.prune, "dryRun": args.how.dry_run});
    let answer = api.post(&format!("{path}:promote"), &body).await?;
    told(&api, &answer, &args.how).await
}

/// `loggia rollback`
///
/// # Errors
/// With the words of the server.
pub async fn rollback(args: RollbackArgs) -> Result<()> {
    let api = args.how.access.api()?;
    let path = path(&api, &args.what, args.team.as_deref()).await?;
    let body = json!({"environment": args.env, "to": args.to, "dryRun": args.how.dry_run});
    let answer = api.post(&format!("{path}:rollback"), &body).await?;
    told(&api, &answer, &args.how).await
}

/// The path of a workload, by its name and perhaps its team.
async fn path(api: &Api, name: &str, team: Option<&str>) -> Result<String> {
    if let Some(team) = team {
        return Ok(format!("/api/v1/workloads/{team}/{name}"));
    }
    let all = api.get("/api/v1/workloads", &[]).await?;
    let all = all["items"].as_array().cloned().unwrap_or_default();
    let same = all.iter().filter(|one| text(one, "/name") == name);
    let teams: Vec<String> = same.map(|one| text(one, "/namespace")).collect();
    match teams.as_slice() {
        [only] => Ok(format!("/api/v1/workloads/{only}/{name}")),
        [] => Err(failure(USAGE, format!("there is no workload {name}. See all: loggia workload."))),
        many => Err(failure(USAGE, format!("which {name}? Give --team; possible are: {}.", many.join(", ")))),
    }
}

/// Shows what was, or would be, deployed.
async fn told(api: &Api, answer: &Value, how: &How) -> Result<()> {
    let (instance, operation) = (text(answer, "/instance"), text(answer, "/operation"));
    if how.output == Output::Table {
        print(&shown(answer))?;
    }
    let follows = how.wait && !how.dry_run && !operation.is_empty() && text(answer, "/waits").is_empty();
    if follows {
        follow(api, &operation).await?;
    }
    match how.output {
        Output::Table if follows => print(&format!("{instance} is ready\n")),
        Output::Table => Ok(()),
        output => output.tell(answer, &[instance], ""),
    }
}

fn shown(answer: &Value) -> String {
    let word = match (answer["dryRun"] == true, answer["unchanged"] == true) {
        (_, true) => "is as it was",
        (true, _) => "would be deployed",
        _ => "is being deployed",
    };
    let mut out = format!(
        "{} {word}: deployment {}, {}\n",
        text(answer, "/instance"),
        text(answer, "/number"),
        text(answer, "/artifact")
    );
    for part in answer["parts"].as_array().into_iter().flatten() {
        let instance = text(part, "/instance");
        out.push_str(&format!("  {}: {} {}\n", text(part, "/part"), text(part, "/release"), instance));
        for why in part["because"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            out.push_str(&format!("      {why}\n"));
        }
    }
    for price in answer["prices"].as_array().into_iter().flatten() {
        let unit = text(price, "/unit");
        let per = if unit.is_empty() { text(price, "/per") } else { unit };
        out.push_str(&format!("  costs {} {} per {per}\n", text(price, "/amount"), text(price, "/currency")));
    }
    for left in answer["left"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        out.push_str(&format!("  {left} is not in the file any more. --prune takes it away.\n"));
    }
    for ignored in answer["ignored"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        out.push_str(&format!("  note: nothing here takes {ignored}\n"));
    }
    let waits = text(answer, "/waits");
    if !waits.is_empty() {
        out.push_str(&format!("{waits}\n"));
    }
    out
}

/// `loggia workload`
///
/// # Errors
/// With the words of the server.
pub async fn workload(args: WorkloadArgs) -> Result<()> {
    let api = args.access.api()?;
    let Some(name) = &args.what else {
        let answer = api.get("/api/v1/workloads", &[]).await?;
        return args.output.print(
            &answer,
            &names(&answer, "/name"),
            &table(&answer, &["NAME", "TEAM"], &["/name", "/team"]),
        );
    };
    let path = path(&api, name, args.team.as_deref()).await?;
    let answer = api.get(&path, &[]).await?;
    let Some(environment) = &args.history else {
        let headings = ["ENVIRONMENT", "STATE", "ARTIFACT", "DEPLOYMENT", "FROM", "RUNS ON", "ADDRESS"];
        let fields = ["/environment", "/phase", "/artifact", "/number", "/from", "/release", "/url"];
        return args.output.print(&answer, &names(&answer, "/instance"), &table(&answer, &headings, &fields));
    };
    let there = answer["items"].as_array().into_iter().flatten().find(|one| text(one, "/environment") == *environment);
    let instance = there.map(|one| text(one, "/instance")).unwrap_or_default();
    let Some(instance) = instance.strip_prefix("instance:") else {
        return Err(failure(USAGE, format!("{name} was not deployed to {environment}.")));
    };
    let answer = api.get(&format!("/api/v1/instances/{instance}/deployments"), &[]).await?;
    let headings = ["NUMBER", "WHEN", "WHO", "ARTIFACT", "FROM"];
    let table = table(&answer, &headings, &["/number", "/time", "/by", "/artifact", "/from"]);
    args.output.print(&answer, &names(&answer, "/number"), &table)
}

fn names(answer: &Value, field: &str) -> Vec<String> {
    answer["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| text(one, field))
        .filter(|name| !name.is_empty())
        .collect()
}

fn table(answer: &Value, headings: &[&'static str], fields: &[&str]) -> Table {
    let mut table = Table::new(headings);
    let row = |one: &Value| fields.iter().map(|field| text(one, field)).collect();
    table.rows.extend(answer["items"].as_array().into_iter().flatten().map(row));
    table
}

/// `loggia diff`
///
/// # Errors
/// With the words of the server.
pub async fn diff(args: DiffArgs) -> Result<()> {
    let mut query: Vec<(&str, String)> = match (args.what.as_slice(), args.at.as_slice()) {
        ([env, from, to], []) if env == "env" => vec![("from", from.clone()), ("to", to.clone())],
        ([], [at]) => vec![("at", at.clone())],
        ([], [at, until]) => vec![("at", at.clone()), ("until", until.clone())],
        _ => return Err(failure(USAGE, "what is compared? loggia diff env dev test, or loggia diff --at A --at B")),
    };
    query.extend(args.team.clone().map(|team| ("team", team)));
    let answer = args.access.api()?.get("/api/v1/differences", &query).await?;
    if args.output != Output::Table {
        return args.output.tell(&answer, &names(&answer, "/name"), "");
    }
    let items = answer["items"].as_array().cloned().unwrap_or_default();
    let out: String = items.iter().map(difference).collect();
    print(if out.is_empty() { "nothing differs\n" } else { &out })
}

fn difference(row: &Value) -> String {
    let sign = |which: &str| match which {
        "added" => "+",
        "removed" => "-",
        _ => "~",
    };
    let because = |cause: &Value| match text(cause, "/event").as_str() {
        "" => String::new(),
        event => {
            let commit = text(cause, "/commit");
            let commit = if commit.is_empty() { commit } else { format!(", commit {commit}") };
            let reason = text(cause, "/reason");
            let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
            format!("  [{event} by {} at {}{commit}{reason}]", text(cause, "/by"), text(cause, "/time"))
        }
    };
    let mut out = format!("{} {}{}\n", sign(&text(row, "/which")), text(row, "/name"), because(&row["cause"]));
    for field in row["fields"].as_array().into_iter().flatten() {
        let value = |side: &str| match &field[side] {
            Value::Null => "nothing".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        out.push_str(&format!("    {}: {} → {}\n", text(field, "/path"), value("before"), value("after")));
    }
    for edge in row["edges"].as_array().into_iter().flatten() {
        let sign = sign(&text(edge, "/which"));
        let target = text(edge, "/target");
        out.push_str(&format!("    {sign} {} {target}{}\n", text(edge, "/relation"), because(&edge["cause"])));
    }
    out
}

/// Why an instance is as it is.
///
/// # Errors
/// With the words of the server.
pub async fn explain(api: &Api, instance: &str, output: Output) -> Result<()> {
    let answer = api.get(&format!("/api/v1/instances/{instance}/explanation"), &[]).await?;
    if output != Output::Table {
        return output.print_value(&answer);
    }
    let mut out = format!("{}\n", text(&answer, "/instance"));
    let mut choices = |title: &str, list: &str, named: &str| {
        for one in answer[list].as_array().into_iter().flatten() {
            out.push_str(&format!(
                "{title} {}: {} {}\n",
                text(one, named),
                text(one, "/release"),
                text(one, "/instance")
            ));
            for why in one["because"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                out.push_str(&format!("    {why}\n"));
            }
        }
    };
    choices("made of", "madeOf", "/part");
    choices("chosen by", "chosenBy", "/whole");
    for one in answer["takes"].as_array().into_iter().flatten() {
        let outputs: Vec<&str> = one["outputs"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let from = text(one, "/from");
        out.push_str(&match outputs.is_empty() {
            true => format!("needs {from}\n"),
            false => format!("takes {} from {from}\n", outputs.join(", ")),
        });
    }
    for one in answer["neededBy"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        out.push_str(&format!("needed by {one}\n"));
    }
    print(&out)
}
