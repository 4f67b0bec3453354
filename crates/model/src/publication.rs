//! How far a release is in its publication. Only what was published never changes (decision 9).

use crate::{Document, Micros, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The annotation that says how a release begins: `draft`, `candidate` or `yanked`; published without it.
pub const PUBLICATION: &str = "loggia.dev/publication";

/// The annotation that says why a release begins as withdrawn.
pub const PUBLICATION_REASON: &str = "loggia.dev/publication-reason";

/// How far a release is in its publication. It goes forward only; what was withdrawn may come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Publication {
    /// Being written; its owners and the product team see it, and may try it.
    Draft,
    /// As a draft, and meant to be published as it is.
    Candidate,
    /// For everybody, and it never changes.
    #[default]
    Published,
    /// Withdrawn: nobody gets it any more. Where it runs it stays.
    Yanked,
}

impl Publication {
    /// Every state with its word, in order.
    pub const ALL: [(Publication, &'static str); 4] = [
        (Publication::Draft, "draft"),
        (Publication::Candidate, "candidate"),
        (Publication::Published, "published"),
        (Publication::Yanked, "yanked"),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        Publication::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }

    /// What the text of a release says of how it begins; an unknown word counts as a draft, so that nothing is
    /// published by a slip.
    pub fn wanted(document: &Document) -> Publication {
        match document.annotation(PUBLICATION) {
            "" => Publication::Published,
            said => Publication::ALL.iter().find(|(_, word)| *word == said).map_or(Publication::Draft, |(s, _)| *s),
        }
    }

    /// Whether the text was published once, and so never changes.
    pub fn is_settled(self) -> bool {
        self >= Publication::Published
    }
}

/// The status of a release: what commands decide about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ReleaseStatus {
    /// How far it is.
    pub publication: Publication,
    /// Since when; absent for what was written before this was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Micros>,
    /// Why it was withdrawn; empty unless it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What else is kept about it, such as its files.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A problem when the annotation has an unknown word.
pub(crate) fn check(document: &Document, out: &mut Vec<Problem>) {
    let said = document.annotation(PUBLICATION);
    if !said.is_empty() && Publication::ALL.iter().all(|(_, word)| *word != said) {
        out.push(Problem::new(
            "release.publication",
            format!("metadata.annotations.{PUBLICATION}"),
            format!("Nobody knows the publication {said:?}"),
            "Write `draft`, `candidate` or `yanked`, or leave it out.",
        ));
    }
}
