//! How much notice an ending has to give: rules as data, those of others as presets.

use super::proposal::settled;
use super::{Dates, Trial};
use crate::Day;
use crate::kinds::offering::Stage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much notice an ending has to give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct EndingRule {
    /// Days from the announcement to the last day, by how settled the thing is.
    pub notice: Notice,
    /// Days from taking effect until nobody new gets it; when given, an ending has to say that day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_to_new_after: Option<u32>,
    /// Days from then until what runs is not changed any more; when given, an ending has to say that day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_to_updates_after: Option<u32>,
    /// When it is off on trial before; when given, an ending has to say as many brownouts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brownouts: Vec<Trial>,
    /// For how many days after the last one an exemption may last.
    #[serde(default = "usual_exemption")]
    pub exemption: u32,
    /// For how many days nobody may have used it before it is taken away.
    #[serde(default = "usual_quiet")]
    pub quiet: u32,
}

fn usual_exemption() -> u32 {
    90
}

fn usual_quiet() -> u32 {
    7
}

/// Days of notice, by how settled something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Notice {
    /// What is generally available.
    pub ga: u32,
    /// What is nearly settled.
    pub preview: u32,
    /// What may go at any time.
    #[serde(default)]
    pub experimental: u32,
}

/// The names of the rules that come with the program.
pub const PRESETS: [&str; 3] = ["kubernetes", "aip-181", "aws-lambda"];

impl EndingRule {
    /// A rule by its name: of the product, else one that comes with the program.
    pub fn named(own: &BTreeMap<String, EndingRule>, name: &str) -> Option<EndingRule> {
        own.get(name).cloned().or_else(|| preset(name))
    }

    /// The days of notice for something.
    pub fn notice(&self, stage: Stage) -> u32 {
        match stage {
            Stage::Ga => self.notice.ga,
            Stage::Preview => self.notice.preview,
            Stage::Experimental => self.notice.experimental,
        }
    }

    /// What is too short when people are told on a day; none when nothing is.
    pub fn too_short(&self, dates: &Dates, told: Day, stage: Stage) -> Option<String> {
        let (notice, given) = (self.notice(stage), dates.off.since(told));
        if given < i64::from(notice) {
            let (what, first) = (settled(stage), told.plus(notice).words());
            let given = given.max(0);
            return Some(format!(
                "{notice} days of notice are needed for what is {what}, and {given} are given; it is off on {first} at \
                 the earliest"
            ));
        }
        let gap = |name: &str, from: Day, to: Option<Day>, least: Option<u32>| {
            let least = least?;
            match to {
                None => Some(format!("the rule asks for a day from which it is {name}")),
                Some(day) if day.since(from) < i64::from(least) => Some(format!(
                    "it is {name} {least} days later at the earliest, on {}, and the plan says {}",
                    from.plus(least).words(),
                    day.words()
                )),
                Some(_) => None,
            }
        };
        let from = dates.closed_to_new.unwrap_or(dates.effective);
        let trials = || {
            let (wanted, given) = (self.brownouts.len(), dates.brownouts.len());
            (given < wanted).then(|| format!("the rule asks for {wanted} brownouts, and {given} are planned"))
        };
        gap("closed to new", dates.effective, dates.closed_to_new, self.closed_to_new_after)
            .or_else(|| gap("closed to updates", from, dates.closed_to_updates, self.closed_to_updates_after))
            .or_else(trials)
    }
}

/// A rule that comes with the program, as its source has it, in days.
///
/// `kubernetes`: a year for what is generally available, nine months for a beta, none for an alpha (deprecation policy).
/// `aip-181`: a year for what is stable; for a beta the 180 days that AIP-185 recommends. `aws-lambda`: three dates, 30
/// days apart, after half a year of notice, as its table of runtimes has them.
fn preset(name: &str) -> Option<EndingRule> {
    let rule = |ga, preview, gap| EndingRule {
        notice: Notice { ga, preview, experimental: 0 },
        closed_to_new_after: gap,
        closed_to_updates_after: gap,
        brownouts: Vec::new(),
        exemption: usual_exemption(),
        quiet: usual_quiet(),
    };
    match name {
        "kubernetes" => Some(rule(365, 274, None)),
        "aip-181" => Some(rule(365, 180, None)),
        "aws-lambda" => Some(rule(180, 180, Some(30))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{EndingRule, PRESETS};
    use crate::Day;
    use crate::ending::Dates;
    use crate::kinds::offering::Stage;
    use std::collections::BTreeMap;

    #[test]
    fn presets_say_how_short_is_too_short() {
        let own = BTreeMap::new();
        assert!(PRESETS.iter().all(|name| EndingRule::named(&own, name).is_some()));
        let dates = Dates { effective: Day(1_000), off: Day(1_300), ..Dates::default() };
        let kubernetes = EndingRule::named(&own, "kubernetes").unwrap();
        let why = kubernetes.too_short(&dates, Day(990), Stage::Ga).unwrap();
        assert!(
            why.starts_with("365 days of notice are needed for what is generally available, and 310 are given"),
            "{why}"
        );
        assert_eq!(kubernetes.too_short(&dates, Day(990), Stage::Preview), None);
        let lambda = EndingRule::named(&own, "aws-lambda").unwrap();
        assert!(lambda.too_short(&dates, Day(990), Stage::Ga).unwrap().contains("closed to new"));
        let closing = Dates { closed_to_new: Some(Day(1_030)), closed_to_updates: Some(Day(1_059)), ..dates };
        assert!(lambda.too_short(&closing, Day(990), Stage::Ga).unwrap().contains("closed to updates"));
        let right = Dates { closed_to_updates: Some(Day(1_060)), ..closing };
        assert_eq!(lambda.too_short(&right, Day(990), Stage::Ga), None);
    }
}
