//! Campaigns: planned moves of many instances.
//!
//! What is decided, and what follows by itself, are pure steps ([`loggia_model::campaign::steps`]). Here they get what
//! they decide on: which instances a campaign means and what its check says of each (`scope`); what they ask for is
//! carried out as commands of the campaign (`carry`). A deadline that comes again and again looks (`sweep`).

mod carry;
mod decide;
mod kept;
mod lines;
mod plan;
mod scope;
mod standard;
mod sweep;
mod target;
mod text;
mod view;

pub use decide::{Decide, Verb};
pub(crate) use kept::Kept;
pub use lines::{CampaignLine, CampaignView, HaltView, ItemRow, Mine, WaveView};
pub use plan::{CampaignPlan, PlanRow, PlanWish, Sum, WavePlan, What, plan};
pub(crate) use sweep::{KIND, needs, sweep};
pub(crate) use text::change;

use loggia_graph::{Audience, Graph};
use loggia_model::Record;
use loggia_model::campaign::CampaignStatus;
use loggia_model::kinds::CampaignSpec;
use serde_json::{Map, Value};
use std::sync::Arc;

/// What of a status tells of instances and teams that not everybody sees who sees the campaign. It is kept beside the
/// record, as an item of the campaign about itself, so that no way to the record leads to it.
const APART: [&str; 6] = ["counts", "days", "exemptions", "failures", "frozen", "scope"];

/// A campaign as it is kept.
#[derive(Clone, Debug)]
pub struct Found {
    /// The record.
    pub record: Arc<Record>,
    /// Its plan.
    pub spec: CampaignSpec,
    /// What was decided about it. Of what is kept apart it has nothing until that is put in.
    pub status: CampaignStatus,
}

impl Found {
    /// Reads one; none for a text that does not fit the type.
    pub fn read(record: &Arc<Record>) -> Option<Found> {
        Some(Found { record: Arc::clone(record), spec: record.spec().ok()?, status: record.typed_status().ok()? })
    }
}

/// Every campaign that an audience may see, in order of names.
pub fn all(graph: &Graph, audience: &Audience) -> Vec<Found> {
    graph.of_kind(audience, "campaign").filter_map(|record| Found::read(&record)).collect()
}

/// A status in two: what the record says, and what is kept beside it.
fn parted(status: &CampaignStatus) -> serde_json::Result<(Value, Value)> {
    let mut whole = serde_json::to_value(status)?;
    let mut apart = Map::new();
    if let Some(map) = whole.as_object_mut() {
        apart.extend(APART.iter().filter_map(|key| map.remove_entry(*key)));
    }
    Ok((whole, Value::Object(apart)))
}

/// A status with what is kept beside it.
fn whole(status: &CampaignStatus, apart: &Value) -> serde_json::Result<CampaignStatus> {
    let mut whole = serde_json::to_value(status)?;
    if let (Some(map), Some(apart)) = (whole.as_object_mut(), apart.as_object()) {
        map.extend(apart.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    serde_json::from_value(whole)
}
