//! Offering: something that the platform promises to its customers.

use super::link::{Link, link};
pub use super::match_rule::MatchRule;
use super::own::{self, Compiled};
use super::visibility;
use crate::reference::DEFAULT_NAMESPACE;
use crate::version::{Range, Versioning};
use crate::{Document, Kind, Problem, Ref, RelationType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

/// `spec` of an Offering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct OfferingSpec {
    /// Name of the product that it belongs to.
    #[schemars(length(min = 1))]
    pub product: String,
    /// The group that answers for it.
    #[schemars(length(min = 1))]
    pub owner: String,
    /// The shelf: data, compute, delivery, path, observability, security and others.
    #[schemars(length(min = 1))]
    pub category: String,
    /// What its users can rely on.
    #[schemars(length(min = 1))]
    pub promise: String,
    /// For whom it is.
    #[serde(rename = "for")]
    #[schemars(length(min = 1))]
    pub audience: String,
    /// The problem that it solves.
    #[schemars(length(min = 1))]
    pub problem: String,
    /// What to take instead, and when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    /// The support tier, in the words of the product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support: Option<String>,
    /// How versions are written; semver when absent.
    #[serde(default)]
    pub versioning: Versioning,
    /// Names that stand for versions, such as `stable`: each for a version or a range, whose newest one is meant.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<String, String>,
    /// Groups that follow a channel, by its name: they get its versions when they choose none, and see and get candidates in
    /// its range before they are published.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub followers: BTreeMap<String, Vec<String>>,
    /// Sizes and prices to choose from.
    #[schemars(length(min = 1))]
    pub plans: Vec<Plan>,
    /// Who must use it, and by when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mandatory: Option<Mandatory>,
    /// Path of the folder with its documentation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// Earlier names; old addresses lead here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formerly: Vec<String>,
    /// How observed things are recognised as this offering; the first rule that fits counts.
    #[serde(rename = "match", default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<MatchRule>,
    /// How settled it is; ga when absent.
    #[serde(default)]
    pub stage: Stage,
    /// What happens when something that runs is no longer as it was made; report when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// Checks that have to pass.
    #[serde(default, skip_serializing_if = "Gates::is_empty")]
    pub checks: Gates,
    /// What workloads get it for that ask for a type, such as `postgres`; `workload` for what runs them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provides: Vec<super::Provides>,
}

/// What happens when something that runs is no longer as it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Drift {
    /// It is said.
    #[default]
    Report,
    /// It is made right again by itself, at most once an hour.
    Repair,
    /// It is said, and its team is asked to have it made right again.
    Ask,
}

/// Names of checks that have to pass, by what for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Gates {
    /// Before a release of it is published; checks of releases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub release: Vec<String>,
    /// Before it is launched; checks of offerings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub launch: Vec<String>,
}

impl Gates {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.release.is_empty() && self.launch.is_empty()
    }
}

/// How settled an offering is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// May change or go at any time.
    Experimental,
    /// Nearly settled.
    Preview,
    /// Generally available.
    #[default]
    Ga,
}

/// Something to take instead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Alternative {
    /// What.
    #[schemars(length(min = 1))]
    pub name: String,
    /// When it is the better choice.
    #[schemars(length(min = 1))]
    pub when: String,
}

/// A size with its limits and its price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Plan {
    /// The name, unique within the offering.
    #[schemars(length(min = 1))]
    pub name: String,
    /// What people see; the name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Limits in the words of the driver: short names with texts, numbers, switches, or lists of them.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub limits: Map<String, Value>,
    /// What it costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Whether it is taken when nobody chooses.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// How often what was got is looked at, in minutes; 5 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_080))]
    pub look_minutes: Option<u32>,
}

/// A price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Price {
    /// A decimal number as a text, such as `"12.50"`.
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?$"))]
    pub amount: String,
    /// The currency by its ISO 4217 code.
    #[schemars(regex(pattern = r"^[A-Z]{3}$"))]
    pub currency: String,
    /// For what.
    pub per: Per,
    /// What one unit is, such as `GiB a month`; for a price per unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub unit: Option<String>,
}

/// What a price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// A calendar month.
    Month,
    /// An hour.
    Hour,
    /// One unit, as the price names it; one use when it names none.
    Unit,
}

/// A duty to use an offering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Mandatory {
    /// The rule that demands it.
    #[schemars(length(min = 1))]
    pub rule: String,
    /// The last day without it, `YYYY-MM-DD`.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub until: String,
}

impl OfferingSpec {
    /// The channel that a group follows; none for one that follows none.
    pub fn followed_by(&self, group: &Ref) -> Option<&str> {
        let is = |name: &String| Ref::parse(name, Some("Group"), DEFAULT_NAMESPACE).is_ok_and(|name| name == *group);
        self.followers.iter().find(|(_, groups)| groups.iter().any(is)).map(|(channel, _)| channel.as_str())
    }

    /// A plan by its name; without a name the default one, or the only one.
    pub fn plan(&self, name: Option<&str>) -> Option<&Plan> {
        match name {
            Some(name) => self.plans.iter().find(|plan| plan.name == name),
            None => self.plans.iter().find(|plan| plan.default).or(match self.plans.as_slice() {
                [only] => Some(only),
                _ => None,
            }),
        }
    }
}

