//! Days of the calendar, for what is planned by the day.

use crate::{Micros, time};
use chrono::{DateTime, Days, NaiveDate};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A day of the calendar in UTC, written `YYYY-MM-DD`: days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

impl Day {
    /// Reads `YYYY-MM-DD`; none for what is no day of the calendar.
    pub fn parse(text: &str) -> Option<Day> {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10)?;
        Some(Day(date.signed_duration_since(NaiveDate::default()).num_days()))
    }

    /// The day of a point in time.
    pub fn of(time: Micros) -> Day {
        Day(time.day())
    }

    /// When it begins.
    pub fn start(self) -> Micros {
        Micros(self.0.saturating_mul(time::DAY))
    }

    /// The day so many days later.
    #[must_use]
    pub fn plus(self, days: u32) -> Day {
        Day(self.0 + i64::from(days))
    }

    /// Whole days from another one to this one; negative when this one is earlier.
    pub fn since(self, other: Day) -> i64 {
        self.0 - other.0
    }

    fn date(self) -> NaiveDate {
        let days = Days::new(self.0.unsigned_abs());
        let epoch = DateTime::UNIX_EPOCH.date_naive();
        let moved = if self.0 < 0 { epoch.checked_sub_days(days) } else { epoch.checked_add_days(days) };
        moved.unwrap_or_default()
    }

    /// As people read it: "31 March 2027".
    pub fn words(self) -> String {
        self.date().format("%-d %B %Y").to_string()
    }

    /// Written without hyphens, as calendars want it.
    pub fn basic(self) -> String {
        self.date().format("%Y%m%d").to_string()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.date().format("%Y-%m-%d"))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Day::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a day like 2027-03-31")))
    }
}

impl schemars::JsonSchema for Day {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date"})
    }
}

#[cfg(test)]
mod tests {
    use super::Day;

    #[test]
    fn days_read_and_write_themselves() {
        for (text, number) in [("1970-01-01", 0), ("1969-12-31", -1), ("2024-02-29", 19_782), ("2027-03-31", 20_908)] {
            assert_eq!(Day::parse(text), Some(Day(number)), "{text}");
            assert_eq!(Day(number).to_string(), text);
            assert_eq!(Day::of(Day(number).start()), Day(number));
        }
        assert_eq!((Day(20_908).basic(), Day(20_908).words()), ("20270331".to_owned(), "31 March 2027".to_owned()));
        assert!(["2027-02-30", "2027-3-1", "tomorrow", ""].iter().all(|text| Day::parse(text).is_none()));
    }
}
