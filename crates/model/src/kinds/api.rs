//! API: a boundary between components.

use super::catalog::{self, API_VERSIONS, CatalogKind};
use super::link::link;
use super::visibility;
use crate::Kind;
use crate::RelationType;
use crate::shape::{Fields, Rest, Shape};

/// What Backstage demands of a API.
pub static RULES: CatalogKind = CatalogKind {
    name: "API",
    api_versions: API_VERSIONS,
    processor: "BuiltinKindsEntityProcessor",
    spec: Shape::Object(&Fields {
        required: &["type", "lifecycle", "owner", "definition"],
        known: &[
            ("type", Shape::Filled),
            ("lifecycle", Shape::Filled),
            ("owner", Shape::Filled),
            ("definition", Shape::Filled),
            ("system", Shape::Filled),
        ],
        rest: Rest::Any,
    }),
    links: &[link("owner", RelationType::OWNED_BY, "Group"), link("system", RelationType::PART_OF, "System")],
};

/// The kind.
pub static KIND: Kind = Kind {
    name: "API",
    plural: "apis",
    api_versions: API_VERSIONS,
    catalog: true,
    has_status: false,
    is_shared: false,
    icon: "api",
    summary: "An interface that components provide and consume.",
    schema: || RULES.schema(),
    check: |document, out| RULES.check(document, out),
    normalise: catalog::normalise,
    relations: |document| RULES.relations(document),
    scopes: visibility::scopes,
};
