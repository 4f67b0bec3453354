//! Arguments that many commands share.

use super::http::Access;
use super::output::Output;
use clap::Args;

/// Which server is asked, and in what form it is answered.
#[derive(Args, Debug)]
pub struct How {
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub access: Access,
}

/// Arguments of commands that need a name only.
#[derive(Args, Debug)]
pub struct NameArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    pub name: String,
    #[command(flatten)]
    pub how: How,
}

/// Arguments of commands that let a team differ.
#[derive(Args, Debug)]
pub struct DifferArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The team.
    #[arg(long, value_name = "TEAM")]
    pub team: String,
    /// One instance of it only, such as booking/orders.dev.
    #[arg(long, value_name = "INSTANCE")]
    pub instance: Option<String>,
    /// Day on which it ends.
    #[arg(long, value_name = "DAY")]
    pub until: String,
    /// Why, in one sentence.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    #[command(flatten)]
    pub how: How,
}
