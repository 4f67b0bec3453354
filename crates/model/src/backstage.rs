//! What the Backstage catalog says of a document: the same verdict, with the same words.
//!
//! The order is that of its processing: envelope, policies, kind, references. Reading what a placeholder or a Location
//! points to needs the network and is done by the caller, before [`process`].

use crate::kinds::{self, CatalogKind, link};
use crate::shape::{self, Fault, Fields, Rest, Shape};
use crate::{Document, Kind, Problem, Ref, field};
use serde::Serialize;
use serde_json::{Map, Value};

/// An error as Backstage serialises it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackstageError {
    /// The class, such as `InputError`.
    pub name: String,
    /// The sentence; that of the cause is its end.
    pub message: String,
    /// What caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Box<BackstageError>>,
}

impl BackstageError {
    /// An error without a cause.
    pub fn new(name: &str, message: impl Into<String>) -> BackstageError {
        BackstageError { name: name.into(), message: message.into(), cause: None }
    }

    /// An error that another one caused.
    pub fn caused(name: &str, message: &str, cause: BackstageError) -> BackstageError {
        let message = format!("{message}; caused by {}: {}", cause.name, cause.message);
        BackstageError { name: name.into(), message, cause: Some(Box::new(cause)) }
    }
}

/// The annotation with the place that a document came from.
pub const LOCATION: &str = "backstage.io/managed-by-location";
/// The annotation with the place that was registered.
pub const ORIGIN_LOCATION: &str = "backstage.io/managed-by-origin-location";

/// What a document needs to be looked at.
const LOOSE: Shape = Shape::Object(&Fields {
    required: &["apiVersion", "kind", "metadata"],
    known: &[
        ("apiVersion", Shape::Filled),
        ("kind", Shape::Filled),
        (
            "metadata",
            Shape::Object(&Fields {
                required: &["name"],
                known: &[("name", Shape::Filled), ("namespace", Shape::Filled)],
                rest: Rest::Any,
            }),
        ),
    ],
    rest: Rest::Any,
});

/// `metadata`.
const METADATA: Shape = Shape::Object(&Fields {
    required: &["name"],
    known: &[
        ("uid", Shape::Filled),
        ("etag", Shape::Filled),
        ("name", Shape::Filled),
        ("namespace", Shape::Filled),
        ("title", Shape::Filled),
        ("description", Shape::Text),
        ("labels", Shape::MapOf(&Shape::Text)),
        ("annotations", Shape::MapOf(&Shape::Text)),
        ("tags", shape::FILLED_LIST),
        ("links", Shape::List(&LINK)),
    ],
    rest: Rest::Any,
});

/// One of `metadata.links`.
const LINK: Shape = Shape::Object(&Fields {
    required: &["url"],
    known: &[("url", Shape::Filled), ("title", Shape::Filled), ("icon", Shape::Filled), ("type", Shape::Filled)],
    rest: Rest::Any,
});

/// One of `relations`.
const RELATION: Shape = Shape::Object(&Fields {
    required: &["type", "targetRef"],
    known: &[("type", Shape::Word), ("targetRef", Shape::Filled)],
    rest: Rest::None,
});

/// One of `status.items`.
const STATUS_ITEM: Shape = Shape::Object(&Fields {
    required: &["type", "level", "message"],
    known: &[
        ("type", Shape::Filled),
        ("level", Shape::Choice(&["info", "warning", "error"])),
        ("message", Shape::Text),
        (
            "error",
            Shape::Object(&Fields {
                required: &["name", "message"],
                known: &[
                    ("name", Shape::Filled),
                    ("message", Shape::Text),
                    ("code", Shape::Text),
                    ("stack", Shape::Text),
                ],
                rest: Rest::Any,
            }),
        ),
    ],
    rest: Rest::Any,
});

