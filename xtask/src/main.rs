//! Everything that is done to the workspace and is not the product: `cargo xtask <command>`.

mod bench;
mod conformance;
mod entities;
mod http;
mod install;
mod postgres;
mod process;
mod relations;
mod report;
mod server;
mod structure;
mod tally;
mod test;

use anyhow::{Result, bail};

const HELP: &str = "cargo xtask <command>

  test          all tests: installs what is missing where it may, runs on SQLite and PostgreSQL, then in a browser
  ci            what .ci/run does: format, lints, structure, test
  structure     which crate may use which, file sizes, forbidden calls, project files
  postgres      a PostgreSQL for tests while a command runs: cargo xtask postgres cargo test -p loggia-store
  conformance   against what a real Backstage answers [--write] [--only NAME] [--binary PATH]
                NAME: client, replay, verdicts, relations, schemathesis, schemathesis-catalog, schemathesis-backstage
  bench         figures beside their limits [--write] [--only NAME] [--binary PATH] [--empty PATH] [--cold-build]
                NAME: visible, serving, large, source, orders, demo, pages, build
";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest = arguments.get(1..).unwrap_or_default();
    let good = match arguments.first().map(String::as_str) {
        Some("test") => test::run()?,
        Some("ci") => process::status(std::process::Command::new("bash").arg(process::root().join(".ci/run")))?,
        Some("structure") => structure::run(),
        Some("postgres") => postgres::run(rest)?,
        Some("conformance") => conformance::run(rest)?,
        Some("bench") => bench::run(rest)?,
        Some("help" | "--help" | "-h") | None => {
            print!("{HELP}");
            true
        }
        Some(other) => bail!("there is no command {other}\n\n{HELP}"),
    };
    if !good {
        std::process::exit(1);
    }
    Ok(())
}
