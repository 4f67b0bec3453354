//! Offerings and their versions: publishing them, and moving what runs from one to the next.

pub mod dry_run;
pub mod from_template;
pub(crate) mod input_migration;
pub mod offered;
pub mod offering;
pub(crate) mod offering_versions;
pub mod publication;
pub mod upgrade;
pub(crate) mod upgrade_end;
pub(crate) mod upgrade_parts;
pub mod upgrade_path;
pub mod upgrade_preview;
pub mod upgrade_strategy;
pub(crate) mod upgrade_target;
pub mod upgrade_wait;
pub mod versions;
