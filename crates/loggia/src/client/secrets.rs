//! Secrets of the platform: what environments name by `secretRef`, and where each may be used.

use super::access::ask;
use super::args::How;
use super::http::{Access, Api, part};
use super::output::{Output, Table, items, strings, text};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

/// Commands about secrets of the platform.
#[derive(Subcommand, Debug)]
pub enum SecretCommand {
    /// Sets a secret that environments name by secretRef; it is asked for, or read from standard input.
    Set(SetArgs),
    /// Allows a secret to be used in more places.
    Allow(AllowArgs),
    /// Lists their names and where they may be used.
    List(How),
}

/// Where a secret may be used.
#[derive(Args, Debug)]
pub struct AllowedArgs {
    /// An environment in which it may be used; may be given several times.
    #[arg(long = "environment", value_name = "NAME")]
    environments: Vec<String>,
    /// A driver that may get it, or command/PROGRAM; may be given several times.
    #[arg(long = "driver", value_name = "NAME")]
    drivers: Vec<String>,
    /// A host, address or socket that backend and recipe may name; may be given several times.
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// A setting of recipes that names no place, whatever it holds; may be given several times.
    #[arg(long = "setting", value_name = "NAME")]
    settings: Vec<String>,
}

/// Arguments of `loggia secret set`.
#[derive(Args, Debug)]
pub struct SetArgs {
    /// Name of the secret.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    allowed: AllowedArgs,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `loggia secret allow`.
#[derive(Args, Debug)]
pub struct AllowArgs {
    /// Name of the secret.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    allowed: AllowedArgs,
    /// Allows what is given and nothing else.
    #[arg(long)]
    only: bool,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia secret`
///
/// # Errors
/// With the words of the server.
pub async fn secret(command: SecretCommand) -> Result<()> {
    match command {
        SecretCommand::Set(args) => set(args).await,
        SecretCommand::Allow(args) => allow(args).await,
        SecretCommand::List(args) => list(args).await,
    }
}

async fn set(args: SetArgs) -> Result<()> {
    let api = args.access.api()?;
    let value = ask(&format!("Secret {} (it is seen as you type): ", args.name))?;
    let allowed = put(&api, &args.name, &json!({"value": value, "allow": args.allowed.body()})).await?;
    let line = format!("{} is set\n{}", args.name, told(&args.name, &allowed));
    args.output.tell(&json!({"name": args.name, "allowed": allowed}), std::slice::from_ref(&args.name), &line)
}

async fn allow(args: AllowArgs) -> Result<()> {
    let field = if args.only { "allowed" } else { "allow" };
    let allowed = put(&args.access.api()?, &args.name, &json!({field: args.allowed.body()})).await?;
    let line = told(&args.name, &allowed);
    args.output.tell(&json!({"name": args.name, "allowed": allowed}), std::slice::from_ref(&args.name), &line)
}

async fn list(args: How) -> Result<()> {
    let answer = args.access.api()?.get("/api/v1/secrets", &[]).await?;
    let names: Vec<String> = items(&answer).map(|one| text(one, "/name")).collect();
    let mut table = Table::new(&["NAME", "ENVIRONMENTS", "DRIVERS", "HOSTS", "SETTINGS"]);
    let row = |one: &Value| {
        let of = |field: &str| strings(one, &format!("/allowed/{field}")).join(", ");
        vec![text(one, "/name"), of("environments"), of("drivers"), of("hosts"), of("settings")]
    };
    table.rows = items(&answer).map(row).collect();
    args.output.print(&answer, &names, &table)
}

/// Where it may be used from now on. The server adds to what is allowed by then, so that nothing that was revoked
/// meanwhile comes back.
async fn put(api: &Api, name: &str, body: &Value) -> Result<Value> {
    let response = api.send(api.request(Method::PUT, &format!("/api/v1/secrets/{}", part(name))).json(body)).await?;
    let answer: Value = response.json().await.context("the answer cannot be read")?;
    Ok(answer.get("allowed").cloned().unwrap_or_default())
}

/// Says where it may be used, and what to do when that is nowhere.
fn told(name: &str, allowed: &Value) -> String {
    let of = |field: &str| strings(allowed, &format!("/{field}")).join(", ");
    let (environments, drivers, hosts) = (of("environments"), of("drivers"), of("hosts"));
    if environments.is_empty() || drivers.is_empty() {
        let mend = format!("loggia secret allow {name} --environment NAME --driver NAME [--host HOST]");
        return format!("It may be used nowhere yet. Allow it: {mend}\n");
    }
    let hosts = if hosts.is_empty() { String::new() } else { format!(", with {hosts}") };
    format!("It may be used in {environments}, by {drivers}{hosts}.\n")
}

impl AllowedArgs {
    fn body(&self) -> Value {
        json!({
            "environments": self.environments,
            "drivers": self.drivers,
            "hosts": self.hosts,
            "settings": self.settings,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_where_a_secret_may_be_used() {
        let more = json!({"environments": ["dev", "test"], "drivers": ["postgres"], "hosts": ["db"], "settings": []});
        assert!(told("s", &more).contains("dev, test, by postgres, with db"));
        assert!(told("s", &json!({})).contains("loggia secret allow s"));
    }
}
