//! Adopting: what runs already is read from where others describe it (states, clusters), recognised by the rules of the
//! offerings, and reported by the same command as `loggia observe`. What no rule recognises and is there more than once
//! is proposed as an offering.
//!
//! Reading is outside (a [`EstateSource`]); planning is pure ([`plan`]). What is not found any more is simply not
//! reported: it turns *unknown* after the days of its environment, and is never gone because of that.

mod held;
mod place;
mod planning;
mod proposal;
mod schedule;

use crate::App;
use crate::access::caller::Caller;
use crate::error::Result;
use crate::estate::Observe;
use crate::instance::driver::Failure;
use async_trait::async_trait;
pub(crate) use held::IDENTITY;
use loggia_model::{Micros, Problem};
pub use planning::{Plan, plan};
pub use proposal::{Frame, ProposalFile, files};
pub use schedule::{Adoptions, Kind, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How many reports go into one command.
const AT_ONCE: usize = 500;
/// Most things that are taken in at once.
pub const MOST: usize = 100_000;

/// What sort of thing was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// One call of a module, by Terraform or OpenTofu.
    #[default]
    Module,
    /// A resource of Terraform or OpenTofu outside of any module.
    Resource,
    /// A release of a Helm chart.
    Chart,
    /// A claim, or a composite resource without one, of Crossplane.
    Claim,
    /// A request for what a promise of Kratix offers.
    Request,
    /// An object of a kind that somebody added to a cluster.
    Custom,
    /// A deployment or similar, which nothing else made.
    Workload,
}

impl Sort {
    /// Who described it: how it is known from then on.
    pub fn how(self) -> &'static str {
        match self {
            Sort::Module | Sort::Resource => "terraform",
            Sort::Chart => "helm",
            Sort::Claim => "crossplane",
            Sort::Request => "kratix",
            Sort::Custom | Sort::Workload => "kubernetes",
        }
    }

    /// The word for one, and the word for many.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Sort::Module => ("module call", "module calls"),
            Sort::Resource => ("resource outside modules", "resources outside modules"),
            Sort::Chart => ("Helm release", "Helm releases"),
            Sort::Claim => ("claim", "claims"),
            Sort::Request => ("request", "requests"),
            Sort::Custom => ("object of an added kind", "objects of added kinds"),
            Sort::Workload => ("workload", "workloads"),
        }
    }

    /// Whether it may become an offering by being there several times. Single resources and workloads are what teams
    /// build themselves: they are taken in where a rule names them, and left alone otherwise.
    pub fn is_offered(self) -> bool {
        !matches!(self, Sort::Resource | Sort::Workload)
    }
}

/// One thing that was found. Only names, types, versions and addresses: never what was filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Found {
    /// Where it was found, one of a kind in its source: `booking/production.tfstate module.orders`.
    #[schemars(length(min = 1, max = 2000))]
    pub address: String,
    /// What sort of thing it is.
    pub sort: Sort,
    /// What it is: the source of the module, the chart, the kind.
    #[schemars(length(min = 1, max = 200))]
    pub what: String,
    /// Its version; empty when it cannot be told.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub version: String,
    /// Its own name there.
    #[schemars(length(min = 1, max = 1000))]
    pub name: String,
    /// Names around it, outermost first, which may say team and environment: folders, a namespace.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub places: Vec<String>,
    /// Teams that labels or tags name, the most telling first: the first one that is known here counts.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub teams: Vec<String>,
    /// Environments that labels or tags name, in the same way.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub environments: Vec<String>,
    /// What rules may ask for.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// What stays the same when it is read again, wherever its description lies by then; the address when empty.
    #[serde(default)]
    #[schemars(length(max = 2000))]
    pub key: String,
    /// The file that describes it. Its folders and its name may say team and environment, where nothing nearer does.
    #[serde(default)]
    #[schemars(length(max = 2000))]
    pub source: String,
    /// When that was written; now when absent.
    #[serde(default)]
    pub time: Option<Micros>,
    /// The address of what it is a part of: then it counts where a rule knows it as something else, and not otherwise.
    #[serde(default)]
    #[schemars(length(max = 2000))]
    pub within: Option<String>,
}

impl Found {
    /// What stays the same when it is read again.
    pub fn identity(&self) -> &str {
        if self.key.is_empty() { &self.address } else { &self.key }
    }
}

/// What was read from a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Estate {
    /// What was found, in order of addresses.
    pub things: Vec<Found>,
    /// What could not be read, each with its file.
    pub problems: Vec<Problem>,
    /// What was left out on purpose, with why.
    pub notes: Vec<String>,
}

