//! What goes into a driver program or service and what comes out of it; described in docs/adding-a-driver.md.

use crate::redact::Redactor;
use loggia_app::instance::driver::{Backend, Failure, Observation, Plan, Request, Secret};
use loggia_app::instance::instance_access::contract::{Granted, Login};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is asked of a program: its first argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Probe,
    Plan,
    Apply,
    Observe,
    Destroy,
    Grant,
    Revoke,
    Granted,
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
            Verb::Grant => "grant",
            Verb::Revoke => "revoke",
            Verb::Granted => "granted",
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
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<&'a Login>,
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
pub(crate) fn input(request: &Request, login: Option<&Login>) -> serde_json::Result<Vec<u8>> {
    told(request, login, backend_secret(&request.backend))
}

/// What a service is told for every verb but `probe`: the secret of the backend is how it is signed in to.
pub(crate) fn question(request: &Request, login: Option<&Login>) -> serde_json::Result<Vec<u8>> {
    told(request, login, None)
}

fn told(request: &Request, login: Option<&Login>, backend: Option<String>) -> serde_json::Result<Vec<u8>> {
    let secrets =
        Secrets { backend, inputs: revealed(&request.secret_inputs), outputs: revealed(&request.secret_outputs) };
    serde_json::to_vec(&Input { request, login, secrets })
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
    granted: Option<RawGranted>,
    credentials: Option<Vec<String>>,
    done: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGranted {
    #[serde(default)]
    outputs: Map<String, Value>,
    secrets: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct RawObservation {
    #[serde(flatten)]
    seen: Observation,
    #[serde(default)]
    secret_outputs: BTreeMap<String, String>,
}

/// What a program answered.
pub(crate) enum Answer {
    Plan(Plan),
    Observation(Observation),
    Granted(Granted),
    Credentials(Vec<String>),
    Failure(Failure),
    Done,
}

impl Answer {
    /// Reads the whole standard output of a program.
    pub(crate) fn read(bytes: &[u8]) -> Result<Answer, String> {
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let secrets = |all: BTreeMap<String, String>| all.into_iter().map(|(name, text)| (name, Secret::new(text)));
        let plan = raw.plan.map(Answer::Plan);
        let observation = raw.observation.map(|raw| {
            let secret_outputs = secrets(raw.secret_outputs).collect();
            Answer::Observation(Observation { secret_outputs, ..raw.seen })
        });
        let granted = raw
            .granted
            .map(|raw| Answer::Granted(Granted { outputs: raw.outputs, secrets: secrets(raw.secrets).collect() }));
        let (credentials, failure) = (raw.credentials.map(Answer::Credentials), raw.failure.map(Answer::Failure));
        let done = raw.done.map(|done| if done { Some(Answer::Done) } else { None });
        let answers = [plan, observation, granted, credentials, failure];
        let mut said = answers.into_iter().flatten().map(Some).chain(done);
        match (said.next(), said.next()) {
            (Some(Some(answer)), None) => Ok(answer),
            _ => {
                Err("expected exactly one of plan, observation, granted, credentials, failure, or done: true"
                    .to_owned())
            }
        }
    }

    /// What was answered, for the messages of those who wanted something else.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Answer::Plan(_) => "plan",
            Answer::Observation(_) => "observation",
            Answer::Granted(_) => "granted",
            Answer::Credentials(_) => "credentials",
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
            Answer::Granted(mut granted) => {
                granted.secrets.iter().for_each(|(_, secret)| redactor.learn(secret));
                redactor.outputs(&mut granted.outputs);
                Answer::Granted(granted)
            }
            Answer::Credentials(_) | Answer::Failure(_) | Answer::Done => self,
        }
    }
}
