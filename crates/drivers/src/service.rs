//! The driver `http`: a service of somebody else does the work. It speaks the protocol of driver programs, as JSON over
//! HTTP; described for people in docs/drivers/http.md.

use crate::http::{Ask, FetchError, Fetched, GuardedClient, Method};
use crate::protocol::{self, Answer, Verb};
use crate::redact::{CleanLog, Redactor};
use async_trait::async_trait;
use loggia_app::instance::driver::{Backend, Driver, Failure, Observation, Plan, Request, RunLog, Secret, Silent};
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a service may take for one piece of work when nobody says, in seconds.
const TIMEOUT: u64 = 60;
/// The longest such time, in seconds.
const LONGEST: u64 = 600;
/// The longest pause between two questions about work that goes on, in seconds.
const PAUSE: u64 = 30;

/// Asks services.
pub struct HttpDriver {
    client: GuardedClient,
}

/// One question.
struct Question<'a> {
    verb: Verb,
    key: &'a str,
    backend: &'a Backend,
    recipe: &'a Map<String, Value>,
    body: Vec<u8>,
}

impl HttpDriver {
    /// A driver that asks through a guarded client.
    pub fn new(client: GuardedClient) -> HttpDriver {
        HttpDriver { client }
    }

    async fn ask(&self, verb: Verb, request: &Request, log: &dyn RunLog) -> Result<Answer, Failure> {
        let body = protocol::question(request).map_err(|error| unwritable(&error))?;
        let redactor = Redactor::of(request);
        let (key, backend, recipe) = (&request.key, &request.backend, &request.recipe);
        let answer = self.call(Question { verb, key, backend, recipe, body }, &CleanLog::new(log, &redactor)).await;
        Ok(answer.map_err(|failure| redactor.failure(&failure))?.clean(redactor))
    }

    /// Asks until the work is done: a service that answers 202 is at it, and is asked the same again.
    async fn call(&self, question: Question<'_>, log: &dyn RunLog) -> Result<Answer, Failure> {
        let (url, timeout) = (url(&question)?, timeout(&question)?);
        let limit = Instant::now() + timeout;
        // Revealed to sign in at the service that it belongs to.
        let token = question.backend.secret.as_ref().map(|secret| Secret::new(format!("Bearer {}", secret.reveal())));
        loop {
            let ask = Ask {
                method: Method::POST,
                url: url.clone(),
                authorization: token.clone(),
                headers: vec![
                    ("content-type", "application/json".to_owned()),
                    ("accept", "application/json".to_owned()),
                    ("idempotency-key", format!("{}-{}", question.key, question.verb.as_str())),
                ],
                body: question.body.clone(),
                timeout: limit.saturating_duration_since(Instant::now()).max(Duration::from_secs(1)),
            };
            let fetched = self.client.ask(&ask).await.map_err(|error| unreachable(&error))?;
            if fetched.status != 202 {
                return understand(question.verb, &fetched);
            }
            let pause = Duration::from_secs(fetched.retry_after.unwrap_or(1).clamp(1, PAUSE));
            if Instant::now() + pause > limit {
                let message = format!("The service is still at it after {} seconds.", timeout.as_secs());
                return Err(Failure::backend(message, "It is asked again by itself; `timeout` may be longer."));
            }
            log.line("the service is at it");
            sleep(pause).await;
        }
    }

    async fn look(&self, verb: Verb, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        match self.ask(verb, request, log).await? {
            Answer::Observation(observation) => Ok(observation),
            other => Err(unexpected(verb, &other)),
        }
    }
}

/// The address is the environment's alone: a recipe cannot name another one.
fn url(question: &Question<'_>) -> Result<String, Failure> {
    let base = question.backend.config.get("url").and_then(Value::as_str).unwrap_or_default();
    match base.starts_with("http://") || base.starts_with("https://") {
        true => Ok(format!("{}/{}", base.trim_end_matches('/'), question.verb.as_str())),
        false => Err(Failure::ours(
            format!("The backend {} does not say where its service is.", question.backend.name),
            "Give it `url: https://…` in its config.",
        )),
    }
}

fn timeout(question: &Question<'_>) -> Result<Duration, Failure> {
    let setting = question.recipe.get("timeout").or_else(|| question.backend.config.get("timeout"));
    match setting.map(Value::as_u64) {
        None => Ok(Duration::from_secs(TIMEOUT)),
        Some(Some(seconds @ 1..=LONGEST)) => Ok(Duration::from_secs(seconds)),
        Some(_) => Err(Failure::ours(
            format!("`timeout` must be 1 to {LONGEST} seconds."),
            "Correct it in the recipe or the environment.",
        )),
    }
}

fn understand(verb: Verb, fetched: &Fetched) -> Result<Answer, Failure> {
    let (verb, status) = (verb.as_str(), fetched.status);
    match (Answer::read(&fetched.bytes), status) {
        // What the service says itself, whatever the status.
        (Ok(Answer::Failure(failure)), _) => Err(failure),
        (Ok(answer), 200..=299) => Ok(answer),
        (_, 401 | 403) => Err(Failure::ours(
            format!("The service refuses this server ({status}) for {verb}."),
            "Set the secret of the backend anew: loggia secret set NAME.",
        )),
        (_, 408 | 425 | 429 | 500..=599) => Err(Failure::backend(
            format!("The service answered {verb} with {status}."),
            "It is tried again by itself; when it stays so, ask whoever runs the service.",
        )),
        (Err(why), 200..=299) => Err(broken(format!("The service did not answer {verb} as agreed ({why})."))),
        _ => Err(broken(format!("The service answered {verb} with {status}."))),
    }
}

fn unreachable(error: &FetchError) -> Failure {
    match error {
        FetchError::Unreachable(..) => Failure::backend(error.to_string(), "It is tried again by itself."),
        FetchError::Refused(_) => {
            let mend =
                "Correct the url of the backend, or ask the operator to start the server with --allow-host HOST.";
            Failure::ours(error.to_string(), mend)
        }
        FetchError::TooLarge(..) | FetchError::Redirects(_) => broken(error.to_string()),
    }
}

fn broken(message: String) -> Failure {
    Failure::ours(message, "Ask whoever runs the service; docs/drivers/http.md says what is agreed.")
}

fn unexpected(verb: Verb, answer: &Answer) -> Failure {
    broken(format!("The service answered {} with `{}`.", verb.as_str(), answer.name()))
}

fn unwritable(error: &serde_json::Error) -> Failure {
    Failure::ours(format!("The question to the service cannot be written: {error}."), "Report this as a fault.")
}

#[async_trait]
impl Driver for HttpDriver {
    fn name(&self) -> &str {
        "http"
    }

    fn plain_settings(&self) -> &[&'static str] {
        &["timeout"]
    }

    async fn probe(&self, backend: &Backend) -> Result<(), Failure> {
        let body = protocol::probe_question(backend).map_err(|error| unwritable(&error))?;
        let redactor = Redactor::of_backend(backend);
        let question = Question { verb: Verb::Probe, key: "", backend, recipe: &Map::new(), body };
        match self.call(question, &Silent).await.map_err(|failure| redactor.failure(&failure))? {
            Answer::Done => Ok(()),
            other => Err(unexpected(Verb::Probe, &other)),
        }
    }

    async fn plan(&self, request: &Request, log: &dyn RunLog) -> Result<Plan, Failure> {
        match self.ask(Verb::Plan, request, log).await? {
            Answer::Plan(plan) => Ok(plan),
            other => Err(unexpected(Verb::Plan, &other)),
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
            other => Err(unexpected(Verb::Destroy, &other)),
        }
    }
}
