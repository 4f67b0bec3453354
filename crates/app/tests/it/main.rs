//! Tests of commands and queries against real databases. Each test runs on SQLite, and on PostgreSQL where
//! `LOGGIA_TEST_POSTGRES` names a server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod adopt;
mod alike;
mod campaign;
mod checks;
mod drift;
mod due;
mod ending;
mod ending_days;
mod ending_parts;
mod estate;
mod folders;
mod from_template;
mod gone;
mod harness;
mod naming;
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
mod writer;
mod writing;
