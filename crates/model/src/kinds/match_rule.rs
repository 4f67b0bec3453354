//! How what runs is recognised as something that is offered.

use crate::glob;
use crate::version::{Range, Version};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How an observed thing is recognised. What a rule does not say does not matter; a rule that says nothing fits nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct MatchRule {
    /// Pattern of the reported name, with `*` and `?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offering: Option<String>,
    /// Patterns of reported attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Range or pattern of the reported version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Version of the release that it counts as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// The attribute that says the version, such as `engineVersion`; the reported version when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_from: Option<String>,
}

impl MatchRule {
    /// Whether a reported thing fits.
    pub fn fits(&self, name: &str, version: &str, attributes: &Map<String, Value>) -> bool {
        let says_something = self.offering.is_some() || self.version.is_some() || !self.attributes.is_empty();
        says_something
            && self.offering.as_deref().is_none_or(|pattern| glob::matches(pattern, name))
            && self.version.as_deref().is_none_or(|wanted| version_fits(wanted, &self.version_of(version, attributes)))
            && self.attributes.iter().all(|(key, pattern)| match attributes.get(key) {
                Some(Value::String(text)) => glob::matches(pattern, text),
                Some(Value::Null) | None => false,
                Some(other) => glob::matches(pattern, &other.to_string()),
            })
    }

    /// The version that counts: that of the attribute that the rule names, else the reported one. Empty when the attribute
    /// says none.
    pub fn version_of(&self, version: &str, attributes: &Map<String, Value>) -> String {
        match &self.version_from {
            Some(name) => attributes.get(name).and_then(Value::as_str).unwrap_or_default().to_owned(),
            None => version.to_owned(),
        }
    }
}

/// Whether a version fits a pattern, or is in a range: "1.3*" is the one, ">=1.3 <2" and "1.x" are the other.
fn version_fits(wanted: &str, version: &str) -> bool {
    let in_range = || match (Range::parse(wanted), Version::parse(version)) {
        (Ok(range), Some(version)) => range.contains(&version),
        _ => false,
    };
    glob::matches(wanted, version) || in_range()
}
