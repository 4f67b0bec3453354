//! The driver itself.

use super::api::{Api, Name};
use super::manifest::{self, KEY, Wanted};
use super::ready::missing;
use crate::git::render;
use crate::http::GuardOptions;
use crate::redact::{CleanLog, Redactor};
use async_trait::async_trait;
use loggia_app::instance::driver::{Backend, Driver, Failure, Observation, Plan, Presence, Request, RunLog};
use loggia_model::instance::{Condition, Verdict};
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long objects have to become ready, or to go, when the backend does not say, in seconds.
const WAIT: u64 = 300;
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Applies objects to clusters.
pub struct KubernetesDriver {
    options: GuardOptions,
}

/// What the cluster has of an instance.
struct There {
    /// The note of its kinds, when there is one.
    note: Option<Value>,
    /// Its objects without the note.
    objects: Vec<(Name, Value)>,
}

fn wait(request: &Request) -> Duration {
    let seconds = request.backend.config.get("wait").and_then(Value::as_u64).unwrap_or(WAIT);
    Duration::from_secs(seconds.min(3_600))
}

fn kinds_of(wanted: &[Wanted]) -> Vec<(String, String)> {
    wanted.iter().map(|one| (one.name.api_version.clone(), one.name.kind.clone())).collect()
}

impl KubernetesDriver {
    /// A driver that asks as far as the guard lets it.
    pub fn new(options: GuardOptions) -> KubernetesDriver {
        KubernetesDriver { options }
    }

    fn api(&self, backend: &Backend) -> Result<Api, Failure> {
        Api::new(&self.options, backend)
    }

    /// Finds everything that carries the key: of the kinds that are wanted, and of those that were noted before.
    async fn there(&self, api: &Api, request: &Request, wanted: &[Wanted]) -> Result<There, Failure> {
        let namespace = manifest::namespace(request)?;
        let note = api.get(&manifest::note(request, &namespace, &[])?.name).await?;
        let mut kinds = kinds_of(wanted);
        kinds.extend(note.iter().flat_map(manifest::kinds));
        kinds.sort_unstable();
        kinds.dedup();
        let mut objects = Vec::new();
        for (api_version, kind) in kinds {
            let all = Name { api_version, kind, namespace: namespace.clone(), name: String::new() };
            for object in api.list(&all, (KEY, &request.key)).await? {
                let mut name = manifest::name_of(&all.api_version, &all.kind, &object);
                name.namespace.clone_from(&namespace);
                if name.name != format!("loggia-{}", request.key) {
                    // Lists leave the kind of what is in them out.
                    let mut object = object;
                    object["kind"] = name.kind.clone().into();
                    objects.push((name, object));
                }
            }
        }
        Ok(There { note, objects })
    }

    /// One line for each object that would be made, changed or removed.
    async fn changes(&self, api: &Api, request: &Request) -> Result<Vec<String>, Failure> {
        let wanted = manifest::wanted(request)?;
        let there = self.there(api, request, &wanted).await?;
        let mut lines = Vec::new();
        for one in &wanted {
            match api.get(&one.name).await? {
                None => lines.push(format!("make {}", one.name)),
                Some(before) => {
                    mine(&one.name, &before, request)?;
                    let after = api.apply(&one.name, &one.object, true).await?;
                    if shape(&before) != shape(&after) {
                        lines.push(format!("change {}", one.name));
                    }
                }
            }
        }
        lines.extend(surplus(&there, &wanted).map(|name| format!("remove {name}")));
        if lines.is_empty() && version_of(&there) != request.version {
            lines.push(format!("note version {}", request.version));
        }
        Ok(lines)
    }

