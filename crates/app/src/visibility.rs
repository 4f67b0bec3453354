//! Who may see a record, where its text alone does not tell.

use loggia_graph::{Facts, describe};
use loggia_model::{Document, Record, Scope};
use serde_json::Value;

/// What the graph holds of a record: as its kind says, but a release that is not published is the product team's only.
pub fn facts(record: &Record, document: &Document) -> Facts {
    let mut facts = describe(record, document);
    if record.reference.kind() == "release" && is_draft(record) {
        facts.scopes = vec![Scope::Product];
    }
    facts
}

fn is_draft(record: &Record) -> bool {
    let status = record.parse_status();
    matches!(status.get("publication").and_then(Value::as_str), Some("draft" | "candidate"))
}
