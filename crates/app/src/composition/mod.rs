//! What is made of parts: choosing them, making them in order, and taking them away in reverse.
//!
//! Everything is decided when something is ordered: each part is an instance with an operation of its own from then on, and
//! what needs another one is *held*. A deadline of the whole lets go what has all that it needs.

pub(crate) mod advance;
pub(crate) mod change;
pub mod check;
pub mod explain;
mod fall_back;
pub(crate) mod fill;
pub(crate) mod leave;
pub(crate) mod parts;
pub mod parts_driver;
pub(crate) mod resolve;

use crate::command::changes::Changes;
use crate::instance::request::base_name;
use loggia_graph::{Audience, Graph};
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::{Micros, Record, Ref, RelationType, Uid};
use loggia_store::Due;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The kind of the deadline at which a whole is looked at.
pub(crate) const KIND: &str = "composition";

/// The deadline of a whole.
pub(crate) fn deadline(uid: Uid, time: Micros) -> Due {
    Due { key: format!("{KIND}:{uid}"), time, kind: KIND.to_owned(), subject: Some(uid), payload: Value::Null }
}

/// The instances that are parts of one, in order of names.
pub(crate) fn parts_of(graph: &Graph, whole: &Ref) -> Vec<Arc<Record>> {
    related(graph, whole, RelationType::HAS_PART)
}

/// The instances that need one, in order of names.
pub(crate) fn dependents(graph: &Graph, instance: &Ref) -> Vec<Arc<Record>> {
    related(graph, instance, RelationType::DEPENDENCY_OF)
}

fn related(graph: &Graph, of: &Ref, relation: RelationType) -> Vec<Arc<Record>> {
    let mut all = graph.related(&Audience::All, of, relation);
    all.retain(|record| record.reference.kind() == "instance");
    all.sort_by(|one, other| one.reference.cmp(&other.reference));
    all
}

/// The whole that an instance is a part of.
pub(crate) fn whole_of(graph: &Graph, record: &Record) -> Option<Arc<Record>> {
    // Read at every end of an operation: most are told by a look at the text.
    let text = Some(&*record.document).filter(|text| text.contains("\"partOf\""))?;
    let spec: InstanceSpec = record.spec().ok().filter(|_| !text.is_empty())?;
    graph.get(&spec.part_of?.parse().ok()?).cloned()
}

/// How deep an instance is itself a part.
pub(crate) fn depth(graph: &Graph, record: &Record) -> usize {
    whole_of(graph, record).map_or(0, |whole| 1 + depth(graph, &whole))
}

/// The parts of something by their names as parts: an instance is called after the whole and the part.
pub(crate) fn by_name(graph: &Graph, whole: &Ref, environment: &str) -> BTreeMap<String, Ref> {
    let front = format!("{}-", base_name(whole, environment));
    let one = |part: &Arc<Record>| {
        let name = base_name(&part.reference, environment).strip_prefix(&front)?.to_owned();
        Some((name, part.reference.clone()))
    };
    parts_of(graph, whole).iter().filter_map(one).collect()
}

/// Has every whole looked at that something which happened to an instance matters to.
pub(crate) fn touched(changes: &mut Changes, graph: &Graph, record: &Record, now: Micros) {
    let mut wholes: BTreeSet<Uid> = BTreeSet::new();
    let near = dependents(graph, &record.reference);
    for one in near.iter().map(|one| &**one).chain([record]) {
        wholes.extend(whole_of(graph, one).map(|whole| whole.uid));
        if is_whole(one) {
            wholes.insert(one.uid);
        }
    }
    changes.due.extend(wholes.into_iter().map(|uid| deadline(uid, now)));
}

/// Whether an instance is made of parts, or takes something from others.
fn is_whole(record: &Record) -> bool {
    let says = |text: Option<&str>, word: &str| text.is_some_and(|text| text.contains(word));
    says(record.status.as_deref(), "\"madeOf\"") || says(Some(&record.document), "\"wiring\"")
}

/// Text and status of an instance.
pub(crate) fn read(record: &Record) -> crate::Result<(InstanceSpec, InstanceStatus)> {
    Ok((record.spec()?, record.typed_status()?))
}
