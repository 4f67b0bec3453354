//! The program: the server, the demo, and the command line.

mod serve;

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
    /// Runs the server.
    Serve(serve::ServeArgs),
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    // The first thing of all: every TLS connection uses this provider. A second call is harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match cli.command {
        Command::Serve(args) => serve::run(args),
    }
}
