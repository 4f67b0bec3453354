//! Rules of environments: what may be got and changed where, by whom, how much of it, and when.
//!
//! A rule says for whom it is and states any of several things. For each thing the most specific rule that states it
//! counts, so that an exception is one more rule; and it can always be told which one counted, and why.

mod windows;

pub use windows::{Freeze, Window};

use crate::Problem;
use crate::kinds::environment::Purpose;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Rule {
    /// Its name, unique beside the others.
    #[schemars(length(min = 1))]
    pub name: String,
    /// For whom and what it is; for everything when absent.
    #[serde(rename = "for", skip_serializing_if = "Whom::is_all")]
    pub whom: Whom,
    /// Why there is this rule, in a sentence; whoever is held up reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether it may be got here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may: Option<bool>,
    /// How much one team may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// Times in which nothing changes; an empty list for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freezes: Option<Vec<Freeze>>,
    /// The hours of the week in which upgrades are made; an empty list for any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade_windows: Option<Vec<Window>>,
    /// Who has to agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Agreement>,
    /// Which upgrades are made without being asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automatic: Option<Automatic>,
    /// How long a version waits for its team to merge it, or to bring it by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
}

/// For whom and what a rule is. What it does not say does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Whom {
    /// One team, as `booking` or `group:default/booking`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub team: Option<String>,
    /// One offering, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub offering: Option<String>,
    /// One plan, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub plan: Option<String>,
    /// One environment, by its name; of a rule of the product.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub environment: Option<String>,
    /// Environments of one type; of a rule of the product.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
}

/// How much one team may have of what a rule is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Quota {
    /// So many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// For so much a month, all prices taken together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly: Option<Amount>,
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Amount {
    /// A decimal number as a text, such as `"250.00"`.
    #[schemars(regex(pattern = r"^[0-9]{1,12}(\.[0-9]{1,6})?$"))]
    pub amount: String,
    /// The currency by its ISO 4217 code.
    #[schemars(regex(pattern = r"^[A-Z]{3}$"))]
    pub currency: String,
}

/// Something that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// Getting something.
    Order,
    /// Bringing something to another version.
    Upgrade,
    /// Giving what runs another plan or other inputs. What is said of getting something is said of this as well.
    Change,
}

/// Who has to agree, to what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Agreement {
    /// The group, one of whose members agrees; somebody else than who asks.
    pub by: String,
    /// To what; an empty list says that nobody has to agree.
    pub to: Vec<Act>,
    /// After how many days it lapses; 7 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 90))]
    pub within_days: Option<u32>,
}

impl Agreement {
    /// After how many days it lapses.
    pub fn days(&self) -> u32 {
        self.within_days.unwrap_or(7)
    }
}

/// Which upgrades are made without being asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Automatic {
    /// Which.
    pub upgrades: Which,
    /// How many days its team has for doing it at a time of its own, from when the version was published.
    pub after_days: u32,
}

/// How long a version waits for its team to merge it, or to bring it by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Waiting {
    /// After how many days it is given up.
    #[schemars(range(min = 1, max = 365))]
    pub days: u32,
    /// How many days before that its team is reminded.
    #[serde(default = "Waiting::usual_reminder")]
    #[schemars(range(max = 365))]
    pub remind_days: u32,
}

impl Default for Waiting {
    fn default() -> Waiting {
        Waiting { days: 30, remind_days: Waiting::usual_reminder() }
    }
}

impl Waiting {
    fn usual_reminder() -> u32 {
        7
    }
}

/// Some upgrades.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// None.
    #[default]
    None,
    /// Those that break nothing.
    Compatible,
    /// All.
    All,
}

/// What a rule can state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// Whether it may be got.
    May,
    /// How much of it.
    Quota,
    /// When nothing changes.
    Freezes,
    /// When upgrades are made.
    UpgradeWindows,
    /// Who has to agree.
    Approval,
    /// Which upgrades come by themselves.
    Automatic,
    /// How long a version waits for its team.
    Waiting,
}

impl Aspect {
    /// All of them.
    pub const ALL: [Aspect; 7] = [
        Aspect::May,
        Aspect::Quota,
        Aspect::Freezes,
        Aspect::UpgradeWindows,
        Aspect::Approval,
        Aspect::Automatic,
        Aspect::Waiting,
    ];
}

/// What is asked about: who wants what, where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The team, by its full name.
    pub team: &'a str,
    /// Name of the offering.
    pub offering: &'a str,
    /// Name of the plan.
    pub plan: Option<&'a str>,
    /// Name of the environment.
    pub environment: &'a str,
    /// What that is for.
    pub purpose: Purpose,
}

impl Whom {
    /// Whether it says nothing.
    pub fn is_all(&self) -> bool {
        *self == Whom::default()
    }

