//! A Loggia server of the release build, with a data folder of its own, for one check or measurement.

use crate::http::Connection;
use crate::{process, report};
use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Builds the release binary, unless `--binary PATH` names one, and says where it is.
pub fn release(arguments: &[String]) -> Result<PathBuf> {
    if let Some(binary) = report::option(arguments, "--binary") {
        return Ok(Path::new(binary).canonicalize()?);
    }
    if !process::status(process::cargo().args(["build", "--release", "--package", "loggia"]))? {
        bail!("the release build failed");
    }
    Ok(process::target().join("release/loggia"))
}

/// How to start a server.
pub struct Plan {
    binary: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    token: String,
}

impl Plan {
    /// `loggia SUBCOMMAND`, with a bootstrap token.
    pub fn new(binary: &Path, subcommand: &str) -> Result<Self> {
        let token = process::random_text(16)?;
        Ok(Self { binary: binary.into(), arguments: vec![subcommand.into()], environment: Vec::new(), token })
    }

    /// With one more option and its value.
    pub fn option(mut self, name: &str, value: impl AsRef<Path>) -> Self {
        self.arguments.extend([name.into(), value.as_ref().display().to_string()]);
        self
    }

    /// With one more environment variable.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// With what a test of the Backstage door needs: one repository folder.
    pub fn repository(self, folder: &Path) -> Self {
        self.option("--repository", folder)
    }

    /// The token with full rights.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Starts it on a free port; the data folder is made when it is not there.
    pub fn start(&self, data: &Path) -> Result<Server> {
        std::fs::create_dir_all(data)?;
        let address = SocketAddr::from(([127, 0, 0, 1], process::free_port()?));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(data.join("server.log"))?;
        let mut command = Command::new(&self.binary);
        command.args(&self.arguments).args(["--listen", &address.to_string()]);
        if self.arguments.first().is_some_and(|subcommand| subcommand != "bench-empty") {
            command.arg("--data").arg(data);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("LOGGIA_ADMIN_TOKEN", &self.token).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {}", self.binary.display()))?;
        Ok(Server { child, address, started, data: data.into(), token: self.token.clone() })
    }

    /// Starts it and waits until it is ready.
    pub fn ready(&self, data: &Path, limit: Duration) -> Result<Server> {
        let mut server = self.start(data)?;
        server.wait_ready(limit)?;
        Ok(server)
    }
}

/// A running server; stopped when dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    started: Instant,
    data: PathBuf,
    token: String,
}

impl Server {
    /// `http://…` of the server.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A new connection with the bootstrap token.
    pub fn connect(&self) -> Result<Connection> {
        Connection::open(self.address, &self.token)
    }

    /// Asks every 5 ms until `is_done` says yes; the time since the start.
    pub fn wait(
        &mut self,
        limit: Duration,
        mut is_done: impl FnMut(&mut Connection) -> Result<bool>,
    ) -> Result<Duration> {
        let mut connection = None;
        while self.started.elapsed() < limit {
            if connection.is_none() {
                connection = self.connect().ok();
            }
            match connection.as_mut().map(&mut is_done) {
                Some(Ok(true)) => return Ok(self.started.elapsed()),
                // Not listening yet, or not ready to answer: ask again on a new connection.
                Some(Err(_)) => connection = None,
                _ => {}
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended ({status}): {}", self.last_words());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("not done after {} s: {}", limit.as_secs(), self.last_words())
    }

    /// Waits until `/readyz` is 200; the time since the start.
    pub fn wait_ready(&mut self, limit: Duration) -> Result<Duration> {
        self.wait(limit, |connection| Ok(connection.get("/readyz")?.status == 200))
    }

    /// Memory in MB that is resident now, and the most that ever was.
    pub fn memory(&self) -> Result<(u64, u64)> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes / 1024)
        };
        Ok((field("VmRSS:").context("no memory figure")?, field("VmHWM:").context("no memory figure")?))
    }

    /// Asks it to stop and waits; kills it when it does not stop in ten seconds.
    pub fn stop(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_none() {
            process::output(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
            let limit = Instant::now() + Duration::from_secs(10);
            while self.child.try_wait()?.is_none() {
                if Instant::now() > limit {
                    self.child.kill()?;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(self.data.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.stop().is_err() {
            // Already gone.
            let _ = self.child.kill();
        }
    }
}
