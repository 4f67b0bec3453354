//! What `loggia campaign` takes.

use super::args::{DifferArgs, How, NameArgs};
use clap::{Args, Subcommand};

/// Commands of `loggia campaign`.
#[derive(Subcommand, Debug)]
pub enum CampaignCommand {
    /// Lists campaigns: how far each is, in which wave, and when it will be over
    List(How),
    /// Tells what one would do: who is hit, wave by wave, what breaks, what it costs. Nothing happens
    Plan(Box<PlanArgs>),
    /// Starts one; its list is frozen then
    Start(NameArgs),
    /// Shows how far one is, who is where in it, and why it stopped
    Status(NameArgs),
    /// Stops one for a while; what is being changed is changed to its end
    Pause(SayArgs),
    /// Lets one go on; what failed is tried again
    Resume(SayArgs),
    /// Takes back what one moved in a wave
    Rollback(RollbackArgs),
    /// Leaves one of your instances alone until a day
    Snooze(SnoozeArgs),
    /// Lets a team differ until a day
    Exempt(DifferArgs),
    /// Ends one
    End(SayArgs),
}

/// Arguments of `loggia campaign plan`.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Its name, such as postgres-15. Without --to, one that is kept.
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// Versions that are wanted, such as '>=15': of what really runs.
    #[arg(long, value_name = "RANGE")]
    pub(super) to: Option<String>,
    /// Name of the offering; what stands before the number in the name when not given.
    #[arg(long, value_name = "NAME", requires = "to")]
    pub(super) offering: Option<String>,
    /// Only what fits, such as spec.environment=production; of several at least one.
    #[arg(long, value_name = "FILTER", requires = "to")]
    pub(super) scope: Vec<String>,
    /// Why, in one sentence.
    #[arg(long, value_name = "TEXT", requires = "to")]
    pub(super) purpose: Option<String>,
    /// How many are changed at the same time.
    #[arg(long, value_name = "NUMBER", requires = "to")]
    pub(super) parallelism: Option<u32>,
    /// How many of a wave may fail before it halts by itself.
    #[arg(long, value_name = "NUMBER", requires = "to")]
    pub(super) failure_budget: Option<u32>,
    /// For how many minutes a wave rests before the next one begins.
    #[arg(long, value_name = "MINUTES", requires = "to")]
    pub(super) bake: Option<u32>,
    /// Name of a check that has to pass before the next wave begins.
    #[arg(long, value_name = "CHECK", requires = "to")]
    pub(super) gate: Option<String>,
    /// Day by which it shall be over, such as 2027-03-31.
    #[arg(long, value_name = "DAY", requires = "to")]
    pub(super) deadline: Option<String>,
    /// Keeps it, so that it can be started. Nobody is told yet.
    #[arg(long, requires = "to")]
    pub(super) save: bool,
    #[command(flatten)]
    pub(super) how: How,
}

/// Arguments of commands that take a reason.
#[derive(Args, Debug)]
pub struct SayArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// Why, in one sentence; whoever is concerned reads it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) how: How,
}

/// Arguments of `loggia campaign rollback`.
#[derive(Args, Debug)]
pub struct RollbackArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// The wave.
    #[arg(long, value_name = "WAVE")]
    pub(super) wave: String,
    /// Why, in one sentence.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) how: How,
}

/// Arguments of `loggia campaign snooze`.
#[derive(Args, Debug)]
pub struct SnoozeArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// The instance, such as booking/orders.dev.
    #[arg(long, value_name = "INSTANCE")]
    pub(super) instance: String,
    /// Day on which it ends.
    #[arg(long, value_name = "DAY")]
    pub(super) until: String,
    /// Why, in one sentence.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) how: How,
}
