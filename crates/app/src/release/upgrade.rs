//! One upgrade: what it would change, doing it, and going back.

use crate::access::policy::Action;
use crate::access::writing::subject_of;
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts};
use crate::ending::effects::{Wanted, may_move};
use crate::error::{Error, Result};
use crate::instance::change_request::{ask, branch};
use crate::instance::operation::{driver_of, is_free};
use crate::instance::order::start;
use crate::instance::secret_input;
use crate::instance::take_over::Wish;
use crate::record::visible;
use crate::release::dry_run::release_spec;
use crate::release::input_migration::InputMigration;
use crate::release::offering::{preview, release_for};
use crate::release::offering_versions::OfferingVersions;
use crate::release::upgrade_end::accepts;
use crate::release::upgrade_path::{is_above, newest, up_to_date, way};
pub use crate::release::upgrade_preview::UpgradePreview;
use crate::release::upgrade_strategy::Move;
use crate::release::upgrade_target::UpgradeTarget;
use crate::release::upgrade_wait;
use crate::rules::approval;
use crate::rules::{self, Needed, Rules};
use loggia_graph::{Audience, Graph};
use loggia_model::instance::{ChangeRequest, Earlier, InstanceStatus, Phase};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::{ReleaseSpec, Rollback, Strategy};
use loggia_model::operation::Verb;
use loggia_model::rule::Act;
use loggia_model::{Micros, Record, Ref, Uid};
use serde_json::{Map, Value, json};

/// Brings an instance to another version, or back to the one that it had before.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// The instance.
    pub instance: Ref,
    /// The version, a range or a channel; the newest one to which there is a way when absent.
    pub to: Option<String>,
    /// Back to the version before.
    pub back: bool,
    /// It is known that what was written since is lost (going back only).
    pub confirmed: bool,
}

impl Command for Upgrade {
    fn name(&self) -> &'static str {
        if self.back { "instance.rollback" } else { "instance.upgrade" }
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.instance)?;
        ctx.require(Action::Operate, &subject_of(&record.parse()))?;
        let going = self.going(graph, &ctx.caller.audience, &record)?;
        match self.may(graph, &ctx.caller.audience, &going, ctx.now)? {
            Some(needed) => self.ask_first(&record, going, &needed, ctx),
            None => self.in_time(graph, &record, going, (ctx.uid(), &ctx.caller.name()), ctx),
        }
    }
}

impl Upgrade {
    /// Where it goes.
    pub(crate) fn going(&self, graph: &Graph, audience: &Audience, record: &Record) -> Result<UpgradeTarget> {
        let spec: InstanceSpec = record.spec()?;
        let status: InstanceStatus = record.typed_status()?;
        let from = release_spec(graph, &status.applied).ok_or_else(|| {
            let mend = "Wait until it is ready, or upgrade it where it was made.";
            Error::refused("upgrade.no-version", "It has no version of this platform yet.", mend)
        })?;
        if self.back {
            return back(graph, spec, status, from);
        }
        let versions = OfferingVersions::seen(graph, audience, &spec.offering);
        let way = match &self.to {
            Some(wish) => {
                let release: ReleaseSpec = release_for(graph, audience, &spec.offering, Some(wish))?.spec()?;
                is_above(&from, &release)?;
                way(&versions, &from, &release)?
            }
            None => match preview(graph, audience, &spec).filter(|release| is_above(&from, release).is_ok()) {
                Some(release) => way(&versions, &from, &release)?,
                None => newest(&versions, &self.instance, &spec, &from)?,
            },
        };
        let Some(to) = way.first().cloned() else { return Err(up_to_date(&from)) };
        if self.to.is_some() && way.len() > 1 {
            let stops: Vec<&str> = way.iter().map(|release| release.version.as_str()).collect();
            return Err(Error::refused(
                "upgrade.hops",
                format!("There is no way in one step; it goes over {}.", stops.join(", ")),
                format!("Begin with {}: loggia upgrade {} --to {}.", to.version, self.instance, to.version),
            ));
        }
        let inputs = InputMigration::new(&versions, &to)?.convert(&from, &spec.inputs).map_err(Error::Invalid)?;
        Ok(UpgradeTarget::new(spec, status, (from, to), inputs, way))
    }

