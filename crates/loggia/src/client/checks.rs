//! Checks: how everything stands, what to do, and who may differ.

use super::args::How;
use super::http::part;
use super::output::{Output, Table, items, print, text};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Arguments of `loggia checks`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ChecksArgs {
    #[command(subcommand)]
    command: Option<ChecksCommand>,
    /// One check, with what it says of each thing.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Only the things of this team.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Also those that are no standards.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    how: How,
}

/// Subcommands of `loggia checks`.
#[derive(Subcommand, Debug)]
enum ChecksCommand {
    /// Lets a team differ from a check until a day.
    Exempt(ExemptArgs),
}

/// Arguments of `loggia checks exempt`.
#[derive(Args, Debug)]
struct ExemptArgs {
    /// The check.
    #[arg(value_name = "NAME")]
    name: String,
    /// The team.
    #[arg(long, value_name = "TEAM")]
    team: String,
    /// One of its things only, such as instance:booking/orders.dev.
    #[arg(long, value_name = "THING")]
    thing: Option<String>,
    /// Day on which it ends.
    #[arg(long, value_name = "DAY")]
    until: String,
    /// Why, in one sentence.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    how: How,
}

/// `loggia checks`
///
/// # Errors
/// With the words of the server.
pub async fn checks(args: ChecksArgs) -> Result<()> {
    match (&args.command, &args.name) {
        (Some(ChecksCommand::Exempt(exempted)), _) => exempt(exempted).await,
        (None, Some(name)) => one(&args, name).await,
        (None, None) => list(&args).await,
    }
}

fn plain(name: &str) -> &str {
    name.rsplit([':', '/']).next().unwrap_or(name)
}

async fn list(args: &ChecksArgs) -> Result<()> {
    let mut query: Vec<(&str, String)> = args.team.iter().map(|team| ("team", team.clone())).collect();
    if args.all {
        query.push(("all", "true".to_owned()));
    }
    let answer = args.how.access.api()?.get("/api/v1/checks:overview", &query).await?;
    let mut table = Table::new(&["CHECK", "WHAT", "PASS", "FAIL", "GRACE", "EXEMPT", "UNKNOWN"]);
    for row in items(&answer) {
        let count = |field: &str| text(row, &format!("/standing/{field}"));
        table.rows.push(vec![
            plain(&text(row, "/check")).to_owned(),
            text(row, "/title"),
            count("passes"),
            count("fails"),
            count("grace"),
            count("exempt"),
            count("unknown"),
        ]);
    }
    let names: Vec<String> = items(&answer).map(|row| text(row, "/check")).collect();
    args.how.output.print(&answer, &names, &table)
}

async fn one(args: &ChecksArgs, name: &str) -> Result<()> {
    let query: Vec<(&str, String)> = args.team.iter().map(|team| ("team", team.clone())).collect();
    let path = format!("/api/v1/checks/default/{}/state", part(plain(name)));
    let view = args.how.access.api()?.get(&path, &query).await?;
    if args.how.output != Output::Table {
        return args.how.output.print_value(&view);
    }
    let mut table = Table::new(&["THING", "TEAM", "VERDICT", "UNTIL", "FOUND", "WHAT TO DO"]);
    let mut passing = 0;
    for row in view.get("things").and_then(Value::as_array).into_iter().flatten() {
        if text(row, "/outcome") == "passes" {
            passing += 1;
            continue;
        }
        table.rows.push(vec![
            text(row, "/thing"),
            plain(&text(row, "/team")).to_owned(),
            text(row, "/outcome"),
            text(row, "/until"),
            text(row, "/why"),
            text(row, "/mend"),
        ]);
    }
    let rows = if table.rows.is_empty() { String::new() } else { format!("{}\n", table.text()) };
    print(&format!("{}\n{}\n\n{rows}{passing} pass.\n", text(&view, "/title"), text(&view, "/why")))
}

async fn exempt(args: &ExemptArgs) -> Result<()> {
    let mut body = json!({"team": args.team, "until": args.until, "reason": args.reason});
    if let Some(thing) = &args.thing {
        body["thing"] = json!(thing);
    }
    let path = format!("/api/v1/checks/default/{}:exempt", part(plain(&args.name)));
    let answer = args.how.access.api()?.post(&path, &body).await?;
    let (team, check) = (text(&answer, "/team"), text(&answer, "/check"));
    let line = format!("{} may differ from {} until {}.\n", plain(&team), plain(&check), text(&answer, "/until"));
    args.how.output.tell(&answer, &[plain(&check).to_owned()], &line)
}
