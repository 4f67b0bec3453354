//! What was not seen for too long is unknown: noted in its status, so that lists, counts and pages say the same.
//!
//! Pages work it out from the time when it was last seen, to the minute; this follows within a round, and is what filters
//! and facets find.

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts, Need};
use crate::error::Result;
use crate::estate::unknown_after_days;
use crate::estate::who_runs::is_stale;
use loggia_graph::{Audience, Graph, Predicate, Query};
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::{Uid, time};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked for.
const ROUND: Duration = Duration::from_secs(30);
/// How many are noted in one command.
const AT_ONCE: usize = 500;

/// Notes again and again what was not seen for too long, until `stop` turns true.
pub(crate) async fn follow(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = app.note_unseen().await {
            tracing::warn!(%error, "what was not seen for too long could not be noted");
        }
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            _ = stop.changed() => {}
        }
    }
}

impl App {
    /// Notes what runs and was not seen for longer than its environment allows.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] when the database does not answer.
    pub async fn note_unseen(&self) -> Result<()> {
        let graph = self.graph();
        let environments = graph.of_kind(&Audience::All, "environment");
        let days = environments.map(|record| unknown_after_days(&graph, record.reference.name()));
        // Most were seen lately, whatever their environment: those need no reading.
        let least = days.chain([unknown_after_days(&graph, "")]).min().unwrap_or_default() * time::DAY;
        let ready = Predicate::equals("kind", "instance").and(Predicate::equals("status.phase", "ready"));
        let ready = graph.query(&Audience::All, &Query { predicate: ready, ..Query::default() }).records;
        let now = self.now();
        let late = |uid: Uid| self.sighting(uid).is_some_and(|(_, last)| now.0 - last.0 > least);
        let uids: Vec<Uid> = ready.iter().map(|record| record.uid).filter(|uid| late(*uid)).collect();
        for some in uids.chunks(AT_ONCE) {
            self.run(&self.system("unseen"), Unseen { instances: some.to_vec() }).await?;
        }
        Ok(())
    }
}

/// Notes which of some instances were not seen for too long.
struct Unseen {
    instances: Vec<Uid>,
}

impl Command for Unseen {
    fn name(&self) -> &'static str {
        "instance.unseen"
    }

    fn needs(&self, _: &Graph, _: &Caller) -> Vec<Need> {
        self.instances.iter().map(|uid| Need::LastSeen(*uid)).collect()
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        ctx.require(Action::Sync, &Subject::default())?;
        let mut changes = Changes::default();
        for uid in &self.instances {
            let (Some(record), Some(last)) = (graph.by_uid(*uid), facts.seen.get(uid)) else { continue };
            let status: InstanceStatus = record.typed_status()?;
            let spec: InstanceSpec = record.spec()?;
            if status.phase == Phase::Ready && is_stale(graph, &spec.environment, *last, ctx.now) {
                let status = InstanceStatus { phase: Phase::Unknown, ..status };
                let draft = Draft::of(record).with_status(&serde_json::to_value(&status)?);
                changes.put("instance.unseen", draft, json!({"lastSeen": last}));
            }
        }
        Ok(changes)
    }
}
