//! The driver `command`: programs that the operator put into one folder do the work.
//!
//! A recipe names a program of that folder; it can never bring one. The protocol is in docs/adding-a-driver.md.

mod judge;

use crate::gates::Gates;
use crate::process::{self, Ended, Finished, Program};
use crate::protocol::{self, Answer, Verb};
use crate::redact::{CleanLog, Redactor};
use crate::sandbox::{self, Folders, Sandbox};
use async_trait::async_trait;
use loggia_app::instance::driver::{Backend, Driver, Failure, Observation, Plan, Request, RunLog, Silent};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a program may run when the recipe does not say, in seconds.
const TIMEOUT: u64 = 60;
/// The longest time that a recipe may allow, in seconds.
pub(crate) const LONGEST: u64 = 600;
/// Largest answer of a program, in bytes.
const OUTPUT: usize = 1_048_576;

/// What the operator decided about driver programs.
#[derive(Clone, Debug, Default)]
pub struct CommandOptions {
    /// The folder with the programs; without it the driver says that it is not available.
    pub programs: Option<PathBuf>,
    /// Where each program may keep files, in a folder of its own; `driver-state` beside `programs` when not given.
    pub state: Option<PathBuf>,
    /// Whether a recipe may ask for network access with `network: true`.
    pub network: bool,
    /// Whether a program may run only inside a sandbox; otherwise it runs without one where none is installed, and
    /// says so.
    pub require_sandbox: bool,
}

/// Runs the operator's programs.
pub struct CommandDriver {
    options: CommandOptions,
    sandbox: Sandbox,
    gates: Gates,
}

/// One call of a program.
struct Call<'a> {
    verb: Verb,
    key: &'a str,
    stdin: Vec<u8>,
    recipe: &'a Map<String, Value>,
    config: &'a Map<String, Value>,
}

impl CommandDriver {
    /// A driver over the operator's folder.
    pub fn new(options: CommandOptions) -> CommandDriver {
        CommandDriver { options, sandbox: Sandbox::default(), gates: Gates::default() }
    }

    fn folder(&self) -> Result<PathBuf, Failure> {
        let Some(folder) = &self.options.programs else {
            return Err(Failure::ours(
                "this server has no folder of driver programs",
                "ask the operator to start the server with --drivers DIR",
            ));
        };
        folder.canonicalize().map_err(|error| {
            Failure::ours(
                format!("the folder of driver programs cannot be read: {error}"),
                "ask the operator to check the folder given with --drivers",
            )
        })
    }

    /// The program that a recipe or backend names: a plain file of the operator's folder, nothing else.
    fn program(&self, name: &str) -> Result<(PathBuf, PathBuf), Failure> {
        let folder = self.folder()?;
        let refuse = |why: String| {
            Failure::ours(why, "put an executable file of that name into the folder given with --drivers")
        };
        let plain = !name.starts_with('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if name.is_empty() || !plain {
            return Err(refuse(format!("\"{name}\" is not the name of a driver program")));
        }
        let file = folder.join(name).canonicalize();
        let file = file.map_err(|_| refuse(format!("there is no driver program named \"{name}\"")))?;
        if !file.starts_with(&folder) {
            return Err(refuse(format!("driver program \"{name}\" is a link that leaves its folder")));
        }
        let executable = file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
        match executable {
            true => Ok((folder, file)),
            false => Err(refuse(format!("driver program \"{name}\" is not an executable file"))),
        }
    }

    fn state(&self, folder: &Path, name: &str) -> Result<PathBuf, Failure> {
        let base = match &self.options.state {
            Some(state) => state.clone(),
            None => folder.parent().unwrap_or(folder).join("driver-state"),
        };
        let state = base.join(name);
        let made = std::fs::create_dir_all(&state).and_then(|()| state.canonicalize());
        made.map_err(|error| {
            Failure::backend(
                format!("the folder for what driver program \"{name}\" keeps cannot be made: {error}"),
                "ask the operator to check the disk",
            )
        })
    }

    fn network(&self, call: &Call<'_>) -> Result<bool, Failure> {
        let wanted = setting(call, "network").and_then(Value::as_bool).unwrap_or_default();
        match wanted && !self.options.network {
            true => Err(Failure::ours(
                "the recipe asks for network access, which this server does not give to driver programs",
                "ask the operator to start the server with --drivers-network, or take `network: true` out of the recipe",
            )),
            false => Ok(wanted),
        }
    }

