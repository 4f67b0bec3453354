//! Having something managed that runs already, and letting go of it again.

use super::follow::follow;
use super::http::Access;
use super::order::{inputs, instance, instance_path};
use super::output::{Output, text};
use anyhow::Result;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

/// Arguments of `loggia take-over`.
#[derive(Args, Debug)]
pub struct TakeOverArgs {
    /// The instance, such as booking/archive.production; its team has confirmed it (loggia enrol).
    #[arg(value_name = "INSTANCE")]
    what: String,
    /// Version of the release that it is; the one that it was recognised as when not given.
    #[arg(long, value_name = "VERSION")]
    release: Option<String>,
    /// Plan; the usual one when not given.
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// One input that it has; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    input: Vec<String>,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia take-over`
///
/// # Errors
/// With the words of the server; when it would change something, after that was shown.
pub async fn take_over(args: TakeOverArgs) -> Result<()> {
    let api = args.access.api()?;
    let mut wish = json!({"inputs": inputs(&args.input, &Value::Null)?});
    for (field, value) in [("plan", &args.plan), ("release", &args.release)] {
        if let Some(value) = value {
            wish[field] = json!(value);
        }
    }
    let instance = instance(&args.what)?;
    let answer = api.post(&format!("{}:take-over", instance_path(&instance)), &wish).await?;
    let name = text(&answer, "/instance");
    eprintln!("{name}");
    let ended = follow(&api, &text(&answer, "/operation")).await?;
    let line = format!("{name} is managed\n");
    args.output.tell(&ended, &[name], &line)
}

/// Arguments of `loggia orphan`.
#[derive(Args, Debug)]
pub struct OrphanArgs {
    /// The instance, such as booking/archive.production.
    #[arg(value_name = "INSTANCE")]
    what: String,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia orphan`
///
/// # Errors
/// With the words of the server.
pub async fn orphan(args: OrphanArgs) -> Result<()> {
    let api = args.access.api()?;
    let path = format!("{}:orphan", instance_path(&instance(&args.what)?));
    let answer = api.json(api.request(Method::POST, &path)).await?;
    let name = text(&answer, "/instance");
    let line = format!("{name} is {} and runs on\n", text(&answer, "/step"));
    args.output.tell(&answer, &[name], &line)
}
