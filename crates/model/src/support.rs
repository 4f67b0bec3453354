//! For how long a version is looked after, and how soon what is wrong in it is mended.

use crate::Day;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// For how long a version is looked after, each day with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Support {
    /// The last day on which it gets everything new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_until: Option<Day>,
    /// The last day on which what is wrong in it is mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance_until: Option<Day>,
    /// The last day on which only the worst is mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended_until: Option<Day>,
}

/// How a version is looked after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SupportPhase {
    /// It gets everything new.
    #[default]
    Active,
    /// What is wrong in it is mended.
    Maintenance,
    /// Only the worst is mended.
    Extended,
    /// Nobody looks after it.
    Ended,
}

impl SupportPhase {
    /// Every phase, the first one first.
    pub const ALL: [SupportPhase; 4] =
        [SupportPhase::Active, SupportPhase::Maintenance, SupportPhase::Extended, SupportPhase::Ended];

    /// Its word, as in the API.
    pub fn word(self) -> &'static str {
        match self {
            SupportPhase::Active => "active",
            SupportPhase::Maintenance => "maintenance",
            SupportPhase::Extended => "extended",
            SupportPhase::Ended => "ended",
        }
    }
}

impl Support {
    /// The last day of each phase that it says, in their order.
    pub fn days(&self) -> impl Iterator<Item = (SupportPhase, Day)> + use<> {
        let days = [
            (SupportPhase::Active, self.active_until),
            (SupportPhase::Maintenance, self.maintenance_until),
            (SupportPhase::Extended, self.extended_until),
        ];
        days.into_iter().filter_map(|(phase, day)| Some((phase, day?)))
    }

    /// The phase on a day, and its last day; active without an end when it says nothing. From the day `off` on, when
    /// there is one, it is ended whatever it says.
    pub fn on(&self, day: Day, off: Option<Day>) -> (SupportPhase, Option<Day>) {
        if off.is_some_and(|off| off <= day) {
            return (SupportPhase::Ended, None);
        }
        let last = off.map(|off| Day(off.0 - 1));
        if self.days().next().is_none() {
            return (SupportPhase::Active, last);
        }
        match self.days().find(|(_, until)| day <= *until) {
            Some((phase, until)) => (phase, Some(last.map_or(until, |last| last.min(until)))),
            None => (SupportPhase::Ended, None),
        }
    }

    /// Its last day of all; none when it says nothing.
    pub fn end(&self) -> Option<Day> {
        self.days().map(|(_, day)| day).max()
    }

    /// The first day on which it does not get everything new any more, of a version that is out since a day; none when
    /// it says nothing.
    pub fn settles(&self, out: Day) -> Option<Day> {
        let (first, until) = self.days().next()?;
        Some(if first == SupportPhase::Active { until.plus(1) } else { out })
    }

    /// The first day on which nobody looks after it; none when it says nothing.
    pub fn ends(&self) -> Option<Day> {
        self.end().map(|last| last.plus(1))
    }

    /// The first phase that would be over before the one before it.
    pub fn fault(&self) -> Option<(SupportPhase, Day, Day)> {
        let days: Vec<(SupportPhase, Day)> = self.days().collect();
        days.windows(2).find(|two| two[1].1 < two[0].1).map(|two| (two[1].0, two[1].1, two[0].1))
    }
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is used against us, or data is lost.
    Critical,
    /// It can be used against us, or many cannot work.
    High,
    /// Some cannot work, and there is a way around.
    Medium,
    /// It disturbs.
    Low,
}

/// Within how many days something is mended in a version, by how that is looked after; not at all where none is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct FixDays {
    /// While it gets everything new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<u32>,
    /// While what is wrong in it is mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<u32>,
    /// While only the worst is mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended: Option<u32>,
}

impl FixDays {
    /// Within how many days, in a phase.
    pub fn within(&self, phase: SupportPhase) -> Option<u32> {
        match phase {
            SupportPhase::Active => self.active,
            SupportPhase::Maintenance => self.maintenance,
            SupportPhase::Extended => self.extended,
            SupportPhase::Ended => None,
        }
    }
}

/// How soon what is wrong is mended, by how bad it is.
pub type Fixes = BTreeMap<Severity, FixDays>;

/// What is promised when a product says nothing.
pub fn usual_fixes() -> Fixes {
    let days = |active, maintenance, extended| FixDays { active, maintenance, extended };
    Fixes::from([
        (Severity::Critical, days(Some(2), Some(7), Some(14))),
        (Severity::High, days(Some(14), Some(30), None)),
        (Severity::Medium, days(Some(90), None, None)),
        (Severity::Low, FixDays::default()),
    ])
}

#[cfg(test)]
mod tests {
    use super::{Support, SupportPhase};
    use crate::Day;

    /// Every way to give or leave out its days: the first day of an end is the first one on which the phase says so.
    #[test]
    fn its_ends_are_where_its_phases_end() {
        let days = || std::iter::once(None).chain((2..6).map(|day| Some(Day(day))));
        for active in days() {
            for (maintenance, extended) in days().flat_map(|one| days().map(move |other| (one, other))) {
                let said = Support { active_until: active, maintenance_until: maintenance, extended_until: extended };
                if said.fault().is_some() {
                    continue;
                }
                for day in (0..9).map(Day) {
                    let (phase, _) = said.on(day, None);
                    let from = |first: Option<Day>| first.is_some_and(|first| first <= day);
                    assert_eq!(from(said.ends()), phase == SupportPhase::Ended, "{said:?} {day}");
                    assert_eq!(from(said.settles(Day(0))), phase != SupportPhase::Active, "{said:?} {day}");
                }
            }
        }
    }
}
