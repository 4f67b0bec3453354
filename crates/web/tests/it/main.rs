//! Tests of the doors over a whole application, on SQLite and, where a server is given, on PostgreSQL.

mod audience;
mod records;
mod roles;
mod running;
mod world;
