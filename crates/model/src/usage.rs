//! The usage ledger: facts about use that come in numbers.

use crate::Micros;
use crate::naming::TEAM;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The highest count of one reading.
pub const MOST_COUNT: i64 = 1_000_000_000;
/// The highest count of one day of one user of one thing; what is beyond is not counted. It is far below what the sum
/// of all days that a ledger can hold needs to leave the numbers of a database.
pub const MOST_A_DAY: i64 = 1_000_000_000_000;

/// Texts without control characters.
const PLAIN: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

/// One reading of use. Kept once per `(source, id)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("anyOf" = [
    {"required": ["team"], "properties": {"team": {"type": "string"}}},
    {"required": ["principal"], "properties": {"principal": {"type": "string"}}},
]))]
pub struct UsageReading {
    /// Who measured it: a driver, a door of Loggia, or a reporter. With `id` it is the key.
    #[serde(default)]
    #[schemars(length(max = 300), regex(pattern = PLAIN))]
    pub source: String,
    /// Identity within the source.
    #[schemars(length(min = 1, max = 300), regex(pattern = PLAIN))]
    pub id: String,
    /// When the use happened.
    pub time: Micros,
    /// The team, as the name of its group; either this or `principal` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = TEAM))]
    pub team: Option<String>,
    /// The person or service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 300), regex(pattern = PLAIN))]
    pub principal: Option<String>,
    /// Name of the offering.
    #[schemars(length(min = 1, max = 300), regex(pattern = PLAIN))]
    pub offering: String,
    /// Name of the release, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 300), regex(pattern = PLAIN))]
    pub release: Option<String>,
    /// The feature of the offering, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 300), regex(pattern = PLAIN))]
    pub feature: Option<String>,
    /// Name of the instance, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 300), regex(pattern = PLAIN))]
    pub instance: Option<String>,
    /// How it was used: `connection`, `push`, `request`, `order`, …
    #[schemars(length(min = 1, max = 300), regex(pattern = PLAIN))]
    pub channel: String,
    /// How often, at least 0 and at most [`MOST_COUNT`].
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub count: i64,
    /// Whether it worked: `ok` or `error`.
    #[serde(default = "ok")]
    #[schemars(regex(pattern = r"^(ok|error)$"))]
    pub outcome: String,
    /// Whether a rule made the team use it.
    #[serde(default)]
    pub mandated: bool,
}

/// Who uses what: derived from the readings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Use {
    /// Name of the offering.
    pub offering: String,
    /// Name of the release; empty when not known.
    pub release: String,
    /// The team; empty when not known.
    pub team: String,
    /// A name that readings give for a team, and that is none here: such use is no team's until it is there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unknown_team: String,
    /// The person or service, where no team is known.
    pub principal: String,
    /// The instance; empty when not known.
    pub instance: String,
    /// First use.
    pub since: Micros,
    /// Last use.
    pub last_seen: Micros,
    /// How often by choice.
    pub by_choice: i64,
    /// How often because of a rule.
    pub mandated: i64,
    /// How often it failed.
    pub errors: i64,
}

impl Use {
    /// How often in all.
    pub fn total(&self) -> i64 {
        self.by_choice.saturating_add(self.mandated)
    }
}

fn one() -> i64 {
    1
}

fn ok() -> String {
    "ok".to_owned()
}
