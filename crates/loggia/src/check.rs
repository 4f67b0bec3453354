//! `loggia check`: what is wrong with the files of a platform, without a server.

use crate::client::output::print;
use crate::exit::{USAGE, failure, told};
use anyhow::Result;
use clap::{Args, ValueEnum};
use loggia_app::record::check::check;
use loggia_drivers::reader::read_folder;
use loggia_drivers::recipes;
use std::path::PathBuf;

/// Arguments of `loggia check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Folder or file to check; files need not be committed.
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Form,
}

/// Form of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One line for each problem: file, line, column, what is wrong, what to do.
    #[default]
    Text,
    /// JSON.
    Json,
}

/// `loggia check`
///
/// # Errors
/// When there is a problem, after all were told.
pub fn run(args: &CheckArgs) -> Result<()> {
    let files = read_folder(&args.path)
        .map_err(|why| failure(USAGE, loggia_model::problem::sentences(&why.message, &why.mend)))?;
    let report = check(&files, &recipes::all());
    if args.output == Form::Json {
        print(&format!("{:#}\n", serde_json::to_value(&report)?))?;
    } else {
        let all = report.problems.iter().chain(&report.warnings);
        let mut out: String = all.map(|problem| format!("{problem}\n")).collect();
        let problems = match report.problems.len() {
            0 => "nothing wrong".to_owned(),
            1 => "1 problem".to_owned(),
            many => format!("{many} problems"),
        };
        let warnings = match report.warnings.len() {
            0 => String::new(),
            1 => ", 1 warning".to_owned(),
            many => format!(", {many} warnings"),
        };
        out.push_str(&format!("{} files, {} documents, {problems}{warnings}\n", report.files, report.documents));
        print(&out)?;
    }
    if report.problems.is_empty() { Ok(()) } else { Err(told()) }
}
