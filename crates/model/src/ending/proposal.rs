//! Days for an ending that nobody has to work out: the earliest that its rule allows, and which part of it gave which.

use super::dates::words;
use super::{Brownout, Dates, EndingRule, Reach};
use crate::kinds::offering::Stage;
use crate::time::SECOND;
use crate::{Day, Micros};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The days that somebody gives for an ending; the others follow from its rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Wish {
    /// When people are to be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announced: Option<Day>,
    /// From when it should not be chosen any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective: Option<Day>,
    /// From when nobody new gets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_to_new: Option<Day>,
    /// Hours in which it is off on trial; those of the rule when none is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub brownouts: Vec<Brownout>,
    /// From when what runs is not changed any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_to_updates: Option<Day>,
    /// From when it is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off: Option<Day>,
}

impl From<&Dates> for Wish {
    fn from(dates: &Dates) -> Wish {
        Wish {
            announced: dates.announced,
            effective: Some(dates.effective),
            closed_to_new: dates.closed_to_new,
            brownouts: dates.brownouts.clone(),
            closed_to_updates: dates.closed_to_updates,
            off: Some(dates.off),
        }
    }
}

/// Days that are proposed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proposal {
    /// The days.
    pub dates: Dates,
    /// Where each comes from, in order.
    pub origins: Vec<Origin>,
}

/// Where a proposed day comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// The field, such as `closedToNew` or `brownouts.0`.
    pub field: String,
    /// The day, as people read it.
    pub when: String,
    /// Which part of which rule gave it, or that somebody gave it.
    pub why: String,
}

/// Whether days that are given stay as they are, or become later where the rule asks for that.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Given {
    Stays,
    Yields,
}

/// The days on their way, one after another.
struct Walk {
    given: Given,
    origins: Vec<Origin>,
}

impl Walk {
    fn kept(&self) -> &'static str {
        if self.given == Given::Stays { "as given" } else { "as planned" }
    }

    fn day(&mut self, field: &str, wish: Option<Day>, earliest: Day, why: String) -> Day {
        let kept = wish.filter(|day| self.given == Given::Stays || *day >= earliest);
        let why = if kept.is_some() { self.kept().to_owned() } else { why };
        let day = kept.unwrap_or(earliest);
        self.origins.push(Origin { field: field.to_owned(), when: day.words(), why });
        day
    }
}

impl EndingRule {
    /// The days of an ending: those that are given, and for the others the earliest that the rule, by its name, allows
    /// for what is told on a day at the earliest. What is given may be too early; [`EndingRule::too_short`] says so.
    pub fn propose(&self, name: &str, wish: &Wish, today: Day, stage: Stage) -> Proposal {
        self.walk(name, wish, today, stage, Given::Stays)
    }

    /// The first days that the rule allows and that come no earlier than some others.
    pub fn first_valid(&self, name: &str, dates: &Dates, today: Day, stage: Stage) -> Proposal {
        self.walk(name, &Wish::from(dates), today, stage, Given::Yields)
    }

