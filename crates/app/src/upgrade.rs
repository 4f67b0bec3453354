//! One upgrade: what it would change, doing it, and going back.

use crate::App;
use crate::caller::Caller;
use crate::change_request::{Proposal, ask, branch, none_waits};
use crate::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts};
use crate::conversion::Conversion;
use crate::diff::{Difference, differences};
use crate::dry_run::release_spec;
use crate::ending::effects::{Wanted, may_move};
use crate::error::{Error, Result};
use crate::offering::{preview, release_for};
use crate::operation::driver_of;
use crate::order::start;
use crate::policy::Action;
use crate::record::visible;
use crate::shelf::Shelf;
use crate::take_over::Wish;
use crate::upgrade_end::accepts;
use crate::upgrade_path::{Hop, hops, is_above, up_to_date, way};
use crate::writing::subject_of;
use loggia_graph::{Audience, Graph};
use loggia_model::contract::{Change, compare};
use loggia_model::instance::{ChangeRequest, Earlier, InstanceStatus, Phase, Step};
use loggia_model::kinds::instance::{FrozenPlan, InstanceSpec};
use loggia_model::kinds::release::{ReleaseSpec, Rollback, Strategy, Upgrade as UpgradeRule};
use loggia_model::operation::Verb;
use loggia_model::version::{Range, Version};
use loggia_model::{Micros, Record, Ref};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
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

/// What an upgrade would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpgradePreview {
    /// The instance.
    pub instance: Ref,
    /// The version that it has.
    pub from: String,
    /// The version that it would get; none when there is nothing to go to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The whole way, hop by hop, when it is not done in one.
    pub way: Vec<Hop>,
    /// What changes in inputs and outputs, the heaviest first.
    pub changes: Vec<Change>,
    /// What becomes of what was filled in.
    pub inputs: Vec<Difference>,
    /// The plan, which stays as it was ordered, and its price with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<FrozenPlan>,
    /// How it is done.
    pub strategy: Strategy,
    /// Whether there is a way back.
    pub rollback: Rollback,
    /// What may go wrong, in one sentence.
    pub risk: String,
    /// Why it cannot be done now; absent when it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
}

/// Where an instance goes, found and checked.
struct Going {
    spec: InstanceSpec,
    status: InstanceStatus,
    from: ReleaseSpec,
    to: ReleaseSpec,
    /// Inputs as they will be.
    inputs: Map<String, Value>,
    way: Vec<ReleaseSpec>,
}

impl Going {
    /// How it is done; the way back is that of the version that it has.
    fn how(&self, back: bool) -> UpgradeRule {
        if back { &self.from } else { &self.to }.upgrade.clone().unwrap_or_default()
    }

    fn release(&self) -> String {
        format!("{}-{}", self.to.offering, self.to.version)
    }
}

impl Command for Upgrade {
    fn name(&self) -> &'static str {
        if self.back { "instance.rollback" } else { "instance.upgrade" }
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.instance)?;
        ctx.require(Action::Operate, &subject_of(&record.parse()))?;
        let going = self.going(graph, &ctx.caller.audience, &record)?;
        self.may(graph, &ctx.caller.audience, &going, ctx.now)?;
        match going.how(self.back).strategy {
            Strategy::ChangeRequest => self.request(graph, &record, going, ctx),
            _ => self.changes(graph, &record, going, ctx),
        }
    }
}

