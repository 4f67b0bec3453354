//! What goes away: planning it, telling people, moving it, and seeing whom it concerns and what is left.

mod show;

use super::args::{DifferArgs, How, NameArgs};
use super::http::part;
use super::output::{Output, Table, items, print, text};
use anyhow::Result;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use show::{instead, origins, show, state};

const PLAN_EXAMPLE: &str = "Days that are not given are the earliest that the rule allows.

Example:
  loggia ending plan tern-6 --subject release:tern-6.0.0 --replacement release:tern-7.0.0 \\
    --reason \"Its makers end it.\" --preset kubernetes";
const EXEMPT_EXAMPLE: &str = "Example:
  loggia ending exempt tern-6 --team finance --until 2027-07-01 --reason \"The quarter ends.\"
  loggia ending exempt tern-6 --team finance --instance finance/ledger.production --until 2027-07-01 \\
    --reason \"The quarter ends.\"";

/// Commands of `loggia ending`.
#[derive(Subcommand, Debug)]
pub enum EndingCommand {
    /// Lists what goes away: where it stands, when it is off, how many running things it concerns
    List(How),
    /// Shows one: its days, whom it concerns, who may differ, and what is left
    Show(NameArgs),
    /// Plans one, and shows whom it would concern; nobody is told yet
    #[command(after_help = PLAN_EXAMPLE)]
    Plan(Box<PlanArgs>),
    /// Tells people
    Announce(UrgentArgs),
    /// Agrees, as the second person, to what is an emergency
    Approve(NameArgs),
    /// Gives it other days: later ones, or in an emergency earlier ones
    #[command(after_help = "Example:\n  loggia ending move tern-6 --off 2027-06-01")]
    Move(Box<MoveArgs>),
    /// Gives it up, while it has not taken effect
    Cancel(ReasonArgs),
    /// Lets a team differ until a day
    #[command(after_help = EXEMPT_EXAMPLE)]
    Exempt(DifferArgs),
    /// Says that it was taken away; proving it goes by itself
    Remove(NameArgs),
}

/// Arguments of `loggia ending announce`.
#[derive(Args, Debug)]
pub struct UrgentArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,
    /// Why it is an emergency, when there is too little notice; a second person has to agree.
    #[arg(long, value_name = "TEXT")]
    emergency: Option<String>,
    #[command(flatten)]
    how: How,
}

/// Arguments of `loggia ending cancel`.
#[derive(Args, Debug)]
pub struct ReasonArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,
    /// Why, in one sentence; whoever was told reads it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    how: How,
}

/// The days of an ending, as far as they are given.
#[derive(Args, Debug)]
struct Days {
    /// Day on which people are told by itself; when somebody says so, if not given.
    #[arg(long, value_name = "DAY")]
    announced: Option<String>,
    /// Day from which it should not be chosen any more, such as 2027-03-31.
    #[arg(long, value_name = "DAY")]
    effective: Option<String>,
    /// Day from which nobody new gets it.
    #[arg(long, value_name = "DAY")]
    closed_to_new: Option<String>,
    /// Day from which what runs is not changed any more.
    #[arg(long, value_name = "DAY")]
    closed_to_updates: Option<String>,
    /// Day from which it is off.
    #[arg(long, value_name = "DAY")]
    off: Option<String>,
    /// Hours in which it is off on trial, such as 2027-02-02T10:00:00Z/2027-02-02T12:00:00Z; may be given several times.
    #[arg(long, value_name = "FROM/TO")]
    brownout: Vec<String>,
    /// No hours off on trial.
    #[arg(long, conflicts_with = "brownout")]
    no_brownouts: bool,
}

/// Arguments of `loggia ending plan`.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,
    /// What goes away, such as offering:tern or release:tern-6.0.0; product:fairway with --rule.
    #[arg(long, value_name = "KIND:NAME")]
    subject: String,
    /// Only this plan of the offering.
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// Only this feature of the offering: an input of its versions, or a name in readings of use.
    #[arg(long, value_name = "FEATURE")]
    feature: Option<String>,
    /// This rule of the product: one of its endingRules, or one by which an offering is mandatory.
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Why, in one sentence; whoever uses it reads it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// What to take instead, such as offering:bucket; none when nothing replaces it.
    #[arg(long, value_name = "KIND:NAME")]
    replacement: String,
    /// Page that says how to move.
    #[arg(long, value_name = "ADDRESS")]
    guide: Option<String>,
    /// Rule that says how much notice is given: kubernetes, aip-181, aws-lambda, or one of the product.
    #[arg(long, value_name = "RULE")]
    preset: String,
    #[command(flatten)]
    days: Days,
    #[command(flatten)]
    how: How,
}

/// Arguments of `loggia ending move`.
#[derive(Args, Debug)]
pub struct MoveArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    days: Days,
    /// Why it is an emergency, for earlier days; a second person has to agree.
    #[arg(long, value_name = "TEXT")]
    emergency: Option<String>,
    #[command(flatten)]
    how: How,
}

