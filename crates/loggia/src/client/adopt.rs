//! Adopting: what runs already is read here, from states and clusters, and told to the server.

use super::http::{Access, Api};
use super::output::{Output, Table, print};
use super::place::inside;
use crate::credentials::without_credentials;
use crate::exit::{PROBLEM, UNAVAILABLE, USAGE, code_of, failure};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use loggia_app::estate::adopt::{
    AdoptInput, Adoption, Estate, EstateSource, Frame, Kind, Place, ProposalFile, Proposed, files, plan,
};
use loggia_drivers::adopt::{EstateReader, read_text};
use loggia_graph::{Audience, Graph};
use loggia_model::yaml;
use reqwest::Method;
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What is said where standard input does not tell what it is.
const UNTOLD: &str = "Standard input does not say where it comes from, so it could not be known again. Say it: --source NAME \
    (the same name each time), or pipe in the namespaces of the cluster too.";
/// How many files are named with their age.
const AGES: usize = 5;

/// Commands that take in what runs already.
#[derive(Subcommand)]
pub enum AdoptCommand {
    /// From states of Terraform or OpenTofu: files, folders, what show -json writes, the address of an HTTP backend
    Terraform(AdoptArgs),
    /// From a cluster: what kubectl get -o json writes (also of Helm's secrets), manifests, folders
    Kubernetes(AdoptArgs),
}

