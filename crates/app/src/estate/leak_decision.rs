//! What is done about what is left behind: it is put aside with a reason, or taken away and looked for.

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::command::changes::Changes;
use crate::command::{Command, Ctx, Facts};
use crate::error::{Error, Result};
use crate::estate::leaks::{Dismissed, Found, Leak};
use crate::estate::restored;
use crate::instance::driver::{Backend, Driver, Failure, Presence, Request, Silent};
use crate::instance::request;
use loggia_graph::{Audience, Graph};
use loggia_model::kinds::environment::EnvironmentSpec;
use loggia_model::{Ref, Uid};
use loggia_store::Item;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

/// How long a reason may be, in characters.
const LONGEST: usize = 500;
/// How long taking one away may last.
const PATIENCE: Duration = Duration::from_secs(300);

/// Which leak.
#[derive(Clone, Debug)]
pub struct LeakName {
    /// The driver that marked it.
    pub driver: String,
    /// The key that it carries.
    pub key: String,
}

/// The identity under which an environment keeps what is known of a leak.
fn identity(leak: &Leak) -> Uid {
    let digest = Sha256::digest(format!("{}\n{}", leak.driver, leak.key));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uid(uuid::Uuid::from_bytes(bytes))
}

/// Keeps what is known of leaks with their environments.
struct Keep {
    leaks: Vec<Leak>,
    /// What happened; nothing when they were only seen.
    event: Option<&'static str>,
    reason: Option<String>,
}

impl Command for Keep {
    fn name(&self) -> &'static str {
        "leak.keep"
    }

    fn in_read_only(&self) -> bool {
        self.event.is_none()
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        ctx.require(Action::Sync, &Subject::default())?;
        let mut changes = Changes::default();
        for leak in &self.leaks {
            let Some(environment) = graph.get(&Ref::new("environment", "default", &leak.environment)) else { continue };
            let data = serde_json::to_value(leak)?;
            changes.items.push(Item { record: environment.uid, about: identity(leak), time: ctx.now, data });
            if let Some(event) = self.event {
                let subject = Some((environment.uid, environment.reference.clone()));
                changes.note(event, subject, json!({"driver": leak.driver, "key": leak.key, "message": self.reason}));
            }
        }
        Ok(changes)
    }
}

impl App {
    /// What was known of leaks before this server started.
    pub(super) async fn known_leaks(&self) -> Result<Found> {
        let mut found = Found::new();
        let graph = self.graph();
        let environments: Vec<Uid> = graph.of_kind(&Audience::All, "environment").map(|record| record.uid).collect();
        for environment in environments {
            for item in self.store.items_of(environment).await? {
                let leak = serde_json::from_value::<Leak>(item.data).ok().filter(|leak| !leak.gone);
                found.extend(leak.map(|leak| ((leak.driver.clone(), leak.key.clone()), leak)));
            }
        }
        Ok(found)
    }

    /// Takes in what was decided meanwhile, also through other servers.
    pub(super) async fn decided(&self, found: &mut Found) {
        let Ok(known) = self.known_leaks().await else { return };
        for (id, leak) in found.iter_mut() {
            if let Some(known) = known.get(id) {
                leak.since = known.since.min(leak.since);
                leak.dismissed.clone_from(&known.dismissed);
            }
        }
        let decided = |leak: &Leak| found.get(&(leak.driver.clone(), leak.key.clone())).unwrap_or(leak).clone();
        let told = self.leaks.load().iter().map(decided).collect();
        self.leaks.store(Arc::new(told));
    }

    /// Keeps since when leaks are told, and that others are gone.
    pub(super) async fn remember(&self, told: &[Leak], gone: Vec<Leak>) {
        let id = |leak: &Leak| (leak.driver.clone(), leak.key.clone());
        let Ok(known) = self.known_leaks().await else { return };
        let new = told.iter().filter(|leak| !known.contains_key(&id(leak))).cloned();
        let gone = gone.into_iter().filter(|leak| known.contains_key(&id(leak)));
        let leaks: Vec<Leak> = new.chain(gone).collect();
        if leaks.is_empty() {
            return;
        }
        if let Err(error) = self.run(&self.system("leaks"), Keep { leaks, event: None, reason: None }).await {
            tracing::debug!(%error, "what is left behind could not be kept");
        }
    }

    fn leak(&self, name: &LeakName) -> Result<Leak> {
        let all = self.leaks.load();
        let found = all.iter().find(|leak| leak.driver == name.driver && leak.key == name.key);
        found.cloned().ok_or_else(|| Error::NotFound(format!("{} is not in the list. See it: loggia leaks.", name.key)))
    }

