//! Times in which something may be done, or may not.

use super::Act;
use crate::Micros;
use crate::time::{DAY, SECOND};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A time in which nothing changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Freeze {
    /// When it begins.
    pub from: Micros,
    /// When it is over.
    pub until: Micros,
    /// What it holds up; everything when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<Act>,
}

impl Freeze {
    /// Whether it holds something up at a time.
    pub fn holds(&self, act: Act, now: Micros) -> bool {
        self.from <= now && now < self.until && (self.of.is_empty() || self.of.contains(&act))
    }
}

/// Some hours of the week, in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Window {
    /// The days on which it begins; every day when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Weekday>,
    /// When it begins, as `22:00`.
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: String,
    /// When it is over, as `04:00`; on the next day when that is not later.
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub until: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// Of the number of a day since 1970-01-01, a Thursday.
    fn of(day: i64) -> Weekday {
        const WEEK: [Weekday; 7] = [
            Weekday::Thursday,
            Weekday::Friday,
            Weekday::Saturday,
            Weekday::Sunday,
            Weekday::Monday,
            Weekday::Tuesday,
            Weekday::Wednesday,
        ];
        WEEK[usize::try_from(day.rem_euclid(7)).unwrap_or_default()]
    }
}

/// Microseconds since midnight; none for what is no time of day.
fn clock(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((0..24).contains(&hours) && (0..60).contains(&minutes)).then_some((hours * 60 + minutes) * 60 * SECOND)
}

impl Window {
    /// When it is open on a day, from and until; none when it does not begin on that day.
    fn on(&self, day: i64) -> Option<(Micros, Micros)> {
        let begins = self.days.is_empty() || self.days.contains(&Weekday::of(day));
        let (from, until) = (clock(&self.from)?, clock(&self.until)?);
        let next = if until <= from { DAY } else { 0 };
        begins.then_some((Micros(day * DAY + from), Micros(day * DAY + until + next)))
    }

    /// Whether it is open at a time.
    pub fn is_open(&self, now: Micros) -> bool {
        let within = |day| self.on(day).is_some_and(|(from, until)| from <= now && now < until);
        within(now.day()) || within(now.day() - 1)
    }

    /// When it opens next, after a time.
    pub fn opens(&self, now: Micros) -> Option<Micros> {
        (0..8).filter_map(|ahead| self.on(now.day() + ahead)).map(|(from, _)| from).find(|from| *from > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[Weekday], from: &str, until: &str) -> Window {
        Window { days: days.to_vec(), from: from.into(), until: until.into() }
    }

    #[test]
    fn windows_open_and_close_to_the_minute_through_the_week() {
        // 2027-03-01 is a Monday.
        let at = |text: &str| Micros::parse(&format!("2027-03-{text}:00Z")).unwrap_or_default();
        let night = window(&[Weekday::Monday, Weekday::Sunday], "22:00", "04:00");
        for (time, open) in [
            ("01T21:59", false),
            ("01T22:00", true),
            ("02T03:59", true),
            ("02T04:00", false),
            ("02T22:30", false),
            ("07T23:00", true),
            ("08T00:30", true),
        ] {
            assert_eq!(night.is_open(at(time)), open, "{time}");
        }
        assert_eq!(night.opens(at("01T22:00")), Some(at("07T22:00")));
        assert_eq!(window(&[], "09:00", "17:00").opens(at("01T08:59")), Some(at("01T09:00")));
        assert!(window(&[], "00:00", "00:00").is_open(at("03T12:00")), "the whole day");
    }

    #[test]
    fn what_opens_next_is_open_then_and_was_not_before() {
        let windows = [window(&[Weekday::Friday], "23:30", "00:30"), window(&[], "02:00", "02:01")];
        for window in windows {
            for minutes in 0..(8 * 24 * 60) {
                let now = Micros(20_000 * DAY + minutes * 60 * SECOND);
                let next = window.opens(now).unwrap_or_default();
                assert!(next > now && window.is_open(next) && !window.is_open(Micros(next.0 - 1)), "{now}");
            }
        }
    }
}