    /// Passes when it may and can begin now; gives who has to agree first. The way back is open to the end.
    pub(crate) fn may(
        &self,
        graph: &Graph,
        audience: &Audience,
        going: &UpgradeTarget,
        now: Micros,
    ) -> Result<Option<Needed>> {
        self.ready(graph, going)?;
        let Some(team) = going.spec.team_ref().filter(|_| !self.back) else { return Ok(None) };
        let offering = going.spec.offering.as_str();
        let release = format!("{offering}-{}", going.to.version);
        may_move(graph, &Wanted { audience, team: &team, offering, release: &release, plan: None }, now)?;
        let Some(wanted) = rules::Wanted::of(graph, &going.spec) else { return Ok(None) };
        Rules::of(graph, &wanted.environment).may_upgrade(&wanted, now)
    }

    /// Waits until somebody agrees.
    fn ask_first(&self, record: &Record, going: UpgradeTarget, needed: &Needed, ctx: &Ctx<'_>) -> Result<Changes> {
        let (id, mut status) = (ctx.uid(), going.status);
        let mut asked = approval::asked(Act::Upgrade, needed, id, ctx);
        asked.to = Some(going.to.version.clone());
        let place = (&*going.spec.environment, &*going.to.recipe.driver);
        let (operation, _) = start(id, record.uid, &self.instance, Verb::Apply, place, ctx);
        let waits = approval::waits(&asked);
        let answer = json!({"instance": self.instance, "uid": record.uid, "operation": id, "waits": waits});
        let mut changes = Changes::answer(answer);
        status.approval = Some(asked.clone());
        let draft = Draft::of(record).with_status(&serde_json::to_value(&status)?);
        changes.put("instance.approval-asked", draft, json!({"operation": id, "to": asked.to, "rule": asked.rule}));
        approval::hold(&mut changes, &asked, record.uid, operation);
        Ok(changes)
    }

    /// What somebody agreed to, under the operation that waited for it. All the rest is asked again: times have changed.
    pub(crate) fn approved(
        &self,
        graph: &Graph,
        record: &Record,
        status: InstanceStatus,
        asked: (Uid, &str),
        ctx: &Ctx<'_>,
    ) -> Result<Changes> {
        let going = self.going(graph, &Audience::All, record)?;
        let going = UpgradeTarget { status, ..going };
        self.may(graph, &Audience::All, &going, ctx.now)?;
        self.in_time(graph, record, going, asked, ctx)
    }

    /// What a rule brings without being asked for.
    pub(crate) fn by_itself(&self, graph: &Graph, record: &Record, ctx: &Ctx<'_>) -> Result<Changes> {
        let going = self.going(graph, &Audience::All, record)?;
        self.may(graph, &Audience::All, &going, ctx.now)?;
        self.in_time(graph, record, going, (ctx.uid(), &ctx.caller.name()), ctx)
    }

    /// The versions that the next hop leads from and to.
    pub(crate) fn hop(&self, graph: &Graph, record: &Record) -> Option<(ReleaseSpec, ReleaseSpec)> {
        let going = self.going(graph, &Audience::All, record).ok()?;
        Some((going.from, going.to))
    }

    /// Begins, or waits for the hours in which upgrades are made there.
    fn in_time(
        &self,
        graph: &Graph,
        record: &Record,
        going: UpgradeTarget,
        asked: (Uid, &str),
        ctx: &Ctx<'_>,
    ) -> Result<Changes> {
        match self.opening(graph, &going, ctx.now) {
            Some(opening) => self.queue(record, going, opening, asked, ctx),
            None => self.begin(graph, record, going, asked, ctx),
        }
    }

    pub(super) fn begin(
        &self,
        graph: &Graph,
        record: &Record,
        going: UpgradeTarget,
        (id, by): (Uid, &str),
        ctx: &Ctx<'_>,
    ) -> Result<Changes> {
        match going.how(self.back).strategy {
            Strategy::ChangeRequest => self.request(graph, record, going, id, ctx),
            Strategy::ByHand => self.hand_over(graph, record, going, id, ctx),
            _ if going.recomposes(self.back) => self.recompose(graph, record, going, (id, by), ctx),
            _ => self.changes(graph, record, going, id, ctx),
        }
    }

