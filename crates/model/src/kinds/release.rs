//! Release: one immutable version of an offering.

use super::link::{Link, link};
use super::own::{self, Compiled};
use super::visibility;
use crate::composition::{self, Composition};
use crate::migration::{self, Migration};
use crate::support::Support;
use crate::version::{self, Range, Version, Versioning};
use crate::{Document, Kind, Problem, RelationType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// `spec` of a Release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct ReleaseSpec {
    /// Name of the offering.
    #[schemars(length(min = 1))]
    pub offering: String,
    /// The version, written as the offering writes versions.
    #[schemars(length(min = 1))]
    pub version: String,
    /// What goes in and what comes out.
    pub contract: Contract,
    /// How it is made.
    pub recipe: Recipe,
    /// What really runs, such as postgresql 15.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Upstream>,
    /// What is new, in Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// How an instance gets from the version before to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Upgrade>,
    /// For how long it is looked after; as long as it is offered when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support: Option<Support>,
    /// How the inputs of what runs an earlier version become those that this one wants; of a breaking version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<Migration>,
    /// The parts that are made with it, of other offerings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub composition: Option<Composition>,
}

/// Inputs and outputs of a release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Contract {
    /// JSON Schema of an object: the form. A property may carry `x-default-from: person|team|last`, `writeOnly`, and
    /// `x-immutable: true` for what stays as it was ordered.
    pub inputs: Map<String, Value>,
    /// JSON Schema of an object: what its users get. A property with `writeOnly` is kept as a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Map<String, Value>>,
    /// What access consumers can get, each with a credential of its own; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessOffer>,
}

/// What access consumers of an instance can get.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct AccessOffer {
    /// What they may do, the usual one first.
    #[schemars(length(min = 1, max = 20))]
    pub roles: Vec<AccessRole>,
    /// For how many days a credential is granted at most; as long as wanted when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub longest_days: Option<u32>,
    /// How long the old credential works on when it is renewed, in minutes; 60 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 525_600))]
    pub overlap_minutes: Option<u32>,
}

/// What a consumer may do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct AccessRole {
    /// Its name, such as `read`.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z][a-z0-9-]*$"))]
    pub name: String,
    /// What it allows, in one sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 200))]
    pub summary: String,
}

impl AccessOffer {
    /// How long the old credential works on when it is renewed, in seconds.
    pub fn overlap(&self) -> i64 {
        i64::from(self.overlap_minutes.unwrap_or(60)) * 60
    }

    /// The role of a name; the usual one without a name.
    pub fn role(&self, name: Option<&str>) -> Option<&AccessRole> {
        self.roles.iter().find(|role| name.is_none_or(|name| role.name == name))
    }
}

/// The mark of an input that stays as it was ordered, such as the name of a database.
const IMMUTABLE: &str = "x-immutable";

impl Contract {
    /// Names of the inputs that cannot become another while the same version runs.
    pub fn immutable(&self) -> Vec<&str> {
        let properties = self.inputs.get("properties").and_then(Value::as_object);
        let marked = |property: &Value| property.get(IMMUTABLE) == Some(&Value::Bool(true));
        properties.into_iter().flatten().filter(|(_, property)| marked(property)).map(|(name, _)| &**name).collect()
    }
}

/// How a release is made: a driver and its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recipe {
    /// Name of the driver.
    #[schemars(length(min = 1))]
    pub driver: String,
    /// What the driver needs to know.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}

/// What really runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Upstream {
    /// Its name, as endoflife.date has it.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Its version or cycle.
    #[schemars(length(min = 1))]
    pub version: String,
}

/// How an instance is upgraded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Upgrade {
    /// The versions from which there is a way here, such as `>=1.4`; every earlier one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub from: Option<String>,
    /// The way; by hand when absent.
    #[serde(default)]
    pub strategy: Strategy,
    /// Whether there is a way back; forward only when absent.
    #[serde(default)]
    pub rollback: Rollback,
    /// How many days the earlier one is kept where a new one is made beside it; 7 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 365))]
    pub keep_days: Option<u32>,
    /// What people do, step by step, where it goes by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
}

impl Upgrade {
    /// How many days the earlier one is kept.
    pub fn days_kept(&self) -> u32 {
        self.keep_days.unwrap_or(7)
    }

    /// Whether there is a way from a version.
    pub fn starts_at(&self, version: &Version) -> bool {
        let range = self.from.as_deref().map(Range::parse);
        range.is_none_or(|range| range.is_ok_and(|range| range.contains(version)))
    }
}

/// The way of an upgrade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// The instance itself is changed.
    InPlace,
    /// A new one is made beside it.
    SideBySide,
    /// It is destroyed and made again.
    Rebuild,
    /// Its team gets a change to merge.
    ChangeRequest,
    /// People do it.
    #[default]
    ByHand,
}

/// Whether there is a way back from an upgrade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rollback {
    /// Yes.
    Supported,
    /// Yes, and what was written since is lost.
    LosesData,
    /// No.
    #[default]
    ForwardOnly,
}

/// The fields that name other records.
const LINKS: &[Link] = &[link("offering", RelationType::RELEASE_OF, "Offering")];
/// The compiled schema.
static SCHEMA: LazyLock<Compiled> = LazyLock::new(own::compile::<ReleaseSpec>);

/// The kind.
pub static KIND: Kind = Kind {
    name: "Release",
    plural: "releases",
    api_versions: own::API_VERSIONS,
    catalog: false,
    has_status: true,
    is_shared: true,
    icon: "release",
    summary: "One version of an offering: what it needs, how it is made, what is new.",
    schema: own::schema::<ReleaseSpec>,
    check,
    normalise: |document| own::normalise(document, &[]),
    relations: |document| own::relations(document, LINKS),
    scopes: visibility::scopes,
};

