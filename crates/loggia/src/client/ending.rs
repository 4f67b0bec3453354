//! What goes away: planning it, telling people, moving it, and seeing whom it concerns and what is left.

use super::http::{Access, Api};
use super::output::{Output, Table, items, print, text};
use anyhow::Result;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

/// Commands of `loggia ending`.
#[derive(Subcommand, Debug)]
pub enum EndingCommand {
    /// Lists what goes away: where it stands, when it is off, how many running things it concerns
    List(ListArgs),
    /// Shows one: its days, whom it concerns, who may differ, and what is left
    Show(NameArgs),
    /// Plans one, and shows whom it would concern; nobody is told yet
    Plan(Box<PlanArgs>),
    /// Tells people
    Announce(UrgentArgs),
    /// Agrees, as the second person, to what is an emergency
    Approve(DoArgs),
    /// Gives it other days: later ones, or in an emergency earlier ones
    Move(Box<MoveArgs>),
    /// Gives it up, while it has not taken effect
    Cancel(ReasonArgs),
    /// Lets a team differ until a day
    Exempt(ExemptArgs),
    /// Says that it was taken away; proving it goes by itself
    Remove(DoArgs),
}

/// Arguments of `loggia ending list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `loggia ending show`.
#[derive(Args, Debug)]
pub struct NameArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// Arguments of commands that need a name only.
#[derive(Args, Debug)]
pub struct DoArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
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
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
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
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// The days of an ending, as far as they are given.
#[derive(Args, Debug)]
struct Days {
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
}

/// Arguments of `loggia ending plan`.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,
    /// What goes away, such as offering:tern or release:tern-6.0.0.
    #[arg(long, value_name = "KIND:NAME")]
    subject: String,
    /// Only this plan of the offering.
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
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
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
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
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `loggia ending exempt`.
#[derive(Args, Debug)]
pub struct ExemptArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,
    /// The team.
    #[arg(long, value_name = "TEAM")]
    team: String,
    /// One instance of it only, such as booking/orders.dev.
    #[arg(long, value_name = "INSTANCE")]
    instance: Option<String>,
    /// Day on which it ends.
    #[arg(long, value_name = "DAY")]
    until: String,
    /// Why, in one sentence.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia ending`
///
/// # Errors
/// With the words of the server.
pub async fn ending(command: EndingCommand) -> Result<()> {
    match command {
        EndingCommand::List(args) => list(args).await,
        EndingCommand::Show(args) => show(&args.access.api()?, &args.name, args.output).await,
        EndingCommand::Plan(args) => plan(*args).await,
        EndingCommand::Announce(args) => {
            let body = args.emergency.map_or_else(|| json!({}), |why| json!({"emergency": why}));
            step(&args.access, args.output, &args.name, "announce", &body).await
        }
        EndingCommand::Approve(args) => step(&args.access, args.output, &args.name, "approve", &json!({})).await,
        EndingCommand::Move(args) => shift(*args).await,
        EndingCommand::Cancel(args) => {
            step(&args.access, args.output, &args.name, "cancel", &json!({"reason": args.reason})).await
        }
        EndingCommand::Exempt(args) => {
            let mut body = json!({"team": args.team, "until": args.until, "reason": args.reason});
            if let Some(instance) = args.instance {
                body["instance"] = json!(instance);
            }
            step(&args.access, args.output, &args.name, "exempt", &body).await
        }
        EndingCommand::Remove(args) => step(&args.access, args.output, &args.name, "remove", &json!({})).await,
    }
}

fn plain(name: &str) -> &str {
    name.rsplit([':', '/']).next().unwrap_or(name)
}

fn path(name: &str, rest: &str) -> String {
    format!("/api/v1/endings/default/{}{rest}", plain(name))
}

async fn step(access: &Access, output: Output, name: &str, verb: &str, body: &Value) -> Result<()> {
    let answer = access.api()?.post(&path(name, &format!(":{verb}")), body).await?;
    let waits = answer.get("waits").and_then(Value::as_bool) == Some(true);
    let rest = if waits { "; it waits for a second person: loggia ending approve" } else { "" };
    let name = text(&answer, "/ending");
    let line = format!("{} is {}{rest}\n", plain(&name), text(&answer, "/state"));
    output.tell(&answer, &[name], &line)
}

