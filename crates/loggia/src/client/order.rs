//! Getting something, and taking it away again.

use super::follow::follow;
use super::http::{Access, Api, part};
use super::output::{Output, Table, print, text};
use super::records::{path, reference};
use crate::exit::{USAGE, failure};
use anyhow::Result;
use clap::Args;
use loggia_model::Ref;
use loggia_model::naming::shared;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::io::{BufRead, IsTerminal, Write};

/// How a repository is cloned: Git asks, and does not say for what.
const CLONING: &str = "\nGit asks for a name and a password: any name, and a token as the password. Make one:\n  \
    loggia token create git --scope git:read,git:write --days 90\n";

/// Arguments of `loggia new`.
#[derive(Args, Debug)]
pub struct NewArgs {
    /// Name of the offering; loggia get offerings lists them.
    #[arg(value_name = "OFFERING")]
    offering: String,
    /// Name of the new thing, within your team and the environment.
    #[arg(value_name = "NAME")]
    short_name: Option<String>,
    /// The same, as an option.
    #[arg(long, value_name = "NAME", conflicts_with = "short_name")]
    name: Option<String>,
    /// Environment; the one that the form fills in when not given.
    #[arg(long, visible_alias = "environment", value_name = "ENVIRONMENT")]
    env: Option<String>,
    /// Team; your own when not given.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Plan; the usual one when not given.
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// Version, or a range such as ~2.1; the newest when not given.
    #[arg(long, value_name = "VERSION")]
    release: Option<String>,
    /// One input; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    input: Vec<String>,
    /// Waits until it is ready, and shows each step.
    #[arg(long)]
    wait: bool,
    /// Tells what would happen; nothing is made.
    #[arg(long)]
    dry_run: bool,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `loggia delete`.
#[derive(Args, Debug)]
pub struct DeleteArgs {
    /// The thing, such as component/web, or instance/booking/orders.dev, which is then destroyed.
    #[arg(value_name = "KIND/NAME")]
    what: String,
    /// Does not ask; data of an instance may be lost.
    #[arg(long)]
    yes: bool,
    /// Tells what would happen; nothing is taken away.
    #[arg(long)]
    dry_run: bool,
    /// Does not wait until it is gone (instances only).
    #[arg(long)]
    no_wait: bool,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia new`
///
/// # Errors
/// With the words of the server.
pub async fn new(args: NewArgs) -> Result<()> {
    let api = args.access.api()?;
    let order = order(&api, &args).await?;
    let answer = api.post("/api/v1/orders", &order).await?;
    if args.dry_run {
        return match args.output {
            Output::Table => print(&loggia_model::yaml::write(&answer)),
            output => output.print(&answer, &[text(&answer, "/instance")], &Table::new(&["NAME"])),
        };
    }
    let (instance, operation) = (text(&answer, "/instance"), text(&answer, "/operation"));
    if !args.wait {
        let mut table = Table::new(&["INSTANCE", "OPERATION"]);
        table.rows.push(vec![instance.clone(), operation]);
        return args.output.print(&answer, &[instance], &table);
    }
    eprintln!("{instance}");
    let waits = text(&answer, "/waits");
    if !waits.is_empty() {
        return args.output.tell(&answer, &[instance], &format!("{waits}\n"));
    }
    follow(&api, &operation).await?;
    show(&api, &instance, args.output).await
}

/// The order, with what the form fills in where nothing was said.
async fn order(api: &Api, args: &NewArgs) -> Result<Value> {
    let asked = [("team", &args.team), ("environment", &args.env), ("release", &args.release)];
    let query: Vec<(&str, String)> =
        asked.iter().filter_map(|(name, value)| Some((*name, (*value).clone()?))).collect();
    let form = api.get(&format!("/api/v1/forms/{}", part(shared("offering", &args.offering))), &query).await?;
    let filled =
        |field: &str| form.pointer(&format!("/defaults/{field}/value")).and_then(Value::as_str).map(str::to_owned);
    let missing = |what: &str, from: &str| {
        let names: Vec<String> = form[from].as_array().into_iter().flatten().map(|one| text(one, "/name")).collect();
        failure(USAGE, format!("which {what}? Give --{what}; possible are: {}.", names.join(", ")))
    };
    let team = args.team.clone().or_else(|| filled("team")).ok_or_else(|| missing("team", "teams"))?;
    let environment =
        args.env.clone().or_else(|| filled("environment")).ok_or_else(|| missing("env", "environments"))?;
    let name = args.name.clone().or_else(|| args.short_name.clone());
    let name = name.ok_or_else(|| failure(USAGE, format!("what is it called? loggia new {} NAME", args.offering)))?;
    let mut inputs = inputs(&args.input, &form["schema"])?;
    for (field, value) in form["defaults"].as_object().into_iter().flatten() {
        if let (Some(name), Some(value)) = (field.strip_prefix("inputs."), value.get("value")) {
            inputs.entry(name).or_insert_with(|| value.clone());
        }
    }
    let needed = missing_inputs(&form["schema"], &inputs);
    if !needed.is_empty() {
        let flags: Vec<String> = needed.iter().map(|name| format!("--input {name}=…")).collect();
        return Err(failure(USAGE, format!("{} needs to know more. Add {}.", args.offering, flags.join(" "))));
    }
    let chosen = form["environments"].as_array().into_iter().flatten().find(|one| text(one, "/name") == environment);
    let note = chosen.map(|one| text(one, "/note")).unwrap_or_default();
    if !note.is_empty() && !args.dry_run {
        eprintln!("{note}");
    }
    let mut order = json!({"offering": args.offering, "environment": environment, "team": team, "name": name,
        "inputs": inputs, "dryRun": args.dry_run});
    for (field, value) in [("plan", &args.plan), ("release", &args.release)] {
        if let Some(value) = value {
            order[field] = json!(value);
        }
    }
    Ok(order)
}

/// What has to be said and was not.
fn missing_inputs(schema: &Value, inputs: &Map<String, Value>) -> Vec<String> {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    required.filter(|name| !inputs.contains_key(*name)).map(str::to_owned).collect()
}

/// Reads `key=value`; the contract tells whether a value is a number, a list or a text.
pub(super) fn inputs(given: &[String], schema: &Value) -> Result<Map<String, Value>> {
    let mut inputs = Map::new();
    for one in given {
        let wrong = || failure(USAGE, format!("{one:?} is no input. Write it as --input key=value."));
        let (key, value) = one.split_once('=').ok_or_else(wrong)?;
        let is_text = schema.pointer(&format!("/properties/{key}/type")).and_then(Value::as_str) == Some("string");
        let read = if is_text { None } else { serde_json::from_str(value).ok() };
        inputs.insert(key.to_owned(), read.unwrap_or_else(|| json!(value)));
    }
    Ok(inputs)
}

/// What its users need to reach a new thing.
async fn show(api: &Api, instance: &str, output: Output) -> Result<()> {
    let found = api.get(&path(&reference(instance)?), &[]).await?;
    if output != Output::Table {
        return output.print(&found, &[instance.to_owned()], &Table::new(&["NAME"]));
    }
    let mut out = String::from("\nready\n");
    for (name, value) in found.pointer("/status/outputs").and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        out.push_str(&format!("  {name:<18}{value}\n"));
    }
    for name in found.pointer("/status/secretOutputs").and_then(Value::as_array).into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        out.push_str(&format!("  {name:<18}secret; loggia reveal {instance} {name}\n"));
    }
    if found.pointer("/status/outputs/clone_url").is_some() {
        out.push_str(CLONING);
    }
    print(&out)
}

/// Arguments of `loggia reveal`.
#[derive(Args, Debug)]
pub struct RevealArgs {
    /// The instance, such as instance/booking/orders.dev.
    #[arg(value_name = "INSTANCE")]
    what: String,
    /// Name of the secret, such as password.
    #[arg(value_name = "NAME")]
    name: String,
    /// Why; an administrator of another team has to say it, and the team reads it.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    access: Access,
}

/// `loggia reveal`
///
/// # Errors
/// With the words of the server.
pub async fn reveal(args: RevealArgs) -> Result<()> {
    let instance = instance(&args.what)?;
    let path = format!("{}/outputs/{}:reveal", instance_path(&instance), part(&args.name));
    let api = args.access.api()?;
    let why = json!({"reason": args.reason.unwrap_or_default()});
    let answer = api.json(api.request(Method::POST, &path).json(&why)).await?;
    print(&format!("{}\n", text(&answer, "/value")))
}

/// The name of an instance, with or without its kind.
///
/// # Errors
/// When it is none.
pub fn instance(what: &str) -> Result<Ref> {
    let named = what.starts_with("instance") && what.contains(['/', ':']);
    let found = if named { reference(what)? } else { reference(&format!("instance/{what}"))? };
    if found.kind() == "instance" { Ok(found) } else { Err(failure(USAGE, format!("{what:?} is no instance."))) }
}

/// The path of an instance.
pub fn instance_path(instance: &Ref) -> String {
    format!("/api/v1/instances/{}/{}", part(instance.namespace()), part(instance.name()))
}

/// `loggia delete`
///
/// # Errors
/// With the words of the server.
pub async fn delete(args: DeleteArgs) -> Result<()> {
    let api = args.access.api()?;
    let what = reference(&args.what)?;
    if what.kind() == "instance" {
        return destroy(&api, &what, &args).await;
    }
    if !args.dry_run {
        confirm(&format!("Take {what} away?"), args.yes)?;
    }
    let query = if args.dry_run { "?dryRun=true" } else { "" };
    let answer = api.json(api.request(Method::DELETE, &format!("{}{query}", path(&what)))).await?;
    let done = if args.dry_run { "would be taken away" } else { "is gone" };
    let name = text(&answer, "/ref");
    let line = format!("{name} {done}\n");
    args.output.tell(&answer, &[name], &line)
}

async fn destroy(api: &Api, what: &Ref, args: &DeleteArgs) -> Result<()> {
    let found = api.get(&path(what), &[]).await?;
    let about = format!(
        "{} of {} in {}",
        text(&found, "/document/spec/offering"),
        what.namespace(),
        text(&found, "/document/spec/environment")
    );
    let names = [what.to_string()];
    if args.dry_run {
        let line = format!("{what} ({about}) would be destroyed\n");
        return args.output.tell(&json!({"instance": what, "dryRun": true}), &names, &line);
    }
    let consumers = found.pointer("/status/access").and_then(Value::as_array).into_iter().flatten();
    let consumers: Vec<String> = consumers.map(|one| text(one, "/to")).collect();
    if !consumers.is_empty() {
        eprintln!("These have access to it, and are refused from then on: {}", consumers.join(", "));
    }
    confirm(&format!("Destroy {what} ({about}) with its data?"), args.yes)?;
    let answer = api.post(&format!("{}:destroy", instance_path(what)), &json!({"confirmed": true})).await?;
    let operation = text(&answer, "/operation");
    if args.no_wait {
        let line = format!("{what} is being destroyed: operation {operation}\n");
        return args.output.tell(&answer, &names, &line);
    }
    let ended = follow(api, &operation).await?;
    args.output.tell(&ended, &names, &format!("{what} is gone\n"))
}

/// Asks before something is lost or changed; without a terminal only `--yes` says yes.
///
/// # Errors
/// When nobody says yes.
pub fn confirm(question: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(failure(USAGE, format!("{question} Nobody can answer here; give --yes.")));
    }
    eprint!("{question} [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(failure(crate::exit::PROBLEM, "nothing was done.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_to_be_said_is_named() {
        let schema = json!({"required": ["purpose", "size"], "properties": {"purpose": {"type": "string"}}});
        let given = inputs(&["size=s".to_owned()], &schema).unwrap();
        assert_eq!(missing_inputs(&schema, &given), ["purpose"]);
        assert!(missing_inputs(&json!({}), &given).is_empty());
    }
}
