//! Runs `git` so that nothing of the machine, of a person, or of a repository changes what it does.

use crate::process::{self, Ended, Program};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Settings that win over those of any repository. No hooks, no other programs, no surprises from the network.
const SETTINGS: [(&str, &str); 21] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.quotePath", "false"),
    ("core.askPass", ""),
    ("core.sshCommand", "ssh -o BatchMode=yes"),
    ("core.logAllRefUpdates", "true"),
    ("credential.helper", ""),
    ("diff.external", ""),
    ("fetch.recurseSubmodules", "false"),
    ("submodule.recurse", "false"),
    ("gc.autoDetach", "false"),
    ("maintenance.autoDetach", "false"),
    ("http.receivepack", "true"),
    ("http.getanyfile", "false"),
    ("init.defaultBranch", "main"),
    ("protocol.allow", "never"),
    ("receive.maxInputSize", "536870912"),
    ("receive.denyCurrentBranch", "refuse"),
    ("safe.directory", "*"),
    ("transfer.fsckObjects", "true"),
    // What a server notes for itself is nobody's to fetch or to send.
    ("transfer.hideRefs", "refs/loggia"),
];
/// How long git has to take its locks away when it is cut off; what it leaves locked nobody could write any more.
const GRACE: Duration = Duration::from_secs(3);
/// Ways over which a repository may be reached; a folder only when the operator named it.
const PROTOCOLS: [&str; 3] = ["https", "http", "ssh"];

/// Why git did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    /// It is not installed, or cannot be started.
    #[error("git cannot be started: {0}")]
    Missing(String),
    /// It took longer than it may.
    #[error("git did not end within {0} seconds")]
    TimedOut(u64),
    /// It was stopped from outside, or answered with more than was asked for.
    #[error("git was stopped: {0}")]
    Stopped(String),
    /// It refused.
    #[error("{0}")]
    Refused(String),
}

/// The program `git`.
#[derive(Clone, Debug)]
pub struct Git {
    program: PathBuf,
}

/// One call of git.
pub(crate) struct Call {
    directory: PathBuf,
    args: Vec<OsString>,
    stdin: Vec<u8>,
    settings: Vec<(String, String)>,
    local: bool,
    timeout: Duration,
    limit: usize,
}

impl Call {
    /// A call within a repository, or in a folder above it.
    pub(crate) fn new<A: Into<OsString>>(directory: &Path, args: impl IntoIterator<Item = A>) -> Call {
        Call {
            directory: directory.to_owned(),
            args: args.into_iter().map(Into::into).collect(),
            stdin: Vec::new(),
            settings: Vec::new(),
            local: false,
            timeout: Duration::from_secs(60),
            limit: 256 << 20,
        }
    }

    pub(crate) fn stdin(self, stdin: Vec<u8>) -> Call {
        Call { stdin, ..self }
    }

    /// One more setting for this call. It goes through the environment, so that no other user of the machine sees it.
    pub(crate) fn setting(mut self, name: &str, value: &str) -> Call {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Allows to reach another repository as a folder of this machine.
    pub(crate) fn local(self, local: bool) -> Call {
        Call { local, ..self }
    }

    /// The most bytes that its answer may have.
    pub(crate) fn limit(self, limit: usize) -> Call {
        Call { limit, ..self }
    }

    pub(crate) fn timeout(self, timeout: Duration) -> Call {
        Call { timeout, ..self }
    }
}

impl Git {
    /// Finds git on the search path.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn find() -> Result<Git, GitError> {
        let program = process::find("git").ok_or_else(|| GitError::Missing("it is not installed".to_owned()))?;
        Ok(Git { program })
    }

    /// The program.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// The whole environment of git and of the programs that it starts.
    pub(crate) fn environment(&self, settings: &[(String, String)], local: bool) -> Vec<(OsString, OsString)> {
        let mut env: Vec<(OsString, OsString)> = [
            ("PATH", process::search_path()),
            ("HOME", "/nonexistent".into()),
            ("LC_ALL", "C.UTF-8".into()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_CONFIG_GLOBAL", "/dev/null".into()),
            ("GIT_TERMINAL_PROMPT", "0".into()),
            ("GIT_NO_REPLACE_OBJECTS", "1".into()),
            ("GIT_OPTIONAL_LOCKS", "0".into()),
        ]
        .map(|(name, value)| (OsString::from(name), value))
        .to_vec();
        let fixed = SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let allowed = PROTOCOLS.iter().copied().chain(local.then_some("file"));
        let allowed = allowed.map(|protocol| (format!("protocol.{protocol}.allow"), "always".to_owned()));
        let all: Vec<(String, String)> = fixed.chain(allowed).chain(settings.iter().cloned()).collect();
        env.push(("GIT_CONFIG_COUNT".into(), all.len().to_string().into()));
        for (index, (name, value)) in all.into_iter().enumerate() {
            env.push((format!("GIT_CONFIG_KEY_{index}").into(), name.into()));
            env.push((format!("GIT_CONFIG_VALUE_{index}").into(), value.into()));
        }
        env
    }

    /// Runs git and gives its standard output.
    pub(crate) async fn bytes(&self, call: Call) -> Result<Vec<u8>, GitError> {
        self.outcome(call, false).await.map(|(bytes, _)| bytes)
    }

    /// Runs git where ending with 1 is an answer too, and gives its standard output with whether it was 0.
    pub(crate) async fn either(&self, call: Call) -> Result<(Vec<u8>, bool), GitError> {
        self.outcome(call, true).await
    }

    async fn outcome(&self, call: Call, either: bool) -> Result<(Vec<u8>, bool), GitError> {
        let env = self.environment(&call.settings, call.local);
        let program = Program {
            path: self.program.clone(),
            args: call.args,
            env,
            directory: call.directory,
            stdin: call.stdin,
            timeout: call.timeout,
            limit: call.limit,
            grace: GRACE,
            gate: None,
        };
        let mut said = Vec::new();
        let finished = process::run(program, |line| {
            if said.len() < 20 {
                said.push(line.to_owned());
            }
        });
        let finished = finished.await.map_err(|error| GitError::Missing(error.to_string()))?;
        match finished.ended {
            Ended::Exited(0) => Ok((finished.stdout, true)),
            Ended::Exited(1) if either => Ok((finished.stdout, false)),
            Ended::Exited(code) if said.is_empty() => Err(GitError::Refused(format!("git ended with code {code}"))),
            Ended::Exited(_) => Err(GitError::Refused(said.join("; "))),
            Ended::TimedOut => Err(GitError::TimedOut(call.timeout.as_secs())),
            Ended::TooMuchOutput => Err(GitError::Stopped("its answer is too large".to_owned())),
            Ended::Signalled(signal) => Err(GitError::Stopped(format!("signal {signal}"))),
        }
    }

    /// Runs git and gives its standard output as text, without white space at the end.
    pub(crate) async fn text(&self, call: Call) -> Result<String, GitError> {
        let bytes = self.bytes(call).await?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }
}
