//! The backend that an instance was made on. It is kept before a driver begins to make anything, and every later
//! operation goes there: elsewhere, absence would prove nothing.

use crate::access::caller::Caller;
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts, Need};
use crate::error::{Error, Result};
use crate::release::offering;
use loggia_graph::Graph;
use loggia_model::composition::PARTS;
use loggia_model::instance::{HeldBackend, InstanceStatus};
use loggia_model::kinds::environment::{Backend, EnvironmentSpec};
use loggia_model::{Uid, canonical};
use serde_json::{Value, json};

/// What tells a backend from another one.
pub(crate) fn identity(name: &str, backend: &Backend) -> HeldBackend {
    HeldBackend {
        name: name.to_owned(),
        driver: backend.driver.clone(),
        settings: canonical::etag(&canonical::to_string(&Value::Object(backend.config.clone()))),
        secret_ref: backend.secret_ref.clone(),
    }
}

/// The backend for an instance: the one that holds it, as it was then; else the one that the driver gets now.
///
/// # Errors
/// [`Error::Refused`] when there is none, or the one that holds it is another one by now.
pub(crate) fn choose<'a>(
    spec: &'a EnvironmentSpec,
    environment: &str,
    driver: &str,
    held: Option<&HeldBackend>,
) -> Result<(&'a str, &'a Backend)> {
    let Some(held) = held else {
        return offering::backend(spec, driver).ok_or_else(|| {
            let message = format!("{environment} has no backend for {driver} any more.");
            Error::refused("environment.backend-missing", message, "Ask the owner of the environment to add one.")
        });
    };
    let own = || spec.backend(driver).filter(|_| driver == PARTS);
    let now = spec.backends.get_key_value(&held.name).map(|(name, backend)| (name.as_str(), backend)).or_else(own);
    now.filter(|(name, backend)| identity(name, backend) == *held).ok_or_else(|| {
        let message = format!(
            "It was made on the backend {} of {environment}, and that is gone or another one by now. Nothing was done.",
            held.name
        );
        let mend = "Ask the owner of the environment to put that backend back as it was, and to give a new one another \
                    name. Then try again.";
        Error::refused("environment.backend-changed", message, mend)
    })
}

/// Keeps on which backend an instance is about to be made. Only the worker that holds the fence may.
pub(crate) struct Hold {
    pub(crate) work: Uid,
    pub(crate) fence: i64,
    pub(crate) instance: Uid,
    pub(crate) backend: HeldBackend,
}

impl Command for Hold {
    fn name(&self) -> &'static str {
        "instance.hold"
    }

    fn needs(&self, _: &Graph, _: &Caller) -> Vec<Need> {
        vec![Need::Held { work: self.work, subject: self.instance, fence: self.fence }]
    }

    fn decide(&self, graph: &Graph, facts: &Facts, _: &Ctx<'_>) -> Result<Changes> {
        if facts.held.is_empty() {
            return Err(Error::Conflict("Another worker has taken this operation over.".into()));
        }
        let mut changes = Changes::default();
        let Some(record) = graph.by_uid(self.instance) else { return Ok(changes) };
        let mut status: InstanceStatus = record.typed_status()?;
        if status.backend.is_some() {
            return Ok(changes);
        }
        status.backend = Some(self.backend.clone());
        let draft = Draft::of(record).with_status(&serde_json::to_value(&status)?);
        changes.put("instance.placed", draft, json!({"operation": self.work, "backend": self.backend.name}));
        Ok(changes)
    }
}
