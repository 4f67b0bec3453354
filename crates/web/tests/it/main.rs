//! Tests of the doors over a whole application, on SQLite and, where a server is given, on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audience;
mod backend;
mod bindings;
mod catalog;
mod cdevents;
mod change;
mod doors;
mod edits;
mod ending;
mod ending_clients;
mod ending_forms;
mod finding;
mod git;
mod hidden;
mod hidden_worlds;
mod limits;
mod partner;
mod poison;
mod prefix;
mod provider;
mod reach;
mod read_only;
mod records;
mod roles;
mod roles_things;
mod running;
mod scopes;
mod signing;
mod state;
mod twins;
mod world;
