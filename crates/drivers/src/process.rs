//! Runs one program with limits on time and output, and leaves nothing behind.
//!
//! The program runs in a task of its own. When the caller goes away, the whole process group is killed, and the gate
//! that the caller holds is released only after the program is really gone, so that the next call never meets a
//! half-dead one.

use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};

/// Lines of a program longer than this many bytes are cut.
const LINE_LIMIT: usize = 4096;
/// A program may write this many lines to its log; the rest is dropped with a note.
const LINES_LIMIT: usize = 10_000;

/// A program to run. The environment is exactly `env`.
pub(crate) struct Program {
    pub path: PathBuf,
    pub args: Vec<OsString>,
    pub env: Vec<(OsString, OsString)>,
    pub directory: PathBuf,
    pub stdin: Vec<u8>,
    pub timeout: Duration,
    /// Largest accepted standard output, in bytes.
    pub limit: usize,
    /// Held until the program is gone.
    pub gate: Option<OwnedMutexGuard<()>>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Exited(i32),
    Signalled(i32),
    TimedOut,
    TooMuchOutput,
}

/// What is left of a program.
pub(crate) struct Finished {
    pub ended: Ended,
    pub stdout: Vec<u8>,
    /// The last line of its log.
    pub last_line: String,
}

/// Runs `program`; each line of its standard error goes to `on_line` as it comes.
///
/// # Errors
/// When the program cannot be started.
pub(crate) async fn run(program: Program, mut on_line: impl FnMut(&str) + Send) -> std::io::Result<Finished> {
    let child = start(&program)?;
    let (lines, mut incoming) = mpsc::channel(256);
    // Dropping `alive` (because the caller was cut off) tells the task to kill the program.
    let (alive, gone) = oneshot::channel::<()>();
    let task = tokio::spawn(attend(child, program, lines, gone));
    let mut last_line = String::new();
    while let Some(line) = incoming.recv().await {
        on_line(&line);
        last_line = line;
    }
    let (ended, stdout) = task.await.map_err(std::io::Error::other)??;
    drop(alive);
    Ok(Finished { ended, stdout, last_line })
}

fn start(program: &Program) -> std::io::Result<Child> {
    Command::new(&program.path)
        .args(&program.args)
        .env_clear()
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&program.directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

async fn attend(
    mut child: Child,
    program: Program,
    lines: mpsc::Sender<String>,
    gone: oneshot::Receiver<()>,
) -> std::io::Result<(Ended, Vec<u8>)> {
    let group = child.id();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let input = program.stdin;
    let feed = tokio::spawn(async move {
        if let Some(mut pipe) = stdin {
            // A program that does not read its input is free not to.
            drop(pipe.write_all(&input).await);
        }
    });
    let mut reading = tokio::spawn(read_all(stdout, program.limit));
    let mut logging = tokio::spawn(read_lines(stderr, lines));
    let (mut ended, mut output) = (None, Vec::new());
    tokio::select! {
        done = &mut reading => match done.map_err(std::io::Error::other)? {
            Some(bytes) => output = bytes,
            None => ended = Some(Ended::TooMuchOutput),
        },
        () = tokio::time::sleep(program.timeout) => ended = Some(Ended::TimedOut),
        _ = gone => ended = Some(Ended::Signalled(9)),
    }
    if ended.is_none() {
        // Standard output is closed; a program that lingers after that has the rest of its time.
        ended = tokio::time::timeout(program.timeout, child.wait()).await.err().map(|_| Ended::TimedOut);
    }
    // Also after a normal end: what the program left running in its group goes with it.
    kill(group);
    let status = child.wait().await?;
    feed.abort();
    // The pipes close when the last process that holds them is dead; one that fled its group does not hold us up.
    if tokio::time::timeout(Duration::from_secs(2), &mut logging).await.is_err() {
        // Whoever reads its lines waits until there can be no more.
        logging.abort();
    }
    drop(program.gate);
    Ok((ended.unwrap_or_else(|| of_status(status)), output))
}

fn of_status(status: std::process::ExitStatus) -> Ended {
    match status.code() {
        Some(code) => Ended::Exited(code),
        None => Ended::Signalled(status.signal().unwrap_or_default()),
    }
}

/// Kills a process group at once; one that is already gone is fine.
pub(crate) fn kill(group: Option<u32>) {
    let pid = group.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // The only error is that there is nobody left to kill.
        kill_process_group(pid, Signal::KILL).ok();
    }
}

async fn read_all(pipe: Option<impl AsyncRead + Unpin>, limit: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        pipe.take(most).read_to_end(&mut bytes).await.ok();
    }
    (bytes.len() <= limit).then_some(bytes)
}

async fn read_lines(pipe: Option<impl AsyncRead + Unpin>, lines: mpsc::Sender<String>) {
    let Some(mut pipe) = pipe else { return };
    let (mut line, mut count, mut chunk) = (Vec::new(), 0, [0u8; 8192]);
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        for &byte in &chunk[..length] {
            if byte != b'\n' {
                if line.len() < LINE_LIMIT {
                    line.push(byte);
                }
                continue;
            }
            count += 1;
            send(&lines, &mut line, count).await;
        }
    }
    if !line.is_empty() {
        send(&lines, &mut line, count + 1).await;
    }
}

async fn send(lines: &mpsc::Sender<String>, line: &mut Vec<u8>, count: usize) {
    let text = String::from_utf8_lossy(line).trim_end().to_owned();
    line.clear();
    // A caller that is gone needs no lines.
    match count.cmp(&LINES_LIMIT) {
        std::cmp::Ordering::Less => drop(lines.send(text).await),
        std::cmp::Ordering::Equal => drop(lines.send("… more lines were left out".to_owned()).await),
        std::cmp::Ordering::Greater => {}
    }
}

/// The folders that programs are looked for in: the search path of this process, or the usual folders without one.
pub(crate) fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into())
}

/// Finds a program by name on the search path.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&search_path()).map(|folder| folder.join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    /// A process outside of the group keeps the pipe of the lines open: nobody waits for it.
    #[tokio::test]
    async fn what_fled_its_group_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let program = Program {
            path: "/bin/sh".into(),
            args: vec!["-c".into(), "echo begun >&2; setsid sleep 9 >/dev/null & echo done".into()],
            env: vec![("PATH".into(), search_path())],
            directory: folder.path().to_owned(),
            stdin: Vec::new(),
            timeout: Duration::from_secs(30),
            limit: 100,
            gate: None,
        };
        let began = Instant::now();
        let finished = run(program, |_| {}).await.unwrap();
        assert_eq!(
            (finished.ended, &*finished.stdout, &*finished.last_line),
            (Ended::Exited(0), &b"done\n"[..], "begun")
        );
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    }
}