/// The rules of a Release.
fn check(document: &Document, out: &mut Vec<Problem>) {
    own::check_links(document, LINKS, out);
    crate::publication::check(document, out);
    let Some(spec) = own::spec::<ReleaseSpec>(document, &SCHEMA, out) else { return };
    let name = format!("{}-{}", spec.offering, spec.version);
    if document.name() != name {
        let message = format!("a release is named by offering and version, and this is {:?}", document.name());
        out.push(Problem::new("release.name", "metadata.name", message, format!("Write `name: {name}`.")));
    }
    let all = [Versioning::Semver, Versioning::Calver, Versioning::Dated];
    if all.iter().all(|versioning| version::check(*versioning, &spec.version).is_err()) {
        let message = format!("{:?} is not a version", spec.version);
        let mend = "Write three numbers like 2.1.0, year and month like 2026.04, or a day like 2026-04-30.";
        out.push(Problem::new("release.version", "spec.version", message, mend));
    }
    if let Some(Err(error)) = spec.upgrade.as_ref().and_then(|upgrade| upgrade.from.as_deref()).map(Range::parse) {
        let mend = "Write a range such as `1`, `~1.4` or `>=1 <2`.";
        out.push(Problem::new("release.upgrade", "spec.upgrade.from", error.to_string(), mend));
    }
    if let Some((phase, day, before)) = spec.support.and_then(|support| support.fault()) {
        let (day, before) = (day.words(), before.words());
        let message = format!("{} ends on {day}, before the phase before it ends on {before}", phase.word());
        out.push(Problem::new("release.support", "spec.support", message, "Put the days in order."));
    }
    if spec.recipe.settings.get("settings").is_some_and(Value::is_object) {
        let message = "settings of a driver stand beside its name; below `settings` it does not see them";
        let mend = "Move them up, beside `driver`.";
        out.push(Problem::new("release.recipe", "spec.recipe.settings", message, mend));
    }
    if let Some(migration) = &spec.migration {
        migration::check(migration, "spec.migration", out);
    }
    check_access(&spec.contract, out);
    composition::check(spec.composition.as_ref(), &spec.recipe.driver, "spec.composition", out);
    check_form("spec.contract.inputs", &spec.contract.inputs, out);
    if let Some(outputs) = &spec.contract.outputs {
        check_form("spec.contract.outputs", outputs, out);
    }
}

/// Each role of consumers has a name of its own.
fn check_access(contract: &Contract, out: &mut Vec<Problem>) {
    for (at, role) in contract.access.iter().flat_map(|access| access.roles.iter().enumerate()) {
        let earlier = contract.access.iter().flat_map(|access| &access.roles[..at]);
        if earlier.into_iter().any(|other| other.name == role.name) {
            let path = format!("spec.contract.access.roles.{at}.name");
            let message = format!("the role {} stands here twice", role.name);
            out.push(Problem::new("release.access", path, message, "Give each role a name of its own."));
        }
    }
}

/// Whether something inside a property is marked: only inputs at the top are sealed, or stay as they are.
fn marked_below(property: &Value, is_marked: fn(&Value) -> bool) -> bool {
    let mut inside =
        property.as_object().into_iter().flat_map(Map::values).chain(property.as_array().into_iter().flatten());
    inside.any(|value| is_marked(value) || marked_below(value, is_marked))
}

/// What is marked as staying is marked by `true`, and at the top of the inputs.
fn check_immutable(path: &str, name: &str, property: &Value, out: &mut Vec<Problem>) {
    let path = format!("{path}.properties.{name}");
    if property.get(IMMUTABLE).is_some_and(|mark| !mark.is_boolean()) {
        let message = format!("`{IMMUTABLE}` is true or false");
        out.push(Problem::new("release.immutable", format!("{path}.{IMMUTABLE}"), message, "Write `true`."));
    }
    if marked_below(property, |value| value.get(IMMUTABLE).is_some()) {
        let message = format!("`{IMMUTABLE}` stands below the top, where it says nothing");
        let mend = "Mark the whole input, or make what stays an input of its own.";
        out.push(Problem::new("release.immutable", path, message, mend));
    }
}

/// A schema of the contract compiles, describes an object, and names known sources of defaults.
fn check_form(path: &str, form: &Map<String, Value>, out: &mut Vec<Problem>) {
    let schema = Value::Object(form.clone());
    if let Err(error) = jsonschema::validator_for(&schema) {
        let message = format!("is not a JSON Schema: {error}");
        out.push(Problem::new("release.contract", path, message, "Mend the schema; the draft is 2020-12."));
    }
    if form.get("type").is_some_and(|kind| kind != "object") {
        let path = format!("{path}.type");
        out.push(Problem::new("release.contract", path, "must describe an object", "Write `type: object`."));
    }
    for (name, property) in form.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let from = property.get("x-default-from");
        if from.is_some_and(|from| !["person", "team", "last"].iter().any(|known| from == known)) {
            let path = format!("{path}.properties.{name}.x-default-from");
            let mend = "Write `person`, `team` or `last`.";
            out.push(Problem::new("release.default-from", path, "nobody knows this source of a default", mend));
        }
        check_immutable(path, name, property, out);
        if marked_below(property, |value| value.get("writeOnly") == Some(&Value::Bool(true))) {
            let path = format!("{path}.properties.{name}");
            let mend = "Make the secret an input of its own.";
            out.push(Problem::new(
                "release.secret",
                path,
                "a secret stands below the top, and would not be sealed",
                mend,
            ));
        }
    }
}
