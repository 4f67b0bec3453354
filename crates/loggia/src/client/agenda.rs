//! What is due for a team.

use super::args::How;
use super::output::{Table, items, text};
use anyhow::Result;
use clap::Args;

/// Arguments of `loggia due`.
#[derive(Args, Debug)]
pub struct DueArgs {
    /// Of this team; of all of yours when not given.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    #[command(flatten)]
    how: How,
}

/// `loggia due`
///
/// # Errors
/// With the words of the server.
pub async fn due(args: DueArgs) -> Result<()> {
    let query: Vec<(&str, String)> = args.team.iter().map(|team| ("team", team.clone())).collect();
    let answer = args.how.access.api()?.get("/api/v1/due", &query).await?;
    let mut table = Table::new(&["UNTIL", "WHAT", "ABOUT", "DUE"]);
    for row in items(&answer) {
        table.rows.push(["/until", "/kind", "/title", "/text"].map(|part| text(row, part)).to_vec());
    }
    let names: Vec<String> = items(&answer).map(|row| text(row, "/about")).collect();
    args.how.output.print(&answer, &names, &table)
}
