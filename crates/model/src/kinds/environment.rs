//! Environment: a place where instances run.

use super::link::{Link, link};
use super::own::{self, Compiled};
use super::visibility;
use crate::composition::PARTS;
use crate::rule::{self, Rule};
use crate::{Document, Kind, Problem, RelationType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// `spec` of an Environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct EnvironmentSpec {
    /// Name of the product that it belongs to.
    #[schemars(length(min = 1))]
    pub product: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub purpose: Purpose,
    /// The group that answers for it.
    #[schemars(length(min = 1))]
    pub owner: String,
    /// Name of the environment that comes after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub promotes_to: Option<String>,
    /// Place among the environments, small ones first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<i64>,
    /// Names of the offerings that may run here; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offerings: Option<Vec<String>>,
    /// What drivers work with here, by the name of the driver or a name of its own.
    #[serde(default)]
    pub backends: BTreeMap<String, Backend>,
    /// After how many days without a sign of life an instance here counts as unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub unknown_after_days: Option<u32>,
    /// What holds here, beside the rules of the product.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// What an environment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Trying things out.
    Development,
    /// Testing.
    Test,
    /// Real use.
    Production,
    /// A look at one change.
    Preview,
}

impl Purpose {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Purpose::Development => "development",
            Purpose::Test => "test",
            Purpose::Production => "production",
            Purpose::Preview => "preview",
        }
    }
}

/// What a driver works with in an environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Backend {
    /// Name of the driver.
    #[schemars(length(min = 1))]
    pub driver: String,
    /// Settings in the words of the driver; never a secret.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
    /// Name of the secret that the driver needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub secret_ref: Option<String>,
    /// How many looks it bears in a minute; 160 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 60_000))]
    pub looks_per_minute: Option<u32>,
}

impl EnvironmentSpec {
    /// Whether an offering may run here.
    pub fn allows(&self, offering: &str) -> bool {
        self.offerings.as_ref().is_none_or(|all| all.iter().any(|name| name.eq_ignore_ascii_case(offering)))
    }

    /// The backend for a driver: the one of the same name, else the first that names the driver.
    pub fn backend(&self, driver: &str) -> Option<(&str, &Backend)> {
        if driver == PARTS {
            return Some((PARTS, &NOWHERE));
        }
        let same = self.backends.get_key_value(driver).filter(|(_, backend)| backend.driver == driver);
        let any = || self.backends.iter().find(|(_, backend)| backend.driver == driver);
        same.or_else(any).map(|(name, backend)| (name.as_str(), backend))
    }
}

/// Where the driver of what is made of its parts works: nowhere.
static NOWHERE: LazyLock<Backend> = LazyLock::new(|| Backend {
    driver: PARTS.to_owned(),
    config: Map::new(),
    secret_ref: None,
    looks_per_minute: None,
});

/// The fields that name other records.
const LINKS: &[Link] =
    &[link("owner", RelationType::OWNED_BY, "Group"), link("promotesTo", RelationType::PROMOTES_TO, "Environment")];
/// The compiled schema.
static SCHEMA: LazyLock<Compiled> = LazyLock::new(own::compile::<EnvironmentSpec>);

/// The kind.
pub static KIND: Kind = Kind {
    name: "Environment",
    plural: "environments",
    api_versions: own::API_VERSIONS,
    catalog: false,
    has_status: false,
    is_shared: true,
    icon: "environment",
    summary: "A place where instances run: what for, whose, and with which backends.",
    schema: own::schema::<EnvironmentSpec>,
    check,
    normalise: |document| own::normalise(document, &[("owner", "Group")]),
    relations: |document| own::relations(document, LINKS),
    scopes: visibility::scopes,
};

/// The rules of an Environment.
fn check(document: &Document, out: &mut Vec<Problem>) {
    own::check_links(document, LINKS, out);
    let Some(spec) = own::spec::<EnvironmentSpec>(document, &SCHEMA, out) else { return };
    if document.name().contains('.') {
        let mend = "Use a name without a dot, such as `prod-eu`.";
        let message = "an instance is named by its name, a dot and its environment";
        out.push(Problem::new("environment.name", "metadata.name", message, mend));
    }
    rule::check(&spec.rules, true, out);
    if spec.promotes_to.as_deref().is_some_and(|next| next.eq_ignore_ascii_case(document.name())) {
        let mend = "Name the environment that comes after this one.";
        out.push(Problem::new(
            "environment.promotes-to",
            "spec.promotesTo",
            "an environment cannot promote to itself",
            mend,
        ));
    }
}
