//! Upgrading one thing, going back, and the ways of everything that a team has.

use super::follow::follow;
use super::http::{Access, Api};
use super::order::{confirm, instance, instance_path};
use super::output::{Output, Table, print, text};
use crate::exit::{USAGE, failure, told};
use anyhow::Result;
use clap::{Args, Subcommand};
use loggia_model::Ref;
use serde_json::{Value, json};
use std::io::IsTerminal;

/// Arguments of `loggia upgrade`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct UpgradeArgs {
    #[command(subcommand)]
    command: Option<UpgradeCommand>,
    /// The instance, such as booking/orders.dev.
    #[arg(value_name = "INSTANCE")]
    what: Option<String>,
    /// To this version, range or channel; the newest when not given.
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    /// Back to the version that it had before.
    #[arg(long, conflicts_with = "to")]
    back: bool,
    /// Tells what would happen; nothing is changed.
    #[arg(long)]
    dry_run: bool,
    /// Merges the change that waits, as it is now.
    #[arg(long, conflicts_with_all = ["to", "back", "dry_run"])]
    merge: bool,
    /// Gives up what waits, a change or an upgrade for its hours; the version that there is stays.
    #[arg(long, conflicts_with_all = ["to", "back", "dry_run", "merge"])]
    close: bool,
    /// Writes the change that waits as a patch for git am; where none does, that to another version, for a repository that
    /// is kept elsewhere.
    #[arg(long, conflicts_with_all = ["back", "dry_run", "merge", "close"])]
    patch: bool,
    /// Takes away what is kept of the earlier version; there is no way back then.
    #[arg(long, conflicts_with_all = ["to", "back", "dry_run", "merge", "close", "patch"])]
    let_go: bool,
    /// Does not ask.
    #[arg(long)]
    yes: bool,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// Subcommands of `loggia upgrade`.
#[derive(Subcommand, Debug)]
enum UpgradeCommand {
    /// Prints the steps to the newest versions, in order, or says which one is missing.
    Plan(PlanArgs),
}

