//! Registered places as sources: how each stands, from what its Location says.

use crate::App;
use crate::record::removal::owned;
use crate::source::SourceState;
use crate::source::location::{self, IN_PART, Registered, UNREADABLE};
use crate::source::sources::{SourceView, outline};
use crate::source::sync::SyncReport;
use loggia_graph::{Audience, Graph};
use loggia_model::Problem;
use loggia_store::SourceRow;
use serde_json::Value;

/// What kind of source a registered place is.
pub(crate) const KIND: &str = "location";

impl App {
    /// The registered places that the audience may see; `all` says whether what is wrong there may be told.
    pub(super) fn registered_places(&self, audience: &Audience, all: bool) -> Vec<SourceView> {
        let graph = self.graph();
        let places = location::registered(&graph, audience).into_iter();
        places.map(|place| self.registered_place(&graph, &place, all)).collect()
    }

    fn registered_place(&self, graph: &Graph, place: &Registered, all: bool) -> SourceView {
        let (origin, record) = (place.origin(), graph.by_uid(place.id));
        let (failure, problems) = record.map(|record| wrong(&record.parse_status())).unwrap_or_default();
        let report = SyncReport { problems, ..SyncReport::default() };
        let documents = owned(graph, &origin).len();
        let state = SourceState { report, failure, documents };
        let state = if all { state } else { outline(state) };
        let looked = self.looked.of(&origin);
        let row = SourceRow {
            id: origin,
            kind: KIND.to_owned(),
            location: place.target.clone(),
            last_commit: None,
            last_sync: looked,
            last_ok: looked,
            state: Value::Null,
        };
        SourceView { row, looked, state, followed: true }
    }
}

/// Why a place cannot be read, and what is wrong in what was read there.
fn wrong(status: &Value) -> (String, Vec<Problem>) {
    let conditions = status.get("conditions").and_then(Value::as_array);
    let is_it = |one: &&Value| one.get("type").and_then(Value::as_str) == Some(UNREADABLE);
    let Some(condition) = conditions.into_iter().flatten().find(is_it) else { return Default::default() };
    let message = condition.get("message").and_then(Value::as_str).unwrap_or_default();
    if condition.get("reason").and_then(Value::as_str) != Some(IN_PART) {
        return (message.to_owned(), Vec::new());
    }
    let problem = |line: &str| {
        let (file, message) = line.split_once(": ").filter(|(file, _)| file.contains("://")).unwrap_or(("", line));
        let file = Some(file.to_owned()).filter(|file| !file.is_empty());
        Problem { file, ..Problem::new("location.read", "", message, "Correct it there: it is read again by itself.") }
    };
    (String::new(), message.lines().map(problem).collect())
}
