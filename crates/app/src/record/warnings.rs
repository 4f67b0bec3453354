//! What is allowed and may be a mistake, as in Backstage: names of the catalog that lead nowhere, and what is hidden in a
//! namespace that everybody sees.

use crate::access::writing::is_narrow;
use crate::record::prepare::Prepared;
use crate::record::rings;
use loggia_graph::{Audience, Graph};
use loggia_model::kinds::visibility::VISIBILITY;
use loggia_model::reference::DEFAULT_NAMESPACE;
use loggia_model::{Document, Kind, Problem, Ref, Relation, Severity};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many are told of one source at most: whoever has more does not read them one by one.
pub const MOST: usize = 100;

/// Something that may be a mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What, and where.
    #[serde(flatten)]
    pub problem: Problem,
    /// The name that leads nowhere: once something has it, there is nothing to warn of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Ref>,
}

/// What may be a mistake in the files of a repository, when nothing else is known.
pub(crate) fn of_files(prepared: &[Prepared], is_there: impl Fn(&Ref) -> bool) -> Vec<Warning> {
    let mut found = hidden(prepared);
    let may = prepared.iter().filter(|one| rings::may(one.kind, &one.text));
    let may: Vec<_> = may.map(|one| (one.reference.clone(), one.document(), one.path.clone())).collect();
    found.extend(rings::of(&may, |_| true));
    for one in prepared {
        let Some(kind) = Kind::find(one.kind).filter(|kind| is_of_catalog(kind)) else { continue };
        let document = one.document();
        let relations = (kind.relations)(&document).into_iter().filter(|relation| !is_there(&relation.target));
        found.extend(relations.map(|relation| nowhere(&one.reference, &document, &relation, &one.path)));
    }
    found
}

/// What leads nowhere of what came from a source.
pub(crate) fn of_source(graph: &Graph, origin: &str) -> Vec<Warning> {
    let found = graph.dangling(&Audience::All).into_iter().filter_map(|one| {
        let record = graph.get(&one.source).filter(|record| &*record.source.origin == origin)?;
        Kind::find(record.reference.kind()).filter(|kind| is_of_catalog(kind))?;
        Some(nowhere(&record.reference, &record.parse(), &one.relation, &record.source.path))
    });
    let all = rings::KINDS.iter().flat_map(|kind| graph.of_kind(&Audience::All, kind));
    let may = all.filter(|record| rings::may(record.reference.kind(), &record.document));
    let may: Vec<_> =
        may.map(|record| (record.reference.clone(), record.parse(), record.source.path.to_string())).collect();
    let own = |name: &Ref| graph.get(name).is_some_and(|record| &*record.source.origin == origin);
    rings::of(&may, own).into_iter().chain(found).take(MOST).collect()
}

/// What is hidden where everybody sees which names are taken.
pub(crate) fn hidden(prepared: &[Prepared]) -> Vec<Warning> {
    // Most say nothing of it, and parsing each of them would be felt.
    let may =
        prepared.iter().filter(|one| one.reference.namespace() == DEFAULT_NAMESPACE && one.text.contains(VISIBILITY));
    let narrow = may.filter(|one| !matches!(one.kind, "Product" | "Environment") && is_narrow(&one.document()));
    let tell = |one: &Prepared| {
        let message = format!(
            "{} is not for everybody, but everybody sees the namespace {DEFAULT_NAMESPACE}: who tries the name learns that \
             it is taken",
            one.reference
        );
        let mend = "Put it into the namespace of its team, or let the company see it.";
        let path = format!("metadata.annotations.{VISIBILITY}");
        Warning { problem: warning("namespace.shared", path, message, mend, &one.path), target: None }
    };
    narrow.map(tell).collect()
}

/// Names of our own kinds must lead somewhere; those of the catalog may come later, or from elsewhere.
fn is_of_catalog(kind: &Kind) -> bool {
    !kind.api_versions.iter().any(|version| version.starts_with("loggia.dev/"))
}

fn nowhere(name: &Ref, document: &Document, relation: &Relation, path: &str) -> Warning {
    let target = relation.target.clone();
    let message = format!("{name} names {target}, which is nowhere here");
    let mend = format!("Correct the name, or describe {target}; leave it when that comes from elsewhere.");
    let field = field_of(document, relation);
    Warning { problem: warning("reference.nowhere", field, message, &mend, path), target: Some(target) }
}

pub(crate) fn warning(rule: &str, field: String, message: String, mend: &str, path: &str) -> Problem {
    let file = (!path.is_empty()).then(|| path.to_owned());
    Problem { severity: Severity::Warning, file, ..Problem::new(rule, field, message, mend) }
}

/// The field of `spec` that states a relation: without it, it is not stated.
pub(crate) fn field_of(document: &Document, relation: &Relation) -> String {
    let Some(kind) = Kind::find(document.kind()) else { return "spec".to_owned() };
    let states = |value: &Value| (kind.relations)(&Document(value.clone())).contains(relation);
    let fields = document.spec().and_then(Value::as_object).into_iter().flatten();
    for (field, value) in fields {
        let mut without = document.0.clone();
        if let Some(spec) = without.get_mut("spec").and_then(Value::as_object_mut) {
            spec.remove(field);
        }
        if states(&without) {
            continue;
        }
        let Some(items) = value.as_array() else { return format!("spec.{field}") };
        for (at, item) in items.iter().enumerate() {
            without["spec"][field] = Value::Array(vec![item.clone()]);
            if states(&without) {
                return format!("spec.{field}.{at}");
            }
        }
        return format!("spec.{field}");
    }
    "spec".to_owned()
}