    fn walk(&self, name: &str, wish: &Wish, today: Day, stage: Stage, given: Given) -> Proposal {
        let mut walk = Walk { given, origins: Vec::new() };
        let told = wish.announced.map_or(today, |day| day.max(today));
        let announced = wish.announced.map(|day| walk.day("announced", Some(day), told, "today".to_owned()));
        let effective = walk.day("effective", wish.effective, told, "the day on which people are told".to_owned());
        let after = |days: u32, of: &str| format!("{name} asks for {days} days after {of}");
        let closed_to_new = match (self.closed_to_new_after, wish.closed_to_new) {
            (None, None) => None,
            (least, wish) => {
                let least = least.unwrap_or_default();
                Some(walk.day("closedToNew", wish, effective.plus(least), after(least, "it takes effect")))
            }
        };
        let from = closed_to_new.unwrap_or(effective);
        let of = if closed_to_new.is_some() { "nobody new gets it" } else { "it takes effect" };
        // What is off on trial needs room before it is off for good.
        let own = wish.brownouts.is_empty() || given == Given::Yields;
        let room = if own { self.longest_trial() } else { 0 };
        let closed_to_updates = match (self.closed_to_updates_after, wish.closed_to_updates) {
            (None, None) => None,
            (least, wish) => {
                let least = least.unwrap_or_default().max(room);
                Some(walk.day("closedToUpdates", wish, from.plus(least), after(least, of)))
            }
        };
        let notice = self.notice(stage);
        let last = closed_to_updates.unwrap_or(from.plus(room));
        let why = if last > told.plus(notice) {
            "the days before it end then".to_owned()
        } else {
            format!("{name} asks for {notice} days of notice for what is {}", settled(stage))
        };
        let off = walk.day("off", wish.off, told.plus(notice).max(last), why);
        let mut dates = Dates { announced, effective, closed_to_new, brownouts: Vec::new(), closed_to_updates, off };
        self.trials(name, wish, &mut walk, &mut dates);
        Proposal { dates, origins: walk.origins }
    }

    /// The longest time before the end at which the rule asks for a trial, in days.
    fn longest_trial(&self) -> u32 {
        self.brownouts.iter().map(|one| one.days_before).max().unwrap_or_default()
    }

    /// Writes the brownouts: those that are given and lie where they may, else those of the rule.
    fn trials(&self, name: &str, wish: &Wish, walk: &mut Walk, dates: &mut Dates) {
        let end = dates.closes_to_updates();
        dates.brownouts.clone_from(&wish.brownouts);
        if walk.given == Given::Yields && dates.faults().iter().any(|(field, _)| field.starts_with("brownouts")) {
            dates.brownouts.clear();
        }
        let given = dates.brownouts.len();
        if given < self.brownouts.len() && (given == 0 || walk.given == Given::Yields) {
            let mut all: Vec<Brownout> = self.brownouts.iter().map(|trial| trial.before(end)).collect();
            all.sort_by_key(|one| one.from);
            dates.brownouts = all;
        }
        for (at, one) in dates.brownouts.iter().enumerate() {
            let days = end.since(Day::of(one.from));
            let why = match self.brownouts.iter().any(|trial| trial.before(end) == *one) {
                true => format!("{name} asks for one {days} days before {}", words(dates.end_field())),
                false => walk.kept().to_owned(),
            };
            walk.origins.push(Origin { field: format!("brownouts.{at}"), when: one.words(), why });
        }
    }
}

impl Dates {
    fn end_field(&self) -> &'static str {
        if self.closed_to_updates.is_some() { "closedToUpdates" } else { "off" }
    }
}

/// Some hours off on trial that a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Trial {
    /// How many days before it is closed to updates, or off.
    #[schemars(range(min = 1, max = 3650))]
    pub days_before: u32,
    /// The hour of the day at which it begins, in UTC.
    #[serde(default = "usual_hour")]
    #[schemars(range(max = 23))]
    pub hour: u32,
    /// For how many hours.
    #[schemars(range(min = 1, max = 72))]
    pub hours: u32,
}

fn usual_hour() -> u32 {
    10
}

impl Trial {
    /// When it is, before an end.
    pub fn before(&self, end: Day) -> Brownout {
        let start = Day(end.0 - i64::from(self.days_before)).start();
        let from = Micros(start.0 + i64::from(self.hour) * 3_600 * SECOND);
        Brownout { from, to: Micros(from.0 + i64::from(self.hours) * 3_600 * SECOND), scope: Reach::All }
    }

    /// Whether it is over before the end.
    pub fn fits(&self) -> bool {
        self.days_before > 0 && self.hours > 0 && self.hour + self.hours <= 24 * self.days_before
    }
}

/// How settled something is, in words.
pub(super) fn settled(stage: Stage) -> &'static str {
    match stage {
        Stage::Ga => "generally available",
        Stage::Preview => "nearly settled",
        Stage::Experimental => "experimental",
    }
}
