//! The few verbs of the Kubernetes API that are needed.

use crate::http::{Ask, FetchError, Fetched, GuardOptions, GuardedClient, Method};
use loggia_app::instance::driver::{Backend, Failure, Secret};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Who applies, as the cluster notes it.
const MANAGER: &str = "loggia";
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most objects of one list.
const LIST: usize = 500;

/// Where objects of a kind are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    base: String,
    plural: String,
    namespaced: bool,
}

/// The API of one cluster.
pub(super) struct Api {
    client: GuardedClient,
    server: String,
    token: Option<Secret>,
    routes: Mutex<HashMap<(String, String), Route>>,
}

/// One object by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub api_version: String,
    pub kind: String,
    pub namespace: String,
    pub name: String,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

impl Api {
    /// The cluster of a backend.
    pub(super) fn new(options: &GuardOptions, backend: &Backend) -> Result<Api, Failure> {
        let setting = |name: &str| backend.config.get(name).and_then(Value::as_str);
        let server = setting("server").unwrap_or_default().trim_end_matches('/').to_owned();
        if !server.starts_with("https://") && !server.starts_with("http://") {
            let message = format!("The backend {} does not say where its cluster is.", backend.name);
            return Err(Failure::ours(message, "Give it `server: https://…` in its config."));
        }
        let client = GuardedClient::trusting(options.clone(), setting("ca")).map_err(|_| {
            Failure::ours("`ca` of the backend is no certificate.", "Put the certificate there, in PEM.")
        })?;
        // Revealed to sign in at the cluster that it belongs to.
        let token = backend.secret.as_ref().map(|secret| Secret::new(format!("Bearer {}", secret.reveal().trim())));
        Ok(Api { client, server, token, routes: Mutex::default() })
    }

    async fn ask(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> Result<Fetched, Failure> {
        let mut headers = vec![("accept", "application/json".to_owned())];
        headers.extend(body.map(|(kind, _)| ("content-type", kind.to_owned())));
        let ask = Ask {
            method,
            url: format!("{}{path}", self.server),
            authorization: self.token.clone(),
            headers,
            body: body.map(|(_, value)| value.to_string().into_bytes()).unwrap_or_default(),
            timeout: PATIENCE,
        };
        self.client.ask(&ask).await.map_err(|error| unreachable(&error))
    }

    /// Whether it answers, and lets this server in.
    pub(super) async fn probe(&self) -> Result<(), Failure> {
        let answer = self.ask(Method::GET, "/api/v1", None).await?;
        read(&answer, "the cluster").map(drop)
    }

    /// Where objects of a kind are, as the cluster says; none when it does not know the kind.
    pub(super) async fn route(&self, api_version: &str, kind: &str) -> Result<Option<Route>, Failure> {
        let key = (api_version.to_owned(), kind.to_owned());
        let known = self.routes.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let safe = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"./-".contains(&b));
        if !safe(api_version) || api_version.contains("..") {
            return Ok(None);
        }
        let base =
            if api_version.contains('/') { format!("/apis/{api_version}") } else { format!("/api/{api_version}") };
        let Some(list) = found(&self.ask(Method::GET, &base, None).await?, api_version)? else { return Ok(None) };
        let all = list["resources"].as_array().into_iter().flatten();
        // Parts of objects, such as deployments/scale, have the kind of something else.
        let own = |one: &&Value| one["kind"] == kind && !one["name"].as_str().unwrap_or("/").contains('/');
        let route = all.filter(own).find_map(|one| {
            let plural = one["name"].as_str()?.to_owned();
            Some(Route { base: base.clone(), plural, namespaced: one["namespaced"].as_bool()? })
        });
        if let Some(route) = &route {
            self.routes.lock().unwrap_or_else(PoisonError::into_inner).insert(key, route.clone());
        }
        Ok(route)
    }

    async fn path(&self, name: &Name) -> Result<Option<String>, Failure> {
        let Some(route) = self.route(&name.api_version, &name.kind).await? else { return Ok(None) };
        Ok(Some(format!("{}/{}", all(&route, &name.namespace), name.name)))
    }