    /// Passes when it can begin now.
    pub(crate) fn ready(&self, graph: &Graph, going: &UpgradeTarget) -> Result<()> {
        let UpgradeTarget { spec, status, to, .. } = going;
        is_free(spec, status, "upgrade")?;
        let how = going.how(self.back);
        if let Some(kept) = status.kept.as_ref().filter(|_| !self.back) {
            let day = kept.until.datetime().format("%-d %B %Y");
            let message = format!("{} is kept as the way back until {day}.", kept.release);
            return Err(Error::refused(
                "upgrade.kept",
                message,
                "Wait until then, or let it go: loggia upgrade --let-go.",
            ));
        }
        if how.strategy == Strategy::Rebuild && !self.confirmed {
            let mend = "Confirm that it may be lost, and send it again (in the API: \"confirmed\": true).";
            let message = format!("The way to {} destroys what is in it and makes it anew.", to.version);
            return Err(Error::refused("instance.unconfirmed", message, mend));
        }
        if driver_of(graph, spec, status)? != to.recipe.driver && status.driver.is_empty() {
            return Err(Error::refused(
                "upgrade.driver",
                format!("{} is made by another driver than the one that holds it.", to.version),
                "Make a new one beside it, move over, and destroy this one.",
            ));
        }
        self.parts_fit(graph, going)?;
        match how.rollback {
            Rollback::ForwardOnly if self.back => Err(Error::refused(
                "upgrade.forward-only",
                format!("There is no way back from {}.", going.from.version),
                "Make a new one of the earlier version beside it.",
            )),
            Rollback::LosesData if self.back && !self.confirmed => Err(Error::refused(
                "instance.unconfirmed",
                format!("Going back from {} loses what was written since.", going.from.version),
                "Confirm that it may be lost, and send it again (in the API: \"confirmed\": true).",
            )),
            _ => Ok(()),
        }
    }

    /// Has its driver make a change for its team to merge; until that was seen it is what it was.
    fn request(&self, graph: &Graph, record: &Record, going: UpgradeTarget, id: Uid, ctx: &Ctx<'_>) -> Result<Changes> {
        let mut change = ChangeRequest {
            release: going.release(),
            version: going.to.version.clone(),
            inputs: going.inputs,
            branch: branch(&going.to.offering, &going.to.version),
            by: ctx.caller.name(),
            since: ctx.now,
            expects: String::new(),
            made: false,
            back: self.back,
            until: None,
        };
        let limit = upgrade_wait::limit(graph, record, &going.spec, &mut change);
        let mut changes = ask(graph, record, (&going.spec, going.status), change, id, ctx)?;
        changes.due.push(limit);
        secret_input::seal(&mut changes, record.uid, &going.secrets, ctx)?;
        secret_input::forget(&mut changes, record, &going.spec.inputs, &going.hidden)?;
        Ok(changes)
    }

    /// Leaves it to people, and looks whether they have done it.
    fn hand_over(
        &self,
        graph: &Graph,
        record: &Record,
        going: UpgradeTarget,
        id: Uid,
        ctx: &Ctx<'_>,
    ) -> Result<Changes> {
        let runs = going.to.upstream.as_ref().map(|upstream| upstream.version.clone());
        let mut change = ChangeRequest {
            release: going.release(),
            version: going.to.version.clone(),
            inputs: going.inputs,
            branch: String::new(),
            expects: runs.unwrap_or_else(|| going.to.version.clone()),
            by: ctx.caller.name(),
            since: ctx.now,
            made: true,
            back: self.back,
            until: None,
        };
        let limit = upgrade_wait::limit(graph, record, &going.spec, &mut change);
        let steps = going.to.upgrade.clone().unwrap_or_default().steps;
        let driver = driver_of(graph, &going.spec, &going.status)?;
        let (operation, work) =
            start(id, record.uid, &self.instance, Verb::Observe, (&going.spec.environment, &driver), ctx);
        let data = json!({"operation": id, "release": change.release, "expects": change.expects});
        let status = InstanceStatus { change: Some(change), ..going.status };
        let answer = json!({"instance": self.instance, "uid": record.uid, "operation": id, "steps": steps});
        let mut changes = Changes::answer(answer);
        let draft = Draft::of(record).with_status(&serde_json::to_value(&status)?);
        changes.put("instance.handed-over", draft, data);
        changes.due.push(limit);
        secret_input::seal(&mut changes, record.uid, &going.secrets, ctx)?;
        secret_input::forget(&mut changes, record, &going.spec.inputs, &going.hidden)?;
        changes.operations.push(operation);
        changes.work.push(work);
        Ok(changes)
    }

