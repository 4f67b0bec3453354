//! A PostgreSQL server of our own, for the demo: its data in one folder, reached on the loopback address only, by
//! password only. It ends with the process that started it, however that one ends.

use super::password;
use crate::process;
use loggia_app::instance::driver::{Failure, Secret};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// Runs the server until standard input closes, which also happens when the process that holds it dies in any way.
/// It ignores signals of the terminal, so that the server outlives the last operation of its user.
const KEEPER: &str = r#"trap '' INT TERM HUP
log=$1; shift
exec 3<&0
"$@" >>"$log" 2>&1 </dev/null 3<&- &
server=$!
(while read -r _ <&3; do :; done; kill -INT "$server" 2>/dev/null) &
reader=$!
wait "$server"
code=$?
kill -KILL "$reader" 2>/dev/null
exit "$code""#;
/// How long a server may take to answer, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
pub struct Cluster {
    keeper: Child,
    url: Secret,
}

/// Where the server programs are: the newest version below `/usr/lib/postgresql`, else on the search path.
pub fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").is_file() && bin.join("postgres").is_file())
        .max_by_key(|(version, _)| *version);
    newest.map(|(_, bin)| bin).or_else(|| process::find("initdb")?.parent().map(Path::to_path_buf))
}

/// The folder of a server that is wanted at `wanted`: that one, or one in the folder for temporary files when the user
/// that runs the server (who cannot be root) may not get there.
pub fn folder(wanted: &Path) -> PathBuf {
    let open = |folder: &Path| folder.metadata().is_ok_and(|facts| facts.permissions().mode() & 0o001 != 0);
    let parents = wanted.ancestors().skip(1).filter(|parent| parent.exists());
    if !is_root() || parents.into_iter().all(open) {
        return wanted.to_owned();
    }
    let name = loggia_model::canonical::etag(&wanted.to_string_lossy());
    std::env::temp_dir().join(format!("loggia-demo-{}", &name[..name.len().min(16)]))
}

