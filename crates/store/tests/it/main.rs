//! Every function of the store, on SQLite and on PostgreSQL.

mod copy;
mod faults;
mod ledgers;
mod log;
mod people;
mod queue;
mod speed;
mod support;
