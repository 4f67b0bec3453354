//! Upgrade campaigns: planned without anything happening, started, followed, and stopped.

use super::args::How;
use super::campaign_args::{CampaignCommand, PlanArgs};
use super::http::{Api, part};
use super::output::{Output, Table, items, print, text};
use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};

/// `loggia campaign`
///
/// # Errors
/// With the words of the server.
pub async fn campaign(command: CampaignCommand) -> Result<()> {
    match command {
        CampaignCommand::List(args) => list(args).await,
        CampaignCommand::Plan(args) => plan(*args).await,
        CampaignCommand::Status(args) => status(&args.how.access.api()?, &args.name, args.how.output).await,
        CampaignCommand::Start(args) => step(&args.how, &args.name, "start", &json!({})).await,
        CampaignCommand::Pause(args) => step(&args.how, &args.name, "pause", &json!({"reason": args.reason})).await,
        CampaignCommand::Resume(args) => step(&args.how, &args.name, "resume", &json!({"reason": args.reason})).await,
        CampaignCommand::End(args) => step(&args.how, &args.name, "end", &json!({"reason": args.reason})).await,
        CampaignCommand::Rollback(args) => {
            let body = json!({"wave": args.wave, "reason": args.reason});
            step(&args.how, &args.name, "rollback", &body).await
        }
        CampaignCommand::Snooze(args) => {
            let body = json!({"instance": args.instance, "until": args.until, "reason": args.reason});
            step(&args.how, &args.name, "snooze", &body).await
        }
        CampaignCommand::Exempt(args) => {
            let mut body = json!({"team": args.team, "until": args.until, "reason": args.reason});
            if let Some(instance) = args.instance {
                body["instance"] = json!(instance);
            }
            step(&args.how, &args.name, "exempt", &body).await
        }
    }
}

fn plain(name: &str) -> &str {
    name.rsplit([':', '/']).next().unwrap_or(name)
}

/// `booking/orders.dev` for the full name of an instance.
fn short(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, rest)| rest)
}

fn path(name: &str, rest: &str) -> String {
    format!("/api/v1/campaigns/default/{}{rest}", part(plain(name)))
}

async fn step(how: &How, name: &str, verb: &str, body: &Value) -> Result<()> {
    let answer = how.access.api()?.post(&path(name, &format!(":{verb}")), body).await?;
    let name = plain(&text(&answer, "/campaign")).to_owned();
    let (done, total) = (text(&answer, "/counts/done"), text(&answer, "/counts/total"));
    let state = text(&answer, "/state");
    let line = format!("{name} is {state}, {done} of {total} done. See: loggia campaign status {name}\n");
    how.output.tell(&answer, &[name], &line)
}

async fn list(args: How) -> Result<()> {
    let answer = args.access.api()?.get("/api/v1/campaigns:overview", &[]).await?;
    let mut table = Table::new(&["NAME", "WHAT", "TO", "STATE", "WAVE", "DONE", "OF", "DEADLINE", "OVER ON"]);
    for row in items(&answer) {
        table.rows.push(vec![
            plain(&text(row, "/campaign")).to_owned(),
            text(row, "/offering"),
            text(row, "/to"),
            state(row),
            text(row, "/wave"),
            text(row, "/counts/done"),
            text(row, "/counts/total"),
            text(row, "/deadline"),
            text(row, "/forecast/day"),
        ]);
    }
    let names: Vec<String> = items(&answer).map(|row| text(row, "/campaign")).collect();
    args.output.print(&answer, &names, &table)
}

fn state(row: &Value) -> String {
    match (text(row, "/state").as_str(), row.get("overdue").and_then(Value::as_bool)) {
        ("ended", _) => text(row, "/endedAs"),
        (state, Some(true)) => format!("{state}, overdue"),
        (state, _) => state.to_owned(),
    }
}