    async fn bring(&self, api: &Api, request: &Request, log: &dyn RunLog) -> Result<(), Failure> {
        let (wanted, namespace) = (manifest::wanted(request)?, manifest::namespace(request)?);
        for one in &wanted {
            if let Some(before) = api.get(&one.name).await? {
                mine(&one.name, &before, request)?;
            }
        }
        let there = self.there(api, request, &wanted).await?;
        let mut kinds = kinds_of(&wanted);
        kinds.extend(there.note.iter().flat_map(manifest::kinds));
        kinds.sort_unstable();
        kinds.dedup();
        // Noted before anything is made, so that nothing is ever lost sight of.
        let note = manifest::note(request, &namespace, &kinds)?;
        api.apply(&note.name, &note.object, false).await?;
        for one in &wanted {
            api.apply(&one.name, &one.object, false).await?;
            log.line(&format!("{} is applied", one.name));
        }
        for name in surplus(&there, &wanted) {
            api.delete(name).await?;
            log.line(&format!("{name} is not wanted any more and is removed"));
        }
        self.becomes_ready(api, request, &wanted, log).await
    }

    async fn becomes_ready(
        &self,
        api: &Api,
        request: &Request,
        wanted: &[Wanted],
        log: &dyn RunLog,
    ) -> Result<(), Failure> {
        let limit = Instant::now() + wait(request);
        let mut last = String::new();
        loop {
            let there = self.there(api, request, wanted).await?;
            let left = unready(&there, wanted);
            let surplus = surplus(&there, wanted).map(|name| format!("{name} is being deleted"));
            let left: Vec<String> = left.into_iter().chain(surplus).collect();
            if left.is_empty() {
                return Ok(());
            }
            let said = left.join("; ");
            if said != last {
                log.line(&said);
                last = said;
            }
            if Instant::now() + PAUSE > limit {
                let message =
                    format!("It is applied and did not become ready in {} seconds: {last}.", wait(request).as_secs());
                return Err(Failure::backend(message, "It is looked at again by itself; see what the cluster says."));
            }
            sleep(PAUSE).await;
        }
    }

    async fn seen(&self, api: &Api, request: &Request) -> Result<Observation, Failure> {
        let wanted = manifest::wanted(request)?;
        let there = self.there(api, request, &wanted).await?;
        let mut seen = Observation::absent();
        if there.objects.is_empty() {
            return Ok(seen);
        }
        seen.presence = Presence::Present;
        seen.version = version_of(&there);
        let left = unready(&there, &wanted);
        let (status, reason) = if left.is_empty() { (Verdict::True, "Ready") } else { (Verdict::False, "NotReady") };
        let message = if left.is_empty() { format!("{} objects are ready", wanted.len()) } else { left.join("; ") };
        seen.conditions.push(Condition { kind: "Ready".to_owned(), status, reason: reason.to_owned(), message });
        let changes = self.changes(api, request).await?;
        let (status, reason, message) = match changes.is_empty() {
            true => (Verdict::False, "Same", "The cluster has what was applied".to_owned()),
            false => (Verdict::True, "Differs", format!("To make it right again would: {}", changes.join("; "))),
        };
        seen.conditions.push(Condition { kind: "Drifted".to_owned(), status, reason: reason.to_owned(), message });
        if left.is_empty() {
            seen.outputs = outputs(request, &there)?;
        }
        Ok(seen)
    }

    async fn take_away(&self, api: &Api, request: &Request, log: &dyn RunLog) -> Result<(), Failure> {
        let namespace = manifest::namespace(request)?;
        // Without its files nobody knows more kinds than those that were noted.
        let wanted = manifest::wanted(request)?;
        let limit = Instant::now() + wait(request);
        loop {
            let there = self.there(api, request, &wanted).await?;
            if there.objects.is_empty() {
                return api.delete(&manifest::note(request, &namespace, &[])?.name).await;
            }
            for (name, object) in there.objects.iter().rev() {
                if object["metadata"]["deletionTimestamp"].is_null() {
                    api.delete(name).await?;
                    log.line(&format!("{name} is removed"));
                }
            }
            if Instant::now() + PAUSE > limit {
                let names: Vec<String> = there.objects.iter().map(|(name, _)| name.to_string()).collect();
                let message = format!("Still there: {}.", names.join(", "));
                return Err(Failure::backend(
                    message,
                    "It is tried again by itself; see what holds them in the cluster.",
                ));
            }
            sleep(PAUSE).await;
        }
    }
}

/// Refuses what somebody else has made.
fn mine(name: &Name, object: &Value, request: &Request) -> Result<(), Failure> {
    match manifest::is_of(object, &request.key) {
        true => Ok(()),
        false => Err(Failure::yours(
            format!("{name} is in the cluster already, and is somebody else's."),
            "Choose another name, or remove it there.",
        )),
    }
}

