//! What people decide about campaigns.

use super::scope::Scope;
use super::sweep::{answered, as_found, needs, next};
use super::{Found, carry};
use crate::access::caller::{Caller, Principal};
use crate::access::differ::Differ;
use crate::access::policy::Action;
use crate::access::writing::{may_write, subject_of};
use crate::command::changes::Changes;
use crate::command::{Command, Ctx, Facts, Need};
use crate::error::{Error, Result};
use crate::record::visible;
use loggia_graph::Graph;
use loggia_model::campaign::Counts;
use loggia_model::campaign::steps::Campaign;
use loggia_model::ending::steps::By;
use loggia_model::{Day, Micros, Ref, Uid};
use serde_json::json;

/// What is decided.
#[derive(Clone, Debug)]
pub enum Verb {
    /// It begins.
    Start {
        /// When it began where it comes from; for what this server itself brings along.
        past: Option<Micros>,
    },
    /// It stands still for a while.
    Pause {
        /// Why.
        reason: String,
    },
    /// It goes on.
    Resume {
        /// Why.
        reason: String,
    },
    /// A wave is taken back.
    Rollback {
        /// Its name.
        wave: String,
        /// Why.
        reason: String,
    },
    /// An owner wants to be left alone until a day.
    Snooze {
        /// The instance.
        instance: Ref,
        /// The day.
        until: Day,
        /// Why.
        reason: String,
    },
    /// A team may differ until a day.
    Exempt(Differ),
    /// It is over.
    End {
        /// Why.
        reason: String,
    },
}

/// Decides something about a campaign.
pub struct Decide {
    /// The campaign.
    pub campaign: Ref,
    /// What.
    pub verb: Verb,
}

impl Command for Decide {
    fn name(&self) -> &'static str {
        match self.verb {
            Verb::Start { .. } => "campaign.start",
            Verb::Pause { .. } => "campaign.pause",
            Verb::Resume { .. } => "campaign.resume",
            Verb::Rollback { .. } => "campaign.rollback",
            Verb::Snooze { .. } => "campaign.snooze",
            Verb::Exempt(_) => "campaign.exempt",
            Verb::End { .. } => "campaign.end",
        }
    }

    fn needs(&self, graph: &Graph, _: &Caller) -> Vec<Need> {
        graph.get(&self.campaign).map(|record| needs(graph, record.uid)).unwrap_or_default()
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.campaign)?;
        self.may(graph, &record, ctx)?;
        let broken = || Error::Internal(format!("{} does not fit its type", self.campaign));
        let found = Found::read(&record).ok_or_else(broken)?;
        let before = as_found(&found, facts);
        let found = Found { status: before.status.clone(), ..found };
        let answers = answered(facts);
        let scope = Scope::read(graph, ctx.now, &found.spec, &answers)?;
        let items = before.items.clone();
        let mut after = self.step(graph, &scope, ctx, before)?;
        let mut changes = Changes::default();
        carry::carry_out(&mut after, &scope, &found, ctx, &mut changes);
        let (event, data) = self.event();
        carry::keep(graph, (&found, &items), &after, Some((event, data)), ctx, &mut changes)?;
        if let Some(entry) = changes.entries.iter_mut().rfind(|entry| entry.kind == event) {
            entry.reason = self.reason();
        }
        changes.due.push(next(found.record.uid, ctx.now, 0));
        let mine = |uid: &Uid| graph.by_uid(*uid).is_some_and(|record| graph.visible(&ctx.caller.audience, record));
        let counts = Counts::of(after.items.iter().filter(|(uid, _)| mine(uid)).map(|(_, item)| item));
        changes.answer = json!({"campaign": self.campaign, "state": after.status.state, "counts": counts});
        Ok(changes)
    }
}

impl Decide {
    /// Who runs a campaign decides about it; its owner puts off what is theirs.
    fn may(&self, graph: &Graph, record: &loggia_model::Record, ctx: &Ctx<'_>) -> Result<()> {
        if let Verb::Snooze { instance, .. } = &self.verb {
            let record = visible(graph, &ctx.caller.audience, instance)?;
            return ctx.require(Action::Operate, &subject_of(&record.parse()));
        }
        let text = record.parse();
        may_write(graph, Some(&text), Some(&text), |action, subject| ctx.require(action, subject))
    }

    fn step(&self, graph: &Graph, scope: &Scope<'_>, ctx: &Ctx<'_>, before: Campaign) -> Result<Campaign> {
        let who = ctx.caller.name();
        let by = By { who: &who, at: ctx.now };
        let step = match &self.verb {
            Verb::Start { past } => {
                let own = matches!(ctx.caller.principal, Principal::System(_));
                let at = past.filter(|_| own).unwrap_or(ctx.now);
                before.start(By { who: &who, at }, &scope.looks())
            }
            Verb::Pause { reason } => before.pause(by, reason),
            Verb::Resume { reason } => before.resume(by, reason),
            Verb::Rollback { wave, reason } => {
                let number = wave_number(scope, wave)?;
                before.roll_back(by, number, reason)
            }
            Verb::Snooze { instance, until, reason } => {
                let uid = visible(graph, &ctx.caller.audience, instance)?.uid;
                before.snooze(by, uid, *until, reason)
            }
            Verb::Exempt(differ) => before.exempt(differ.granted(graph, ctx)?),
            Verb::End { reason } => before.end(by, reason),
        };
        step.map_err(Error::Refused)
    }

    /// The name of what happened, and its details.
    fn event(&self) -> (&'static str, serde_json::Value) {
        match &self.verb {
            Verb::Start { .. } => ("campaign.started", json!(null)),
            Verb::Pause { .. } => ("campaign.paused", json!(null)),
            Verb::Resume { .. } => ("campaign.resumed", json!(null)),
            Verb::Rollback { wave, .. } => ("campaign.rolled-back", json!({"wave": wave})),
            Verb::Snooze { instance, until, .. } => ("campaign.snoozed", json!({"instance": instance, "until": until})),
            Verb::Exempt(Differ { team, thing, until, .. }) => {
                ("campaign.exempted", json!({"team": team, "instance": thing, "until": until}))
            }
            Verb::End { .. } => ("campaign.ended", json!(null)),
        }
    }

    fn reason(&self) -> Option<String> {
        let said = match &self.verb {
            Verb::Start { .. } => return None,
            Verb::Pause { reason }
            | Verb::Resume { reason }
            | Verb::Rollback { reason, .. }
            | Verb::Snooze { reason, .. }
            | Verb::Exempt(Differ { reason, .. })
            | Verb::End { reason } => reason.trim(),
        };
        Some(said.to_owned()).filter(|said| !said.is_empty())
    }
}

/// The number of a wave by its name.
fn wave_number(scope: &Scope<'_>, name: &str) -> Result<usize> {
    let waves = scope.spec.waves();
    let last = waves.len();
    (0..=last).find(|wave| scope.spec.wave_name(*wave) == name).ok_or_else(|| {
        let names: Vec<String> = (0..=last).map(|wave| scope.spec.wave_name(wave)).collect();
        let mend = format!("Choose one of: {}.", names.join(", "));
        Error::invalid("campaign.wave", "wave", format!("There is no wave {name:?}"), mend)
    })
}
