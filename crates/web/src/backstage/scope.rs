//! What this API shows of all records: the kinds of the catalog, without places that were never read.

use loggia_app::source::location::UNREAD;
use loggia_graph::{Audience, Graph, Predicate};
use loggia_model::{Kind, Record, kinds};
use std::sync::{Arc, LazyLock};

/// The kinds that an existing client of the catalog does not know.
static HIDDEN: LazyLock<Predicate> = LazyLock::new(|| {
    let hidden = kinds::ALL.iter().filter(|kind| !kind.catalog).map(|kind| kind.lower()).collect();
    let unread = Predicate::exists(format!("metadata.annotations.{UNREAD}"));
    Predicate::Any(vec![Predicate::In("kind".into(), hidden), unread])
});

/// A condition, bounded to what this API shows.
pub fn shown(graph: &Graph, predicate: Predicate) -> Predicate {
    // Where everything is of the catalog, nothing is asked for twice.
    if graph.count(&Audience::All, &HIDDEN) == 0 {
        return predicate;
    }
    HIDDEN.clone().negate().and(predicate)
}

/// Whether this API shows a record at all.
pub fn is_shown(record: &Record) -> bool {
    let kind = record.reference.kind();
    let known = Kind::find(kind).is_some_and(|kind| kind.catalog);
    known && !(kind == "location" && record.document.contains(UNREAD))
}

/// The record of a complete name in lower case, when this API shows it to the audience.
pub fn by_text<'g>(graph: &'g Graph, audience: &Audience, name: &str) -> Option<&'g Arc<Record>> {
    graph.get_text(name).filter(|record| is_shown(record) && graph.visible(audience, record))
}
