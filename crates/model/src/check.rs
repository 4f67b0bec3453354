//! What a check says about one thing, and who may differ from it.

use crate::ending::Exemption;
use crate::{Day, Micros};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a check came to. Only [`Outcome::Passes`] is a success: what is not known is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is as it should be.
    Passes,
    /// It is not, and nothing excuses it.
    Fails,
    /// It is not, and has time left.
    Grace,
    /// It is not, and somebody allowed that for a while.
    Exempt,
    /// Nobody knows.
    Unknown,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 5] = [Outcome::Passes, Outcome::Fails, Outcome::Grace, Outcome::Exempt, Outcome::Unknown];

    /// Its word, as in the API.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Passes => "passes",
            Outcome::Fails => "fails",
            Outcome::Grace => "grace",
            Outcome::Exempt => "exempt",
            Outcome::Unknown => "unknown",
        }
    }
}

/// What a check says about one thing at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// What it came to.
    pub outcome: Outcome,
    /// The day on which the grace or the exemption ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
    /// What was found, in one sentence; empty when it passes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

impl Verdict {
    /// It is as it should be.
    pub fn passes() -> Verdict {
        Verdict { outcome: Outcome::Passes, until: None, why: String::new() }
    }

    /// It is not.
    pub fn fails(why: impl Into<String>) -> Verdict {
        Verdict { outcome: Outcome::Fails, until: None, why: why.into() }
    }

    /// Nobody knows.
    pub fn unknown(why: impl Into<String>) -> Verdict {
        Verdict { outcome: Outcome::Unknown, until: None, why: why.into() }
    }

    /// What becomes of a failure that is excused until a day: one that has not come.
    #[must_use]
    pub fn excused(self, outcome: Outcome, until: Option<Day>, now: Micros) -> Verdict {
        match until.filter(|day| self.outcome == Outcome::Fails && now < day.start()) {
            Some(day) => Verdict { outcome, until: Some(day), why: self.why },
            None => self,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.outcome, self.until) {
            (Outcome::Grace, Some(day)) => write!(f, "in grace until {day}"),
            (Outcome::Exempt, Some(day)) => write!(f, "exempt until {day}"),
            (outcome, _) => f.write_str(outcome.word()),
        }
    }
}

/// What a probe answered about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// When it was asked.
    pub at: Micros,
    /// Whether it passed; none when there was no answer.
    pub passed: Option<bool>,
    /// What it said, in one sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
}

/// The status of a check: who may differ from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckStatus {
    /// Who may differ, until when. The thing is named where an ending names an instance.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exemptions: Vec<Exemption>,
    /// Statements of the server about the text.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

/// The last day of what is allowed to a team, or to one of its things, at a time; none when nothing is.
pub fn exempt_until(exemptions: &[Exemption], team: &str, thing: &str, now: Micros) -> Option<Day> {
    let covers = |one: &&Exemption| {
        one.team == team && one.instance.as_deref().is_none_or(|name| name == thing) && now < one.until.start()
    };
    exemptions.iter().filter(covers).map(|one| one.until).max()
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Verdict};
    use crate::Day;

    #[test]
    fn only_a_failure_is_excused_and_only_until_its_day() {
        let day = Day(100);
        for verdict in [Verdict::passes(), Verdict::unknown("nobody looked")] {
            assert_eq!(verdict.clone().excused(Outcome::Grace, Some(day), Day(1).start()), verdict);
        }
        let fails = Verdict::fails("it is old");
        assert_eq!(
            fails.clone().excused(Outcome::Exempt, Some(day), Day(99).start()).to_string(),
            "exempt until 1970-04-11"
        );
        assert_eq!(fails.clone().excused(Outcome::Exempt, Some(day), day.start()), fails);
        assert_eq!(fails.clone().excused(Outcome::Grace, None, Day(1).start()), fails);
    }
}
