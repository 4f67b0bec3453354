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
        let mut last: Option<(&str, Day)> = None;
        for (name, day) in self.days() {
            if let Some((before, earlier)) = last.filter(|(_, earlier)| *earlier > day) {
                let (day, earlier) = (day.words(), earlier.words());
                let message = format!("{} is {day}, before {} on {earlier}", words(name), words(before));
                faults.push((name.to_owned(), message));
            }
            last = Some((name, day));
        }
        let mut before: Option<&Brownout> = None;
        for (at, one) in self.brownouts.iter().enumerate() {
            if let Some(message) = self.trial_fault(one, before) {
                faults.push((format!("brownouts.{at}"), message));
            }
            before = Some(one);
        }
        faults
    }

    /// The days that it says, in the order in which they have to come, by their names.
    pub fn days(&self) -> impl Iterator<Item = (&'static str, Day)> + use<> {
        let days = [
            ("announced", self.announced),
            ("effective", Some(self.effective)),
            ("closedToNew", self.closed_to_new),
            ("closedToUpdates", self.closed_to_updates),
            ("off", Some(self.off)),
        ];
        days.into_iter().filter_map(|(name, day)| Some((name, day?)))
    }

    /// What is wrong with a brownout, after the one before it.
    fn trial_fault(&self, one: &Brownout, before: Option<&Brownout>) -> Option<String> {
        let (first, from) = self.trials_from();
        let (last, to) = match self.closed_to_updates {
            Some(day) => ("closed to updates", day),
            None => ("off", self.off),
        };
        let what = one.words();
        if one.to <= one.from {
            return Some(format!("the brownout {what} ends before it begins"));
        }
        if one.from < from.start() {
            return Some(format!("the brownout {what} begins before it is {first} on {}", from.words()));
        }
        if one.to > to.start() {
            return Some(format!("the brownout {what} ends after it is {last} on {}", to.words()));
        }
        let over = before.filter(|before| one.from < before.to)?;
        Some(format!("the brownout {what} begins before the one {} is over", over.words()))
    }

    /// From when it may be off on trial, and the word of that day.
    pub(super) fn trials_from(&self) -> (&'static str, Day) {
        self.closed_to_new.map_or(("effective", self.effective), |day| ("closed to new", day))
    }
}

impl Brownout {
    /// Reads a line as [`Brownout::line`] writes it; the day of its end may be left out when it is the same. None for
    /// what is none.
    pub fn parse(line: &str) -> Option<Brownout> {
        let (from, to) = line.trim().split_once(" to ")?;
        let (day, hour) = from.trim().split_once(' ')?;
        let (last, end) = to.trim().split_once(' ').unwrap_or((day, to.trim()));
        let time = |day: &str, hour: &str| Micros::parse(&format!("{day}T{}:00Z", hour.trim()));
        Some(Brownout { from: time(day, hour)?, to: time(last, end)?, scope: Reach::All })
    }

    /// As a line: "2027-03-16 10:00 to 2027-03-16 12:00".
    pub fn line(&self) -> String {
        let minute = |time: Micros| time.datetime().format("%Y-%m-%d %H:%M").to_string();
        format!("{} to {}", minute(self.from), minute(self.to))
    }

    /// From when to when, as people read it.
    pub fn words(&self) -> String {
        let day = |time: Micros| Day::of(time).words();
        let hour = |time: Micros| time.datetime().format("%H:%M").to_string();
        let (from, to) = (self.from, self.to);
        if Day::of(from) == Day::of(to) {
            return format!("on {} from {} to {} (UTC)", day(from), hour(from), hour(to));
        }
        format!("from {} {} to {} {} (UTC)", day(from), hour(from), day(to), hour(to))
    }
}

/// The name of a day as people say it.
pub(super) fn words(name: &str) -> &'static str {
    match name {
        "announced" => "announced",
        "effective" => "effective",
        "closedToNew" => "closed to new",
        "closedToUpdates" => "closed to updates",
        _ => "off",
    }
}