    /// Whether a rule is for what is asked about.
    pub fn fits(&self, asked: &Asked<'_>) -> bool {
        let same =
            |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|text| text.eq_ignore_ascii_case(is));
        let team = |text: &str| {
            let named = crate::Ref::parse(text, Some("Group"), crate::reference::DEFAULT_NAMESPACE);
            named.is_ok_and(|name| name.as_str() == asked.team)
        };
        self.team.as_deref().is_none_or(team)
            && same(&self.offering, asked.offering)
            && (self.plan.is_none() || same(&self.plan, asked.plan.unwrap_or_default()))
            && same(&self.environment, asked.environment)
            && self.purpose.is_none_or(|purpose| purpose == asked.purpose)
    }

    /// How much it says: a team counts more than all the rest, then a plan, an offering, an environment, and its type.
    pub fn weight(&self) -> u8 {
        let parts = [
            (self.team.is_some(), 16),
            (self.plan.is_some(), 8),
            (self.offering.is_some(), 4),
            (self.environment.is_some(), 2),
            (self.purpose.is_some(), 1),
        ];
        parts.iter().filter(|(said, _)| *said).map(|(_, weight)| weight).sum()
    }

    /// What it says, in words: "the team booking and the offering postgres".
    pub fn words(&self) -> String {
        let parts = [
            ("team", &self.team),
            ("plan", &self.plan),
            ("offering", &self.offering),
            ("environment", &self.environment),
        ];
        let mut said: Vec<String> =
            parts.iter().filter_map(|(what, name)| Some(format!("the {what} {}", name.as_ref()?))).collect();
        said.extend(self.purpose.map(|purpose| format!("environments of the type {}", purpose.word())));
        if said.is_empty() { "everything".to_owned() } else { said.join(" and ") }
    }
}

impl Rule {
    /// Whether it states something.
    pub fn states(&self, aspect: Aspect) -> bool {
        match aspect {
            Aspect::May => self.may.is_some(),
            Aspect::Quota => self.quota.is_some(),
            Aspect::Freezes => self.freezes.is_some(),
            Aspect::UpgradeWindows => self.upgrade_windows.is_some(),
            Aspect::Approval => self.approval.is_some(),
            Aspect::Automatic => self.automatic.is_some(),
            Aspect::Waiting => self.waiting.is_some(),
        }
    }

    /// How specific it is; a rule of an environment names that one.
    pub fn weight(&self, of_environment: bool) -> u8 {
        let named = of_environment && self.whom.environment.is_none();
        self.whom.weight() + if named { 2 } else { 0 }
    }
}

impl Amount {
    /// In millionths; none for what is no number.
    pub fn micros(&self) -> Option<i128> {
        micros(&self.amount)
    }
}

/// What is wrong with some rules.
pub(crate) fn check(rules: &[Rule], of_environment: bool, out: &mut Vec<Problem>) {
    for (at, rule) in rules.iter().enumerate() {
        let mut add = |field: &str, message: String, mend: &str| {
            out.push(Problem::new("rule", format!("spec.rules.{at}.{field}"), message, mend));
        };
        if rules[..at].iter().any(|other| other.name == rule.name) {
            add("name", format!("there are two rules {:?}", rule.name), "Give each a name of its own.");
        }
        if Aspect::ALL.iter().all(|aspect| !rule.states(*aspect)) {
            let mend = "State one of: may, quota, freezes, upgradeWindows, approval, automatic, waiting.";
            add("name", format!("the rule {:?} states nothing", rule.name), mend);
        }
        if of_environment && (rule.whom.environment.is_some() || rule.whom.purpose.is_some()) {
            let mend = "Take it out here, or write the rule into the product.";
            add("for", "a rule of an environment is for that one".to_owned(), mend);
        }
        if rule.approval.as_ref().is_some_and(|approval| approval.by.is_empty() && !approval.to.is_empty()) {
            add("approval.by", "nobody is named who agrees".to_owned(), "Name a group.");
        }
        if rule.freezes.iter().flatten().any(|freeze| freeze.until <= freeze.from) {
            add("freezes", "it is over before it begins".to_owned(), "Put `until` after `from`.");
        }
    }
}

/// A decimal number in millionths; what is smaller is cut off.
pub fn micros(text: &str) -> Option<i128> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 20 || !digits(whole) || !digits(part) {
        return None;
    }
    let part: String = part.chars().chain("000000".chars()).take(6).collect();
    Some(whole.parse::<i128>().ok()? * 1_000_000 + part.parse::<i128>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact() {
        let known = [("0", 0), ("12.50", 12_500_000), ("0.1", 100_000), ("250.0000009", 250_000_000)];
        for (text, wanted) in known {
            assert_eq!(micros(text), Some(wanted), "{text}");
        }
        assert!(["", ".5", "-1", "1e3", "1,5"].iter().all(|text| micros(text).is_none()));
    }

    #[test]
    fn each_part_outweighs_all_that_count_less() {
        // All 32 rules, by which of the five parts they name.
        let whom = |bits: u8| {
            let part = |bit: u8| (bits & bit != 0).then(|| "x".to_owned());
            Whom {
                team: part(16),
                plan: part(8),
                offering: part(4),
                environment: part(2),
                purpose: (bits & 1 != 0).then_some(Purpose::Test),
            }
        };
        for bits in 0..32 {
            assert_eq!(whom(bits).weight(), bits, "{:?}", whom(bits));
        }
    }
}
