//! The whole system: the real binary, its database, its repositories and drivers, from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod adopt;
mod bad_input;
mod catalog;
mod check;
mod clock;
mod cluster;
mod configuration;
mod demo;
mod deploy;
mod doctor;
mod export;
mod golden_path;
mod guide;
mod kill;
mod kill_access;
mod operate;
mod platform;
mod promises;
mod replicas;
mod replicas_killed;
mod story;
mod support;
mod terraform;
mod told;
mod traces;
