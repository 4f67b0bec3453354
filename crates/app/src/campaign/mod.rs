//! Campaigns: planned moves of many instances.
//!
//! What is decided, and what follows by itself, are pure steps ([`loggia_model::campaign::steps`]). Here they get what
//! they decide on: which instances a campaign means and what its check says of each (`scope`); what they ask for is
//! carried out as commands of the campaign (`carry`). A deadline that comes again and again looks (`sweep`).

mod carry;
mod decide;
mod lines;
mod plan;
mod scope;
mod sweep;
mod target;
mod view;

pub use decide::{Decide, Verb};
pub use lines::{CampaignLine, CampaignView, HaltView, ItemRow, Mine, WaveView};
pub use plan::{CampaignPlan, PlanRow, PlanWish, Sum, WavePlan, What, plan};
pub(crate) use sweep::{KIND, needs, sweep};
pub(crate) use view::Kept;

use loggia_graph::{Audience, Graph};
use loggia_model::campaign::{CampaignStatus, Item};
use loggia_model::kinds::CampaignSpec;
use loggia_model::{Record, Uid};
use loggia_store::Item as Row;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A campaign as it is kept.
#[derive(Clone, Debug)]
pub struct Found {
    /// The record.
    pub record: Arc<Record>,
    /// Its plan.
    pub spec: CampaignSpec,
    /// What was decided about it, and how far it is.
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

/// The items of a campaign, as they are kept.
pub(crate) fn items<'a>(rows: impl IntoIterator<Item = &'a Row>) -> BTreeMap<Uid, Item> {
    let one = |row: &Row| Some((row.about, serde_json::from_value(row.data.clone()).ok()?));
    rows.into_iter().filter_map(one).collect()
}
