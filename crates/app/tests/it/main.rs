//! Tests of commands and queries against real databases. Each test runs on SQLite, and on PostgreSQL where
//! `LOGGIA_TEST_POSTGRES` names a server.

mod estate;
mod harness;
mod order;
mod record;
mod sync;
