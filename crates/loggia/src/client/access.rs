//! Signing in, tokens, passwords.

use super::args::How;
use super::credentials::{self, Credentials};
use super::http::{Access, Api, part};
use super::output::{Output, Table, day, items, print, text};
use crate::exit::{USAGE, failure};
use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use loggia_app::access::policy::Action;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal, Write};

/// Arguments of `loggia login`.
#[derive(Args, Debug)]
pub struct LoginArgs {
    /// Forgets the server instead.
    #[arg(long)]
    forget: bool,
    #[command(flatten)]
    access: Access,
}

/// `loggia login`
///
/// # Errors
/// When the token is not valid, or the file cannot be written.
pub async fn login(args: LoginArgs) -> Result<()> {
    let mut known = Credentials::load()?;
    let url = args.access.url.clone().or_else(|| known.current.clone());
    let url = url.unwrap_or_else(|| credentials::DEFAULT_URL.to_owned()).trim_end_matches('/').to_owned();
    if args.forget {
        known.tokens.remove(&url);
        known.current = known.current.filter(|current| *current != url);
        known.save()?;
        return print(&format!("{url} is forgotten\n"));
    }
    let token = match &args.access.token {
        Some(token) => token.clone(),
        None => ask(&format!("Token for {url} (make one at {url}/me/tokens): "))?,
    };
    let api = Api::new(url.clone(), Some(token.clone()))?;
    let me = api.get("/api/v1/me", &[]).await?;
    known.add(&url, &token);
    known.current = Some(url.clone());
    known.save()?;
    print(&format!("You are {} at {url}\n", text(&me, "/title")))
}

/// Reads one line from the terminal or from standard input.
pub(super) fn ask(question: &str) -> Result<String> {
    let text = line(question)?;
    let mend = "Type it when you are asked, or send it on standard input: printf %s … | loggia …";
    if text.is_empty() { Err(failure(USAGE, format!("Nothing was given. {mend}"))) } else { Ok(text) }
}

