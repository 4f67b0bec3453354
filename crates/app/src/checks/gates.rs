//! Lists of checks that hold something up: what a release has to pass before it is published, and what an offering has to
//! pass before anything of it is. A line is only ever ticked by what its check finds: nobody ticks it by hand.

use super::engine::Check;
use super::{named, readings};
use crate::App;
use crate::access::caller::Caller;
use crate::command::{Facts, Need};
use crate::error::{Error, Result};
use crate::record::prepare::Prepared;
use crate::record::visible;
use loggia_graph::{Audience, Change, Graph};
use loggia_model::check::{Outcome, Reading, Verdict};
use loggia_model::kinds::offering::{Gates, OfferingSpec};
use loggia_model::{Document, Micros, Record, Ref, RelationType, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One line of such a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateLine {
    /// The check.
    pub check: Ref,
    /// Its title.
    pub title: String,
    /// Whether it holds things up as it is now.
    pub open: bool,
    /// Whether it asks the thing itself.
    pub probe: bool,
    /// What it says.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What to do; empty when it passes.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub mend: String,
}

/// The launch list of an offering.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LaunchList {
    /// The offering.
    pub offering: Ref,
    /// Its title.
    pub title: String,
    /// Whether nothing on it holds a release up.
    pub green: bool,
    /// Its lines, in the order of the offering.
    pub lines: Vec<GateLine>,
}

/// The facts that a decision about releases of some offerings needs: what probes answered for their checks.
pub(crate) fn needs<'a>(graph: &Graph, offerings: impl Iterator<Item = &'a Gates>) -> Vec<Need> {
    let names = offerings.flat_map(|gates| gates.release.iter().chain(&gates.launch));
    let checks = names.filter_map(|name| graph.get(&Ref::new("check", "default", name)));
    let probes = checks.filter(|check| check.document.contains("\"probe\""));
    probes.map(|check| Need::Items(check.uid)).collect()
}

/// Passes when a release may be published: every check that its offering names, for releases and for its launch, passes or
/// is excused.
///
/// # Errors
/// [`Error::Refused`] with the list of those that do not, a line for each.
pub(crate) fn may_publish(
    graph: &Graph,
    facts: &Facts,
    now: Micros,
    (name, offering): (&Ref, &OfferingSpec),
    (text, beside): (&Document, &[Prepared]),
) -> Result<()> {
    // What is only about to be written is asked as if it stood there.
    let release = Arc::new(written(graph, text, now));
    let with = |one: &&Prepared| one.kind == "Check" || one.reference == *name;
    let mut new: Vec<Change> =
        beside.iter().filter(with).map(|one| Change::Put(Arc::new(written(graph, &one.document(), now)))).collect();
    new.push(Change::Put(Arc::clone(&release)));
    let mut after = graph.clone();
    after.apply(&new);
    let answered = |check: Uid| facts.items.get(&check).map(|rows| readings(rows.values())).unwrap_or_default();
    let subjects: Vec<Arc<Record>> = after.get(name).cloned().into_iter().chain([release]).collect();
    let mut open = Vec::new();
    for (list, names) in [("", &offering.checks.release), (" of its launch list", &offering.checks.launch)] {
        for line in lines(&after, now, names, &subjects, answered)?.into_iter().filter(|line| line.open) {
            open.push(format!("{}{list}: {} {}", line.check.name(), line.verdict.why, line.mend));
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    let count = if open.len() == 1 {
        "One check does not pass.".to_owned()
    } else {
        format!("{} checks do not pass.", open.len())
    };
    Err(Error::refused(
        "release.checks",
        format!("{count}\n{}", open.join("\n")),
        "Mend what each of them names, or ask their owners for an exemption.",
    ))
}

/// What some checks say of what they are about among some things. One that is about none of them says nothing.
fn lines(
    graph: &Graph,
    now: Micros,
    names: &[String],
    subjects: &[Arc<Record>],
    answered: impl Fn(Uid) -> BTreeMap<Uid, Reading>,
) -> Result<Vec<GateLine>> {
    let mut lines = Vec::new();
    for name in names {
        let record = named(graph, name)?;
        let Some(check) = Check::read(graph, now, &record, answered(record.uid)) else { continue };
        let about = check.subjects(&Audience::All);
        let Some(subject) = subjects.iter().find(|one| about.iter().any(|other| other.uid == one.uid)) else {
            continue;
        };
        let verdict = check.verdict(subject);
        let open = matches!(verdict.outcome, Outcome::Fails | Outcome::Unknown);
        lines.push(GateLine {
            check: record.reference.clone(),
            title: record.parse().title().to_owned(),
            probe: check.spec.probe.is_some(),
            mend: if verdict.outcome == Outcome::Passes { String::new() } else { check.mend(subject) },
            open,
            verdict,
        });
    }
    Ok(lines)
}

/// A text that is only about to be written, as a record: that which is there, with the new text.
fn written(graph: &Graph, text: &Document, now: Micros) -> Record {
    let reference = text.reference();
    let known = graph.get(&reference);
    let canonical = text.canonical();
    Record {
        uid: known.map_or_else(|| placeholder(&reference), |record| record.uid),
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

/// An identity for what has none yet: of its name, so that two of them differ.
fn placeholder(name: &Ref) -> Uid {
    let next = |hash: u128, byte: u8| (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
    Uid::of_u128(name.as_str().bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, next))
}

impl App {
    /// The launch lists of the offerings of a product, as far as the caller may see them.
    ///
    /// # Errors
    /// [`Error::NotFound`], the same whether the product does not exist or may not be seen; [`Error::Unavailable`] when the
    /// database does not answer.
    pub async fn launch_lists(&self, caller: &Caller, product: &Ref) -> Result<Vec<LaunchList>> {
        let graph = self.graph();
        let product = visible(&graph, &caller.audience, product)?.reference.clone();
        let mut lists = Vec::new();
        for offering in graph.related(&caller.audience, &product, RelationType::HAS_OFFERING) {
            lists.extend(self.launch_list(caller, &offering.reference).await?);
        }
        Ok(lists)
    }

    /// The launch list of an offering; none when it has none.
    ///
    /// # Errors
    /// As [`App::launch_lists`].
    pub async fn launch_list(&self, caller: &Caller, offering: &Ref) -> Result<Option<LaunchList>> {
        let graph = self.graph();
        let record = visible(&graph, &caller.audience, offering)?;
        let spec: OfferingSpec = record.spec()?;
        if spec.checks.launch.is_empty() {
            return Ok(None);
        }
        let mut answers: BTreeMap<Uid, BTreeMap<Uid, Reading>> = BTreeMap::new();
        for name in &spec.checks.launch {
            if let Some(check) = graph.get(&Ref::new("check", "default", name)) {
                answers.insert(check.uid, self.readings_of(check).await?);
            }
        }
        let answered = |check: Uid| answers.get(&check).cloned().unwrap_or_default();
        let there = |name: &&String| graph.get(&Ref::new("check", "default", name)).is_some();
        let names: Vec<String> = spec.checks.launch.iter().filter(there).cloned().collect();
        let mut lines = lines(&graph, self.now(), &names, &[Arc::clone(&record)], answered)?;
        let green = names.len() == spec.checks.launch.len() && lines.iter().all(|line| !line.open);
        lines.retain(|line| visible(&graph, &caller.audience, &line.check).is_ok());
        let title = record.parse().title().to_owned();
        Ok(Some(LaunchList { offering: record.reference.clone(), title, green, lines }))
    }
}
