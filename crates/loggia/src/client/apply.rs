//! `loggia apply`: writes what files describe.

use super::http::{Access, Api};
use super::output::{Output, Table, print, text};
use crate::exit::{USAGE, failure, told};
use anyhow::Result;
use clap::Args;
use loggia_app::source::read::{Reading, read};
use loggia_drivers::reader::read_folder;
use loggia_model::problem::sentences;
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Arguments of `loggia apply`.
#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// File or folder with documents; - reads standard input.
    #[arg(long, short, value_name = "FILE|DIR", required = true)]
    file: Vec<PathBuf>,
    /// Tells what would change; nothing is written.
    #[arg(long)]
    dry_run: bool,
    /// Shows what differs, field by field.
    #[arg(long)]
    diff: bool,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// `loggia apply`
///
/// # Errors
/// With every problem, at its file, line and column.
pub async fn apply(args: ApplyArgs) -> Result<()> {
    let mut documents = Vec::new();
    for file in &args.file {
        documents.extend(documents_of(file)?);
    }
    if documents.is_empty() {
        return Err(failure(USAGE, "there is no document in what was given."));
    }
    let api = args.access.api()?;
    let answer = send(&api, documents, args.dry_run).await?;
    let results = answer["results"].as_array().cloned().unwrap_or_default();
    let names: Vec<String> = results.iter().map(|one| text(one, "/ref")).collect();
    if args.output != Output::Table {
        return args.output.print(&answer, &names, &table(&results));
    }
    let mut out = String::new();
    for one in &results {
        let would = if args.dry_run && text(one, "/result") != "unchanged" { "would be " } else { "" };
        out.push_str(&format!("{} {would}{}\n", text(one, "/ref"), text(one, "/result")));
        for warning in one["warnings"].as_array().into_iter().flatten() {
            out.push_str(&format!("  {}\n", sentences(&text(warning, "/message"), &text(warning, "/mend"))));
        }
        for change in one["diff"].as_array().into_iter().flatten().filter(|_| args.diff) {
            out.push_str(&difference(change));
        }
    }
    print(&out)
}

fn table(results: &[Value]) -> Table {
    let mut table = Table::new(&["NAME", "RESULT"]);
    table.rows = results.iter().map(|one| vec![text(one, "/ref"), text(one, "/result")]).collect();
    table
}

fn difference(change: &Value) -> String {
    let side = |mark: char, name: &str| {
        let value = change.get(name).map(Value::to_string);
        value.map(|value| format!("  {mark} {}: {value}\n", text(change, "/path"))).unwrap_or_default()
    };
    format!("{}{}", side('-', "before"), side('+', "after"))
}

/// What stands first is written first, so that references of our own kinds find what they name.
async fn send(api: &Api, documents: Vec<Value>, dry_run: bool) -> Result<Value> {
    let query = if dry_run { "?dryRun=true" } else { "" };
    let request = api.request(Method::POST, &format!("/api/v1/records:apply{query}"));
    api.json(request.json(&json!(documents))).await
}

/// The documents of a file or folder, after all problems that can be seen here were told.
fn documents_of(path: &Path) -> Result<Vec<Value>> {
    if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return parse(&text);
    }
    let files = read_folder(path).map_err(|why| failure(USAGE, sentences(&why.message, &why.mend)))?;
    let Reading { prepared, problems, .. } = read(&files, &|_| None);
    // Files beside a document (logos, templates) come with a repository only; their absence is not told here.
    let problems: Vec<_> = problems.into_iter().filter(|problem| problem.rule != "file.missing").collect();
    for problem in &problems {
        eprintln!("{problem}");
    }
    if !problems.is_empty() {
        return Err(told());
    }
    Ok(prepared.into_iter().map(|one| one.document().0).collect())
}

fn parse(text: &str) -> Result<Vec<Value>> {
    let mut values = Vec::new();
    for parsed in loggia_model::yaml::parse(text) {
        match parsed.document {
            Ok(value) => values.push(value),
            Err(problem) => return Err(failure(crate::exit::PROBLEM, problem.to_string())),
        }
    }
    Ok(values)
}
