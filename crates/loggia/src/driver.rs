//! `loggia driver check`: the contract that every driver keeps, tried on a real backend.

use crate::client::output::print;
use crate::exit::{USAGE, failure, told};
use anyhow::Result;
use clap::{Args, Subcommand};
use loggia_app::driver::{Backend, Driver, Request};
use loggia_drivers::command::{CommandDriver, CommandOptions};
use loggia_drivers::contract::Contract;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Commands about drivers.
#[derive(Subcommand, Debug)]
pub enum DriverCommand {
    /// Makes, loses, cuts off and destroys a sample with a driver program, many times, and tells what it gets wrong.
    Check(CheckArgs),
}

/// Arguments of `loggia driver check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Name of the program in the folder.
    #[arg(value_name = "NAME")]
    name: String,
    /// Folder of driver programs.
    #[arg(long, value_name = "DIR", env = "LOGGIA_DRIVERS")]
    drivers: PathBuf,
    /// One input of the sample; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    input: Vec<String>,
    /// One setting of the backend; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    config: Vec<String>,
    /// How often calls are cut off at a random point.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    rounds: usize,
}

/// `loggia driver`
///
/// # Errors
/// When the driver does not keep the contract, after all was told.
pub async fn run(command: DriverCommand) -> Result<()> {
    let DriverCommand::Check(args) = command;
    if !args.drivers.join(&args.name).is_file() {
        let folder = args.drivers.display();
        return Err(failure(USAGE, format!("there is no program {} in {folder}.", args.name)));
    }
    let options = CommandOptions { programs: Some(args.drivers.clone()), ..CommandOptions::default() };
    let driver = CommandDriver::new(options);
    let sample = sample(&args)?;
    if let Err(why) = driver.probe(&sample.backend).await {
        print(&format!("it is not available here: {} {}\n", why.message, why.mend))?;
        return Err(told());
    }
    let contract =
        Contract { driver: &driver, sample, unreachable: None, lose: None, count: None, rounds: args.rounds };
    let report = contract.run().await;
    print(&report.to_string())?;
    if report.passed() { Ok(()) } else { Err(told()) }
}

fn sample(args: &CheckArgs) -> Result<Request> {
    let recipe = Map::from_iter([("program".to_owned(), json!(args.name))]);
    let mut config = pairs(&args.config)?;
    config.insert("program".to_owned(), json!(args.name));
    Ok(Request {
        instance: "instance:contract/sample.test".to_owned(),
        name: "sample".to_owned(),
        team: "contract".to_owned(),
        environment: "test".to_owned(),
        offering: args.name.clone(),
        version: "1.0.0".to_owned(),
        recipe,
        inputs: pairs(&args.input)?,
        backend: Backend { name: "command".to_owned(), config, secret: None },
        public_url: "http://127.0.0.1:7400".to_owned(),
        requested_by: "user:default/contract".to_owned(),
        confirmed: true,
        ..Request::default()
    })
}

fn pairs(given: &[String]) -> Result<Map<String, Value>> {
    let pair = |one: &String| {
        let wrong = || failure(USAGE, format!("{one:?} is no pair. Write it as key=value."));
        let (key, value) = one.split_once('=').ok_or_else(wrong)?;
        Ok((key.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| json!(value))))
    };
    given.iter().map(pair).collect()
}
