//! Commands that ask a running server.

pub mod access;
pub mod adopt;
pub mod agenda;
pub mod apply;
pub mod args;
pub mod campaign;
pub mod campaign_args;
pub mod change;
pub mod checks;
pub mod credentials;
pub mod ending;
pub mod environment;
pub mod estate;
pub mod export;
mod follow;
pub mod http;
pub mod instance_access;
pub mod kinds;
pub mod leaks;
pub mod open;
pub mod order;
pub mod output;
mod place;
pub mod records;
pub mod release;
pub mod retry;
pub mod secrets;
pub mod take_over;
pub mod upgrade;
pub mod versions;
pub mod workload;

use anyhow::Result;

/// Runs a command that asks a server.
///
/// # Errors
/// Those of the command.
pub fn run(command: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}