/// Reads what others describe. Reading changes nothing there.
#[async_trait]
pub trait EstateSource: Send + Sync {
    /// Everything that a place describes.
    ///
    /// # Errors
    /// When the place as a whole cannot be read, with what to do.
    async fn read(&self, place: &Place) -> Result<Estate, Failure>;
}

/// What shall be adopted, and what holds where a thing does not say it itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdoptInput {
    /// What was found.
    #[schemars(length(max = 100_000))]
    pub things: Vec<Found>,
    /// The team of what names none.
    #[serde(default)]
    pub team: Option<String>,
    /// The environment of what names none.
    #[serde(default)]
    pub environment: Option<String>,
    /// How often something must be there to be proposed; twice when absent.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub at_least: Option<usize>,
}

/// What adopting means, or has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Adoption {
    /// How many of each sort were found, by the word for them.
    pub found: BTreeMap<String, usize>,
    /// What a rule recognised.
    pub matched: Vec<Matched>,
    /// What no rule recognises and is there often enough.
    pub proposed: Vec<Proposed>,
    /// What is neither, with why.
    pub unmatched: Vec<NotMatched>,
    /// Single resources and workloads that no rule names, by what they are: they are left alone.
    pub aside: BTreeMap<String, usize>,
    /// What is named and nobody here knows.
    pub warnings: Vec<String>,
    /// The files that describe it, with when each was written; what runs was seen then, not now.
    #[serde(default)]
    pub sources: BTreeMap<String, Micros>,
    /// What became of the reports, by result and number; none when nothing was reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<BTreeMap<String, usize>>,
}

/// Something that a rule recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Matched {
    /// Where it was found.
    pub address: String,
    /// Its version.
    pub version: String,
    /// The offering.
    pub offering: String,
    /// The release, when the version tells.
    pub release: Option<String>,
    /// The team.
    pub team: String,
    /// The environment.
    pub environment: String,
    /// Its name within team and environment.
    pub name: String,
}

/// Something that is there several times and could be an offering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proposed {
    /// A name for the offering.
    pub name: String,
    /// What sort of thing it is.
    pub sort: Sort,
    /// What a rule recognises it by.
    pub what: String,
    /// How many there are.
    pub count: usize,
    /// How many there are of each version; the empty one is unknown.
    pub versions: BTreeMap<String, usize>,
    /// Whose they are, as far as that is known.
    pub teams: BTreeSet<String>,
    /// Where they run, as far as that is known.
    pub environments: BTreeSet<String>,
    /// How many do not say team or environment: they cannot be reported.
    pub unplaced: usize,
}

/// Something that belongs to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotMatched {
    /// Where it was found.
    pub address: String,
    /// What it is.
    pub what: String,
    /// Its version.
    pub version: String,
    /// Why, and what to do.
    pub why: String,
    /// Whether it says neither team nor environment, or one of them: then it cannot be reported.
    pub unplaced: bool,
}

impl App {
    /// Plans what adopting means and, unless only the plan is asked for, reports it: the same command, rights and events
    /// as a pipeline's report. Doing it twice changes nothing.
    ///
    /// # Errors
    /// [`crate::Error::Forbidden`] when the caller may not report for one of the teams.
    pub async fn adopt(&self, caller: &Caller, input: &AdoptInput, dry_run: bool) -> Result<Adoption> {
        let plan = plan(&self.graph(), &caller.audience, input);
        if dry_run { Ok(plan.adoption) } else { self.report(caller, plan).await }
    }

    async fn report(&self, caller: &Caller, plan: Plan) -> Result<Adoption> {
        self.writable(caller)?;
        let Plan { mut adoption, reports } = plan;
        let (mut tally, mut warnings) = (BTreeMap::new(), BTreeSet::new());
        for some in reports.chunks(AT_ONCE) {
            let outcome = self.run(caller, Observe { seen: some.to_vec() }).await?;
            for answer in outcome.answer.as_array().into_iter().flatten() {
                let result = answer.get("result").and_then(Value::as_str).unwrap_or_default();
                *tally.entry(result.to_owned()).or_default() += 1;
                let told = answer.get("warnings").and_then(Value::as_array).into_iter().flatten();
                warnings.extend(told.filter_map(Value::as_str).map(str::to_owned));
            }
        }
        adoption.warnings = warnings.into_iter().collect();
        adoption.reported = Some(tally);
        Ok(adoption)
    }
}
