//! The versions of an offering as a table: how long each is looked after, who runs it, and how they get to the newest.

use crate::App;
use crate::access::caller::Caller;
use crate::ending;
use crate::error::Result;
use crate::record::visible;
use crate::release::offering::{publication, releases};
use crate::release::offering_versions::OfferingVersions;
use crate::release::upgrade_path::Ways;
use loggia_graph::{Audience, Facet, Graph, Predicate};
use loggia_model::kinds::offering::OfferingSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::kinds::{EndingSpec, ProductSpec};
use loggia_model::support::{Fixes, Severity, SupportPhase, usual_fixes};
use loggia_model::version::{Range, Version};
use loggia_model::{Day, Publication, Record, Ref};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many teams are named for each version, those with the most first.
const NAMED: usize = 20;

/// What is told of what runs of a version: how many of it there are by each of these.
const KEYS: [&str; 3] = ["spec.step", "spec.environment", "spec.team"];

/// The versions of an offering.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Versions {
    /// The offering.
    pub offering: Ref,
    /// Its title.
    pub title: String,
    /// Its versions, the newest first.
    pub versions: Vec<VersionRow>,
    /// How many running things have none of these versions, as far as is known.
    pub others: u64,
    /// How soon what is wrong is mended, by how bad it is and how the version is looked after.
    pub fixes: Fixes,
}

/// One version.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionRow {
    /// The release.
    pub release: Ref,
    /// Its version.
    pub version: String,
    /// How far it is.
    pub publication: Publication,
    /// How it is looked after today.
    pub phase: SupportPhase,
    /// The last day of that; absent when no end is said, or it has ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Day>,
    /// The last day on which anybody looks after it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end: Option<Day>,
    /// The plan by which it goes away, when people were told.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ending: Option<Ref>,
    /// What people see of that, such as "off on 30 June 2027".
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub standing: String,
    /// The channels that stand for it now.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub channels: Vec<String>,
    /// How many running things have it.
    pub running: u64,
    /// How many of them are observed, enrolled and managed.
    pub steps: Vec<Share>,
    /// In which environments they are, and how many in each.
    pub environments: Vec<Share>,
    /// How many teams run it.
    pub teams: u64,
    /// Those that run the most of it, by full name, and how many.
    pub who: Vec<Share>,
    /// The versions on the way from it to the newest one; empty for the newest.
    pub way: Vec<String>,
    /// Why there is no way to the newest one: which hop is missing. Empty when there is one.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub no_way: String,
    /// How soon what is wrong in it is mended, in days; what is not mended is absent.
    pub fixed_within: BTreeMap<Severity, u32>,
}

/// A part of what runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Share {
    /// Its name.
    pub name: String,
    /// How many.
    pub running: u64,
}

fn shares(facet: Facet) -> Vec<Share> {
    facet.into_iter().map(|(name, running)| Share { name, running }).collect()
}

impl App {
    /// The versions of an offering that the caller may see: phase, until when, who runs it, and the way to the newest.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) for an offering that the caller may not see.
    pub fn versions(&self, caller: &Caller, offering: &str) -> Result<Versions> {
        let graph = self.graph();
        let name = Ref::new("offering", "default", offering);
        let record = visible(&graph, &caller.audience, &name)?;
        let spec: OfferingSpec = record.spec()?;
        let all = releases(&graph, &caller.audience, offering);
        let fixes = fixes(&graph, &spec.product);
        let runs = Predicate::equals("kind", "instance").and(Predicate::equals("spec.offering", offering));
        let table = Table {
            graph: &graph,
            audience: &caller.audience,
            today: Day::of(self.now()),
            app: self,
            channels: channels(&spec, &all),
            ways: Ways::to_newest(&OfferingVersions::seen(&graph, &caller.audience, offering)),
            runs: graph.facets_by(&caller.audience, &runs, "status.applied", &KEYS.map(str::to_owned)),
            fixes: &fixes,
        };
        let versions: Vec<VersionRow> = all.iter().filter_map(|release| table.row(release)).collect();
        let known: u64 = versions.iter().map(|row| row.running).sum();
        let total = graph.count(&caller.audience, &runs);
        Ok(Versions {
            title: record.parse().title().to_owned(),
            offering: name,
            versions,
            others: total.saturating_sub(known),
            fixes,
        })
    }
}

