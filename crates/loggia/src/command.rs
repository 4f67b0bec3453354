//! All commands, by name.

use crate::client::{
    access, adopt, agenda, apply, args, campaign, campaign_args, change, checks, ending, environment, estate, export,
    instance_access, kinds, leaks, open, order, output, records, release, retry, run as ask, secrets, take_over,
    upgrade, versions, workload,
};
use crate::settings::{ServeArgs, problems, warnings};
use crate::{backup, check, demo, doctor, driver, exit, serve};
use anyhow::Result;
use clap::builder::Resettable;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use std::ffi::OsStr;
use std::net::SocketAddr;

/// Runs an internal platform as a product: who runs what, moves them, proves that the old is gone.
#[derive(Parser)]
#[command(name = "loggia", version, about, max_term_width = 100)]
#[command(
    after_help = "Begin with: loggia demo\nExit codes: 0 well, 1 a problem or a refusal, 2 wrong use, 3 not reachable"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// What this process was called with. A variable of the environment that is empty is not set: that is how many
    /// programs that start others leave one out.
    pub fn given() -> Cli {
        let matches = without_empty(Cli::command()).get_matches();
        Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

fn without_empty(command: clap::Command) -> clap::Command {
    let is_set = |name: &OsStr| std::env::var_os(name).is_none_or(|value| !value.is_empty());
    let command = command.mut_args(|arg| match arg.get_env().is_none_or(is_set) {
        true => arg,
        false => arg.env(Resettable::Reset),
    });
    command.mut_subcommands(without_empty)
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Runs the example platform, with everything in it
    Demo(demo::DemoArgs),
    /// Runs the server
    Serve(Box<ServeArgs>),
    /// Tells what is wrong with the files of a platform; needs no server
    Check(check::CheckArgs),
    /// Writes what files describe
    Apply(apply::ApplyArgs),
    /// Lists things of a kind, or shows one
    Get(records::GetArgs),
    /// Shows one thing with its state and what it is related to
    Describe(records::DescribeArgs),
    /// Puts a change aside that was made on a page and waits for its repository
    PutAside(records::PutAsideArgs),
    /// Takes something away; an instance is destroyed
    Delete(order::DeleteArgs),
    /// Tells what happened to one thing
    History(records::HistoryArgs),
    /// Writes everything that you may see into a folder, which starts as a Loggia of its own
    Export(export::ExportArgs),
    /// Gets something from the platform
    New(order::NewArgs),
    /// Makes an instance again that failed, or is not as it was made any more
    Retry(retry::RetryArgs),
    /// Brings an instance to another version, or back; when it fails, the old one stays
    Upgrade(upgrade::UpgradeArgs),
    /// Gives what runs another plan or other inputs; when it fails, it keeps what it had
    Change(change::ChangeArgs),
    /// Brings a workload to an environment, as its Score file says
    Deploy(workload::DeployArgs),
    /// Brings a workload to the next environment: the same artifact, the same versions
    Promote(workload::PromoteArgs),
    /// Brings an earlier deployment of a workload back
    Rollback(workload::RollbackArgs),
    /// Shows a workload in its environments, or what was deployed
    Workload(workload::WorkloadArgs),
    /// Tells what differs between two environments, or between two times, and what brought it about
    Diff(workload::DiffArgs),
    /// Lists what is due: what is asked of you, what waits for your team, and until when
    Due(agenda::DueArgs),
    /// Tells what holds in an environment, which rule says so, and why that one; or what an instance is made of, and why
    Why(environment::WhyArgs),
    /// Agrees to what waits for it, or says no; lists what waits
    Approve(environment::ApproveArgs),
    /// Shows a secret of an instance to its team, or to an administrator who says why; each look is noted
    Reveal(order::RevealArgs),
    /// Who has access to an instance, each with a credential of its own
    #[command(subcommand)]
    Access(instance_access::AccessCommand),
    /// Publishes a release: everybody can get it, and it never changes
    Publish(release::PublishArgs),
    /// Withdraws a release: nobody gets it any more, and where it runs it stays
    Yank(release::YankArgs),
    /// Upgrade campaigns: who is hit by one, starting it, and how far it is
    #[command(subcommand)]
    Campaign(campaign_args::CampaignCommand),
    /// Standards: how everything stands, and what to do
    Checks(checks::ChecksArgs),
    /// What goes away: planning it, telling people, and seeing whom it concerns
    #[command(subcommand)]
    Ending(ending::EndingCommand),
    /// Tells who runs an offering: team, environment, version, since, last seen, contact
    WhoRuns(estate::WhoRunsArgs),
    /// Tells how long each version of an offering is looked after, who runs it, and the way to the newest one
    Versions(versions::VersionsArgs),
    /// Reports something that runs; one line in a pipeline
    Observe(estate::ObserveArgs),
    /// Confirms that something which was observed is your team's
    Enrol(estate::EnrolArgs),
    /// Has something managed that your team has confirmed; only when that changes nothing
    TakeOver(take_over::TakeOverArgs),
    /// Lets go of something without destroying it: it runs on, and your team looks after it
    Orphan(take_over::OrphanArgs),
    /// Takes in what runs already: from states of Terraform or OpenTofu, and from clusters
    #[command(subcommand)]
    Adopt(adopt::AdoptCommand),
    /// Reports readings of use
    Usage(estate::UsageArgs),
    /// Lists what is left behind at backends and belongs to nothing
    Leaks(leaks::LeaksArgs),
    /// Lists what was reported and belongs to nothing that is offered
    Unmatched(estate::UnmatchedArgs),
    /// Lists repositories and catalogs, and what is wrong in them
    Sources(estate::SourcesArgs),
    /// Finds things by words
    Search(records::SearchArgs),
    /// Lists the kinds of things, or shows the fields of one with an example
    Kinds(kinds::KindsArgs),
    /// Shows the page of something in a browser
    Open(open::OpenArgs),
    /// Remembers a server and a token
    Login(access::LoginArgs),
    /// Tells who you are
    Whoami(args::How),
    /// Makes, lists and revokes tokens
    #[command(subcommand)]
    Token(access::TokenCommand),
    /// Passwords of people
    #[command(subcommand)]
    User(access::UserCommand),
    /// Secrets that environments name
    #[command(subcommand)]
    Secret(secrets::SecretCommand),
    /// Tries a driver
    #[command(subcommand)]
    Driver(driver::DriverCommand),
    /// Looks at everything that a server stands on, and says what to do
    Doctor(Box<doctor::DoctorArgs>),
    /// Writes the whole database into a file, while the server runs
    Backup(backup::BackupArgs),
    /// Fills an empty database from a backup
    Restore(backup::RestoreArgs),
    /// Looks at settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Writes the completion of commands for a shell
    Completion {
        /// The shell.
        shell: Shell,
    },
    /// Serves one empty answer, as a measure
    #[command(hide = true)]
    BenchEmpty {
        /// Address to listen on.
        #[arg(long, value_name = "ADDR")]
        listen: SocketAddr,
    },
}

/// Commands about settings.
#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Tells what is wrong with flags, environment and file taken together
    Check(Box<ServeArgs>),
}

