//! The one plan by which something goes away: its dates, what was decided about it, and where it stands now.
//!
//! Where an ending stands is worked out from its dates, from what was decided and from the time; it is never stored.
//! What may be decided is said by [`steps`], as pure functions.

mod dates;
mod proposal;
pub mod rule;
pub mod steps;

pub use dates::{Brownout, Dates, Reach};
pub use proposal::{Origin, Proposal, Trial, Wish};
pub use rule::EndingRule;

use crate::{Day, Micros};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an ending stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EndingState {
    /// Being planned; nobody was told.
    #[default]
    Draft,
    /// Given up before it took effect.
    Cancelled,
    /// People were told.
    Announced,
    /// It should not be chosen any more.
    Effective,
    /// Nobody new gets it.
    ClosedToNew,
    /// Off for a while, so that forgotten callers show up.
    Brownout,
    /// What runs is not changed any more.
    ClosedToUpdates,
    /// Its last day is over.
    Off,
    /// Taken away; it is not proved yet that nothing is left.
    Removed,
    /// Nothing is left, and that was observed.
    Proved,
}

impl EndingState {
    /// Its word, as in the API.
    pub fn word(self) -> &'static str {
        match self {
            EndingState::Draft => "draft",
            EndingState::Cancelled => "cancelled",
            EndingState::Announced => "announced",
            EndingState::Effective => "effective",
            EndingState::ClosedToNew => "closed-to-new",
            EndingState::Brownout => "brownout",
            EndingState::ClosedToUpdates => "closed-to-updates",
            EndingState::Off => "off",
            EndingState::Removed => "removed",
            EndingState::Proved => "proved",
        }
    }

    /// Whether people were told and it was not given up.
    pub fn is_told(self) -> bool {
        self >= EndingState::Announced
    }
}

/// What people see of an ending: one of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing was announced.
    Available,
    /// It was announced.
    GoingAway,
    /// Nobody new gets it, and it is off on a day.
    OffOn(Day),
    /// It was proved that nothing is left.
    Gone,
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Standing::Available => f.write_str("available"),
            Standing::GoingAway => f.write_str("going away"),
            Standing::OffOn(day) => write!(f, "off on {}", day.words()),
            Standing::Gone => f.write_str("gone (proved)"),
        }
    }
}

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deed {
    /// When.
    pub at: Micros,
    /// Who.
    pub by: String,
    /// Why, when it was asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Permission to differ from an ending for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exemption {
    /// The team, by its full name.
    pub team: String,
    /// One instance of it only, by its full name; all that it has when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The day on which it ends.
    pub until: Day,
    /// Why.
    pub reason: String,
    /// Who granted it.
    pub by: String,
    /// When.
    pub at: Micros,
}

/// Why an ending could be shorter than its rule allows: who asked and who agreed are two people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Emergency {
    /// Why.
    pub reason: String,
    /// Who asked.
    pub by: String,
    /// Who agreed.
    pub approved_by: String,
    /// When.
    pub at: Micros,
}

/// Something urgent that waits for a second person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pending {
    /// The dates that it would have then.
    pub dates: Dates,
    /// Why it is urgent.
    pub reason: String,
    /// Who asked.
    pub by: String,
    /// When.
    pub at: Micros,
}

/// Earlier days that two people agreed on, until the text that is kept in a repository says them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Agreed {
    /// The days that the text had then.
    pub before: Dates,
    /// The days that it may say.
    pub after: Dates,
}

/// A time at which what was proved was found not to hold any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reopened {
    /// When.
    pub at: Micros,
    /// What was found.
    pub found: String,
}

/// The status of an ending: what was decided about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EndingStatus {
    /// That people were told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announced: Option<Deed>,
    /// That it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<Deed>,
    /// That it was taken away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<Deed>,
    /// When it was proved that nothing is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proved: Option<Micros>,
    /// When that was found not to hold any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reopened: Vec<Reopened>,
    /// Why its dates could be so early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Emergency>,
    /// What waits for a second person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// Earlier days that were agreed on and that its repository does not say yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreed: Option<Agreed>,
    /// Who may differ, until when.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exemptions: Vec<Exemption>,
    /// The state that the history tells last.
    pub told: EndingState,
    /// Statements of the server about the text.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

impl EndingStatus {
    /// Where it stands at a time.
    pub fn state(&self, dates: &Dates, now: Micros) -> EndingState {
        let passed = |day: Option<Day>| day.is_some_and(|day| day.start() <= now);
        if self.proved.is_some() {
            EndingState::Proved
        } else if self.removed.is_some() {
            EndingState::Removed
        } else if self.cancelled.is_some() {
            EndingState::Cancelled
        } else if self.announced.is_none() {
            EndingState::Draft
        } else if passed(Some(dates.off)) {
            EndingState::Off
        } else if passed(dates.closed_to_updates) {
            EndingState::ClosedToUpdates
        } else if dates.brownout(now).is_some() {
            EndingState::Brownout
        } else if passed(dates.closed_to_new) {
            EndingState::ClosedToNew
        } else if passed(Some(dates.effective)) {
            EndingState::Effective
        } else {
            EndingState::Announced
        }
    }

    /// What people see at a time.
    pub fn standing(&self, dates: &Dates, now: Micros) -> Standing {
        match self.state(dates, now) {
            EndingState::Draft | EndingState::Cancelled => Standing::Available,
            EndingState::Announced | EndingState::Effective => Standing::GoingAway,
            EndingState::Proved => Standing::Gone,
            _ => Standing::OffOn(dates.off),
        }
    }

    /// Whether a team, with one of its instances or all of them, may differ at a time.
    pub fn exempts(&self, team: &str, instance: Option<&str>, now: Micros) -> bool {
        self.exemptions.iter().any(|one| {
            let covers = one.instance.is_none() || one.instance.as_deref() == instance;
            one.team == team && covers && now < one.until.start()
        })
    }
}
