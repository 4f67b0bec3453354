//! Checks: one engine for gates of releases, launch lists, the end of campaigns, and standards.
//!
//! A verdict is worked out at each reading, from a snapshot and what probes answered; only readings and exemptions are
//! kept.

mod decide;
pub mod doctor;
mod engine;
mod gates;
pub mod probe;

mod view;

pub use decide::Exempt;
pub use engine::{Check, about, running_version, team_of, verdict};
pub use gates::{GateLine, LaunchList};
pub(crate) use gates::{may_publish, needs};
pub use view::{CheckLine, CheckView, Standing, TeamStanding, ThingVerdict};

use crate::error::{Error, Result};
use loggia_graph::Graph;
use loggia_model::check::Reading;
use loggia_model::{Record, Ref, Uid};
use loggia_store::Item;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The record of a check.
///
/// # Errors
/// [`Error::Refused`] when there is none of that name: what a text names has to be there.
pub(crate) fn named(graph: &Graph, name: &str) -> Result<Arc<Record>> {
    graph.get(&Ref::new("check", "default", name)).cloned().ok_or_else(|| {
        let mend = "Write the check, or take its name out.";
        Error::refused("check.missing", format!("There is no check {name}."), mend)
    })
}

/// What items of a check hold, by thing.
pub fn readings<'a>(items: impl IntoIterator<Item = &'a Item>) -> BTreeMap<Uid, Reading> {
    let one = |item: &Item| Some((item.about, serde_json::from_value(item.data.clone()).ok()?));
    items.into_iter().filter_map(one).collect()
}
