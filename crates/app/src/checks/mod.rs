//! Checks: one engine for gates of releases, launch lists, the end of campaigns, and standards.
//!
//! A verdict is worked out at each reading, from a snapshot and what probes answered; only readings and exemptions are
//! kept.

mod decide;
pub mod doctor;
mod engine;
pub mod probe;

mod view;

pub use decide::Exempt;
pub use engine::{Check, about, running_version, team_of, verdict};
pub use view::{CheckLine, CheckView, Standing, TeamStanding, ThingVerdict};

use crate::error::{Error, Result};
use loggia_graph::{Audience, Change, Graph};
use loggia_model::check::{Outcome, Reading};
use loggia_model::kinds::offering::OfferingSpec;
use loggia_model::{Document, Micros, Record, Ref, Uid};
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

/// Passes when a release may be published: every check that its offering names for releases passes, or is excused.
///
/// # Errors
/// [`Error::Refused`] with the list of those that do not.
pub(crate) fn may_publish(graph: &Graph, now: Micros, offering: &OfferingSpec, text: &Document) -> Result<()> {
    // A text that is only about to be written is asked as if it stood there.
    let release = Arc::new(written(graph, text, now));
    let mut after = graph.clone();
    after.apply(&[Change::Put(Arc::clone(&release))]);
    let graph = &after;
    let mut open = Vec::new();
    for name in &offering.checks.release {
        let check = named(graph, name)?;
        let Some(check) = Check::read(graph, now, &check, BTreeMap::new()) else { continue };
        // A gate of another kind, or for other releases, has nothing to say about this one.
        if !is_about(&check, &release) {
            continue;
        }
        let verdict = check.verdict(&release);
        if matches!(verdict.outcome, Outcome::Fails | Outcome::Unknown) {
            open.push(format!("{name}: {} {}", verdict.why, check.mend(&release)));
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    Err(Error::refused(
        "release.checks",
        format!("{} of its checks do not pass. {}", open.len(), open.join(" ")),
        "Mend what each of them names, or ask their owners for an exemption.",
    ))
}

/// Whether a check is about something.
fn is_about(check: &Check<'_>, subject: &Record) -> bool {
    check.subjects(&Audience::All).iter().any(|one| one.uid == subject.uid)
}

/// A text that is only about to be written, as a record: that which is there, with the new text.
fn written(graph: &Graph, text: &Document, now: Micros) -> Record {
    let reference = text.reference();
    let known = graph.get(&reference);
    let canonical = text.canonical();
    Record {
        uid: known.map_or_else(|| Uid(Default::default()), |record| record.uid),
        etag: loggia_model::canonical::etag(&canonical).into(),
        document: canonical.into(),
        status: known.and_then(|record| record.status.clone()),
        source: loggia_model::Source::server(),
        revision: known.map_or(0, |record| record.revision),
        position: 0,
        created_at: known.map_or(now, |record| record.created_at),
        updated_at: now,
        reference,
    }
}
