//! Agreeing: what a rule lets happen only after somebody else said yes.
//!
//! It is asked once. Who asks and who agrees are two people; what nobody decides lapses by a deadline, and says what to do
//! then. Each decision is kept with the instance: who, when and why.

use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts, Need};
use crate::composition::{self, advance, leave};
use crate::error::{Error, Result};
use crate::instance::change::{self, Change};
use crate::instance::order::start;
use crate::record::visible;
use crate::release::upgrade::Upgrade;
use crate::rules::Needed;
use loggia_graph::{Graph, Predicate};
use loggia_model::instance::{Agreed, Approval, InstanceStatus, Phase};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::operation::{Operation, State, Verb};
use loggia_model::rule::Act;
use loggia_model::time::DAY;
use loggia_model::{Micros, Record, Ref, Uid};
use loggia_store::Due;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// The kind of the deadline by which something lapses.
pub(crate) const KIND: &str = "approval";

/// What is asked of a group.
pub(crate) fn asked(act: Act, needed: &Needed, operation: Uid, ctx: &Ctx<'_>) -> Approval {
    Approval {
        act,
        rule: needed.rule.clone(),
        why: needed.why.clone(),
        by: group(&needed.agreement.by).to_string(),
        asked_by: ctx.caller.name(),
        asked_at: ctx.now,
        until: Micros(ctx.now.0 + i64::from(needed.agreement.days()) * DAY),
        operation,
        to: None,
        change: None,
    }
}

fn group(text: &str) -> Ref {
    Ref::parse(text, Some("group"), "default").unwrap_or_else(|_| Ref::new("group", "default", text))
}

/// What it waits for, in a sentence.
pub fn waits(approval: &Approval) -> String {
    let by = group(&approval.by);
    format!("It waits until somebody of {} agrees, as the rule {} says. {}", by.name(), approval.rule, approval.why)
        .trim()
        .to_owned()
}

fn next_step(approval: &Approval) -> String {
    format!("Ask {}; it lapses on {}.", group(&approval.by).name(), approval.until.datetime().format("%-d %B %Y"))
}

/// An operation that waits until somebody agrees, and the deadline by which it lapses.
pub(crate) fn hold(changes: &mut Changes, approval: &Approval, subject: Uid, mut operation: Operation) {
    operation.state = State::Waiting;
    operation.message = waits(approval);
    operation.mend = next_step(approval);
    changes.operations.push(operation);
    let (kind, payload) = (KIND.to_owned(), json!({"operation": approval.operation}));
    changes.due.push(Due { key: key(subject), time: approval.until, kind, subject: Some(subject), payload });
}

pub(crate) fn key(subject: Uid) -> String {
    format!("{KIND}:{subject}")
}

/// Agrees to what waits, or says no.
pub struct Approve {
    /// The instance.
    pub instance: Ref,
    /// Yes or no.
    pub agree: bool,
    /// Why; needed for a no.
    pub reason: String,
}

impl Command for Approve {
    fn name(&self) -> &'static str {
        "instance.approve"
    }

    fn needs(&self, graph: &Graph, _: &Caller) -> Vec<Need> {
        let asked = graph.get(&self.instance).and_then(|record| {
            let approval = record.typed_status::<InstanceStatus>().ok()?.approval?;
            Some(change::needs_asked(graph, record, &approval))
        });
        asked.unwrap_or_default()
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.instance)?;
        let status: InstanceStatus = record.typed_status()?;
        let Some(approval) = status.approval.clone() else {
            let message = "Nobody has to agree to anything here.";
            return Err(Error::refused("approval.none", message, "There is nothing to do."));
        };
        ctx.require(Action::Approve, &Subject { team: None, owner: Some(group(&approval.by)) })?;
        if ctx.caller.name() == approval.asked_by {
            let mend = format!("Ask somebody else of {}.", group(&approval.by).name());
            return Err(Error::refused("approval.self", "Who asks does not agree as well.", mend));
        }
        let reason = self.reason.trim().to_owned();
        if !self.agree && reason.is_empty() {
            let message = "It is not said why not";
            return Err(Error::invalid(
                "approval.reason",
                "reason",
                message,
                "Say it in a sentence; who asked reads it.",
            ));
        }
        let agreed = Agreed {
            act: approval.act,
            agreed: self.agree,
            by: ctx.caller.name(),
            at: ctx.now,
            reason: reason.clone(),
            rule: approval.rule.clone(),
            asked_by: approval.asked_by.clone(),
        };
        let mut changes = match self.agree {
            true => go((graph, facts), &record, status, &approval, agreed, ctx)?,
            false => {
                let message = format!("{} said no: {}", ctx.caller.name(), reason.trim_end_matches('.'));
                stop(&record, status, &approval, agreed, (message + ".", "declined"), ctx)?
            }
        };
        changes.past.push(key(record.uid));
        if !self.agree && approval.act == Act::Order {
            leave::forget(&mut changes, graph, &self.instance, &reason, ctx)?;
        }
        composition::touched(&mut changes, graph, &record, ctx.now);
        if let Some(entry) = changes.entries.first_mut() {
            entry.reason = Some(reason).filter(|reason| !reason.is_empty());
        }
        changes.answer = json!({"instance": self.instance, "agreed": self.agree, "operation": approval.operation});
        Ok(changes)
    }
}

