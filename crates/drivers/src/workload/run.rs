//! Starting and ending the processes of one program.

use super::code;
use super::place::{Place, Role, mark};
use super::wanted::Wanted;
use crate::process;
use crate::sandbox;
use loggia_app::instance::driver::Secret;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::io::Result;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The variable by which the processes of a program are found.
const MARK: &str = "LOGGIA_WORKLOAD";
/// How long a program has to end after it was asked to.
const GRACE: Duration = Duration::from_secs(10);

/// What is started.
pub(super) struct Start<'a> {
    pub place: &'a Place,
    pub role: Role,
    pub wanted: &'a Wanted,
    pub code: &'a str,
    pub port: u16,
    pub secrets: &'a [(String, Secret)],
    pub bwrap: Option<&'a Path>,
}

/// Starts it; false when it runs already.
pub(super) fn start(start: &Start<'_>) -> Result<bool> {
    let Some(lines) = start.place.hold(start.role)? else { return Ok(false) };
    // The lock is free, so what is left is what fled it.
    signal(&marked(&start.place.mark(start.role)), Signal::KILL);
    let folder = code::folder(start.place, start.code);
    let home = start.place.file("home");
    std::fs::create_dir_all(&home)?;
    let (program, args) = command_line(start, &folder, &home);
    let mut command = tokio::process::Command::new(program);
    command.args(args).env_clear().envs(environment(start, &home)).current_dir(&folder).process_group(0);
    command.stdin(Stdio::null()).stdout(lines.try_clone()?).stderr(lines);
    // It is not waited for: it may live longer than this server.
    drop(command.spawn()?);
    Ok(true)
}

fn command_line(start: &Start<'_>, folder: &Path, home: &Path) -> (OsString, Vec<OsString>) {
    let own = start.wanted.command.iter().map(OsString::from);
    match start.bwrap {
        Some(bwrap) => {
            let walls = sandbox::open_walls(folder, home).into_iter();
            (bwrap.into(), walls.chain(["--".into()]).chain(own).collect())
        }
        None => (start.wanted.command[0].clone().into(), own.skip(1).collect()),
    }
}

fn environment(start: &Start<'_>, home: &Path) -> Vec<(OsString, OsString)> {
    let fixed = [
        ("PATH", process::search_path()),
        ("LANG", "C.UTF-8".into()),
        ("HOME", home.into()),
        ("PORT", start.port.to_string().into()),
        (MARK, start.place.mark(start.role).into()),
    ];
    let wanted = start.wanted.environment.iter().map(|(name, value)| (name.into(), value.into()));
    // Revealed to the program that they are for; never as arguments, which others see.
    let secrets = start.secrets.iter().map(|(name, secret)| (name.into(), secret.reveal().into()));
    wanted.chain(secrets).chain(fixed.map(|(name, value)| (name.into(), value))).collect()
}

/// Ends it: asks, waits, and kills what is left. True when nothing is left.
pub(super) async fn stop(place: &Place, role: Role) -> Result<bool> {
    let mark = place.mark(role);
    let all = marked(&mark);
    signal(&all, Signal::TERM);
    let limit = Instant::now() + GRACE;
    while Instant::now() < limit && !marked(&mark).is_empty() {
        sleep(Duration::from_millis(20)).await;
    }
    // What it starts while it is killed is killed in the next round.
    for _ in 0..50 {
        let left = marked(&mark);
        if left.is_empty() && !place.is_held(role)? {
            return Ok(true);
        }
        signal(&left, Signal::KILL);
        sleep(Duration::from_millis(20)).await;
    }
    Ok(false)
}

fn signal(all: &[Pid], signal: Signal) {
    for pid in all {
        // The only error that matters is seen by whoever looks again.
        let _ = kill_process(*pid, signal);
    }
}

/// The processes that carry a mark.
fn marked(mark: &str) -> Vec<Pid> {
    let wanted = format!("{MARK}={mark}");
    processes().filter(|(_, variables)| has(variables, &wanted)).map(|(pid, _)| pid).collect()
}

fn has(variables: &[u8], wanted: &str) -> bool {
    variables.split(|byte| *byte == 0).any(|one| one == wanted.as_bytes())
}

/// All processes whose variables may be read, with these. One that has ended and waits for its parent has none.
fn processes() -> impl Iterator<Item = (Pid, Vec<u8>)> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| {
        let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        Some((pid, std::fs::read(entry.path().join("environ")).ok()?))
    })
}

/// The programs of a folder that run, each by its key: one that runs twice is there twice.
pub fn running(root: &Path) -> Vec<String> {
    let keys = keys(root);
    let marks: Vec<String> = keys.iter().map(|key| format!("{MARK}={}", mark(root, key, Role::Serving))).collect();
    let key_of = |variables: &[u8]| marks.iter().position(|mark| has(variables, mark));
    let all: Vec<(Pid, usize)> = processes().filter_map(|(pid, variables)| Some((pid, key_of(&variables)?))).collect();
    let is_one = |pid: i32| all.iter().any(|(other, _)| other.as_raw_nonzero().get() == pid);
    // A process whose parent is one of them is part of the same program.
    let first = |pid: Pid| parent(pid).is_none_or(|parent| !is_one(parent));
    all.iter().filter(|(pid, _)| first(*pid)).map(|(_, at)| keys[*at].clone()).collect()
}

fn parent(pid: Pid) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // After the name, which may hold anything: state and parent.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn keys(root: &Path) -> Vec<String> {
    let all = std::fs::read_dir(root).into_iter().flatten().flatten();
    all.filter_map(|entry| entry.file_name().to_str().map(str::to_owned)).collect()
}

/// Kills every program of a folder, for one that is thrown away.
pub fn end_all(root: &Path) {
    for key in keys(root) {
        for role in [Role::Serving, Role::Trial] {
            signal(&marked(&mark(root, &key, role)), Signal::KILL);
        }
    }
}
