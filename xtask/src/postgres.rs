//! A PostgreSQL cluster for tests: its own folder, another user when run as root, a private socket and a free loopback
//! port, gone at the end.

use crate::{install, process};
use anyhow::{Context, Result, bail};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The environment variable through which tests learn the administrator's URL.
pub const URL: &str = "LOGGIA_TEST_POSTGRES";

/// Holds the server: runs it until standard input closes, which also happens when this process dies in any way, then
/// stops it and removes its folder. So nothing stays behind after an interrupt.
const KEEPER: &str = r#"trap '' INT TERM HUP
dir=$1; shift
"$@" >"$dir/server.log" 2>&1 &
server=$!
cat >/dev/null
kill -INT "$server" 2>/dev/null
wait "$server"
rm -rf "$dir""#;

/// A running cluster.
pub struct Cluster {
    keeper: Child,
    dir: PathBuf,
    url: String,
}

/// The folder with the server programs, newest version first.
pub fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").is_file())
        .max_by_key(|(version, _)| *version);
    newest.map(|(_, bin)| bin).or_else(|| process::which("initdb")?.parent().map(Path::to_path_buf))
}

impl Cluster {
    /// Makes a cluster and starts its server.
    pub fn start() -> Result<Self> {
        let bin = binaries().context("PostgreSQL is not installed")?;
        let account = if process::is_root() { Some(other_account()?) } else { None };
        let dir = std::env::temp_dir().join(format!("loggia-postgres-{}", process::random_text(6)?));
        std::fs::create_dir(&dir)?;
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700))?;
        let password = process::random_text(12)?;
        std::fs::write(dir.join("password"), &password)?;
        if let Some((user, group)) = account {
            chown(&dir, Some(user), Some(group))?;
            chown(dir.join("password"), Some(user), Some(group))?;
        }
        let started = Self::init_and_serve(&bin, &dir, account, &password);
        if started.is_err() {
            // The keeper may have been quicker.
            let _ = std::fs::remove_dir_all(&dir);
        }
        started
    }

    fn init_and_serve(bin: &Path, dir: &Path, account: Option<(u32, u32)>, password: &str) -> Result<Self> {
        let mut init = as_account(bin.join("initdb"), account);
        init.current_dir(dir)
            .args(["--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8"])
            .args(["--locale=C.UTF-8", "--no-sync", "--pwfile=password", "--pgdata=cluster"]);
        process::succeed(&mut init)?;
        let port = process::free_port()?;
        let mut keeper = as_account("sh", account);
        keeper.current_dir(dir).args(["-c", KEEPER, "sh"]).arg(dir).arg(bin.join("postgres")).arg("-D");
        keeper.arg(dir.join("cluster")).arg("-k").arg(dir).args(["-h", "127.0.0.1", "-p", &port.to_string()]);
        for setting in ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200"] {
            keeper.args(["-c", setting]);
        }
        let keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let url = format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres");
        let cluster = Self { keeper, dir: dir.to_path_buf(), url };
        cluster.wait_ready(bin, port)?;
        Ok(cluster)
    }

    fn wait_ready(&self, bin: &Path, port: u16) -> Result<()> {
        let limit = Instant::now() + Duration::from_secs(30);
        while Instant::now() < limit {
            let mut ready = Command::new(bin.join("pg_isready"));
            if process::output(ready.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]))?.1 {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut log = String::new();
        std::fs::File::open(self.dir.join("server.log")).and_then(|mut file| file.read_to_string(&mut log))?;
        bail!("PostgreSQL did not start: {log}")
    }

    /// The URL of the administrator of the cluster.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // The keeper ends by itself; its outcome changes nothing for the tests.
        let _ = self.keeper.wait();
    }
}

/// `cargo xtask postgres [COMMAND…]`: a cluster while the command runs, or until standard input ends.
pub fn run(command: &[String]) -> Result<bool> {
    install::program(install::Program::Postgres)?;
    let cluster = Cluster::start()?;
    let Some((program, arguments)) = command.split_first() else {
        println!("{URL}={}\nEnter stops it.", cluster.url());
        std::io::stdin().read_line(&mut String::new())?;
        return Ok(true);
    };
    process::status(Command::new(program).args(arguments).env(URL, cluster.url()))
}

fn as_account(program: impl AsRef<std::ffi::OsStr>, account: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = account {
        command.uid(user).gid(group);
    }
    command
}

/// User and group number of the account that runs PostgreSQL, which refuses to run as root.
fn other_account() -> Result<(u32, u32)> {
    let accounts = std::fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        accounts.lines().find_map(|line| {
            let mut parts = line.split(':');
            (parts.next()? == name).then_some(())?;
            Some((parts.nth(1)?.parse().ok()?, parts.next()?.parse().ok()?))
        })
    };
    find("postgres").or_else(|| find("nobody")).context("there is no user postgres or nobody to run PostgreSQL as")
}
