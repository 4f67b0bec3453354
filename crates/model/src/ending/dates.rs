//! The dates of an ending, and whether they are in order.

use crate::{Day, Micros};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The dates of an ending, each from the start of its day in UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Dates {
    /// When people are to be told; when somebody says so, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced: Option<Day>,
    /// From when it should not be chosen any more.
    pub effective: Day,
    /// From when nobody new gets it; from its last day when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_to_new: Option<Day>,
    /// Hours in which it is off on trial, so that forgotten callers show up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brownouts: Vec<Brownout>,
    /// From when what runs is not changed any more; from its last day when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_to_updates: Option<Day>,
    /// From when it is off.
    pub off: Day,
}

/// Some hours in which something is off on trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Brownout {
    /// When it begins.
    pub from: Micros,
    /// When it is over.
    pub to: Micros,
    /// What is off.
    #[serde(default)]
    pub scope: Reach,
}

/// What a brownout reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// Getting a new one.
    Orders,
    /// Getting a new one, and every address of the API that is about it.
    #[default]
    All,
}

impl Dates {
    /// From when nobody new gets it.
    pub fn closes_to_new(&self) -> Day {
        self.closed_to_new.unwrap_or(self.off)
    }

    /// From when what runs is not changed any more.
    pub fn closes_to_updates(&self) -> Day {
        self.closed_to_updates.unwrap_or(self.off)
    }

    /// The brownout at a time.
    pub fn brownout(&self, now: Micros) -> Option<&Brownout> {
        self.brownouts.iter().find(|one| one.from <= now && now < one.to)
    }

    /// Every point in time at which something changes.
    pub fn turns(&self) -> Vec<Micros> {
        let days = [self.announced, Some(self.effective), self.closed_to_new, self.closed_to_updates, Some(self.off)];
        let windows = self.brownouts.iter().flat_map(|one| [one.from, one.to]);
        let mut all: Vec<Micros> = days.into_iter().flatten().map(Day::start).chain(windows).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What is out of order: the field, and what is wrong with it.
    pub fn faults(&self) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        let days = [
            ("announced", self.announced),
            ("effective", Some(self.effective)),
            ("closedToNew", self.closed_to_new),
            ("closedToUpdates", self.closed_to_updates),
            ("off", Some(self.off)),
        ];
        let mut last: Option<(&str, Day)> = None;
        for (name, day) in days.into_iter().filter_map(|(name, day)| Some((name, day?))) {
            if let Some((before, _)) = last.filter(|(_, earlier)| *earlier > day) {
                faults.push((name.to_owned(), format!("{name} ({day}) comes before {before}")));
            }
            last = Some((name, day));
        }
        let first = self.closed_to_new.unwrap_or(self.effective).start();
        let end = self.closes_to_updates().start();
        let mut free = first;
        for (at, one) in self.brownouts.iter().enumerate() {
            if one.from < free || one.to <= one.from || one.to > end {
                let message = "lies outside the time between closed to new and closed to updates, overlaps the one \
                     before, or ends before it begins";
                faults.push((format!("brownouts.{at}"), message.to_owned()));
            }
            free = one.to.max(free);
        }
        faults
    }
}