    /// How it is moved: which of the things made for it is the one in use then, and what it was before.
    pub(super) fn moves(&self, going: &UpgradeTarget) -> Move {
        let how = going.how(self.back);
        let status = &going.status;
        let beside = how.strategy == Strategy::SideBySide;
        // Back to what is kept, as long as it is; else to one more.
        let kept = status.kept.as_ref().filter(|kept| self.back && kept.release == going.release());
        let generation = match (beside, kept) {
            (false, _) => status.generation,
            (true, Some(kept)) => kept.generation,
            (true, None) => status.kept.as_ref().map_or(0, |kept| kept.generation).max(status.generation) + 1,
        };
        let (plan, inputs) = (going.spec.plan.clone(), going.spec.inputs.clone());
        let earlier = Wish { release: status.applied.clone(), plan, inputs };
        Move { generation, keep_days: how.days_kept(), back: self.back, ..Move::of(how.strategy, earlier) }
    }

    fn changes(&self, graph: &Graph, record: &Record, going: UpgradeTarget, id: Uid, ctx: &Ctx<'_>) -> Result<Changes> {
        let (name, moving) = (going.release(), self.moves(&going));
        let UpgradeTarget { mut spec, mut status, from, to, inputs, secrets, hidden, .. } = going;
        secret_input::none_in_clear(&Value::Object(to.contract.inputs), &inputs)?;
        let driver = driver_of(graph, &spec, &status)?;
        let (operation, mut work) =
            start(id, record.uid, &self.instance, Verb::Apply, (&spec.environment, &driver), ctx);
        work.payload = json!({"before": status.phase, "confirmed": self.confirmed, "move": moving});
        // Who names a version outside what was accepted accepts it.
        spec.constraint = spec.constraint.filter(|range| accepts(range, &to.version));
        let inputs_before = std::mem::take(&mut spec.inputs);
        if !self.back {
            status.earlier = Some(Earlier { release: status.applied.clone(), inputs: inputs_before });
        }
        status.operation = Some(id);
        status.phase = Phase::Progressing;
        spec.target = Some(name.clone());
        spec.inputs = inputs;
        let mut text = record.parse();
        text.0["spec"] = serde_json::to_value(&spec)?;
        let draft = Draft::new(record.uid, &text, record.source.clone()).with_status(&serde_json::to_value(&status)?);
        let mut changes = Changes::answer(json!({"instance": self.instance, "uid": record.uid, "operation": id}));
        let event = if self.back { "instance.going-back" } else { "instance.upgrading" };
        changes.put(event, draft, json!({"operation": id, "from": from.version, "to": to.version, "release": name}));
        secret_input::seal(&mut changes, record.uid, &secrets, ctx)?;
        secret_input::forget(&mut changes, record, &Map::new(), &hidden)?;
        changes.operations.push(operation);
        changes.work.push(work);
        Ok(changes)
    }
}

/// Back to what it was before.
fn back(graph: &Graph, spec: InstanceSpec, status: InstanceStatus, from: ReleaseSpec) -> Result<UpgradeTarget> {
    let earlier = status.earlier.clone();
    let found = earlier.and_then(|earlier| Some((release_spec(graph, &earlier.release)?, earlier.inputs)));
    let (to, inputs) = found.ok_or_else(|| {
        let mend = "Nothing needs to be done.";
        Error::refused("upgrade.no-way-back", "It was not upgraded, or has gone back already.", mend)
    })?;
    Ok(UpgradeTarget::new(spec, status, (from, to.clone()), inputs, vec![to]))
}
