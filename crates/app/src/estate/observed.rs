//! One report of something that runs, and what it must be to be taken in, whatever the door.
//!
//! Reports share their transaction with other commands: what a database would not keep is refused before.

use crate::error::{Error, Result};
use loggia_model::naming::{self, Unfit};
use loggia_model::{Micros, Problem, Ref};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The longest name or version of a report, in characters.
const LONGEST: usize = 200;
/// The most that a report may say beside its names: the length of its attributes as JSON, in bytes.
const MOST_ATTRIBUTES: usize = 65_536;

/// One thing that runs, as a pipeline or another reporter saw it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Observed {
    /// What the reporter calls it; the rules of the offerings say what it is.
    #[schemars(length(min = 1, max = 200))]
    pub offering: String,
    /// Version of what runs.
    #[serde(default)]
    pub version: String,
    /// The environment, as `production` or `environment:default/production`.
    #[schemars(regex(pattern = naming::ENVIRONMENT))]
    pub environment: String,
    /// The team that runs it, as `booking`, `eu/booking` or `group:default/booking`. An event may leave it out.
    #[schemars(regex(pattern = naming::TEAM))]
    pub team: String,
    /// Name within team and environment, with which it has at most 62 characters together; that of the offering when
    /// absent.
    #[serde(default)]
    #[schemars(regex(pattern = naming::NAME))]
    pub name: Option<String>,
    /// What else the reporter knows, such as `image`, `chart` or `resource`.
    #[serde(default)]
    pub attributes: Map<String, Value>,
    /// When it was seen; now when absent. Never later than now.
    #[serde(default)]
    pub time: Option<Micros>,
    /// Since when this version runs, when the reporter knows.
    #[serde(default)]
    pub since: Option<Micros>,
    /// Who saw it, such as `pipeline`, `terraform`, `cdevents`.
    #[serde(default)]
    pub how: Option<String>,
    /// The reporter says that it was taken away.
    #[serde(default)]
    pub removed: bool,
    /// Other names that rules may know it by, tried in order where none knows `offering`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub also: Vec<String>,
    /// Nobody said what it is, only how it is called: what has the name already stays what it is.
    #[serde(skip)]
    pub assumed: bool,
}

/// Passes when every report can be kept as it is: names and versions are short and plain texts, and so are attributes.
///
/// # Errors
/// [`Error::Invalid`] with all that is wrong, by the place in the list.
pub(crate) fn check(seen: &[Observed]) -> Result<()> {
    let mut problems = Vec::new();
    for (at, one) in seen.iter().enumerate() {
        names(at, one, &mut problems);
        attributes(at, one, &mut problems);
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}

fn names(at: usize, seen: &Observed, problems: &mut Vec<Problem>) {
    let texts = [
        ("offering", seen.offering.as_str()),
        ("version", &seen.version),
        ("environment", &seen.environment),
        ("team", &seen.team),
        ("name", seen.name.as_deref().unwrap_or_default()),
        ("how", seen.how.as_deref().unwrap_or_default()),
    ];
    let also = seen.also.iter().map(|name| ("also", name.as_str()));
    for (field, text) in texts.into_iter().chain(also) {
        let mut wrong = |message: &str, mend: &str| {
            problems.push(Problem::new("observe.text", format!("{at}.{field}"), message, mend));
        };
        if text.chars().any(char::is_control) {
            wrong("There are control characters in it", "Leave them out.");
        }
        if text.chars().count() > LONGEST {
            wrong("It is too long", &format!("Give at most {LONGEST} characters."));
        }
    }
}

fn attributes(at: usize, seen: &Observed, problems: &mut Vec<Problem>) {
    let path = || format!("{at}.attributes");
    if seen.attributes.iter().any(|(name, value)| !is_plain(name) || !is_plain_value(value)) {
        let message = "There are control characters in it";
        problems.push(Problem::new("observe.attributes", path(), message, "Leave them out."));
    }
    let length = serde_json::to_string(&seen.attributes).map_or(usize::MAX, |text| text.len());
    if length > MOST_ATTRIBUTES {
        let mend = format!("Give at most {MOST_ATTRIBUTES} bytes.");
        problems.push(Problem::new("observe.attributes", path(), "There is too much in it", mend));
    }
}

/// Whether there is nothing in a text but what people read; it may have several lines.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

fn is_plain_value(value: &Value) -> bool {
    match value {
        Value::String(text) => is_plain(text),
        Value::Array(items) => items.iter().all(is_plain_value),
        Value::Object(map) => map.iter().all(|(name, value)| is_plain(name) && is_plain_value(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Names become part of the instance's name, so they follow its rules, whatever the way in.
pub(crate) fn check_names(name: &str, environment: &str) -> Result<()> {
    naming::environment(environment).map_err(|unfit| wrong("environment", unfit))?;
    naming::name(name, environment).map_err(|unfit| wrong("name", unfit))
}

/// The team of a report.
pub(crate) fn team(seen: &Observed) -> Result<Ref> {
    naming::team(&seen.team).map_err(|unfit| wrong("team", unfit))
}

fn wrong(field: &str, unfit: Unfit) -> Error {
    Error::invalid(&format!("observe.{field}"), field, unfit.message, unfit.mend)
}

impl Observed {
    /// The same with its environment by its plain name.
    pub(crate) fn plain(&self) -> Observed {
        let environment = naming::environment(&self.environment).unwrap_or_else(|_| self.environment.clone());
        Observed { environment, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Every text of a report, with each control character and with too much.
    #[test]
    fn what_cannot_be_kept_is_refused_in_every_text() {
        let right = json!({"offering": "o", "version": "1", "environment": "e", "team": "t", "name": "n", "how": "h",
            "attributes": {"a": "b\nc", "list": [{"x": "y"}]}});
        let read = |value: &Value| -> Observed { serde_json::from_value(value.clone()).unwrap() };
        assert!(check(&[read(&right)]).is_ok());
        let refused = |pointer: &str, text: String| {
            let mut wrong = right.clone();
            *wrong.pointer_mut(pointer).unwrap() = text.into();
            assert!(matches!(check(&[read(&right), read(&wrong)]), Err(Error::Invalid(_))), "{pointer}");
        };
        for field in ["offering", "version", "environment", "team", "name", "how"] {
            (0..0x20)
                .chain(0x7f..0xa0)
                .filter_map(char::from_u32)
                .for_each(|c| refused(&format!("/{field}"), format!("a{c}b")));
            refused(&format!("/{field}"), "x".repeat(LONGEST + 1));
        }
        for pointer in ["/attributes/a", "/attributes/list/0/x"] {
            refused(pointer, "a\0b".into());
            refused(pointer, "x".repeat(MOST_ATTRIBUTES));
        }
    }
}
