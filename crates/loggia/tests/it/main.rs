//! The whole system: the real binary, its database, its repositories and drivers, from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod adopt;
mod bad_input;
mod catalog;
mod check;
mod clock;
mod configuration;
mod demo;
mod export;
mod golden_path;
mod kill;
mod kill_access;
mod operate;
mod platform;
mod replicas;
mod story;
mod support;
mod terraform;
mod told;
mod traces;
