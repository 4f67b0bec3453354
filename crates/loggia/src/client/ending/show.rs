//! One ending as the command line shows it.

use super::plain;
use crate::client::http::Api;
use crate::client::output::{Output, Table, print, text};
use anyhow::Result;
use serde_json::Value;

/// One of the four words, and for who plans it what lies behind it.
pub fn state(row: &Value) -> String {
    match text(row, "/state").as_str() {
        "draft" => "available (planned)".to_owned(),
        _ => text(row, "/standing"),
    }
}

/// What to take instead, in words.
pub fn instead(row: &Value) -> String {
    match text(row, "/replacementTitle").as_str() {
        "" => "nothing".to_owned(),
        title => title.to_owned(),
    }
}

/// Shows one with all that is known of it.
pub async fn show(api: &Api, name: &str, output: Output) -> Result<()> {
    let view = api.get(&super::path(name, "/state"), &[]).await?;
    if output != Output::Table {
        return output.print_value(&view);
    }
    let what = [text(&view, "/title"), text(&view, "/part")].join(" ");
    let mut out = format!("{}: {}\n{}\n", what.trim(), state(&view), text(&view, "/reason"));
    out.push_str(&format!("Take instead: {}\n\n{}", instead(&view), days(&view)));
    for (field, words) in
        [("/tooShort", "It cannot be announced like this: "), ("/pending/reason", "It waits for a second person: ")]
    {
        let said = text(&view, field);
        if !said.is_empty() {
            out.push_str(&format!("\n{words}{}.\n", said.trim_end_matches('.')));
        }
    }
    if view.get("offer").is_some() {
        out.push_str("The first days that may be announced:\n");
        out.push_str(&origins(view.get("offer").unwrap_or_default()));
        out.push_str(&format!("\n  {}\n", text(&view, "/offer/mend")));
    }
    let who = |field: &str| text(&view, field).replace("user:default/", "");
    if view.get("emergency").is_some() {
        let (asked, agreed) = (who("/emergency/by"), who("/emergency/approvedBy"));
        let why = text(&view, "/emergency/reason");
        out.push_str(&format!("\nAn emergency: {why} Asked by {asked}, agreed by {agreed}.\n"));
    }
    if view.get("agreed").is_some() {
        out.push_str("\nEarlier days are agreed on; they hold once its file says them.\n");
    }
    out.push_str(&format!("\n{}{}{}", concerned(&view), exemptions(&view), left(&view)));
    print(&out)
}

/// The days of a plan, each with what happens then.
fn days(view: &Value) -> String {
    let days = [
        ("announced", "told"),
        ("effective", "not to be chosen any more"),
        ("closedToNew", "closed to new"),
        ("closedToUpdates", "closed to updates"),
        ("off", "off"),
    ];
    let mut all: Vec<(String, String)> = days
        .into_iter()
        .map(|(field, words)| (text(view, &format!("/dates/{field}")), words.to_owned()))
        .filter(|(day, _)| !day.is_empty())
        .collect();
    for one in view.pointer("/dates/brownouts").and_then(Value::as_array).into_iter().flatten() {
        let minute = |field: &str| text(one, field).chars().take(16).collect::<String>().replace('T', " ");
        all.push((minute("/from"), format!("off on trial until {} (UTC)", minute("/to"))));
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all.into_iter().map(|(day, words)| format!("{day}  {words}\n")).collect()
}

/// Where each proposed day comes from.
pub fn origins(proposal: &Value) -> String {
    let mut table = Table::new(&["DAY", "WHAT", "WHY"]);
    for one in proposal.get("origins").and_then(Value::as_array).into_iter().flatten() {
        let words = match text(one, "/field").as_str() {
            "announced" => "told",
            "effective" => "not to be chosen any more",
            "closedToNew" => "closed to new",
            "closedToUpdates" => "closed to updates",
            "off" => "off",
            _ => "off on trial",
        };
        table.rows.push(vec![text(one, "/when"), words.to_owned(), text(one, "/why")]);
    }
    table.text()
}

/// Who may differ, until when, and who granted it.
fn exemptions(view: &Value) -> String {
    let mut table = Table::new(&["MAY DIFFER", "UNTIL", "WHY", "GRANTED BY"]);
    for one in items_of(view, "exemptions") {
        let instance = text(one, "/instance");
        let who = if instance.is_empty() { text(one, "/team") } else { instance };
        let by = text(one, "/by").replace("user:default/", "");
        table.rows.push(vec![plain(&who).to_owned(), text(one, "/until"), text(one, "/reason"), by]);
    }
    if table.rows.is_empty() { String::new() } else { format!("\n{}", table.text()) }
}

/// What is left, from its last day on.
fn left(view: &Value) -> String {
    let Some(left) = view.get("left") else { return String::new() };
    let mut out = String::new();
    for (field, words) in [
        ("instances", "still runs"),
        ("untold", "may be it: its version does not tell"),
        ("texts", "is still described"),
    ] {
        for name in items_of(left, field).filter_map(Value::as_str) {
            out.push_str(&format!("{name} {words}\n"));
        }
    }
    for one in items_of(left, "callers") {
        let day: String = text(one, "/last").chars().take(10).collect();
        let (worked, refused) = (text(one, "/worked"), text(one, "/refused"));
        out.push_str(&format!(
            "{} asked for it, last on {day}: {worked} answered, {refused} refused\n",
            text(one, "/who")
        ));
    }
    let unknown = text(left, "/unknown");
    if !unknown.is_empty() {
        out.push_str(&format!("{unknown}\n"));
    }
    let said = if out.is_empty() {
        "Nothing is left: nothing runs, nobody used it, and nothing describes it.\n"
    } else {
        &out
    };
    format!("\nWhat is left:\n{said}")
}

fn items_of<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
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
