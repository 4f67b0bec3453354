//! What is left behind: things at backends that carry our mark and belong to no instance.
//!
//! Each server asks each driver now and then what carries its mark, and keeps what nobody knows. One that is seen for the
//! first time may be on its way, or just going; only one that is seen again is told. Nothing is ever removed by itself.

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::error::Result;
use crate::instance::request;
use crate::instance::worker::Drivers;
use loggia_graph::Audience;
use loggia_model::kinds::environment::EnvironmentSpec;
use loggia_model::{Micros, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked for them.
const ROUND: Duration = Duration::from_secs(600);
/// How long after the start for the first time, and how long until a first finding is looked at again.
const SOON: Duration = Duration::from_secs(30);
/// How long one driver may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// One thing that belongs to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leak {
    /// The driver that marked it.
    pub driver: String,
    /// An environment from which it is seen.
    pub environment: String,
    /// The backend there.
    pub backend: String,
    /// The key that it carries: the identity of an instance that is not there.
    pub key: String,
    /// When it was found first.
    pub since: Micros,
}

/// What was found in a round, by driver and key.
pub type Found = BTreeMap<(String, String), Leak>;

/// Looks for them again and again, until `stop` turns true.
pub(crate) async fn follow(app: Arc<App>, drivers: Arc<Drivers>, mut stop: watch::Receiver<bool>) {
    let mut before = Found::new();
    let mut pause = SOON;
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => return,
        }
        before = app.sweep_leaks(&drivers, &before).await;
        let told = app.leaks.load().len();
        pause = if before.len() > told { SOON } else { ROUND };
    }
}

impl App {
    /// One round: tells what was there in the round before too, and gives everything for the next one. What could not be
    /// asked keeps what was known of it: no answer is not absence.
    pub async fn sweep_leaks(&self, drivers: &Drivers, before: &Found) -> Found {
        let (mut found, mut silent) = (Found::new(), BTreeSet::new());
        let graph = self.graph();
        let environments: Vec<_> = graph.of_kind(&Audience::All, "environment").collect();
        for record in environments {
            let Ok(spec) = record.spec::<EnvironmentSpec>() else { continue };
            for (name, backend) in &spec.backends {
                let place = (record.reference.name(), name.as_str(), backend.driver.as_str());
                match self.marked(drivers, &spec, place).await {
                    Some(keys) => keys.into_iter().for_each(|key| self.note(&mut found, place, key, before)),
                    None => drop(silent.insert(backend.driver.clone())),
                }
            }
        }
        let kept = before.iter().filter(|((driver, _), _)| silent.contains(driver));
        for (id, leak) in kept {
            found.entry(id.clone()).or_insert_with(|| leak.clone());
        }
        let told = found.iter().filter(|(id, _)| before.contains_key(*id)).map(|(_, leak)| leak.clone());
        self.leaks.store(Arc::new(told.collect()));
        found
    }

    /// The keys that a driver finds at a backend; none when it does not answer.
    async fn marked(
        &self,
        drivers: &Drivers,
        spec: &EnvironmentSpec,
        (environment, name, driver): (&str, &str, &str),
    ) -> Option<Vec<String>> {
        let Some(driver) = drivers.get(driver) else { return Some(Vec::new()) };
        let backend = request::named_backend(self, spec, environment, name).await.ok()?;
        backend.complete().ok()?;
        match tokio::time::timeout(PATIENCE, driver.marked(&backend)).await {
            Ok(Ok(keys)) => Some(keys.unwrap_or_default()),
            Ok(Err(failure)) => {
                tracing::debug!(environment, backend = name, message = %failure.message, "nobody can say what is left behind");
                None
            }
            Err(_) => None,
        }
    }

    fn note(&self, found: &mut Found, (environment, backend, driver): (&str, &str, &str), key: String, before: &Found) {
        let known = key.parse::<Uid>().is_ok_and(|uid| self.graph().by_uid(uid).is_some());
        if known {
            return;
        }
        let id = (driver.to_owned(), key.clone());
        let since = before.get(&id).map_or_else(|| self.now(), |leak| leak.since);
        found.entry(id).or_insert_with(|| Leak {
            driver: driver.to_owned(),
            environment: environment.to_owned(),
            backend: backend.to_owned(),
            key,
            since,
        });
    }

    /// What is left behind, as this server found it.
    ///
    /// # Errors
    /// [`crate::Error::Forbidden`] for whoever does not run the platform.
    pub fn leaks(&self, caller: &Caller) -> Result<Vec<Leak>> {
        self.require(caller, Action::Sync, &Subject::default())?;
        Ok(self.leaks.load().to_vec())
    }
}
