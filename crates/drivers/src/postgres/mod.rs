//! The driver `postgres`: one role and one database for each instance, on a server that the environment names.
//!
//! Both carry the key of the instance in a comment, and the driver touches nothing that does not carry it.

mod access;
mod backup;
pub mod cluster;
mod connection;
mod driver;
mod extensions;
mod limits;
mod major;
mod names;
mod password;
mod server;
mod size;

pub use driver::{PostgresDriver, PostgresOptions};
