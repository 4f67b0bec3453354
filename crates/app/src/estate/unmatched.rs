//! What was reported and matches nothing that is offered: listing it, looking at it again when an offering changes, and
//! putting it aside.

use crate::App;
use crate::access::caller::{Caller, Door};
use crate::access::policy::{Action, Subject};
use crate::command::changes::Changes;
use crate::command::{Command, Ctx, Facts, Need};
use crate::error::{Error, Result};
use crate::estate::adopt::IDENTITY;
use crate::estate::matching::{match_offering, rules};
use crate::estate::{Intake, Observed, needs};
use loggia_graph::{Audience, Graph};
use loggia_model::Scope;
pub use loggia_store::Unmatched as UnmatchedThing;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many unmatched things are held at most.
const MOST: i64 = 10_000;
/// How many are looked at again in one command.
const AT_ONCE: usize = 500;

impl App {
    /// What was reported, matches nothing that is offered, and was not put aside.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless the caller is of the product team.
    pub async fn unmatched(&self, caller: &Caller) -> Result<Vec<UnmatchedThing>> {
        self.require(caller, Action::Sync, &Subject::default())?;
        let mut rows = self.store.unmatched(MOST).await?;
        rows.retain(|row| !row.dismissed);
        Ok(rows)
    }

    /// Puts unmatched things aside: they are not listed any more, however often they are reported.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a key that is not in the list.
    pub async fn dismiss(&self, caller: &Caller, keys: Vec<String>) -> Result<usize> {
        self.writable(caller)?;
        let known: BTreeSet<String> = self.unmatched(caller).await?.into_iter().map(|row| row.key).collect();
        if let Some(key) = keys.iter().find(|key| !known.contains(*key)) {
            return Err(Error::NotFound(format!("{key:?} is not in the list. See it: loggia unmatched -o name.")));
        }
        let count = keys.len();
        self.run(caller, Dismiss { keys }).await?;
        Ok(count)
    }
}

/// Puts things aside.
struct Dismiss {
    keys: Vec<String>,
}

impl Command for Dismiss {
    fn name(&self) -> &'static str {
        "unmatched.dismiss"
    }

    fn decide(&self, _: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        ctx.require(Action::Sync, &Subject::default())?;
        let mut changes = Changes::default();
        changes.note("unmatched.dismissed", None, json!({"keys": self.keys}));
        changes.dismissed.clone_from(&self.keys);
        Ok(changes)
    }
}

/// Looks again at what matched nothing, each time after an offering has changed.
pub(crate) async fn follow(app: Arc<App>) {
    loop {
        app.offered.notified().await;
        if let Err(error) = again(&app).await {
            tracing::warn!(%error, "what matched nothing could not be looked at again");
        }
    }
}

async fn again(app: &App) -> Result<()> {
    let rows = newest(app.store.unmatched(MOST).await?);
    // Who reported it is not known any more: only what the whole company sees may take it in.
    let audience = Audience::Scopes(Arc::new([Scope::Company].into_iter().collect()));
    let caller = Caller { audience, ..Caller::system("rematch", Door::Worker) };
    for some in rows.chunks(AT_ONCE) {
        app.run(&caller, Rematch::of(some)).await?;
    }
    Ok(())
}

/// Of what was adopted under several names, as its neighbours came and went, the one that it was seen by last.
fn newest(mut rows: Vec<UnmatchedThing>) -> Vec<UnmatchedThing> {
    let identity = |row: &UnmatchedThing| {
        let told = row.attributes.pointer("/attributes")?.get(IDENTITY)?.as_str()?;
        Some(told.to_owned())
    };
    rows.sort_by_key(|row| std::cmp::Reverse(row.last_seen));
    let mut seen = BTreeSet::new();
    rows.retain(|row| identity(row).is_none_or(|identity| seen.insert(identity)));
    rows
}

/// Takes in what was reported before and matches something by now.
struct Rematch {
    seen: Vec<Observed>,
    /// The key of each, and why it matched nothing.
    kept: Vec<(String, String)>,
}

impl Rematch {
    fn of(rows: &[UnmatchedThing]) -> Rematch {
        let read = |row: &UnmatchedThing| {
            let seen: Observed = serde_json::from_value(row.attributes.clone()).ok()?;
            Some((Observed { time: Some(row.last_seen), ..seen }, (row.key.clone(), row.why.clone())))
        };
        let (seen, kept) = rows.iter().filter_map(read).unzip();
        Rematch { seen, kept }
    }
}

impl Command for Rematch {
    fn name(&self) -> &'static str {
        "unmatched.rematch"
    }

    fn needs(&self, graph: &Graph, caller: &Caller) -> Vec<Need> {
        let mut needs = needs(&self.seen, graph, caller);
        needs.push(Need::Unmatched(MOST));
        needs
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let rules = rules(graph, &ctx.caller.audience);
        let mut intake = Intake::new(graph, facts, ctx, 0);
        for (seen, (key, why)) in self.seen.iter().zip(&self.kept) {
            // Somebody took it away since it was read.
            if !facts.unmatched.contains(key) {
                continue;
            }
            let same = |now: &crate::estate::matching::Unmatched| now.to_string() == *why;
            if match_offering(&rules, graph, &ctx.caller.audience, seen).as_ref().is_err_and(same) {
                continue;
            }
            // What matches and cannot be an instance all the same, for its name, stays in the list.
            if let Err(error) = intake.take(&rules, seen) {
                tracing::debug!(%error, "a report that matches now cannot be taken in");
            }
        }
        Ok(intake.changes)
    }
}
