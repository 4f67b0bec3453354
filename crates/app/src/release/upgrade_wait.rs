//! What waits before an instance has another version: an upgrade for its hours, a change for its team. Each has an end of its
//! own, by a deadline of the instance that stands for the one that waits now.

use crate::access::policy::Action;
use crate::access::writing::subject_of;
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts};
use crate::error::{Error, Result};
use crate::instance::change;
use crate::instance::change_request::WAITS;
use crate::instance::order::start;
use crate::record::visible;
use crate::release::upgrade::Upgrade;
use crate::release::upgrade_end::FAILED;
use crate::release::upgrade_target::UpgradeTarget;
use crate::rules::words::time;
use crate::rules::{Opening, Rules, Wanted};
use loggia_graph::{Audience, Graph};
use loggia_model::instance::{ChangeRequest, Condition, InstanceStatus, PutOff, Queued, Verdict};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::operation::{Operation, State, Verb};
use loggia_model::rule::Waiting;
use loggia_model::time::DAY;
use loggia_model::{Micros, Record, Ref, Uid};
use loggia_store::{Due, WorkClass};
use serde_json::json;

/// The kind of the deadline.
pub(crate) const KIND: &str = "waiting";
/// For how long an upgrade waits for its hours, when something else is in its way each time they come.
const PATIENCE: i64 = 28 * DAY;
/// For how long what was given up does not come by itself after the hours for which it waited.
const PUT_OFF: i64 = 7 * DAY;
/// How campaigns are called where they ask for something.
const CAMPAIGN: &str = "system:campaign";

fn key(instance: Uid) -> String {
    format!("{KIND}:{instance}")
}

fn deadline(instance: Uid, at: Micros, since: Micros) -> Due {
    let payload = json!({"since": since});
    Due { key: key(instance), time: at, kind: KIND.to_owned(), subject: Some(instance), payload }
}

/// What an upgrade waits for, in a sentence.
pub fn waits(queued: &Queued) -> String {
    Opening { at: queued.opens, rule: queued.rule.clone() }.words()
}

impl Upgrade {
    /// What waited for its hours, under the operation that waited; when it would be now, if those are not.
    pub(crate) fn opened(
        &self,
        graph: &Graph,
        record: &Record,
        status: InstanceStatus,
        asked: (Uid, &str),
        ctx: &Ctx<'_>,
    ) -> Result<Result<Changes, Opening>> {
        let going = UpgradeTarget { status, ..self.going(graph, &Audience::All, record)? };
        if let Some(opening) = self.opening(graph, &going, ctx.now) {
            return Ok(Err(opening));
        }
        self.may(graph, &Audience::All, &going, ctx.now)?;
        self.begin(graph, record, going, asked, ctx).map(Ok)
    }

    /// When it would begin; none when that is now. The way back is open at any time.
    pub(crate) fn opening(&self, graph: &Graph, going: &UpgradeTarget, now: Micros) -> Option<Opening> {
        let wanted = Wanted::of(graph, &going.spec).filter(|_| !self.back)?;
        Rules::of(graph, &wanted.environment).opening(&wanted, now)
    }

    /// Waits for its hours, under an operation that is there already or a new one.
    pub(crate) fn queue(
        &self,
        record: &Record,
        going: UpgradeTarget,
        opening: Opening,
        (id, by): (Uid, &str),
        ctx: &Ctx<'_>,
    ) -> Result<Changes> {
        let mut status = going.status;
        let queued = Queued {
            to: going.to.version.clone(),
            operation: id,
            by: by.to_owned(),
            since: ctx.now,
            opens: opening.at,
            until: Micros(ctx.now.0 + PATIENCE),
            rule: opening.rule,
            confirmed: self.confirmed,
        };
        let place = (&*going.spec.environment, &*going.to.recipe.driver);
        let (mut operation, _) = start(id, record.uid, &self.instance, Verb::Apply, place, ctx);
        hold(&mut operation, &queued);
        let answer = json!({"instance": self.instance, "uid": record.uid, "operation": id, "waits": waits(&queued)});
        let mut changes = Changes::answer(answer);
        changes.due.push(deadline(record.uid, queued.opens, queued.since));
        let data = json!({"operation": id, "to": queued.to, "opens": queued.opens, "rule": queued.rule});
        status.queued = Some(queued);
        changes.put("instance.upgrade-queued", Draft::of(record).with_status(&serde_json::to_value(&status)?), data);
        changes.operations.push(operation);
        Ok(changes)
    }
}

fn hold(operation: &mut Operation, queued: &Queued) {
    operation.state = State::Waiting;
    operation.message = waits(queued);
    operation.mend = "It begins by itself then. Until that it can be given up.".to_owned();
}

