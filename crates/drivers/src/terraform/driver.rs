//! The driver itself.

use super::run::{Run, wrong};
use super::shown::{Shown, outputs};
use crate::gates::Gates;
use crate::process;
use crate::redact::{CleanLog, Redactor};
use crate::sandbox::Sandbox;
use async_trait::async_trait;
use loggia_app::instance::driver::{Backend, Driver, Failure, Observation, Plan, Presence, Request, RunLog};
use loggia_model::instance::{Condition, Verdict};
use reqwest::{Client, Method};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the operator decided.
#[derive(Clone, Debug, Default)]
pub struct TerraformOptions {
    /// The program, `terraform` or `tofu`, by its path or its name; without it the driver says that it is not
    /// available.
    pub program: Option<PathBuf>,
    /// Whether it may run only inside a sandbox.
    pub require_sandbox: bool,
}

impl TerraformOptions {
    /// The program.
    pub(super) fn program(&self) -> Result<&Path, Failure> {
        self.program.as_deref().ok_or_else(|| {
            Failure::ours(
                "This server has no program for Terraform.",
                "Ask the operator to start the server with --terraform terraform, or --terraform tofu.",
            )
        })
    }
}

/// Runs Terraform or OpenTofu.
pub struct TerraformDriver {
    options: TerraformOptions,
    sandbox: Sandbox,
    gates: Gates,
}

impl TerraformDriver {
    /// A driver with the operator's program.
    pub fn new(mut options: TerraformOptions) -> TerraformDriver {
        // A name alone is looked for now, so that what it means does not change while the server runs.
        options.program = options.program.map(|program| match program.to_str().filter(|name| !name.contains('/')) {
            Some(name) => process::find(name).unwrap_or(program),
            None => program,
        });
        TerraformDriver { options, sandbox: Sandbox::default(), gates: Gates::default() }
    }

    /// What is there now, and what would change. Takes no lock: it only looks.
    async fn look(&self, request: &Request, log: &dyn RunLog) -> Result<Shown, Failure> {
        let run = Run::begin(&self.options, &self.sandbox, request, log).await?;
        let args = ["plan", "-input=false", "-no-color", "-lock=false", "-detailed-exitcode", "-out=loggia.plan"];
        let code = run.step_with(&args, &[0, 2]).await?.code;
        let shown = run.step(&["show", "-json", "loggia.plan"]).await?;
        let shown = Shown::read(&shown.stdout).ok_or_else(|| wrong("Its plan cannot be read"))?;
        // The exit code is what the program promises; the list says what.
        Ok(match code {
            0 => Shown { changes: Vec::new(), ..shown },
            _ if shown.changes.is_empty() => Shown { changes: vec!["change something".to_owned()], ..shown },
            _ => shown,
        })
    }

    /// Takes over the lock of an earlier run of this operation that was cut off. Only one operation at a time runs for
    /// an instance, and what an earlier run still wants to keep is refused once its lock is gone.
    async fn unlock(&self, request: &Request) -> Result<(), Failure> {
        let state = request.state.as_ref().ok_or_else(|| wrong("It has no state to work with"))?;
        // This server asks itself.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build();
        let away = |error: reqwest::Error| {
            let message = format!("The state cannot be reached: {}.", error.without_url());
            Failure::backend(message, "Check that this server reaches itself under its public address.")
        };
        let method = Method::from_bytes(b"UNLOCK").map_err(|error| wrong(&error.to_string()))?;
        let request = client.map_err(away)?.request(method, &state.url);
        // Revealed to the server that gave it.
        let answer = request.basic_auth("loggia", Some(state.password.reveal())).send().await.map_err(away)?;
        answer.error_for_status().map(drop).map_err(away)
    }

    fn redactor(request: &Request) -> Redactor {
        let mut redactor = Redactor::of(request);
        request.state.iter().for_each(|state| redactor.learn(&state.password));
        // The variables of the backend, each by itself.
        let text = request.backend.secret.as_ref().map(|secret| secret.reveal()).unwrap_or_default();
        let all: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
        for value in all.values().filter_map(Value::as_str) {
            redactor.learn(&loggia_app::instance::driver::Secret::new(value));
        }
        redactor
    }
}

