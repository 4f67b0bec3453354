//! What goes into a driver program or service and what comes out of it; described in docs/adding-a-driver.md.

use crate::redact::Redactor;
use loggia_app::instance::driver::{Backend, Failure, Observation, Plan, Request, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is asked of a program: its first argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Probe,
    Plan,
    Apply,
    Observe,
    Destroy,
    Check,
}

impl Verb {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Verb::Probe => "probe",
            Verb::Plan => "plan",
            Verb::Apply => "apply",
            Verb::Observe => "observe",
            Verb::Destroy => "destroy",
            Verb::Check => "check",
        }
    }
}

#[derive(Serialize)]
struct Secrets {
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<String>,
    inputs: Map<String, Value>,
    outputs: Map<String, Value>,
}

#[derive(Serialize)]
struct Input<'a> {
    #[serde(flatten)]
    request: &'a Request,
    secrets: Secrets,
}

#[derive(Serialize)]
struct ProbeInput<'a> {
    backend: &'a Backend,
    secrets: Secrets,
}

fn revealed(secrets: &[(String, Secret)]) -> Map<String, Value> {
    // Revealed because the program needs them; they go through a pipe only, never into arguments or environment.
    secrets.iter().map(|(name, secret)| (name.clone(), Value::from(secret.reveal()))).collect()
}

fn backend_secret(backend: &Backend) -> Option<String> {
    // Revealed for the same reason.
    backend.secret.as_ref().map(|secret| secret.reveal().to_owned())
}

/// What a program is told for every verb but `probe`, with the secret of the backend.
pub(crate) fn input(request: &Request) -> serde_json::Result<Vec<u8>> {
    told(request, backend_secret(&request.backend))
}

/// What a service is told for every verb but `probe`: the secret of the backend is how it is signed in to.
pub(crate) fn question(request: &Request) -> serde_json::Result<Vec<u8>> {
    told(request, None)
}

fn told(request: &Request, backend: Option<String>) -> serde_json::Result<Vec<u8>> {
    let secrets =
        Secrets { backend, inputs: revealed(&request.secret_inputs), outputs: revealed(&request.secret_outputs) };
    serde_json::to_vec(&Input { request, secrets })
}

/// What a service is told for `probe`.
pub(crate) fn probe_question(backend: &Backend) -> serde_json::Result<Vec<u8>> {
    let secrets = Secrets { backend: None, inputs: Map::new(), outputs: Map::new() };
    serde_json::to_vec(&ProbeInput { backend, secrets })
}

/// Standard input for `probe`.
pub(crate) fn probe_input(backend: &Backend) -> serde_json::Result<Vec<u8>> {
    let secrets = Secrets { backend: backend_secret(backend), inputs: Map::new(), outputs: Map::new() };
    serde_json::to_vec(&ProbeInput { backend, secrets })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    plan: Option<Plan>,
    observation: Option<RawObservation>,
    failure: Option<Failure>,
    done: Option<bool>,
}

#[derive(Deserialize)]
struct RawObservation {
    #[serde(flatten)]
    seen: Observation,
    #[serde(default)]
    secret_outputs: std::collections::BTreeMap<String, String>,
}

/// What a program answered.
pub(crate) enum Answer {
    Plan(Plan),
    Observation(Observation),
    Failure(Failure),
    Done,
}

impl Answer {
    /// Reads the whole standard output of a program.
    pub(crate) fn read(bytes: &[u8]) -> Result<Answer, String> {
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match (raw.plan, raw.observation, raw.failure, raw.done) {
            (Some(plan), None, None, None) => Ok(Answer::Plan(plan)),
            (None, Some(raw), None, None) => {
                let secret_outputs = raw.secret_outputs.into_iter().map(|(name, text)| (name, Secret::new(text)));
                Ok(Answer::Observation(Observation { secret_outputs: secret_outputs.collect(), ..raw.seen }))
            }
            (None, None, Some(failure), None) => Ok(Answer::Failure(failure)),
            (None, None, None, Some(true)) => Ok(Answer::Done),
            _ => Err("expected exactly one of plan, observation, failure, or done: true".to_owned()),
        }
    }
    /// What was answered, for the messages of those who wanted something else.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Answer::Plan(_) => "plan",
            Answer::Observation(_) => "observation",
            Answer::Failure(_) => "failure",
            Answer::Done => "done",
        }
    }

    /// The same without secrets, the new ones too, in what everybody may read.
    pub(crate) fn clean(self, mut redactor: Redactor) -> Answer {
        match self {
            Answer::Observation(observation) => {
                observation.secret_outputs.iter().for_each(|(_, secret)| redactor.learn(secret));
                Answer::Observation(redactor.observation(observation))
            }
            Answer::Plan(plan) => {
                Answer::Plan(Plan { changes: plan.changes.iter().map(|line| redactor.text(line)).collect() })
            }
            Answer::Failure(_) | Answer::Done => self,
        }
    }
}
