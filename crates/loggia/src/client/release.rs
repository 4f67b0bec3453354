//! Publishing releases, and withdrawing them.

use super::http::{Access, part};
use super::output::{Output, print, text};
use super::records::reference;
use crate::exit::{USAGE, failure, told};
use anyhow::Result;
use clap::Args;
use loggia_model::Ref;
use serde_json::{Value, json};

/// Arguments of `loggia publish`.
#[derive(Args, Debug)]
pub struct PublishArgs {
    /// The release, such as postgres-2.2.0.
    #[arg(value_name = "RELEASE")]
    release: String,
    /// Not yet: make a draft a candidate, which is meant to be published as it is.
    #[arg(long, conflicts_with_all = ["dry_run", "accept_failing"])]
    candidate: bool,
    /// Tells what it changes, and which running things it would not fit; nothing is published.
    #[arg(long)]
    dry_run: bool,
    /// Publishes it although something that runs would not fit it; needs a reason.
    #[arg(long, requires = "reason")]
    accept_failing: bool,
    /// Why, in one sentence; whoever runs it reads it.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `loggia yank`.
#[derive(Args, Debug)]
pub struct YankArgs {
    /// The release, such as postgres-2.1.0.
    #[arg(value_name = "RELEASE")]
    release: String,
    /// Why, in one sentence; whoever runs it reads it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    access: Access,
}

/// The path of a release, named with or without its kind.
fn path(release: &str, what: &str) -> Result<String> {
    let named =
        if release.contains([':', '/']) { reference(release)? } else { Ref::new("release", "default", release) };
    if named.kind() != "release" {
        let mend = "Name a release, such as postgres-2.2.0; loggia get releases lists them.";
        return Err(failure(USAGE, format!("{named} is no release. {mend}")));
    }
    Ok(format!("/api/v1/releases/{}/{}{what}", part(named.namespace()), part(named.name())))
}

/// `loggia publish`
///
/// # Errors
/// With the words of the server.
pub async fn publish(args: PublishArgs) -> Result<()> {
    let api = args.access.api()?;
    if args.dry_run {
        let answer = api.get(&path(&args.release, "/dry-run")?, &[]).await?;
        return tried(&answer, args.output);
    }
    let answer = match args.candidate {
        true => api.post(&path(&args.release, ":candidate")?, &json!({})).await?,
        false => {
            let body = json!({"acceptFailing": args.accept_failing, "reason": args.reason.unwrap_or_default()});
            api.post(&path(&args.release, ":publish")?, &body).await?
        }
    };
    let name = text(&answer, "/release");
    let line = format!("{name} is {}\n", text(&answer, "/publication"));
    args.output.tell(&answer, &[name], &line)
}

/// What a dry run found: what changes, and who would not fit.
fn tried(answer: &Value, output: Output) -> Result<()> {
    if output != Output::Table {
        return output.print_value(answer);
    }
    let list = |at: &str| answer.pointer(at).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut out = match text(answer, "/before").as_str() {
        "" => format!("{} is the first version\n", text(answer, "/release")),
        before => format!("{}, compared with {before}: {}\n", text(answer, "/release"), weight(answer)),
    };
    for change in list("/changes") {
        out.push_str(&format!("  {}: {}\n", text(&change, "/weight"), text(&change, "/text")));
    }
    let (count, failing) = (|at: &str| answer.pointer(at).and_then(Value::as_u64).unwrap_or(0), list("/failing"));
    let tried = count("/tried");
    out.push_str(&format!("{tried} running things have an earlier version; {} would not fit\n", failing.len()));
    for one in &failing {
        let problem = |problem: &Value| format!("{}: {}", text(problem, "/path"), text(problem, "/message"));
        let problems = one["problems"].as_array().into_iter().flatten().map(problem).collect::<Vec<_>>().join("; ");
        out.push_str(&format!("  {} ({}): {problems}\n", text(one, "/instance"), text(one, "/version")));
    }
    if count("/unknown") > 0 {
        out.push_str(&format!("{} more are not managed here, so their inputs are not known\n", count("/unknown")));
    }
    print(&out)?;
    if failing.is_empty() { Ok(()) } else { Err(told()) }
}

fn weight(answer: &Value) -> &'static str {
    match text(answer, "/weight").as_str() {
        "breaking" => "a breaking change",
        "addition" => "an addition",
        _ => "the same contract",
    }
}

/// `loggia yank`
///
/// # Errors
/// With the words of the server.
pub async fn yank(args: YankArgs) -> Result<()> {
    let answer = args.access.api()?.post(&path(&args.release, ":yank")?, &json!({"reason": args.reason})).await?;
    let name = text(&answer, "/release");
    let line = format!("{name} is withdrawn: nobody gets it any more. Where it runs it stays.\n");
    args.output.tell(&answer, &[name], &line)
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn only_releases_are_published() {
        for named in ["bin-1.0.0", "release/bin-1.0.0", "release:default/bin-1.0.0", "Release:bin-1.0.0"] {
            assert_eq!(path(named, ":yank").unwrap(), "/api/v1/releases/default/bin-1.0.0:yank", "{named}");
        }
        for wrong in ["nonsense/bin-1.0.0", "offering/bin", "component:default/web"] {
            assert!(path(wrong, "").is_err(), "{wrong}");
        }
    }
}
