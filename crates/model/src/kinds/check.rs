//! Check: a question with a verdict and a mend.

use super::own::{self, Compiled};
use super::visibility;
use crate::instance::{Phase, Verdict};
use crate::version::Range;
use crate::{Document, Kind, Problem, RelationType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// `spec` of a Check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct CheckSpec {
    /// The kind of what it is about, such as `Instance` or `Release`.
    #[schemars(length(min = 1))]
    pub of: String,
    /// Which of them, as the API filters: `spec.offering=postgres,spec.environment=production`. Of several lines at
    /// least one; all of the kind when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(length(min = 1)))]
    pub filter: Vec<String>,
    /// What has to be so, told from what is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<Question>,
    /// What has to be so, told by asking the thing itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// Why it matters, in one sentence.
    #[schemars(length(min = 1))]
    pub why: String,
    /// What to do when it fails. `{name}`, `{team}`, `{environment}`, `{version}` and `{kind}` stand for the thing's own.
    #[schemars(length(min = 1))]
    pub mend: String,
    /// Address of a page that says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(https?://|/)[^\s<>\x22]+$"))]
    pub docs: Option<String>,
    /// Days in which something new may fail, counted from when the thing or the check came, whichever was later.
    #[serde(default)]
    #[schemars(range(max = 3650))]
    pub grace_days: u32,
    /// The group that answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub owner: Option<String>,
    /// Whether it is a standard: asked of everything all the time.
    #[serde(default)]
    pub standing: bool,
}

/// What has to be so. Everything that is given has to hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Question {
    /// The version of what really runs is in this range, such as `>=15`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// It is in one of these phases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phase: Vec<Phase>,
    /// A condition has this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Stated>,
    /// It has a relation of this type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relation: Option<Related>,
    /// It fits at least one of these filters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fits: Vec<String>,
    /// None of this holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Question>>,
}

/// A condition with its status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Stated {
    /// What the statement is about, such as `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its status.
    pub status: Verdict,
}

/// A relation, to anything or to one record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Related {
    /// Its type, such as `ownedBy`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The other end, such as `group:default/booking`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// How the thing itself is asked: by HTTP, or by a program that the operator of this server put there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Probe {
    /// An address that is fetched, such as `https://{host}/health`: outputs of the instance stand in braces. It passes
    /// when the answer is a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub http: Option<String>,
    /// Name of a program that gets the thing as JSON. It passes when the program ends well; its first line is what it
    /// says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub program: Option<String>,
    /// How often, in minutes.
    #[serde(default = "usual_cadence")]
    #[schemars(range(min = 1, max = 10080))]
    pub every_minutes: u32,
}

fn usual_cadence() -> u32 {
    15
}

/// The compiled schema.
static SCHEMA: LazyLock<Compiled> = LazyLock::new(own::compile::<CheckSpec>);
/// The fields that name other records.
const LINKS: &[super::link::Link] = &[super::link::link("owner", RelationType::OWNED_BY, "Group")];

/// The kind.
pub static KIND: Kind = Kind {
    name: "Check",
    plural: "checks",
    api_versions: own::API_VERSIONS,
    catalog: false,
    has_status: true,
    is_shared: true,
    icon: "check",
    summary: "A question with a verdict and what to do about it: a standard, a gate, or the end of a campaign.",
    schema: own::schema::<CheckSpec>,
    check,
    normalise: |document| own::normalise(document, &[("owner", "Group")]),
    relations: |document| own::relations(document, LINKS),
    scopes: visibility::scopes,
};

/// The rules of a Check.
fn check(document: &Document, out: &mut Vec<Problem>) {
    own::check_links(document, LINKS, out);
    let Some(spec) = own::spec::<CheckSpec>(document, &SCHEMA, out) else { return };
    let mut add = |rule: &str, field: &str, message: &str, mend: &str| {
        out.push(Problem::new(rule, format!("spec.{field}"), message, mend));
    };
    if Kind::find(&spec.of).is_none() {
        add("check.of", "of", "there is no such kind", "Write a kind such as `Instance`.");
    }
    if spec.query.is_some() == spec.probe.is_some() {
        add("check.how", "query", "it asks in one way: by a query or by a probe", "Write one of `query` and `probe`.");
    }
    if let Some(probe) = &spec.probe
        && probe.http.is_some() == probe.program.is_some()
    {
        add("check.probe", "probe", "it asks in one way", "Write one of `http` and `program`.");
    }
    if let Some(question) = &spec.query {
        asks(question, "query", &mut add);
    }
}

/// The rules of a question, and of what stands in its `not`.
fn asks(question: &Question, field: &str, add: &mut impl FnMut(&str, &str, &str, &str)) {
    if *question == Question::default() {
        add("check.query", field, "it asks nothing", "Write at least one condition, such as `version: '>=15'`.");
    }
    if let Some(Err(error)) = question.version.as_deref().map(Range::parse) {
        let mend = "Write a range such as `>=15` or `2.x`.";
        add("check.version", &format!("{field}.version"), &error.to_string(), mend);
    }
    if let Some(related) = &question.relation
        && RelationType::find(&related.kind).is_none()
    {
        let mend = "Write a relation such as `ownedBy`.";
        add("check.relation", &format!("{field}.relation.type"), "there is no such relation", mend);
    }
    if let Some(not) = &question.not {
        asks(not, &format!("{field}.not"), add);
    }
}
