//! `loggia open`: shows the page of something in a browser.

use super::http::Access;
use super::output::print;
use super::records::reference;
use anyhow::Result;
use clap::Args;
use std::process::{Command, Stdio};

/// Arguments of `loggia open`.
#[derive(Args, Debug)]
pub struct OpenArgs {
    /// The thing, such as offering/postgres; the first page when not given.
    #[arg(value_name = "KIND/NAME")]
    what: Option<String>,
    #[command(flatten)]
    access: Access,
}

/// `loggia open`
///
/// # Errors
/// When the thing is none.
pub fn open(args: &OpenArgs) -> Result<()> {
    let path = match &args.what {
        None => String::new(),
        Some(what) => page(&reference(what)?),
    };
    let url = format!("{}/{path}", args.access.api()?.url);
    let shown = Command::new("xdg-open").arg(&url).stdout(Stdio::null()).stderr(Stdio::null()).status();
    match shown {
        Ok(status) if status.success() => Ok(()),
        _ => print(&format!("{url}\n")),
    }
}

/// The page of something.
fn page(what: &loggia_model::Ref) -> String {
    match what.kind() {
        "offering" => format!("get/{}", what.name()),
        "instance" => format!("instances/{}/{}", what.namespace(), what.name()),
        "group" => format!("teams/{}", what.name()),
        kind => format!("catalog/{kind}/{}/{}", what.namespace(), what.name()),
    }
}
