//! `loggia check`: what is wrong with the files of a platform, without a server.

use crate::client::output::print;
use crate::exit::{USAGE, failure, told};
use anyhow::Result;
use clap::{Args, ValueEnum};
use loggia_app::instance::driver::Failure;
use loggia_app::record::check::{CheckReport, check, check_one};
use loggia_drivers::reader::{read_around, read_folder};
use loggia_drivers::recipes;
use loggia_model::problem::sentences;
use std::path::{Path, PathBuf};

/// Arguments of `loggia check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Folder or file to check; files need not be committed. A file is judged together with its repository, and only
    /// what is wrong with itself is told.
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
    let report = report(&args.path).map_err(|why| failure(USAGE, sentences(&why.message, &why.mend)))?;
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
        let files = if report.files == 1 { "1 file".to_owned() } else { format!("{} files", report.files) };
        out.push_str(&format!("{files}, {} documents, {problems}{warnings}\n", report.documents));
        print(&out)?;
    }
    if report.problems.is_empty() { Ok(()) } else { Err(told()) }
}

/// What is wrong with a folder, or with one file in what belongs to it.
fn report(path: &Path) -> Result<CheckReport, Failure> {
    if !path.is_file() {
        return Ok(check(&read_folder(path)?, &recipes::all()));
    }
    let (files, own) = read_around(path)?;
    let mut report = check_one(&files, &own, &recipes::all());
    // As it was asked for, so that the place can be opened from here.
    for problem in report.problems.iter_mut().chain(&mut report.warnings) {
        problem.file = Some(path.display().to_string());
    }
    Ok(report)
}
