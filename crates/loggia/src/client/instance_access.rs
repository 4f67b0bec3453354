//! Access of consumers to an instance: granting, listing, renewing and revoking it.

use super::args::How;
use super::follow::follow;
use super::http::Api;
use super::order::{confirm, instance, instance_path};
use super::output::{Output, Table, day, items, text};
use crate::exit::{USAGE, failure};
use anyhow::Result;
use clap::{Args, Subcommand};
use loggia_model::Ref;
use serde_json::{Value, json};

/// Commands about access of consumers.
#[derive(Subcommand, Debug)]
pub enum AccessCommand {
    /// Gives a consumer access, with a credential of its own.
    Grant(GrantArgs),
    /// Lists who has access.
    List(ListArgs),
    /// Shows a credential; it is shown once, and kept nowhere from then on.
    Show(ShowArgs),
    /// Makes a new credential; the old one works on for a while, and is then taken away.
    Rotate(RotateArgs),
    /// Takes access away, and looks that it is gone.
    Revoke(RevokeArgs),
}

/// Which access.
#[derive(Args, Debug)]
pub struct Which {
    /// The instance, such as booking/orders.dev.
    #[arg(value_name = "INSTANCE")]
    what: String,
    /// The consumer, such as component/quotes-api, or the identity of the access.
    #[arg(value_name = "CONSUMER")]
    who: String,
    /// Its role, where a consumer has several.
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
}

/// Arguments of `loggia access grant`.
#[derive(Args, Debug)]
pub struct GrantArgs {
    /// The instance, such as booking/orders.dev.
    #[arg(value_name = "INSTANCE")]
    what: String,
    /// The consumer: component/NAME, team/NAME or service/NAME.
    #[arg(long, value_name = "CONSUMER")]
    to: String,
    /// What it may do; the usual role when not given.
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// The last day on which it works, such as 2027-03-31.
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// Shows the credential as soon as it works.
    #[arg(long)]
    show: bool,
    #[command(flatten)]
    how: How,
}

/// Arguments of `loggia access list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// The instance, such as booking/orders.dev.
    #[arg(value_name = "INSTANCE")]
    what: String,
    #[command(flatten)]
    how: How,
}

/// Arguments of `loggia access show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    #[command(flatten)]
    which: Which,
    /// Why; an administrator who is of neither team has to say it.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    how: How,
}

/// Arguments of `loggia access rotate`.
#[derive(Args, Debug)]
pub struct RotateArgs {
    #[command(flatten)]
    which: Which,
    /// For how many minutes the old one works on; as long as the offering says when not given.
    #[arg(long, value_name = "MINUTES")]
    overlap: Option<u32>,
    /// Shows the new credential as soon as it works.
    #[arg(long)]
    show: bool,
    #[command(flatten)]
    how: How,
}

/// Arguments of `loggia access revoke`.
#[derive(Args, Debug)]
pub struct RevokeArgs {
    #[command(flatten)]
    which: Which,
    /// Does not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    how: How,
}

/// `loggia access`
///
/// # Errors
/// With the words of the server.
pub async fn access(command: AccessCommand) -> Result<()> {
    match command {
        AccessCommand::Grant(args) => grant(args).await,
        AccessCommand::List(args) => list(args).await,
        AccessCommand::Show(args) => show(args).await,
        AccessCommand::Rotate(args) => rotate(args).await,
        AccessCommand::Revoke(args) => revoke(args).await,
    }
}

async fn grant(args: GrantArgs) -> Result<()> {
    let (api, instance) = (args.how.access.api()?, instance(&args.what)?);
    let mut wish = json!({"to": args.to});
    for (field, value) in [("role", &args.role), ("until", &args.until)] {
        if let Some(value) = value {
            wish[field] = json!(value);
        }
    }
    let answer = api.post(&format!("{}/access", instance_path(&instance)), &wish).await?;
    works(&api, &instance, &answer, (args.show, args.how.output)).await
}

/// Waits until a new credential works, and shows it when that was asked for.
async fn works(api: &Api, instance: &Ref, answer: &Value, (show, output): (bool, Output)) -> Result<()> {
    follow(api, &text(answer, "/operation")).await?;
    let id = text(answer, "/access");
    if show {
        return shown(api, instance, &id, "", output).await;
    }
    let at = format!("{}/{}", instance.namespace(), instance.name());
    let line = format!("It works. See it once: loggia access show {at} {id}\n");
    output.tell(answer, &[id], &line)
}

async fn shown(api: &Api, instance: &Ref, id: &str, reason: &str, output: Output) -> Result<()> {
    let path = format!("{}/access/{id}:reveal", instance_path(instance));
    let answer = api.post(&path, &json!({"reason": reason})).await?;
    let all = ["outputs", "secrets"].into_iter().filter_map(|part| answer[part].as_object()).flatten();
    let mut table = Table::new(&["NAME", "VALUE"]);
    table.rows = all.map(|(name, value)| vec![name.clone(), text(value, "")]).collect();
    eprintln!("This is shown once. Keep it where the consumer reads it.");
    output.print(&answer, &[id.to_owned()], &table)
}

