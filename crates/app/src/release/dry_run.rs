//! Trying a version out before it is published: what it changes, and what would become of everything that runs.

use crate::App;
use crate::access::caller::Caller;
use crate::access::writing::may_write;
use crate::error::{Error, Result};
use crate::release::input_migration::InputMigration;
use crate::release::offering_versions::OfferingVersions;
use crate::release::publication::Publishing;
use loggia_graph::{Audience, Graph, Predicate};
use loggia_model::contract::{Change, Weight, compare, weight};
use loggia_model::instance::{InstanceStatus, Phase, Step};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::version::Version;
use loggia_model::{Document, Problem, Record, Ref};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// What became of a try.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRun {
    /// Name of the release.
    pub release: String,
    /// The version before it, to which it is compared; none for the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What the contract changes, the heaviest first.
    pub changes: Vec<Change>,
    /// How much that weighs.
    pub weight: Weight,
    /// How many running things have an earlier version from which there is a way to this one.
    pub tried: usize,
    /// Those whose inputs would not fit.
    pub failing: Vec<Failing>,
    /// How many more would not fit that the caller may not see.
    #[serde(skip)]
    pub hidden: usize,
    /// How many run an earlier version, and their inputs are not known here: nobody manages them.
    pub unknown: usize,
}

/// Something that runs, and would not fit a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failing {
    /// The instance.
    pub instance: Ref,
    /// The version that it has.
    pub version: String,
    /// Why.
    pub problems: Vec<Problem>,
}

impl DryRun {
    /// Whether the version breaks, and something would not fit it.
    pub fn refuses(&self) -> bool {
        self.weight == Weight::Breaking && !(self.failing.is_empty() && self.hidden == 0)
    }

    /// Who would not fit, in words, at most a few.
    pub fn names(&self) -> String {
        let name = |one: &Failing| {
            let why = one.problems.first().map_or("", |problem| problem.message.trim_end_matches('.'));
            format!("{}/{} ({why})", one.instance.namespace(), one.instance.name())
        };
        let mut names: Vec<String> = self.failing.iter().take(5).map(name).collect();
        if self.failing.len() > names.len() {
            names.push(format!("{} more", self.failing.len() - names.len()));
        }
        if self.failing.is_empty() {
            names.push("something that you may not see".to_owned());
        }
        names.join(", ")
    }
}

