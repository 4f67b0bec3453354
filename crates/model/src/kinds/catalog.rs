//! What the nine kinds of the Backstage catalog have in common.

use super::link::{self, Link};
use crate::shape::{self, Fields, Shape, Step};
use crate::{Document, Problem, Relation, backstage};
use serde_json::Value;

/// The `apiVersion`s of the core kinds, newest first.
pub const API_VERSIONS: &[&str] = &["backstage.io/v1beta1", "backstage.io/v1alpha1"];

/// How a person or a group is shown.
pub const PROFILE: Shape = Shape::Object(&Fields {
    required: &[],
    known: &[("displayName", Shape::Filled), ("email", Shape::Filled), ("picture", Shape::Filled)],
    rest: shape::Rest::Any,
});

/// What Backstage demands of one of its kinds.
#[derive(Debug)]
pub struct CatalogKind {
    /// The name, in the exact spelling that is recognised.
    pub name: &'static str,
    /// The `apiVersion`s that are recognised.
    pub api_versions: &'static [&'static str],
    /// The processor whose name stands in its error messages.
    pub processor: &'static str,
    /// The fields of `spec`.
    pub spec: Shape,
    /// The fields that name other records.
    pub links: &'static [Link],
}

impl CatalogKind {
    /// The JSON Schema of `spec`.
    pub fn schema(&self) -> Value {
        shape::schema(&self.spec)
    }

    /// The faults of `spec`, in the order of the validator of Backstage.
    pub fn faults(&self, document: &Value) -> Vec<shape::Fault> {
        let mut faults = Vec::new();
        match document.get("spec") {
            Some(spec) => shape::check(&self.spec, spec, &mut vec![Step::Key("spec")], &mut faults),
            None => {
                const ENVELOPE: Shape =
                    Shape::Object(&Fields { required: &["spec"], known: &[], rest: shape::Rest::Any });
                shape::check(&ENVELOPE, document, &mut Vec::new(), &mut faults);
            }
        }
        faults
    }

    /// Every problem of `spec`.
    pub fn check(&self, document: &Document, out: &mut Vec<Problem>) {
        let faults = self.faults(&document.0);
        // A wrong type of `spec` itself was found with the envelope.
        let fresh = faults.iter().filter(|f| f.pointer != "/spec" || f.keyword != "type");
        out.extend(fresh.map(backstage::problem));
        link::check(document, self.links, document.namespace(), out);
    }

    /// The relations that the document states. Missing namespaces are that of the document.
    pub fn relations(&self, document: &Document) -> Vec<Relation> {
        link::relations(document, self.links, document.namespace())
    }
}

/// The lists that Backstage serves in order, in whatever order they were written.
const SORTED: [&str; 7] =
    ["providesApis", "consumesApis", "dependsOn", "dependencyOf", "memberOf", "children", "members"];

/// The stored form: the namespace is written out, lists of names are in order (by code unit, duplicates stay).
pub fn normalise(document: &mut Document) {
    namespace(document);
    for field in SORTED {
        let Some(list) = document.0.get_mut("spec").and_then(|s| s.get_mut(field)).and_then(Value::as_array_mut) else {
            continue;
        };
        if list.iter().all(Value::is_string) {
            list.sort_by(|a, b| {
                a.as_str().unwrap_or_default().encode_utf16().cmp(b.as_str().unwrap_or_default().encode_utf16())
            });
        }
    }
}

/// Writes the default namespace into a document that has none, and takes annotations of nothing away.
pub fn namespace(document: &mut Document) {
    if let Some(metadata) = document.0.get_mut("metadata").and_then(Value::as_object_mut) {
        if metadata.get("annotations").is_some_and(Value::is_null) {
            metadata.remove("annotations");
        }
        metadata.entry("namespace").or_insert_with(|| crate::reference::DEFAULT_NAMESPACE.into());
    }
}