fn seen(request: &Request, shown: Shown) -> Observation {
    // Only resources count: outputs that rest on nothing are told before anything is made.
    let there = shown.resources > 0;
    let drifted = there && !shown.changes.is_empty();
    let condition = |kind: &str, holds: bool, reason: &str, message: String| Condition {
        kind: kind.to_owned(),
        status: if holds { Verdict::True } else { Verdict::False },
        reason: reason.to_owned(),
        message,
    };
    let mut conditions = vec![condition("Ready", there, "Planned", format!("{} resources", shown.resources))];
    if there {
        let (reason, message) = match drifted {
            true => ("Differs", format!("To make it right again would: {}", shown.changes.join("; "))),
            false => ("Same", "It is as it was made".to_owned()),
        };
        conditions.push(condition("Drifted", drifted, reason, message));
    }
    Observation {
        presence: if there { Presence::Present } else { Presence::Absent },
        version: if there { request.version.clone() } else { String::new() },
        conditions,
        outputs: if there { shown.outputs } else { Map::new() },
        secret_outputs: Vec::new(),
        readings: Vec::new(),
    }
}

#[async_trait]
impl Driver for TerraformDriver {
    fn name(&self) -> &str {
        "terraform"
    }

    fn plain_settings(&self) -> &[&'static str] {
        &["template", "timeout"]
    }

    fn loses_data(&self, recipe: &Map<String, Value>, _: &Map<String, Value>) -> bool {
        // Nobody can tell from outside: a module may hold anything.
        recipe.get("keeps_data").and_then(Value::as_bool) != Some(false)
    }

    async fn probe(&self, _: &Backend) -> Result<(), Failure> {
        let program = self.options.program()?;
        match program.is_file() {
            true => Ok(()),
            false => Err(Failure::ours(
                "The program for Terraform is not there.",
                "Ask the operator to correct --terraform, or to install it.",
            )),
        }
    }

    async fn plan(&self, request: &Request, log: &dyn RunLog) -> Result<Plan, Failure> {
        let redactor = Self::redactor(request);
        let shown = self.look(request, &CleanLog::new(log, &redactor)).await;
        let shown = shown.map_err(|failure| redactor.failure(&failure))?;
        Ok(Plan { changes: shown.changes.iter().map(|line| redactor.text(line)).collect() })
    }

    async fn apply(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        let mut redactor = Self::redactor(request);
        let work = async {
            let _alone = self.gates.enter(&request.key).await;
            let log = CleanLog::new(log, &redactor);
            self.unlock(request).await?;
            let run = Run::begin(&self.options, &self.sandbox, request, &log).await?;
            run.step(&["apply", "-auto-approve", "-input=false", "-no-color", "-lock-timeout=30s"]).await?;
            let told = run.step(&["output", "-json"]).await?;
            let told: Map<String, Value> = serde_json::from_slice(&told.stdout).unwrap_or_default();
            Ok((self.look(request, &log).await?, told))
        };
        let (shown, told) = work.await.map_err(|failure: Failure| redactor.failure(&failure))?;
        let (open, secret_outputs) = outputs(Some(&told));
        secret_outputs.iter().for_each(|(_, secret)| redactor.learn(secret));
        let seen = seen(request, Shown { outputs: open, ..shown });
        Ok(redactor.observation(Observation { secret_outputs, ..seen }))
    }

    async fn observe(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        let redactor = Self::redactor(request);
        let shown = self.look(request, &CleanLog::new(log, &redactor)).await;
        let shown = shown.map_err(|failure| redactor.failure(&failure))?;
        Ok(redactor.observation(seen(request, shown)))
    }

    async fn destroy(&self, request: &Request, log: &dyn RunLog) -> Result<(), Failure> {
        let redactor = Self::redactor(request);
        let work = async {
            let _alone = self.gates.enter(&request.key).await;
            let log = CleanLog::new(log, &redactor);
            self.unlock(request).await?;
            let run = Run::begin(&self.options, &self.sandbox, request, &log).await?;
            run.step(&["destroy", "-auto-approve", "-input=false", "-no-color", "-lock-timeout=30s"]).await
        };
        work.await.map(drop).map_err(|failure| redactor.failure(&failure))
    }
}
