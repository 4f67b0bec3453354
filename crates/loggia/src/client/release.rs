//! Publishing releases, and withdrawing them.

use super::http::Access;
use super::output::{print, text};
use anyhow::Result;
use clap::Args;
use serde_json::json;

/// Arguments of `loggia publish`.
#[derive(Args, Debug)]
pub struct PublishArgs {
    /// The release, such as postgres-2.2.0.
    #[arg(value_name = "RELEASE")]
    release: String,
    /// Not yet: make a draft a candidate, which is meant to be published as it is.
    #[arg(long)]
    candidate: bool,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `loggia yank`.
#[derive(Args, Debug)]
pub struct YankArgs {
    /// The release, such as postgres-2.1.0.
    #[arg(value_name = "RELEASE")]
    release: String,
    /// Why, in one sentence; whoever runs it reads it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    access: Access,
}

fn path(release: &str, verb: &str) -> String {
    let name = release.rsplit([':', '/']).next().unwrap_or(release);
    format!("/api/v1/releases/default/{name}:{verb}")
}

/// `loggia publish`
///
/// # Errors
/// With the words of the server.
pub async fn publish(args: PublishArgs) -> Result<()> {
    let verb = if args.candidate { "candidate" } else { "publish" };
    let answer = args.access.api()?.post(&path(&args.release, verb), &json!({})).await?;
    print(&format!("{} is {}\n", text(&answer, "/release"), text(&answer, "/publication")))
}

/// `loggia yank`
///
/// # Errors
/// With the words of the server.
pub async fn yank(args: YankArgs) -> Result<()> {
    let answer = args.access.api()?.post(&path(&args.release, "yank"), &json!({"reason": args.reason})).await?;
    print(&format!("{} is withdrawn: nobody gets it any more. Where it runs it stays.\n", text(&answer, "/release")))
}
