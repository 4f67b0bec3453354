//! The versions of an offering: how long each is looked after, who runs it, and the way to the newest one.

use super::http::{Access, part};
use super::output::{Output, Table, print, text};
use anyhow::Result;
use clap::Args;
use loggia_model::naming::shared;
use serde_json::Value;

/// Arguments of `loggia versions`.
#[derive(Args, Debug)]
pub struct VersionsArgs {
    /// Name of the offering.
    #[arg(value_name = "OFFERING")]
    offering: String,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia versions`
///
/// # Errors
/// With the words of the server.
pub async fn versions(args: VersionsArgs) -> Result<()> {
    let answer =
        args.access.api()?.get(&format!("/api/v1/versions/{}", part(shared("offering", &args.offering))), &[]).await?;
    let rows = || list(&answer, "versions");
    let mut table =
        Table::new(&["VERSION", "PHASE", "UNTIL", "END", "RUNNING", "TEAMS", "MOST OF IT", "TO THE NEWEST"]);
    table.rows.extend(rows().map(cells));
    let names: Vec<String> = rows().map(|row| text(row, "/release")).collect();
    if args.output != Output::Table {
        return args.output.print(&answer, &names, &table);
    }
    let mut out = table.text();
    for row in rows().filter(|row| !text(row, "/noWay").is_empty() && text(row, "/running") != "0") {
        out.push_str(&format!("\n{}: {}\n", text(row, "/version"), text(row, "/noWay")));
    }
    let others = text(&answer, "/others");
    if others != "0" {
        out.push_str(&format!("\n{others} more run with none of these versions, as far as is known.\n"));
    }
    print(&format!("{out}\n{}", fixes(&answer)))
}

fn cells(row: &Value) -> Vec<String> {
    let phase = match (text(row, "/publication").as_str(), text(row, "/standing")) {
        ("yanked", _) => "withdrawn".to_owned(),
        ("published", standing) if standing.is_empty() => text(row, "/phase"),
        ("published", standing) => format!("{}, {standing}", text(row, "/phase")),
        (open, _) => open.to_owned(),
    };
    let channels: Vec<&str> = list(row, "channels").filter_map(Value::as_str).collect();
    let version = text(row, "/version");
    let named = if channels.is_empty() { version } else { format!("{version} ({})", channels.join(", ")) };
    let way: Vec<&str> = list(row, "way").filter_map(Value::as_str).collect();
    let way = match (text(row, "/noWay").is_empty(), way.len()) {
        (false, _) => "no way".to_owned(),
        (true, 0) => String::new(),
        (true, 1) => "one step".to_owned(),
        (true, _) => format!("over {}", way.join(", ")),
    };
    let who: Vec<String> = list(row, "who")
        .take(3)
        .map(|one| {
            let name = text(one, "/name");
            format!("{} {}", name.rsplit('/').next().unwrap_or_default(), text(one, "/running"))
        })
        .collect();
    vec![
        named,
        phase,
        text(row, "/until"),
        text(row, "/end"),
        text(row, "/running"),
        text(row, "/teams"),
        who.join(", "),
        way,
    ]
}

/// How soon what is wrong is mended, by how bad it is and how a version is looked after.
fn fixes(answer: &Value) -> String {
    let mut table = Table::new(&["MENDED WITHIN", "ACTIVE", "MAINTENANCE", "EXTENDED"]);
    for severity in ["critical", "high", "medium", "low"] {
        let days = |phase: &str| match text(answer, &format!("/fixes/{severity}/{phase}")).as_str() {
            "" => "not".to_owned(),
            days => format!("{days} days"),
        };
        if answer.pointer(&format!("/fixes/{severity}")).is_some() {
            table.rows.push(vec![severity.to_owned(), days("active"), days("maintenance"), days("extended")]);
        }
    }
    table.text()
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}