/// What the rows of a table share.
struct Table<'a> {
    graph: &'a Graph,
    audience: &'a Audience,
    today: Day,
    app: &'a App,
    channels: Vec<(String, Ref)>,
    ways: Ways,
    /// What runs, by the name of its release: a facet for each of [`KEYS`].
    runs: BTreeMap<String, Vec<Facet>>,
    fixes: &'a Fixes,
}

impl Table<'_> {
    fn row(&self, release: &Arc<Record>) -> Option<VersionRow> {
        let spec: ReleaseSpec = release.spec().ok()?;
        let (publication, now) = (publication(release), self.app.now());
        let told = self.told(release);
        let off = told.iter().map(|found| found.spec.dates.off).min();
        let support = spec.support.unwrap_or_default();
        let (phase, until) = match publication {
            Publication::Yanked => (SupportPhase::Ended, None),
            _ => support.on(self.today, off),
        };
        let mut facets = self.runs.get(release.reference.name()).cloned().unwrap_or_default().into_iter();
        let mut next = || facets.next().unwrap_or_default();
        let (steps, environments, mut who) = (next(), next(), next());
        let teams = who.len() as u64;
        who.sort_by(|one, other| (other.1, &one.0).cmp(&(one.1, &other.0)));
        who.truncate(NAMED);
        let (way, no_way) = self.way(&spec);
        let fixed = self.fixes.iter().filter_map(|(severity, days)| Some((*severity, days.within(phase)?)));
        let end = [support.end(), off.map(|off| Day(off.0 - 1))].into_iter().flatten().min();
        Some(VersionRow {
            release: release.reference.clone(),
            channels: self
                .channels
                .iter()
                .filter(|(_, name)| *name == release.reference)
                .map(|(c, _)| c.clone())
                .collect(),
            ending: told.first().map(|found| found.record.reference.clone()),
            standing: told.first().map(|found| found.standing(now).to_string()).unwrap_or_default(),
            running: steps.iter().map(|(_, count)| count).sum(),
            version: spec.version,
            fixed_within: fixed.collect(),
            publication,
            phase,
            until,
            end,
            steps: shares(steps),
            environments: shares(environments),
            teams,
            who: shares(who),
            way,
            no_way,
        })
    }

    /// The endings of a version, or of all of its offering, the first to be off first.
    fn told(&self, release: &Record) -> Vec<ending::Found> {
        let whole = |spec: &EndingSpec| spec.plan.is_none() && spec.feature.is_none() && spec.rule.is_none();
        let mut found = ending::effects::about(self.graph, self.audience, &release.reference, self.app.now());
        found.retain(|one| whole(&one.spec));
        found.sort_by_key(|one| one.spec.dates.off);
        found
    }

    fn way(&self, spec: &ReleaseSpec) -> (Vec<String>, String) {
        match self.ways.from(&spec.version) {
            Some(Ok(way)) => (way.into_iter().map(|hop| hop.version).collect(), String::new()),
            Some(Err(error)) => (Vec::new(), error.to_string()),
            None => (Vec::new(), String::new()),
        }
    }
}

/// Which version each channel stands for now.
fn channels(spec: &OfferingSpec, all: &[Arc<Record>]) -> Vec<(String, Ref)> {
    let meant = |range: &str| {
        let range = Range::parse(range).ok()?;
        let published = all.iter().filter(|release| publication(release) == Publication::Published);
        let mut fits = published.filter(|release| {
            Version::parse(release.parse().spec_text("version")).is_some_and(|version| range.contains(&version))
        });
        fits.next().map(|release| release.reference.clone())
    };
    spec.channels.iter().filter_map(|(name, range)| Some((name.clone(), meant(range)?))).collect()
}

/// How soon a product mends what is wrong.
fn fixes(graph: &Graph, product: &str) -> Fixes {
    let record = graph.get(&Ref::new("product", "default", product));
    let own = record.and_then(|record| record.spec::<ProductSpec>().ok()).map(|spec| spec.fixes);
    own.filter(|fixes| !fixes.is_empty()).unwrap_or_else(usual_fixes)
}
