//! Tests of commands and queries against real databases. Each test runs on SQLite, and on PostgreSQL where
//! `LOGGIA_TEST_POSTGRES` names a server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod adopt;
mod adopt_names;
mod alike;
mod campaign;
mod campaign_goal;
mod change;
mod checks;
mod composition;
mod composition_upgrade;
mod drift;
mod due;
mod ending;
mod ending_days;
mod ending_parts;
mod ending_release;
mod estate;
mod folders;
mod from_template;
mod gone;
mod harness;
mod instance_access;
mod odd;
mod offered;
mod order;
mod places;
mod plan_limits;
mod platform_secret;
mod publication;
mod recipes;
mod record;
mod removal;
mod retention;
mod reveal;
mod rules;
mod running;
mod secret_input;
mod servers;
mod signing;
mod source;
mod strategies;
mod sync;
mod take_over;
mod upgrade;
mod upgrade_wait;
mod usage;
mod version_table;
mod versions;
mod waiting;
mod warnings;
mod worker;
mod workload;
mod writer;
mod writing;
