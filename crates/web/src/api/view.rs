//! Records as this door shows them.

use loggia_app::access::visibility::told_status_text;
use loggia_graph::{Audience, Graph};
use loggia_model::canonical::{hex, write_text};
use loggia_model::{Micros, Record, Ref, Uid};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Something that is known: its text, its state, and what it is related to.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordView {
    /// Its name.
    #[serde(rename = "ref")]
    pub reference: Ref,
    /// Its identity for life.
    pub uid: Uid,
    /// Tag of the text; send it as If-Match to change it.
    pub etag: String,
    /// How often it changed, from 1.
    pub revision: i64,
    /// Place of the last change in the history of everything.
    pub position: i64,
    /// When it was made.
    pub created_at: Micros,
    /// When it changed last.
    pub updated_at: Micros,
    /// Where its text is kept.
    pub source: SourceView,
    /// `apiVersion`, `kind`, `metadata` and `spec`.
    pub document: Map<String, Value>,
    /// What the server says about it; of an instance also `firstSeen`, `lastSeen`, and the phase of now.
    pub status: Option<Map<String, Value>>,
    /// What it is related to, as far as you may see it.
    pub relations: Vec<RelationView>,
}

/// Where a text is kept.
#[derive(Serialize, JsonSchema)]
pub struct SourceView {
    /// `server`, or the repository or catalog.
    pub origin: String,
    /// The file in it, and `#` with the number of the document.
    pub path: String,
}

/// One relation.
#[derive(Serialize, JsonSchema)]
pub struct RelationView {
    /// What kind of relation.
    #[serde(rename = "type")]
    pub kind: String,
    /// The other end.
    pub target: Ref,
}

/// Appends a record with a status. The stored text is copied, not written anew.
pub fn write(graph: &Graph, audience: &Audience, record: &Record, status: Option<&str>, out: &mut String) {
    // Writing to a String does not fail.
    let _ = write!(out, "{{\"ref\":\"{}\",\"uid\":\"{}\",\"etag\":", record.reference, record.uid);
    write_text(&record.etag, out);
    let (created, updated) = (record.created_at, record.updated_at);
    let _ = write!(
        out,
        ",\"revision\":{},\"position\":{},\"createdAt\":\"{created}\",\"updatedAt\":\"{updated}\",\"source\":{{\"origin\":",
        record.revision, record.position
    );
    write_text(&record.source.origin, out);
    out.push_str(",\"path\":");
    write_text(&record.source.path, out);
    out.push_str("},\"document\":");
    out.push_str(&record.document);
    out.push_str(",\"status\":");
    let told = status.map(|status| told_status_text(graph, audience, record.reference.kind(), status));
    out.push_str(told.as_deref().unwrap_or("null"));
    out.push_str(",\"relations\":[");
    for (at, relation) in graph.relations(audience, record).iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(out, "{comma}{{\"type\":\"{}\",\"target\":", relation.relation.name());
        write_text(relation.target.as_str(), out);
        out.push('}');
    }
    out.push_str("]}");
}

/// A record as a value with only some fields, given as dotted paths.
///
/// # Errors
/// When the stored text is no JSON, which does not happen.
pub fn pick(text: &str, fields: &[Vec<&str>]) -> Result<Value, serde_json::Error> {
    let whole: Value = serde_json::from_str(text)?;
    if fields.is_empty() {
        return Ok(whole);
    }
    let mut picked = Value::Object(Map::new());
    for field in fields {
        copy(&whole, &mut picked, field);
    }
    Ok(picked)
}

fn copy(from: &Value, to: &mut Value, field: &[&str]) {
    let ([key, rest @ ..], Some(to)) = (field, to.as_object_mut()) else { return };
    let Some(value) = from.get(*key) else { return };
    if rest.is_empty() {
        to.insert((*key).to_owned(), value.clone());
    } else if value.is_object() {
        copy(value, to.entry(*key).or_insert_with(|| Value::Object(Map::new())), rest);
    }
}

/// The tag of an answer: that of the text, a dot, and a digest of all that is shown. So it changes with the status and
/// the relations too, and the text's tag can be told from it.
pub fn answer_tag(etag: &str, shown: &str) -> String {
    let digest = Sha256::digest(shown.as_bytes());
    format!("\"{etag}.{}\"", hex(&digest[..8]))
}

/// The tag of the text, from a tag of an answer or of the text itself.
pub fn text_tag(tag: &str) -> &str {
    match tag.rsplit_once('.') {
        Some((etag, digest)) if digest.len() == 16 && digest.bytes().all(|b| b.is_ascii_hexdigit()) => etag,
        _ => tag,
    }
}

#[cfg(test)]
mod tests {
    use super::{answer_tag, pick, text_tag};
    use serde_json::json;

    #[test]
    fn picks_fields_by_their_paths() {
        let text = r#"{"a":{"b":{"c":1,"d":2},"e":3},"f":4}"#;
        let fields = |text: &'static str| text.split(',').map(|f| f.split('.').collect()).collect::<Vec<Vec<&str>>>();
        assert_eq!(pick(text, &fields("a.b.c,f")).unwrap(), json!({"a": {"b": {"c": 1}}, "f": 4}));
        assert_eq!(pick(text, &fields("a.x,zz")).unwrap(), json!({"a": {}}));
        assert_eq!(pick(text, &fields("f.g")).unwrap(), json!({}));
    }

    #[test]
    fn the_tag_of_the_text_can_be_told_from_that_of_an_answer() {
        let tag = answer_tag("a.b", "{}");
        assert_eq!(text_tag(tag.trim_matches('"')), "a.b");
        assert_eq!(text_tag("a.b"), "a.b");
        assert_ne!(tag, answer_tag("a.b", "{ }"));
    }
}
