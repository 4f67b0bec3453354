//! One complete document of each kind, made up.

use loggia_model::{Document, yaml};

/// The documents, as one file.
const TEXT: &str = include_str!("../../src/kinds/examples.yaml");

/// The documents, in the order of the registry.
pub fn all() -> Vec<Document> {
    yaml::parse(TEXT).into_iter().map(|parsed| Document(parsed.document.expect("readable"))).collect()
}

/// The document of one kind.
pub fn of(kind: &str) -> Document {
    all().into_iter().find(|document| document.kind() == kind).expect("an example of each kind")
}
