//! Fields that name other records.

use crate::{Document, Problem, Ref, RefError, Relation, RelationType};
use serde_json::Value;

/// A field of `spec` that names one record or a list of them.
#[derive(Debug)]
pub struct Link {
    /// The field.
    pub field: &'static str,
    /// What this record is to the named one.
    pub relation: RelationType,
    /// The kind when the text has none; without one, the text must have it.
    pub kind: Option<&'static str>,
}

/// Shorthand for tables.
pub const fn link(field: &'static str, relation: RelationType, kind: &'static str) -> Link {
    Link { field, relation, kind: Some(kind) }
}

/// Shorthand for a field whose texts must have a kind.
pub const fn link_with_kind(field: &'static str, relation: RelationType) -> Link {
    Link { field, relation, kind: None }
}

/// The texts of a field, each with its place when the field is a list.
fn texts<'a>(document: &'a Document, field: &str) -> impl Iterator<Item = (Option<usize>, &'a str)> {
    let value = document.spec().and_then(|spec| spec.get(field));
    let one = value.and_then(Value::as_str).map(|text| (None, text));
    let many = value.and_then(Value::as_array).into_iter().flatten().enumerate();
    one.into_iter().chain(many.filter_map(|(at, item)| item.as_str().map(|text| (Some(at), text))))
}

/// Every named record, or why a text is no name. Missing namespaces are the one given.
fn targets<'a>(
    document: &'a Document,
    links: &'static [Link],
    namespace: &'a str,
) -> impl Iterator<Item = (&'static Link, Option<usize>, Result<Ref, RefError>)> {
    links.iter().flat_map(move |link| {
        texts(document, link.field).map(move |(at, text)| (link, at, Ref::parse(text, link.kind, namespace)))
    })
}

/// The relations that the document states, in order and each once. Texts that are no names are left out.
pub fn relations(document: &Document, links: &'static [Link], namespace: &str) -> Vec<Relation> {
    let named = targets(document, links, namespace);
    let mut found: Vec<Relation> = named
        .filter_map(|(link, _, target)| Some(Relation { relation: link.relation, target: target.ok()? }))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The first text that is no name.
pub fn first_error(document: &Document, links: &'static [Link], namespace: &str) -> Option<RefError> {
    targets(document, links, namespace).find_map(|(_, _, target)| target.err())
}

/// A problem for every text that is no name.
pub fn check(document: &Document, links: &'static [Link], namespace: &str, out: &mut Vec<Problem>) {
    for (link, at, target) in targets(document, links, namespace) {
        let Err(error) = target else { continue };
        let path = at.map_or_else(|| format!("spec.{}", link.field), |at| format!("spec.{}.{at}", link.field));
        let mend = match link.kind {
            Some(kind) => {
                format!(
                    "Write the name of the {kind}, such as `payments` or `{}:default/payments`.",
                    kind.to_lowercase()
                )
            }
            None => "Write the kind before the name, such as `component:payments`.".into(),
        };
        out.push(Problem::new("reference", path, error.to_string(), mend));
    }
}