    async fn call(&self, call: Call<'_>, redactor: &Redactor, log: &dyn RunLog) -> Result<Answer, Failure> {
        let name = setting(&call, "program").and_then(Value::as_str).unwrap_or_default().to_owned();
        let verb = call.verb;
        let log = CleanLog::new(log, redactor);
        let (finished, timeout) = self.run(call, &log).await?;
        understand(&name, verb, &finished, timeout).map_err(|failure| redactor.failure(&failure))
    }

    /// Runs the program of a call to its end; tells how long it had.
    async fn run(&self, call: Call<'_>, log: &CleanLog<'_>) -> Result<(Finished, Duration), Failure> {
        let name = setting(&call, "program").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (programs, file) = self.program(&name)?;
        let (state, network, timeout) = (self.state(&programs, &name)?, self.network(&call)?, timeout(&call)?);
        let work = tempfile::tempdir().map_err(|error| no_place(&error))?;
        let folders = Folders { programs: &programs, state: &state, work: work.path() };
        let (path, args) = self.command_line(&file, &call, &folders, network, log).await?;
        let gate = self.gates.enter(call.key).await;
        let program = Program {
            path,
            args,
            env: environment(&state, work.path()),
            directory: work.path().to_owned(),
            stdin: call.stdin,
            timeout,
            limit: OUTPUT,
            gate: Some(gate),
        };
        let finished = process::run(program, |line| log.line(line)).await.map_err(|error| {
            Failure::ours(
                format!("driver program \"{name}\" cannot be started: {error}"),
                "check its first line and its permissions",
            )
        })?;
        Ok((finished, timeout))
    }

    async fn command_line(
        &self,
        file: &Path,
        call: &Call<'_>,
        folders: &Folders<'_>,
        network: bool,
        log: &CleanLog<'_>,
    ) -> Result<(PathBuf, Vec<OsString>), Failure> {
        let own = [OsString::from(call.verb.as_str()), call.key.into()];
        if let Some(bwrap) = self.sandbox.program().await {
            let mut args = sandbox::walls(folders, network);
            args.extend([OsString::from("--"), file.into()]);
            args.extend(own);
            return Ok((bwrap.to_owned(), args));
        }
        if self.options.require_sandbox {
            return Err(Failure::ours(
                "driver programs may run only in a sandbox here, and bwrap does not work on this machine",
                "ask the operator to install bubblewrap",
            ));
        }
        log.line("note: runs without a sandbox, because bwrap is not installed or not allowed here");
        Ok((file.to_owned(), own.to_vec()))
    }

    async fn ask(&self, verb: Verb, request: &Request, log: &dyn RunLog) -> Result<Answer, Failure> {
        let stdin = protocol::input(request).map_err(|error| unwritable(&error))?;
        let (recipe, config) = (&request.recipe, &request.backend.config);
        let redactor = Redactor::of(request);
        let answer = self.call(Call { verb, key: &request.key, stdin, recipe, config }, &redactor, log).await?;
        Ok(answer.clean(redactor))
    }

    async fn look(&self, verb: Verb, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        match self.ask(verb, request, log).await? {
            Answer::Observation(observation) => Ok(observation),
            other => Err(unexpected(verb, "observation", &other)),
        }
    }
}

fn setting<'a>(call: &Call<'a>, name: &str) -> Option<&'a Value> {
    call.recipe.get(name).or_else(|| call.config.get(name))
}

fn timeout(call: &Call<'_>) -> Result<Duration, Failure> {
    match setting(call, "timeout").map(Value::as_u64) {
        None => Ok(Duration::from_secs(TIMEOUT)),
        Some(Some(seconds @ 1..=LONGEST)) => Ok(Duration::from_secs(seconds)),
        Some(_) => Err(Failure::ours(
            format!("`timeout` of the recipe must be 1 to {LONGEST} seconds"),
            "correct it in the recipe and publish a new version",
        )),
    }
}

fn environment(state: &Path, work: &Path) -> Vec<(OsString, OsString)> {
    [
        ("PATH", OsString::from("/usr/local/bin:/usr/bin:/bin")),
        ("LANG", "C.UTF-8".into()),
        ("HOME", work.into()),
        ("TMPDIR", work.into()),
        ("LOGGIA_STATE", state.into()),
    ]
    .map(|(name, value)| (OsString::from(name), value))
    .to_vec()
}

