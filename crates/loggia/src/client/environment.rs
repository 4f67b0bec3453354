//! What holds in an environment, which rule says so, and agreeing to what waits for it.

use super::http::{Access, Api, part};
use super::order::{instance, instance_path};
use super::output::{Output, Table, print, text};
use crate::exit::{USAGE, failure};
use anyhow::Result;
use clap::Args;
use loggia_model::naming::shared;
use serde_json::{Value, json};

/// Arguments of `loggia why`.
#[derive(Args, Debug)]
pub struct WhyArgs {
    /// The environment, such as production; or an instance, such as instance/booking/orders.dev.
    #[arg(value_name = "ENVIRONMENT|INSTANCE")]
    environment: String,
    /// For this team.
    #[arg(long, short)]
    team: Option<String>,
    /// For this offering.
    #[arg(long)]
    offering: Option<String>,
    /// For this plan; the default plan when not given.
    #[arg(long, requires = "offering")]
    plan: Option<String>,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia why`
///
/// # Errors
/// With the words of the server.
pub async fn why(args: WhyArgs) -> Result<()> {
    let api = args.access.api()?;
    if let Some(name) =
        ["instance/", "instances/", "instance:"].iter().find_map(|kind| args.environment.strip_prefix(kind))
    {
        return super::workload::explain(&api, name, args.output).await;
    }
    let given = [("team", &args.team), ("offering", &args.offering), ("plan", &args.plan)];
    let query: Vec<(&str, String)> =
        given.iter().filter_map(|(name, value)| Some((*name, (*value).clone()?))).collect();
    let answer = api
        .get(&format!("/api/v1/environments/default/{}/why", part(shared("environment", &args.environment))), &query)
        .await?;
    if args.output != Output::Table {
        return args.output.print_value(&answer);
    }
    let items = answer["items"].as_array().cloned().unwrap_or_default();
    let mut out = String::new();
    for item in &items {
        let rule = text(item, "/rule");
        let by = if rule.is_empty() { String::new() } else { format!(" [{rule}]") };
        out.push_str(&format!("{}{by}\n    {}\n", text(item, "/says"), text(item, "/because")));
        let others: Vec<&str> = item["insteadOf"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !others.is_empty() {
            out.push_str(&format!("    Instead of {}.\n", others.join(", then ")));
        }
    }
    print(&out)
}

/// Arguments of `loggia approve`.
#[derive(Args, Debug)]
pub struct ApproveArgs {
    /// The instance; all that wait are listed when not given.
    #[arg(value_name = "INSTANCE")]
    what: Option<String>,
    /// Says no.
    #[arg(long, requires = "what")]
    decline: bool,
    /// Why, in one sentence; who asked reads it.
    #[arg(long, short)]
    reason: Option<String>,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia approve`
///
/// # Errors
/// With the words of the server.
pub async fn approve(args: ApproveArgs) -> Result<()> {
    let api = args.access.api()?;
    let Some(what) = &args.what else { return list(&api, args.output).await };
    if args.decline && args.reason.is_none() {
        return Err(failure(USAGE, "why not? Say it with --reason; who asked reads it."));
    }
    let instance = instance(what)?;
    let body = json!({"agree": !args.decline, "reason": args.reason.unwrap_or_default()});
    let answer = api.post(&format!("{}:approve", instance_path(&instance)), &body).await?;
    let word = if args.decline { "you said no, and it is not done" } else { "you agreed, and it goes on" };
    args.output.tell(&answer, &[instance.to_string()], &format!("{instance}: {word}\n"))
}

async fn list(api: &Api, output: Output) -> Result<()> {
    let answer = api.get("/api/v1/approvals", &[]).await?;
    let items = answer["items"].as_array().cloned().unwrap_or_default();
    let mut table = Table::new(&["INSTANCE", "WHAT", "ASKED BY", "WAITS FOR", "UNTIL", "RULE"]);
    for item in &items {
        table.rows.push(["/instance", "/act", "/askedBy", "/by", "/until", "/rule"].map(|at| text(item, at)).to_vec());
    }
    let names: Vec<String> = items.iter().map(|item| text(item, "/instance")).collect();
    output.print(&answer, &names, &table)
}