    fn forget(&self, name: &LeakName) {
        self.leaks.rcu(|all| {
            let others = all.iter().filter(|leak| leak.driver != name.driver || leak.key != name.key);
            others.cloned().collect::<Vec<_>>()
        });
    }

    /// Puts a leak aside: it is not listed any more as long as it is there.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a reason, [`Error::NotFound`] for what is not in the list.
    pub async fn dismiss_leak(&self, caller: &Caller, name: &LeakName, reason: &str) -> Result<()> {
        self.require(caller, Action::Sync, &Subject::default())?;
        self.writable(caller)?;
        let reason: String = reason.trim().chars().take(LONGEST).collect();
        if reason.is_empty() {
            let mend = "Say why it may stay: whoever finds it next reads that.";
            return Err(Error::invalid("leak.reason", "reason", "No reason is given", mend));
        }
        let leak = self.leak(name)?;
        let dismissed = Some(Dismissed { reason: reason.clone(), by: caller.name(), at: self.now() });
        let leaks = vec![Leak { dismissed, ..leak }];
        self.run(caller, Keep { leaks, event: Some("leak.dismissed"), reason: Some(reason) }).await?;
        self.forget(name);
        Ok(())
    }

    /// Takes a leak away at its backend, and looks that it is gone. Whoever is cut off asks again: nothing was decided.
    ///
    /// # Errors
    /// [`Error::Refused`] when nobody confirmed it, when it belongs to something by now, and when it is still there.
    pub async fn remove_leak(&self, caller: &Caller, name: &LeakName, confirmed: bool) -> Result<()> {
        self.require(caller, Action::Administer, &Subject::default())?;
        self.writable(caller)?;
        let leak = self.leak(name)?;
        if restored::since(&self.store).await?.is_some() {
            let message =
                "This server was restored: what was made after its backup looks as if it belonged to nothing.";
            let mend = "When all around it is back, say so: loggia restore --all-is-back";
            return Err(Error::refused("leak.restored", message, mend));
        }
        if self.is_known(&leak.key) {
            self.forget(name);
            return Err(Error::refused("leak.known", "It belongs to an instance by now.", "There is nothing to do."));
        }
        if !confirmed {
            let message = "What is in it is lost for good, and nobody here knows what that is.";
            let mend = "Look at it first, then confirm (in the API: \"confirmed\": true).";
            return Err(Error::refused("leak.unconfirmed", message, mend));
        }
        let driver = self.drivers.get().and_then(|all| all.get(&leak.driver).cloned());
        let driver = driver.ok_or_else(|| {
            let message = format!("This server has no driver {}.", leak.driver);
            Error::refused("leak.driver", message, "Take it away by hand.")
        })?;
        let backend = self.backend_of(&leak).await?;
        let taken = tokio::time::timeout(PATIENCE, take(&*driver, backend, &leak.key)).await;
        match taken {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => return Err(Error::refused("leak.stays", failure.message, failure.mend)),
            Err(_) => {
                let message = "Its backend did not answer in time.";
                return Err(Error::refused("leak.stays", message, "Try again later."));
            }
        }
        let keep = Keep { leaks: vec![Leak { gone: true, ..leak }], event: Some("leak.removed"), reason: None };
        self.run(caller, keep).await?;
        self.forget(name);
        Ok(())
    }

    async fn backend_of(&self, leak: &Leak) -> Result<Backend> {
        let graph = self.graph();
        let missing = || {
            let message = format!("{} has no backend {} any more.", leak.environment, leak.backend);
            Error::refused("environment.backend-missing", message, "Put it back, or take it away by hand.")
        };
        let environment = graph.get(&Ref::new("environment", "default", &leak.environment)).ok_or_else(missing)?;
        let spec: EnvironmentSpec = environment.spec()?;
        request::named_backend(self, &spec, &leak.environment, &leak.backend).await.map_err(|_| missing())
    }
}

/// Destroys what carries a key, and passes only when neither a look nor the list of marks finds it.
async fn take(driver: &dyn Driver, backend: Backend, key: &str) -> std::result::Result<(), Failure> {
    backend.complete()?;
    let request = Request { key: key.to_owned(), backend, confirmed: true, ..Request::default() };
    driver.destroy(&request, &Silent).await?;
    let seen = driver.observe(&request, &Silent).await?.presence;
    let listed = driver.marked(&request.backend).await?.unwrap_or_default();
    match seen == Presence::Absent && !listed.iter().any(|one| one == key) {
        true => Ok(()),
        false => Err(Failure::ours(
            format!("The driver {} could not take it away by its key alone.", driver.name()),
            "Take it away by hand; it leaves the list when it is gone.",
        )),
    }
}
