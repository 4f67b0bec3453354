//! `status` of an entity, as the catalog knows it.

use loggia_app::record::removal::SOURCE_GONE;
use loggia_app::source::location::UNREADABLE;
use loggia_model::Record;
use serde_json::{Value, json};

/// The status of an entity: what is wrong with it, item by item. None when nothing is.
pub fn of(record: &Record) -> Option<String> {
    let text = record.status.as_deref().filter(|text| text.contains("\"conditions\""))?;
    let status: Value = serde_json::from_str(text).ok()?;
    let conditions = status.get("conditions")?.as_array()?;
    let told = [SOURCE_GONE, UNREADABLE];
    let kind =
        |condition: &&Value| condition.get("type").and_then(Value::as_str).is_some_and(|kind| told.contains(&kind));
    let wrong = conditions.iter().filter(kind);
    let items: Vec<Value> = wrong
        .map(|condition| {
            let message = condition.get("message").and_then(Value::as_str).unwrap_or_default();
            json!({"type": "backstage.io/catalog-processing", "level": "error",
                "message": format!("NotFoundError: {message}"),
                "error": {"name": "NotFoundError", "message": message}})
        })
        .collect();
    (!items.is_empty()).then(|| json!({"items": items}).to_string())
}
