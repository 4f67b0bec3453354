//! Points in time.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
///
/// Stored as a 64-bit integer; written to people and to JSON as RFC 3339 in UTC with microseconds.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

/// One second in microseconds.
pub const SECOND: i64 = 1_000_000;
/// One day in microseconds.
pub const DAY: i64 = 86_400 * SECOND;

impl Micros {
    /// The same point as a calendar time; out-of-range values become the epoch.
    pub fn datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }

    /// Reads RFC 3339, with any offset and precision.
    pub fn parse(text: &str) -> Option<Micros> {
        let time = DateTime::parse_from_rfc3339(text.trim()).ok()?;
        Some(Micros(time.timestamp_micros()))
    }

    /// Reads the date of a header of HTTP.
    pub fn parse_http(text: &str) -> Option<Micros> {
        let time = DateTime::parse_from_rfc2822(text.trim()).ok()?;
        Some(Micros(time.timestamp_micros()))
    }

    /// The number of the UTC day since 1970-01-01.
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY)
    }

    /// This point moved by whole seconds.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Micros {
        Micros(self.0.saturating_add(seconds.saturating_mul(SECOND)))
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.datetime().to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl fmt::Debug for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Micros::parse(&text).ok_or_else(|| serde::de::Error::custom("expected a time like 2026-01-31T12:00:00Z"))
    }
}

impl schemars::JsonSchema for Micros {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time"})
    }
}