/// Runs a command.
///
/// # Errors
/// Those of the command.
pub fn run(command: Command) -> Result<()> {
    match command {
        Command::Demo(args) => demo::run(args),
        Command::Serve(args) => serve::run(*args),
        Command::Check(args) => check::run(&args),
        Command::Driver(command) => ask(driver::run(command)),
        Command::Doctor(args) => ask(doctor::run(*args)),
        Command::Backup(args) => ask(backup::backup(args)),
        Command::Restore(args) => ask(backup::restore(args)),
        Command::Config(ConfigCommand::Check(args)) => config(*args),
        Command::Kinds(args) => kinds::kinds(&args),
        Command::Open(args) => open::open(&args),
        Command::Completion { shell } => completion(shell),
        Command::BenchEmpty { listen } => serve::empty(listen),
        other => client(other),
    }
}

/// Commands that ask a server.
fn client(command: Command) -> Result<()> {
    match command {
        Command::Apply(args) => ask(apply::apply(args)),
        Command::Get(args) => ask(records::get(args)),
        Command::Describe(args) => ask(records::describe(args)),
        Command::PutAside(args) => ask(records::put_aside(args)),
        Command::Delete(args) => ask(order::delete(args)),
        Command::History(args) => ask(records::history(args)),
        Command::Export(args) => ask(export::export(args)),
        Command::New(args) => ask(order::new(args)),
        Command::Retry(args) => ask(retry::retry(args)),
        Command::Upgrade(args) => ask(upgrade::upgrade(args)),
        Command::Change(args) => ask(change::change(args)),
        Command::Deploy(args) => ask(workload::deploy(args)),
        Command::Promote(args) => ask(workload::promote(args)),
        Command::Rollback(args) => ask(workload::rollback(args)),
        Command::Workload(args) => ask(workload::workload(args)),
        Command::Diff(args) => ask(workload::diff(args)),
        Command::Due(args) => ask(agenda::due(args)),
        Command::Why(args) => ask(environment::why(args)),
        Command::Approve(args) => ask(environment::approve(args)),
        Command::Reveal(args) => ask(order::reveal(args)),
        Command::Access(command) => ask(instance_access::access(command)),
        Command::Publish(args) => ask(release::publish(args)),
        Command::Yank(args) => ask(release::yank(args)),
        Command::Campaign(command) => ask(campaign::campaign(command)),
        Command::Checks(args) => ask(checks::checks(args)),
        Command::Ending(command) => ask(ending::ending(command)),
        Command::WhoRuns(args) => ask(estate::who_runs(args)),
        Command::Versions(args) => ask(versions::versions(args)),
        Command::Observe(args) => ask(estate::observe(args)),
        Command::Enrol(args) => ask(estate::enrol(args)),
        Command::TakeOver(args) => ask(take_over::take_over(args)),
        Command::Orphan(args) => ask(take_over::orphan(args)),
        Command::Adopt(command) => ask(adopt::adopt(command)),
        Command::Usage(args) => ask(estate::usage(args)),
        Command::Leaks(args) => ask(leaks::leaks(args)),
        Command::Unmatched(args) => ask(estate::unmatched(args)),
        Command::Sources(args) => ask(estate::sources(args)),
        Command::Search(args) => ask(records::search(args)),
        Command::Login(args) => ask(access::login(args)),
        Command::Whoami(args) => ask(access::whoami(args)),
        Command::Token(command) => ask(access::token(command)),
        Command::User(command) => ask(access::user(command)),
        Command::Secret(command) => ask(secrets::secret(command)),
        // All others are answered without a server.
        _ => Ok(()),
    }
}