fn understand(name: &str, verb: Verb, finished: &Finished, timeout: Duration) -> Result<Answer, Failure> {
    let verb = verb.as_str();
    let said = match finished.last_line.as_str() {
        "" => String::new(),
        line => format!(", and said last: {line}"),
    };
    match finished.ended {
        Ended::TimedOut => Err(Failure::backend(
            format!("{verb} of driver program \"{name}\" did not end within {} seconds", timeout.as_secs()),
            "it was stopped and is tried again; a recipe may set a longer `timeout`",
        )),
        Ended::Signalled(signal) => Err(killed(name, verb, signal, &said)),
        Ended::TooMuchOutput => Err(Failure::ours(
            format!("{verb} of driver program \"{name}\" answered with more than {OUTPUT} bytes"),
            "write the answer only to standard output, and everything else to standard error",
        )),
        // The sandbox, like a shell, reports a program that was killed as 128 and the number of the signal.
        Ended::Exited(code @ 129..=192) if finished.stdout.is_empty() => Err(killed(name, verb, code - 128, &said)),
        Ended::Exited(code) => match Answer::read(&finished.stdout) {
            Ok(Answer::Failure(failure)) => Err(failure),
            Ok(answer) if code == 0 => Ok(answer),
            Ok(_) => Err(broken(format!("{verb} of driver program \"{name}\" ended with code {code}{said}"))),
            Err(why) => Err(broken(format!(
                "{verb} of driver program \"{name}\" ended with code {code} and did not answer as agreed ({why}){said}"
            ))),
        },
    }
}

fn killed(name: &str, verb: &str, signal: i32, said: &str) -> Failure {
    Failure::backend(
        format!("{verb} of driver program \"{name}\" was killed by signal {signal}{said}"),
        "it is tried again; when it happens each time, look at the program",
    )
}

fn broken(message: String) -> Failure {
    Failure::ours(message, "try the program by hand with `loggia driver check`, and correct it")
}

fn unexpected(verb: Verb, wanted: &str, answer: &Answer) -> Failure {
    let got = answer.name();
    broken(format!("the driver program answered {} with `{got}` instead of `{wanted}`", verb.as_str()))
}

fn no_place(error: &std::io::Error) -> Failure {
    Failure::backend(format!("no working folder can be made: {error}"), "ask the operator to check the disk")
}

fn unwritable(error: &serde_json::Error) -> Failure {
    Failure::ours(format!("the question to the driver program cannot be written: {error}"), "report this as a fault")
}

#[async_trait]
impl Driver for CommandDriver {
    fn name(&self) -> &str {
        "command"
    }

    fn plain_settings(&self) -> &[&'static str] {
        &["program", "timeout", "network"]
    }

    async fn probe(&self, backend: &Backend) -> Result<(), Failure> {
        self.folder()?;
        if !backend.config.contains_key("program") {
            return Ok(());
        }
        let stdin = protocol::probe_input(backend).map_err(|error| unwritable(&error))?;
        let redactor = Redactor::of_backend(backend);
        let call = Call { verb: Verb::Probe, key: "", stdin, recipe: &Map::new(), config: &backend.config };
        match self.call(call, &redactor, &Silent).await? {
            Answer::Done => Ok(()),
            other => Err(unexpected(Verb::Probe, "done", &other)),
        }
    }

    async fn plan(&self, request: &Request, log: &dyn RunLog) -> Result<Plan, Failure> {
        match self.ask(Verb::Plan, request, log).await? {
            Answer::Plan(plan) => Ok(plan),
            other => Err(unexpected(Verb::Plan, "plan", &other)),
        }
    }

    async fn apply(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        self.look(Verb::Apply, request, log).await
    }

    async fn observe(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        let observation = self.look(Verb::Observe, request, log).await?;
        // Only `apply` gives secrets.
        Ok(Observation { secret_outputs: Vec::new(), ..observation })
    }

    async fn destroy(&self, request: &Request, log: &dyn RunLog) -> Result<(), Failure> {
        match self.ask(Verb::Destroy, request, log).await? {
            Answer::Done => Ok(()),
            other => Err(unexpected(Verb::Destroy, "done", &other)),
        }
    }
}
