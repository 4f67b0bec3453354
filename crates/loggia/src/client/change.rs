//! Another plan, or other inputs, of what runs.

use super::follow::follow;
use super::http::{Access, Api};
use super::order::{inputs, instance, instance_path};
use super::output::{Output, Table, print, text};
use crate::exit::told;
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

/// Arguments of `loggia change`.
#[derive(Args, Debug)]
pub struct ChangeArgs {
    /// The instance, such as booking/orders.dev. Without any option it is told what it has, and what may become another.
    #[arg(value_name = "INSTANCE")]
    what: String,
    /// To this plan, as it is offered now.
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// One input that becomes another; may be given several times. All others stay.
    #[arg(long, value_name = "KEY=VALUE", visible_alias = "input")]
    set: Vec<String>,
    /// One input that is taken away, or goes back to its usual value; may be given several times.
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    /// Tells what would happen; nothing is changed.
    #[arg(long)]
    dry_run: bool,
    /// Waits until it is done, and shows each step.
    #[arg(long)]
    wait: bool,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia change`
///
/// # Errors
/// With the words of the server.
pub async fn change(args: ChangeArgs) -> Result<()> {
    let (api, instance) = (args.access.api()?, instance(&args.what)?);
    let path = instance_path(&instance);
    let form = api.get(&format!("{path}/form"), &[]).await?;
    if args.plan.is_none() && args.set.is_empty() && args.unset.is_empty() {
        return match args.output {
            Output::Table => print(&has(&form)),
            output => output.print_value(&form),
        };
    }
    let mut wanted = inputs(&args.set, &form["schema"])?;
    wanted.extend(args.unset.iter().map(|name| (name.clone(), Value::Null)));
    let mut body = json!({"inputs": wanted, "dryRun": args.dry_run});
    if let Some(plan) = &args.plan {
        body["plan"] = json!(plan);
    }
    let answer = api.post(&format!("{path}:change"), &body).await?;
    if args.dry_run {
        return dry_run(&answer, args.output);
    }
    let (name, operation, waits) = (text(&answer, "/instance"), text(&answer, "/operation"), text(&answer, "/waits"));
    if !waits.is_empty() {
        return args.output.tell(&answer, &[name], &format!("{waits}\n"));
    }
    if !args.wait {
        let mut table = Table::new(&["INSTANCE", "OPERATION"]);
        table.rows.push(vec![name.clone(), operation]);
        return args.output.print(&answer, &[name], &table);
    }
    eprintln!("{name}");
    let ended = follow(&api, &operation).await?;
    args.output.tell(&ended, std::slice::from_ref(&name), &now(&api, &path, &name).await?)
}

/// What it has then.
async fn now(api: &Api, path: &str, name: &str) -> Result<String> {
    let form = api.get(&format!("{path}/form"), &[]).await?;
    let plan = match text(&form, "/plan/name").as_str() {
        "" => String::new(),
        plan => format!(", with the plan {plan}"),
    };
    Ok(format!("{name} is changed{plan}\n"))
}

/// Tells what would happen; it fails where that cannot be done now.
fn dry_run(preview: &Value, output: Output) -> Result<()> {
    match output {
        Output::Table => print(&shown(preview))?,
        output => output.print_value(preview)?,
    }
    if text(preview, "/blocked").is_empty() { Ok(()) } else { Err(told()) }
}

fn price(plan: &Value) -> String {
    match (text(plan, "/price/amount"), text(plan, "/price/currency"), text(plan, "/price/per")) {
        (amount, ..) if amount.is_empty() => "free of charge".to_owned(),
        (amount, currency, per) => format!("{amount} {currency} per {per}"),
    }
}

fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(all)) if all.is_empty() => "none".to_owned(),
        Some(Value::Array(all)) => all.iter().map(|one| plain(Some(one))).collect::<Vec<_>>().join(", "),
        Some(other) => other.to_string(),
    }
}

/// What would happen, in lines.
fn shown(preview: &Value) -> String {
    let mut out = format!("{}\n", text(preview, "/instance"));
    let (before, after) = (&preview["before"], &preview["after"]);
    if before != after {
        let plan = |plan: &Value| format!("{}, {}", plain(plan.get("name")), price(plan));
        out.push_str(&format!("  plan: {} becomes {}\n", plan(before), plan(after)));
    }
    for input in preview["inputs"].as_array().into_iter().flatten() {
        let (before, after) = (plain(input.get("before")), plain(input.get("after")));
        out.push_str(&format!("  {}: {before} becomes {after}\n", text(input, "/path")));
    }
    for name in preview["secrets"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        out.push_str(&format!("  {name}: another one\n"));
    }
    for (name, at) in [("agreement", "/approval"), ("not now", "/blocked")] {
        let said = text(preview, at);
        if !said.is_empty() {
            out.push_str(&format!("  {name}: {said}\n"));
        }
    }
    out
}

/// What it has, and what may become another.
fn has(form: &Value) -> String {
    let list = |at: &str| form[at].as_array().cloned().unwrap_or_default();
    let named = |at: &str, name: &str| list(at).iter().any(|one| one == name);
    let mut out = format!("{} has {} {}\n", text(form, "/instance"), text(form, "/offering"), text(form, "/version"));
    if !form["plan"].is_null() {
        out.push_str(&format!("  plan: {}, {}\n", text(form, "/plan/name"), price(&form["plan"])));
    }
    for plan in list("plans").iter().filter(|plan| plan["name"] != form["plan"]["name"]) {
        out.push_str(&format!("    or --plan {}, {}\n", text(plan, "/name"), price(plan)));
    }
    for (name, _) in form["schema"]["properties"].as_object().into_iter().flatten() {
        let value = if named("secrets", name) { "secret".to_owned() } else { plain(form["inputs"].get(name)) };
        let stays = form["onlyPlan"] == true || named("immutable", name);
        let how = if stays { "stays as it was ordered".to_owned() } else { format!("--set {name}=…") };
        out.push_str(&format!("  {name}: {value} ({how})\n"));
    }
    let blocked = text(form, "/blocked");
    if !blocked.is_empty() {
        out.push_str(&format!("  not now: {blocked}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_happen_is_told_in_lines() {
        let plan = |name: &str, amount: &str| json!({"name": name, "price": {"amount": amount, "currency": "EUR", "per": "month"}});
        let preview = json!({"instance": "instance:booking/orders.dev", "before": plan("small", "9.00"),
            "after": plan("medium", "48.00"), "inputs": [{"path": "size", "before": "s", "after": "m"}, {"path": "days", "before": 3}],
            "secrets": ["seed"], "approval": "Somebody of watch has to agree first."});
        let wanted = "instance:booking/orders.dev\n  plan: small, 9.00 EUR per month becomes medium, 48.00 EUR per month\n  size: s \
            becomes m\n  days: 3 becomes nothing\n  seed: another one\n  agreement: Somebody of watch has to agree first.\n";
        assert_eq!(shown(&preview), wanted);
    }

    #[test]
    fn what_stays_is_told_beside_what_may_change() {
        let form = json!({"instance": "instance:booking/orders.dev", "offering": "postgres", "version": "2.2.0",
            "plan": {"name": "small"}, "plans": [{"name": "small"}, {"name": "medium"}], "immutable": ["name"],
            "secrets": ["seed"], "inputs": {"name": "orders"},
            "schema": {"properties": {"name": {}, "seed": {}, "size": {}}}});
        let said = has(&form);
        for line in [
            "name: orders (stays as it was ordered)",
            "seed: secret (--set seed=…)",
            "size: nothing (--set size=…)",
            "or --plan medium, free of charge",
        ] {
            assert!(said.contains(line), "{said}");
        }
        assert!(!said.contains("or --plan small"), "{said}");
    }
}
