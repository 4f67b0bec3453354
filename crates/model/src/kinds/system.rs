//! System: components that serve one purpose together.

use super::catalog::{self, API_VERSIONS, CatalogKind};
use super::link::link;
use super::visibility;
use crate::Kind;
use crate::RelationType;
use crate::shape::{Fields, Rest, Shape};

/// What Backstage demands of a System.
pub static RULES: CatalogKind = CatalogKind {
    name: "System",
    api_versions: API_VERSIONS,
    processor: "BuiltinKindsEntityProcessor",
    spec: Shape::Object(&Fields {
        required: &["owner"],
        known: &[("owner", Shape::Filled), ("domain", Shape::Filled), ("type", Shape::Filled)],
        rest: Rest::Any,
    }),
    links: &[link("owner", RelationType::OWNED_BY, "Group"), link("domain", RelationType::PART_OF, "Domain")],
};

/// The kind.
pub static KIND: Kind = Kind {
    name: "System",
    plural: "systems",
    api_versions: API_VERSIONS,
    catalog: true,
    has_status: false,
    is_shared: false,
    icon: "system",
    summary: "Components, interfaces and resources that serve one purpose together.",
    schema: || RULES.schema(),
    check: |document, out| RULES.check(document, out),
    normalise: catalog::normalise,
    relations: |document| RULES.relations(document),
    scopes: visibility::scopes,
};