    /// An object; none when it, or its kind, is not there.
    pub(super) async fn get(&self, name: &Name) -> Result<Option<Value>, Failure> {
        let Some(path) = self.path(name).await? else { return Ok(None) };
        found(&self.ask(Method::GET, &path, None).await?, &name.to_string())
    }

    /// Applies an object on the server's side; a trial changes nothing. Gives what it is then.
    pub(super) async fn apply(&self, name: &Name, object: &Value, trial: bool) -> Result<Value, Failure> {
        let Some(path) = self.path(name).await? else {
            let message = format!("The cluster does not know {} of {}.", name.kind, name.api_version);
            return Err(Failure::ours(message, "Install what defines it, or correct the release."));
        };
        let trial = if trial { "&dryRun=All" } else { "" };
        let path = format!("{path}?fieldManager={MANAGER}&force=true{trial}");
        let answer = self.ask(Method::PATCH, &path, Some(("application/apply-patch+yaml", object))).await?;
        read(&answer, &name.to_string())
    }

    /// The objects of a kind with a label; none of a kind that the cluster does not know.
    pub(super) async fn list(&self, name: &Name, label: (&str, &str)) -> Result<Vec<Value>, Failure> {
        let Some(route) = self.route(&name.api_version, &name.kind).await? else { return Ok(Vec::new()) };
        let (label, value) = label;
        let path = format!("{}?labelSelector={label}%3D{value}&limit={LIST}", all(&route, &name.namespace));
        let list = read(&self.ask(Method::GET, &path, None).await?, &name.kind)?;
        if list["metadata"]["continue"].as_str().is_some_and(|more| !more.is_empty()) {
            return Err(Failure::ours(
                format!("There are more than {LIST} {} of one instance.", name.kind),
                "Split it.",
            ));
        }
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// Asks for an object to be deleted. It may stay for a while.
    pub(super) async fn delete(&self, name: &Name) -> Result<(), Failure> {
        let Some(path) = self.path(name).await? else { return Ok(()) };
        let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"});
        found(&self.ask(Method::DELETE, &path, Some(("application/json", &options))).await?, &name.to_string())
            .map(drop)
    }
}

fn all(route: &Route, namespace: &str) -> String {
    match route.namespaced {
        true => format!("{}/namespaces/{namespace}/{}", route.base, route.plural),
        false => format!("{}/{}", route.base, route.plural),
    }
}

fn found(answer: &Fetched, what: &str) -> Result<Option<Value>, Failure> {
    if answer.status == 404 { Ok(None) } else { read(answer, what).map(Some) }
}

fn read(answer: &Fetched, what: &str) -> Result<Value, Failure> {
    let body: Value = serde_json::from_slice(&answer.bytes).unwrap_or_default();
    let said = body["message"].as_str().unwrap_or("no reason given");
    match answer.status {
        200..=299 if body.is_object() => Ok(body),
        // What is cut off or is something else says nothing about what is there.
        200..=299 => Err(Failure::backend(format!("The cluster's answer about {what} is none."), "It is tried again.")),
        401 | 403 => Err(Failure::ours(
            format!("The cluster refuses this server {what}: {said}"),
            "Set the secret of the backend anew, or give its account the right.",
        )),
        404 => Err(Failure::ours(format!("{what}: {said}"), "Make the namespace, or correct the environment.")),
        400 | 422 => Err(Failure::ours(format!("{what}: {said}"), "Correct the release and publish a new version.")),
        status => {
            Err(Failure::backend(format!("The cluster answered {what} with {status}: {said}"), "It is tried again."))
        }
    }
}

fn unreachable(error: &FetchError) -> Failure {
    match error {
        FetchError::Refused(_) => {
            let mend = "Correct `server` of the backend, or ask the operator for --allow-host HOST.";
            Failure::ours(error.to_string(), mend)
        }
        _ => Failure::backend(error.to_string(), "It is tried again by itself."),
    }
}
