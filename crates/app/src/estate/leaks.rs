//! What is left behind: things at backends that carry our mark and belong to no instance.
//!
//! Each server asks each driver now and then what carries its mark, and keeps what nobody knows. One that is seen for the
//! first time may be on its way, or just going; only one that is seen again is told. Nothing is ever removed by itself. What was
//! decided about one, and when it was first told, is an item of its environment ([`super::leak_decision`]).

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::error::Result;
use crate::instance::request;
use crate::instance::worker::Drivers;
use loggia_graph::Audience;
use loggia_model::instance::{InstanceStatus, Phase};
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
    /// Whether nobody could look for it at last: it may be there or not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
    /// Whether it was looked for and is not there any more; such a one is in no list.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// Why it was put aside, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dismissed: Option<Dismissed>,
}

/// That a leak was put aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dismissed {
    /// Why.
    pub reason: String,
    /// Who did it.
    pub by: String,
    /// When.
    pub at: Micros,
}

/// What was found in a round, by driver and key.
pub type Found = BTreeMap<(String, String), Leak>;

/// Looks for them again and again, until `stop` turns true.
pub(crate) async fn follow(app: Arc<App>, drivers: Arc<Drivers>, mut stop: watch::Receiver<bool>) {
    let mut before = app.known_leaks().await.unwrap_or_default();
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
    /// asked keeps what was known of it, and says so: no answer is not absence.
    pub async fn sweep_leaks(&self, drivers: &Drivers, before: &Found) -> Found {
        let (mut found, mut asked) = (Found::new(), BTreeSet::new());
        let graph = self.graph();
        let environments: Vec<_> = graph.of_kind(&Audience::All, "environment").collect();
        for record in environments {
            let Ok(spec) = record.spec::<EnvironmentSpec>() else { continue };
            for (name, backend) in &spec.backends {
                let place = (record.reference.name(), name.as_str(), backend.driver.as_str());
                let Some(keys) = self.marked(drivers, &spec, place).await else { continue };
                asked.insert((place.0.to_owned(), place.1.to_owned()));
                keys.into_iter().for_each(|key| self.note(&mut found, place, key, before));
            }
        }
        // A backend that did not answer, is not there any more, or has no driver here, says nothing.
        let silent = |leak: &Leak| !asked.contains(&(leak.environment.clone(), leak.backend.clone()));
        for (id, leak) in before.iter().filter(|(_, leak)| silent(leak) && !self.is_known(&leak.key)) {
            found.entry(id.clone()).or_insert_with(|| Leak { unknown: true, ..leak.clone() });
        }
        let told: Vec<Leak> =
            found.iter().filter(|(id, _)| before.contains_key(*id)).map(|(_, leak)| leak.clone()).collect();
        let gone = before.iter().filter(|(id, leak)| !silent(leak) && !found.contains_key(*id));
        let gone: Vec<Leak> = gone.map(|(_, leak)| Leak { gone: true, ..leak.clone() }).collect();
        self.remember(&told, gone).await;
        self.leaks.store(Arc::new(told));
        self.decided(&mut found).await;
        found
    }

    /// The keys that a driver finds at a backend; none when it does not answer.
    async fn marked(
        &self,
        drivers: &Drivers,
        spec: &EnvironmentSpec,
        (environment, name, driver): (&str, &str, &str),
    ) -> Option<Vec<String>> {
        let driver = drivers.get(driver)?;
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
        if self.is_known(&key) {
            return;
        }
        let id = (driver.to_owned(), key.clone());
        let earlier = before.get(&id);
        let since = earlier.map_or_else(|| self.now(), |leak| leak.since);
        let dismissed = earlier.and_then(|leak| leak.dismissed.clone());
        found.entry(id).or_insert_with(|| Leak {
            driver: driver.to_owned(),
            environment: environment.to_owned(),
            backend: backend.to_owned(),
            key,
            since,
            unknown: false,
            gone: false,
            dismissed,
        });
    }

    /// Whether a key is that of an instance: of what is in use, or of what is kept beside it.
    pub(super) fn is_known(&self, key: &str) -> bool {
        let of = |uid: &str| {
            let record = self.graph().by_uid(uid.parse::<Uid>().ok()?).cloned()?;
            record.typed_status::<InstanceStatus>().ok().map(|status| (record.uid, status))
        };
        // The identity itself has hyphens: the last one may come before a number of what was made beside.
        let found = of(key).or_else(|| of(key.rsplit_once('-')?.0));
        found.is_some_and(|(uid, status)| {
            let kept = status.kept.map(|kept| kept.generation);
            // While an upgrade makes another one beside it, that is on its way.
            let coming = Some(status.generation + 1).filter(|_| status.phase == Phase::Progressing);
            [Some(status.generation), kept, coming].into_iter().flatten().any(|one| request::key(uid, one) == key)
        })
    }

    /// What is left behind, as this server found it.
    ///
    /// # Errors
    /// [`crate::Error::Forbidden`] for whoever does not run the platform.
    pub fn leaks(&self, caller: &Caller) -> Result<Vec<Leak>> {
        self.require(caller, Action::Sync, &Subject::default())?;
        Ok(self.leaks.load().iter().filter(|leak| leak.dismissed.is_none()).cloned().collect())
    }
}