/// `loggia ending`
///
/// # Errors
/// With the words of the server.
pub async fn ending(command: EndingCommand) -> Result<()> {
    match command {
        EndingCommand::List(args) => list(args).await,
        EndingCommand::Show(args) => show(&args.how.access.api()?, &args.name, args.how.output).await,
        EndingCommand::Plan(args) => plan(*args).await,
        EndingCommand::Announce(args) => {
            let body = args.emergency.map_or_else(|| json!({}), |why| json!({"emergency": why}));
            step(&args.how, &args.name, "announce", &body).await
        }
        EndingCommand::Approve(args) => step(&args.how, &args.name, "approve", &json!({})).await,
        EndingCommand::Move(args) => shift(*args).await,
        EndingCommand::Cancel(args) => step(&args.how, &args.name, "cancel", &json!({"reason": args.reason})).await,
        EndingCommand::Exempt(args) => {
            let mut body = json!({"team": args.team, "until": args.until, "reason": args.reason});
            if let Some(instance) = args.instance {
                body["instance"] = json!(instance);
            }
            step(&args.how, &args.name, "exempt", &body).await
        }
        EndingCommand::Remove(args) => step(&args.how, &args.name, "remove", &json!({})).await,
    }
}

fn plain(name: &str) -> &str {
    name.rsplit([':', '/']).next().unwrap_or(name)
}

fn path(name: &str, rest: &str) -> String {
    format!("/api/v1/endings/default/{}{rest}", part(plain(name)))
}

async fn step(how: &How, name: &str, verb: &str, body: &Value) -> Result<()> {
    let answer = how.access.api()?.post(&path(name, &format!(":{verb}")), body).await?;
    let next = text(&answer, "/next");
    let next = if next.is_empty() { next } else { format!("{next}\n") };
    let state = text(&answer, "/state").replace('-', " ");
    let name = text(&answer, "/ending");
    let line = format!("{} is {state}.\n{next}", plain(&name));
    how.output.tell(&answer, &[name], &line)
}

async fn list(args: How) -> Result<()> {
    let answer = args.access.api()?.get("/api/v1/endings:overview", &[]).await?;
    let mut table = Table::new(&["NAME", "WHAT", "STATE", "CLOSED TO NEW", "OFF", "RUNNING", "TAKE INSTEAD"]);
    for row in items(&answer) {
        let what = [text(row, "/title"), text(row, "/part")].join(" ");
        table.rows.push(vec![
            plain(&text(row, "/ending")).to_owned(),
            what.trim().to_owned(),
            state(row),
            text(row, "/dates/closedToNew"),
            text(row, "/dates/off"),
            text(row, "/running"),
            instead(row),
        ]);
    }
    let names: Vec<String> = items(&answer).map(|row| text(row, "/ending")).collect();
    args.output.print(&answer, &names, &table)
}

impl Days {
    /// Writes the days that are given over those that there are.
    fn over(&self, mut dates: Value) -> Value {
        let given = [
            ("announced", &self.announced),
            ("effective", &self.effective),
            ("closedToNew", &self.closed_to_new),
            ("closedToUpdates", &self.closed_to_updates),
            ("off", &self.off),
        ];
        for (field, day) in given {
            if let Some(day) = day {
                dates[field] = json!(day);
            }
        }
        if !self.brownout.is_empty() {
            let window = |text: &String| {
                let (from, to) = text.split_once('/').unwrap_or((text, ""));
                json!({"from": from, "to": to})
            };
            dates["brownouts"] = self.brownout.iter().map(window).collect();
        }
        if self.no_brownouts {
            dates["brownouts"] = json!([]);
        }
        dates
    }
}

async fn plan(args: PlanArgs) -> Result<()> {
    let api = args.how.access.api()?;
    let wish = json!({"subject": args.subject, "preset": args.preset, "dates": args.days.over(json!({}))});
    let proposal = api.post("/api/v1/endings:propose", &wish).await?;
    let mut dates = proposal.get("dates").cloned().unwrap_or_default();
    if args.days.no_brownouts {
        dates["brownouts"] = json!([]);
    }
    let mut spec = json!({"subject": args.subject, "reason": args.reason, "replacement": args.replacement,
        "preset": args.preset, "dates": dates});
    let parts = [("plan", &args.plan), ("feature", &args.feature), ("rule", &args.rule), ("guide", &args.guide)];
    for (field, value) in parts {
        if let Some(value) = value {
            spec[field] = json!(value);
        }
    }
    let name = plain(&args.name);
    let document = json!({"apiVersion": "loggia.dev/v1", "kind": "Ending", "metadata": {"name": name}, "spec": spec});
    api.json(api.request(Method::PUT, &path(name, "")).json(&document)).await?;
    if args.how.output == Output::Name {
        return print(&format!("ending:default/{name}\n"));
    }
    show(&api, name, args.how.output).await?;
    if args.how.output != Output::Table {
        return Ok(());
    }
    let given = origins(&proposal);
    print(&format!("\n{given}\nPlanned; nobody was told yet. Tell people: loggia ending announce {name}\n"))
}

async fn shift(args: MoveArgs) -> Result<()> {
    let view = args.how.access.api()?.get(&path(&args.name, "/state"), &[]).await?;
    let mut body = json!({"dates": args.days.over(view.get("dates").cloned().unwrap_or_default())});
    if let Some(why) = &args.emergency {
        body["emergency"] = json!(why);
    }
    step(&args.how, &args.name, "move", &body).await
}
