//! Having something made again: what failed, or what is not as it was made any more.

use super::follow::follow;
use super::http::Access;
use super::order::{instance, instance_path};
use super::output::{Output, text};
use anyhow::Result;
use clap::Args;
use serde_json::json;

/// Arguments of `loggia retry`.
#[derive(Args, Debug)]
pub struct RetryArgs {
    /// The instance, such as booking/orders.dev.
    #[arg(value_name = "INSTANCE")]
    what: String,
    /// Does not wait for the end.
    #[arg(long)]
    no_wait: bool,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia retry`
///
/// # Errors
/// With the words of the server, and when it fails again.
pub async fn retry(args: RetryArgs) -> Result<()> {
    let (api, instance) = (args.access.api()?, instance(&args.what)?);
    let answer = api.post(&format!("{}:retry", instance_path(&instance)), &json!({})).await?;
    let (operation, names) = (text(&answer, "/operation"), [instance.to_string()]);
    if args.no_wait {
        return args.output.tell(&answer, &names, &format!("{instance} is made again: operation {operation}\n"));
    }
    let ended = follow(&api, &operation).await?;
    args.output.tell(&ended, &names, &format!("{instance} is as wanted\n"))
}
