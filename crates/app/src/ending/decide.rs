//! What is decided about endings: announced, moved, given up, agreed to, differed from, taken away.

use super::proposal::{in_file, offer};
use super::sweep::next;
use super::text::plan;
use super::{Found, evidence};
use crate::access::caller::Caller;
use crate::access::differ::Differ;
use crate::access::writing::may_write;
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts, Need};
use crate::error::{Error, Result};
use crate::record::{owned_here, visible};
use loggia_graph::Graph;
use loggia_model::ending::Dates;
use loggia_model::ending::steps::{By, Ending};
use loggia_model::{Day, Micros, Ref, Refusal};
use serde_json::{Value, json};

/// What is decided.
#[derive(Clone, Debug)]
pub enum Verb {
    /// People are told; with a reason when it is an emergency and the notice is too short.
    Announce {
        /// Why it is an emergency.
        emergency: Option<String>,
    },
    /// A second person agrees to what is an emergency.
    Approve,
    /// It gets other dates.
    Move {
        /// The dates.
        dates: Box<Dates>,
        /// Why it is an emergency, for earlier ones.
        emergency: Option<String>,
    },
    /// It is given up.
    Cancel {
        /// Why.
        reason: String,
    },
    /// A team may differ until a day.
    Exempt(Differ),
    /// It was taken away.
    Remove,
}

/// Decides something about an ending.
pub struct Decide {
    /// The ending.
    pub ending: Ref,
    /// What.
    pub verb: Verb,
}

impl Command for Decide {
    fn name(&self) -> &'static str {
        match self.verb {
            Verb::Announce { .. } => "ending.announce",
            Verb::Approve => "ending.approve",
            Verb::Move { .. } => "ending.move",
            Verb::Cancel { .. } => "ending.cancel",
            Verb::Exempt(_) => "ending.exempt",
            Verb::Remove => "ending.remove",
        }
    }

    fn needs(&self, graph: &Graph, _: &Caller) -> Vec<Need> {
        let found = graph.get(&self.ending).and_then(Found::read);
        let about = found.filter(|_| matches!(self.verb, Verb::Remove));
        about.and_then(|found| evidence::need(graph, &found)).into_iter().collect()
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.ending)?;
        let text = record.parse();
        may_write(graph, Some(&text), Some(&text), |action, subject| ctx.require(action, subject))?;
        let broken = || Error::Internal(format!("{} does not fit its type", self.ending));
        let found = Found::read(&record).ok_or_else(broken)?;
        let before = plan(graph, &found)?;
        let after = self.step(graph, facts, ctx, &found, before.clone())?;
        let state = after.state(ctx.now);
        let waits = after.status.pending.is_some();
        let then = self.next(&found, &after);
        let mut changes = Changes::answer(json!({"ending": self.ending, "state": state, "waits": waits, "next": then}));
        if after == before {
            return Ok(changes);
        }
        let event = if waits { "ending.asked" } else { self.event() };
        let data = match after.dates == before.dates {
            true => Value::Null,
            false => json!({"dates": {"before": before.dates, "after": after.dates}}),
        };
        changes.put(event, draft(&found, &after)?, data);
        if let Some(entry) = changes.entries.last_mut() {
            entry.reason = self.reason();
        }
        changes.due.push(next(ctx.now, ctx.now));
        Ok(changes)
    }
}

impl Decide {
    fn event(&self) -> &'static str {
        match self.verb {
            Verb::Announce { .. } => "ending.announced",
            Verb::Approve => "ending.approved",
            Verb::Move { .. } => "ending.moved",
            Verb::Cancel { .. } => "ending.cancelled",
            Verb::Exempt(_) => "ending.exempted",
            Verb::Remove => "ending.removed",
        }
    }

    /// What somebody has to do next, in a sentence; empty when nothing.
    fn next(&self, found: &Found, after: &Ending) -> String {
        let name = self.ending.name();
        let asks = matches!(self.verb, Verb::Announce { .. } | Verb::Move { .. });
        if asks && after.status.pending.is_some() {
            return format!("A second person has to agree: loggia ending approve {name}");
        }
        match (&self.verb, &after.status.agreed) {
            (Verb::Approve, Some(agreed)) => format!("{}.", in_file(&found.spec, &agreed.after)),
            _ => String::new(),
        }
    }

    fn reason(&self) -> Option<String> {
        let said = match &self.verb {
            Verb::Announce { emergency } | Verb::Move { emergency, .. } => emergency.clone()?,
            Verb::Cancel { reason } | Verb::Exempt(Differ { reason, .. }) => reason.clone(),
            Verb::Approve | Verb::Remove => return None,
        };
        Some(said.trim().to_owned()).filter(|said| !said.is_empty())
    }

    fn step(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>, found: &Found, ending: Ending) -> Result<Ending> {
        let who = ctx.caller.name();
        let by = By { who: &who, at: ctx.now };
        let step = match &self.verb {
            Verb::Announce { emergency } => {
                let offered = offer(graph, found, ctx.now)?;
                let step = ending.announce(by, emergency.as_deref());
                step.map_err(|refusal| match offered {
                    Some(offer) => {
                        Refusal { mend: format!("{} Ready to use: {}", refusal.mend, offer.mend), ..refusal }
                    }
                    None => refusal,
                })
            }
            Verb::Approve => {
                if ctx.caller.user().is_none() {
                    return Err(Error::Forbidden("Only a person agrees to an emergency. Sign in as one.".into()));
                }
                ending.approve(by, owned_here(&found.record).is_ok())
            }
            Verb::Move { dates, emergency } => {
                in_order(dates)?;
                let before = ending.dates.clone();
                let after = ending.shift((**dates).clone(), by, emergency.as_deref()).map_err(Error::Refused)?;
                if after.dates != before {
                    owned_here(&found.record)?;
                }
                Ok(after)
            }
            Verb::Cancel { reason } => ending.cancel(by, reason),
            Verb::Exempt(differ) => ending.exempt(differ.granted(graph, ctx)?),
            Verb::Remove => {
                let since = Micros(ctx.now.0 - Day(i64::from(ending.rule.quiet)).start().0);
                let used = evidence::in_use(graph, facts, found, since, ctx.now);
                ending.remove(by, &used)
            }
        };
        step.map_err(Error::Refused)
    }
}

fn in_order(dates: &Dates) -> Result<()> {
    match dates.faults().into_iter().next() {
        Some((field, message)) => {
            Err(Error::invalid("ending.dates", format!("dates.{field}"), message, "Put the dates in order."))
        }
        None => Ok(()),
    }
}

/// The record of an ending after a decision.
pub(super) fn draft(found: &Found, after: &Ending) -> Result<Draft> {
    let status = serde_json::to_value(&after.status)?;
    if after.dates == found.spec.dates {
        return Ok(Draft::of(&found.record).with_status(&status));
    }
    let mut text = found.record.parse();
    text.0["spec"]["dates"] = serde_json::to_value(&after.dates)?;
    Ok(Draft::new(found.record.uid, &text, found.record.source.clone()).with_status(&status))
}