fn config(args: ServeArgs) -> Result<()> {
    let settings = args.with_file()?.resolve();
    let found = problems(&settings);
    let mut out: String = found.iter().map(|problem| format!("{problem}\n")).collect();
    let unwise: String = warnings(&settings).iter().map(|warning| format!("{warning}\n")).collect();
    if found.is_empty() {
        let database = if settings.database_url.is_some() { "PostgreSQL" } else { "SQLite" };
        let (listen, data) = (settings.listen, settings.data.display());
        out = format!(
            "nothing wrong: listens on {listen}, keeps {database} and {data}, is reached at {}\n",
            settings.public_url
        );
    }
    output::print(&format!("{unwise}{out}"))?;
    if found.is_empty() { Ok(()) } else { Err(exit::told()) }
}

fn completion(shell: Shell) -> Result<()> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut shown(), "loggia", &mut out);
    output::print(&String::from_utf8_lossy(&out))
}

/// The commands without those that are hidden: a completion offers what people need.
fn shown() -> clap::Command {
    let all = Cli::command();
    let commands = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    clap::Command::new("loggia").version(env!("CARGO_PKG_VERSION")).subcommands(commands)
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    fn texts(command: &mut clap::Command, path: &str, out: &mut String) {
        let help = command.render_long_help().to_string();
        out.push_str(&format!("### {path}\n\n{}\n\n", help.trim_end()));
        for below in command.get_subcommands_mut().filter(|below| !below.is_hide_set() && below.get_name() != "help") {
            let path = format!("{path} {}", below.get_name());
            texts(below, &path, out);
        }
    }

    #[test]
    fn completion_offers_what_people_need() {
        let mut out = Vec::new();
        clap_complete::generate(clap_complete::Shell::Bash, &mut super::shown(), "loggia", &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("who-runs") && !text.contains("bench"));
    }

    /// Commands whose answer has one form only, and why.
    const PLAIN: &[(&str, &str)] = &[
        ("demo", "runs"),
        ("serve", "runs"),
        ("export", "writes a folder"),
        ("reveal", "prints the secret as it is"),
        ("open", "opens a page"),
        ("login", "is for people at a terminal"),
        ("user set-password", "is for people at a terminal"),
        ("backup", "writes a file"),
        ("restore", "writes a database"),
        ("config check", "prints what is wrong, or nothing wrong"),
        ("completion", "prints a program"),
        ("bench-empty", "runs"),
    ];

    fn leaves(command: &clap::Command, path: &str, out: &mut Vec<(String, bool)>) {
        let mut below = command.get_subcommands().filter(|below| below.get_name() != "help").peekable();
        let answers = command.get_arguments().any(|arg| arg.get_id() == "output");
        if below.peek().is_none() || answers {
            out.push((path.trim_start().to_owned(), answers));
        }
        for command in below {
            leaves(command, &format!("{path} {}", command.get_name()), out);
        }
    }

    #[test]
    fn every_command_that_prints_a_result_takes_its_form() {
        let mut all = Vec::new();
        leaves(&Cli::command(), "", &mut all);
        let mut without: Vec<&str> =
            all.iter().filter(|(path, answers)| !answers && !path.is_empty()).map(|(path, _)| path.as_str()).collect();
        let mut plain: Vec<&str> = PLAIN.iter().map(|(path, _)| *path).collect();

        without.sort_unstable();
        plain.sort_unstable();
        assert_eq!(without, plain);
    }

    /// A line as a shell splits it; no other quotes than these are printed.
    fn split(line: &str) -> Vec<String> {
        let (mut words, mut quoted) = (vec![String::new()], false);
        for letter in line.chars() {
            match letter {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                _ => words.last_mut().expect("there is one").push(letter),
            }
        }
        words
    }

    /// Whatever a page prints for a terminal is taken there. The list is written by the test of the pages.
    #[test]
    fn every_command_on_a_page_is_one() {
        let file = format!("{}/../web/tests/it/commands.txt", env!("CARGO_MANIFEST_DIR"));
        let lines = std::fs::read_to_string(file).expect("the list of the pages");
        assert!(lines.lines().count() > 20, "{lines}");
        for line in lines.lines() {
            if let Err(error) = Cli::command().try_get_matches_from(split(line)) {
                // Only the help is no command to be carried out.
                assert_eq!(error.kind(), clap::error::ErrorKind::DisplayHelp, "{line}: {error}");
            }
        }
    }

    /// What every command says about itself. A change here is a change of what people rely on.
    #[test]
    fn all_help_texts() {
        let mut out = String::new();
        let mut command = Cli::command();
        command.build();
        texts(&mut command, "loggia", &mut out);
        let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