fn surplus<'a>(there: &'a There, wanted: &'a [Wanted]) -> impl Iterator<Item = &'a Name> {
    there.objects.iter().map(|(name, _)| name).filter(|name| !wanted.iter().any(|one| one.name == **name))
}

/// What is not ready, one line each.
fn unready(there: &There, wanted: &[Wanted]) -> Vec<String> {
    let line = |one: &Wanted| {
        let found = there.objects.iter().find(|(name, _)| *name == one.name);
        let why = found.map_or_else(|| Some("it is not there".to_owned()), |(_, object)| missing(object));
        why.map(|why| format!("{}: {why}", one.name))
    };
    wanted.iter().filter_map(line).collect()
}

fn version_of(there: &There) -> String {
    there.note.as_ref().and_then(|note| note["data"]["version"].as_str()).unwrap_or_default().to_owned()
}

/// An object without what the cluster writes by itself.
fn shape(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for name in ["managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink"] {
            metadata.remove(name);
        }
    }
    object
}

/// Texts of the recipe that may name fields of objects: `{{ objects["Service/quotes"].spec.clusterIP }}`.
fn outputs(request: &Request, there: &There) -> Result<Map<String, Value>, Failure> {
    let open = there.objects.iter().filter(|(name, _)| name.kind != "Secret");
    let objects: Map<String, Value> =
        open.map(|(name, object)| (format!("{}/{}", name.kind, name.name), object.clone())).collect();
    let more: Map<String, Value> = [("objects".to_owned(), Value::Object(objects))].into_iter().collect();
    let mut all = Map::new();
    for (name, text) in request.recipe.get("outputs").and_then(Value::as_object).into_iter().flatten() {
        let text = text.as_str().ok_or_else(|| render::wrong(format!("the output {name} is no text")))?;
        all.insert(name.clone(), render::line_with(request, name, text, &more)?.into());
    }
    Ok(all)
}

#[async_trait]
impl Driver for KubernetesDriver {
    fn name(&self) -> &str {
        "kubernetes"
    }

    fn plain_settings(&self) -> &[&'static str] {
        &["template", "raw", "outputs"]
    }

    fn loses_data(&self, recipe: &Map<String, Value>, _: &Map<String, Value>) -> bool {
        // Nobody can tell from outside: a volume may be among its objects.
        recipe.get("keeps_data").and_then(Value::as_bool) != Some(false)
    }

    async fn probe(&self, backend: &Backend) -> Result<(), Failure> {
        let redactor = Redactor::of_backend(backend);
        let probed = async { self.api(backend)?.probe().await };
        probed.await.map_err(|failure| redactor.failure(&failure))
    }

    async fn plan(&self, request: &Request, _: &dyn RunLog) -> Result<Plan, Failure> {
        let redactor = Redactor::of(request);
        let work = async { self.changes(&self.api(&request.backend)?, request).await };
        Ok(Plan { changes: work.await.map_err(|failure: Failure| redactor.failure(&failure))? })
    }

    async fn apply(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        let redactor = Redactor::of(request);
        let log = CleanLog::new(log, &redactor);
        let work = async {
            let api = self.api(&request.backend)?;
            self.bring(&api, request, &log).await?;
            self.seen(&api, request).await
        };
        Ok(redactor.observation(work.await.map_err(|failure: Failure| redactor.failure(&failure))?))
    }

    async fn observe(&self, request: &Request, _: &dyn RunLog) -> Result<Observation, Failure> {
        let redactor = Redactor::of(request);
        let work = async { self.seen(&self.api(&request.backend)?, request).await };
        Ok(redactor.observation(work.await.map_err(|failure: Failure| redactor.failure(&failure))?))
    }

    async fn destroy(&self, request: &Request, log: &dyn RunLog) -> Result<(), Failure> {
        let redactor = Redactor::of(request);
        let log = CleanLog::new(log, &redactor);
        let work = async { self.take_away(&self.api(&request.backend)?, request, &log).await };
        work.await.map_err(|failure: Failure| redactor.failure(&failure))
    }
}
