//! Runs the program in a folder of its own, and tells what it said.

use super::driver::TerraformOptions;
use crate::git::{path_is_safe, render};
use crate::process::{self, Ended, Finished, Program};
use crate::sandbox::{self, Folders, Sandbox};
use loggia_app::instance::driver::{Failure, Request, RunLog, StateAccess, Whose};
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// Largest answer of the program, in bytes.
const OUTPUT: usize = 64 << 20;
/// Lines of one step that are told at most.
const LINES: usize = 200;
/// How long one step may take when nobody says, in seconds.
const TIMEOUT: u64 = 1_800;
/// What the program says when something did not answer: worth trying again.
const AWAY: [&str; 9] = [
    "connection refused",
    "connection reset",
    "no such host",
    "i/o timeout",
    "timeout",
    "TLS handshake",
    "giving up after",
    "state lock",
    "Too Many Requests",
];

/// One folder with everything for the program, and the program.
pub(super) struct Run<'a> {
    options: &'a TerraformOptions,
    program: &'a Path,
    sandbox: &'a Sandbox,
    folder: TempDir,
    environment: Vec<(OsString, OsString)>,
    timeout: Duration,
    log: &'a dyn RunLog,
}

/// What a step said.
pub(super) struct Said {
    pub code: i32,
    pub stdout: Vec<u8>,
}

impl<'a> Run<'a> {
    /// Puts the files of the release into a folder and begins there.
    pub(super) async fn begin(
        options: &'a TerraformOptions,
        sandbox: &'a Sandbox,
        request: &Request,
        log: &'a dyn RunLog,
    ) -> Result<Run<'a>, Failure> {
        let program = options.program()?;
        let state = request.state.as_ref().ok_or_else(|| wrong("It has no state to work with"))?;
        let folder = tempfile::tempdir().map_err(|error| no_place(&error))?;
        write(folder.path(), request)?;
        let environment = environment(folder.path(), request, state)?;
        let seconds = request.recipe.get("timeout").and_then(Value::as_u64).unwrap_or(TIMEOUT).clamp(1, 7_200);
        let timeout = Duration::from_secs(seconds);
        let run = Run { options, program, sandbox, folder, environment, timeout, log };
        run.step(&["init", "-input=false", "-no-color"]).await?;
        Ok(run)
    }

    /// One step that must end with 0.
    pub(super) async fn step(&self, args: &[&str]) -> Result<Said, Failure> {
        self.step_with(args, &[0]).await
    }

    /// One step that may end with one of these codes.
    pub(super) async fn step_with(&self, args: &[&str], codes: &[i32]) -> Result<Said, Failure> {
        let finished = self.run(args).await?;
        let quiet = args.contains(&"-json");
        if !quiet {
            let text = String::from_utf8_lossy(&finished.stdout);
            text.lines().filter(|line| !line.trim().is_empty()).take(LINES).for_each(|line| self.log.line(line));
        }
        match finished.ended {
            Ended::Exited(code) if codes.contains(&code) => Ok(Said { code, stdout: finished.stdout }),
            ended => Err(self.failed(args[0], ended)),
        }
    }

    async fn run(&self, args: &[&str]) -> Result<Finished, Failure> {
        let mut said = Vec::new();
        let work = self.folder.path();
        let own: Vec<OsString> = args.iter().map(OsString::from).collect();
        let (path, args) = match self.sandbox.program().await {
            Some(bwrap) => {
                let programs = self.program.parent().unwrap_or(work);
                let mut all = sandbox::walls(&Folders { programs, state: work, work }, true);
                all.extend(["--".into(), self.program.into()]);
                all.extend(own);
                (bwrap.to_owned(), all)
            }
            None if self.options.require_sandbox => {
                let mend = "Ask the operator to install bubblewrap.";
                return Err(Failure::ours("It may run only in a sandbox here, and bwrap does not work.", mend));
            }
            None => {
                self.log.line("note: runs without a sandbox, because bwrap is not installed or not allowed here");
                (self.program.to_owned(), own)
            }
        };
        let (env, directory) = (self.environment.clone(), work.to_owned());
        let (timeout, stdin) = (self.timeout, Vec::new());
        let program =
            Program { path, args, env, directory, stdin, timeout, limit: OUTPUT, grace: Duration::ZERO, gate: None };
        let finished = process::run(program, |line| {
            let line = line.trim_start_matches(['│', '╷', '╵', ' ']);
            if !line.is_empty() {
                self.log.line(line);
                said.push(line.to_owned());
            }
        });
        let mut finished = finished.await.map_err(|error| wrong(&format!("It cannot be started: {error}")))?;
        finished.last_line = said.join(" ");
        self.note(&finished.last_line);
        Ok(finished)
    }

    /// Keeps what was said, for the message of a failure.
    fn note(&self, said: &str) {
        // The folder is gone with the run; a message is better short than missing.
        let _ = std::fs::write(self.folder.path().join(".said"), said);
    }

    fn failed(&self, step: &str, ended: Ended) -> Failure {
        let said = std::fs::read_to_string(self.folder.path().join(".said")).unwrap_or_default();
        let said: String = said.chars().take(800).collect();
        let retry = |message: String| Failure::backend(message, "It is tried again by itself.");
        match ended {
            Ended::TimedOut => retry(format!("{step} did not end within {} seconds.", self.timeout.as_secs())),
            Ended::Signalled(signal) => retry(format!("{step} was ended by signal {signal}.")),
            Ended::TooMuchOutput => wrong("It says more than can be read"),
            Ended::Exited(_) if AWAY.iter().any(|sign| said.to_lowercase().contains(&sign.to_lowercase())) => {
                retry(format!("{step} failed: {said}"))
            }
            // What a cloud refuses today it may give tomorrow; what cannot be planned stays as it is.
            Ended::Exited(_) => Failure {
                retry: step == "apply" || step == "destroy",
                whose: Whose::Ours,
                message: format!("{step} failed: {said}"),
                mend: "See the lines of the run. Correct the release, or what it stands on, then try again.".to_owned(),
            },
        }
    }
}

