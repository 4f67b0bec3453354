//! Instance: a running copy of an offering.

use super::link::{Link, link};
use super::offering::Price;
use super::own::{self, Compiled};
use super::visibility;
use crate::composition::Wiring;
use crate::instance::Step;
use crate::naming;
use crate::version::Range;
use crate::{Document, Kind, Problem, Ref, RelationType, reference::DEFAULT_NAMESPACE};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// `spec` of an Instance. Its status is [`crate::instance::InstanceStatus`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct InstanceSpec {
    /// Name of the offering.
    #[schemars(length(min = 1))]
    pub offering: String,
    /// How firmly the platform holds it; observed when absent.
    #[serde(default)]
    pub step: Step,
    /// The group that runs it.
    #[schemars(length(min = 1))]
    pub team: String,
    /// Name of the environment.
    #[schemars(length(min = 1))]
    pub environment: String,
    /// The versions that its team accepts, such as `2` or `~1.4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraint: Option<String>,
    /// Name of the release that it shall have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub target: Option<String>,
    /// The plan as it was when it was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<FrozenPlan>,
    /// What was filled in. Secrets are kept elsewhere.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// Whom to ask, when it is not the team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// The component that uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub component: Option<String>,
    /// The instance that it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub part_of: Option<String>,
    /// The instances that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// What it takes from them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wiring: Option<Wiring>,
    /// As what its team shares it, such as `postgres.default#main`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub shared: Option<String>,
    /// What was deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed: Option<Deployed>,
}

/// What was deployed: a workload, as its file says it, with the artifact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Deployed {
    /// Which deployment of it this is, from 1.
    pub number: u64,
    /// The file of the workload.
    pub score: Value,
    /// What runs: an image, or a commit.
    pub artifact: String,
    /// Where it was promoted from, or which deployment it goes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// A plan as it was when it was chosen; later changes of the offering do not touch it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct FrozenPlan {
    /// The name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The limits.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub limits: Map<String, Value>,
    /// The price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

impl InstanceSpec {
    /// The group that runs it, as a complete name.
    pub fn team_ref(&self) -> Option<Ref> {
        Ref::parse(&self.team, Some("Group"), DEFAULT_NAMESPACE).ok()
    }
}

/// The name that an instance has within its namespace: `<name>.<environment>`.
pub fn metadata_name(name: &str, environment: &str) -> String {
    format!("{name}.{environment}")
}

/// The fields that name other records.
const LINKS: &[Link] = &[
    link("team", RelationType::OWNED_BY, "Group"),
    link("offering", RelationType::INSTANCE_OF, "Offering"),
    link("target", RelationType::RUNS_RELEASE, "Release"),
    link("environment", RelationType::RUNS_IN, "Environment"),
    link("component", RelationType::DEPENDENCY_OF, "Component"),
    link("partOf", RelationType::PART_OF, "Instance"),
    link("needs", RelationType::DEPENDS_ON, "Instance"),
];
/// The compiled schema.
static SCHEMA: LazyLock<Compiled> = LazyLock::new(own::compile::<InstanceSpec>);

/// The kind.
pub static KIND: Kind = Kind {
    name: "Instance",
    plural: "instances",
    api_versions: own::API_VERSIONS,
    catalog: true,
    has_status: true,
    is_shared: false,
    icon: "instance",
    summary: "A running copy of an offering: whose, where, and in which version.",
    schema: own::schema::<InstanceSpec>,
    check,
    normalise,
    relations: |document| own::relations(document, LINKS),
    scopes: visibility::scopes,
};

/// The stored form.
fn normalise(document: &mut Document) {
    own::normalise(document, &[("team", "Group"), ("component", "Component")]);
    own::default(document, "step", "observed");
}

/// The rules of an Instance.
fn check(document: &Document, out: &mut Vec<Problem>) {
    own::check_links(document, LINKS, out);
    let Some(spec) = own::spec::<InstanceSpec>(document, &SCHEMA, out) else { return };
    let ending = format!(".{}", spec.environment);
    if document.name().strip_suffix(&ending).is_none_or(str::is_empty) {
        let message =
            format!("an instance is named by its name, a dot and its environment, and this is {:?}", document.name());
        let mend = format!("Write `name: {}`.", metadata_name(document.name(), &spec.environment));
        out.push(Problem::new("instance.name", "metadata.name", message, mend));
    }
    if let Some(team) = spec.team_ref().filter(|team| naming::namespace(team) != document.namespace()) {
        let message = format!("an instance lives in the namespace of its team, and this is {:?}", document.namespace());
        let mend = format!("Write `namespace: {}`.", naming::namespace(&team));
        out.push(Problem::new("instance.namespace", "metadata.namespace", message, mend));
    }
    if let Some(Err(error)) = spec.constraint.as_deref().map(Range::parse) {
        let mend = "Write a range such as `2`, `~1.4` or `>=15 <17`.";
        out.push(Problem::new("instance.constraint", "spec.constraint", error.to_string(), mend));
    }
}
