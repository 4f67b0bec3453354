//! Blanks secrets, by value, in everything that a driver says.

use loggia_app::instance::driver::{Backend, Failure, Observation, Request, RunLog, Secret};
use serde_json::Value;

/// What stands where a secret was.
const BLANK: &str = "***";
/// Shorter values are not blanked: they would tear holes into ordinary words.
const SHORTEST: usize = 4;

/// Knows the secrets of one request.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    secrets: Vec<String>,
}

impl Redactor {
    /// Takes the secrets of a request: of its backend, its inputs and its outputs.
    pub(crate) fn of(request: &Request) -> Redactor {
        let mut redactor = Redactor::default();
        let values = request.secret_inputs.iter().chain(&request.secret_outputs).map(|(_, secret)| secret);
        for secret in values.chain(&request.backend.secret) {
            redactor.learn(secret);
        }
        redactor
    }

    /// Takes the secret of a backend, before anything is asked of it.
    pub(crate) fn of_backend(backend: &Backend) -> Redactor {
        let mut redactor = Redactor::default();
        backend.secret.iter().for_each(|secret| redactor.learn(secret));
        redactor
    }

    /// Takes one more secret, with the forms in which it may show.
    pub(crate) fn learn(&mut self, secret: &Secret) {
        // Revealed to be found again in what is said.
        let text = secret.reveal();
        let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let lines = text.lines().filter(|line| line.len() >= 2 * SHORTEST).map(str::to_owned);
        self.secrets.extend([text.to_owned(), encoded].into_iter().chain(lines).filter(|s| s.len() >= SHORTEST));
        // Longest first, so that a secret that contains another is blanked whole.
        self.secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.secrets.dedup();
    }

    /// The text without secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| match text.contains(secret) {
            true => text.replace(secret, BLANK),
            false => text,
        })
    }

    /// The failure without secrets.
    pub(crate) fn failure(&self, failure: &Failure) -> Failure {
        Failure { message: self.text(&failure.message), mend: self.text(&failure.mend), ..*failure }
    }

    /// The observation without secrets in what everybody may read.
    pub(crate) fn observation(&self, mut observation: Observation) -> Observation {
        for value in observation.outputs.values_mut() {
            self.value(value);
        }
        for condition in &mut observation.conditions {
            condition.message = self.text(&condition.message);
        }
        observation.version = self.text(&observation.version);
        observation
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.value(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// A run log that blanks secrets before it passes a line on.
pub(crate) struct CleanLog<'a> {
    log: &'a dyn RunLog,
    redactor: &'a Redactor,
}

impl<'a> CleanLog<'a> {
    pub(crate) fn new(log: &'a dyn RunLog, redactor: &'a Redactor) -> CleanLog<'a> {
        CleanLog { log, redactor }
    }
}

impl RunLog for CleanLog<'_> {
    fn line(&self, text: &str) {
        self.log.line(&self.redactor.text(text));
    }
}
