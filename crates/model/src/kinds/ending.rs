//! Ending: the one plan by which something goes away.

use super::link::{Link, link_with_kind};
use super::own::{self, Compiled};
use super::visibility;
use crate::ending::Dates;
use crate::version::{self, Versioning};
use crate::{Document, Kind, Problem, Ref, Relation, RelationType, reference::DEFAULT_NAMESPACE};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// The word for "there is no replacement": a decision, not a gap.
pub const NONE: &str = "none";

/// `spec` of an Ending.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct EndingSpec {
    /// What goes away: `offering:tern` or `release:tern-6.0.0`; `product:fairway` for one of its rules.
    #[schemars(length(min = 1))]
    pub subject: String,
    /// Only this plan of the offering.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub plan: Option<String>,
    /// Only this feature of the offering.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub feature: Option<String>,
    /// This rule of the product.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub rule: Option<String>,
    /// Why, in a sentence; whoever uses it reads it.
    #[schemars(length(min = 1))]
    pub reason: String,
    /// What to take instead, such as `offering:bucket`; `none` when it is decided that nothing replaces it.
    #[schemars(length(min = 1))]
    pub replacement: String,
    /// Address of a page that says how to move.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(https?://|/)[^\s<>\x22]+$"))]
    pub guide: Option<String>,
    /// The rule that says how much notice is given: `kubernetes`, `aip-181`, `aws-lambda`, or one of the product.
    #[schemars(length(min = 1))]
    pub preset: String,
    /// When what happens.
    pub dates: Dates,
}

impl EndingSpec {
    /// The name of what goes away.
    pub fn subject_ref(&self) -> Option<Ref> {
        Ref::parse(&self.subject, None, DEFAULT_NAMESPACE).ok()
    }

    /// The name of what to take instead; none when nothing replaces it.
    pub fn replacement_ref(&self) -> Option<Ref> {
        replacement(&self.replacement)
    }

    /// The name of the offering that it is about: itself, or that of the release.
    pub fn offering(&self) -> Option<String> {
        offering_of(&self.subject_ref()?)
    }
}

/// The offering that something belongs to, by its name.
pub fn offering_of(subject: &Ref) -> Option<String> {
    let name = subject.name();
    match subject.kind() {
        "offering" => Some(name.to_owned()),
        // A release is named by its offering and its version.
        "release" => {
            let is_version = |text: &str| {
                [Versioning::Semver, Versioning::Calver, Versioning::Dated]
                    .iter()
                    .any(|versioning| version::check(*versioning, text).is_ok())
            };
            let cut = name.match_indices('-').find(|(at, _)| is_version(&name[at + 1..]));
            cut.map(|(at, _)| name[..at].to_owned())
        }
        _ => None,
    }
}

fn replacement(text: &str) -> Option<Ref> {
    Some(text).filter(|text| *text != NONE).and_then(|text| Ref::parse(text, None, DEFAULT_NAMESPACE).ok())
}

/// The fields that name other records; what replaces it may also be `none`.
const LINKS: &[Link] = &[link_with_kind("subject", RelationType::ENDS)];
/// The compiled schema.
static SCHEMA: LazyLock<Compiled> = LazyLock::new(own::compile::<EndingSpec>);

/// The kind.
pub static KIND: Kind = Kind {
    name: "Ending",
    plural: "endings",
    api_versions: own::API_VERSIONS,
    catalog: false,
    has_status: true,
    is_shared: true,
    icon: "ending",
    summary: "The plan by which something goes away: why, what replaces it, and when what happens.",
    schema: own::schema::<EndingSpec>,
    check,
    normalise,
    relations,
    scopes: visibility::scopes,
};

/// The stored form: names are complete.
fn normalise(document: &mut Document) {
    let complete = |text: &str| Ref::parse(text, None, DEFAULT_NAMESPACE).map(|name| name.to_string());
    for field in ["subject", "replacement"] {
        let text = document.spec_text(field);
        if let Ok(name) = complete(text)
            && let Some(slot) = document.0.get_mut("spec").and_then(|spec| spec.get_mut(field))
        {
            *slot = name.into();
        }
    }
    own::normalise(document, &[]);
}

fn relations(document: &Document) -> Vec<Relation> {
    let mut found = own::relations(document, LINKS);
    let target = replacement(document.spec_text("replacement"));
    found.extend(target.map(|target| Relation { relation: RelationType::HAS_REPLACEMENT, target }));
    found.sort_unstable();
    found
}

/// The rules of an Ending.
fn check(document: &Document, out: &mut Vec<Problem>) {
    own::check_links(document, LINKS, out);
    let Some(spec) = own::spec::<EndingSpec>(document, &SCHEMA, out) else { return };
    let mut add = |rule: &str, field: &str, message: &str, mend: &str| {
        out.push(Problem::new(rule, format!("spec.{field}"), message, mend));
    };
    let subject = spec.subject_ref();
    let kind = subject.as_ref().map_or("", Ref::kind);
    let parts = [("plan", &spec.plan), ("feature", &spec.feature), ("rule", &spec.rule)];
    let named: Vec<&str> = parts.iter().filter(|(_, part)| part.is_some()).map(|(name, _)| *name).collect();
    let fits = match kind {
        "offering" => matches!(named.as_slice(), [] | ["plan"] | ["feature"]),
        "release" => named.is_empty(),
        "product" => named == ["rule"],
        _ => false,
    };
    if !fits && subject.is_some() {
        let mend = "Write an offering, perhaps with one plan or feature; a release; or a product with one rule.";
        add("ending.subject", "subject", "this cannot end", mend);
    }
    let instead = spec.replacement_ref();
    if instead.is_none() && spec.replacement != NONE {
        let mend = "Write the kind before the name, such as `offering:bucket`, or `none`.";
        add("ending.replacement", "replacement", "this is not a name", mend);
    }
    if instead.is_some() && instead == subject && spec.plan.is_none() && spec.feature.is_none() {
        add("ending.replacement", "replacement", "it would replace itself", "Name another one, or `none`.");
    }
    for (field, message) in spec.dates.faults() {
        add("ending.dates", &format!("dates.{field}"), &message, "Put the dates in order.");
    }
}

#[cfg(test)]
mod tests {
    use super::offering_of;
    use crate::Ref;

    #[test]
    fn a_release_tells_its_offering() {
        let of = |kind: &str, name: &str| offering_of(&Ref::new(kind, "default", name));
        assert_eq!(of("release", "web-path-1.0.0").as_deref(), Some("web-path"));
        assert_eq!(of("release", "tern-cache-6.2.0-rc.1").as_deref(), Some("tern-cache"));
        assert_eq!(of("release", "bucket-2026-04-30").as_deref(), Some("bucket"));
        assert_eq!(of("offering", "ftp-drop").as_deref(), Some("ftp-drop"));
        assert_eq!(of("product", "fairway"), None);
    }
}
