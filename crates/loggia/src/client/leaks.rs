//! What is left behind at backends.

use super::args::How;
use super::http::Api;
use super::order::confirm;
use super::output::{Table, day, items, text};
use crate::exit::{USAGE, failure};
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

/// Arguments of `loggia leaks`.
#[derive(Args, Debug)]
pub struct LeaksArgs {
    /// Puts one aside, by its key: it is not listed any more as long as it is there.
    #[arg(long, value_name = "KEY", conflicts_with = "remove", requires = "reason")]
    dismiss: Option<String>,
    /// Why it may stay.
    #[arg(long, value_name = "TEXT", requires = "dismiss")]
    reason: Option<String>,
    /// Takes one away, by its key, and looks that it is gone.
    #[arg(long, value_name = "KEY")]
    remove: Option<String>,
    /// Does not ask; what is in it is lost.
    #[arg(long, requires = "remove")]
    yes: bool,
    #[command(flatten)]
    how: How,
}

/// `loggia leaks`
///
/// # Errors
/// With the words of the server.
pub async fn leaks(args: LeaksArgs) -> Result<()> {
    let api = args.how.access.api()?;
    let answer = api.get("/api/v1/leaks", &[]).await?;
    if let (Some(key), Some(reason)) = (&args.dismiss, &args.reason) {
        let driver = driver_of(&answer, key)?;
        act(&api, "dismiss", &json!({"driver": driver, "key": key, "reason": reason})).await?;
        return args.how.output.tell(&json!({"key": key}), std::slice::from_ref(key), &format!("{key} is put aside\n"));
    }
    if let Some(key) = &args.remove {
        let driver = driver_of(&answer, key)?;
        confirm(&format!("Take {key} of {driver} away, with all that is in it?"), args.yes)?;
        act(&api, "remove", &json!({"driver": driver, "key": key, "confirmed": true})).await?;
        return args.how.output.tell(&json!({"key": key}), std::slice::from_ref(key), &format!("{key} is gone\n"));
    }
    let mut table = Table::new(&["DRIVER", "ENVIRONMENT", "BACKEND", "SINCE", "SEEN", "KEY"]);
    for one in items(&answer) {
        let cells = [text(one, "/driver"), text(one, "/environment"), text(one, "/backend"), day(one, "/since")];
        let seen = if one["unknown"] == true { "unknown" } else { "yes" };
        table.rows.push(cells.into_iter().chain([seen.to_owned(), text(one, "/key")]).collect());
    }
    let names: Vec<String> = items(&answer).map(|one| text(one, "/key")).collect();
    args.how.output.print(&answer, &names, &table)
}

/// The driver of a key in the list.
fn driver_of(answer: &Value, key: &str) -> Result<String> {
    let found = items(answer).find(|one| text(one, "/key") == key).map(|one| text(one, "/driver"));
    found.ok_or_else(|| failure(USAGE, format!("{key} is not in the list. See it: loggia leaks.")))
}

async fn act(api: &Api, verb: &str, body: &Value) -> Result<()> {
    let request = api.request(reqwest::Method::POST, &format!("/api/v1/leaks:{verb}")).json(body);
    api.send(request).await.map(drop)
}