impl App {
    /// Tries a version out; for those who may publish it.
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::Forbidden`]; [`Error::Invalid`] for a contract that cannot be used.
    pub fn dry_run(&self, caller: &Caller, release: &Ref) -> Result<DryRun> {
        let graph = self.graph();
        let record = self.record(caller, release)?;
        let text = record.parse();
        may_write(&graph, Some(&text), Some(&text), |action, subject| self.require(caller, action, subject))?;
        let facts = crate::command::Facts::default();
        let (now, audience) = (self.now(), &caller.audience);
        dry_run(
            &Publishing {
                graph: &graph,
                beside: &[],
                facts: &facts,
                recipes: &self.recipes,
                now,
                audience,
                accepts: false,
            },
            &text,
        )
    }
}

/// Tries the text of a release out.
///
/// # Errors
/// [`Error::Invalid`] for a contract that cannot be used.
pub(crate) fn dry_run(publishing: &Publishing<'_>, text: &Document) -> Result<DryRun> {
    let spec: ReleaseSpec = serde_json::from_value(text.spec().cloned().unwrap_or_default())?;
    let versions = OfferingVersions::of(publishing, text);
    let mut found = DryRun { release: text.name().to_owned(), ..DryRun::default() };
    if let Some((before, changes)) = changes(&versions, &spec) {
        found.weight = weight(&changes);
        (found.before, found.changes) = (Some(before), changes);
    }
    let inputs = InputMigration::new(&versions, &spec)?;
    let mut known = HashMap::new();
    for record in running(publishing.graph, &spec.offering) {
        try_one(&mut found, &inputs, &spec, &record, (publishing.graph, publishing.audience), &mut known);
    }
    found.failing.sort_by(|one, other| one.instance.cmp(&other.instance));
    Ok(found)
}

/// The version before, and what changed since.
fn changes(versions: &OfferingVersions<'_>, spec: &ReleaseSpec) -> Option<(String, Vec<Change>)> {
    let before = versions.before(&Version::parse(&spec.version)?)?;
    let changes = compare(&before.contract, &spec.contract);
    Some((before.version, changes))
}

/// Everything that runs of an offering.
fn running(graph: &Graph, offering: &str) -> Vec<Arc<Record>> {
    let of = Predicate::equals("kind", "instance").and(Predicate::equals("spec.offering", offering));
    graph.select(&Audience::All, &of)
}

fn try_one(
    found: &mut DryRun,
    inputs: &InputMigration<'_>,
    to: &ReleaseSpec,
    record: &Record,
    (graph, audience): (&Graph, &Audience),
    known: &mut HashMap<String, Option<ReleaseSpec>>,
) {
    let (Ok(spec), Ok(status)) = (record.spec::<InstanceSpec>(), record.typed_status::<InstanceStatus>()) else {
        return;
    };
    let Some(name) = release_of(&spec, &status) else { return };
    let from = known.entry(name.clone()).or_insert_with(|| release_spec(graph, &name));
    let Some(from) = from.as_ref().filter(|from| leads(from, to)) else { return };
    let seen = graph.visible(audience, record);
    if spec.step != Step::Managed {
        found.unknown += usize::from(seen);
        return;
    }
    if matches!(status.phase, Phase::Deleting | Phase::Gone) {
        return;
    }
    found.tried += usize::from(seen);
    match inputs.convert(from, &spec.inputs) {
        Ok(_) => {}
        Err(problems) if seen => {
            let (instance, version) = (record.reference.clone(), from.version.clone());
            found.failing.push(Failing { instance, version, problems });
        }
        Err(_) => found.hidden += 1,
    }
}

/// Name of the release that something has, or is to have while it has none yet.
pub(crate) fn release_of(spec: &InstanceSpec, status: &InstanceStatus) -> Option<String> {
    Some(status.applied.clone()).filter(|name| !name.is_empty()).or_else(|| spec.target.clone())
}

pub(crate) fn release_spec(graph: &Graph, name: &str) -> Option<ReleaseSpec> {
    graph.get(&Ref::new("release", "default", name))?.spec().ok()
}

/// Whether there is a way from one version to another, in one step.
pub(crate) fn leads(from: &ReleaseSpec, to: &ReleaseSpec) -> bool {
    let (Some(one), Some(other)) = (Version::parse(&from.version), Version::parse(&to.version)) else { return false };
    one < other && to.upgrade.as_ref().is_none_or(|upgrade| upgrade.starts_at(&one))
}

/// Refuses a breaking version that something which runs would not fit.
///
/// # Errors
/// [`Error::Refused`] with their names.
pub(crate) fn fits_all(publishing: &Publishing<'_>, text: &Document) -> Result<()> {
    let spec: ReleaseSpec = serde_json::from_value(text.spec().cloned().unwrap_or_default())?;
    let changes = changes(&OfferingVersions::of(publishing, text), &spec);
    // Most versions break nothing, and everything that runs need not be looked at.
    if publishing.accepts || changes.is_none_or(|(_, changes)| weight(&changes) < Weight::Breaking) {
        return Ok(());
    }
    let tried = dry_run(publishing, text)?;
    if !tried.refuses() {
        return Ok(());
    }
    Err(Error::refused(
        "release.would-fail",
        format!("{} breaks, and does not fit what runs: {}.", text.name(), tried.names()),
        format!(
            "Add steps to `spec.migration` until loggia publish {} --dry-run names nobody, or publish it with \
             --accept-failing and a reason.",
            text.name()
        ),
    ))
}
