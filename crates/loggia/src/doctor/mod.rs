//! `loggia doctor`: looks at everything that a server stands on, and says what to do.

mod server;

use self::server::Asked;
use crate::backup;
use crate::client::http::Access;
use crate::client::output::{Output, Table, items, print, text};
use crate::demo::seed;
use crate::exit::told;
use crate::folder::open_files;
use crate::serve::{known_key, missing_key, target};
use crate::settings::{ServeArgs, ServeSettings, absent, problems, warnings};
use anyhow::Result;
use clap::Args;
use loggia_app::access::secret::SecretBox;
use loggia_app::checks::{self, Check};
use loggia_app::clock::SystemIds;
use loggia_app::source::SourceState;
use loggia_drivers::postgres::cluster;
use loggia_graph::{Audience, Graph};
use loggia_model::check::Outcome;
use loggia_model::{Micros, Record};
use loggia_store::{Store, Target};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Least free space for data, in bytes.
const SPACE: u64 = 1 << 30;
/// Largest difference between our clock and the database's, in seconds.
const SKEW: u64 = 5;

/// Arguments of `loggia doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// A product, as product/NAME: asks its server what holds up releases of its offerings.
    #[arg(value_name = "PRODUCT")]
    product: Option<String>,
    #[command(flatten)]
    settings: ServeArgs,
    #[command(flatten)]
    access: Access,
    /// Form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

/// What was found about one thing.
struct Verdict {
    what: String,
    /// `ok`, `note` (works without), or `bad`.
    state: &'static str,
    found: String,
}

fn ok(what: impl Into<String>, found: impl Into<String>) -> Verdict {
    Verdict { what: what.into(), state: "ok", found: found.into() }
}

fn note(what: impl Into<String>, found: impl Into<String>) -> Verdict {
    Verdict { what: what.into(), state: "note", found: found.into() }
}

fn bad(what: impl Into<String>, found: impl Into<String>) -> Verdict {
    Verdict { what: what.into(), state: "bad", found: found.into() }
}

/// `loggia doctor`
///
/// # Errors
/// When something is bad, after everything was told.
pub async fn run(args: DoctorArgs) -> Result<()> {
    if let Some(name) = &args.product {
        return launch(name, &args.access, args.output).await;
    }
    let settings = args.settings.with_file()?.resolve();
    let mut all = vec![configuration(&settings), space(&settings.data), data(&settings)];
    let (asked, server) = match server::ask(&settings, &args.access).await {
        Asked::Found(found) => (true, found),
        Asked::Not(why) => (false, vec![why]),
    };
    all.extend(server);
    match open(&settings).await {
        Ok(store) => {
            all.push(database(&settings));
            all.push(key(&store, &settings).await);
            all.push(queue(&store).await);
            all.extend(restored(&store).await);
            if !asked {
                all.extend(sources(&store, &settings).await);
            }
            all.extend(standards(&store).await);
            all.extend(demo(&store).await);
            store.close().await;
        }
        Err(verdict) => all.push(verdict),
    }
    if !asked {
        all.extend(server::sign_in(&settings, micros()).await);
    }
    all.extend(rights(&settings.data));
    all.extend([clock(), git(), sandbox(), postgres(), public(&settings)]);
    show(&all, args.output)?;
    if all.iter().any(|one| one.state == "bad") { Err(told()) } else { Ok(()) }
}

/// What holds up releases of the offerings of a product.
async fn launch(name: &str, access: &Access, output: Output) -> Result<()> {
    let name = name.trim_start_matches("product/").trim_start_matches("product:").trim_start_matches("default/");
    let answer = access.api()?.get(&format!("/api/v1/products/default/{name}/launch"), &[]).await?;
    let mut table = Table::new(&["STATE", "OFFERING", "CHECK", "FOUND", "WHAT TO DO"]);
    for list in items(&answer) {
        for line in list["lines"].as_array().into_iter().flatten() {
            let parts = ["/outcome", "/check", "/why", "/mend"].map(|part| text(line, part));
            let [outcome, check, why, mend] = parts;
            let check = check.rsplit('/').next().unwrap_or_default().to_owned();
            table.rows.push(vec![outcome, text(list, "/title"), check, why, mend]);
        }
    }
    let names: Vec<String> = items(&answer).map(|list| text(list, "/offering")).collect();
    if table.rows.is_empty() && output == Output::Table {
        return print("No offering of it has a launch list. Write one: checks: {launch: [NAME]}\n");
    }
    output.print(&answer, &names, &table)?;
    if items(&answer).any(|list| list["green"] == false) { Err(told()) } else { Ok(()) }
}

fn show(all: &[Verdict], output: Output) -> Result<()> {
    let items: Vec<_> = all.iter().map(|v| json!({"what": v.what, "state": v.state, "found": v.found})).collect();
    let mut table = Table::new(&["STATE", "WHAT", "FOUND"]);
    table.rows.extend(all.iter().map(|v| vec![v.state.to_owned(), v.what.clone(), v.found.clone()]));
    let names: Vec<String> = all.iter().map(|v| v.what.clone()).collect();
    output.print(&json!({"items": items}), &names, &table)
}