/// Arguments of `loggia upgrade plan`.
#[derive(Args, Debug)]
struct PlanArgs {
    /// A team, such as booking, or an instance, such as booking/orders.dev.
    #[arg(value_name = "TEAM|INSTANCE")]
    what: String,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia upgrade`
///
/// # Errors
/// With the words of the server.
pub async fn upgrade(args: UpgradeArgs) -> Result<()> {
    if let Some(UpgradeCommand::Plan(args)) = args.command {
        return plan(args).await;
    }
    let what = args.what.as_deref().ok_or_else(|| failure(USAGE, "which one? loggia upgrade INSTANCE"))?;
    let (api, instance) = (args.access.api()?, instance(what)?);
    if args.merge || args.close || args.patch {
        return waiting(&api, &instance, &args).await;
    }
    if args.let_go {
        confirm(&format!("Take away what is kept of {instance}? There is no way back then."), args.yes)?;
        let answer = api.post(&format!("{}:let-go", instance_path(&instance)), &json!({})).await?;
        let ended = follow(&api, &text(&answer, "/operation")).await?;
        return args.output.tell(&ended, &[instance.to_string()], "What was kept is gone\n");
    }
    let mut query = vec![("back", args.back.to_string())];
    query.extend(args.to.clone().map(|to| ("to", to)));
    let preview = api.get(&format!("{}/upgrade", instance_path(&instance)), &query).await?;
    if args.dry_run && args.output != Output::Table {
        return args.output.print_value(&preview);
    }
    match args.output {
        Output::Table => print(&shown(&preview))?,
        // The answer is what comes of it; what was looked at before is for people.
        _ => eprint!("{}", shown(&preview)),
    }
    if args.dry_run {
        return Ok(());
    }
    if !text(&preview, "/blocked").is_empty() {
        return Err(told());
    }
    let to = text(&preview, "/to");
    confirm(&format!("Bring {instance} from {} to {to}?", text(&preview, "/from")), args.yes)?;
    let body = match args.back {
        true => json!({"back": true, "confirmed": true}),
        // Whoever said yes knows what the way to it costs.
        false => json!({"to": to, "confirmed": text(&preview, "/strategy") == "rebuild"}),
    };
    let answer = api.post(&format!("{}:upgrade", instance_path(&instance)), &body).await?;
    let waits = text(&answer, "/waits");
    if !waits.is_empty() {
        return args.output.tell(&answer, &[instance.to_string()], &format!("{waits}\n"));
    }
    let ended = follow(&api, &text(&answer, "/operation")).await?;
    if text(&preview, "/strategy") == "by-hand" {
        return args.output.tell(&answer, &[instance.to_string()], &by_hand(&answer, &to));
    }
    match text(&answer, "/branch").as_str() {
        "" => args.output.tell(&ended, &[instance.to_string()], &format!("{instance} has {to}\n")),
        branch => proposed(&api, &instance, branch, args.output).await,
    }
}

/// What people do.
fn by_hand(answer: &Value, to: &str) -> String {
    let steps = answer["steps"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut out = format!("Bring it to {to} by hand; it counts once a look sees it.\n");
    steps.enumerate().for_each(|(at, step)| out.push_str(&format!("  {}. {step}\n", at + 1)));
    out + "Or give it up: loggia upgrade INSTANCE --close\n"
}

/// What to do with a change that was made.
async fn proposed(api: &Api, instance: &Ref, branch: &str, output: Output) -> Result<()> {
    let names = [instance.to_string()];
    let Ok(change) = api.get(&format!("{}/change", instance_path(instance)), &[]).await else {
        return output.tell(&json!({"instance": instance}), &names, "Nothing differs: it has the new version.\n");
    };
    let conflicts = conflicts(&change, "/proposal/files");
    let short = format!("{}/{}", instance.namespace(), instance.name());
    let mut out = format!("The change waits on the branch {branch}; nothing is different until it is merged.\n");
    if conflicts.is_empty() {
        out.push_str(&format!("Merge it:        loggia upgrade {short} --merge\n"));
    } else {
        out.push_str(&format!("Both sides changed {}. Bring them together:\n", conflicts.join(", ")));
        out.push_str(&format!("                 git fetch && git switch {branch}, then edit, commit and push\n"));
        out.push_str(&format!("Then merge it:   loggia upgrade {short} --merge\n"));
    }
    out.push_str(&format!(
        "See it:          loggia upgrade {short} --patch\nOr give it up:   loggia upgrade {short} --close\n"
    ));
    output.tell(&change, &names, &out)
}

fn conflicts(value: &Value, at: &str) -> Vec<String> {
    let files = value.pointer(at).and_then(Value::as_array).cloned().unwrap_or_default();
    files.iter().filter(|file| file["conflict"] == true).map(|file| text(file, "/path")).collect()
}

/// Merges, gives up or writes the change that waits.
async fn waiting(api: &Api, instance: &Ref, args: &UpgradeArgs) -> Result<()> {
    let path = instance_path(instance);
    if args.patch {
        return print(&patch(api, &path, args).await?);
    }
    if args.close {
        let before = api.get(&format!("{path}/upgrade"), &[]).await?;
        let version = text(&before, "/from");
        let answer = api.post(&format!("{path}:close-change"), &json!({})).await?;
        let line = format!("What waited is given up; {instance} stays at {version}\n");
        return args.output.tell(&answer, &[instance.to_string()], &line);
    }
    let change = api.get(&format!("{path}/change"), &[]).await?;
    let version = text(&change, "/version");
    confirm(&format!("Merge the change to {version} into {}?", text(&change, "/proposal/into")), args.yes)?;
    let seen = json!({"commit": change["proposal"]["commit"], "base": change["proposal"]["base"]});
    let answer = api.post(&format!("{path}:merge-change"), &seen).await?;
    args.output.tell(&answer, &[instance.to_string()], &format!("{instance} has {version}\n"))
}

/// The change that waits, or what another version would change, with what to do with it beside.
async fn patch(api: &Api, path: &str, args: &UpgradeArgs) -> Result<String> {
    if args.to.is_none()
        && let Ok(waiting) = api.text(&format!("{path}/change/patch")).await
    {
        return Ok(waiting);
    }
    let query: Vec<(&str, String)> = args.to.iter().map(|to| ("to", to.clone())).collect();
    let text = api.text_of(&format!("{path}/upgrade/patch"), &query).await?;
    if std::io::stdout().is_terminal() {
        eprintln!("Write it to a file, and apply it in your repository: git am --3way FILE");
    }
    Ok(text)
}

/// What would happen, in lines.
fn shown(preview: &Value) -> String {
    let list = |at: &str| preview.pointer(at).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut out = match text(preview, "/to").as_str() {
        "" => format!("{} has {}\n", text(preview, "/instance"), text(preview, "/from")),
        to => format!("{}: {} → {to}\n", text(preview, "/instance"), text(preview, "/from")),
    };
    for change in list("/changes") {
        out.push_str(&format!("  {}: {}\n", text(&change, "/weight"), text(&change, "/text")));
    }
    for change in list("/inputs") {
        let side = |name: &str| change.get(name).map_or_else(|| "nothing".to_owned(), ToString::to_string);
        out.push_str(&format!("  {}: {} becomes {}\n", text(&change, "/path"), side("before"), side("after")));
    }
    for file in list("/change/files") {
        let both = if file["conflict"] == true { " (both sides changed it)" } else { "" };
        out.push_str(&format!("  file {}{both}\n", text(&file, "/path")));
    }
    for (name, at) in [
        ("plan", "/plan/name"),
        ("risk", "/risk"),
        ("agreement", "/approval"),
        ("when", "/waits"),
        ("by itself", "/automatic"),
        ("not now", "/blocked"),
    ] {
        let said = text(preview, at);
        if !said.is_empty() {
            out.push_str(&format!("  {name}: {said}\n"));
        }
    }
    out
}

async fn plan(args: PlanArgs) -> Result<()> {
    let api = args.access.api()?;
    let items = previews(&api, &args.what).await?;
    if args.output != Output::Table {
        return args.output.print_value(&json!({ "items": items }));
    }
    let mut table = Table::new(&["INSTANCE", "HAS", "STEP", "TO", "CHANGE", "HOW", "BACK", "WHY NOT"]);
    for item in &items {
        let (instance, from, blocked) = (text(item, "/instance"), text(item, "/from"), text(item, "/blocked"));
        let way = item["way"].as_array().cloned().unwrap_or_default();
        if way.is_empty() {
            let empty = String::new;
            table.rows.push(vec![instance, from, empty(), empty(), empty(), empty(), empty(), blocked]);
            continue;
        }
        for (at, hop) in way.iter().enumerate() {
            let why = if at == 0 { blocked.clone() } else { String::new() };
            let parts = ["/version", "/weight", "/strategy", "/rollback"].map(|part| text(hop, part));
            let [version, weight, how, back] = parts;
            let step = (at + 1).to_string();
            table.rows.push(vec![instance.clone(), from.clone(), step, version, weight, how, back, why]);
        }
    }
    args.output.print(&json!({ "items": items }), &[], &table)
}

async fn previews(api: &Api, what: &str) -> Result<Vec<Value>> {
    if what.trim_start_matches("group:default/").contains(['/', '.']) {
        return Ok(vec![api.get(&format!("{}/upgrade", instance_path(&instance(what)?)), &[]).await?]);
    }
    let answer = api.get("/api/v1/upgrades", &[("team", what.to_owned())]).await?;
    Ok(answer["items"].as_array().cloned().unwrap_or_default())
}