/// Arguments of `loggia adopt …`.
#[derive(Args, Debug)]
pub struct AdoptArgs {
    /// File, folder or address; - reads standard input.
    #[arg(value_name = "PATH|URL")]
    from: String,
    /// Only tells what it means; nothing is reported.
    #[arg(long)]
    dry_run: bool,
    /// Writes the proposed offerings into this folder, as files to look through and commit; nothing is reported.
    #[arg(long, value_name = "DIR")]
    propose: Option<PathBuf>,
    /// The team of what names none.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// The environment of what names none.
    #[arg(long, visible_alias = "env", value_name = "ENVIRONMENT")]
    environment: Option<String>,
    /// What to call what is read from now on, so that it is known again wherever it lies; needed on standard input where
    /// nothing in it says so.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// How often something must be there to be proposed [default: 2].
    #[arg(long, value_name = "NUMBER")]
    at_least: Option<usize>,
    /// The product of the proposed offerings; your only one when not given.
    #[arg(long, value_name = "PRODUCT", requires = "propose")]
    product: Option<String>,
    /// The group that answers for them; that of the product when not given.
    #[arg(long, value_name = "GROUP", requires = "propose")]
    owner: Option<String>,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia adopt`
///
/// # Errors
/// When the source, or a file of it, cannot be read, or with the words of the server.
pub async fn adopt(command: AdoptCommand) -> Result<()> {
    let (kind, args) = match command {
        AdoptCommand::Terraform(args) => (Kind::Terraform, args),
        AdoptCommand::Kubernetes(args) => (Kind::Kubernetes, args),
    };
    let Estate { things, problems, notes } = read(kind, &args).await?;
    for problem in &problems {
        eprintln!("{problem}");
    }
    for note in &notes {
        eprintln!("{note}");
    }
    if things.is_empty() && problems.is_empty() && notes.is_empty() {
        eprintln!("Nothing that runs is described there.");
    }
    let only_plan = args.dry_run || args.propose.is_some();
    if !only_plan && things.iter().any(|found| found.key.is_empty()) {
        return Err(failure(USAGE, UNTOLD));
    }
    let (team, environment) = (args.team.clone(), args.environment.clone());
    let input = AdoptInput { things, team, environment, at_least: args.at_least };
    let (adoption, server) = ask(&args, &input, only_plan).await?;
    match &args.propose {
        Some(folder) => propose(folder, &adoption.proposed, &frame(&args, server.as_ref()).await?)?,
        None => show(&adoption, args.output)?,
    }
    match problems.len() {
        0 => Ok(()),
        1 => Err(failure(PROBLEM, "one file could not be read: what it describes is missing")),
        many => Err(failure(PROBLEM, format!("{many} problems while reading: what is described there is missing"))),
    }
}

fn show(adoption: &Adoption, output: Output) -> Result<()> {
    if output == Output::Table {
        return print(&told(adoption));
    }
    let answer = serde_json::to_value(adoption)?;
    let names: Vec<String> = adoption.matched.iter().map(|one| one.address.clone()).collect();
    output.print(&answer, &names, &rows(adoption))
}

async fn read(kind: Kind, args: &AdoptArgs) -> Result<Estate> {
    let from = args.from.as_str();
    if from == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes)?;
        return Ok(read_text(kind, args.source.as_deref(), bytes));
    }
    let (location, own) = without_credentials(from);
    let credentials = own.into_iter().map(|own| (location.clone(), own)).collect();
    let reader = EstateReader::new(credentials).called(args.source.clone());
    let read = reader.read(&Place { kind, location }).await;
    read.map_err(|why| failure(USAGE, loggia_model::problem::sentences(&why.message, &why.mend)))
}

/// Asks the server what it means; a plan needs none.
async fn ask(args: &AdoptArgs, input: &AdoptInput, only_plan: bool) -> Result<(Adoption, Option<Api>)> {
    let api = args.access.api()?;
    let path = if only_plan { "/api/v1/adopt?dryRun=true" } else { "/api/v1/adopt" };
    match api.json(api.request(Method::POST, path).json(input)).await {
        Ok(answer) => Ok((serde_json::from_value(answer).context("the server answered in another form")?, Some(api))),
        Err(error) if only_plan && code_of(&error) == Some(UNAVAILABLE) => {
            eprintln!(
                "No server answers at {}: compared with nothing that is offered, and without your teams.",
                api.url
            );
            Ok((plan(&Graph::empty(), &Audience::All, input).adoption, None))
        }
        Err(error) => Err(error),
    }
}

/// What the proposed offerings belong to: as asked for, else the only product of the server, else a new one.
async fn frame(args: &AdoptArgs, server: Option<&Api>) -> Result<Frame> {
    let products = match server {
        Some(api) => api.list("products", &[]).await?,
        None => Vec::new(),
    };
    let text = |product: &Value, at: &str| super::output::text(product, at);
    let found = match (&args.product, products.as_slice()) {
        (Some(name), all) => all.iter().find(|product| text(product, "/document/metadata/name") == *name),
        (None, [only]) => Some(only),
        (None, []) => None,
        (None, many) => {
            let names: Vec<String> = many.iter().map(|product| text(product, "/document/metadata/name")).collect();
            return Err(failure(USAGE, format!("Say whose they are: --product {}", names.join(" or "))));
        }
    };
    let name = args.product.clone().or_else(|| found.map(|product| text(product, "/document/metadata/name")));
    let team = found.map(|product| text(product, "/document/spec/team"));
    let team = team.map(|team| team.rsplit('/').next().unwrap_or_default().to_owned());
    let new = name.is_none();
    let product = name.unwrap_or_else(|| "platform".to_owned());
    let owner = args.owner.clone().or(team).unwrap_or_else(|| format!("{product}-team"));
    Ok(Frame { product, owner, new })
}

fn propose(folder: &Path, proposed: &[Proposed], frame: &Frame) -> Result<()> {
    if proposed.is_empty() {
        return print("There is nothing to propose.\n");
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for file in files(proposed, frame) {
        let path = inside(folder, &file.path)?;
        if path.exists() {
            print(&format!("{} is there already and stays as it is\n", path.display()))?;
            continue;
        }
        std::fs::write(&path, text_of(&file)).with_context(|| format!("cannot write {}", path.display()))?;
        print(&format!("{} written\n", path.display()))?;
    }
    print("Look through them, say what they promise, check them (loggia check), and commit them.\n")
}

fn text_of(file: &ProposalFile) -> String {
    let about: String = file.about.iter().map(|line| format!("# {line}\n")).collect();
    let documents: Vec<String> = file.documents.iter().map(yaml::write).collect();
    about + &documents.join("---\n")
}

/// What it means, for people: one line, then what is proposed and what is left.
fn told(adoption: &Adoption) -> String {
    let mut out = format!("{}\n", summary(adoption));
    if !adoption.proposed.is_empty() {
        out.push_str(&format!("\n{}", proposals(&adoption.proposed).text()));
    }
    if !adoption.unmatched.is_empty() {
        let mut table = Table::new(&["UNMATCHED", "WHAT", "VERSION", "WHY"]);
        table.rows.extend(
            adoption
                .unmatched
                .iter()
                .map(|one| vec![one.address.clone(), one.what.clone(), one.version.clone(), one.why.clone()]),
        );
        out.push_str(&format!("\n{}", table.text()));
    }
    if !adoption.aside.is_empty() {
        let count: usize = adoption.aside.values().sum();
        let kinds: Vec<String> = adoption.aside.iter().map(|(what, count)| format!("{what} ({count})")).collect();
        out.push_str(&format!("\nLeft alone, because no rule names them: {count} of {}\n", kinds.join(", ")));
    }
    out.push_str(&ages(adoption));
    for warning in &adoption.warnings {
        out.push_str(&format!("\n{warning}"));
    }
    if let Some(reported) = &adoption.reported {
        let parts: Vec<String> = reported.iter().map(|(result, count)| format!("{count} {result}")).collect();
        let parts = if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") };
        out.push_str(&format!("\nReported: {parts}\n"));
    }
    out
}

/// When what was read had been written: the oldest files first.
fn ages(adoption: &Adoption) -> String {
    let mut all: Vec<_> = adoption.sources.iter().map(|(file, time)| (*time, file.as_str())).collect();
    all.sort_unstable();
    let shown = all.iter().take(AGES).map(|(time, file)| {
        format!(
            "\nAs of {}: {}",
            time.datetime().format("%Y-%m-%d %H:%M UTC"),
            if file.is_empty() { "all of it" } else { file }
        )
    });
    let mut out: String = shown.collect();
    if all.len() > AGES {
        out.push_str(&format!("\nand {} files that are newer", all.len() - AGES));
    }
    if out.is_empty() { out } else { out + "\n" }
}

/// "412 module calls → 12 of yours, 6 offerings proposed, 37 unmatched".
fn summary(adoption: &Adoption) -> String {
    let found: Vec<String> = adoption.found.iter().map(|(words, count)| format!("{count} {words}")).collect();
    let found = if found.is_empty() { "nothing".to_owned() } else { found.join(", ") };
    let matched = match adoption.matched.len() {
        0 => String::new(),
        count => format!("{count} of what you offer, "),
    };
    let offerings = if adoption.proposed.len() == 1 { "offering" } else { "offerings" };
    format!(
        "{found} → {matched}{} {offerings} proposed, {} unmatched",
        adoption.proposed.len(),
        adoption.unmatched.len()
    )
}

fn proposals(proposed: &[Proposed]) -> Table {
    let mut table = Table::new(&["PROPOSED", "COUNT", "VERSIONS", "TEAMS", "ENVIRONMENTS", "RECOGNISED BY", "WHY"]);
    for one in proposed {
        let versions: Vec<String> = one.versions.keys().filter(|version| !version.is_empty()).cloned().collect();
        let why = match one.unplaced {
            0 => format!("{} alike, and no rule names them", one.sort.words().1),
            some => format!("{} alike; {some} do not say team or environment", one.sort.words().1),
        };
        let (teams, environments) = (one.teams.iter().cloned(), one.environments.iter().cloned());
        table.rows.push(vec![
            one.name.clone(),
            one.count.to_string(),
            shortened(versions),
            shortened(teams.collect()),
            shortened(environments.collect()),
            one.what.clone(),
            why,
        ]);
    }
    table
}

/// The first few of many.
fn shortened(names: Vec<String>) -> String {
    const SHOWN: usize = 4;
    let more = names.len().saturating_sub(SHOWN);
    let shown = names.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// Everything as rows, for spreadsheets.
fn rows(adoption: &Adoption) -> Table {
    let mut table = Table::new(&["WHERE", "STATE", "OFFERING", "VERSION", "TEAM", "ENVIRONMENT", "NAME", "WHY"]);
    for one in &adoption.matched {
        let state = "matched".to_owned();
        let cells = [&one.address, &state, &one.offering, &one.version, &one.team, &one.environment, &one.name];
        table.rows.push(cells.into_iter().cloned().chain([String::new()]).collect());
    }
    for one in &adoption.unmatched {
        let cells = [one.address.as_str(), "unmatched", "", &one.version, "", "", "", &one.why];
        table.rows.push(cells.map(str::to_owned).to_vec());
    }
    table
}
