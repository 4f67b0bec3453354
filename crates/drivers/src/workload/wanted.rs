//! What is asked to run, worked out from a request.

use crate::git::render;
use crate::git::{name_is_safe, path_is_safe};
use loggia_app::instance::driver::{Failure, Request, Secret};
use loggia_model::{canonical, template};
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
    /// What tells their values from others, so that new ones are taken in; empty without secrets. Who reads this folder
    /// can read the key of the server, which opens them all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sealed: String,
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
    /// A branch of a repository of the same team on this server; each push is taken in. With a commit, that one and no other.
    Repository {
        team: String,
        name: String,
        branch: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
    },
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
        let secrets = secrets(request)?;
        let host = request.backend.config.get("public_host").and_then(Value::as_str).unwrap_or("127.0.0.1");
        Ok(Wanted {
            instance: request.instance.clone(),
            version: request.version.clone(),
            command,
            environment,
            sealed: sealed(&request.key, &secrets),
            secrets: secrets.into_iter().map(|(name, _)| name).collect(),
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

/// The variables that are secret: one for each secret input, and all of those in the input that the recipe names under
/// `variables`.
///
/// # Errors
/// When that input holds something that is no variable.
pub(super) fn secrets(request: &Request) -> Result<Vec<(String, Secret)>, Failure> {
    let many = request.recipe.get("variables").and_then(Value::as_str);
    let mut found = Vec::new();
    for (name, secret) in &request.secret_inputs {
        if Some(name.as_str()) != many {
            found.push((variable(name), secret.clone()));
            continue;
        }
        // Read to be given to the program as its variables.
        let all: BTreeMap<String, Value> = serde_json::from_str(secret.reveal())
            .map_err(|_| Failure::yours(format!("{name} is not names and texts."), "Write names and texts."))?;
        for (name, value) in all {
            if !may_be_given(&name) {
                let message = format!("{name} is not a variable that can be given.");
                return Err(Failure::yours(message, "Use letters, digits and underscores, and another name."));
            }
            found.push((name, Secret::new(template::text_of(&value))));
        }
    }
    Ok(found)
}

/// What tells secret variables from others of the same names.
fn sealed(key: &str, secrets: &[(String, Secret)]) -> String {
    let one = |(name, secret): &(String, Secret)| format!("{name}={}\0", secret.reveal());
    let all: String = secrets.iter().map(one).collect();
    if all.is_empty() { all } else { crate::sha256(format!("{key}\0{all}").as_bytes()) }
}

/// Whether a variable may be given: what the platform gives or needs itself is not to be replaced.
fn may_be_given(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !name.is_empty();
    plain && !name.starts_with("LOGGIA_") && !matches!(name, "PORT" | "LD_PRELOAD" | "LD_LIBRARY_PATH")
}

/// The name of the variable for a secret input.
fn variable(name: &str) -> String {
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
        if !may_be_given(name) {
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
    // As an image is named: the repository, and after an at sign the very commit.
    let (name, commit) = match name.split_once('@') {
        Some((name, commit)) => (name.to_owned(), Some(commit.to_owned())),
        None => (name, None),
    };
    let is_commit = |text: &String| (40..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(commit) = commit.as_ref().filter(|commit| !is_commit(commit)) {
        let message = format!("{commit:?} is not a commit.");
        return Err(Failure::yours(message, "Write all of its letters and digits."));
    }
    if !name_is_safe(&name) || !name_is_safe(&branch) || !name_is_safe(&request.namespace) {
        let message = format!("\"{name}\" on branch \"{branch}\" is not the name of a repository and a branch.");
        return Err(Failure::yours(message, "Name a repository of your team, without an address."));
    }
    Ok(Source::Repository { team: request.namespace.clone(), name, branch, commit })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(image: &str, variables: &str) -> Request {
        let recipe = json!({"command": ["run"], "repository": "{{ inputs.image }}", "variables": "variables"});
        Request {
            team: "booking".into(),
            namespace: "booking".into(),
            recipe: recipe.as_object().cloned().unwrap_or_default(),
            inputs: json!({"image": image}).as_object().cloned().unwrap_or_default(),
            secret_inputs: vec![("token".into(), Secret::new("one")), ("variables".into(), Secret::new(variables))],
            ..Request::default()
        }
    }

    #[test]
    fn names_and_texts_become_variables_and_nothing_else_does() {
        let found = secrets(&request("web", r#"{"DATABASE": "x", "SIZE": 3}"#)).unwrap();
        let shown: Vec<String> = found.iter().map(|(name, secret)| format!("{name}={}", secret.reveal())).collect();
        assert_eq!(shown, ["TOKEN=one", "DATABASE=x", "SIZE=3"]);
        for wrong in ["[]", "text", r#"{"PORT": "1"}"#, r#"{"LD_PRELOAD": "x"}"#, r#"{"a b": "x"}"#, r#"{"": "x"}"#] {
            assert_eq!(secrets(&request("web", wrong)).unwrap_err().whose, loggia_app::instance::driver::Whose::Yours);
        }
    }

    #[test]
    fn another_secret_is_another_wish() {
        let digest = |variables: &str| Wanted::of(&request("web", variables)).unwrap().digest();
        assert_eq!(digest(r#"{"A": "one"}"#), digest(r#"{"A": "one"}"#));
        assert_ne!(digest(r#"{"A": "one"}"#), digest(r#"{"A": "two"}"#));
        let kept = serde_json::to_string(&Wanted::of(&request("web", r#"{"A": "secret-one"}"#)).unwrap()).unwrap();
        assert!(!kept.contains("secret-one"), "{kept}");
    }

    #[test]
    fn a_repository_may_be_named_with_its_commit() {
        let commit = "4f0c".repeat(10);
        let of = |image: &str| Wanted::of(&request(image, "{}")).map(|wanted| wanted.source);
        let source = |commit: Option<&str>| Source::Repository {
            team: "booking".into(),
            name: "web".into(),
            branch: "main".into(),
            commit: commit.map(str::to_owned),
        };
        assert_eq!(of("web").unwrap(), source(None));
        assert_eq!(of(&format!("web@{commit}")).unwrap(), source(Some(&commit)));
        for wrong in ["web@", "web@main", "web@4f0c", "../web", "web/x"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
