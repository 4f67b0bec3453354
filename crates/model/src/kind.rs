//! The registry of kinds: each is declared once, in a file of its own under `kinds/`.

use crate::reference::DEFAULT_NAMESPACE;
use crate::{Document, Problem, Relation, Scope, backstage, field, flatten, kinds, shape::Fault};
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
    /// Whether the whole company shares its names: there is no namespace then but `default`.
    pub is_shared: bool,
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

/// Every problem of a document: envelope, common fields, kind, spec, references. Empty when it may be stored.
///
/// Placeholders such as `$text` must have been replaced before.
pub fn check(document: &Document) -> Vec<Problem> {
    let faults = backstage::envelope_faults(&document.0);
    // Annotations of nothing are taken, as in Backstage; the stored form has none.
    let no_annotations = document.meta("annotations").is_some_and(Value::is_null);
    let counts = |fault: &&Fault| !(no_annotations && fault.path == "metadata.annotations");
    let mut out: Vec<Problem> = faults.iter().filter(counts).map(backstage::problem).collect();
    for field in ["relations", "status"] {
        if document.0.get(field).is_some() {
            let mend = format!("Take `{field}` out; Loggia works it out.");
            out.push(Problem::new("unknown-field", field, format!("Unknown field {field}"), mend));
        }
    }
    out.extend(field::breaches(&document.0).iter().filter(|breach| !breach.found.is_empty()).map(|breach| {
        Problem::new(
            "format",
            &*breach.path,
            format!("\"{}\" is not valid; {}", breach.field, breach.short_message()),
            breach.mend(),
        )
    }));
    if document.0.get("kind").is_some_and(Value::is_string) && document.spec().is_none_or(Value::is_object) {
        match recognise(document) {
            Ok(kind) => {
                out.extend(misplaced(kind, document));
                (kind.check)(document, &mut out);
            }
            Err(problem) => out.push(*problem),
        }
    }
    if let Some(key) = flatten::clash(&document.0) {
        let message = format!("two fields differ only by case: {key}");
        out.push(Problem::new("field-case", key, message, "Keep one of them; capital letters do not count here."));
    }
    out
}

/// A problem when a name that everybody shares is put into a namespace.
fn misplaced(kind: &Kind, document: &Document) -> Option<Problem> {
    if !kind.is_shared || document.namespace() == DEFAULT_NAMESPACE {
        return None;
    }
    let message = format!("{} is shared by the company and has no namespace of its own", kind.name);
    Some(Problem::new("namespace", "metadata.namespace", message, "Take `namespace` out."))
}

/// The kind of a document, when it is spelt exactly and its `apiVersion` is read.
///
/// # Errors
/// What is unknown, with the nearest thing that is known.
pub fn recognise(document: &Document) -> Result<&'static Kind, Box<Problem>> {
    let name = document.kind();
    let Some(kind) = Kind::find(name).filter(|kind| kind.name.eq_ignore_ascii_case(name)) else {
        let all: Vec<&str> = kinds::ALL.iter().map(|kind| kind.name).collect();
        let mend = format!("Write one of: {}.", all.join(", "));
        return Err(Problem::new("kind", "kind", format!("nobody knows the kind {name:?}"), mend).into());
    };
    if kind.name != name {
        let message = format!("the kind {name:?} is not spelt exactly");
        return Err(Problem::new("kind", "kind", message, format!("Write `{}`.", kind.name)).into());
    }
    if !kind.api_versions.contains(&document.api_version()) {
        let message = format!("{} is not read in the version {:?}", kind.name, document.api_version());
        let mend = format!("Write `apiVersion: {}`.", kind.api_versions.last().copied().unwrap_or_default());
        return Err(Problem::new("apiVersion", "apiVersion", message, mend).into());
    }
    Ok(kind)
}