/// Sets when a change that waits for its team is given up, and when its team is reminded.
pub(crate) fn limit(graph: &Graph, record: &Record, spec: &InstanceSpec, change: &mut ChangeRequest) -> Due {
    let wanted = Wanted::of(graph, spec);
    let waiting = wanted.map_or_else(Waiting::default, |wanted| Rules::of(graph, &wanted.environment).waiting(&wanted));
    let until = Micros(change.since.0 + i64::from(waiting.days) * DAY);
    change.until = Some(until);
    let remind = Micros(until.0 - i64::from(waiting.remind_days) * DAY);
    let first = if remind > change.since { remind } else { until };
    deadline(record.uid, first, change.since)
}

/// The time of something that waits has come: it begins, is brought to mind, or is given up.
pub(crate) fn come(due: &Due, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
    let Some(record) = due.subject.and_then(|uid| graph.by_uid(uid)) else { return Ok(Changes::default()) };
    let status: InstanceStatus = record.typed_status()?;
    let meant = |since: Micros| due.payload.get("since") == Some(&json!(since));
    if let Some(queued) = status.queued.clone().filter(|queued| meant(queued.since)) {
        return open(graph, record, status, queued, ctx);
    }
    match status.change.clone().filter(|change| meant(change.since)) {
        Some(change) if change.until.is_some_and(|until| until > ctx.now) => Ok(remind(record, &change)),
        Some(change) => lapse(record, status, &change),
        None => Ok(Changes::default()),
    }
}

/// Begins what waited for its hours. What is in its way waits for the next ones, or ends it.
fn open(graph: &Graph, record: &Record, status: InstanceStatus, queued: Queued, ctx: &Ctx<'_>) -> Result<Changes> {
    let upgrade = Upgrade {
        instance: record.reference.clone(),
        to: Some(queued.to.clone()),
        back: false,
        confirmed: queued.confirmed,
    };
    let free = InstanceStatus { queued: None, ..status };
    match upgrade.opened(graph, record, free.clone(), (queued.operation, &queued.by), ctx) {
        Ok(Ok(mut changes)) => {
            for operation in &mut changes.operations {
                operation.requested_by.clone_from(&queued.by);
                operation.created_at = queued.since;
            }
            let campaign = queued.by == CAMPAIGN;
            changes.work.iter_mut().filter(|_| campaign).for_each(|work| work.class = WorkClass::Campaign);
            Ok(changes)
        }
        Ok(Err(next)) if next.at <= queued.until => {
            let queued = Queued { opens: next.at, rule: next.rule, ..queued };
            let mut changes =
                Changes { due: vec![deadline(record.uid, queued.opens, queued.since)], ..Changes::default() };
            let data = json!({"to": queued.to, "opens": queued.opens});
            let status = InstanceStatus { queued: Some(queued), ..free };
            changes.put(
                "instance.upgrade-queued",
                Draft::of(record).with_status(&serde_json::to_value(&status)?),
                data,
            );
            Ok(changes)
        }
        Ok(Err(_)) => lost(record, free, &queued, "The hours for it did not come in time.", ctx),
        Err(error) => lost(record, free, &queued, &error.to_string(), ctx),
    }
}

/// Ends what waited and cannot begin, and says why with the instance.
fn lost(record: &Record, mut status: InstanceStatus, queued: &Queued, why: &str, ctx: &Ctx<'_>) -> Result<Changes> {
    let offering = record.parse().spec_text("offering").to_owned();
    failed(&mut status, &format!("Going to {offering}-{} could not begin: {why}", queued.to));
    ended(record, &status, queued, (State::Failed, why.to_owned(), "lapsed"), ctx)
}

/// Ends what waited for its hours without doing it: the instance stays what it is.
fn ended(
    record: &Record,
    status: &InstanceStatus,
    queued: &Queued,
    (state, why, event): (State, String, &str),
    ctx: &Ctx<'_>,
) -> Result<Changes> {
    let (mut operation, _) = start(queued.operation, record.uid, &record.reference, Verb::Apply, ("", ""), ctx);
    operation.requested_by.clone_from(&queued.by);
    operation.created_at = queued.since;
    operation.state = state;
    operation.ended_at = Some(ctx.now);
    operation.message = why;
    operation.mend = "Nothing was changed. Ask for it again when you want it.".to_owned();
    let text = serde_json::to_value(status)?;
    let mut changes = Changes::answer(text.clone());
    let data = json!({"operation": queued.operation, "to": queued.to, "message": operation.message});
    changes.operations.push(operation);
    changes.put(&format!("instance.upgrade-{event}"), Draft::of(record).with_status(&text), data);
    Ok(changes)
}

