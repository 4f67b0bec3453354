//! What is asked to run, worked out from a request.

use crate::git::render;
use crate::git::{name_is_safe, path_is_safe};
use loggia_app::instance::driver::{Failure, Request};
use loggia_model::canonical;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a program may take until it answers, when the recipe does not say, in seconds.
const START: u64 = 30;
/// The longest such time that a recipe may allow, in seconds.
const LONGEST: u64 = 600;

/// What is asked to run. Kept beside it, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wanted {
    pub instance: String,
    pub version: String,
    pub command: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// Names of the variables that come sealed and are in memory only.
    pub secrets: Vec<String>,
    /// The path that answers when it is well; empty when it only has to listen.
    pub health: String,
    /// How long it may take until it answers, in seconds.
    pub start: u64,
    pub source: Source,
    /// The host in its address.
    pub host: String,
}

/// Where its files come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Source {
    /// A branch of a repository of the same team on this server; each push is taken in.
    Repository { team: String, name: String, branch: String },
    /// Files of the release, by their digest.
    Files(String),
}

impl Wanted {
    /// What a request asks for.
    ///
    /// # Errors
    /// When the recipe is wrong, or an input cannot be used.
    pub(super) fn of(request: &Request) -> Result<Wanted, Failure> {
        let command: Vec<String> = match request.recipe.get("command") {
            Some(Value::Array(parts)) => {
                parts.iter().map(|part| text(request, "command", part)).collect::<Result<_, _>>()
            }
            _ => Err(wrong("`command` must be a list of texts")),
        }?;
        if command.first().is_none_or(String::is_empty) {
            return Err(wrong("`command` is empty"));
        }
        let environment = match request.recipe.get("environment") {
            None => BTreeMap::new(),
            Some(Value::Object(all)) => variables(request, all)?,
            Some(_) => return Err(wrong("`environment` must be names and texts")),
        };
        let health = optional(request, "health")?.unwrap_or_default();
        let path = health.is_empty() || health.starts_with('/') && health.bytes().all(|b| b.is_ascii_graphic());
        if !path {
            return Err(wrong("`health` must be a path such as /healthz"));
        }
        let host = request.backend.config.get("public_host").and_then(Value::as_str).unwrap_or("127.0.0.1");
        Ok(Wanted {
            instance: request.instance.clone(),
            version: request.version.clone(),
            command,
            environment,
            secrets: request.secret_inputs.iter().map(|(name, _)| variable(name)).collect(),
            health,
            start: start(request)?,
            source: source(request)?,
            host: host.to_owned(),
        })
    }

    /// What tells it from another wish.
    pub(super) fn digest(&self) -> String {
        canonical::etag(&serde_json::to_value(self).map(|value| canonical::to_string(&value)).unwrap_or_default())
    }

    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.start)
    }
}

/// The name of the variable for a secret input.
pub(super) fn variable(name: &str) -> String {
    name.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

fn wrong(why: &str) -> Failure {
    Failure::ours(format!("The recipe is wrong: {why}."), "Correct it and publish a new version.")
}

fn text(request: &Request, name: &str, value: &Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => render::line(request, name, text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        _ => Err(wrong(&format!("{name} holds something that is no text"))),
    }
}

fn optional(request: &Request, name: &str) -> Result<Option<String>, Failure> {
    request.recipe.get(name).map(|value| text(request, name, value)).transpose()
}

fn variables(request: &Request, all: &Map<String, Value>) -> Result<BTreeMap<String, String>, Failure> {
    let one = |(name, value): (&String, &Value)| {
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !name.is_empty();
        // What the platform gives or needs itself is not to be replaced.
        if !plain || name.starts_with("LOGGIA_") || matches!(name.as_str(), "PORT" | "LD_PRELOAD" | "LD_LIBRARY_PATH") {
            return Err(wrong(&format!("{name} is not a variable that can be given")));
        }
        let value = text(request, name, value)?;
        match value.contains('\0') {
            true => Err(wrong(&format!("{name} holds a letter that is none"))),
            false => Ok((name.clone(), value)),
        }
    };
    all.iter().map(one).collect()
}

fn start(request: &Request) -> Result<u64, Failure> {
    match request.recipe.get("start").map(Value::as_u64) {
        None => Ok(START),
        Some(Some(seconds @ 1..=LONGEST)) => Ok(seconds),
        Some(_) => Err(wrong(&format!("`start` must be 1 to {LONGEST} seconds"))),
    }
}

fn source(request: &Request) -> Result<Source, Failure> {
    let Some(name) = optional(request, "repository")? else {
        let mut all = String::new();
        for (path, file) in render::plain_files(request) {
            if !path_is_safe(path) {
                return Err(wrong(&format!("{path} is not a path within the release")));
            }
            all.push_str(&format!("{path}\n{}\n", crate::sha256(&file.bytes)));
        }
        return Ok(Source::Files(canonical::etag(&all)));
    };
    let branch = optional(request, "branch")?.unwrap_or_else(|| "main".to_owned());
    if !name_is_safe(&name) || !name_is_safe(&branch) || !name_is_safe(&request.namespace) {
        let message = format!("\"{name}\" on branch \"{branch}\" is not the name of a repository and a branch.");
        return Err(Failure::yours(message, "Name a repository of your team, without an address."));
    }
    Ok(Source::Repository { team: request.namespace.clone(), name, branch })
}