impl PlanArgs {
    /// The campaign that is thought of; none when it is one that is kept.
    fn spec(&self) -> Option<Value> {
        let to = self.to.as_ref()?;
        let offering = self.offering.clone().unwrap_or_else(|| before_number(plain(&self.name)).to_owned());
        let purpose = self.purpose.clone().unwrap_or_else(|| format!("Everything runs {to}."));
        let mut spec = json!({"purpose": purpose, "offering": offering, "to": to});
        if !self.scope.is_empty() {
            spec["scope"] = json!(self.scope);
        }
        let numbers =
            [("parallelism", self.parallelism), ("failureBudget", self.failure_budget), ("bakeMinutes", self.bake)];
        for (field, number) in numbers {
            if let Some(number) = number {
                spec[field] = json!(number);
            }
        }
        for (field, word) in [("gate", &self.gate), ("deadline", &self.deadline)] {
            if let Some(word) = word {
                spec[field] = json!(word);
            }
        }
        Some(spec)
    }
}

/// What stands before the number in a name: `postgres` of `postgres-15`.
fn before_number(name: &str) -> &str {
    let numbered = |at: &usize| name[at + 1..].trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
    let cut = name.match_indices('-').map(|(at, _)| at).find(numbered);
    cut.map_or(name, |at| &name[..at])
}

async fn plan(args: PlanArgs) -> Result<()> {
    let api = args.how.access.api()?;
    let name = plain(&args.name);
    let plan = match args.spec() {
        None => api.get(&path(name, "/plan"), &[]).await?,
        Some(spec) => {
            let plan = api.post("/api/v1/campaigns:plan", &spec).await?;
            if args.save {
                let document = json!({"apiVersion": "loggia.dev/v1", "kind": "Campaign", "metadata": {"name": name},
                    "spec": spec});
                api.json(api.request(Method::PUT, &path(name, "")).json(&document)).await?;
            }
            plan
        }
    };
    if args.how.output != Output::Table {
        return args.how.output.print_value(&plan);
    }
    print(&shown(&plan))?;
    let next = match (args.to.is_some(), args.save) {
        (true, false) => "Nothing has happened. Keep it with --save, then start it.\n".to_owned(),
        _ => format!("Nothing has happened, nobody was told. Start it: loggia campaign start {name}\n"),
    };
    print(&next)
}

fn shown(plan: &Value) -> String {
    let number = |field: &str| text(plan, field);
    let mut out = format!(
        "{} to {}: {} of {} would move, of {} teams; {} are there already. Loggia upgrades {} of them.\n",
        number("/offering"),
        number("/to"),
        number("/hit"),
        number("/meant"),
        number("/teams"),
        number("/there"),
        number("/managed"),
    );
    for (field, words) in [("price", "Their plans cost"), ("beside", "Paid twice while a new one stands beside")] {
        for sum in plan.get(field).and_then(Value::as_array).into_iter().flatten() {
            out.push_str(&format!(
                "{words} {} {} a {}.\n",
                text(sum, "/amount"),
                text(sum, "/currency"),
                text(sum, "/per")
            ));
        }
    }
    if plan.get("unknown").and_then(Value::as_u64).is_some_and(|count| count > 0) {
        out.push_str(&format!("Nobody can tell which version {} of them have.\n", number("/unknown")));
    }
    for wave in plan.get("empty").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        out.push_str(&format!("Nothing is in the wave {wave}, so it holds nothing up.\n"));
    }
    for wave in plan.get("waves").and_then(Value::as_array).into_iter().flatten() {
        let mut table = Table::new(&["INSTANCE", "VERSION", "STEP", "WAY", "CONTRACT", "WHAT HAS TO HAPPEN"]);
        for row in wave.get("rows").and_then(Value::as_array).into_iter().flatten() {
            let way = row.get("way").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            table.rows.push(vec![
                short(&text(row, "/instance")).to_owned(),
                text(row, "/version"),
                text(row, "/step"),
                way.collect::<Vec<_>>().join(" > "),
                text(row, "/weight"),
                trouble(row).unwrap_or_else(|| text(row, "/todo")),
            ]);
        }
        out.push_str(&format!("\nWave {}: {}\n{}", text(wave, "/name"), table.rows.len(), table.text()));
    }
    out.push('\n');
    out
}

