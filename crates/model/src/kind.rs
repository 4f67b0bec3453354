//! The registry of kinds: each is declared once, in a file of its own under `kinds/`.

use crate::{Document, Problem, Relation, Scope, kinds};
use serde_json::Value;

/// What a kind of record is: one entry of the registry.
///
/// Generic verbs, the API, search, export and the pages that list records follow from it.
pub struct Kind {
    /// The name as written in documents, such as `Component`. Unique over all groups, without regard to case.
    pub name: &'static str,
    /// The plural in addresses, such as `components`.
    pub plural: &'static str,
    /// The `apiVersion`s that are read, newest first.
    pub api_versions: &'static [&'static str],
    /// Whether records of this kind appear in the Backstage door.
    pub catalog: bool,
    /// Whether `status` is written by commands and may be asked for in queries as `status.…`.
    pub has_status: bool,
    /// Name of the icon.
    pub icon: &'static str,
    /// One sentence for people: what this is.
    pub summary: &'static str,
    /// JSON Schema (2020-12) of `spec`.
    pub schema: fn() -> Value,
    /// Rules beyond the envelope: of `spec`, with the messages of the contract.
    pub check: fn(&Document, &mut Vec<Problem>),
    /// Brings the document into the form that is stored: defaults, order of lists.
    pub normalise: fn(&mut Document),
    /// The relations that the document states about itself.
    pub relations: fn(&Document) -> Vec<Relation>,
    /// Who may see it.
    pub scopes: fn(&Document) -> Vec<Scope>,
}

impl Kind {
    /// Finds a kind by its name or plural, in any case.
    pub fn find(name: &str) -> Option<&'static Kind> {
        kinds::ALL.iter().copied().find(|k| k.name.eq_ignore_ascii_case(name) || k.plural.eq_ignore_ascii_case(name))
    }

    /// The kind in lower case, as in the name of a record.
    pub fn lower(&self) -> String {
        self.name.to_ascii_lowercase()
    }
}
