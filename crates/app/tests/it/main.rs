//! Tests of commands and queries against real databases. Each test runs on SQLite, and on PostgreSQL where
//! `LOGGIA_TEST_POSTGRES` names a server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod adopt;
mod campaign;
mod checks;
mod composition;
mod drift;
mod due;
mod ending;
mod ending_days;
mod ending_parts;
mod estate;
mod folders;
mod gone;
mod harness;
mod odd;
mod order;
mod places;
mod platform_secret;
mod publication;
mod record;
mod removal;
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
mod usage;
mod version_table;
mod versions;
mod warnings;
mod worker;
mod workload;
mod writing;