/// The whole envelope.
const STRICT: Shape = Shape::Object(&Fields {
    required: &["apiVersion", "kind", "metadata"],
    known: &[
        ("apiVersion", Shape::Filled),
        ("kind", Shape::Filled),
        ("metadata", METADATA),
        ("spec", shape::OPEN),
        ("relations", Shape::List(&RELATION)),
        (
            "status",
            Shape::Object(&Fields { required: &[], known: &[("items", Shape::List(&STATUS_ITEM))], rest: Rest::Any }),
        ),
    ],
    rest: Rest::None,
});

/// The faults of a value against a form.
fn faults(form: &Shape, value: &Value) -> Vec<Fault> {
    let mut found = Vec::new();
    shape::check(form, value, &mut Vec::new(), &mut found);
    found
}

/// The faults of the envelope, in order.
pub fn envelope_faults(document: &Value) -> Vec<Fault> {
    faults(&STRICT, document)
}

/// A fault as a problem for people.
pub fn problem(fault: &Fault) -> Problem {
    let field = fault.path.rsplit('.').next().unwrap_or_default();
    let mend = match fault.keyword {
        "required" => format!("Add `{field}`."),
        "additionalProperties" => {
            format!("Take `{field}` out; at the top there may be apiVersion, kind, metadata and spec.")
        }
        "minLength" => format!("Write a value for `{field}`, or leave it out when it is optional."),
        "enum" => format!("Write one of: {}.", fault.params.trim_start_matches("allowedValues: ").replace(',', ", ")),
        "type" => format!("Write `{field}` as {}.", fault.params.trim_start_matches("type: ").replace(',', " or ")),
        _ => "Use letters, digits and `_` only.".into(),
    };
    Problem::new(&format!("schema.{}", fault.keyword), &*fault.path, &*fault.message, mend)
}

/// A fault as the error of a form with parameters.
fn type_error(fault: &Fault) -> BackstageError {
    BackstageError::new("TypeError", format!("{} {} - {}", fault.place(), fault.message, fault.params))
}

/// The whole verdict on a document whose placeholders were replaced.
///
/// # Errors
/// The one error that Backstage gives.
pub fn validate(document: &Value) -> Result<(), BackstageError> {
    envelope(document)?;
    process(document)
}

/// Whether the document can be looked at: the first step of the verdict.
///
/// # Errors
/// A `TypeError`.
pub fn envelope(document: &Value) -> Result<(), BackstageError> {
    faults(&LOOSE, document).first().map_or(Ok(()), |fault| Err(type_error(fault)))
}

/// Reads the place of a document, `url:<target>`, and gives the target: the second step of the verdict.
///
/// # Errors
/// A `TypeError` when it is no place, or one of another type.
pub fn location(text: &str) -> Result<&str, BackstageError> {
    let (kind, target) = parse_location(text)?;
    if kind != "url" {
        let message =
            format!("Invalid location ref {text}, only 'url:<target>' is supported, e.g. url:https://host/path");
        return Err(BackstageError::new("TypeError", message));
    }
    Ok(target)
}

/// Splits `<type>:<target>`.
fn parse_location(text: &str) -> Result<(&str, &str), BackstageError> {
    let error = |message| Err(BackstageError::new("TypeError", message));
    let malformed =
        || format!("Unable to parse location ref '{text}', expected '<type>:<target>', e.g. 'url:https://host/path'");
    let Some((kind, target)) = text.split_once(':') else { return error(malformed()) };
    let (kind, target) = (kind.trim(), target.trim());
    if kind.is_empty() || target.is_empty() {
        return error(malformed());
    }
    if kind == "http" || kind == "https" {
        return error(format!("Invalid location ref '{text}', please prefix it with 'url:', e.g. 'url:{text}'"));
    }
    Ok((kind, target))
}

/// Policies, kind and references: the last steps of the verdict, on a document that passed [`envelope`].
///
/// # Errors
/// An `InputError`, with its cause where there is one.
pub fn process(document: &Value) -> Result<(), BackstageError> {
    let mut document = Document(document.clone());
    spread_annotations(&mut document.0);
    for key in [LOCATION, ORIGIN_LOCATION] {
        if let Some(place) = document.meta("annotations").and_then(|a| a.get(key)).and_then(Value::as_str) {
            parse_location(place)?;
        }
    }
    let name = Ref::new(document.kind(), document.namespace(), document.name());
    policies(&document.0)
        .map_err(|cause| BackstageError::caused("InputError", &format!("Policy check failed for {name}"), cause))?;
    kind(&document, &name)
}

