//! Deadlines: what has to happen at a time, whichever server is awake then (decision 21).
//!
//! A command sets a deadline with the rest of what it changes ([`Changes::due`]). When its time has come, every server
//! sees it, and each asks its writer to fire it. That is a command too: it decides only when the deadline still stands
//! as it was seen, which is looked up under the lock of the writer, and it takes the deadline away in the transaction
//! that writes what follows from it. So each fires once, with one server or many, after a crash at any point, and when
//! a clock is set back. What reaches the outside is written as work, under a key made from the key of the deadline.

use crate::App;
use crate::access::caller::Caller;
use crate::campaign;
use crate::command::changes::Changes;
use crate::command::{Command, Ctx, Facts, Need};
use crate::composition::{self, advance};
use crate::ending;
use crate::error::Result;
use crate::instance::instance_access::settle;
use crate::release::{upgrade_strategy, upgrade_wait};
use crate::rules::approval;
use crate::rules::automatic_upgrades;
use loggia_graph::Graph;
use loggia_model::Micros;
use loggia_model::time::SECOND;
pub use loggia_store::Due;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked whether a deadline has come.
const ROUND: Duration = Duration::from_secs(1);
/// How many are fired in one round, so that a long standstill does not hold everybody else up.
const AT_ONCE: i64 = 100;
/// When one that could not be fired is tried again, in microseconds.
const AGAIN: i64 = 600 * SECOND;
/// How often what expired is forgotten, in microseconds.
const TIDY: i64 = 3_600 * SECOND;
/// The kind, and the key, of the deadline for that.
const HOUSEKEEPING: &str = "housekeeping";

