//! The program: the server, the demo, and the command line.

mod client;
mod demo;
mod logs;
mod serve;
mod settings;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Runs an internal platform as a product: who runs what, moves them, proves that the old is gone.
#[derive(Parser)]
#[command(name = "loggia", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the example platform, with everything in it.
    Demo(demo::DemoArgs),
    /// Runs the server.
    Serve(Box<settings::ServeArgs>),
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    // The first thing of all: every TLS connection uses this provider. A second call is harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match cli.command {
        Command::Demo(args) => demo::run(args),
        Command::Serve(args) => serve::run(*args),
    }
}
