//! What leaves a source: it is removed, or stays while something still stands on it.

use crate::access::policy::{Action, Subject};
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts};
use crate::error::Result;
use crate::record::live_dependants;
use crate::source::sync::SyncReport;
use loggia_graph::{Audience, Graph, Query};
use loggia_model::{Record, Ref};
use serde_json::{Value, json};
use std::sync::Arc;

/// The condition of a record whose text has left its source while something still stands on it.
pub const SOURCE_GONE: &str = "SourceGone";

/// Removes records whose text is gone; those that something runs on stay. Gives how many were removed, and what stays.
pub(crate) fn let_go(graph: &Graph, records: &[Arc<Record>], changes: &mut Changes) -> (usize, Vec<Ref>) {
    let mut kept = Vec::new();
    for record in records {
        let users = live_dependants(graph, &record.reference);
        if users.is_empty() && !crate::ending::holds(record) {
            changes.remove(&format!("{}.removed", record.reference.kind()), record.uid, Value::Null);
        } else {
            keep(record, &users, changes);
            kept.push(record.reference.clone());
        }
    }
    (records.len() - kept.len(), kept)
}

fn keep(record: &Record, users: &[Ref], changes: &mut Changes) {
    if has_condition(record, SOURCE_GONE) {
        return;
    }
    let why = match users.len() {
        0 => "people were told of it".to_owned(),
        count => format!("{count} running things still stand on it"),
    };
    let message = format!("The file that describes it is gone, but {why}.");
    let condition = json!({"type": SOURCE_GONE, "status": "True", "reason": "FileRemoved", "message": message});
    let mut status = record.parse_status();
    if !status.is_object() {
        status = json!({});
    }
    match status.get_mut("conditions").and_then(Value::as_array_mut) {
        Some(list) => list.push(condition),
        None => status["conditions"] = json!([condition]),
    }
    let draft = Draft::of(record).with_status(&status);
    changes.put(&format!("{}.kept", record.reference.kind()), draft, json!({"usedBy": users}));
}

pub(crate) fn has_condition(record: &Record, kind: &str) -> bool {
    record.status.as_deref().is_some_and(|text| text.contains(kind))
}

/// The status text without a condition; none when nothing else is left.
pub(crate) fn without_condition(status: Option<&str>, kind: &str) -> Option<String> {
    let mut status: Value = serde_json::from_str(status?).ok()?;
    let Some(list) = status.get_mut("conditions").and_then(Value::as_array_mut) else {
        return Some(loggia_model::canonical::to_string(&status));
    };
    list.retain(|condition| condition.get("type").and_then(Value::as_str) != Some(kind));
    if list.is_empty() {
        status.as_object_mut()?.remove("conditions");
    }
    let empty = status.as_object().is_some_and(serde_json::Map::is_empty);
    (!empty).then(|| loggia_model::canonical::to_string(&status))
}

/// Everything that a source owns.
pub(crate) fn owned(graph: &Graph, origin: &str) -> Vec<Arc<Record>> {
    let all = graph.query(&Audience::All, &Query::default()).records;
    all.into_iter().filter(|record| &*record.source.origin == origin).collect()
}

/// Removes everything that a source owned: it is not read any more. What something runs on stays.
pub struct DropSource {
    /// The origin.
    pub origin: Arc<str>,
}

impl Command for DropSource {
    fn name(&self) -> &'static str {
        "source.drop"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        ctx.require(Action::Sync, &Subject::default())?;
        let mut changes = Changes::default();
        let (removed, kept) = let_go(graph, &owned(graph, &self.origin), &mut changes);
        if !changes.entries.is_empty() {
            changes.note("source.dropped", None, json!({"origin": &*self.origin, "removed": removed}));
        }
        changes.answer = serde_json::to_value(SyncReport { removed, kept, ..SyncReport::default() })?;
        Ok(changes)
    }
}
