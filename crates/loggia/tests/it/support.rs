//! Starts the real binary, asks it by its command line and by HTTP, and kills it.

use serde_json::Value;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_loggia");
/// The token with full rights in tests.
pub const TOKEN: &str = "token-of-the-administrator";
/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where a server keeps its data.
#[derive(Clone)]
pub enum Database {
    Sqlite,
    Postgres(String),
}

/// Runs a test on SQLite and, where a server is given, on PostgreSQL.
pub fn on_both(name: &str, test: impl Fn(&Database)) {
    test(&Database::Sqlite);
    on_postgres(name, test);
}

/// Runs a test on PostgreSQL, where a server is given.
pub fn on_postgres(name: &str, test: impl Fn(&Database)) {
    let Ok(server) = std::env::var("LOGGIA_TEST_POSTGRES") else {
        println!("skipped: {name}: no LOGGIA_TEST_POSTGRES");
        return;
    };
    let database = format!("whole_{name}_{}", std::process::id());
    sql(&server, &format!("drop database if exists {database} with (force)"));
    sql(&server, &format!("create database {database}"));
    let (front, _) = server.rsplit_once('/').unwrap();
    test(&Database::Postgres(format!("{front}/{database}")));
    sql(&server, &format!("drop database {database} with (force)"));
}

fn sql(server: &str, statement: &str) {
    let done =
        Command::new("psql").args([server, "-qc", statement]).output().expect("psql is installed with PostgreSQL");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What a server is started with.
#[derive(Clone)]
pub struct Plan {
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub data: PathBuf,
    pub port: u16,
    /// Largest file that it may write, in blocks of 512 bytes.
    pub file_limit: Option<u64>,
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    pub plan: Plan,
    log: PathBuf,
}

impl Plan {
    /// A server over repositories, with its data below a folder.
    pub fn new(folder: &Path, name: &str, database: &Database, repositories: &[&Path]) -> Plan {
        let data = folder.join(name);
        std::fs::create_dir_all(&data).unwrap();
        let mut args = Vec::new();
        for repository in repositories {
            args.extend(["--repository".to_owned(), repository.display().to_string()]);
        }
        if let Database::Postgres(url) = database {
            args.extend(["--database-url".to_owned(), url.clone()]);
        }
        Plan { args, env: Vec::new(), data, port: free_port(), file_limit: None }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Plan {
        self.args.extend([name.to_owned(), value.to_owned()]);
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Plan {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it and waits until it listens.
    pub fn start(&self) -> Server {
        let log = self.data.join("server.log");
        let out = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut command = match self.file_limit {
            None => Command::new(BINARY),
            Some(blocks) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"", "sh"]).arg(blocks.to_string());
                shell.arg(BINARY);
                shell
            }
        };
        command.arg("serve").args(["--listen", &format!("127.0.0.1:{}", self.port)]).arg("--data").arg(&self.data);
        command.args(&self.args).env("LOGGIA_ADMIN_TOKEN", TOKEN).env("LOGGIA_CATALOG_TOKEN", TOKEN);
        command.env("LOGGIA_LOG", "info,loggia_app=debug").envs(self.env.iter().cloned()).stdin(Stdio::null());
        // With a limit on files the log must not be what fails.
        let piped = || if self.file_limit.is_some() { Stdio::null() } else { out.try_clone().unwrap().into() };
        let child = command.stdout(piped()).stderr(piped()).spawn().unwrap();
        Server { child, plan: self.clone(), log }
    }

    /// Starts it and waits until it is ready.
    pub fn ready(&self) -> Server {
        let mut server = self.start();
        server.wait_ready();
        server
    }

    /// Starts it where it must not start: how it ended, and what it said.
    pub fn refused(&self) -> (i32, String) {
        let mut server = self.start();
        let status = server.child.wait().unwrap();
        (status.code().unwrap_or_default(), server.log())
    }
}

impl Server {
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.plan.port)
    }

    pub fn wait_ready(&mut self) {
        until("the server is ready", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server ended with {status}:\n{}", self.log());
            }
            self.http("GET", "/readyz", None).0 == 200
        });
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Runs a command against this server.
    pub fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(BINARY);
        command.args(args).env("LOGGIA_URL", self.url()).env("LOGGIA_TOKEN", TOKEN);
        command.env("XDG_CONFIG_HOME", self.plan.data.join("config")).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a command that must work; gives what it printed.
    pub fn ok(&self, args: &[&str]) -> String {
        let done = self.run(args);
        let (out, err) = (text(&done.stdout), text(&done.stderr));
        assert!(done.status.success(), "{args:?}: {out}{err}\n{}", self.log());
        out
    }

    /// Runs a command that must not work; gives its exit code and what it said.
    pub fn fails(&self, args: &[&str]) -> (i32, String) {
        let done = self.run(args);
        assert!(!done.status.success(), "{args:?} worked: {}", text(&done.stdout));
        (done.status.code().unwrap(), text(&done.stderr) + &text(&done.stdout))
    }

    pub fn json(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["-o", "json"]).collect();
        serde_json::from_str(&self.ok(&args)).unwrap()
    }

    /// Status and body of a request as administrator; status 0 when nobody answers.
    pub fn http(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        http(&self.url(), method, path, body)
    }

    /// `kill -9`.
    pub fn kill(mut self) -> Plan {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.plan.clone()
    }

    /// Asks it to end, and waits.
    pub fn stop(mut self) -> Plan {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(&id).status().unwrap().success());
        until("the server has ended", || self.child.try_wait().unwrap().is_some());
        assert!(self.child.wait().unwrap().success(), "{}", self.log());
        self.plan.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn http(url: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().tls_certs_only([]).timeout(Duration::from_secs(30)).build().unwrap();
        let mut request = client.request(method.parse().unwrap(), format!("{url}{path}")).bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request.json(body);
        }
        match request.send().await {
            Ok(response) => (response.status().as_u16(), response.json().await.unwrap_or_default()),
            Err(_) => (0, Value::Null),
        }
    })
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until something holds.
pub fn until(what: &str, holds: impl FnMut() -> bool) -> Duration {
    until_within(PATIENCE, what, holds)
}

/// Waits until something holds, for as long as it may take.
pub fn until_within(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < patience, "not within {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    started.elapsed()
}

/// A folder for one test.
pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Runs git, which must work.
pub fn git(folder: &Path, args: &[&str]) -> String {
    let done = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"])
        .args(args)
        .env("GIT_TERMINAL_PROMPT", "0")
        .output()
        .unwrap();
    assert!(done.status.success(), "git {args:?}: {}", text(&done.stderr));
    text(&done.stdout)
}

/// Writes a file and its folders.
pub fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