async fn list(args: ListArgs) -> Result<()> {
    let path = format!("{}/access", instance_path(&instance(&args.what)?));
    let answer = args.how.access.api()?.get(&path, &[]).await?;
    let mut table = Table::new(&["CONSUMER", "ROLE", "STATE", "UNTIL", "ID"]);
    let until = |one: &Value| if one["until"].is_null() { "-".to_owned() } else { day(one, "/until") };
    let row = |one: &Value| vec![text(one, "/to"), text(one, "/role"), state(one), until(one), text(one, "/id")];
    table.rows = items(&answer).map(row).collect();
    let names: Vec<String> = items(&answer).map(|one| text(one, "/id")).collect();
    args.how.output.print(&answer, &names, &table)
}

/// How an access is, in a few words.
fn state(access: &Value) -> String {
    let credentials = access["credentials"].as_array().map(Vec::as_slice).unwrap_or_default();
    let count = |state: &str| credentials.iter().filter(|one| text(one, "/state") == state).count();
    let stuck = credentials.iter().any(|one| !text(one, "/message").is_empty());
    match (count("works"), count("making"), count("revoking")) {
        (0, 0, _) if stuck => "cannot be revoked yet".to_owned(),
        (0, 0, _) => "being revoked".to_owned(),
        (0, ..) => "being made".to_owned(),
        (1, 0, 0) => "works".to_owned(),
        (1, 1.., _) => "works, a new one is being made".to_owned(),
        (1, 0, _) => "works, an earlier one is taken away".to_owned(),
        _ => "works, and an earlier one for a while".to_owned(),
    }
}

/// The identity of the access that was named.
async fn named(api: &Api, instance: &Ref, which: &Which) -> Result<String> {
    let answer = api.get(&format!("{}/access", instance_path(instance)), &[]).await?;
    let wanted = which.who.replacen("team/", "group/", 1).replacen('/', ":", 1);
    let is = |one: &&Value| {
        let to = text(one, "/to");
        let short = to.replacen(":default/", ":", 1);
        let role = which.role.as_ref().is_none_or(|role| text(one, "/role") == *role);
        role && (text(one, "/id") == which.who || to == wanted || short == wanted)
    };
    let found: Vec<String> = items(&answer).filter(is).map(|one| text(one, "/id")).collect();
    let mend = format!("See: loggia access list {}/{}", instance.namespace(), instance.name());
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(failure(USAGE, format!("{} has no access there. {mend}", which.who))),
        _ => Err(failure(USAGE, format!("{} has several roles there; give --role. {mend}", which.who))),
    }
}

async fn show(args: ShowArgs) -> Result<()> {
    let (api, instance) = (args.how.access.api()?, instance(&args.which.what)?);
    let id = named(&api, &instance, &args.which).await?;
    shown(&api, &instance, &id, &args.reason, args.how.output).await
}

async fn rotate(args: RotateArgs) -> Result<()> {
    let (api, instance) = (args.how.access.api()?, instance(&args.which.what)?);
    let id = named(&api, &instance, &args.which).await?;
    let wish = args.overlap.map_or(json!({}), |minutes| json!({"overlapMinutes": minutes}));
    let answer = api.post(&format!("{}/access/{id}:rotate", instance_path(&instance)), &wish).await?;
    works(&api, &instance, &answer, (args.show, args.how.output)).await
}

async fn revoke(args: RevokeArgs) -> Result<()> {
    let (api, instance) = (args.how.access.api()?, instance(&args.which.what)?);
    let id = named(&api, &instance, &args.which).await?;
    confirm(&format!("Take the access of {} away?", args.which.who), args.yes)?;
    let answer = api.post(&format!("{}/access/{id}:revoke", instance_path(&instance)), &json!({})).await?;
    if !text(&answer, "/operation").is_empty() {
        follow(&api, &text(&answer, "/operation")).await?;
    }
    args.how.output.tell(&answer, &[id], &format!("{} has no access any more\n", args.which.who))
}

#[cfg(test)]
mod tests {
    use super::state;
    use serde_json::json;

    #[test]
    fn an_access_is_told_in_a_few_words() {
        let with = |states: &[&str]| {
            let all: Vec<_> = states.iter().map(|state| json!({"state": state})).collect();
            state(&json!({"credentials": all}))
        };
        assert_eq!(with(&["making"]), "being made");
        assert_eq!(with(&["works"]), "works");
        assert_eq!(with(&["works", "works"]), "works, and an earlier one for a while");
        assert_eq!(with(&["works", "making"]), "works, a new one is being made");
        assert_eq!(with(&["revoking", "works"]), "works, an earlier one is taken away");
        assert_eq!(with(&["revoking"]), "being revoked");
        let stuck = json!({"credentials": [{"state": "revoking", "message": "It is away."}]});
        assert_eq!(state(&stuck), "cannot be revoked yet");
    }
}
