//! Tests of commands and queries against real databases. Each test runs on SQLite, and on PostgreSQL where
//! `LOGGIA_TEST_POSTGRES` names a server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::needless_pass_by_value, reason = "tests hand their JSON over as they write it")]

mod estate;
mod harness;
mod kept;
mod order;
mod record;
mod signing;
mod source;
mod sync;
mod usage;
mod writing;