impl Upgrade {
    /// Where it goes.
    fn going(&self, graph: &Graph, audience: &Audience, record: &Record) -> Result<Going> {
        let spec: InstanceSpec = record.spec()?;
        let status: InstanceStatus = record.typed_status()?;
        let from = release_spec(graph, &status.applied).ok_or_else(|| {
            let mend = "Wait until it is ready, or upgrade it where it was made.";
            Error::refused("upgrade.no-version", "It has no version of this platform yet.", mend)
        })?;
        if self.back {
            return back(graph, spec, status, from);
        }
        let shelf = Shelf::seen(graph, audience, &spec.offering);
        let way = match &self.to {
            Some(wish) => {
                let release: ReleaseSpec = release_for(graph, audience, &spec.offering, Some(wish))?.spec()?;
                is_above(&from, &release)?;
                way(&shelf, &from, &release)?
            }
            None => match preview(graph, audience, &spec).filter(|release| is_above(&from, release).is_ok()) {
                Some(release) => way(&shelf, &from, &release)?,
                None => newest(&shelf, &spec, &from)?,
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
        let inputs = Conversion::new(&shelf, &to)?.convert(&from, &spec.inputs).map_err(Error::Invalid)?;
        Ok(Going { spec, status, from, to, inputs, way })
    }

    /// Passes when it may and can begin now. The way back is open to the end.
    fn may(&self, graph: &Graph, audience: &Audience, going: &Going, now: Micros) -> Result<()> {
        self.ready(graph, going)?;
        let Some(team) = going.spec.team_ref().filter(|_| !self.back) else { return Ok(()) };
        let offering = going.spec.offering.as_str();
        let release = format!("{offering}-{}", going.to.version);
        may_move(graph, &Wanted { audience, team: &team, offering, release: &release, plan: None }, now)
    }

    /// Passes when it can begin now.
    fn ready(&self, graph: &Graph, going: &Going) -> Result<()> {
        let Going { spec, status, to, .. } = going;
        if spec.step != Step::Managed {
            return Err(Error::refused(
                "instance.not-managed",
                "No driver of this platform made it.",
                "Upgrade it where it was made; what runs is reported by your pipeline.",
            ));
        }
        if !matches!(status.phase, Phase::Ready | Phase::Unknown) {
            let mend = "Wait until it is ready; what failed is tried again first.";
            return Err(Error::refused("upgrade.busy", "It is not ready now.", mend));
        }
        none_waits(status)?;
        let how = going.how(self.back);
        by_driver(how.strategy, &to.version)?;
        if driver_of(graph, spec, status)? != to.recipe.driver && status.driver.is_empty() {
            return Err(Error::refused(
                "upgrade.driver",
                format!("{} is made by another driver than the one that holds it.", to.version),
                "Make a new one beside it, move over, and destroy this one.",
            ));
        }
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
    fn request(&self, graph: &Graph, record: &Record, going: Going, ctx: &Ctx<'_>) -> Result<Changes> {
        let change = ChangeRequest {
            release: going.release(),
            version: going.to.version.clone(),
            inputs: going.inputs,
            branch: branch(&going.to.offering, &going.to.version),
            by: ctx.caller.name(),
            since: ctx.now,
            made: false,
            back: self.back,
        };
        ask(graph, record, (&going.spec, going.status), change, ctx)
    }

    fn changes(&self, graph: &Graph, record: &Record, going: Going, ctx: &Ctx<'_>) -> Result<Changes> {
        let name = going.release();
        let Going { mut spec, mut status, from, to, inputs, .. } = going;
        let id = ctx.uid();
        let driver = driver_of(graph, &spec, &status)?;
        let (operation, mut work) = start(id, record.uid, &self.instance, Verb::Apply, &driver, ctx);
        work.payload = json!({"before": status.phase});
        // Who names a version outside what was accepted accepts it.
        spec.constraint = spec.constraint.filter(|range| accepts(range, &to.version));
        status.earlier = Some(Earlier { release: status.applied.clone(), inputs: std::mem::take(&mut spec.inputs) });
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
        changes.operations.push(operation);
        changes.work.push(work);
        Ok(changes)
    }
}

/// Back to what it was before.
fn back(graph: &Graph, spec: InstanceSpec, status: InstanceStatus, from: ReleaseSpec) -> Result<Going> {
    let earlier = status.earlier.clone();
    let found = earlier.and_then(|earlier| Some((release_spec(graph, &earlier.release)?, earlier.inputs)));
    let (to, inputs) = found.ok_or_else(|| {
        let mend = "Nothing needs to be done.";
        Error::refused("upgrade.no-way-back", "It was not upgraded, or has gone back already.", mend)
    })?;
    Ok(Going { way: vec![to.clone()], spec, status, from, to, inputs })
}

/// The way to the newest version that its team accepts and to which there is one.
fn newest(shelf: &Shelf<'_>, spec: &InstanceSpec, from: &ReleaseSpec) -> Result<Vec<ReleaseSpec>> {
    let Some(version) = Version::parse(&from.version) else { return Err(up_to_date(from)) };
    let range = spec.constraint.as_deref().and_then(|range| Range::parse(range).ok());
    let mut why = None;
    for (number, release) in shelf.between(&version, None).into_iter().rev() {
        if number.is_pre_release() || range.as_ref().is_some_and(|range| !range.contains(number)) {
            continue;
        }
        match way(shelf, from, &release) {
            Ok(found) => return Ok(found),
            Err(error) => why = why.or(Some(error)),
        }
    }
    Err(why.unwrap_or_else(|| up_to_date(from)))
}

/// Passes for what a driver does by itself.
fn by_driver(strategy: Strategy, version: &str) -> Result<()> {
    let (message, mend) = match strategy {
        Strategy::InPlace | Strategy::ChangeRequest => return Ok(()),
        Strategy::SideBySide => {
            ("goes by a new one beside this one", "Get a new one, move over, then destroy this one.")
        }
        Strategy::Rebuild => ("has to be made anew", "Destroy it and get a new one."),
        Strategy::ByHand => ("goes by hand", "Follow the notes of the version, or ask its owner."),
    };
    Err(Error::refused("upgrade.strategy", format!("The way to {version} {message}."), mend))
}

fn risk(strategy: Strategy, rollback: Rollback) -> String {
    let way = match strategy {
        Strategy::InPlace => "It is changed where it is",
        Strategy::SideBySide => "A new one is made beside it",
        Strategy::Rebuild => "It is destroyed and made again, with everything that is in it",
        Strategy::ChangeRequest => "Its team gets a change to merge",
        Strategy::ByHand => "People do it",
    };
    let back = match rollback {
        Rollback::Supported => "there is a way back",
        Rollback::LosesData => "going back loses what was written since",
        Rollback::ForwardOnly => "there is no way back",
    };
    format!("{way}; {back}.")
}

impl App {
    /// What an upgrade would do; asks nobody, and changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what the caller does not see.
    pub fn upgrade_preview(&self, caller: &Caller, wish: &Upgrade) -> Result<UpgradePreview> {
        let graph = self.graph();
        let record = visible(&graph, &caller.audience, &wish.instance)?;
        let status: InstanceStatus = record.typed_status()?;
        let spec: InstanceSpec = record.spec()?;
        let from = release_spec(&graph, &status.applied);
        let mut preview = UpgradePreview {
            instance: wish.instance.clone(),
            from: from.map_or(status.version, |release| release.version),
            to: None,
            way: Vec::new(),
            changes: Vec::new(),
            inputs: Vec::new(),
            plan: spec.plan,
            strategy: Strategy::default(),
            rollback: Rollback::default(),
            risk: String::new(),
            blocked: None,
        };
        match wish.going(&graph, &caller.audience, &record) {
            Ok(going) => {
                preview.blocked =
                    wish.may(&graph, &caller.audience, &going, self.now()).err().map(|error| words(&error));
                fill(&mut preview, going, wish.back);
            }
            Err(error) => preview.blocked = Some(words(&error)),
        }
        Ok(preview)
    }

    /// The change that an upgrade would bring to its team; none for an upgrade that goes another way, or nowhere.
    ///
    /// # Errors
    /// As [`App::upgrade_preview`]; [`Error::Refused`] when its driver cannot work it out.
    pub async fn upgrade_proposal(&self, caller: &Caller, wish: &Upgrade) -> Result<Option<Proposal>> {
        let graph = self.graph();
        let record = visible(&graph, &caller.audience, &wish.instance)?;
        let Ok(going) = wish.going(&graph, &caller.audience, &record) else { return Ok(None) };
        if going.how(wish.back).strategy != Strategy::ChangeRequest || wish.ready(&graph, &going).is_err() {
            return Ok(None);
        }
        let wish = Wish { release: going.release(), plan: going.spec.plan.clone(), inputs: going.inputs };
        self.proposal(caller, &record.reference, wish).await.map(Some)
    }

    /// The ways of everything that a team has to its newest versions.
    ///
    /// # Errors
    /// As [`App::upgrade_preview`].
    pub fn upgrades_of_team(&self, caller: &Caller, team: &Ref) -> Result<Vec<UpgradePreview>> {
        self.ways(caller, self.runs_of_team(caller, team))
    }

    /// The ways of everything that the caller may see to its newest versions.
    ///
    /// # Errors
    /// As [`App::upgrade_preview`].
    pub fn upgrades(&self, caller: &Caller) -> Result<Vec<UpgradePreview>> {
        self.ways(caller, self.runs(caller))
    }

    fn ways(&self, caller: &Caller, mut rows: Vec<crate::who_runs::WhoRunsRow>) -> Result<Vec<UpgradePreview>> {
        let wish = |instance| Upgrade { instance, to: None, back: false, confirmed: false };
        rows.retain(|row| !row.release.is_empty());
        rows.sort_by(|one, other| one.instance.cmp(&other.instance));
        rows.into_iter().map(|row| self.upgrade_preview(caller, &wish(row.instance))).collect()
    }
}

fn fill(preview: &mut UpgradePreview, going: Going, back: bool) {
    let how = going.how(back);
    preview.way = hops(&going.from, &going.way);
    preview.changes = compare(&going.from.contract, &going.to.contract);
    preview.inputs = differences(&Value::Object(going.spec.inputs), &Value::Object(going.inputs));
    (preview.strategy, preview.rollback) = (how.strategy, how.rollback);
    preview.risk = risk(how.strategy, how.rollback);
    preview.to = Some(going.to.version);
}

/// What a refusal says, with what to do.
fn words(error: &Error) -> String {
    match error {
        Error::Invalid(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