/// What happens at a deadline of one kind: a pure function, as [`Command::decide`] is. It may set the same deadline
/// again; otherwise it is past.
pub type Handler = fn(&Due, &Graph, &Facts, &Ctx<'_>) -> Result<Changes>;

/// Handlers by kind.
pub type Handlers = BTreeMap<&'static str, Handler>;

/// The handlers of this version.
pub fn handlers() -> Handlers {
    Handlers::from([
        (HOUSEKEEPING, tidy as Handler),
        (ending::KIND, ending::sweep as Handler),
        (approval::KIND, approval::lapse as Handler),
        (automatic_upgrades::KIND, automatic_upgrades::sweep as Handler),
        (upgrade_strategy::KIND, upgrade_strategy::over as Handler),
        (upgrade_wait::KIND, upgrade_wait::come as Handler),
        (settle::KIND, settle::due as Handler),
        (campaign::KIND, campaign::sweep as Handler),
        (composition::KIND, advance::look as Handler),
    ])
}

/// Fires deadlines until `stop` turns true.
pub fn start(app: &Arc<App>, handlers: Handlers, stop: &watch::Receiver<bool>) {
    tokio::spawn(run(Arc::clone(app), handlers, stop.clone()));
}

async fn run(app: Arc<App>, handlers: Handlers, mut stop: watch::Receiver<bool>) {
    let mut arranged = false;
    while !*stop.borrow() {
        let round = async {
            if !arranged {
                arrange(&app).await?;
                arranged = true;
            }
            fire(&app, &handlers).await
        };
        if let Err(error) = round.await {
            tracing::warn!(%error, "cannot look for deadlines");
        }
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Sets the deadlines that a server always has.
///
/// # Errors
/// When they cannot be written.
pub async fn arrange(app: &App) -> Result<()> {
    app.run(&app.system("clock"), Arrange).await.map(drop)
}

/// Fires what has come.
///
/// # Errors
/// When the database does not answer. What one deadline asks for and cannot be done is put off instead.
pub async fn fire(app: &App, handlers: &Handlers) -> Result<()> {
    let caller = app.system("clock");
    let kinds: Vec<&str> = handlers.keys().copied().collect();
    for due in app.store.due_before(app.now(), &kinds, AT_ONCE).await? {
        let Some(handler) = handlers.get(due.kind.as_str()).copied() else { continue };
        if let Err(error) = app.run(&caller, Fire { due: due.clone(), handler }).await {
            tracing::warn!(key = due.key, kind = due.kind, %error, "a deadline could not be fired; it is tried again");
            app.run(&caller, Later { due }).await?;
        }
    }
    Ok(())
}

/// Whether a deadline stands as it was seen. When it does not, another server has fired it, or somebody moved it.
fn stands(due: &Due, facts: &Facts) -> bool {
    facts.due.get(&due.key) == Some(due)
}

/// Fires a deadline.
struct Fire {
    due: Due,
    handler: Handler,
}

impl Command for Fire {
    fn name(&self) -> &'static str {
        "deadline.fire"
    }

    fn needs(&self, graph: &Graph, _: &Caller) -> Vec<Need> {
        let mut needs = vec![Need::Due(self.due.key.clone())];
        if self.due.kind == ending::KIND {
            needs.extend(ending::needs(graph));
        }
        if let Some(subject) = self.due.subject.filter(|_| self.due.kind == campaign::KIND) {
            needs.extend(campaign::needs(graph, subject));
        }
        if let Some(subject) = self.due.subject.filter(|_| self.due.kind == composition::KIND) {
            needs.extend(advance::needs(graph, subject));
        }
        needs
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        if !stands(&self.due, facts) {
            return Ok(Changes::default());
        }
        let mut changes = (self.handler)(&self.due, graph, facts, ctx)?;
        if changes.due.iter().all(|due| due.key != self.due.key) {
            changes.past.push(self.due.key.clone());
        }
        Ok(changes)
    }
}

/// Puts a deadline off that could not be fired, so that it holds no other up.
struct Later {
    due: Due,
}

impl Command for Later {
    fn name(&self) -> &'static str {
        "deadline.postpone"
    }

    fn needs(&self, _: &Graph, _: &Caller) -> Vec<Need> {
        vec![Need::Due(self.due.key.clone())]
    }

    fn decide(&self, _: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let mut changes = Changes::default();
        if stands(&self.due, facts) {
            changes.due.push(Due { time: Micros(ctx.now.0 + AGAIN), ..self.due.clone() });
        }
        Ok(changes)
    }
}

/// Sees to it that there is a next housekeeping, and not in a far future that a clock once showed.
struct Arrange;

impl Command for Arrange {
    fn name(&self) -> &'static str {
        "deadline.arrange"
    }

    fn needs(&self, _: &Graph, _: &Caller) -> Vec<Need> {
        [HOUSEKEEPING, ending::KEY, automatic_upgrades::KIND].map(|key| Need::Due(key.to_owned())).to_vec()
    }

    fn decide(&self, _: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let mut changes = Changes::default();
        if facts.due.get(HOUSEKEEPING).is_none_or(|due| due.time.0 > ctx.now.0 + TIDY) {
            changes.due.push(housekeeping(ctx.now));
        }
        if facts.due.get(ending::KEY).is_none_or(|due| due.time.0 > ctx.now.0 + TIDY) {
            changes.due.push(ending::next(ctx.now, ctx.now));
        }
        if facts.due.get(automatic_upgrades::KIND).is_none_or(|due| due.time.0 > ctx.now.0 + TIDY) {
            changes.due.push(automatic_upgrades::next(ctx.now));
        }
        Ok(changes)
    }
}

fn housekeeping(time: Micros) -> Due {
    Due { key: HOUSEKEEPING.to_owned(), time, kind: HOUSEKEEPING.to_owned(), subject: None, payload: Value::Null }
}

/// Forgets what expired, and comes again.
fn tidy(_: &Due, _: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
    let due = vec![housekeeping(Micros(ctx.now.0 + TIDY))];
    Ok(Changes { due, expired_by: Some(ctx.now), ..Changes::default() })
}
