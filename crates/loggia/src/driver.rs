//! `loggia driver check`: the contract that every driver keeps, tried on a real backend.

use crate::client::output::{Output, print};
use crate::exit::{USAGE, failure, told};
use crate::serve::DRIVER_STATE;
use crate::settings::switch;
use anyhow::Result;
use clap::{Args, Subcommand};
use loggia_app::instance::driver::{Backend, Driver, Request, Secret};
use loggia_drivers::command::{CommandDriver, CommandOptions};
use loggia_drivers::contract::{Changed, Check, Contract, Hand, Outcome, Report};
use loggia_model::problem::sentences;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// The secret input of the sample.
const SECRET_INPUT: &str = "contract-secret-6f1d0c5be2";

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
    /// Folder of data; the program keeps its own below it.
    #[arg(long, value_name = "DIR", env = "LOGGIA_DATA", default_value = ".loggia")]
    data: PathBuf,
    /// One input of the sample; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    input: Vec<String>,
    /// One setting of the backend; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    config: Vec<String>,
    /// The secret of the backend, when the program needs one that works.
    #[arg(long, value_name = "SECRET", env = "LOGGIA_DRIVER_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// Shell command that takes the sample away behind the program's back: its key is in LOGGIA_KEY, the folder that
    /// the program keeps in LOGGIA_STATE.
    #[arg(long, value_name = "COMMAND")]
    lose: Option<String>,
    /// One input with which the sample is changed once it was made; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    change: Vec<String>,
    /// One setting with which the backend cannot be reached; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    unreachable: Vec<String>,
    /// A role that consumers may have, such as read; tries access of consumers too.
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// The program may use the network when it asks for it.
    #[arg(long, env = "LOGGIA_DRIVERS_NETWORK", value_name = "YES|NO", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "yes", default_value = "no", value_parser = switch)]
    drivers_network: bool,
    /// The program runs in a sandbox or not at all.
    #[arg(long, env = "LOGGIA_REQUIRE_SANDBOX", value_name = "YES|NO", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "yes", default_value = "no", value_parser = switch)]
    require_sandbox: bool,
    /// How often calls are cut off at a random point.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    rounds: usize,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
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
    let (network, require_sandbox) = (args.drivers_network, args.require_sandbox);
    let kept = state(&args);
    let options =
        CommandOptions { programs: Some(args.drivers.clone()), state: Some(kept.clone()), network, require_sandbox };
    let driver = CommandDriver::new(options);
    let sample = sample(&args)?;
    if let Err(why) = driver.probe(&sample.backend).await {
        let answer = json!({"driver": args.name, "available": false, "message": why.message, "mend": why.mend});
        let line = format!("it is not available here: {}\n", sentences(&why.message, &why.mend));
        args.output.tell(&answer, std::slice::from_ref(&args.name), &line)?;
        return Err(told());
    }
    let lose = args.lose.clone().map(|command| losing(command, kept.join(&args.name)));
    let unreachable = unreachable(&args, &sample)?.map(|request| (&driver as &dyn Driver, request));
    let (role, changed) = (args.role.clone(), changed(&args, &sample)?);
    let contract =
        Contract { driver: &driver, sample, unreachable, lose, count: None, role, changed, rounds: args.rounds };
    let report = match args.output {
        Output::Table => {
            print(&format!("driver {}\n", args.name))?;
            // Making and cutting off takes a while; whoever waits sees how far it is.
            contract.run_telling(&|check| drop(print(&format!("{check}\n")))).await
        }
        _ => contract.run().await,
    };
    args.output.tell(&answer(&args.name, &report), std::slice::from_ref(&args.name), &summary(&report))?;
    if report.passed() { Ok(()) } else { Err(told()) }
}

/// The report for programs.
fn answer(name: &str, report: &Report) -> Value {
    let check = |check: &Check| {
        let (outcome, why) = match &check.outcome {
            Outcome::Ok => ("ok", None),
            Outcome::Failed(why) => ("failed", Some(why)),
            Outcome::Skipped(why) => ("skipped", Some(why)),
        };
        json!({"name": check.name, "outcome": outcome, "why": why, "millis": u64::try_from(check.millis).ok()})
    };
    let checks: Vec<Value> = report.checks.iter().map(check).collect();
    json!({"driver": name, "available": true, "passed": report.passed(), "checks": checks})
}

/// How many checks ended how, and what was left out.
fn summary(report: &Report) -> String {
    let count = |is: fn(&Outcome) -> bool| report.checks.iter().filter(|check| is(&check.outcome)).count();
    let (ok, failed) = (count(|o| matches!(o, Outcome::Ok)), count(|o| matches!(o, Outcome::Failed(_))));
    let skipped = count(|o| matches!(o, Outcome::Skipped(_)));
    let mut text = format!("{ok} of {} checks passed, {failed} failed, {skipped} skipped.\n", report.checks.len());
    if skipped > 0 {
        text.push_str(
            "Not everything was tried: --lose COMMAND, --change KEY=VALUE, --role ROLE and --unreachable KEY=VALUE try more.\n",
        );
    }
    text
}

/// The folder in which programs keep what they need between calls.
fn state(args: &CheckArgs) -> PathBuf {
    let data = args.data.canonicalize().unwrap_or_else(|_| args.data.clone());
    data.join(DRIVER_STATE)
}

/// Runs the command that takes the sample away.
fn losing(command: String, state: PathBuf) -> Hand<()> {
    Box::new(move |request| {
        let mut shell = tokio::process::Command::new("sh");
        shell.args(["-c", &command]).env("LOGGIA_KEY", &request.key).env("LOGGIA_STATE", &state);
        Box::pin(async move {
            // When it takes nothing away the check itself fails and says so.
            if let Err(error) = shell.status().await {
                tracing::warn!(%error, "the command of --lose cannot be run");
            }
        })
    })
}

/// What the sample becomes once it was made.
fn changed(args: &CheckArgs, sample: &Request) -> Result<Option<Changed>> {
    let mut request = sample.clone();
    request.inputs.extend(pairs(&args.change)?);
    Ok((!args.change.is_empty()).then_some(Changed { request, told: false }))
}

/// The sample on a backend that cannot be reached.
fn unreachable(args: &CheckArgs, sample: &Request) -> Result<Option<Request>> {
    let mut request = sample.clone();
    request.backend.config.extend(pairs(&args.unreachable)?);
    Ok((!args.unreachable.is_empty()).then_some(request))
}

fn sample(args: &CheckArgs) -> Result<Request> {
    let recipe = Map::from_iter([("program".to_owned(), json!(args.name))]);
    let mut config = pairs(&args.config)?;
    config.insert("program".to_owned(), json!(args.name));
    let secret = args.secret.clone().map(Secret::new);
    Ok(Request {
        instance: "instance:contract/sample.test".to_owned(),
        name: "sample".to_owned(),
        team: "contract".to_owned(),
        namespace: "contract".to_owned(),
        environment: "test".to_owned(),
        offering: args.name.clone(),
        version: "1.0.0".to_owned(),
        recipe,
        inputs: pairs(&args.input)?,
        // Nobody knows these texts but the program: when they are in what it says, it said them.
        secret_inputs: vec![("sample".to_owned(), Secret::new(SECRET_INPUT))],
        backend: Backend { name: "command".to_owned(), config, secret, ..Backend::default() },
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
