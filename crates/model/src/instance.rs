//! What is running: the parts of an instance that drivers, workers and pages share.

use crate::composition::{Held, MadeOf};
use crate::instance_access::Access;
use crate::rule::Act;
use crate::{Micros, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How firmly the platform holds an instance; it climbs one step at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Seen, versioned, owned; nobody has confirmed it.
    #[default]
    Observed,
    /// Confirmed by its owner.
    Enrolled,
    /// A driver owns it.
    Managed,
}

/// Where an instance is in its life. Every phase but `Ready`, `Failed` and `Gone` has an operation that will end it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Ordered; nothing was done outside yet.
    #[default]
    Pending,
    /// A driver is at work.
    Progressing,
    /// Runs as asked.
    Ready,
    /// The last operation ended with an error; the owner or the platform has to act.
    Failed,
    /// Being destroyed.
    Deleting,
    /// Absence was observed.
    Gone,
    /// Not seen for longer than its environment allows. Never the same as gone.
    Unknown,
}

/// Whether one thing is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    /// It is.
    True,
    /// It is not.
    False,
    /// Nobody knows.
    Unknown,
}

/// One statement about an instance, as Kubernetes writes conditions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    /// What the statement is about, such as `Ready` or `SourceGone`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The verdict.
    pub status: Verdict,
    /// One word in CamelCase, for machines.
    pub reason: String,
    /// One sentence for people.
    #[serde(default)]
    pub message: String,
}

/// What changed when an owner confirmed an instance, so that it can be taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Enrolment {
    /// The contact since then: who confirmed it.
    pub contact: String,
    /// The contact before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// What an instance was before an upgrade.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Earlier {
    /// Name of its release.
    pub release: String,
    /// What was filled in.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
}

/// What an instance was before a version that was made beside it. It is kept for a while as the way back, and taken away
/// then.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Which of the things that were made for the instance.
    pub generation: u32,
    /// Name of its release.
    pub release: String,
    /// What was filled in.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// Until when it is kept.
    pub until: Micros,
}

/// A version that people bring: as a change for its team to merge, or by hand. Until that was seen the instance is what
/// it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeRequest {
    /// Name of the release that it brings.
    pub release: String,
    /// Its version.
    pub version: String,
    /// What is filled in then.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// The branch on which it waits; empty for what goes by hand.
    pub branch: String,
    /// What a look sees once it is done: that version, or one below it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub expects: String,
    /// Who asked for it.
    pub by: String,
    /// Since when.
    pub since: Micros,
    /// When it is given up, if nobody brought it by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Micros>,
    /// Whether its driver has made it: before that, a look says nothing about it.
    #[serde(default)]
    pub made: bool,
    /// Whether it leads back to the version before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub back: bool,
}

/// An upgrade that waits for the hours in which upgrades are made where it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Queued {
    /// The version.
    pub to: String,
    /// The operation that waits.
    pub operation: Uid,
    /// Who asked.
    pub by: String,
    /// Since when.
    pub since: Micros,
    /// When it begins.
    pub opens: Micros,
    /// When it is given up, if it could not begin by then.
    pub until: Micros,
    /// The rule that names the hours, in words.
    pub rule: String,
    /// Whether it is known that what was written since is lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirmed: bool,
}

/// That its team does not want what would come by itself, for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PutOff {
    /// The version.
    pub version: String,
    /// Until when.
    pub until: Micros,
}

/// What is to become of the plan and the inputs of what runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alteration {
    /// Name of the plan; it keeps the one that it has when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The inputs that become another; null for what is taken away. Secrets are kept elsewhere.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// Names of the secret inputs that get another value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

/// Something that waits until somebody else agrees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// What was asked for.
    pub act: Act,
    /// The rule that asks for it, in words.
    pub rule: String,
    /// Why there is that rule.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// The group, one of whose members agrees.
    pub by: String,
    /// Who asked.
    pub asked_by: String,
    /// When.
    pub asked_at: Micros,
    /// When it lapses.
    pub until: Micros,
    /// The operation that waits.
    pub operation: Uid,
    /// The version of an upgrade; the newest one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What would become of plan and inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Alteration>,
}

/// A decision about something that waited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Agreed {
    /// What was asked for.
    pub act: Act,
    /// Yes or no.
    pub agreed: bool,
    /// Who decided; the clock, when nobody did in time.
    pub by: String,
    /// When.
    pub at: Micros,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The rule that asked for it.
    pub rule: String,
    /// Who asked.
    pub asked_by: String,
}

/// The status of an instance: everything that the server knows and nobody types.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceStatus {
    /// Where it is in its life.
    pub phase: Phase,
    /// Name of the release that was last applied, such as `postgres-2.2.0`; empty when none is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub applied: String,
    /// The version of what really runs, as observed (for PostgreSQL, the version of the server).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Statements about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// What its users need to reach it; never a secret.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
    /// Names of the outputs that are kept as secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secret_outputs: Vec<String>,
    /// The newest operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Uid>,
    /// How it is known: `driver`, or who reported it, such as `pipeline` or `cdevents`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub known_by: String,
    /// Where it was observed to run, as the reporter named it: labels for people and for match rules.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub attributes: Map<String, Value>,
    /// Since when this version runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Micros>,
    /// What it was before its last upgrade, or is while one is under way; what there is a way back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Earlier>,
    /// The version that waits for people to bring it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeRequest>,
    /// The upgrade that waits for its hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued: Option<Queued>,
    /// What does not come by itself for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put_off: Option<PutOff>,
    /// How often something was made beside what there was: which of the things made for it is the one in use.
    #[serde(skip_serializing_if = "is_first")]
    pub generation: u32,
    /// What it was before that, as long as it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
    /// What waits until somebody agrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// What was decided about it, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agreements: Vec<Agreed>,
    /// How it was enrolled, while it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrolment: Option<Enrolment>,
    /// When it was last made right again by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repaired: Option<Micros>,
    /// The driver that holds it, where that is not the one of its release: what was made before this server looked
    /// after it is carried by `replay`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// The backend that it was made on; none before a driver began to make it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<HeldBackend>,
    /// Who uses it with credentials of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<Access>,
    /// What it is made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_of: Option<MadeOf>,
    /// Its newest operation waits for what it needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
}

fn is_first(generation: &u32) -> bool {
    *generation == 0
}

impl ChangeRequest {
    /// Whether a version that was seen is the one that it brings.
    pub fn is_done_at(&self, seen: &str) -> bool {
        let expects = if self.expects.is_empty() { &self.version } else { &self.expects };
        seen == expects || seen.strip_prefix(expects.as_str()).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// Which backend holds an instance: only there can it be looked for and taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldBackend {
    /// Its name in the environment.
    pub name: String,
    /// The driver.
    pub driver: String,
    /// Digest of its settings.
    pub settings: String,
    /// Name of the secret that it needs. The secret itself may be renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<String>,
}