/// Brings a change to mind that is given up soon.
fn remind(record: &Record, change: &ChangeRequest) -> Changes {
    let mut changes = Changes::default();
    let data = json!({"release": change.release, "until": change.until});
    changes.note("instance.change-reminded", Some((record.uid, record.reference.clone())), data);
    changes.due.extend(change.until.map(|until| deadline(record.uid, until, change.since)));
    changes
}

/// Gives up a change that nobody merged or brought: the version that there is stays, and that is said.
fn lapse(record: &Record, mut status: InstanceStatus, change: &ChangeRequest) -> Result<Changes> {
    status.change = None;
    status.conditions.retain(|known| known.kind != WAITS);
    let days = change.until.map_or(0, |until| (until.0 - change.since.0) / DAY);
    let did = if change.branch.is_empty() { "was seen to bring it" } else { "merged it" };
    let message = format!(
        "{} waited {days} days and nobody {did}, so it was given up; it keeps the version that it has. Ask for it again \
         when there is time for it.",
        change.release
    );
    failed(&mut status, &message);
    let mut changes = Changes::default();
    let data = json!({"release": change.release, "message": message});
    changes.put("instance.change-lapsed", Draft::of(record).with_status(&serde_json::to_value(&status)?), data);
    Ok(changes)
}

/// Says with the instance why it has no other version.
fn failed(status: &mut InstanceStatus, message: &str) {
    status.conditions.retain(|known| known.kind != FAILED);
    let (kind, reason) = (FAILED.to_owned(), "GivenUp".to_owned());
    status.conditions.push(Condition { kind, status: Verdict::True, reason, message: message.to_owned() });
}

/// Gives up what waits: for its hours, or for people to bring it by hand.
pub(crate) struct GiveUp {
    pub(crate) instance: Ref,
}

impl Command for GiveUp {
    fn name(&self) -> &'static str {
        "instance.give-up"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.instance)?;
        ctx.require(Action::Operate, &subject_of(&record.parse()))?;
        let mut status: InstanceStatus = record.typed_status()?;
        if let Some(queued) = status.queued.take() {
            if queued.by.starts_with("system:") {
                status.put_off = Some(PutOff { version: queued.to.clone(), until: Micros(queued.opens.0 + PUT_OFF) });
            }
            let why = format!("{} gave it up.", ctx.caller.name());
            let mut changes = ended(&record, &status, &queued, (State::Cancelled, why, "given-up"), ctx)?;
            changes.past.push(key(record.uid));
            return Ok(changes);
        }
        let none = || Error::NotFound("No change waits for it.".into());
        let change = status.change.take().filter(|change| change.branch.is_empty()).ok_or_else(none)?;
        let text = serde_json::to_value(&status)?;
        let mut changes = Changes::answer(text.clone());
        changes.put(
            "instance.change-closed",
            Draft::of(&record).with_status(&text),
            json!({"release": change.release}),
        );
        changes.past.push(key(record.uid));
        Ok(changes)
    }
}

/// Lets go of everything that waits for an instance that is taken away: nobody has to decide about it any more.
pub(crate) fn let_go(changes: &mut Changes, record: &Record, status: &mut InstanceStatus, ctx: &Ctx<'_>) {
    let held = status.queued.take().map(|queued| (queued.operation, queued.by, queued.since));
    let asked = status.approval.take().map(|asked| {
        change::forget_asked(changes, record.uid, &asked);
        (asked.operation, asked.asked_by, asked.asked_at)
    });
    status.change = None;
    for (id, by, since) in held.into_iter().chain(asked) {
        let (mut operation, _) = start(id, record.uid, &record.reference, Verb::Apply, ("", ""), ctx);
        (operation.requested_by, operation.created_at) = (by, since);
        (operation.state, operation.ended_at) = (State::Cancelled, Some(ctx.now));
        operation.message = "It is taken away, so there is nothing to wait for any more.".to_owned();
        changes.operations.push(operation);
    }
    changes.past.push(key(record.uid));
    changes.past.push(crate::rules::approval::key(record.uid));
}

/// When something waits until, in words, for whoever looks at it.
pub fn given_up_on(change: &ChangeRequest) -> Option<String> {
    change.until.map(time)
}

/// Whether a version does not come by itself now, because its team put it off.
pub(crate) fn is_put_off(status: &InstanceStatus, version: &str, now: Micros) -> bool {
    status.put_off.as_ref().is_some_and(|put_off| put_off.version == version && now < put_off.until)
}