/// Does to `metadata.annotations` what adding two annotations by object spread does: what is no object becomes one.
fn spread_annotations(document: &mut Value) {
    let Some(slot) = document.get_mut("metadata").and_then(|m| m.get_mut("annotations")) else { return };
    let entries: Map<String, Value> = match slot {
        Value::Object(_) => return,
        Value::Array(items) => items.iter().enumerate().map(|(at, item)| (at.to_string(), item.clone())).collect(),
        Value::String(text) => {
            text.chars().enumerate().map(|(at, c)| (at.to_string(), Value::String(c.into()))).collect()
        }
        _ => Map::new(),
    };
    *slot = Value::Object(entries);
}

/// The policies, in their order.
fn policies(document: &Value) -> Result<(), BackstageError> {
    let error = |message: String| Err(BackstageError::new("Error", message));
    if let Some(fault) = envelope_faults(document).first() {
        return error(format!("Malformed envelope, {} {}", fault.place(), fault.message));
    }
    if let Some(field) = ["relations", "status"].iter().find(|field| document.get(**field).is_some()) {
        return error(format!("Unknown field {field}"));
    }
    field::breaches(document).first().map_or(Ok(()), |breach| error(breach.message()))
}

/// The kind: recognised, its form, its references.
fn kind(document: &Document, name: &Ref) -> Result<(), BackstageError> {
    let known =
        kinds::CATALOG.iter().find(|k| k.name == document.kind() && k.api_versions.contains(&document.api_version()));
    match known {
        Some(known) => catalog_kind(known, document, name),
        None => own_kind(document, name),
    }
}

/// One of the nine kinds of Backstage.
fn catalog_kind(known: &CatalogKind, document: &Document, name: &Ref) -> Result<(), BackstageError> {
    let processor = known.processor;
    if let Some(fault) = known.faults(&document.0).first() {
        let message = format!("Processor {processor} threw an error while validating the entity {name}");
        return Err(BackstageError::caused("InputError", &message, type_error(fault)));
    }
    let has_target = document.spec().is_some_and(|s| s.get("target").is_some() || s.get("targets").is_some());
    if known.name == "Location" && has_target && !["", "url"].contains(&document.spec_text("type")) {
        return Err(BackstageError::new("InputError", "Registered locations must be of an allowed type [\"url\"]"));
    }
    if let Some(error) = link::first_error(document, known.links, document.namespace()) {
        let class = if matches!(error, crate::RefError::Malformed(_)) { "TypeError" } else { "Error" };
        let cause = BackstageError::new(class, error.to_string());
        let message = format!("Processor {processor} threw an error while postprocessing");
        return Err(BackstageError::caused("InputError", &message, cause));
    }
    Ok(())
}

/// One of our kinds that appear in the Backstage door, or a kind that nobody knows.
fn own_kind(document: &Document, name: &Ref) -> Result<(), BackstageError> {
    let known = Kind::find(document.kind()).filter(|kind| {
        kind.catalog
            && kind.name == document.kind()
            && kind.api_versions.contains(&document.api_version())
            && !kinds::CATALOG.iter().any(|c| c.name == kind.name)
    });
    let Some(known) = known else {
        let message = format!(
            "No processor recognized the entity {name} as valid, possibly caused by a foreign kind or apiVersion"
        );
        return Err(BackstageError::new("InputError", message));
    };
    let mut problems = Vec::new();
    (known.check)(document, &mut problems);
    problems.first().map_or(Ok(()), |problem| {
        let message = format!("Processor LoggiaEntityProcessor threw an error while validating the entity {name}");
        let cause = BackstageError::new("Error", format!("{}: {}", problem.path, problem.message));
        Err(BackstageError::caused("InputError", &message, cause))
    })
}