impl Cluster {
    /// Makes the server's data when there is none yet, and starts it.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start; with what to do.
    pub async fn start(folder: &Path) -> Result<Cluster, Failure> {
        let bin = programs().ok_or_else(|| {
            let mend = "Install it (on Debian: apt install postgresql), then start again.";
            Failure::ours("PostgreSQL is not installed on this machine.", mend)
        })?;
        let account = if is_root() { Some(account()?) } else { None };
        prepare(folder, account).map_err(|error| unusable(folder, &error))?;
        let password = password_of(folder, account).map_err(|error| unusable(folder, &error))?;
        if !folder.join("cluster").exists() {
            initialise(&bin, folder, account).await?;
        }
        let port = port_of(folder).await.map_err(|error| unusable(folder, &error))?;
        let url = Secret::new(format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres?sslmode=disable"));
        let limit = Instant::now() + PATIENCE;
        loop {
            let keeper = keep(&bin, folder, account, port).map_err(|error| unusable(folder, &error))?;
            let mut cluster = Cluster { keeper, url: url.clone() };
            // One that is just ending, after its owner was killed, still holds the folder: wait for it.
            match cluster.answers(limit).await {
                Ok(()) => return Ok(cluster),
                Err(failure) if Instant::now() > limit => return Err(failure),
                Err(_) => sleep(Duration::from_millis(300)).await,
            }
        }
    }

    /// The address with the password of the administrative role.
    pub fn url(&self) -> &Secret {
        &self.url
    }

    /// Stops the server and waits until it is gone.
    pub async fn stop(mut self) {
        drop(self.keeper.stdin.take());
        if timeout(PATIENCE, self.keeper.wait()).await.is_err() {
            tracing::warn!("the demo's PostgreSQL has not ended yet");
        }
    }

    async fn answers(&mut self, limit: Instant) -> Result<(), Failure> {
        // Revealed to ask the server that this process has just started.
        let options: Result<PgConnectOptions, _> = self.url.reveal().parse();
        let options = options.map_err(|error| Failure::ours(error.to_string(), "Report this as a fault."))?;
        let options = options.disable_statement_logging();
        loop {
            if let Ok(connection) = options.connect().await {
                // It was only asked whether it answers.
                let _ = connection.close().await;
                return Ok(());
            }
            let ended = self.keeper.try_wait().ok().flatten().is_some();
            if ended || Instant::now() > limit {
                let mend = "See the file server.log in its folder, or start the demo with --fresh.";
                return Err(Failure::backend("PostgreSQL does not start.", mend));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn unusable(folder: &Path, error: &std::io::Error) -> Failure {
    Failure::ours(format!("{} cannot be used: {error}.", folder.display()), "Give another folder with --data.")
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

type Account = Option<(u32, u32)>;

/// User and group of the account that runs PostgreSQL, which refuses to run as root.
fn account() -> Result<(u32, u32), Failure> {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let find = |name: &str| {
        accounts.lines().find_map(|line| {
            let parts: Vec<&str> = line.split(':').collect();
            (parts.first() == Some(&name)).then_some(())?;
            Some((parts.get(2)?.parse().ok()?, parts.get(3)?.parse().ok()?))
        })
    };
    find("postgres").or_else(|| find("nobody")).ok_or_else(|| {
        let mend = "Run the demo as an ordinary user, or add the user postgres.";
        Failure::ours("PostgreSQL does not run as root, and there is no user postgres or nobody.", mend)
    })
}

/// Makes the folder, for the account only.
fn prepare(folder: &Path, account: Account) -> std::io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // In a folder that everybody may write to, somebody else may have been there first.
            let owner = folder.symlink_metadata()?.uid();
            let ours = rustix::process::geteuid().as_raw();
            if owner != ours && account.is_none_or(|(user, _)| user != owner) {
                return Err(std::io::Error::new(ErrorKind::PermissionDenied, "it belongs to somebody else"));
            }
        }
        Err(error) => return Err(error),
    }
    give(folder, account)
}

fn give(path: &Path, account: Account) -> std::io::Result<()> {
    account.map_or(Ok(()), |(user, group)| chown(path, Some(user), Some(group)))
}

/// The password of the administrative role, made at the first start.
fn password_of(folder: &Path, account: Account) -> std::io::Result<String> {
    let path = folder.join("password");
    match std::fs::read_to_string(&path) {
        Ok(text) if !text.is_empty() => return Ok(text),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let text = password::new();
    std::fs::write(&path, "")?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    std::fs::write(&path, &text)?;
    give(&path, account)?;
    Ok(text)
}

/// The port of last time, so that what people were told stays right: a server that is still ending has it a moment
/// longer. Only when somebody else has it now, a free one.
async fn port_of(folder: &Path) -> std::io::Result<u16> {
    let path = folder.join("port");
    let last = std::fs::read_to_string(&path).ok().and_then(|text| text.parse::<u16>().ok()).unwrap_or(0);
    let limit = Instant::now() + PATIENCE;
    let listener = loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, last)) {
            Ok(listener) => break listener,
            Err(_) if is_ending(folder) && Instant::now() < limit => sleep(Duration::from_millis(100)).await,
            Err(_) => break TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
        }
    };
    let port = listener.local_addr()?.port();
    std::fs::write(path, port.to_string())?;
    Ok(port)
}

/// Whether the server of the last start is still there, by the file in which it says so.
fn is_ending(folder: &Path) -> bool {
    let text = std::fs::read_to_string(folder.join("cluster/postmaster.pid")).unwrap_or_default();
    let pid = text.lines().next().and_then(|line| line.trim().parse().ok()).and_then(Pid::from_raw);
    // One that may not be asked is there, too.
    pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

fn command(program: impl Into<OsString>, folder: &Path, account: Account) -> Command {
    let mut command = Command::new(program.into());
    command.current_dir(folder).process_group(0);
    if let Some((user, group)) = account {
        command.uid(user).gid(group);
    }
    command
}

async fn initialise(bin: &Path, folder: &Path, account: Account) -> Result<(), Failure> {
    let unfinished = folder.join("cluster.new");
    // What an earlier start left behind when it was cut off.
    let _ = std::fs::remove_dir_all(&unfinished);
    let mut init = command(bin.join("initdb"), folder, account);
    init.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
    init.args(["--pwfile=password", "--pgdata=cluster.new"]).stdin(Stdio::null()).kill_on_drop(true);
    let output = init.output().await.map_err(|error| unusable(folder, &error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given").to_owned();
        return Err(Failure::ours(
            format!("PostgreSQL could not be set up: {last}."),
            "Give another folder with --data.",
        ));
    }
    std::fs::rename(&unfinished, folder.join("cluster")).map_err(|error| unusable(folder, &error))
}

fn keep(bin: &Path, folder: &Path, account: Account, port: u16) -> std::io::Result<Child> {
    let mut keeper = command("sh", folder, account);
    keeper.args(["-c", KEEPER, "sh", "server.log"]).arg(bin.join("postgres")).args(["-D", "cluster"]);
    // No socket: its path would be too long in many a folder.
    keeper.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "unix_socket_directories="]);
    keeper.args(["-c", "max_connections=300", "-c", "shared_buffers=32MB"]);
    keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn starts_again_with_the_same_data_at_the_same_place() {
        if programs().is_none() {
            eprintln!("skipped: starts_again_with_the_same_data_at_the_same_place: no PostgreSQL");
            return;
        }
        let folder = std::env::temp_dir().join(format!("loggia-cluster-{}", std::process::id()));
        let first = Cluster::start(&folder).await.unwrap();
        let url = first.url().clone();
        first.stop().await;
        let second = Cluster::start(&folder).await.unwrap();
        assert_eq!(url, second.url().clone());
        // Killed, not stopped: the next one waits for what is still ending, and is where that was.
        drop(second);
        let third = Cluster::start(&folder).await.unwrap();
        assert_eq!(url, third.url().clone());
        third.stop().await;
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn a_port_is_waited_for_while_the_server_of_before_ends() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("cluster")).unwrap();
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = held.local_addr().unwrap().port();
        let pid = folder.path().join("cluster/postmaster.pid");
        std::fs::write(folder.path().join("port"), port.to_string()).unwrap();
        std::fs::write(&pid, format!("{}\n", std::process::id())).unwrap();
        let ends = tokio::spawn(async move {
            sleep(Duration::from_millis(400)).await;
            drop(held);
        });
        assert_eq!(port_of(folder.path()).await.unwrap(), port);
        ends.await.unwrap();
        // Somebody else has it, and no server of ours ends: it is not waited for.
        std::fs::remove_file(pid).unwrap();
        let _held = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert_ne!(port_of(folder.path()).await.unwrap(), port);
    }
}