/// What is typed in, or the next line of standard input.
fn line(question: &str) -> Result<String> {
    if std::io::stdin().is_terminal() {
        eprint!("{question}");
        std::io::stderr().flush()?;
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// `loggia whoami`
///
/// # Errors
/// With the words of the server.
pub async fn whoami(args: How) -> Result<()> {
    let api = args.access.api()?;
    let me = api.get("/api/v1/me", &[]).await?;
    let mut table = Table::new(&["YOU", "NAME", "TEAMS", "SERVER"]);
    let teams = me["teams"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let teams = teams.map(|team| team.rsplit('/').next().unwrap_or(team)).collect::<Vec<_>>().join(", ");
    table.rows.push(vec![text(&me, "/principal"), text(&me, "/title"), teams, api.url.clone()]);
    args.output.print(&me, &[text(&me, "/principal")], &table)
}

/// Commands about tokens.
#[derive(Subcommand, Debug)]
pub enum TokenCommand {
    /// Makes a token; it is shown this once.
    Create(CreateArgs),
    /// Lists your tokens; those of services too for an administrator.
    List(How),
    /// Revokes a token.
    Revoke(RevokeArgs),
}

/// Arguments of `loggia token create`.
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// What it is called.
    #[arg(value_name = "NAME")]
    name: String,
    /// For a service of this name, instead of for you (administrators only).
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// The team that the service acts for, such as booking; without it the service reports for any team, and sees no
    /// passwords.
    #[arg(long, value_name = "TEAM", requires = "service")]
    for_team: Option<String>,
    /// What it is good for; everything that you may do when not given, but a service sees passwords only with reveal.
    #[arg(long, value_name = "SCOPE", value_delimiter = ',', value_parser = scopes())]
    scope: Vec<String>,
    /// Days until it expires; never when not given.
    #[arg(long, value_name = "DAYS")]
    days: Option<i64>,
    #[command(flatten)]
    how: How,
}

/// All that a token may be good for, so that --help and the shell name it.
fn scopes() -> PossibleValuesParser {
    let all: BTreeSet<&str> = Action::ALL.iter().map(|action| action.scope()).collect();
    PossibleValuesParser::new(all)
}

/// Arguments of `loggia token revoke`.
#[derive(Args, Debug)]
pub struct RevokeArgs {
    /// Identity of the token; loggia token list shows it.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    how: How,
}

/// `loggia token`
///
/// # Errors
/// With the words of the server.
pub async fn token(command: TokenCommand) -> Result<()> {
    match command {
        TokenCommand::Create(args) => create(args).await,
        TokenCommand::List(args) => list(args).await,
        TokenCommand::Revoke(args) => {
            let api = args.how.access.api()?;
            api.send(api.request(Method::DELETE, &format!("/api/v1/tokens/{}", part(&args.id)))).await?;
            let answer = json!({"id": args.id, "revoked": true});
            args.how.output.tell(&answer, std::slice::from_ref(&args.id), &format!("{} is revoked\n", args.id))
        }
    }
}

async fn create(args: CreateArgs) -> Result<()> {
    let mut wish = json!({"name": args.name, "scopes": args.scope});
    if let Some(service) = &args.service {
        wish["service"] = json!(service);
    }
    if let Some(team) = &args.for_team {
        wish["team"] = json!(team);
    }
    if let Some(days) = args.days {
        wish["days"] = json!(days);
    }
    let answer = args.how.access.api()?.post("/api/v1/tokens", &wish).await?;
    match args.how.output {
        // Only the token, so that it can be put into a file or a variable.
        Output::Table | Output::Name | Output::Csv => print(&format!("{}\n", text(&answer, "/token"))),
        output => output.print_value(&answer),
    }
}

async fn list(args: How) -> Result<()> {
    let answer = args.access.api()?.get("/api/v1/tokens", &[]).await?;
    let mut table = Table::new(&["ID", "NAME", "FOR", "TEAM", "SCOPES", "MADE", "EXPIRES", "LAST USED", "REVOKED"]);
    for one in items(&answer) {
        let scopes =
            one["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(",");
        let days = ["/createdAt", "/expiresAt", "/lastUsedAt", "/revokedAt"].map(|at| day(one, at));
        let team = text(one, "/team").rsplit('/').next().unwrap_or_default().to_owned();
        let cells = [text(one, "/id"), text(one, "/name"), text(one, "/principal"), team, scopes];
        table.rows.push(cells.into_iter().chain(days).collect());
    }
    let names: Vec<String> = table.rows.iter().map(|row| row[0].clone()).collect();
    args.output.print(&answer, &names, &table)
}

/// Commands about people.
#[derive(Subcommand, Debug)]
pub enum UserCommand {
    /// Sets the password of a person; it is asked for, or read from standard input: for yourself the old one first.
    SetPassword(PasswordArgs),
}

/// Arguments of `loggia user set-password`.
#[derive(Args, Debug)]
pub struct PasswordArgs {
    /// Name of the person.
    #[arg(value_name = "PERSON")]
    person: String,
    #[command(flatten)]
    access: Access,
}

/// `loggia user`
///
/// # Errors
/// With the words of the server.
pub async fn user(command: UserCommand) -> Result<()> {
    let UserCommand::SetPassword(args) = command;
    let api = args.access.api()?;
    // Whoever sets their own knows the old one.
    let me = api.get("/api/v1/me", &[]).await?;
    let own = me["user"].as_str().is_some_and(|user| user.rsplit('/').next() == Some(args.person.as_str()));
    let old = if own { line("Old password (empty when you have none): ")? } else { String::new() };
    let password = ask(&format!("New password of {} (it is seen as you type): ", args.person))?;
    let mut body = json!({"password": password});
    if !old.is_empty() {
        body["old"] = json!(old);
    }
    let request = api.request(Method::PUT, &format!("/api/v1/logins/{}", part(&args.person)));
    api.send(request.json(&body)).await?;
    print(&format!("{} can sign in with it now\n", args.person))
}