fn configuration(settings: &ServeSettings) -> Verdict {
    let (wrong, unwise) = (problems(settings), warnings(settings));
    match (wrong.as_slice(), unwise.as_slice()) {
        ([], []) => ok("settings", "fit together"),
        // A server that has read a repository before starts without it, and yet something is away.
        ([], unwise) if absent(settings).next().is_some() => bad("settings", unwise.join(" ")),
        ([], unwise) => note("settings", unwise.join(" ")),
        (found, _) => bad("settings", found.join(" ")),
    }
}

/// Opens a database that is there; SQLite is not made only to look at it.
async fn open(settings: &ServeSettings) -> Result<Store, Verdict> {
    if let Target::Sqlite(path) = target(settings.database_url.as_deref(), &settings.data)
        && !path.exists()
    {
        return Err(note("database", format!("{} is not there yet; loggia serve makes it", path.display())));
    }
    let opening = tokio::time::timeout(Duration::from_secs(15), backup::open(settings)).await;
    match opening {
        Ok(Ok(store)) => match store.ping().await {
            Ok(()) => Ok(store),
            Err(error) => Err(bad("database", format!("does not answer: {error}. Start it, then look again."))),
        },
        Ok(Err(error)) => Err(bad("database", format!("{error:#}").replace(" loggia doctor says more.", ""))),
        Err(_) => Err(bad("database", "does not answer within 15 seconds. Correct --database-url, or start it.")),
    }
}

fn database(settings: &ServeSettings) -> Verdict {
    match target(settings.database_url.as_deref(), &settings.data) {
        Target::Sqlite(path) => {
            let size = path.metadata().map_or(0, |facts| facts.len()) >> 20;
            ok("database", format!("SQLite, {} ({size} MB)", path.display()))
        }
        Target::Postgres(_) => ok("database", "PostgreSQL answers"),
    }
}

/// That a restore has not been called complete yet.
async fn restored(store: &Store) -> Option<Verdict> {
    let at = loggia_app::estate::restored::since(store).await.ok().flatten()?;
    let found = format!(
        "this database was restored at {at}; where nothing was seen since, nothing counts as gone. When all is back: \
         loggia restore --all-is-back"
    );
    Some(note("restore", found))
}

async fn key(store: &Store, settings: &ServeSettings) -> Verdict {
    let key = match known_key(&settings.data) {
        Ok(Some(key)) => key,
        Ok(None) if SecretBox::is_needed(store).await.unwrap_or_default() => {
            return bad("secret key", missing_key(&settings.data));
        }
        Ok(None) => return note("secret key", "is not there yet; loggia serve makes it"),
        Err(error) => return bad("secret key", format!("{error:#}. Give the key of this database.")),
    };
    match SecretBox::new(&key, Arc::new(SystemIds::default())).bind(store).await {
        Ok(()) => ok("secret key", "fits the database"),
        Err(error) => bad("secret key", error.to_string()),
    }
}

async fn queue(store: &Store) -> Verdict {
    match store.work_counts(micros()).await {
        Ok((all, held)) => ok("work", work(all, held)),
        Err(error) => bad("work", format!("cannot be read: {error}")),
    }
}

/// What is unfinished, in words: all of it, and the part that workers hold.
fn work(all: i64, held: i64) -> String {
    match (all - held, held) {
        (0, 0) => "nothing waits".to_owned(),
        (waiting, running) => format!("{running} operations run, {waiting} wait"),
    }
}

async fn sources(store: &Store, settings: &ServeSettings) -> Vec<Verdict> {
    let rows = match store.sources().await {
        Ok(rows) => rows,
        Err(error) => return vec![bad("source", format!("cannot be read: {error}"))],
    };
    let wanted = settings.repositories.iter().chain(&settings.catalogs).chain(&settings.adopt);
    let unread: Vec<&String> = wanted.filter(|place| !rows.iter().any(|row| row.location == **place)).collect();
    let mut found: Vec<Verdict> = unread.into_iter().map(|p| note("source", format!("{p} was not read yet"))).collect();
    for row in rows {
        let state: SourceState = serde_json::from_value(row.state).unwrap_or_default();
        let place = row.location;
        found.push(match (state.failure.as_str(), state.report.problems.len(), state.report.held.len()) {
            ("", 0, 0) => ok("source", format!("{place}: {} documents", state.documents)),
            ("", 0, held) => note("source", format!("{place}: {held} removals wait for a yes on the sync page")),
            ("", many, _) => note("source", format!("{place}: {many} problems; loggia sources lists them")),
            (failure, _, _) => bad("source", format!("{place}: {failure}")),
        });
    }
    found
}

