//! The verdicts of a real Backstage 4.0.0 on single documents.

use crate::shared;
use loggia_model::backstage::{self, BackstageError};
use serde_json::{Value, json};

/// Answers that need reading something from the network, which the model does not do.
fn needs_network(expected: &Value) -> bool {
    let text = expected.to_string();
    text.contains("Unable to read url") || text.contains("PlaceholderProcessor")
}

/// The whole answer to one request body.
fn verdict(entity: &Value, place: &str) -> Result<(), BackstageError> {
    backstage::envelope(entity)?;
    backstage::location(place)?;
    backstage::process(entity)
}

#[test]
fn single_documents_get_the_recorded_answers() {
    let Some(path) = shared::data("single_documents_get_the_recorded_answers", "golden/http.jsonl") else { return };
    let mut seen = 0;
    let mut wrong = Vec::new();
    for pair in shared::json_lines(&path) {
        let body = &pair["body"];
        let errors = &pair["response"]["errors"];
        let judged = pair["path"] == "/api/catalog/validate-entity" && (pair["status"] == 200 || errors.is_array());
        let (Some(place), true) = (body["location"].as_str(), judged && body["entity"].is_object()) else { continue };
        if needs_network(errors) {
            continue;
        }
        seen += 1;
        let ours = match verdict(&body["entity"], place) {
            Ok(()) => Value::Null,
            Err(error) => json!([error]),
        };
        if &ours != errors {
            wrong.push(format!("{}\n  ours  {ours}\n  peer  {errors}", pair["id"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {seen} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(seen > 80, "only {seen} pairs were looked at");
}
