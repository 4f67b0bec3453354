//! `status` of an entity, as the catalog knows it.

use loggia_app::record::removal::SOURCE_GONE;
use loggia_app::source::location::UNREADABLE;
use loggia_app::source::untaken::NOT_TAKEN;
use loggia_model::Record;
use serde_json::{Value, json};

/// The status of an entity: what is wrong with it, item by item. None when nothing is.
pub fn of(record: &Record) -> Option<String> {
    let text = record.status.as_deref().filter(|text| text.contains("\"conditions\""))?;
    let status: Value = serde_json::from_str(text).ok()?;
    let conditions = status.get("conditions")?.as_array()?;
    let items: Vec<Value> = conditions.iter().flat_map(items).collect();
    (!items.is_empty()).then(|| json!({"items": items}).to_string())
}

/// What a condition says to users of the catalog: one item for each line, in the classes of errors that Backstage has.
fn items(condition: &Value) -> Vec<Value> {
    let text = |field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default();
    let class: fn(&str) -> &'static str = match text("type") {
        SOURCE_GONE => |_| "NotFoundError",
        NOT_TAKEN => |_| "InputError",
        UNREADABLE => class_of,
        _ => return Vec::new(),
    };
    let item = |message: &str| {
        let name = class(message);
        json!({"type": "backstage.io/catalog-processing", "level": "error", "message": format!("{name}: {message}"),
            "error": {"name": name, "message": message}})
    };
    text("message").lines().map(item).collect()
}

/// The class of an error of reading: what is not there, what is not YAML, and what is wrong in it.
fn class_of(message: &str) -> &'static str {
    match message {
        message if message.starts_with("YAML error at") => "Error",
        message if message.starts_with("Unable to read") => "NotFoundError",
        _ => "InputError",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_is_an_item_of_its_class() {
        let of = |kind: &str, message: &str| {
            let items = items(&json!({"type": kind, "status": "True", "reason": "X", "message": message}));
            items.iter().map(|one| one["error"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let three = "Unable to read url, x\nYAML error at https://a/b#0, x\nhttps://a/b#1: Component web: x";
        assert_eq!(of(UNREADABLE, three), ["NotFoundError", "Error", "InputError"]);
        assert_eq!(of(SOURCE_GONE, "gone"), ["NotFoundError"]);
        assert_eq!(of(NOT_TAKEN, "wrong"), ["InputError"]);
        assert!(of("Ready", "x").is_empty());
    }
}