fn write(folder: &Path, request: &Request) -> Result<(), Failure> {
    let broken = |error: std::io::Error| no_place(&error);
    let mut count = 0;
    for (path, file) in render::plain_files(request) {
        if !path_is_safe(path) {
            return Err(wrong(&format!("{path} is not a path within the release")));
        }
        let target = folder.join(path);
        std::fs::create_dir_all(target.parent().unwrap_or(folder)).map_err(broken)?;
        std::fs::write(&target, &file.bytes).map_err(broken)?;
        if file.executable {
            std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o755)).map_err(broken)?;
        }
        count += 1;
    }
    if count == 0 {
        return Err(wrong("It has no files: name the folder in `template`"));
    }
    // Takes the place of any backend that the directory names itself.
    let backend = json!({"terraform": {"backend": {"http": {}}}});
    std::fs::write(folder.join("loggia_override.tf.json"), backend.to_string()).map_err(broken)?;
    std::fs::write(folder.join("loggia.auto.tfvars.json"), Value::Object(variables(request)?).to_string())
        .map_err(broken)
}

/// The inputs, and what the recipe says besides.
fn variables(request: &Request) -> Result<Map<String, Value>, Failure> {
    let mut all = request.inputs.clone();
    for (name, value) in request.recipe.get("variables").and_then(Value::as_object).into_iter().flatten() {
        let value = match value {
            Value::String(text) => render::line(request, name, text)?.into(),
            other => other.clone(),
        };
        all.insert(name.clone(), value);
    }
    Ok(all)
}

fn environment(folder: &Path, request: &Request, state: &StateAccess) -> Result<Vec<(OsString, OsString)>, Failure> {
    let mut all: Vec<(OsString, OsString)> = [
        ("PATH", process::search_path()),
        ("HOME", folder.into()),
        ("TMPDIR", folder.into()),
        ("LANG", "C.UTF-8".into()),
        ("TF_IN_AUTOMATION", "1".into()),
        ("TF_CLI_CONFIG_FILE", "/dev/null".into()),
        ("CHECKPOINT_DISABLE", "1".into()),
        ("TF_HTTP_ADDRESS", state.url.clone().into()),
        ("TF_HTTP_LOCK_ADDRESS", state.url.clone().into()),
        ("TF_HTTP_UNLOCK_ADDRESS", state.url.clone().into()),
        ("TF_HTTP_USERNAME", "loggia".into()),
        // Revealed to the run that holds the state; through the environment, which no other user sees.
        ("TF_HTTP_PASSWORD", state.password.reveal().into()),
        ("TF_HTTP_RETRY_MAX", "1".into()),
    ]
    .map(|(name, value)| (OsString::from(name), value))
    .to_vec();
    for (name, secret) in &request.secret_inputs {
        // Revealed to the module that asks for it.
        all.push((format!("TF_VAR_{name}").into(), secret.reveal().into()));
    }
    all.extend(credentials(request)?);
    Ok(all)
}

/// The secret of the backend: variables as a JSON object, or one whose name `secret_env` says.
fn credentials(request: &Request) -> Result<Vec<(OsString, OsString)>, Failure> {
    let Some(secret) = &request.backend.secret else { return Ok(Vec::new()) };
    // Revealed to the providers that sign in with it.
    let text = secret.reveal();
    let all: Map<String, Value> = match request.backend.config.get("secret_env").and_then(Value::as_str) {
        Some(name) => [(name.to_owned(), Value::from(text))].into_iter().collect(),
        None => serde_json::from_str(text).map_err(|_| {
            let message = format!("The secret of the backend {} is no JSON object of variables.", request.backend.name);
            Failure::ours(message, "Write it so, or name its one variable in `secret_env` of the backend.")
        })?,
    };
    let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(all.iter().filter(|(name, _)| plain(name)).map(|(name, value)| (name.into(), text(value).into())).collect())
}

pub(super) fn wrong(why: &str) -> Failure {
    Failure::ours(format!("{why}."), "Correct the recipe and publish a new version.")
}

fn no_place(error: &std::io::Error) -> Failure {
    Failure::backend(format!("No working folder can be made: {error}."), "Ask the operator to check the disk.")
}
