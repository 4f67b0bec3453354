//! What is told of campaigns: the forms of answers, for people and programs.

use super::plan::What;
use loggia_model::campaign::{CampaignState, Counts, EndedAs, Forecast, ItemState, Point, ScopeChange, Snooze};
use loggia_model::ending::{Deed, Exemption};
use loggia_model::instance::Step;
use loggia_model::{Day, Micros, Ref, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One campaign in a line.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CampaignLine {
    /// Its name.
    pub campaign: Ref,
    /// Its title.
    pub title: String,
    /// Why.
    pub purpose: String,
    /// The offering.
    pub offering: String,
    /// The versions that are wanted.
    pub to: String,
    /// Where it stands.
    pub state: CampaignState,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_as: Option<EndedAs>,
    /// Whether its deadline is over and it is not.
    pub overdue: bool,
    /// The day by which it shall be over.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deadline: Option<Day>,
    /// The wave that is open.
    pub wave: String,
    /// How many stand where.
    pub counts: Counts,
    /// When it is over if it goes on like this.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub forecast: Option<Forecast>,
}

/// One campaign with all that is known of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CampaignView {
    /// The line.
    #[serde(flatten)]
    pub line: CampaignLine,
    /// Its waves, in order.
    pub waves: Vec<WaveView>,
    /// Who is where, as far as the caller may see it; what needs somebody first.
    pub items: Vec<ItemRow>,
    /// How many more there are that are not listed, or that the caller may not see.
    pub more: usize,
    /// How many stood on the list when it was frozen.
    pub frozen: usize,
    /// What came and left since.
    pub scope: Vec<ScopeChange>,
    /// The burn-down, a point for each day.
    pub days: Vec<Point>,
    /// Why it stopped itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub halt: Option<HaltView>,
    /// What the next wave waits for.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub waits: String,
    /// Who started it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub started: Option<Deed>,
    /// What was decided last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decided: Option<Deed>,
    /// Who may differ, until when.
    pub exemptions: Vec<Exemption>,
}

/// Why a campaign stopped itself, with the lines that say more.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HaltView {
    /// When.
    pub at: Micros,
    /// The wave.
    pub wave: usize,
    /// The instance; absent when the caller may not see it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instance: Option<Ref>,
    /// What was said.
    pub message: String,
    /// Its operation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub operation: Option<Uid>,
    /// The last lines of the run, each with its number.
    pub lines: Vec<(i64, String)>,
}

/// One wave.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WaveView {
    /// Its name.
    pub name: String,
    /// Whether it is open.
    pub open: bool,
    /// How many of it stand where.
    pub counts: Counts,
}

/// One instance of a campaign.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemRow {
    /// The instance.
    pub instance: Ref,
    /// Its team.
    pub team: Ref,
    /// Title of the team.
    pub team_title: String,
    /// Where; empty when it is gone.
    pub environment: String,
    /// How firmly it is held.
    pub step: Step,
    /// Its wave.
    pub wave: String,
    /// The version when it came on the list.
    pub before: String,
    /// The version now.
    pub version: String,
    /// Where it stands.
    pub state: ItemState,
    /// Since when.
    pub since: Micros,
    /// Whether it came after the list was frozen.
    pub delta: bool,
    /// What has to happen.
    pub what: What,
    /// The same in words; empty when nothing has to.
    pub todo: String,
    /// Why it failed, or cannot be begun.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub message: String,
    /// The newest operation of the campaign on it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub operation: Option<Uid>,
    /// Until when its owner wants to be left alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub snooze: Option<Snooze>,
}

/// What a campaign wants of some teams.
#[derive(Clone, Debug)]
pub struct Mine {
    /// The campaign.
    pub line: CampaignLine,
    /// Their instances that are not over.
    pub open: Vec<ItemRow>,
    /// How many of theirs there are in all.
    pub total: usize,
}