async fn list(args: ListArgs) -> Result<()> {
    let answer = args.access.api()?.get("/api/v1/endings:overview", &[]).await?;
    let mut table = Table::new(&["NAME", "WHAT", "STATE", "CLOSED TO NEW", "OFF", "RUNNING", "TAKE INSTEAD"]);
    for row in items(&answer) {
        let what = [plain(&text(row, "/subject")).to_owned(), text(row, "/part")].join(" ");
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

/// One of the four words, and for who plans it what lies behind it.
fn state(row: &Value) -> String {
    match text(row, "/state").as_str() {
        "draft" => "available (planned)".to_owned(),
        _ => text(row, "/standing"),
    }
}

fn instead(row: &Value) -> String {
    match text(row, "/replacement").as_str() {
        "" => "nothing".to_owned(),
        name => plain(name).to_owned(),
    }
}

async fn show(api: &Api, name: &str, output: Output) -> Result<()> {
    let view = api.get(&path(name, "/state"), &[]).await?;
    if output != Output::Table {
        return output.print_value(&view);
    }
    let mut out = format!("{}: {}\n{}\n", plain(&text(&view, "/subject")), state(&view), text(&view, "/reason"));
    out.push_str(&format!("Take instead: {}\n\n", instead(&view)));
    let days = [
        ("announced", "told"),
        ("effective", "not to be chosen"),
        ("closedToNew", "closed to new"),
        ("closedToUpdates", "closed to updates"),
        ("off", "off"),
    ];
    for (field, words) in days {
        let day = text(&view, &format!("/dates/{field}"));
        if !day.is_empty() {
            out.push_str(&format!("{day}  {words}\n"));
        }
    }
    for one in view.pointer("/dates/brownouts").and_then(Value::as_array).into_iter().flatten() {
        out.push_str(&format!("{} to {}  off on trial\n", text(one, "/from"), text(one, "/to")));
    }
    for (field, words) in [("/tooShort", "Too short: "), ("/pending/reason", "Waits for a second person: ")] {
        let said = text(&view, field);
        if !said.is_empty() {
            out.push_str(&format!("\n{words}{said}\n"));
        }
    }
    out.push_str(&format!("\n{}", concerned(&view)));
    print(&out)
}

fn concerned(view: &Value) -> String {
    let mut table = Table::new(&["TEAM", "NAME", "ENVIRONMENT", "VERSION", "CONTACT", "STEP", "MAY DIFFER UNTIL"]);
    let teams = view.get("concerned").and_then(Value::as_array).into_iter().flatten();
    for team in teams {
        for row in team.get("runs").and_then(Value::as_array).into_iter().flatten() {
            table.rows.push(vec![
                plain(&text(team, "/team")).to_owned(),
                text(row, "/name"),
                text(row, "/environment"),
                text(row, "/version"),
                text(row, "/contact").replace("user:default/", ""),
                text(row, "/step"),
                text(team, "/exemptUntil"),
            ]);
        }
    }
    match table.rows.len() {
        0 => "Nobody runs it, as far as you may see.\n".to_owned(),
        count => format!("{}\n{count} running\n", table.text()),
    }
}

impl Days {
    /// Writes the days that are given over those that there are.
    fn over(&self, mut dates: Value) -> Value {
        let given = [
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
        dates
    }
}

async fn plan(args: PlanArgs) -> Result<()> {
    let api = args.access.api()?;
    let mut spec = json!({"subject": args.subject, "reason": args.reason, "replacement": args.replacement,
        "preset": args.preset, "dates": args.days.over(json!({}))});
    for (field, value) in [("plan", &args.plan), ("guide", &args.guide)] {
        if let Some(value) = value {
            spec[field] = json!(value);
        }
    }
    let name = plain(&args.name);
    let document = json!({"apiVersion": "loggia.dev/v1", "kind": "Ending", "metadata": {"name": name}, "spec": spec});
    api.json(api.request(Method::PUT, &path(name, "")).json(&document)).await?;
    if args.output == Output::Name {
        return print(&format!("ending:default/{name}\n"));
    }
    show(&api, name, args.output).await?;
    if args.output != Output::Table {
        return Ok(());
    }
    print(&format!("\nPlanned; nobody was told yet. Tell people: loggia ending announce {name}\n"))
}

async fn shift(args: MoveArgs) -> Result<()> {
    let view = args.access.api()?.get(&path(&args.name, "/state"), &[]).await?;
    let mut body = json!({"dates": args.days.over(view.get("dates").cloned().unwrap_or_default())});
    if let Some(why) = &args.emergency {
        body["emergency"] = json!(why);
    }
    step(&args.access, args.output, &args.name, "move", &body).await
}