/// Begins what waited.
fn go(
    (graph, facts): (&Graph, &Facts),
    record: &Record,
    mut status: InstanceStatus,
    approval: &Approval,
    agreed: Agreed,
    ctx: &Ctx<'_>,
) -> Result<Changes> {
    status.approval = None;
    status.agreements.push(agreed);
    let mut changes = match approval.act {
        Act::Order => {
            let spec: InstanceSpec = record.spec()?;
            let driver = crate::instance::operation::driver_of(graph, &spec, &status)?;
            let place = (&*spec.environment, &*driver);
            let (operation, work) = start(approval.operation, record.uid, &record.reference, Verb::Apply, place, ctx);
            let mut changes = Changes::default();
            let draft = Draft::of(record).with_status(&serde_json::to_value(&status)?);
            changes.put("instance.approved", draft, json!({"operation": approval.operation, "rule": approval.rule}));
            if status.held.is_some() {
                // What it needs comes first.
                let mut status = status;
                let mut operation = operation;
                advance::hold(&mut status, &mut operation, &advance::needed_words(&spec), ctx);
                changes.operations.push(operation);
                let whole = composition::whole_of(graph, record).map_or(record.uid, |whole| whole.uid);
                changes.due.push(composition::deadline(whole, ctx.now));
            } else {
                changes.operations.push(operation);
                changes.work.push(work);
            }
            changes
        }
        Act::Upgrade => {
            let (instance, to) = (record.reference.clone(), approval.to.clone());
            let upgrade = Upgrade { instance, to, back: false, confirmed: false };
            upgrade.approved(graph, record, status, (approval.operation, &approval.asked_by), ctx)?
        }
        Act::Change => Change::approved((graph, facts), record, status, approval, ctx)?,
    };
    for operation in &mut changes.operations {
        operation.requested_by.clone_from(&approval.asked_by);
        operation.created_at = approval.asked_at;
    }
    Ok(changes)
}

/// Ends what waited without doing it: what was never made is forgotten, what runs stays as it is.
fn stop(
    record: &Record,
    mut status: InstanceStatus,
    approval: &Approval,
    agreed: Agreed,
    (message, event): (String, &str),
    ctx: &Ctx<'_>,
) -> Result<Changes> {
    let mut changes = Changes::default();
    let data = json!({"operation": approval.operation, "rule": approval.rule, "message": message});
    let (mut operation, _) = start(approval.operation, record.uid, &record.reference, Verb::Apply, ("", ""), ctx);
    operation.requested_by.clone_from(&approval.asked_by);
    operation.created_at = approval.asked_at;
    operation.state = State::Cancelled;
    operation.ended_at = Some(ctx.now);
    operation.message = message;
    operation.mend = "Talk to them, then ask again.".to_owned();
    changes.operations.push(operation);
    if approval.act == Act::Order && status.phase == Phase::Pending {
        // No driver was asked for anything: there is nothing to look for.
        changes.forgotten.push(record.uid);
        changes.remove(&format!("instance.{event}"), record.uid, data);
        return Ok(changes);
    }
    status.approval = None;
    status.agreements.push(agreed);
    change::forget_asked(&mut changes, record.uid, approval);
    changes.put(&format!("instance.{event}"), Draft::of(record).with_status(&serde_json::to_value(&status)?), data);
    Ok(changes)
}

/// What nobody decided in time lapses.
pub(crate) fn lapse(due: &Due, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
    let Some(record) = due.subject.and_then(|uid| graph.by_uid(uid)) else { return Ok(Changes::default()) };
    let status: InstanceStatus = record.typed_status()?;
    let Some(approval) = status.approval.clone() else { return Ok(Changes::default()) };
    let agreed = Agreed {
        act: approval.act,
        agreed: false,
        by: ctx.caller.name(),
        at: ctx.now,
        reason: "Nobody decided in time.".to_owned(),
        rule: approval.rule.clone(),
        asked_by: approval.asked_by.clone(),
    };
    let message = format!("Nobody of {} decided in time.", group(&approval.by).name());
    let mut changes = stop(record, status, &approval, agreed, (message, "lapsed"), ctx)?;
    if approval.act == Act::Order {
        leave::forget(&mut changes, graph, &record.reference, "Nobody decided in time.", ctx)?;
    }
    composition::touched(&mut changes, graph, record, ctx.now);
    Ok(changes)
}

/// Something that waits until somebody agrees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WaitingApproval {
    /// The instance.
    pub instance: Ref,
    /// What is asked, by whom, of whom, until when.
    #[serde(flatten)]
    pub approval: Approval,
    /// Whether you may decide it.
    pub yours: bool,
}

impl crate::App {
    /// What waits until somebody agrees, as far as the caller sees it, the oldest first.
    pub fn approvals(&self, caller: &Caller) -> Vec<WaitingApproval> {
        let graph = self.graph();
        // Asked on every home page: only what waits is read.
        let waits = Predicate::Exists("status.approval.operation".to_owned());
        let asked = Predicate::equals("kind", "instance").and(waits);
        let one = |record: &Arc<Record>| {
            let approval = record.typed_status::<InstanceStatus>().ok()?.approval?;
            let subject = Subject { team: None, owner: Some(group(&approval.by)) };
            let may = self.require(caller, Action::Approve, &subject).is_ok();
            let yours = may && approval.asked_by != caller.name();
            Some(WaitingApproval { instance: record.reference.clone(), approval, yours })
        };
        let mut all: Vec<WaitingApproval> = graph.select(&caller.audience, &asked).iter().filter_map(one).collect();
        all.sort_by_key(|waiting| waiting.approval.asked_at);
        all
    }
}
