//! Every function of the store, on SQLite and on PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod copy;
mod faults;
mod ledgers;
mod log;
mod people;
mod queue;
mod support;
