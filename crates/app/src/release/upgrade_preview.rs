//! What an upgrade would do, before it is done.

use crate::App;
use crate::access::caller::Caller;
use crate::command::diff::{Difference, differences};
use crate::error::{Error, Result};
use crate::instance::change_request::Proposal;
use crate::instance::take_over::Wish;
use crate::record::visible;
use crate::release::dry_run::release_spec;
use crate::release::upgrade::Upgrade;
use crate::release::upgrade_path::{Hop, hops};
use crate::release::upgrade_target::UpgradeTarget;
use crate::rules::automatic_upgrades;
use crate::rules::{Needed, Rules, Wanted};
use loggia_graph::Graph;
use loggia_model::Ref;
use loggia_model::contract::{Change, compare};
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::instance::{FrozenPlan, InstanceSpec};
use loggia_model::kinds::release::{Rollback, Strategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// What people do, step by step, where it goes by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    /// What becomes of the parts that it is made of, each in a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
    /// What may go wrong, in one sentence.
    pub risk: String,
    /// Who has to agree first, by which rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// What it would wait for before it begins: the hours in which upgrades are made there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// When it comes by itself, by which rule; absent when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic: Option<String>,
    /// Why it cannot be done now; absent when it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
}

fn risk(strategy: Strategy, rollback: Rollback) -> String {
    let way = match strategy {
        Strategy::InPlace => "It is changed where it is",
        Strategy::SideBySide => {
            "A new one is made beside it, its addresses are those of the new one then, and this one is kept for a while"
        }
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
            steps: Vec::new(),
            parts: Vec::new(),
            risk: String::new(),
            approval: None,
            waits: None,
            automatic: None,
            blocked: None,
        };
        match wish.going(&graph, &caller.audience, &record) {
            Ok(going) => {
                match wish.may(&graph, &caller.audience, &going, self.now()) {
                    Ok(needed) => {
                        preview.approval = needed.as_ref().map(Needed::words);
                        preview.waits = wish.opening(&graph, &going, self.now()).map(|opening| opening.words());
                    }
                    Err(error) => preview.blocked = Some(words(&error)),
                }
                if !wish.back {
                    preview.automatic = by_itself(&graph, &going);
                }
                if going.recomposes(wish.back) {
                    preview.parts = going.parts(&graph, &wish.instance);
                }
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

    /// What the upgrade changes in the repository of an instance, as a patch for `git am`: for one that is kept elsewhere.
    ///
    /// # Errors
    /// As [`App::upgrade_preview`]; [`Error::Refused`] where there is no way, or its driver keeps no repositories.
    pub async fn upgrade_patch(&self, caller: &Caller, wish: &Upgrade) -> Result<Vec<u8>> {
        let graph = self.graph();
        let record = visible(&graph, &caller.audience, &wish.instance)?;
        let going = wish.going(&graph, &caller.audience, &record)?;
        let plan = || going.spec.plan.clone();
        let before = Wish { release: going.status.applied.clone(), plan: plan(), inputs: going.spec.inputs.clone() };
        let after = Wish { release: going.release(), plan: plan(), inputs: going.inputs.clone() };
        self.patch_between(caller, &record.reference, (before, after)).await
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

    fn ways(&self, caller: &Caller, mut rows: Vec<crate::estate::who_runs::WhoRunsRow>) -> Result<Vec<UpgradePreview>> {
        let wish = |instance| Upgrade { instance, to: None, back: false, confirmed: false };
        rows.retain(|row| !row.release.is_empty());
        rows.sort_by(|one, other| one.instance.cmp(&other.instance));
        rows.into_iter().map(|row| self.upgrade_preview(caller, &wish(row.instance))).collect()
    }
}

fn fill(preview: &mut UpgradePreview, going: UpgradeTarget, back: bool) {
    let how = going.how(back);
    preview.way = hops(&going.from, &going.way);
    preview.changes = compare(&going.from.contract, &going.to.contract);
    preview.inputs = differences(&Value::Object(going.spec.inputs), &Value::Object(going.inputs));
    (preview.strategy, preview.rollback) = (how.strategy, how.rollback);
    preview.steps = how.steps;
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

/// When it comes by itself, in a sentence.
fn by_itself(graph: &Graph, going: &UpgradeTarget) -> Option<String> {
    let wanted = Wanted::of(graph, &going.spec)?;
    let rules = Rules::of(graph, &wanted.environment);
    let (automatic, placed) = rules.automatic(&wanted)?;
    let when = automatic_upgrades::when(graph, &automatic, &going.from, &going.to)?;
    let when = when.datetime().format("%-d %B %Y");
    Some(format!("It comes by itself from {when} on, as the rule {} says.", placed.words()))
}
