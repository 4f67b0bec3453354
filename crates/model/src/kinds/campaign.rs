//! Campaign: a planned move of many instances.

use super::environment::Purpose;
use super::link::{Link, link};
use super::own::{self, Compiled};
use super::visibility;
use crate::campaign::Tolerance;
use crate::version::Range;
use crate::{Day, Document, Kind, Problem, RelationType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// `spec` of a Campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct CampaignSpec {
    /// Why, in one sentence; everybody who is concerned reads it.
    #[schemars(length(min = 1))]
    pub purpose: String,
    /// Name of the offering whose instances move.
    #[schemars(length(min = 1))]
    pub offering: String,
    /// The versions that they shall have, such as `>=15`: of what really runs.
    #[schemars(length(min = 1))]
    pub to: String,
    /// Which of its instances, as the API filters; of several lines at least one; all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(length(min = 1)))]
    pub scope: Vec<String>,
    /// Name of a check that decides what is done, beside the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub check: Option<String>,
    /// The group that runs the campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub owner: Option<String>,
    /// One wave after the other; what is for development, for test and for production when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waves: Vec<Wave>,
    /// How many are changed at the same time.
    #[serde(default = "usual_parallelism")]
    #[schemars(range(min = 1, max = 1000))]
    pub parallelism: u32,
    /// For how many minutes a wave rests before the next one begins.
    #[serde(default)]
    #[schemars(range(max = 43200))]
    pub bake_minutes: u32,
    /// Name of a check that has to pass for what was moved, before the next wave begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub gate: Option<String>,
    /// How many of a wave may fail. One more, and the campaign halts by itself.
    #[serde(default)]
    pub failure_budget: u32,
    /// The day on which it begins, after somebody has started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Day>,
    /// The day by which it shall be over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Day>,
    /// How often a team is reminded.
    #[serde(default)]
    pub reminders: Reminders,
    /// Whether its check stays as a standard when it is over.
    #[serde(default)]
    pub ends_as_standard: bool,
}

/// One wave. What fits all that is given belongs to it; what fits several waves belongs to the first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Wave {
    /// Its name.
    pub name: String,
    /// Names of environments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    /// What environments are for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<Purpose>,
    /// Names of teams.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
    /// Rings: the label `loggia.dev/ring` of the instance, else of its team.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rings: Vec<String>,
    /// How much risk its team takes: the label `loggia.dev/risk-tolerance` of the team, medium without one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerance: Vec<Tolerance>,
    /// Only so many of a hundred of what would fit, always the same ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub share: Option<u8>,
}

/// How often a team is reminded of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Reminders {
    /// Days from one to the next.
    #[schemars(range(min = 1, max = 365))]
    pub every_days: u32,
    /// How many in all; the first notice is one of them.
    #[schemars(range(max = 50))]
    pub most: u32,
}

impl Default for Reminders {
    fn default() -> Reminders {
        Reminders { every_days: 7, most: 4 }
    }
}

fn usual_parallelism() -> u32 {
    5
}

impl CampaignSpec {
    /// Its waves, also when the text names none.
    pub fn waves(&self) -> Vec<Wave> {
        if !self.waves.is_empty() {
            return self.waves.clone();
        }
        let wave =
            |name: &str, types: &[Purpose]| Wave { name: name.to_owned(), types: types.into(), ..Wave::default() };
        vec![
            wave("development", &[Purpose::Development, Purpose::Preview]),
            wave("test", &[Purpose::Test]),
            wave("production", &[Purpose::Production]),
        ]
    }

    /// The name of a wave; those that no wave takes come last.
    pub fn wave_name(&self, wave: usize) -> String {
        self.waves().get(wave).map_or_else(|| "the rest".to_owned(), |wave| wave.name.clone())
    }
}

/// The fields that name other records.
const LINKS: &[Link] = &[
    link("offering", RelationType::DEPENDS_ON, "Offering"),
    link("check", RelationType::DEPENDS_ON, "Check"),
    link("gate", RelationType::DEPENDS_ON, "Check"),
    link("owner", RelationType::OWNED_BY, "Group"),
];
/// The compiled schema.
static SCHEMA: LazyLock<Compiled> = LazyLock::new(own::compile::<CampaignSpec>);

/// The kind.
pub static KIND: Kind = Kind {
    name: "Campaign",
    plural: "campaigns",
    api_versions: own::API_VERSIONS,
    catalog: false,
    has_status: true,
    is_shared: true,
    icon: "campaign",
    summary: "A planned move of many: who, in which waves, how fast, by when, and what stops it.",
    schema: own::schema::<CampaignSpec>,
    check,
    normalise: |document| own::normalise(document, &[("owner", "Group")]),
    relations: |document| own::relations(document, LINKS),
    scopes: visibility::scopes,
};

/// The rules of a Campaign.
fn check(document: &Document, out: &mut Vec<Problem>) {
    own::check_links(document, LINKS, out);
    let Some(spec) = own::spec::<CampaignSpec>(document, &SCHEMA, out) else { return };
    let mut add = |rule: &str, field: &str, message: &str, mend: &str| {
        out.push(Problem::new(rule, format!("spec.{field}"), message, mend));
    };
    if let Err(error) = Range::parse(&spec.to) {
        add("campaign.to", "to", &error.to_string(), "Write a range such as `>=15` or `7`.");
    }
    if spec.deadline.zip(spec.start).is_some_and(|(deadline, start)| deadline <= start) {
        add("campaign.deadline", "deadline", "it would be over before it begins", "Choose a later day.");
    }
    let mut names = BTreeSet::new();
    for (at, wave) in spec.waves.iter().enumerate() {
        if wave.name.trim().is_empty() || !names.insert(wave.name.clone()) {
            let field = format!("waves.{at}.name");
            add("campaign.wave", &field, "each wave has a name of its own", "Give it another name.");
        }
    }
}
