//! The program: the server, the demo, and the command line.

mod backup;
mod check;
mod client;
mod command;
#[cfg(test)]
mod command_tests;
mod credentials;
mod demo;
mod doctor;
mod driver;
mod exit;
mod folder;
mod logs;
mod printed;
mod public;
mod serve;
mod settings;

use std::process::ExitCode;

/// Requests allocate much and briefly, on all cores; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = command::Cli::given();
    // The first thing of all: every TLS connection uses this provider. A second call is harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match command::run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::tell(&error),
    }
}