/// How everything stands that the platform holds itself to, by the engine that the pages use; nothing without standards.
async fn standards(store: &Store) -> Vec<Verdict> {
    let Ok(loaded) = store.load().await else { return Vec::new() };
    let graph = Graph::load(loaded.records, loaded.aliases);
    let now = micros();
    let (mut count, mut failing) = (0, Vec::new());
    for record in graph.of_kind(&Audience::All, "check") {
        let readings = checks::readings(&store.items_of(record.uid).await.unwrap_or_default());
        let Some(check) = Check::read(&graph, now, &record, readings).filter(|check| check.spec.standing) else {
            continue;
        };
        count += 1;
        let fails = |thing: &Arc<Record>| check.verdict(thing).outcome == Outcome::Fails;
        let things = check.subjects(&Audience::All).iter().filter(|thing| fails(thing)).count();
        if things > 0 {
            failing.push(format!("{} ({things})", record.reference.name()));
        }
    }
    match (count, failing.is_empty()) {
        (0, _) => Vec::new(),
        (_, true) => vec![ok("standards", format!("all {count} hold"))],
        _ => vec![note("standards", format!("not held: {}; see: loggia checks", failing.join(", ")))],
    }
}

/// How far a demo is with bringing today's state in.
async fn demo(store: &Store) -> Option<Verdict> {
    match store.meta(seed::PROGRESS).await {
        Ok(Some(state)) if state == seed::DONE => Some(ok("demo", "shows today's state")),
        Ok(Some(state)) => Some(note("demo", format!("is still beginning: {state}"))),
        _ => None,
    }
}

fn space(data: &Path) -> Verdict {
    let there = data.ancestors().find(|folder| folder.exists()).filter(|folder| !folder.as_os_str().is_empty());
    let folder = there.unwrap_or(Path::new("."));
    match rustix::fs::statvfs(folder) {
        Ok(facts) => {
            let free = facts.f_bavail.saturating_mul(facts.f_frsize);
            let text = format!("{} MB free in {}", free >> 20, folder.display());
            if free < SPACE { bad("disk", format!("{text}. Make room, or move --data.")) } else { ok("disk", text) }
        }
        Err(error) => bad("disk", format!("{} cannot be looked at: {error}", folder.display())),
    }
}

/// The data folder can be written to; several servers on one database need the same one.
fn data(settings: &ServeSettings) -> Verdict {
    let folder = &settings.data;
    if !folder.exists() {
        return note("data folder", format!("{} is not there yet; loggia serve makes it", folder.display()));
    }
    match tempfile::NamedTempFile::new_in(folder) {
        Err(error) => bad("data folder", format!("{} cannot be written to: {error}", folder.display())),
        Ok(_) if settings.database_url.is_some() => {
            ok("data folder", format!("{}; share it when several servers use this database", folder.display()))
        }
        Ok(_) => ok("data folder", folder.display().to_string()),
    }
}

/// What others on this machine could read.
fn rights(data: &Path) -> Option<Verdict> {
    let open: Vec<String> = open_files(data).iter().map(|path| path.display().to_string()).collect();
    let mend = format!("chmod 600 {}", open.join(" "));
    (!open.is_empty()).then(|| note("rights", format!("others on this machine may read the data. Close it: {mend}")))
}

fn micros() -> Micros {
    Micros(i64::try_from(now().as_micros()).unwrap_or(i64::MAX))
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A clock that was set back is seen by the file that was written last.
fn clock() -> Verdict {
    let written = tempfile::NamedTempFile::new().ok().and_then(|file| file.as_file().metadata().ok()?.modified().ok());
    let off = written.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map(|time| time.abs_diff(now()).as_secs());
    // 2025: no machine that runs this program is older.
    if now().as_secs() < 1_735_689_600 {
        return bad("clock", "says a year before 2025. Set it.");
    }
    match off {
        Some(seconds) if seconds > SKEW => {
            bad("clock", format!("differs by {seconds} s from that of the disk. Set it."))
        }
        _ => ok("clock", "runs"),
    }
}

fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned())
}

fn git() -> Verdict {
    match version("git") {
        Some(version) => ok("git", version),
        None => bad("git", "is not installed. Install it: repositories and golden paths need it."),
    }
}

fn sandbox() -> Verdict {
    match version("bwrap") {
        Some(version) => ok("sandbox", version),
        None => note("sandbox", "bwrap is not installed; driver programs run without one (Debian: bubblewrap)"),
    }
}

fn postgres() -> Verdict {
    match cluster::programs() {
        Some(folder) => ok("postgres", format!("{} (for the demo)", folder.display())),
        None => note("postgres", "is not installed; the demo cannot give databases (Debian: postgresql)"),
    }
}

fn public(settings: &ServeSettings) -> Verdict {
    let own = settings.public_url.starts_with("http://127.") || settings.public_url.starts_with("http://localhost");
    if !own && settings.public_url.starts_with("http://") {
        return note("public-url", format!("{} is not encrypted. Put TLS before it.", settings.public_url));
    }
    if own && !settings.listen.ip().is_loopback() {
        return note("public-url", "is an address of this machine only. Give the one that people use.");
    }
    ok("public-url", settings.public_url.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_workers_hold_runs_and_the_rest_waits() {
        let said = [(0, 0), (8, 8), (11, 8), (3, 0)].map(|(all, held)| work(all, held));
        let run = ["nothing waits", "8 operations run, 0 wait", "8 operations run, 3 wait", "0 operations run, 3 wait"];
        assert_eq!(said, run);
    }
}
