//! Several documents of one source with the same name: which of them counts.

use crate::record::prepare::Prepared;
use loggia_graph::Graph;
use loggia_model::{Ref, file_of};
use std::collections::HashMap;

/// The place of the document that counts, for each name that is described more than once: where the record comes from
/// already, else in the file that it comes from, else the first. So a newcomer takes nothing over, and is told.
pub(crate) fn chosen<'a>(graph: &Graph, origin: &str, described: &'a [Prepared]) -> HashMap<&'a Ref, &'a str> {
    let mut places: HashMap<&Ref, Vec<&str>> = HashMap::with_capacity(described.len());
    for one in described {
        places.entry(&one.reference).or_default().push(&one.path);
    }
    places.retain(|_, places| places.len() > 1);
    let pick = |(name, places): (&'a Ref, Vec<&'a str>)| {
        let source = graph.get(name).map(|record| &record.source).filter(|source| *source.origin == *origin);
        let same = source.and_then(|source| places.iter().find(|place| **place == &*source.path));
        let near = || source.and_then(|source| places.iter().find(|place| file_of(place) == source.file()));
        Some((name, *same.or_else(near).or_else(|| places.first())?))
    };
    places.into_iter().filter_map(pick).collect()
}