/// Why something would not go through.
fn trouble(row: &Value) -> Option<String> {
    let broken = row.pointer("/breaks/0/message").and_then(Value::as_str).map(|why| format!("WOULD NOT FIT: {why}"));
    let stuck = Some(text(row, "/stuck")).filter(|why| !why.is_empty()).map(|why| format!("NO WAY: {why}"));
    broken.or(stuck)
}

async fn status(api: &Api, name: &str, output: Output) -> Result<()> {
    let view = api.get(&path(name, "/state"), &[]).await?;
    if output != Output::Table {
        return output.print_value(&view);
    }
    let mut out = format!("{}: {}\n{}\n", text(&view, "/title"), state(&view), text(&view, "/purpose"));
    let count = |field: &str| text(&view, &format!("/counts/{field}"));
    out.push_str(&format!(
        "{} of {} done, {} exempt, {} failed.",
        count("done"),
        count("total"),
        count("exempt"),
        count("failed")
    ));
    for (field, words) in [("/forecast/day", " As it goes, over on "), ("/deadline", " Deadline ")] {
        let day = text(&view, field);
        if !day.is_empty() {
            out.push_str(&format!("{words}{day}."));
        }
    }
    out.push('\n');
    out.push_str(&halted(&view));
    let waits = text(&view, "/waits");
    if !waits.is_empty() {
        out.push_str(&format!("The next wave waits: {waits}\n"));
    }
    out.push('\n');
    let mut waves = Table::new(&["WAVE", "OPEN", "DONE", "OF"]);
    for wave in view.get("waves").and_then(Value::as_array).into_iter().flatten() {
        let open = if wave.get("open").and_then(Value::as_bool) == Some(true) { "yes" } else { "" };
        let cells = [text(wave, "/name"), open.into(), text(wave, "/counts/done"), text(wave, "/counts/total")];
        waves.rows.push(cells.to_vec());
    }
    out.push_str(&format!("{}\n", waves.text()));
    let mut table = Table::new(&["INSTANCE", "WAVE", "VERSION", "STEP", "STATE", "WHAT HAS TO HAPPEN"]);
    for row in view.get("items").and_then(Value::as_array).into_iter().flatten() {
        let said = Some(text(row, "/message")).filter(|said| !said.is_empty()).unwrap_or_else(|| text(row, "/todo"));
        let instance = short(&text(row, "/instance")).to_owned();
        table.rows.push(vec![
            instance,
            text(row, "/wave"),
            text(row, "/version"),
            text(row, "/step"),
            text(row, "/state"),
            said,
        ]);
    }
    if !table.rows.is_empty() {
        out.push_str(&table.text());
    }
    print(&out)
}

fn halted(view: &Value) -> String {
    let Some(halt) = view.get("halt") else { return String::new() };
    let mut out = format!("\nIt halted by itself: {} {}\n", short(&text(halt, "/instance")), text(halt, "/message"));
    for line in halt.get("lines").and_then(Value::as_array).into_iter().flatten() {
        out.push_str(&format!("  line {}: {}\n", text(line, "/0"), text(line, "/1")));
    }
    out.push_str(&format!("Mend it, then: loggia campaign resume {}\n", plain(&text(view, "/campaign"))));
    out
}

#[cfg(test)]
mod tests {
    use super::before_number;

    #[test]
    fn a_name_tells_its_offering() {
        for (name, offering) in [
            ("postgres-15", "postgres"),
            ("tern-cache-7", "tern-cache"),
            ("service-path-v2.1", "service-path"),
            ("all", "all"),
        ] {
            assert_eq!(before_number(name), offering);
        }
    }
}
