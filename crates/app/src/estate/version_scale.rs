//! Two scales of versions: that of what runs, such as PostgreSQL 15.4, and that of the releases of the offering, such as
//! 2.1.0. A number is read on the scale that has it; where both have it and it makes a difference, somebody has to say which
//! one is meant.

use crate::error::{Error, Result};
use crate::estate::who_runs::{WhoRunsQuery, WhoRunsRow};
use loggia_model::version::{Range, Version};

/// Limits on the version. What runs at an unknown version is always kept: it must be asked about, not forgotten.
pub(crate) struct Limit {
    offering: String,
    below: Option<Version>,
    release_below: Option<Version>,
    range: Option<Range>,
}

impl Limit {
    /// Reads the limits of a question about what runs, with the numbers of the releases that there are; `rows` gives all that
    /// runs, and is asked only where a number could be of a release.
    pub(crate) fn read(
        query: &WhoRunsQuery,
        releases: &[String],
        rows: impl FnOnce() -> Vec<WhoRunsRow>,
    ) -> Result<Limit> {
        let range = match query.version.as_deref() {
            None => None,
            Some(text) => Some(Range::parse(text).map_err(|_| {
                let message = format!("{text:?} is not a range of versions");
                Error::invalid("version.range", "version", message, "Write it as 15, >=15 or ~2.1.")
            })?),
        };
        let mut limit = Limit {
            offering: query.offering.clone(),
            below: version("below", query.below.as_deref())?,
            release_below: version("releaseBelow", query.release_below.as_deref())?,
            range,
        };
        if let Some(text) = query.below.as_deref()
            && limit.is_of_releases(text, releases, rows)?
        {
            limit.release_below = limit.below.take();
        }
        Ok(limit)
    }

    /// Whether a number is one of the releases and not of what runs.
    fn is_of_releases(&self, text: &str, releases: &[String], rows: impl FnOnce() -> Vec<WhoRunsRow>) -> Result<bool> {
        let begins = |version: &str| version == text || version.starts_with(&format!("{text}."));
        if !releases.iter().any(|release| begins(release)) {
            return Ok(false);
        }
        let rows = rows();
        // Where what runs has the number of its release, both scales are one.
        let differs = |row: &&WhoRunsRow| self.release(row).is_none_or(|release| release != row.version);
        let runs = rows.iter().filter(differs).any(|row| begins(&row.version));
        if !runs {
            return Ok(rows.iter().any(|row| differs(&row)));
        }
        let message = format!("{text} is the number of a release and a version that runs");
        let mend = format!("Say --release-below {text}, or --version \"<{text}\" for what runs.");
        Err(Error::invalid("version.scale", "below", message, mend))
    }

    fn release<'a>(&self, row: &'a WhoRunsRow) -> Option<&'a str> {
        row.release.strip_prefix(self.offering.as_str())?.strip_prefix('-')
    }

    /// Whether a running thing is within the limits.
    pub(crate) fn keeps(&self, row: &WhoRunsRow) -> bool {
        let release = self.release(row).and_then(Version::parse);
        let version = Version::parse(&row.version);
        let within = |limit: &Option<Version>, version: &Option<Version>| match (limit, version) {
            (Some(limit), Some(version)) => version < limit,
            _ => true,
        };
        within(&self.release_below, &release)
            && within(&self.below, &version)
            && self.range.as_ref().is_none_or(|range| version.as_ref().is_none_or(|version| range.contains(version)))
    }
}

fn version(field: &str, text: Option<&str>) -> Result<Option<Version>> {
    let Some(text) = text else { return Ok(None) };
    Version::parse(text).map(Some).ok_or_else(|| {
        let message = format!("{text:?} is not a version");
        Error::invalid("version", field, message, "Write it as 15 or 2.1.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(version: &str, release: &str) -> WhoRunsRow {
        let mut row = json!({"instance": "instance:booking/a.dev", "name": "a", "team": "group:default/booking",
            "teamTitle": "Booking", "environment": "dev", "version": version, "since": null, "lastSeen": null,
            "contact": "", "step": "managed", "knownBy": "driver", "phase": "ready"});
        row["release"] = json!(if release.is_empty() { String::new() } else { format!("db-{release}") });
        serde_json::from_value(row).unwrap()
    }

    /// The versions that are kept; the field that is refused when none can be told.
    fn kept(below: &str, release_below: &str, rows: &[WhoRunsRow]) -> Vec<String> {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let (below, release_below) = (given(below), given(release_below));
        let query = WhoRunsQuery { offering: "db".into(), below, release_below, ..WhoRunsQuery::default() };
        let releases = ["1.0.0", "2.1.0", "2.2.0", "15.0.0"].map(str::to_owned);
        match Limit::read(&query, &releases, || rows.to_vec()) {
            Ok(limit) => rows.iter().filter(|row| limit.keeps(row)).map(|row| row.version.clone()).collect(),
            Err(Error::Invalid(problems)) => vec![problems[0].rule.clone()],
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_number_is_read_on_the_scale_that_has_it() {
        let rows = [row("14.2", "1.0.0"), row("15.14", "2.1.0"), row("16.1", "2.2.0"), row("", "")];
        assert_eq!(kept("2.2.0", "", &rows), ["14.2", "15.14", ""]);
        assert_eq!(kept("2.2", "", &rows), ["14.2", "15.14", ""]);
        assert_eq!(kept("16", "", &rows), ["14.2", "15.14", ""]);
        assert_eq!(kept("3", "", &rows), [""], "nobody has it: it is one of what runs");
        assert_eq!(kept("15", "", &rows), ["version.scale"]);
        assert_eq!(kept("", "15", &rows), ["14.2", "15.14", "16.1", ""]);
        assert_eq!(kept("", "2.1.0", &rows), ["14.2", ""]);
        // What runs has the number of its release.
        let same = [row("1.0.0", "1.0.0"), row("2.1.0", "2.1.0")];
        assert_eq!(kept("2.1.0", "", &same), ["1.0.0"]);
    }
}
