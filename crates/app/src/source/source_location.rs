//! The Location that stands for a source that the operator named. It is given its name once.

use crate::record::prepare::{Prepared, prepare_at};
use crate::source::Tree;
use crate::source::location::{entity, generated_name};
use loggia_graph::{Audience, Graph};
use loggia_model::Record;
use std::sync::Arc;

/// Type and target of a source: those that it was known by before, as long as they say where it is; else its one file
/// with documents when there is only one, else the folder.
pub fn target_of(tree: &Tree, known: Option<&Record>) -> Option<(String, String)> {
    let (kind, base) = tree.place.split_once(':')?;
    if let Some(known) = known.map(Record::parse) {
        let target = known.spec_text("target");
        let file =
            |target: &str| target.strip_prefix(base).is_some_and(|path| tree.files.iter().any(|f| f.path == path));
        let folder = |target: &str| target.ends_with('/') && base.starts_with(target);
        if known.spec_text("type") == kind && (target == base || folder(target) || file(target)) {
            return Some((kind.to_owned(), target.to_owned()));
        }
    }
    let documents = |path: &&str| path.ends_with(".yaml") || path.ends_with(".yml");
    let mut paths = tree.files.iter().map(|file| file.path.as_str()).filter(documents);
    let target = match (paths.next(), paths.next()) {
        (Some(only), None) if !tree.single => format!("{base}{only}"),
        _ => base.to_owned(),
    };
    Some((kind.to_owned(), target))
}

/// The Location that stands for a source already.
pub(crate) fn standing(graph: &Graph, origin: &str) -> Option<Arc<Record>> {
    let mut all = graph.of_kind(&Audience::All, "location").filter(|_| origin.starts_with("repository:"));
    all.find(|one| &*one.source.origin == origin && one.source.path.is_empty())
}

/// The Location of a repository. Once it has a name it keeps it, whatever files come and go.
pub fn of_tree(tree: &Tree, known: Option<&Record>) -> Option<Prepared> {
    let (kind, target) = target_of(tree, known)?;
    let name = known.map_or_else(|| generated_name(&kind, &target), |known| known.reference.name().to_owned());
    let document = entity(&name, &kind, &target);
    prepare_at(document, "", Some(&format!("{kind}:{target}"))).ok()
}

/// The repository of a record, as the operator named it; empty for one that comes from elsewhere.
pub(crate) fn location_of(record: &Record) -> &str {
    record.source.origin.strip_prefix("repository:").unwrap_or_default()
}
