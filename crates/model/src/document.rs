//! A document as it was given: the envelope of Kubernetes and of the Backstage catalog.

use crate::{Ref, canonical, reference::DEFAULT_NAMESPACE};
use serde_json::{Map, Value};

/// `apiVersion`, `kind`, `metadata` and `spec` of one record, as JSON.
///
/// The accessors never fail: a field that is missing or of another type reads as empty. Whether the document is
/// *right* is the business of [`crate::kind::check`].
#[derive(Clone, Debug, PartialEq)]
pub struct Document(pub Value);

impl Document {
    /// A text at the top level, or empty.
    fn top(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// `apiVersion`.
    pub fn api_version(&self) -> &str {
        self.top("apiVersion")
    }

    /// `kind`, as written.
    pub fn kind(&self) -> &str {
        self.top("kind")
    }

    /// A field of `metadata`.
    pub fn meta(&self, key: &str) -> Option<&Value> {
        self.0.get("metadata")?.get(key)
    }

    /// A text of `metadata`, or empty.
    pub fn meta_text(&self, key: &str) -> &str {
        self.meta(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.meta_text("name")
    }

    /// `metadata.namespace`, or `default`.
    pub fn namespace(&self) -> &str {
        match self.meta_text("namespace") {
            "" => DEFAULT_NAMESPACE,
            other => other,
        }
    }

    /// The title that people see: `metadata.title`, else the name.
    pub fn title(&self) -> &str {
        match self.meta_text("title") {
            "" => self.name(),
            title => title,
        }
    }

    /// A text among `metadata.annotations`, or empty.
    pub fn annotation(&self, key: &str) -> &str {
        self.meta("annotations").and_then(|a| a.get(key)).and_then(Value::as_str).unwrap_or_default()
    }

    /// Sets `metadata.annotations.<key>`; a document without `metadata` is left as it is.
    pub fn annotate(&mut self, key: &str, value: &str) {
        let Some(metadata) = self.0.get_mut("metadata").and_then(Value::as_object_mut) else { return };
        let slot = metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
        if !slot.is_object() {
            *slot = Value::Object(Map::new());
        }
        if let Some(map) = slot.as_object_mut() {
            map.insert(key.to_owned(), Value::String(value.to_owned()));
        }
    }

    /// `spec`.
    pub fn spec(&self) -> Option<&Value> {
        self.0.get("spec")
    }

    /// A text of `spec`, or empty.
    pub fn spec_text(&self, key: &str) -> &str {
        self.spec().and_then(|s| s.get(key)).and_then(Value::as_str).unwrap_or_default()
    }

    /// The texts of a list in `spec`; entries of other types are left out.
    pub fn spec_list(&self, key: &str) -> impl Iterator<Item = &str> {
        let list = self.spec().and_then(|s| s.get(key)).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    }

    /// The name of the record that this document describes.
    pub fn reference(&self) -> Ref {
        Ref::new(self.kind(), self.namespace(), self.name())
    }

    /// The canonical text.
    pub fn canonical(&self) -> String {
        canonical::to_string(&self.0)
    }
}