/// How many limits a plan has at most, and how many values one of them.
const LIMITS: usize = 32;
/// How many characters the text of a limit has at most.
const LIMIT_TEXT: usize = 200;

/// The fields that name other records.
const LINKS: &[Link] =
    &[link("owner", RelationType::OWNED_BY, "Group"), link("product", RelationType::OFFERING_OF, "Product")];
/// The compiled schema.
static SCHEMA: LazyLock<Compiled> = LazyLock::new(own::compile::<OfferingSpec>);

/// The kind.
pub static KIND: Kind = Kind {
    name: "Offering",
    plural: "offerings",
    api_versions: own::API_VERSIONS,
    catalog: true,
    has_status: false,
    is_shared: true,
    icon: "offering",
    summary: "Something that the platform promises: what, for whom, at which price, with whose support.",
    schema: own::schema::<OfferingSpec>,
    check,
    normalise,
    relations: |document| own::relations(document, LINKS),
    scopes: visibility::scopes,
};

/// The stored form.
fn normalise(document: &mut Document) {
    own::normalise(document, &[("owner", "Group")]);
    own::default(document, "versioning", "semver");
    own::default(document, "stage", "ga");
}

/// The rules of an Offering.
fn check(document: &Document, out: &mut Vec<Problem>) {
    own::check_links(document, LINKS, out);
    let Some(spec) = own::spec::<OfferingSpec>(document, &SCHEMA, out) else { return };
    check_plans(&spec.plans, out);
    for (name, range) in spec.channels.iter().filter(|(name, range)| {
        Range::parse(range).is_err() || !name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
    }) {
        let message = format!("{name}: {range:?} is no name of lower-case letters for a version or a range");
        out.push(Problem::new("offering.channel", "spec.channels", message, "Write it as `stable: ~2.1`."));
    }
    for name in spec.followers.keys().filter(|name| !spec.channels.contains_key(*name)) {
        let message = format!("there is no channel {name:?} to follow");
        out.push(Problem::new("offering.followers", "spec.followers", message, "Write it under `channels` too."));
    }
    if let Some(mandatory) = &spec.mandatory
        && mandatory.until.parse::<chrono::NaiveDate>().is_err()
    {
        let message = format!("{:?} is not a day of the calendar", mandatory.until);
        out.push(Problem::new("offering.until", "spec.mandatory.until", message, "Write a day such as `2027-03-31`."));
    }
    for (at, rule) in spec.matches.iter().enumerate() {
        if rule.offering.is_none() && rule.version.is_none() && rule.attributes.is_empty() {
            let mend = "Say at least one of offering, attributes and version.";
            out.push(Problem::new("offering.match", format!("spec.match.{at}"), "this rule says nothing", mend));
        }
    }
}

/// Limits reach programs of the operator as they are, so they are few, small and flat.
fn check_limits(at: usize, limits: &Map<String, Value>, out: &mut Vec<Problem>) {
    let path = format!("spec.plans.{at}.limits");
    if limits.len() > LIMITS {
        let message = format!("{} limits are too many", limits.len());
        out.push(Problem::new("offering.limits", path, message, format!("Keep at most {LIMITS}.")));
        return;
    }
    for (name, value) in limits {
        let path = format!("{path}.{name}");
        if !is_limit_name(name) {
            let mend = "Use letters, digits, dots, hyphens and underscores, at most 63, with a letter first.";
            out.push(Problem::new("offering.limits", &*path, "this is no name of a limit", mend));
        }
        if !is_limit(value) {
            let mend = format!(
                "Write a text of at most {LIMIT_TEXT} characters on one line, a number, true or false, or a list of at \
                 most {LIMITS} of them."
            );
            out.push(Problem::new("offering.limits", path, "a limit cannot have this value", mend));
        }
    }
}

fn is_limit_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    first && name.len() <= 63 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn is_limit(value: &Value) -> bool {
    let flat = |value: &Value| match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => text.chars().count() <= LIMIT_TEXT && !text.chars().any(char::is_control),
        Value::Array(_) | Value::Object(_) => false,
    };
    match value {
        Value::Array(items) => items.len() <= LIMITS && items.iter().all(flat),
        other => flat(other),
    }
}

/// Names of plans are unique, and at most one is the default.
fn check_plans(plans: &[Plan], out: &mut Vec<Problem>) {
    let mut names = HashSet::new();
    for (at, plan) in plans.iter().enumerate().filter(|(_, plan)| !names.insert(plan.name.as_str())) {
        let message = format!("there are two plans with the name {:?}", plan.name);
        out.push(Problem::new("offering.plan-name", format!("spec.plans.{at}.name"), message, "Rename one of them."));
    }
    for (at, plan) in plans.iter().enumerate() {
        check_limits(at, &plan.limits, out);
        if plan.price.as_ref().is_some_and(|price| price.unit.is_some() && price.per != Per::Unit) {
            let path = format!("spec.plans.{at}.price.unit");
            let mend = "Write `per: unit`, or leave the unit out.";
            out.push(Problem::new("offering.price-unit", path, "this price is not for a unit", mend));
        }
    }
    if let Some((at, _)) = plans.iter().enumerate().filter(|(_, plan)| plan.default).nth(1) {
        let path = format!("spec.plans.{at}.default");
        let mend = "Leave `default: true` at one plan only.";
        out.push(Problem::new("offering.plan-default", path, "there are two default plans", mend));
    }
}
